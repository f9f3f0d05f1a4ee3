/* actions/build_jobs.h: what an item's jobs say about a build whose answer or task was lost. Pure: asks nobody. */
#ifndef CM_ACTIONS_BUILD_JOBS_H
#define CM_ACTIONS_BUILD_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum cm_jobs_say {
    CM_JOBS_NONE,          /* no build job of ours is there */
    CM_JOBS_ACTIVE,        /* one runs */
    CM_JOBS_BUILT,         /* all that are ours ended with exit code 0 */
    CM_JOBS_FAILED,        /* one ended with another exit code */
    CM_JOBS_UNCLEAR,       /* one ended and nothing says how */
    CM_JOBS_UNREAD,        /* what came is no list of jobs: says nothing (a login page, a proxy's own) */
};

struct cm_jobs_question {
    int64_t since_ms;              /* server's clock: jobs that started earlier are somebody else's */
    const json_t *known;           /* keys of jobs that were there before the request; NULL */
    const json_t *ours;            /* keys of jobs that are ours whatever their start; NULL */
    bool any_active;               /* a job that runs now is taken for ours (the server said that one is running) */
};
struct cm_jobs_answer {
    enum cm_jobs_say say;
    size_t count;                  /* of jobs that are ours */
    const json_t *job;             /* the one that decided; borrowed; NULL for CM_JOBS_NONE */
};

/* jobs: the array of GET v1/content/GUID/jobs. Build jobs have tags that end in _restore (packrat_restore, python_restore). */
struct cm_jobs_answer cm_build_jobs(const json_t *jobs, const struct cm_jobs_question *q);
/* Keys of all build jobs (new reference), or of those that are ours (q not NULL). */
json_t *cm_build_job_keys(const json_t *jobs, const struct cm_jobs_question *q);

#endif
