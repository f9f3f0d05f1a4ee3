/* actions/job_pods.h: why a Job of ours has no pod. Admission speaks against pods when the Job controller makes them: then the Job stands there
 * without one, and only an event says why. */
#ifndef CM_ACTIONS_JOB_PODS_H
#define CM_ACTIONS_JOB_PODS_H

#include <stdbool.h>

#include <cm/action.h>

/* In words; caller frees. ns NULL: the plan's namespace. *refused: the API server refuses its pods for a reason that does not pass. */
char *cm_job_without_pod(struct cm_step *step, const char *ns, const char *job, bool *refused);
/* A refusal that may pass by itself: a quota that is used up now, a webhook that does not answer. */
bool cm_job_passes(const char *words);

#endif
