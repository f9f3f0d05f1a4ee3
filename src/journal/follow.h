/* journal/follow.h: a state file that another process writes, read on as it grows: for `status --watch`. Never locks, never cuts; a
 * last line that is not whole yet is left for the next look. Does not wait: the caller looks again when it likes. */
#ifndef CM_JOURNAL_FOLLOW_H
#define CM_JOURNAL_FOLLOW_H

#include "journal/model.h"

struct cm_follow;

/* each: called with every event as it is read; NULL: not. The file need not exist yet. */
struct cm_follow *cm_follow_new(const char *path, void (*each)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms), void *ctx);
/* Read what stands there now. 1: something new; 0: nothing; -1: damaged (CM_E_CHANGED) or not readable. */
int cm_follow_read(struct cm_follow *f, struct cm_err **err);
/* What the record says so far; NULL: nothing is on record. Valid until the next read. */
const struct cm_model *cm_follow_model(const struct cm_follow *f);
void cm_follow_free(struct cm_follow *f);

#endif
