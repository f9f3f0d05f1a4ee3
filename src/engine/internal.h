/* engine/internal.h: what the engine's files share: the run, and a step while it is looked at. Nobody else includes it. */
#ifndef CM_ENGINE_INTERNAL_H
#define CM_ENGINE_INTERNAL_H

#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/record.h"
#include "engine/resolve.h"

enum cm_mode { CM_MODE_RUN, CM_MODE_CHECK, CM_MODE_PREVIEW, CM_MODE_WORKER, CM_MODE_LOOK };

struct cm_engine {
    const struct cm_engine_setup *s;
    enum cm_mode mode;
    enum cm_direction direction;
    struct cm_record *record;
    struct cm_resolved *resolved;
    char *artifacts_dir;             /* RUNDIR/artifacts, or a temporary folder in check and preview */
    bool artifacts_are_temporary;
    struct cm_intent *soon;          /* go() to be called once durable */
    struct cm_err *broken;           /* the record could not be written: everything stops */
    struct cm_err *why_cancelled;    /* a lock was lost, … ; NULL: a signal */
    int signals, signo;
    bool in_turn;
    bool inside_step;                /* between step.begin and step.end */
    json_t *last_check;              /* check.json as it was found at the start; NULL: none */
    json_t *reused;                  /* check: {step: when it was really carried out}; NULL: none */
    struct cm_timer *keepalive;
};

struct cm_artifact_new { char *name; struct cm_file_new *file; struct cm_artifact_new *next; };

struct cm_intent {
    struct cm_step *step;
    uint64_t id;
    bool queued;                               /* its record is not durable yet */
    void (*go)(struct cm_intent *, void *);
    void *go_ctx;
    struct cm_intent *next_soon, *next;        /* next: all handles of the step */
};

struct cm_step {
    struct cm_engine *e;
    const struct cm_rstep *r;                  /* NULL: a look outside of a run */
    const struct cm_m_step *undo_of;
    struct cm_arena *arena;
    void *memo;                                /* of probe, apply and verify */
    int64_t deadline;
    json_t *inputs;                            /* {label: hex} said so far */
    struct cm_artifact_new *artifacts;
    struct cm_intent *intents;
    FILE *log;
    struct cm_loop *look_loop;                 /* of a look */
    const struct cm_plan *look_plan;
    struct cm_outside *look_outside;
};

#define CM_MODEL(e) cm_record_model((e)->record)

/* step.c */
void cm_step_begin(struct cm_step *st, struct cm_engine *e, const struct cm_rstep *r);
void cm_step_fini(struct cm_step *st);
char *cm_pretty(const char *fmt, va_list ap) CM_PRINTF(1, 0);    /* formatted and masked; caller frees */
/* intent.c */
void cm_engine_turn(void *engine);                                /* the loop's turn hook: sync, then let go */
int cm_engine_sync(struct cm_engine *e, struct cm_err **err);
int cm_engine_broken(const struct cm_engine *e, struct cm_err **err);   /* why the record takes nothing more: -1 */
int cm_wait_for_orphans(struct cm_step *st, struct cm_err **err);
/* gate.c */
/* How many unknowns found up to this stage nobody has answered, on record or in the plan; "ID: SEEN" of each, a line. */
size_t cm_open_questions(const struct cm_engine *e, size_t stage, struct cm_str *out);
int cm_answer_unknowns(struct cm_engine *e, size_t stage, struct cm_err **err);      /* those found up to this stage */
/* locks.c */
int cm_locks_take(struct cm_engine *e, struct cm_err **err);
int cm_locks_held(struct cm_engine *e, struct cm_err **err);      /* never sleeps */
int cm_locks_insist(struct cm_engine *e, struct cm_err **err);    /* may wait and take again; not from a callback */
void cm_locks_watch(struct cm_engine *e);
void cm_locks_give(struct cm_engine *e);
/* one.c */
int cm_step_walk(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err);      /* one step to its end, with its tries */
/* worker.c */
int cm_workers(struct cm_engine *e, const struct cm_rstep *first, size_t n, struct cm_err **err);
/* For `check`: beside them a chain of steps in a worker of its own, which begins with the step `begins` (names it in findings) and may
 * take limit_ms (0: any time). Trials may be among the list. */
int cm_workers_and(struct cm_engine *e, const struct cm_rstep *first, size_t n, int (*chain)(struct cm_engine *, struct cm_err **),
                   const struct cm_rstep *begins, int64_t limit_ms, struct cm_err **err);
/* walk.c */
bool cm_frozen(const struct cm_engine *e);
int cm_walk(struct cm_engine *e, struct cm_err **err);
bool cm_found_by(const struct cm_engine *e, const struct cm_m_finding *f, size_t stage);     /* by a step up to this stage */
/* fresh.c */
json_t *cm_fresh_picture(const struct cm_engine *e);        /* {"findings", "facts", "steps"} of check.json; new reference */
json_t *cm_fresh_changes(const json_t *before, const json_t *now);       /* texts, for people; new reference */
int cm_fresh_at_gate(struct cm_engine *e, struct cm_err **err);          /* the differences, as the fact check.since */
bool cm_fresh_reuse(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err);   /* a slow pass of the last hour is taken over */
int cm_fresh_facts(struct cm_engine *e, struct cm_err **err);            /* preview: what the last check learnt */
/* open.c */
int cm_open_run(struct cm_engine *e, bool *nothing_to_do, struct cm_err **err);
int cm_take_over_check(struct cm_engine *e, struct cm_err **err);
/* earlier.c */
int cm_learn_from_earlier(struct cm_engine *e, struct cm_err **err);             /* as the fact run.earlier */
char *cm_run_path(const struct cm_engine_setup *s, const char *name);

#endif
