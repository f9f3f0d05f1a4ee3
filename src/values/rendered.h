/* values/rendered.h: what the chart prints for a value. Rule: helm holds every YAML number as a 64-bit float and the chart prints
 * it with Go's %v: the shortest digits, with an exponent from 1e+06 upward and below 1e-04. Does not: know settings. */
#ifndef CM_VALUES_RENDERED_H
#define CM_VALUES_RENDERED_H

#include <jansson.h>

/* The text of a scalar in the rendered gcfg; NULL for a map or list. Caller frees. */
char *cm_rendered_text(const json_t *scalar);

#endif
