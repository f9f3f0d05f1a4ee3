/* actions/source_retire.h: did a person attest that the old server is switched off or gone? Then nothing is asked of it any more. */
#ifndef CM_ACTIONS_SOURCE_RETIRE_H
#define CM_ACTIONS_SOURCE_RETIRE_H

#include <cm/action.h>

bool cm_source_is_gone(const struct cm_step *step);

#endif
