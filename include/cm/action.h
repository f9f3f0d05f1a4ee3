/* cm/action.h: the seam between the engine and the actions.
 *
 * An action is a const table entry of plain synchronous functions. What it can do is held by the types: a mutating
 * adapter call takes a `struct cm_intent *`, only the engine makes one (cm_intend), and in `check`, `preview` and in
 * check workers cm_intend refuses. `apply` is re-entrant: it goes on from the intents on record; resume has no code
 * path of its own. Only `verify` leads to done.
 *
 * Everything the engine hands out (strings, json_t *) is borrowed and lives as long as the step runs, unless said
 * otherwise; `taken` means that the callee owns the reference from then on, also on failure. */
#ifndef CM_ACTION_H
#define CM_ACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/loop.h>
#include <cm/runner.h>
#include <cm/str.h>

struct cm_step;        /* one entry of a stage while it is looked at or run: engine/step.h */
struct cm_intent;      /* one outside effect on record: engine/intent.c */
struct cm_outside;     /* the adapters; opaque to the engine: adapters/outside.h */
struct cm_plan;        /* plan/plan.h */
struct cm_arena;       /* base/mem.h */

/* ---- what an action is ---- */

enum cm_kind { CM_CHECK, CM_TRIAL, CM_COMPUTE, CM_EFFECT, CM_HOLD, CM_GATE };
enum cm_answer { CM_DONE, CM_NEEDED, CM_UNDER_WAY, CM_BLOCKED, CM_FOREIGN, CM_UNDECIDED };
enum cm_verdict { CM_OK, CM_WARNING, CM_BLOCKER, CM_UNKNOWN };
/* id, word for a table, words for a message, JSON Schema: what `explain`, the manual, the messages and the schema say of a parameter. */
#define CM_TYPES(X)                                                                                          \
    X(CM_T_STRING, "text", "text", "{\"type\": \"string\"}")                                                 \
    X(CM_T_BOOL, "true or false", "true or false", "{\"type\": \"boolean\"}")                                \
    X(CM_T_INT, "number", "a whole number", "{\"type\": \"integer\"}")                                       \
    X(CM_T_DURATION, "duration", "a duration such as 10s or 5m", "{\"type\": [\"string\", \"integer\"]}")    \
    X(CM_T_LIST, "list", "a list", "{\"type\": \"array\"}")                                                  \
    X(CM_T_MAP, "map", "a map", "{\"type\": \"object\"}")                                                    \
    X(CM_T_ANY, "any", "a value", "{}")
enum cm_type {
#define X(id, word, words, schema) id,
    CM_TYPES(X)
#undef X
};

/* Whether a step can be taken back, as a change board asks. At a cost: with a downtime, lost work, or something that is not put back. */
enum cm_reversal { CM_REVERSAL_UNSAID, CM_CHANGES_NOTHING, CM_REVERSIBLE, CM_REVERSIBLE_AT_A_COST, CM_NOT_REVERSIBLE };

struct cm_param {             /* one parameter that a runbook may give under `with:` */
    const char *name;
    enum cm_type type;
    const char *def;          /* default as JSON text (a duration as "\"10s\""); NULL: none, required */
    const char *help;
};

/* A ledger entry handed to undo: a change not yet taken back. */
struct cm_change {
    uint64_t intent;          /* its id */
    const char *step;         /* the step that made it */
    const char *effect, *key;
    const json_t *detail, *original, *note, *result;     /* may be NULL, but original is not */
    bool settle;
    int64_t at_ms;            /* wall clock of the intent */
};

struct cm_action {
    const char *name, *summary;               /* "service.stop"; one line for people */
    enum cm_kind kind;
    const struct cm_param *params;            /* ended by name NULL; NULL: none */
    const char *const *needs, *const *gives;  /* names of facts, NULL-ended; NULL: none */
    /* Reads only; sees open intents. NULL: always CM_NEEDED (checks, gates, and computes that are made anew until
     * frozen). With CM_BLOCKED, CM_FOREIGN and CM_UNDECIDED it must also fill *err with what was seen and what to
     * type; the engine then stops there. */
    int (*probe)(struct cm_step *, enum cm_answer *, struct cm_err **);
    int (*preview)(struct cm_step *, struct cm_err **);     /* cm_will() for each effect of apply; NULL: the summary */
    int (*apply)(struct cm_step *, struct cm_err **);
    int (*verify)(struct cm_step *, struct cm_err **);      /* NULL only for checks, computes and gates */
    /* Take one ledger entry back: 0 taken back and proved; 1 left to a later step; -1 failed. NULL: no entry of this
     * action can be undone by the tool. */
    int (*undo)(struct cm_step *, const struct cm_change *, struct cm_err **);
    /* Before a person, or the plan's command, does it: what has to hold and to be on record first, and in `shown` what exactly is to be
     * done, for the gate. In preview: only `shown`. NULL: `does` is shown. */
    int (*hand)(struct cm_step *, struct cm_str *shown, struct cm_err **);
    const char *by_as;        /* id of the step whose `by: hand` this one takes over unless it says its own; NULL: none */
    /* for `explain`, the manual and the report; sentences, no newline at the end */
    const char *reads, *does, *proves, *undoes, *rights;
    bool rests_on_checks;     /* a compute that reads facts of checks: `check` runs it behind them, not beside */
    const char *page;         /* the vendor's page on what it looks at, for those who read on; NULL */
    /* Trials, effects and holds must say it; the other kinds change nothing. cost: what it costs, or why it cannot be taken back, a sentence;
     * NULL: nothing. For preview, `explain` and the manual. */
    enum cm_reversal reversal;
    const char *cost;
};

enum cm_reversal cm_reversal_of(const struct cm_action *);
const char *cm_reversal_word(enum cm_reversal);   /* "changes nothing" "reversible" "reversible at a cost" "not reversible" */
const char *cm_kind_word(enum cm_kind);           /* "check" … */
const char *cm_type_word(enum cm_type);           /* "number" … */
const char *cm_type_words(enum cm_type);          /* "a whole number" … */
const char *cm_answer_word(enum cm_answer);       /* "done" "needed" "under way" … */
const char *cm_verdict_word(enum cm_verdict);     /* "ok" "warning" "blocker" "unknown" */
enum cm_verdict cm_verdict_of(const char *word);  /* what is none of these words: CM_UNKNOWN */

/* ---- what a step is given ---- */

const char *cm_step_id(const struct cm_step *);
const char *cm_run_id(const struct cm_step *);                        /* of the run directory: stable over resumes */
const char *cm_step_by(const struct cm_step *);                       /* "tool" "hand" "command" */
/* Is there a step of this action in the runbook, and is it not left out? */
bool cm_walk_has(const struct cm_step *, const char *action);
/* Does what was computed ahead of gate.downtime stay as it is? From its first effect on, and on every way but forward. */
bool cm_is_frozen(const struct cm_step *);
int cm_attempt(const struct cm_step *);                               /* 1, 2 … of going forward or back */
const json_t *cm_step_param(const struct cm_step *, const char *name);/* typed, defaulted; durations: integer ms */
const struct cm_plan *cm_step_plan(const struct cm_step *);
struct cm_outside *cm_step_outside(struct cm_step *);
struct cm_loop *cm_step_loop(struct cm_step *);
struct cm_arena *cm_step_arena(struct cm_step *);                     /* scratch; freed when the step ends */
/* What probe, apply and verify of one try tell each other, in the arena: so that one look at the outside serves two of them where nothing
 * lies between. NULL at first, and for a verify that is called alone, as that of a hold at a later start. */
void **cm_step_memo(struct cm_step *);
int64_t cm_step_deadline(const struct cm_step *);                     /* boot ms of this attempt's limit; CM_NEVER */
/* What a finding about a limit adds to its remedy; %s: the step's id. */
#define CM_GIVE_LONGER "Where a login or a machine is slow, give it longer with `steps: {%s: {timeout: 5m}}` in the plan."
bool cm_cancelled(const struct cm_step *);
bool cm_reading(const struct cm_step *);                              /* check, preview or a worker: intents refuse */
const char *cm_step_log_dir(const struct cm_step *);                  /* RUNDIR/logs; NULL: outside of a run */
const json_t *cm_fact(const struct cm_step *, const char *name);      /* NULL: nobody has learnt it */
/* Path of a file in the run directory's artifacts/ that is on record; NULL: none. */
const char *cm_artifact_path(struct cm_step *, const char *name);

/* ---- what it finds and makes ---- */

/* Must hold no secret. taken NULL, as jansson gives for text that is no UTF-8: CM_E_INTERNAL. */
int cm_fact_set(struct cm_step *, const char *name, json_t *taken, struct cm_err **);
void cm_input(struct cm_step *, const char *label, const unsigned char sha256[32]);    /* what the result rests on */
/* As cm_input, for checks and trials alone: which source their findings are of. The label of a file here is its absolute path. Called
 * where sources are read; a compute says what it rests on by itself. */
void cm_rests_on(struct cm_step *, const char *label, const unsigned char sha256[32]);
/* For a compute's probe: after its cm_input calls, are they what its recorded result rests on, and is each of its
 * artifacts still as recorded? */
bool cm_inputs_stand(struct cm_step *);
int cm_artifact_begin(struct cm_step *, const char *name, FILE **, struct cm_err **);
int cm_artifact_keep(struct cm_step *, FILE *taken, struct cm_err **);   /* fsync, rename, folder fsync, on record */
void cm_artifact_drop(struct cm_step *, FILE *taken);                    /* leaves nothing behind */
/* id: "storage.local-disk": the action's family, a dot, a fixed word; stable, people waive by it. */
void cm_finding(struct cm_step *, enum cm_verdict, const char *id, const char *remedy, const char *fmt, ...)
    CM_PRINTF(5, 6);
/* The attested answer to an unknown finding, or a waived warning: {"who", "note", "at"}; NULL: none. */
const json_t *cm_finding_answer(const struct cm_step *, const char *id);
void cm_progress(struct cm_step *, uint64_t done, uint64_t total, const char *unit);   /* shown, not durable */
void cm_say(struct cm_step *, const char *fmt, ...) CM_PRINTF(2, 3);     /* one line for people, and the log */
void cm_step_log(struct cm_step *, const char *fmt, ...) CM_PRINTF(2, 3);/* the step's log only; masked */
/* In preview: one thing that apply would do. kind: "command" "request" "sql" "write" "diff" "gate" "note". */
void cm_will(struct cm_step *, const char *kind, const char *fmt, ...) CM_PRINTF(3, 4);
/* Some content failed or differs: the run goes on and ends with CM_E_PARTLY. On record. */
void cm_partly(struct cm_step *, const char *fmt, ...) CM_PRINTF(2, 3);
/* The service was interrupted for users or machines from..to (wall ms); counted against the window. On record. */
void cm_interruption(struct cm_step *, const char *what, int64_t from_ms, int64_t to_ms, const char *why);

/* ---- effects ---- */

struct cm_intent_spec {
    const char *effect, *key;     /* "service.stop", "connect1": unique within a step */
    const json_t *detail;         /* what probe needs after a kill; borrowed */
    const json_t *original;       /* not NULL: opens a ledger entry in the same record; read once, never again */
    bool settle;                  /* must be taken back before the run may end with 0 */
};

enum cm_life { CM_NEW, CM_IN_DOUBT, CM_NOTED, CM_HAPPENED, CM_NOT_HAPPENED, CM_GIVEN_UP, CM_BACK, CM_FINAL };

/* Durable on return. An intent of this step, effect and key that is on record and not CM_NOT_HAPPENED or CM_GIVEN_UP
 * is returned as it is, with its own detail and original. After those two a new record is made that carries the first
 * original over. Refuses (CM_E_INTERNAL) when cm_reading(); fails with CM_E_LOCKED when a lock is lost. */
int cm_intend(struct cm_step *, const struct cm_intent_spec *, struct cm_intent **, struct cm_err **);
/* As cm_intend, but go() is called once the record is durable: one write and sync per loop turn for all. */
int cm_intend_then(struct cm_step *, const struct cm_intent_spec *, void (*go)(struct cm_intent *, void *ctx),
                   void *ctx, struct cm_err **);
struct cm_intent *cm_intent_find(struct cm_step *, const char *effect, const char *key);
struct cm_intent *cm_intent_next(struct cm_step *, const char *effect, struct cm_intent *after);  /* NULL: first/end */
uint64_t cm_intent_id(const struct cm_intent *);
enum cm_life cm_intent_life(const struct cm_intent *);
const char *cm_intent_key(const struct cm_intent *);
const json_t *cm_intent_detail(const struct cm_intent *);
const json_t *cm_intent_original(const struct cm_intent *);
const json_t *cm_intent_noted(const struct cm_intent *);      /* the notes merged, later members win; NULL */
const json_t *cm_intent_result(const struct cm_intent *);
int64_t cm_intent_at_ms(const struct cm_intent *);            /* wall clock of the record */
struct cm_step *cm_intent_step(struct cm_intent *);
int cm_intent_note(struct cm_intent *, json_t *taken, struct cm_err **);      /* durable on return: task id, pid … */
int cm_intent_note_soon(struct cm_intent *, json_t *taken);                   /* durable at the end of the turn */
/* Durable on return. CM_IN_DOUBT, CM_HAPPENED, CM_NOT_HAPPENED, CM_GIVEN_UP. `result` may be NULL. */
int cm_intent_close(struct cm_intent *, enum cm_life, json_t *taken_result, struct cm_err **);
int cm_intent_close_soon(struct cm_intent *, enum cm_life, json_t *taken_result);

/* The ledger: changes not yet taken back, newest first. effect NULL: all. after 0: the newest. False: no more. */
bool cm_ledger_next(struct cm_step *, const char *effect, uint64_t after, struct cm_change *);
int cm_ledger_back(struct cm_step *, uint64_t intent, struct cm_err **);      /* proved to be as it was */
int cm_ledger_final(struct cm_step *, uint64_t intent, struct cm_err **);     /* declared to stay (finish) */
/* Call the undo of the action that made the change; 0 also records it as taken back. Returns as undo does. */
int cm_ledger_undo(struct cm_step *, const struct cm_change *, struct cm_err **);

/* ---- gates ---- */

struct cm_gate_spec {
    const char *id;
    bool attest;                /* a statement of a person: never answered by --yes */
    const char *title;          /* one line: the question */
    const char *shown;          /* what is shown, several lines; the approval carries its digest */
};
/* 0: answered, on record. -1 with CM_E_WAITING: nobody has answered; the run ends with status 3 and names the command.
 * Asks on a terminal. In preview: says that it would ask, and returns 0. */
int cm_gate_pass(struct cm_step *, const struct cm_gate_spec *, struct cm_err **);
/* {"who", "note", "at", "how"} of an answered gate; NULL: not answered. */
const json_t *cm_gate_answer(const struct cm_step *, const char *id);

/* ---- what cli gives the engine and the actions ---- */

struct cm_reporter {            /* report.write calls this; filled by cli with src/report */
    int (*write)(void *ctx, struct cm_step *, struct cm_err **);     /* report.html .md .json, junit.xml */
    void *ctx;
};
const struct cm_reporter *cm_step_reporter(const struct cm_step *);

#endif
