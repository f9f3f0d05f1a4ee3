/* cli/locks.h: the two locks of a run: an OS lock on RUNDIR/lock (its JSON says who holds it) and an advisory lock in Connect's
 * database, which the server itself gives back when its holder dies. They keep two runs apart also on two machines. */
#ifndef CM_CLI_LOCKS_H
#define CM_CLI_LOCKS_H

#include <stddef.h>

#include <cm/lock.h>
#include <cm/loop.h>

struct cm_locks;
struct cm_outside;
struct cm_plan;

/* Nothing is taken yet. command: for people who meet the lock ("rollback prod.yaml"). All arguments must outlive it. */
struct cm_locks *cm_locks_new(struct cm_loop *loop, const struct cm_plan *plan, struct cm_outside *outside, const char *run_dir,
                              const char *command);
const struct cm_lock *cm_locks_list(const struct cm_locks *l, size_t *n);
void cm_locks_free(struct cm_locks *l);            /* gives back what is held */
/* Does a living process hold this run directory? Does not take it. */
bool cm_run_is_live(const char *run_dir);

#endif
