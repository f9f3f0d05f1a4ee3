/* actions/release_work.h: what the files of the release share: its history, whose a revision is, and what may follow which state.
 * Nobody else includes it. */
#ifndef CM_ACTIONS_RELEASE_WORK_H
#define CM_ACTIONS_RELEASE_WORK_H

#include "actions/release.h"

#define CM_UPGRADE "helm.upgrade" /* the effect of an upgrade; its key is the release */

struct cm_history { struct cm_helm_revision *list; size_t n; };
static inline void cm_history_fini(struct cm_history *h) { free(h->list); }
#define cm_autohistory CM_CLEANUP(cm_history_fini) struct cm_history

const char *cm_release_name(struct cm_step *step);
const struct cm_helm_revision *cm_history_last(const struct cm_history *h);      /* NULL: there is no release */
const struct cm_helm_revision *cm_history_find(const struct cm_history *h, int64_t revision);
bool cm_revision_is(const struct cm_helm_revision *r, const char *status);

/* Made by this intent: base + 1, with its id and this run's. */
bool cm_revision_of(struct cm_step *step, const struct cm_helm_revision *r, uint64_t intent, const json_t *detail);
/* Of any step and attempt of this run. *note: where the child that made it is named; may be NULL. */
bool cm_revision_ours(struct cm_step *step, const struct cm_helm_revision *r, const json_t **note);
/* Did any upgrade of this run happen, or is one on record as having failed? */
bool cm_release_touched(struct cm_step *step);
/* After `last` (NULL: there is none) our upgrade may be sent. 0: yes. -1: it is a state that has to be ended by a person first, or somebody
 * else's, and nobody agreed: who, when, what to type. A pending revision of ours is none of it: it is freed (release.c). */
int cm_release_may_follow(struct cm_step *step, const struct cm_helm_revision *last, struct cm_err **err);
/* The same without asking: is it such a state? Fills *err then. */
bool cm_release_refused(struct cm_step *step, const struct cm_helm_revision *last, struct cm_err **err);
int cm_release_foreign(struct cm_step *step, const struct cm_helm_revision *r, struct cm_err **err);

#endif
