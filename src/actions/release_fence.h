/* actions/release_fence.h: while the old server runs, no pod of the release can come up, whoever scales the Deployment or applies it again.
 * Does not: end a pod that lives. */
#ifndef CM_ACTIONS_RELEASE_FENCE_H
#define CM_ACTIONS_RELEASE_FENCE_H

#include <stdbool.h>

#include <cm/action.h>

/* Puts it up behind a Deployment that was scaled to zero and has no pod any more. Where that is forbidden it is said, and nothing is
 * held. -1 also: somebody scales the Deployment up meanwhile (CM_E_CHANGED). */
int cm_fence_put(struct cm_step *step, struct cm_err **err);
/* Does what was put up still stand? *fallen: what became of the Deployment (static text); NULL: it stands, or there was nothing to put up. */
int cm_fence_stands(struct cm_step *step, const char **fallen, struct cm_err **err);
extern const char cm_fence_made_anew[]; /* the words for that */
/* The Deployment is another one than that behind which it was put up: somebody deleted that and made this, and nothing stands around it.
 * False also when that cannot be seen. */
bool cm_fence_is_another(struct cm_step *step);
/* While the old server runs: a Deployment around which it does not stand any more is scaled to zero and paused at once. -1 then, when it had
 * a pod beside the old server (CM_E_CHANGED: who, what to do). Where the old server does not run nothing is done. */
int cm_fence_keep(struct cm_step *step, struct cm_err **err);
/* Takes it down, when it is ours, before the release is deployed again; not while an old server could run (the interlock is asked first).
 * *was_up: it stood, or was being taken down; may be NULL. */
int cm_fence_take(struct cm_step *step, bool *was_up, struct cm_err **err);

#endif
