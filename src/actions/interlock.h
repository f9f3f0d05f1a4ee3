/* actions/interlock.h: never two Connects on one database. Called by helm.deploy, temporary.revert and service.start inside their
 * apply; it can't be skipped, waived, reordered, or answered by --yes.
 *
 * Forward, it holds when on every node the unit is inactive and masked (or held by our drop-in) and no process of Connect lives,
 * and in both databases no session of the roles in Connect's own URLs exists but ours (application_name begins with
 * "connect-migrate"); once our release has a pod, only sessions older than its first pod count. Other roles' sessions are named,
 * not counted. Sessions that may not be seen count, and without Connect's own role or pg_read_all_stats the answer is unknown.
 * An unknown may be attested at the gate "interlock.unknown", nothing else.
 *
 * Reverse (before the old server starts): no pod of the release, no content Job, and no session of Connect's roles. */
#ifndef CM_ACTIONS_INTERLOCK_H
#define CM_ACTIONS_INTERLOCK_H

#include <cm/action.h>

#include "adapters/kubectl.h"

/* Look once. 0: it holds. -1: it does not (which node, which session, what to type), or could not be decided. */
int cm_interlock_forward(struct cm_step *step, struct cm_err **err);
int cm_interlock_reverse(struct cm_step *step, struct cm_err **err);
/* The part of cm_interlock_reverse that asks the cluster only: for when a node of the old server is up already and holds sessions. */
int cm_interlock_reverse_pods(struct cm_step *step, struct cm_err **err);
/* As cm_interlock_forward, waiting up to wait_ms for sessions to end (a server that was just stopped closes them late). */
int cm_interlock_settle(struct cm_step *step, int64_t wait_ms, struct cm_err **err);
/* Wait until ready(ctx) says so, the step's deadline, or the interlock breaks (looked at every 2 s): a unit that came back is masked
 * and stopped again, on record, and the error names the automation. 0 ready, 1 deadline, -1 broken or cancelled.
 * ready: 1 yes, 0 not yet, -1 error; asked about every poll_ms. */
int cm_interlock_wait(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t poll_ms,
                      struct cm_err **err);
/* The same, and it is asked at once when the bell rings; bell NULL: none. */
int cm_interlock_wait_ring(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t poll_ms,
                           struct cm_kube_watch *bell, struct cm_err **err);
/* For cm_cmd.tick: looks, at most every 2 s. ctx is the step. */
int cm_interlock_tick(void *step, struct cm_err **err);
/* The sessions seen by the last look, for people: {"blocking": [...], "named": [...], "visible": bool}; arena JSON. */
const json_t *cm_interlock_seen(struct cm_step *step);

#endif
