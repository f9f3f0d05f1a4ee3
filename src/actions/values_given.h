/* actions/values_given.h: which values files helm is given while they may still change: a file with Launcher values is converted in memory
 * whenever it is looked at, so that every check ahead of config.convert judges what will be deployed, and not the file of before. */
#ifndef CM_ACTIONS_VALUES_GIVEN_H
#define CM_ACTIONS_VALUES_GIVEN_H

#include <cm/action.h>

#include "actions/values_copies.h"

/* To be called once for an outside (cm_helm_given_by). */
void cm_values_given_begin(struct cm_outside *o);
/* The plan's files as they are now, converted as config.convert does it; borrowed until they are asked for again. -1: one cannot be read, or
 * cannot be converted safely. */
int cm_values_given(struct cm_step *step, const struct cm_values_set **set, struct cm_err **err);
/* Does this walk convert them, and may their conversion still change? */
bool cm_values_given_counts(struct cm_step *step);
/* That cm_values_given failed so, as a finding with the place: a blocker. */
void cm_values_given_refused(struct cm_step *step, const struct cm_err *why);
/* What people know the i-th file as that helm is given: FILE, or "FILE (converted)", the same before and after the copy is on record. Arena. */
const char *cm_values_given_name(struct cm_step *step, size_t i, const char *given);

#endif
