/* journal/model.h: what the record says, replayed event by event: the only source of the engine's decisions, of `status`
 * and of the report.
 *
 * All strings and arrays belong to the model. Steps belong to an attempt (one walk in one direction); `now` is the newest
 * attempt. Times: wall in ms, `up` boottime in ms of that boot. Does not read files (journal.h does). */
#ifndef CM_JOURNAL_MODEL_H
#define CM_JOURNAL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/action.h>
#include <cm/err.h>

enum cm_direction { CM_FORWARD, CM_BACKWARD, CM_FINISH };
enum cm_step_state { CM_S_PENDING, CM_S_RUNNING, CM_S_WAITING, CM_S_DONE, CM_S_SKIPPED, CM_S_FAILED };

struct cm_m_step {
    char *id, *action, *stage;
    char *kind, *by;                     /* words, from the runbook's normal form */
    enum cm_step_state state;
    int64_t began_ms, ended_ms;          /* wall; 0: not yet */
    int64_t took_ms;                     /* by boottime, all tries of the last begin..end */
    int64_t done_ms;                     /* wall; the first time it was done in this attempt; 0: never. For the clocks */
    int tries;
    size_t partly;                       /* cm_partly calls of its last try */
    char *message;                       /* last error or skip reason; NULL */
    char *hint;
    bool passing;                        /* that error may pass by itself: somebody was not reached, for one */
    json_t *inputs;                      /* {label: hex} of the last try; NULL */
    uint64_t first_seq;                  /* line of its first step.begin; 0: none */
};

struct cm_m_stage { char *id, *title; int64_t began_ms, ended_ms; };

struct cm_m_attempt {
    enum cm_direction direction;
    int number;                          /* 1 … over all directions */
    bool ended;
    char *result;                        /* "done" …; NULL while open */
    int64_t began_ms, ended_ms;
    json_t *runbook;                     /* normal form */
    struct cm_m_stage *stages; size_t stage_count;
    struct cm_m_step *steps; size_t step_count;      /* in the runbook's order */
    uint64_t first_intent;               /* id of the first intent of this attempt; 0: none */
    uint64_t freeze;                     /* id of the first intent in a step behind gate.downtime (without that gate: of
                                            the first intent at all); 0: not frozen */
};

struct cm_m_intent {
    uint64_t id;
    int attempt;
    char *step, *effect, *key;
    json_t *detail, *original, *note, *result;       /* NULL where there is none; note: merged */
    bool settle;
    bool superseded;                     /* given up, and made again with the same original: that one stands in the ledger */
    enum cm_life life;
    int64_t at_ms, closed_ms;            /* closed: happened, not happened, given up or in doubt; 0: not yet */
    int64_t settled_ms;                  /* back or final; 0: not yet */
};

struct cm_m_finding { char *id, *step, *seen, *remedy; enum cm_verdict verdict; int64_t at_ms; };
struct cm_m_gate { char *id, *kind, *step, *title, *shown, *digest; bool open; char *who, *note, *how; int64_t asked_ms, opened_ms;
                   int attempt; };
struct cm_m_artifact { char *name, *sha256, *step; int64_t bytes; };
struct cm_m_said { char *id, *who, *note; int64_t at_ms; };                      /* answers and waivers */
struct cm_m_interruption { char *what, *why, *signal; int64_t from_ms, to_ms; };  /* signal: the run itself got one; else NULL */

struct cm_model {
    char *run_id, *program, *boot, *plan_file, *plan_digest;
    json_t *plan;                        /* normal form, as accepted last */
    json_t *target;                      /* {"database": "host:port/name", "cluster":, "release":, "nodes": []}: fixed at first sight; NULL */
    json_t *facts;                       /* {name: value} of the newest forward attempt's steps */
    json_t *fact_meta;                   /* {name: {"step", "at_ms"}}: who learnt it, and when (wall) */
    uint64_t seq;                        /* of the last line */
    int64_t began_ms, last_ms, last_up;
    bool running;                        /* begun or resumed and not ended (the process may be dead: see the lock) */
    int last_status;                     /* of run.end; -1 while none */
    char *last_message;
    int resumes;
    struct cm_m_attempt *attempts; size_t attempt_count; struct cm_m_attempt *now;
    struct cm_m_intent *intents; size_t intent_count;
    struct cm_m_finding *findings; size_t finding_count;         /* the newest of each id; a re-run of its step replaces */
    struct cm_m_gate *gates; size_t gate_count;
    struct cm_m_artifact *artifacts; size_t artifact_count;
    struct cm_m_said *answers; size_t answer_count;
    struct cm_m_said *waivers; size_t waiver_count;
    struct cm_m_interruption *interruptions; size_t interruption_count;
    size_t partly; char *partly_last;                             /* cm_partly calls of the newest forward attempt */
};

struct cm_model *cm_model_new(void);
void cm_model_free(struct cm_model *m);
/* Apply one event of line `seq` written at wall `at_ms`, boottime `up_ms`. -1: an unknown event or a member missing (CM_E_CHANGED). */
int cm_model_apply(struct cm_model *m, const json_t *event, uint64_t seq, int64_t at_ms, int64_t up_ms, struct cm_err **err);
/* May event `i` of the group (a JSON array) be written? Its type and members, and that the steps and intents it names are on
 * record or come before it in the group. Changes nothing. -1: CM_E_INTERNAL; what cannot be replayed is never written. */
int cm_model_admit(const struct cm_model *m, const json_t *group, size_t i, struct cm_err **err);

struct cm_m_step *cm_model_step(const struct cm_model *m, const char *id);       /* of the newest attempt; NULL */
struct cm_m_intent *cm_model_intent(const struct cm_model *m, uint64_t id);
struct cm_m_gate *cm_model_gate(const struct cm_model *m, const char *id);       /* of the newest attempt; NULL */
const struct cm_m_said *cm_model_said(const struct cm_m_said *list, size_t n, const char *id);
/* Is this intent a change not yet taken back? It has an original, was not found not to have happened, and is neither back
 * nor final. */
bool cm_model_open_change(const struct cm_m_intent *i);
size_t cm_model_open_changes(const struct cm_model *m, bool settle_only);
enum cm_step_state cm_model_stage_state(const struct cm_m_attempt *a, const char *stage);  /* done: none of its steps is open */
/* Is nothing of the newest attempt open but the step that writes the report? False once the attempt has ended. */
bool cm_model_only_report_open(const struct cm_model *m);
const char *cm_step_state_word(enum cm_step_state);
const char *cm_life_word(enum cm_life);                       /* "new" "in-doubt" "noted" "happened" "not-happened" "given-up" "back" "final" */
const char *cm_direction_word(enum cm_direction);             /* "forward" "back" "finish" */
const char *cm_finding_word(enum cm_verdict);                 /* "ok" "warning" "blocker" "unknown" */
/* "connect1" of "connect1 (2)", the key of an effect that was needed again. Caller frees. */
char *cm_key_plain(const char *key);
/* The newest attempt that went forward; NULL: none. */
struct cm_m_attempt *cm_model_forward(const struct cm_model *m);
/* Is the newest attempt a way back or a finish of which nothing is done, and for which nobody has said go? It may be withdrawn: an
 * attempt.end with that result takes it off, and the one before it is the newest again. */
#define CM_WITHDRAWN "withdrawn"
bool cm_model_only_asked(const struct cm_model *m);
/* The gate of the newest attempt that waits for an answer; NULL: none. */
struct cm_m_gate *cm_model_waiting_gate(const struct cm_model *m);

#endif
