/* What an earlier evening took, for estimates: times of the steps of the newest walk that came through its building, of this run
 * directory (an attempt that was rolled back) or of another one beside it (a trial on a staging server, with the same runbook). Only
 * read, never locked; what cannot be read is passed over. */
#include <config.h>

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/internal.h"

enum { DIRS_MOST = 50, STATE_BYTES_MOST = 64 << 20 };

/* Times of the steps that were done; more than one step of an action are added up. */
static json_t *times_of(const struct cm_m_attempt *a)
{
    json_t *out = json_object();
    for (size_t i = 0; i < a->step_count; i++) {
        const struct cm_m_step *s = &a->steps[i];
        const char *name = strcmp(s->action, "gate.confirm") == 0 ? s->id : s->action;
        json_int_t before = json_integer_value(json_object_get(out, name));
        if (s->state == CM_S_DONE && s->took_ms > 0)
            json_object_set_new(out, name, json_integer(before + (json_int_t)s->took_ms));
    }
    return out;
}

static bool came_through(const struct cm_m_attempt *a, const char *action)
{
    for (size_t i = 0; i < a->step_count; i++)
        if (strcmp(a->steps[i].action, action) == 0)
            return a->steps[i].state == CM_S_DONE;
    return false;
}

static void newest(const struct cm_model *m, const char *runbook, const struct cm_m_attempt **forward,
                   const struct cm_m_attempt **back)
{
    *forward = *back = NULL;
    for (size_t i = 0; i < m->attempt_count; i++) {
        const struct cm_m_attempt *a = &m->attempts[i];
        if (a->direction == CM_FORWARD && strcmp(cm_json_text(a->runbook, "id", ""), runbook) == 0 &&
            came_through(a, "connect.verify"))
            *forward = a;
        if (a->direction == CM_BACKWARD && came_through(a, "source.verify"))
            *back = a;
    }
}

/* NULL: nothing in it to learn from. *ended: when. */
static json_t *learn(const struct cm_model *m, const char *runbook, const char *from, int64_t *ended)
{
    const struct cm_m_attempt *forward, *back;
    newest(m, runbook, &forward, &back);
    if (!forward && !back)
        return NULL;
    const struct cm_m_attempt *a = forward ? forward : back;
    *ended = a->ended_ms ? a->ended_ms : m->last_ms;
    cm_autofree char *at = cm_time_text(*ended);
    json_t *out = json_pack("{s:s, s:s%}", "from", from, "at", at, (size_t)10);
    if (forward)
        json_object_set_new(out, "forward", times_of(forward));
    if (back)
        json_object_set_new(out, "back", times_of(back));
    const json_t *priority = json_object_get(m->facts, "content.priority");
    if (forward && priority)
        json_object_set_new(out, "built", json_integer((json_int_t)cm_json_int(priority, "selected", 0)));
    return out;
}

static void better(json_t **best, int64_t *when, json_t *taken, int64_t ended)
{
    if (!taken)
        return;
    if (*best && *when >= ended) {
        json_decref(taken);
        return;
    }
    json_decref(*best);
    *best = taken;
    *when = ended;
}

static struct cm_model *read_state(const char *path)
{
    struct stat sb;
    bool absent = false;
    if (stat(path, &sb) < 0 || sb.st_size > STATE_BYTES_MOST)
        return NULL;
    cm_autoerr unread = NULL;
    return cm_journal_read(path, &absent, &unread);
}

static json_t *earlier_run(const struct cm_engine_setup *s, const char *runbook)
{
    cm_autofree char *dir = cm_strdup(s->run_dir);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        dir[--n] = '\0';
    char *slash = strrchr(dir, '/');
    const char *own = slash ? slash + 1 : dir;
    cm_autofree char *parent = slash && slash != dir ? cm_strndup(dir, (size_t)(slash - dir)) : cm_strdup(slash ? "/" : ".");
    DIR *d = opendir(parent);
    struct dirent *f;
    json_t *best = NULL;
    int64_t when = 0;
    size_t seen = 0;
    while (d && seen < DIRS_MOST && (f = readdir(d))) {
        if (!cm_ends(f->d_name, ".run") && strcmp(f->d_name, own) != 0)
            continue;
        cm_autofree char *path = cm_fmt("%s/%s/state.jsonl", parent, f->d_name);
        struct cm_model *m = read_state(path);
        int64_t ended = 0;
        seen++;
        if (m && m->run_id)
            better(&best, &when, learn(m, runbook, f->d_name, &ended), ended);
        cm_model_free(m);
    }
    if (d)
        closedir(d);
    return best;
}

int cm_learn_from_earlier(struct cm_engine *e, struct cm_err **err)
{
    if (e->direction != CM_FORWARD || cm_frozen(e))
        return 0;
    json_t *earlier = earlier_run(e->s, e->resolved->id);
    if (!earlier || json_equal(earlier, json_object_get(CM_MODEL(e)->facts, "run.earlier"))) {
        json_decref(earlier);
        return 0;
    }
    cm_record_add(e->record,
                  json_pack("{s:s, s:s, s:s, s:o}", "type", "fact", "step", "run", "name", "run.earlier", "value", earlier));
    return cm_engine_sync(e, err);
}
