/* actions/registry.h: all actions, in the order of DESIGN's table; the one place that names them. */
#ifndef CM_ACTIONS_REGISTRY_H
#define CM_ACTIONS_REGISTRY_H

#include <cm/action.h>

extern const struct cm_action *const cm_actions[];       /* NULL-ended */

#endif
