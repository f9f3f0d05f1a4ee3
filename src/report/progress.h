/* report/progress.h: how far the builds are, from the record's model alone: counts, rate, what is left as a range with its basis, the one
 * that runs longest. The terminal shows it; it decides nothing.
 *
 * Left: the builds that wait, at the mean length of those that ended, plus what the running ones still need by the same sample, shared
 * by as many as run side by side. The range is 1.64 standard errors to each side (nine of ten times, for lengths like those seen), at
 * least a tenth. Without three ended builds there is no estimate. One that runs longer than any that ended has no known end: then the
 * upper bound is not known either. */
#ifndef CM_REPORT_PROGRESS_H
#define CM_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/model.h"

enum { CM_PROGRESS_SAMPLE = 3 };

struct cm_progress {
    size_t total;                        /* to be built; 0: not known */
    size_t ended, failed, running;
    size_t parallel;
    size_t sample; int64_t mean_ms;      /* builds that ended with a result, and their mean length */
    double per_hour;                     /* ended in the last 10 minutes, by the hour; 0: none */
    const char *longest;                 /* title of the one that runs longest; NULL; the model's */
    int64_t longest_ms;
    bool estimated, open_ended;          /* open_ended: at least low_ms */
    int64_t low_ms, high_ms;
};

/* The builds of the newest walk forward. */
void cm_progress_of_builds(const struct cm_model *m, int64_t now_wall_ms, struct cm_progress *out);
/* "12 to 18 min", "less than a minute", "2 h 10 min or more"; "not known yet". Caller frees. */
char *cm_progress_left(const struct cm_progress *p);
/* "23 builds took 1 min 35 s on average, 3 at a time": what the range rests on. Caller frees. */
char *cm_progress_basis(const struct cm_progress *p);
/* "40 s to 16 min": the way back, as it was estimated before the downtime. Caller frees; NULL: there is no estimate. */
char *cm_way_back_length(const struct cm_model *m);
/* A length for people, in at most two units: "8 s", "1 min 35 s", "12 min", "2 h 05 min". Caller frees. */
char *cm_length_text(int64_t ms);

#endif
