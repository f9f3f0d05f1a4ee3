/* The few functions of the engine that the adapters call, for tests of adapters without one. Included by a test once. */
#ifndef CM_TESTS_FAKE_ENGINE_H
#define CM_TESTS_FAKE_ENGINE_H

#include <stdarg.h>
#include <stdlib.h>

#include <cm/action.h>
#include <cm/str.h>

struct cm_step {
    struct cm_loop *loop;
    int64_t deadline;
    struct cm_str log;
    struct cm_arena *arena;        /* NULL where the test needs none */
    const char *log_dir;           /* NULL: no folder for what outlives a run */
};

struct cm_intent {
    struct cm_step *step;
    json_t *note;
    bool note_fails;
    void (*noted)(void *ctx);      /* called inside cm_intent_note, when the child is held */
    void *ctx;
};

struct cm_loop *
cm_step_loop(struct cm_step *step)
{
    return step->loop;
}

const char *
cm_step_id(const struct cm_step *step)
{
    (void)step;
    return "a.step";
}

int64_t
cm_step_deadline(const struct cm_step *step)
{
    return step->deadline;
}

void
cm_step_log(struct cm_step *step, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&step->log, fmt, ap);
    va_end(ap);
    cm_str_add(&step->log, "\n");
}

const char *
cm_step_log_dir(const struct cm_step *step)
{
    return step->log_dir;
}

struct cm_arena *
cm_step_arena(struct cm_step *step)
{
    return step->arena;
}

uint64_t
cm_intent_id(const struct cm_intent *intent)
{
    (void)intent;
    return 7;
}

struct cm_step *
cm_intent_step(struct cm_intent *intent)
{
    return intent->step;
}

int
cm_intent_note(struct cm_intent *intent, json_t *taken, struct cm_err **err)
{
    json_decref(intent->note);
    intent->note = taken;
    if (intent->noted != NULL)
        intent->noted(intent->ctx);
    return intent->note_fails ? cm_fail(err, CM_E_INTERNAL, "the disk is full") : 0;
}

#endif
