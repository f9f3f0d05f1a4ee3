/* values/below.h: a values file for a chart that has Connect's as a dependency. Does not: find out the key (plan/plan.h). */
#ifndef CM_VALUES_BELOW_H
#define CM_VALUES_BELOW_H

/* The text of a values file of Connect's chart, in block style as we write it, with all of it below this dotted key; comments at its
 * beginning stay above. key NULL: as it is. Caller frees. */
char *cm_values_put_below(const char *text, const char *key);

#endif
