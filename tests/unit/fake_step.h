/* The engine's side of include/cm/action.h in memory, for tests of adapters and actions against scripted tools: a plan in a temporary
 * folder, intents and a ledger that can be looked at, and a way to "die" between two calls. Included by a test once. */
#ifndef CM_TESTS_FAKE_STEP_H
#define CM_TESTS_FAKE_STEP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cm/action.h>
#include <cm/str.h>

#include "adapters/outside.h"
#include "base/file.h"
#include "base/mem.h"
#include "plan/plan.h"

struct cm_intent {
    struct cm_step *step;
    uint64_t id;
    char *effect, *key;
    json_t *detail, *original, *note, *result;
    bool settle;
    enum cm_life life;
};

struct cm_step {
    char *dir;
    struct cm_loop *loop;
    struct cm_plan *plan;
    struct cm_outside *outside;
    struct cm_arena *arena;
    void *memo;
    json_t *facts, *params, *gates;
    struct cm_str log, said;
    bool reading;
    const char *by; /* NULL: "tool" */
    int64_t deadline;
    struct cm_intent *intents[64];
    size_t count;
};

/* ---- what the adapters and actions call ---- */

const char *cm_step_id(const struct cm_step *st)
{
    (void)st;
    return "step";
}
const char *cm_run_id(const struct cm_step *st)
{
    (void)st;
    return "run-1";
}
const struct cm_plan *cm_step_plan(const struct cm_step *st) { return st->plan; }
struct cm_outside *cm_step_outside(struct cm_step *st) { return st->outside; }
struct cm_loop *cm_step_loop(struct cm_step *st) { return st->loop; }
struct cm_arena *cm_step_arena(struct cm_step *st) { return st->arena; }
void **cm_step_memo(struct cm_step *st) { return &st->memo; }
int64_t cm_step_deadline(const struct cm_step *st) { return st->deadline; }
bool cm_reading(const struct cm_step *st) { return st->reading; }
bool cm_cancelled(const struct cm_step *st) { return cm_loop_cancelled(st->loop); }
const json_t *cm_fact(const struct cm_step *st, const char *name) { return json_object_get(st->facts, name); }
const json_t *cm_step_param(const struct cm_step *st, const char *name) { return json_object_get(st->params, name); }
const char *cm_artifact_path(struct cm_step *st, const char *name)
{
    (void)st;
    (void)name;
    return NULL;
}

int cm_fact_set(struct cm_step *st, const char *name, json_t *taken, struct cm_err **err)
{
    (void)err;
    return json_object_set_new(st->facts, name, taken);
}

static void add_line(struct cm_str *to, const char *fmt, va_list ap) CM_PRINTF(2, 0);
static void add_line(struct cm_str *to, const char *fmt, va_list ap)
{
    cm_str_vaddf(to, fmt, ap);
    cm_str_add(to, "\n");
}

void cm_step_log(struct cm_step *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_line(&st->log, fmt, ap);
    va_end(ap);
}

void cm_say(struct cm_step *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_line(&st->said, fmt, ap);
    va_end(ap);
}

/* ---- what a test of these adapters and actions does not look at ---- */

const char *cm_step_by(const struct cm_step *st) { return st->by ? st->by : "tool"; }
bool cm_walk_has(const struct cm_step *st, const char *action)
{
    (void)st;
    (void)action;
    return true;
}
bool cm_is_frozen(const struct cm_step *st)
{
    (void)st;
    return true;
}
int cm_attempt(const struct cm_step *st)
{
    (void)st;
    return 1;
}
const char *cm_step_log_dir(const struct cm_step *st)
{
    (void)st;
    return NULL;
}
const struct cm_reporter *cm_step_reporter(const struct cm_step *st)
{
    (void)st;
    return NULL;
}
void cm_rests_on(struct cm_step *st, const char *label, const unsigned char sum[32])
{
    (void)st;
    (void)label;
    (void)sum;
}
void cm_input(struct cm_step *st, const char *label, const unsigned char sum[32])
{
    (void)st;
    (void)label;
    (void)sum;
}
bool cm_inputs_stand(struct cm_step *st)
{
    (void)st;
    return false;
}
void cm_artifact_drop(struct cm_step *st, FILE *taken)
{
    (void)st;
    fclose(taken);
}
int cm_artifact_keep(struct cm_step *st, FILE *taken, struct cm_err **err)
{
    (void)st;
    (void)err;
    return fclose(taken);
}
const json_t *cm_finding_answer(const struct cm_step *st, const char *id)
{
    (void)st;
    (void)id;
    return NULL;
}
void cm_progress(struct cm_step *st, uint64_t done, uint64_t total, const char *unit)
{
    (void)st;
    (void)done;
    (void)total;
    (void)unit;
}
void cm_partly(struct cm_step *st, const char *fmt, ...)
{
    (void)st;
    (void)fmt;
}
void cm_will(struct cm_step *st, const char *kind, const char *fmt, ...)
{
    (void)st;
    (void)kind;
    (void)fmt;
}

/* None of these tests hands findings on by their words. */
enum cm_verdict cm_verdict_of(const char *word)
{
    (void)word;
    return CM_UNKNOWN;
}

void cm_finding(struct cm_step *st, enum cm_verdict verdict, const char *id, const char *remedy, const char *fmt, ...)
{
    (void)st;
    (void)verdict;
    (void)id;
    (void)remedy;
    (void)fmt;
}

void cm_interruption(struct cm_step *st, const char *what, int64_t from_ms, int64_t to_ms, const char *why)
{
    (void)st;
    (void)what;
    (void)from_ms;
    (void)to_ms;
    (void)why;
}

int cm_artifact_begin(struct cm_step *st, const char *name, FILE **f, struct cm_err **err)
{
    (void)st;
    *f = tmpfile();
    return *f ? 0 : cm_fail(err, CM_E_FAILED, "%s", name);
}

/* ---- intents and ledger ---- */

struct cm_intent *cm_intent_find(struct cm_step *st, const char *effect, const char *key)
{
    for (size_t i = st->count; i-- > 0;)
        if (strcmp(st->intents[i]->effect, effect) == 0 && strcmp(st->intents[i]->key, key) == 0)
            return st->intents[i];
    return NULL;
}

int cm_intend(struct cm_step *st, const struct cm_intent_spec *spec, struct cm_intent **out, struct cm_err **err)
{
    struct cm_intent *old = cm_intent_find(st, spec->effect, spec->key);
    if (st->reading)
        return cm_fail(err, CM_E_INTERNAL, "only reading is allowed here");
    if (old && old->life != CM_NOT_HAPPENED && old->life != CM_GIVEN_UP) {
        *out = old;
        return 0;
    }
    struct cm_intent *i = cm_alloc(sizeof *i);
    assert_true(st->count < sizeof st->intents / sizeof *st->intents);
    *i = (struct cm_intent){.step = st,
                            .id = st->count + 1,
                            .effect = cm_strdup(spec->effect),
                            .key = cm_strdup(spec->key),
                            .detail = json_deep_copy(spec->detail),
                            .settle = spec->settle};
    i->original = json_deep_copy(old && old->original ? old->original : spec->original);
    st->intents[st->count++] = i;
    *out = i;
    return 0;
}

struct cm_intent *cm_intent_next(struct cm_step *st, const char *effect, struct cm_intent *after)
{
    for (size_t i = after ? (size_t)after->id : 0; i < st->count; i++)
        if (strcmp(st->intents[i]->effect, effect) == 0 && cm_intent_find(st, effect, st->intents[i]->key) == st->intents[i])
            return st->intents[i];
    return NULL;
}

uint64_t cm_intent_id(const struct cm_intent *i) { return i->id; }
enum cm_life cm_intent_life(const struct cm_intent *i) { return i->life; }
const char *cm_intent_key(const struct cm_intent *i) { return i->key; }
const json_t *cm_intent_detail(const struct cm_intent *i) { return i->detail; }
const json_t *cm_intent_original(const struct cm_intent *i) { return i->original; }
const json_t *cm_intent_result(const struct cm_intent *i) { return i->result; }
const json_t *cm_intent_noted(const struct cm_intent *i) { return i->note; }
int64_t cm_intent_at_ms(const struct cm_intent *i)
{
    (void)i;
    return 0;
}
struct cm_step *cm_intent_step(struct cm_intent *i) { return i->step; }

int cm_intent_note(struct cm_intent *i, json_t *taken, struct cm_err **err)
{
    (void)err;
    if (!i->note)
        i->note = json_object();
    json_object_update(i->note, taken);
    json_decref(taken);
    i->life = i->life < CM_NOTED ? CM_NOTED : i->life;
    return 0;
}

int cm_intent_close(struct cm_intent *i, enum cm_life life, json_t *taken, struct cm_err **err)
{
    (void)err;
    json_decref(i->result);
    i->result = taken;
    i->life = life;
    return 0;
}

int cm_intent_note_soon(struct cm_intent *i, json_t *taken) { return cm_intent_note(i, taken, NULL); }
int cm_intent_close_soon(struct cm_intent *i, enum cm_life life, json_t *taken) { return cm_intent_close(i, life, taken, NULL); }

int cm_intend_then(struct cm_step *st, const struct cm_intent_spec *spec, void (*go)(struct cm_intent *, void *ctx), void *ctx,
                   struct cm_err **err)
{
    struct cm_intent *i = NULL;
    if (cm_intend(st, spec, &i, err) < 0)
        return -1;
    go(i, ctx);
    return 0;
}

bool cm_ledger_next(struct cm_step *st, const char *effect, uint64_t after, struct cm_change *out)
{
    for (size_t n = after ? (size_t)after - 1 : st->count; n-- > 0;) {
        const struct cm_intent *i = st->intents[n];
        if (!i->original || i->life == CM_NOT_HAPPENED || i->life >= CM_BACK || (effect && strcmp(effect, i->effect) != 0))
            continue;
        *out = (struct cm_change){i->id, "step", i->effect, i->key, i->detail, i->original, i->note, i->result, i->settle, 0};
        return true;
    }
    return false;
}

int cm_ledger_back(struct cm_step *st, uint64_t intent, struct cm_err **err)
{
    return cm_intent_close(st->intents[intent - 1], CM_BACK, NULL, err);
}

int cm_ledger_final(struct cm_step *st, uint64_t intent, struct cm_err **err)
{
    return cm_intent_close(st->intents[intent - 1], CM_FINAL, NULL, err);
}

int cm_ledger_undo(struct cm_step *st, const struct cm_change *change, struct cm_err **err)
{
    (void)st;
    return cm_fail(err, CM_E_INTERNAL, "%s: this test undoes nothing", change->effect);
}

/* ---- gates: answered when the test put the id into st->gates ---- */

const json_t *cm_gate_answer(const struct cm_step *st, const char *id) { return json_object_get(st->gates, id); }

int cm_gate_pass(struct cm_step *st, const struct cm_gate_spec *spec, struct cm_err **err)
{
    if (cm_gate_answer(st, spec->id))
        return 0;
    return cm_fail(err, CM_E_WAITING, "%s: %s: %s", spec->id, spec->title, spec->shown);
}

/* ---- the scene: begin with scene_new, put files and tools there, then scene_plan ---- */

static CM_UNUSED void scene_put(struct cm_step *st, const char *name, const char *text, mode_t mode)
{
    struct cm_err *err = NULL;
    cm_autofree char *path = cm_path_join(st->dir, name);
    if (cm_file_write(path, text, strlen(text), mode, &err) < 0)
        fail_msg("%s", cm_err_message(err));
}

/* A program of the test's own: sh with $DIR as the folder; what it is called with goes to the file `calls`. */
static CM_UNUSED void scene_tool(struct cm_step *st, const char *name, const char *body)
{
    cm_autofree char *text = cm_fmt("#!/bin/sh\nDIR=%s\necho \"%s $*\" >>$DIR/calls\n%s\n", st->dir, name, body);
    scene_put(st, name, text, 0700);
}

static CM_UNUSED char *scene_read(struct cm_step *st, const char *name)
{
    char *text = NULL;
    size_t n = 0;
    cm_autofree char *path = cm_path_join(st->dir, name);
    if (cm_file_read(path, 1 << 20, &text, &n, NULL) < 0)
        return cm_strdup("");
    return text;
}

static CM_UNUSED int scene_count(struct cm_step *st, const char *what)
{
    cm_autofree char *calls = scene_read(st, "calls");
    int n = 0;
    for (const char *at = calls; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static CM_UNUSED struct cm_step *scene_new(void)
{
    struct cm_step *st = cm_alloc(sizeof *st);
    char folder[] = "/tmp/cm-scene-XXXXXX";
    assert_non_null(mkdtemp(folder));
    *st = (struct cm_step){.dir = cm_strdup(folder),
                           .loop = cm_loop_new(&cm_clock_system),
                           .arena = cm_arena_new(),
                           .facts = json_object(),
                           .params = json_object(),
                           .gates = json_object(),
                           .log = CM_STR(CM_STR_PAGE),
                           .said = CM_STR(CM_STR_PAGE)};
    st->deadline = cm_loop_now_ms(st->loop) + 20000;
    scene_put(st, "values.yaml", "{}\n", 0600);
    return st;
}

/* `more`: further lines of the plan; `target`: further members of its target, with a comma before them. source.hosts is one node "a" unless
 * the text says otherwise. */
static CM_UNUSED void scene_plan_target(struct cm_step *st, const char *source, const char *target, const char *more)
{
    struct cm_err *err = NULL;
    cm_autofree char *text = cm_fmt("source: %s\ntools: {helm: %s/helm, kubectl: %s/kubectl}\n"
                                    "target: {context: prod, namespace: posit, release: connect, values: [values.yaml]%s}\n"
                                    "connect: {url: \"http://127.0.0.1:9\", doubt: [10ms]}\n%s",
                                    source, st->dir, st->dir, target, more);
    scene_put(st, "plan.yaml", text, 0600);
    cm_autofree char *path = cm_path_join(st->dir, "plan.yaml");
    cm_plan_free(st->plan);
    cm_outside_free(st->outside);
    st->plan = cm_plan_load(path, &err);
    if (!st->plan)
        fail_msg("%s", cm_err_message(err));
    st->outside = cm_outside_new(st->loop, st->plan, &err);
    if (!st->outside)
        fail_msg("%s", cm_err_message(err));
}

static CM_UNUSED void scene_plan(struct cm_step *st, const char *source, const char *more) { scene_plan_target(st, source, "", more); }

static CM_UNUSED void scene_free(struct cm_step *st)
{
    cm_autofree char *command = cm_fmt("rm -rf '%s'", st->dir);
    cm_outside_free(st->outside);
    cm_plan_free(st->plan);
    cm_loop_free(st->loop);
    cm_arena_free(st->arena);
    json_decref(st->facts);
    json_decref(st->params);
    json_decref(st->gates);
    cm_str_fini(&st->log);
    cm_str_fini(&st->said);
    for (size_t i = 0; i < st->count; i++) {
        free(st->intents[i]->effect);
        free(st->intents[i]->key);
        json_decref(st->intents[i]->detail);
        json_decref(st->intents[i]->original);
        json_decref(st->intents[i]->note);
        json_decref(st->intents[i]->result);
        free(st->intents[i]);
    }
    if (system(command) != 0)
        fail_msg("%s could not be removed", st->dir);
    free(st->dir);
    free(st);
}

#endif
