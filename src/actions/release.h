/* actions/release.h: one upgrade of the Helm release, from whatever an earlier run left: sent once, recognised again, freed when
 * helm died in it. Ours is the revision base + 1 whose label names our intent; labels alone prove nothing, since helm hands them
 * down to later revisions. Does not: wait for pods, run `helm rollback`, ever. */
#ifndef CM_ACTIONS_RELEASE_H
#define CM_ACTIONS_RELEASE_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/helm.h"

/* What a look at the release's records saw, for who asks for the same right behind it. */
struct cm_release_seen {
    struct cm_helm_revision *list; /* arena */
    size_t n;
    bool fresh;   /* nothing lies between that look and the next question */
    int deployed; /* ours, seen when cm_release_send had ended; 0: none */
};

struct cm_release_wish {
    const char *purpose;               /* label: "deploy" "revert" "scale" */
    const char *const *more;           /* values files behind the plan's; NULL-ended */
    bool anew;                         /* also when our newest revision has these values: somebody changed the objects behind it */
    bool force;                        /* helm 4: also fields that somebody else has set (--force-conflicts) */
    bool interlock;                    /* no other Connect may live: looked at before and while helm runs */
    struct cm_release_seen *seen;      /* probe's look serves the first of send, send's last one verify; NULL: each looks itself */
};

/* CM_DONE: the newest revision is ours by this step, deployed, with these values. CM_FOREIGN fills *err. Else CM_NEEDED. */
int cm_release_probe(struct cm_step *step, const struct cm_release_wish *w, enum cm_answer *answer, struct cm_err **err);
/* 0: the newest revision is ours and deployed. */
int cm_release_send(struct cm_step *step, const struct cm_release_wish *w, struct cm_err **err);
/* For verify: look again at what cm_release_send left. *revision may be NULL. */
int cm_release_verify(struct cm_step *step, const struct cm_release_wish *w, int *revision, struct cm_err **err);
/* {"values.yaml": sha256, …} of the files that helm would be given now, in their order; new reference. */
int cm_release_digests(struct cm_step *step, const char *const *more, json_t **digests, struct cm_err **err);
/* Did the newest upgrade of this run (any step) use other values than helm would be given now? */
int cm_release_values_changed(struct cm_step *step, const char *const *more, bool *changed, struct cm_err **err);
/* The wish for no pods: the release's own values, and an artifact with replicas: 0 behind them. */
int cm_release_none(struct cm_step *step, struct cm_release_wish *w, struct cm_err **err);
/* Has the release got its own values again (release.restore), or was helm about to? That is all the way back of a change in place, and its
 * pods are meant to live. */
int cm_release_is_restored(struct cm_step *step, bool *restored, struct cm_err **err);
/* Does helm know the release? */
int cm_release_is_there(struct cm_step *step, bool *there, struct cm_err **err);
/* For preview: what helm renders with these values against what is deployed, and rstudio-connect.gcfg against the one in the cluster, as
 * differences without secrets. */
void cm_release_preview(struct cm_step *step, const char *const *more);
/* The same for values that are not deployed yet: what leaving `with`'s files out changes. */
void cm_release_preview_between(struct cm_step *step, const char *const *with, const char *const *without);
/* Does what helm renders `with` these files differ from `without` in nothing but the settings ({"Section.Key": …})? -1: a finding, and the
 * objects and paths as evidence. */
int cm_release_only_settings(struct cm_step *step, const char *const *with, const char *const *without, const json_t *settings,
                             struct cm_err **err);
/* Would the files that were deployed render something else today? Then a warning says what. */
int cm_release_drift(struct cm_step *step, const char *const *as_deployed, struct cm_err **err);
/* Is the ConfigMap, which is what Connect reads when it starts, the one on record from before the Launcher was drained (launcher.before)?
 * What had none then is not compared, and that is said. */
int cm_release_as_before(struct cm_step *step, struct cm_err **err);
/* The undo of helm.upgrade: scaled to zero is as far back as it goes without deleting what may hold data. */
int cm_release_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err);

#endif
