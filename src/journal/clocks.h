/* journal/clocks.h: the two clocks. service: from the first service.stop (or launcher.drain's first effect) to connect.verify done; on
 * a way back from release.scale to source.verify done. users: from access.close happened to access.open done. */
#ifndef CM_JOURNAL_CLOCKS_H
#define CM_JOURNAL_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/model.h"

struct cm_clock_count {
    int64_t total_ms;                    /* of all intervals, an open one up to now */
    int64_t from_ms, to_ms;              /* wall: first beginning; last end (0: none yet, or open) */
    int64_t open_since;                  /* wall; 0: no interval is open */
    bool is_open;
};

/* The plan's window in wall ms; 0 for an edge that it does not name. False: it names none. */
bool cm_window(const struct cm_model *m, int64_t *from_ms, int64_t *to_ms);
void cm_clocks(const struct cm_model *m, int64_t now_ms, struct cm_clock_count *service, struct cm_clock_count *users);

#endif
