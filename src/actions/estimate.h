/* actions/estimate.h: how long the service will be down, users out, and a way back would take, as ranges, from numbers that were seen:
 * files and bundles (the migration guide: the first start depends on them and on differing owners), the items to be built and their
 * last builds, an earlier run. What no number is known of gets an assumption, and the basis says so.
 *
 * Pure: reads nothing, asks nobody. Times in ms; ranges are rounded outwards, so that small changes give the same words. */
#ifndef CM_ACTIONS_ESTIMATE_H
#define CM_ACTIONS_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct cm_span { int64_t low_ms, high_ms; };

struct cm_estimate_in {
    int64_t files, other_owners, bundles, used_bytes;    /* -1: not known. used_bytes: of the whole file system */
    bool files_at_least;                 /* the count was cut off */
    bool has_server;                     /* there is an old server that is stopped (not for the Launcher's upgrade) */
    bool backup;                         /* a backup is taken in the downtime */
    bool images_ahead;                   /* images are pulled before it */
    size_t priority, parallel, runtimes; /* items to build, how many at a time; warm-ups before them */
    const int64_t *build_ms; size_t builds;      /* the last build of those items that have one */
    int64_t revert_by_ms, window_start_ms, window_end_ms, now_ms;        /* wall; 0: none (now is always given) */
    const json_t *earlier;               /* {"from", "at", "forward": {action: ms}, "back": {action: ms}, "built"}; NULL: none */
};

enum cm_fit { CM_FIT_NO_WINDOW, CM_FIT_YES, CM_FIT_MAYBE_NOT, CM_FIT_NO };

struct cm_estimate {
    struct cm_span service, users, build, back;
    int64_t room_ms;                     /* from now, or the window's beginning, to its end; 0: none */
    int64_t back_by_ms;                  /* wall: who begins the way back later may not be back inside the window; 0: no window */
    enum cm_fit fit;                     /* of `users` in the room */
    char *basis;                         /* lines, each a reason with its share; owned */
};

void cm_estimate(const struct cm_estimate_in *in, struct cm_estimate *out);
void cm_estimate_fini(struct cm_estimate *e);
/* "4 min to 31 min", "about 2 min"; caller frees. */
char *cm_span_text(struct cm_span s);
/* Is the other range so near that the same words still hold? Both ends within a quarter. */
bool cm_span_near(struct cm_span a, struct cm_span b);

#endif
