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
