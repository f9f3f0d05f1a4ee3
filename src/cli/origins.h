/* cli/origins.h: what the plan did not say and was derived, each with where it came from: shown by preview and check. */
#ifndef CM_CLI_ORIGINS_H
#define CM_CLI_ORIGINS_H

#include <stdio.h>

#include "plan/plan.h"

/* "  target.namespace: posit-connect    # derived: …" a line; with_defaults: also what stands at its default. */
void cm_print_origins(FILE *out, const struct cm_plan *plan, bool with_defaults);

#endif
