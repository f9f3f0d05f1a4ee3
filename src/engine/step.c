/* What an action is given and what it finds: the functions of cm/action.h that are neither intents, gates nor the ledger. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "engine/internal.h"

char *cm_run_path(const struct cm_engine_setup *s, const char *name) { return cm_path_join(s->run_dir, name); }

char *cm_pretty(const char *fmt, va_list ap)
{
    cm_autostr line = CM_STR(CM_STR_PAGE);
    cm_str_vaddf(&line, fmt, ap);
    return cm_mask(cm_str_text(&line));
}

void cm_step_begin(struct cm_step *st, struct cm_engine *e, const struct cm_rstep *r)
{
    *st = (struct cm_step){.e = e, .r = r, .arena = cm_arena_new(), .deadline = CM_NEVER};
    st->inputs = json_object();
    if (r && r->timeout_ms > 0)
        st->deadline = cm_loop_now_ms(e->s->loop) + r->timeout_ms;
}

void cm_step_fini(struct cm_step *st)
{
    while (st->artifacts) {
        struct cm_artifact_new *a = st->artifacts;
        st->artifacts = a->next;
        cm_file_drop(a->file);
        free(a->name);
        free(a);
    }
    while (st->intents) {
        struct cm_intent *i = st->intents;
        st->intents = i->next;
        free(i);
    }
    if (st->log)
        fclose(st->log);
    json_decref(st->inputs);
    cm_arena_free(st->arena);
}

struct cm_step *cm_step_for_reading(struct cm_loop *loop, const struct cm_plan *plan, struct cm_outside *outside, int64_t limit_ms)
{
    struct cm_step *st = cm_alloc(sizeof *st);
    st->arena = cm_arena_new();
    st->inputs = json_object();
    st->deadline = limit_ms > 0 ? cm_loop_now_ms(loop) + limit_ms : CM_NEVER;
    st->look_loop = loop;
    st->look_plan = plan;
    st->look_outside = outside;
    return st;
}

void cm_step_for_reading_free(struct cm_step *step)
{
    if (!step)
        return;
    cm_step_fini(step);
    free(step);
}

/* ---- given ---- */

const char *cm_step_id(const struct cm_step *st) { return st->r ? st->r->id : "look"; }
const char *cm_step_by(const struct cm_step *st) { return st->r ? cm_by_word(st->r->by) : "tool"; }

static bool is_left_out(const struct cm_engine *e, const struct cm_rstep *r)
{
    for (size_t i = 0; i < e->s->skip_count; i++)
        if (strcmp(e->s->skips[i].id, r->id) == 0)
            return true;
    return r->skip != NULL;
}

bool cm_walk_has(const struct cm_step *st, const char *action)
{
    const struct cm_resolved *rb = st->e ? st->e->resolved : NULL;
    for (size_t i = 0; rb && i < rb->step_count; i++)
        if (strcmp(rb->steps[i].action->name, action) == 0 && !is_left_out(st->e, &rb->steps[i]))
            return true;
    return false;
}

bool cm_is_frozen(const struct cm_step *st) { return !st->e || st->e->direction != CM_FORWARD || cm_frozen(st->e); }
struct cm_arena *cm_step_arena(struct cm_step *st) { return st->arena; }
void **cm_step_memo(struct cm_step *st) { return &st->memo; }
int64_t cm_step_deadline(const struct cm_step *st) { return st->deadline; }
struct cm_loop *cm_step_loop(struct cm_step *st) { return st->e ? st->e->s->loop : st->look_loop; }
const struct cm_plan *cm_step_plan(const struct cm_step *st) { return st->e ? st->e->s->plan : st->look_plan; }
struct cm_outside *cm_step_outside(struct cm_step *st) { return st->e ? st->e->s->outside : st->look_outside; }
const struct cm_reporter *cm_step_reporter(const struct cm_step *st) { return st->e ? st->e->s->reporter : NULL; }
/* `check` changes nothing but for the short-lived objects of a trial, which the plan's `allow` permits (the trial asks it). */
bool cm_reading(const struct cm_step *st)
{
    if (!st->e)
        return true;
    bool trial = st->e->mode == CM_MODE_CHECK && st->r && st->r->action->kind == CM_TRIAL;
    return st->e->mode != CM_MODE_RUN && !trial;
}

bool cm_cancelled(const struct cm_step *st) { return cm_loop_cancelled(st->e ? st->e->s->loop : st->look_loop); }

const char *cm_run_id(const struct cm_step *st)
{
    const char *id = st->e ? CM_MODEL(st->e)->run_id : NULL;
    return id ? id : "";
}

const char *cm_step_log_dir(const struct cm_step *st)
{
    return st->e && st->e->mode == CM_MODE_RUN ? cm_arena_fmt(st->arena, "%s/logs", st->e->s->run_dir) : NULL;
}

int cm_attempt(const struct cm_step *st) { return st->e && CM_MODEL(st->e)->now ? CM_MODEL(st->e)->now->number : 0; }

const json_t *cm_step_param(const struct cm_step *st, const char *name)
{
    return st->r ? json_object_get(st->r->params, name) : NULL;
}

const json_t *cm_fact(const struct cm_step *st, const char *name)
{
    return st->e ? json_object_get(CM_MODEL(st->e)->facts, name) : NULL;
}

const char *cm_artifact_path(struct cm_step *st, const char *name)
{
    if (!st->e)
        return NULL;
    const struct cm_model *m = CM_MODEL(st->e);
    for (size_t i = m->artifact_count; i-- > 0;)
        if (strcmp(m->artifacts[i].name, name) == 0) {
            const char *here = cm_arena_fmt(st->arena, "%s/%s", st->e->artifacts_dir, name);
            if (!st->e->artifacts_are_temporary || cm_file_exists(here))
                return here;
            return cm_arena_fmt(st->arena, "%s/artifacts/%s", st->e->s->run_dir, name);
        }
    return NULL;
}

/* ---- found ---- */

int cm_fact_set(struct cm_step *st, const char *name, json_t *taken, struct cm_err **err)
{
    if (!st->e) {
        json_decref(taken);
        return 0;
    }
    if (!taken) /* jansson makes nothing of it */
        return cm_fail(err, CM_E_INTERNAL, "%s cannot be put on record: a text in it is no UTF-8", name);
    /* The database and the cluster are fixed at first sight: another one is another migration. */
    const json_t *old = cm_fact(st, name);
    bool fixed = strcmp(name, "database.identity") == 0 || strcmp(name, "cluster.server") == 0;
    if (old && fixed && st->e->mode == CM_MODE_RUN && !json_equal(old, taken) && CM_MODEL(st->e)->intent_count > 0) {
        cm_autofree char *was = json_dumps(old, JSON_ENCODE_ANY), *is = json_dumps(taken, JSON_ENCODE_ANY);
        json_decref(taken);
        cm_fail(err, CM_E_CHANGED, "%s was %s when this run began, and is %s now", name, was, is);
        cm_hint(err, "This run directory belongs to the first one; point the plan back to it, or use another --run-dir.");
        return -1;
    }
    if (old && json_equal(old, taken)) {
        json_decref(taken);
        return 0;
    }
    json_t *ev = json_pack("{s:s}", "type", "fact");
    json_object_set_new(ev, "step", json_string(cm_step_id(st)));
    json_object_set_new(ev, "name", json_string(name));
    json_object_set_new(ev, "value", taken);
    cm_record_add(st->e->record, ev);
    return cm_engine_sync(st->e, err);
}

void cm_input(struct cm_step *st, const char *label, const unsigned char sha256[32])
{
    char hex[65];
    cm_hex(sha256, 32, hex);
    json_object_set_new(st->inputs, label, json_string(hex));
}

void cm_rests_on(struct cm_step *st, const char *label, const unsigned char sha256[32])
{
    if (st->r && (st->r->action->kind == CM_CHECK || st->r->action->kind == CM_TRIAL))
        cm_input(st, label, sha256);
}

static bool artifact_stands(struct cm_step *st, const struct cm_m_artifact *a)
{
    unsigned char sum[32];
    char hex[65];
    cm_autofree char *path = cm_path_join(st->e->artifacts_dir, a->name);
    if (cm_sha256_file(path, sum, NULL) < 0)
        return false;
    cm_hex(sum, 32, hex);
    return strcmp(hex, a->sha256) == 0;
}

bool cm_inputs_stand(struct cm_step *st)
{
    if (!st->e)
        return false;
    const struct cm_model *m = CM_MODEL(st->e);
    const struct cm_m_step *ms = cm_model_step(m, cm_step_id(st));
    if (!ms || ms->state != CM_S_DONE || !ms->inputs || !json_equal(ms->inputs, st->inputs))
        return false;
    for (size_t i = 0; i < m->artifact_count; i++)
        if (strcmp(m->artifacts[i].step, ms->id) == 0 && !artifact_stands(st, &m->artifacts[i]))
            return false;
    return true;
}

int cm_artifact_begin(struct cm_step *st, const char *name, FILE **f, struct cm_err **err)
{
    if (!st->e)
        return cm_fail(err, CM_E_INTERNAL, "no artifact can be made here");
    cm_autofree char *path = cm_path_join(st->e->artifacts_dir, name);
    struct cm_file_new *file = cm_file_begin(path, 0600, err);
    if (!file)
        return cm_wrap(err, "artifact %s", name);
    struct cm_artifact_new *a = cm_alloc(sizeof *a);
    a->name = cm_strdup(name);
    a->file = file;
    a->next = st->artifacts;
    st->artifacts = a;
    *f = cm_file_stream(file);
    return 0;
}

static struct cm_artifact_new *artifact_unlink(struct cm_step *st, FILE *f)
{
    for (struct cm_artifact_new **p = &st->artifacts; *p; p = &(*p)->next)
        if (cm_file_stream((*p)->file) == f) {
            struct cm_artifact_new *a = *p;
            *p = a->next;
            return a;
        }
    return NULL;
}

int cm_artifact_keep(struct cm_step *st, FILE *taken, struct cm_err **err)
{
    struct cm_artifact_new *a = artifact_unlink(st, taken);
    if (!a)
        return cm_fail(err, CM_E_INTERNAL, "an artifact was kept that was not begun");
    cm_autofree char *name = a->name;
    struct cm_file_new *file = a->file;
    free(a);
    if (cm_file_keep(file, err) < 0)
        return cm_wrap(err, "artifact %s", name);
    unsigned char sum[32];
    char hex[65];
    struct stat sb = {0};
    cm_autofree char *path = cm_path_join(st->e->artifacts_dir, name);
    if (cm_sha256_file(path, sum, err) < 0)
        return -1;
    cm_hex(sum, 32, hex);
    if (stat(path, &sb) < 0)
        return cm_fail_errno(err, CM_E_FAILED, "%s", path);
    cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:s, s:I}", "type", "artifact", "step", cm_step_id(st), "name", name,
                                           "sha256", hex, "bytes", (json_int_t)sb.st_size));
    return cm_engine_sync(st->e, err);
}

void cm_artifact_drop(struct cm_step *st, FILE *taken)
{
    struct cm_artifact_new *a = artifact_unlink(st, taken);
    if (!a)
        return;
    cm_file_drop(a->file);
    free(a->name);
    free(a);
}

void cm_finding(struct cm_step *st, enum cm_verdict verdict, const char *id, const char *remedy, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *seen = cm_pretty(fmt, ap);
    va_end(ap);
    if (!st->e)
        return;
    cm_autofree char *todo = cm_mask(remedy);
    cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "finding", "step", cm_step_id(st), "id", id,
                                           "verdict", cm_verdict_word(verdict), "seen", seen, "remedy", todo));
    cm_step_log(st, "%s %s: %s", cm_verdict_word(verdict), id, seen);
    const struct cm_view *v = st->e->s->view;
    if (st->e->mode != CM_MODE_WORKER && v && v->finding)
        v->finding(v->ctx, cm_step_id(st), verdict, id, seen, todo);
}

const json_t *cm_finding_answer(const struct cm_step *st, const char *id)
{
    if (!st->e)
        return NULL;
    const struct cm_model *m = CM_MODEL(st->e);
    const struct cm_m_said *said = cm_model_said(m->answers, m->answer_count, id);
    if (!said)
        said = cm_model_said(m->waivers, m->waiver_count, id);
    if (!said)
        return NULL;
    return cm_arena_json(st->arena,
                         json_pack("{s:s, s:s, s:I}", "who", said->who, "note", said->note, "at", (json_int_t)said->at_ms));
}

/* ---- said ---- */

void cm_progress(struct cm_step *st, uint64_t done, uint64_t total, const char *unit)
{
    const struct cm_view *v = st->e ? st->e->s->view : NULL;
    if (v && v->progress && st->e->mode != CM_MODE_WORKER)
        v->progress(v->ctx, cm_step_id(st), done, total, unit);
}

static void log_line(struct cm_step *st, const char *text)
{
    if (!st->e || st->e->mode == CM_MODE_CHECK || st->e->mode == CM_MODE_PREVIEW || !st->e->s->run_dir)
        return;
    if (!st->log) {
        cm_autofree char *path = cm_fmt("%s/logs/%s.log", st->e->s->run_dir, cm_step_id(st));
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        st->log = fd < 0 ? NULL : fdopen(fd, "a");
        if (!st->log)
            return;
        setvbuf(st->log, NULL, _IOLBF, 0);
    }
    cm_autofree char *at = cm_time_text(cm_clock_wall(cm_loop_clock(st->e->s->loop)));
    fprintf(st->log, "%s %s\n", at, text);
}

void cm_say(struct cm_step *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = cm_pretty(fmt, ap);
    va_end(ap);
    log_line(st, text);
    const struct cm_view *v = st->e ? st->e->s->view : NULL;
    if (v && v->say && st->e->mode != CM_MODE_WORKER)
        v->say(v->ctx, cm_step_id(st), text);
}

void cm_step_log(struct cm_step *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = cm_pretty(fmt, ap);
    va_end(ap);
    log_line(st, text);
}

void cm_will(struct cm_step *st, const char *kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = cm_pretty(fmt, ap);
    va_end(ap);
    const struct cm_view *v = st->e ? st->e->s->view : NULL;
    if (v && v->will)
        v->will(v->ctx, cm_step_id(st), kind, text);
}

void cm_partly(struct cm_step *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = cm_pretty(fmt, ap);
    va_end(ap);
    if (!st->e)
        return;
    cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "type", "fact", "step", cm_step_id(st), "name",
                                           "partly", "value", "step", cm_step_id(st), "message", text));
    cm_say(st, "%s", text);
}

void cm_interruption(struct cm_step *st, const char *what, int64_t from_ms, int64_t to_ms, const char *why)
{
    if (st->e)
        cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:I, s:I}", "type", "interruption", "what", what, "why", why,
                                               "from", (json_int_t)from_ms, "to", (json_int_t)to_ms));
}

static const char *const types[][2] = {
#define X(id, word, words, schema) {word, words},
    CM_TYPES(X)
#undef X
};
const char *cm_type_word(enum cm_type t) { return types[t][0]; }
const char *cm_type_words(enum cm_type t) { return types[t][1]; }

enum cm_reversal cm_reversal_of(const struct cm_action *a)
{
    bool changes = a->kind == CM_TRIAL || a->kind == CM_EFFECT || a->kind == CM_HOLD;
    return changes ? a->reversal : CM_CHANGES_NOTHING;
}

const char *cm_reversal_word(enum cm_reversal r)
{
    static const char *const words[] = {"not said", "changes nothing", "reversible", "reversible at a cost", "not reversible"};
    return words[r];
}

const char *cm_kind_word(enum cm_kind k)
{
    static const char *const words[] = {"check", "trial", "compute", "effect", "hold", "gate"};
    return words[k];
}

const char *cm_answer_word(enum cm_answer a)
{
    static const char *const words[] = {"done", "needed", "under way", "blocked", "foreign", "undecided"};
    return words[a];
}

const char *cm_verdict_word(enum cm_verdict v)
{
    static const char *const words[] = {"ok", "warning", "blocker", "unknown"};
    return words[v];
}

enum cm_verdict cm_verdict_of(const char *word)
{
    for (int v = CM_OK; v <= CM_UNKNOWN; v++)
        if (strcmp(cm_verdict_word((enum cm_verdict)v), word) == 0)
            return (enum cm_verdict)v;
    return CM_UNKNOWN;
}
