/* actions/downtime_estimate.h: the estimate on record, in words: for the gate. */
#ifndef CM_ACTIONS_DOWNTIME_ESTIMATE_H
#define CM_ACTIONS_DOWNTIME_ESTIMATE_H

#include <jansson.h>

/* fact: "downtime.estimate", {"service", "users", "build", "back": {"low_ms", "high_ms"}, "back_by_ms" (wall; 0: no window), "basis":
 * [text]}. zone: of the window; NULL: local. Caller frees. */
char *cm_estimate_words(const json_t *fact, const char *zone);

#endif
