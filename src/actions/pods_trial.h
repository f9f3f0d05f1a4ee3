/* actions/pods_trial.h: the short-lived Job of pods.check: made of the chart's own job.yaml, so that it is admitted, scheduled and
 * mounted as content will be; and what its output says. Runs nothing by itself. */
#ifndef CM_ACTIONS_PODS_TRIAL_H
#define CM_ACTIONS_PODS_TRIAL_H

#include <stdbool.h>

#include <jansson.h>

struct cm_trial_wish {                   /* all borrowed */
    const char *name, *image;
    const char *claim, *mount_path, *sub_path;       /* claim NULL: no storage; sub_path may be NULL */
    const char *nonce;                   /* in front of the key when it is hashed */
    const char *hosts;                   /* "db.example.com:5432 smtp:25" */
    const char *paths;                   /* runtimes, parted by blanks */
};
/* base: the chart's job.yaml as JSON. New reference. */
json_t *cm_trial_job(const json_t *base, const struct cm_trial_wish *w);

struct cm_trial_seen {                   /* owned */
    bool whole;                          /* the script came to its end */
    char *ids;                           /* "999:999" */
    char *key;                           /* 64 hex digits, "absent", "unreadable", "no-folder"; NULL: no storage */
    bool writable;
    char *no_name, *no_answer;           /* hosts that have no address, or do not answer; "" */
    char *missing;                       /* paths that are not executables; "" */
};
void cm_trial_read(const char *log, struct cm_trial_seen *out);
void cm_trial_fini(struct cm_trial_seen *s);
/* Why its pod does not run: "ErrImagePull: …"; *lasting: it will not by itself. NULL: it runs, or may still. Caller frees. */
char *cm_trial_stuck(const json_t *pod, bool *lasting);

#endif
