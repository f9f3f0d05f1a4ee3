/* adapters/kube_watch.c: a watch on one object, by the administrator's own kubectl. It prints the object now and after each change, one
 * JSON document behind the other, indented: each ends with a brace in the first column. */
#include <config.h>

#include <string.h>

#include <cm/runner.h>
#include <cm/str.h>

#include "adapters/argv.h"
#include "adapters/kube_internal.h"
#include "adapters/process.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

static const size_t DOCUMENT_MAX = (size_t)4 << 20;

struct cm_kube_watch {
    struct cm_proc *proc;
    struct cm_str document;
    bool (*matters)(const json_t *object);
    bool rang, ended;
};

/* What cannot be read (a line or a document that is too long) rings as well: then somebody looks. */
static void document_ended(struct cm_kube_watch *w)
{
    cm_autojson o = w->document.full ? NULL : cm_json_parse(cm_str_text(&w->document), w->document.len, "kubectl", NULL);
    w->rang = w->rang || o == NULL || w->matters(o);
    cm_str_reset(&w->document);
}

static void got_line(void *ctx, const char *text)
{
    struct cm_kube_watch *w = ctx;
    cm_str_addf(&w->document, "%s\n", text);
    if (strcmp(text, "}") == 0)
        document_ended(w);
}

static void ended(void *ctx, int status)
{
    struct cm_kube_watch *w = ctx;
    (void)status;
    w->ended = w->rang = true;
}

struct cm_kube_watch *cm_kube_watch(struct cm_step *step, const char *kind, const char *name, bool (*matters)(const json_t *object))
{
    struct cm_kube_watch *w = cm_alloc(sizeof *w);
    cm_autoargv a = {0};
    *w = (struct cm_kube_watch){.document = CM_STR(DOCUMENT_MAX), .matters = matters};
    cm_kube_argv(step, &a, NULL);
    cm_argv_add2(&a, "get", kind);
    cm_argv_add(&a, name);
    cm_argv_add2(&a, "-o", "json");
    cm_argv_add(&a, "--watch");
    struct cm_cmd cmd = {.argv = a.list};
    cm_autofree char *line = cm_shell_join(a.list);
    w->proc = cm_proc_start(cm_step_loop(step), &cmd, got_line, ended, w, NULL);
    w->ended = w->proc == NULL;
    cm_step_log(step, "%s: %s", line, w->proc == NULL ? "not started" : "started, beside what follows");
    return w;
}

bool cm_kube_watch_rang(struct cm_kube_watch *w)
{
    bool rang = w != NULL && w->rang;
    if (rang)
        w->rang = false;
    return rang;
}

bool cm_kube_watch_alive(const struct cm_kube_watch *w) { return w != NULL && !w->ended; }

void cm_kube_watch_stop(struct cm_kube_watch *w)
{
    if (w == NULL)
        return;
    if (w->proc != NULL)
        cm_proc_stop(w->proc);
    cm_str_fini(&w->document);
    free(w);
}
