/* cli/rehearsal_plan.h: a user's plan for the rehearsal's world: content, temporary, gates, license, stages and steps are the user's,
 * where things are is the world's. */
#ifndef CM_CLI_REHEARSAL_PLAN_H
#define CM_CLI_REHEARSAL_PLAN_H

#include <cm/err.h>

/* Write DIR/plan.yaml again from the world's and the user's. access and backup stay the world's; the user's values files are put behind
 * the world's. */
int cm_rehearsal_plan(const char *user_plan, const char *dir, struct cm_err **err);

#endif
