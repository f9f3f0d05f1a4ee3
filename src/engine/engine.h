/* engine/engine.h: the walk over stages and steps.
 *
 * Knows actions only by their table (include/cm/action.h), the outside as an opaque pointer, and people only through a
 * view. Owns the run directory: state.jsonl, check.json, artifacts/, logs/. Does not: print (the view does), parse
 * options (cli), write reports (report.write calls the reporter). */
#ifndef CM_ENGINE_ENGINE_H
#define CM_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <cm/action.h>
#include <cm/err.h>
#include <cm/lock.h>
#include <cm/loop.h>

#include "journal/journal.h"
#include "plan/plan.h"

/* What people see, as a table filled by cli. Every function may be NULL. Text is masked before it gets here. */
enum cm_moment { CM_BEGINS, CM_STANDS, CM_ENDS_DONE, CM_ENDS_SKIPPED, CM_ENDS_FAILED, CM_ENDS_WAITING };
struct cm_view {
    /* The record is open: what it says, always as it is now; valid until `ended` has returned. */
    void (*opened)(void *ctx, const struct cm_model *model);
    /* The nth SIGINT or SIGTERM arrived: say at once what happens next. */
    void (*signalled)(void *ctx, int signo, int nth);
    void (*stage)(void *ctx, size_t number, const char *id, const char *title);
    void (*step)(void *ctx, const char *id, const char *summary, enum cm_moment moment, const char *message, int64_t took_ms);
    void (*say)(void *ctx, const char *step, const char *text);
    void (*finding)(void *ctx, const char *step, enum cm_verdict verdict, const char *id, const char *seen, const char *remedy);
    void (*progress)(void *ctx, const char *step, uint64_t done, uint64_t total, const char *unit);
    void (*gate)(void *ctx, const struct cm_gate_spec *spec);                 /* show it */
    /* Ask at the terminal. 1: yes (*note: what was typed, caller frees; may be NULL). 0: no. -1: there is no terminal, or it is lost. */
    int (*ask)(void *ctx, const struct cm_gate_spec *spec, char **note);
    void (*will)(void *ctx, const char *step, const char *kind, const char *text);       /* preview */
    /* preview; may be NULL. Of a step, after `step`: {"action", "kind", "by", "limit_ms" (0: none), "reversal", "cost", "took_ms" (the last
     * time in this run directory; null)}. Of a gate in it: {"gate", "attest", "title", "shown", "digest"}: what an approval would carry. */
    void (*detail)(void *ctx, const char *step, const json_t *detail);
    /* The end of a run with this status: cause (NULL: none), and the model for the state of the world and the next commands. */
    void (*ended)(void *ctx, int status, const struct cm_err *err, const struct cm_model *model);
    void *ctx;
};

struct cm_said_reason { const char *id, *reason; };        /* --skip and --waive */

struct cm_engine_setup {
    struct cm_loop *loop;
    const struct cm_plan *plan;
    const struct cm_action *const *actions;          /* NULL-ended */
    struct cm_outside *outside;
    void (*outside_after_fork)(struct cm_outside *);
    void (*escalate)(int nth_signal);                /* cm_run_escalate */
    const struct cm_lock *locks; size_t lock_count;
    const struct cm_reporter *reporter;
    const struct cm_view *view;
    const char *run_dir, *plans_dir;
    const char *program_version;
    /* every event as it becomes durable, for --json; may be NULL */
    void (*event)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms);
    void *event_ctx;
    /* options */
    bool yes, again, accept_plan_changes;
    bool fresh;                                      /* check: take nothing over from the last check */
    const char *until;                               /* stage id; NULL */
    const struct cm_said_reason *skips; size_t skip_count;
    const struct cm_said_reason *waives; size_t waive_count;
    const char *const *redo; size_t redo_count;
};

/* Walk forward, back or finish. Returns the exit status. An error from before anything began (plan, lock, state) is in *err; what
 * happens later goes through view->ended and *err stays NULL. */
int cm_engine_run(const struct cm_engine_setup *s, enum cm_direction direction, struct cm_err **err);

/* Checks, trials with leave and computes before gate.downtime, in memory: writes only check.json. Returns 0 or 5, or with *err
 * another status. *result: {"verdict": "ok|warning|unknown|blocked", "findings": […], …} as in check.json (new reference). */
int cm_engine_check(const struct cm_engine_setup *s, json_t **result, struct cm_err **err);

/* What each open step would do, through view->stage, ->step and ->will. Writes nothing. */
int cm_engine_preview(const struct cm_engine_setup *s, enum cm_direction direction, struct cm_err **err);

/* Answer a gate, or an unknown finding, by its id. Takes the locks' first (the run directory). Returns 0, or with *err 2, 4, 9. */
int cm_engine_approve(const struct cm_engine_setup *s, const char *id, const char *note, struct cm_err **err);

/* A step for reading outside of any run: the locks' look at the server's configuration. In it intents refuse. */
struct cm_step *cm_step_for_reading(struct cm_loop *loop, const struct cm_plan *plan, struct cm_outside *outside, int64_t limit_ms);
void cm_step_for_reading_free(struct cm_step *step);

#endif
