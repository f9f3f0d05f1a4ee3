/* cm/lock.h: the locks a run holds, as a table filled by cli.
 *
 * Two exist: the run directory's lock file and an advisory lock in Connect's database. The engine takes them in
 * order, asks `held` every 15 s and before each intent, and gives them back in reverse. */
#ifndef CM_LOCK_H
#define CM_LOCK_H

#include <stdbool.h>

#include <cm/err.h>

enum cm_held { CM_HELD, CM_LOST, CM_NOT_YET };      /* not yet: what it lives in cannot be reached (said by `take`) */

struct cm_lock {
    const char *name;                               /* "run directory", "database" */
    /* 0: held, or (may_wait) what it lives in cannot be reached yet. -1: CM_E_LOCKED, naming the holder, or another
     * error. Taking a held lock again is fine. */
    int (*take)(void *ctx, bool may_wait, struct cm_err **err);
    enum cm_held (*held)(void *ctx);
    void (*give)(void *ctx);
    void *ctx;
};

#endif
