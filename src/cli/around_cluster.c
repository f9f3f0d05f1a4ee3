/* cli/around_cluster.c: where Connect may go: the kubeconfig's contexts and the chart's releases there (cli/around.h). */
#include <config.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "adapters/process.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/around.h"
#include "plan/kubeconfig.h"

enum { LIMIT_MS = 20000, NAMED_MAX = 8 };
#define CHART "rstudio-connect-"

/* ---- the kubeconfig ---- */

static void name_others(struct cm_around *a, const struct cm_kubeconfig *k, const char *chosen)
{
    cm_autostr s = CM_STR(CM_STR_LINE);
    size_t n = 0;
    for (size_t i = 0; i < k->count; i++)
        if ((!chosen || strcmp(k->contexts[i].name, chosen) != 0) && n++ < NAMED_MAX)
            cm_str_addf(&s, "%s%s", n > 1 ? ", " : "", k->contexts[i].name);
    if (n)
        cm_around_remark(a, "target.context", "%s %s%s", chosen ? "also there:" : "there are:", cm_str_text(&s),
                         n > NAMED_MAX ? " and more; `kubectl config get-contexts` lists all" : "");
}

static const char *say_context(struct cm_around *a, const struct cm_kubeconfig *k)
{
    const char *file = getenv("KUBECONFIG");
    const struct cm_kube_context *only = k->count == 1 ? k->contexts : NULL, *context;
    const char *name = k->current ? k->current : only ? only->name : NULL;
    if (file && *file && !strchr(file, ':')) {
        cm_autofree char *text = cm_around_scalar(file);
        cm_around_say(a, "target.kubeconfig", text, "KUBECONFIG");
    } else if (file && *file) {
        cm_around_remark(a, "target.context", "KUBECONFIG names several files: it has to be set alike when the plan is run");
    }
    if (name) {
        cm_autofree char *text = cm_around_scalar(name);
        cm_around_say(a, "target.context", text, "%s %s", k->current ? "current context of" : "the only context in",
                      k->current ? k->current_file : only->file);
    } else {
        cm_around_remark(a, "target.context", k->count ? "no context is the current one in %s" : "no context was found in %s",
                         *k->files ? k->files : "a kubeconfig: HOME is not set");
    }
    name_others(a, k, name);
    context = cm_kubeconfig_context(k, name);
    if (k->current && !context)
        cm_around_remark(a, "target.context", "it is named as the current one, but there is no such context");
    return cm_around_value(a, "target.context") ? name : NULL;
}

/* ---- helm's releases ---- */

/* "rstudio-connect-0.8.40" → "0.8.40"; other charts may begin alike. */
static const char *chart_version(const json_t *release)
{
    const char *chart = cm_json_text(release, "chart", "");
    return cm_starts(chart, CHART) && isdigit((unsigned char)chart[strlen(CHART)]) ? chart + strlen(CHART) : NULL;
}

static json_t *list_releases(struct cm_around *a, const char *context, const char *ns, const char **why)
{
    cm_autofree char *one = cm_fmt("--kube-context=%s", context),
                     *where = ns ? cm_fmt("--namespace=%s", ns) : cm_strdup("--all-namespaces");
    const char *const argv[] = {"helm", "list", "--output=json", "--max=10000", where, one, NULL};
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = LIMIT_MS};
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    if (cm_proc_run(a->loop, &cmd, &out, &err) < 0) {
        *why = out.timed_out ? "helm did not answer within 20 s" : "helm was not found here";
        return NULL;
    }
    json_t *list = out.status == 0 ? json_loadb(out.out, out.out_bytes, 0, NULL) : NULL;
    if (!json_is_array(list)) {
        *why = out.status == 0                   ? "helm's answer was not understood"
               : strstr(out.errout, "forbidden") ? "you are not allowed to list releases there"
                                                 : "`helm list` failed: the cluster was not reached, or the login to it has ended";
        json_decref(list);
        return NULL;
    }
    return list;
}

/* The one release of the chart; in `ns` when it is not NULL. NULL: none, or several. */
static const json_t *the_one(const json_t *list, const char *ns)
{
    const json_t *found = NULL, *r;
    size_t i;
    json_array_foreach(list, i, r)
    {
        if (!chart_version(r) || (ns && strcmp(cm_json_text(r, "namespace", ""), ns) != 0))
            continue;
        if (found)
            return NULL;
        found = r;
    }
    return found;
}

static void name_releases(struct cm_around *a, const json_t *list)
{
    size_t i, n = 0;
    const json_t *r;
    json_array_foreach(list, i, r)
    {
        if (chart_version(r) && n++ < NAMED_MAX)
            cm_around_remark(a, "target.release", "there is %s in namespace %s, chart %s, %s", cm_json_text(r, "name", "?"),
                             cm_json_text(r, "namespace", "?"), cm_json_text(r, "chart", "?"), cm_json_text(r, "status", "?"));
    }
    if (n == 0)
        cm_around_remark(a, "target.release", "no release of the chart rstudio-connect is there yet: the name is yours to choose");
}

static void say_release(struct cm_around *a, const json_t *r)
{
    const char *ns = cm_json_text(r, "namespace", ""), *name = cm_json_text(r, "name", "");
    cm_autofree char *text = cm_around_scalar(name), *where = cm_around_scalar(ns);
    cm_around_say(a, "target.release", text, "helm list: chart %s, %s", cm_json_text(r, "chart", "?"),
                  cm_json_text(r, "status", "?"));
    cm_around_say(a, "target.namespace", where, "helm list: of the release %s", name);
    cm_around_remark(
        a, "target.chart_version",
        "the release was made with chart %s; say chart_version to stay with it, else the newest that helm knows is taken",
        chart_version(r));
}

void cm_around_cluster(struct cm_around *a)
{
    cm_autokubeconfig k = {0};
    cm_kubeconfig_read(&k, NULL);
    const char *context = say_context(a, &k), *why = NULL;
    const struct cm_kube_context *known = cm_kubeconfig_context(&k, context);
    const char *ns = known ? known->namespace : NULL;
    cm_autojson list = context ? list_releases(a, context, NULL, &why) : NULL;
    if (context && !list && ns && why && strstr(why, "allowed"))
        list = list_releases(a, context, ns, &why);
    const json_t *release = ns ? the_one(list, ns) : NULL;
    release = release ? release : the_one(list, NULL);
    if (release)
        say_release(a, release);
    else if (list)
        name_releases(a, list);
    else if (context)
        cm_around_remark(a, "target.release", "not looked for: %s", why);
    if (ns) {
        cm_autofree char *text = cm_around_scalar(ns);
        cm_around_say(a, "target.namespace", text, "namespace of the context %s", context);
    }
}
