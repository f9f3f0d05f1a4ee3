/* journal/events.h: what apply.c, attempt.c and model.c hand to each other; nobody else includes it. */
#ifndef CM_JOURNAL_EVENTS_H
#define CM_JOURNAL_EVENTS_H

#include "journal/model.h"

/* Where an event stands. */
struct cm_place { uint64_t seq; int64_t at_ms, up_ms; };

/* journal/attempt.c: the walk: attempts, stages, steps. */
int cm_apply_attempt_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_attempt_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_plan_accepted(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_stage_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_stage_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_step_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_step_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_step_skip(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_input(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
/* journal/model.c: takes the newest attempt off, with its gates. Another one came before it. */
void cm_model_withdraw(struct cm_model *m);
/* Frees what a runbook made of the attempt: its stages, steps and the runbook itself; not its result. */
void cm_attempt_drop(struct cm_m_attempt *a);

/* journal/intents.c: effects and the ledger. */
int cm_apply_intent(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_note(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
int cm_apply_close(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
/* 0 when the word names a life that `close` may give. */
int cm_life_parse(const char *word, enum cm_life *life);

/* Replace *where by a copy of text (NULL: none). */
void cm_set_text(char **where, const char *text);
/* Replace *where by a new reference of j; JSON null counts as none. */
void cm_set_json(json_t **where, const json_t *j);
/* Add one zeroed item to an array that grows by doubling; `list` is the pointer's address. Returns the item. */
void *cm_add_item(void *list, size_t *count, size_t item_bytes);

#endif
