/* journal/journal.h: the state file, state.jsonl: append and read. Its format is contract: doc/connect-migrate-state.5.
 *
 * One line is one group: {"seq","at","up","ev":[…],"crc"}; one write and one fdatasync. Events are queued with
 * cm_journal_add and go out together with cm_journal_sync; the model changes only when they are durable. A failed write
 * or fsync closes the journal for good. An unterminated or bad last line is cut off by cm_journal_open (and said); any
 * other damage, an unknown event or a newer format is refused with its line and what to do. */
#ifndef CM_JOURNAL_JOURNAL_H
#define CM_JOURNAL_JOURNAL_H

#include <stdint.h>

#include <jansson.h>

#include <cm/clock.h>
#include <cm/err.h>

#include "journal/model.h"

enum { CM_JOURNAL_FORMAT = 1 };

struct cm_journal;

/* Make a new file, mode 0600, and sync its folder; the first group must begin with run.begin. It must not exist, or hold no whole
 * line (a process was killed while it was made): such a file is emptied and used. */
struct cm_journal *cm_journal_create(const char *path, const struct cm_clock *clock, struct cm_err **err);
/* Read, cut a torn tail, go on appending. *cut_bytes: how much was cut (0: nothing). A file without a whole line is an empty
 * journal: its model has seq 0, and the first group must begin with run.begin. */
struct cm_journal *cm_journal_open(const char *path, const struct cm_clock *clock, size_t *cut_bytes, struct cm_err **err);
/* Read only: never cuts, never locks; a torn tail is left out. NULL with CM_E_CHANGED on damage. *absent: no such
 * file, or no whole line in it; then NULL without an error. */
struct cm_model *cm_journal_read(const char *path, bool *absent, struct cm_err **err);
/* As cm_journal_read, but also hands every event out as it is read: for the transcript in the report. */
struct cm_model *cm_journal_read_each(const char *path, bool *absent,
                                      void (*each)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms), void *ctx,
                                      struct cm_err **err);
void cm_journal_close(struct cm_journal *j);

struct cm_model *cm_journal_model(struct cm_journal *j);      /* always what is on record */
/* Queue one event, {"type": "step.begin", …}. */
void cm_journal_add(struct cm_journal *j, json_t *taken);
bool cm_journal_pending(const struct cm_journal *j);
/* Make the queue durable as one line and apply it to the model. 0 also when the queue is empty. */
int cm_journal_sync(struct cm_journal *j, struct cm_err **err);
/* Called with each event once it is durable (`--json` prints them). */
void cm_journal_watch(struct cm_journal *j, void (*each)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms), void *ctx);

#endif
