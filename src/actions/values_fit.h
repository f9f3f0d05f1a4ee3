/* actions/values_fit.h: do the plan's values files reach helm as they are now? What config.convert and values.convert made of them is frozen
 * with the downtime's first effect; whoever mends a file behind it must not find that nothing of it came into force. */
#ifndef CM_ACTIONS_VALUES_FIT_H
#define CM_ACTIONS_VALUES_FIT_H

#include <cm/action.h>

/* For config.convert: of each value in `text` (its values.config.yaml) what the plan's files say at the same place, as short digests:
 * {"config": {"Server": {"Address": "…" or null}}}; new reference. */
json_t *cm_values_fit_base(struct cm_step *step, const char *text, struct cm_err **err);
/* What does not, in words; "": all do. NULL: it cannot be told. Caller frees. */
char *cm_values_misfit(struct cm_step *step, struct cm_err **err);
/* Before something is deployed. 0: they do. -1: they do not; says which, and what to type. */
int cm_values_fit(struct cm_step *step, struct cm_err **err);
/* The fact by which the next steps name the step that has to be done again: {"step"}; null once all is well. */
#define CM_FACT_STALE "values.stale"

#endif
