/* engine/record.h: where events go: the journal of a run, memory (check, preview), or the pipe of a check worker. One queue, one
 * sync; the model behind it is what the engine decides by. */
#ifndef CM_ENGINE_RECORD_H
#define CM_ENGINE_RECORD_H

#include <stdbool.h>

#include <jansson.h>

#include "journal/journal.h"

struct cm_record;

struct cm_record *cm_record_journal(struct cm_journal *taken);
struct cm_record *cm_record_memory(struct cm_model *taken, const struct cm_clock *clock);
/* Events go to fd as JSON lines, and into `model`, the fork's own copy of the parent's. */
struct cm_record *cm_record_pipe(struct cm_model *model, const struct cm_clock *clock, int fd);
void cm_record_free(struct cm_record *r);
const struct cm_model *cm_record_model(const struct cm_record *r);
struct cm_model *cm_record_own_model(struct cm_record *r);      /* for a fork, whose copy is its own */
void cm_record_add(struct cm_record *r, json_t *taken);
bool cm_record_pending(const struct cm_record *r);
int cm_record_sync(struct cm_record *r, struct cm_err **err);
bool cm_record_durable(const struct cm_record *r);          /* a journal stands behind it */

#endif
