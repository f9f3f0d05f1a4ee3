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
    const char *hosts;                   /* "db.example.com:5432 smtp:25 sso:443:tls" */
    const char *paths;                   /* runtimes, parted by blanks */
    const char *user;                    /* looked for in the image; NULL: none */
    const char *token;                   /* stands in .connect-migrate-trial of the storage, and is written back; NULL: not tried */
    int patience_s;                      /* how long that file is waited for */
};
/* base: the chart's job.yaml as JSON. New reference. */
json_t *cm_trial_job(const json_t *base, const struct cm_trial_wish *w);
/* The pod that the Job controller would make of it; new reference. */
json_t *cm_trial_pod(const json_t *job);

struct cm_trial_seen {                   /* owned */
    bool whole;                          /* the script came to its end */
    char *ids;                           /* "999:999" */
    char *key;                           /* 64 hex digits, "absent", "unreadable", "no-folder"; NULL: no storage */
    bool writable;
    char *no_name, *no_answer;           /* hosts that have no address, or do not answer; "" */
    char *no_trust;                      /* hosts whose TLS the image does not accept; "" */
    char *user_id;                       /* of the wished user in the image; "": it has none; NULL: not asked */
    char *drivers;                       /* ODBC drivers of the image, a line each; "" */
    char *seen_after;                    /* seconds until the file of the server was seen, "never", "closed"; NULL: not tried */
    char *made;                          /* "999:999", owner of the file it made, as it sees it; NULL: none was made */
    char *missing;                       /* paths that are not executables; "" */
};
void cm_trial_read(const char *log, struct cm_trial_seen *out);
void cm_trial_fini(struct cm_trial_seen *s);
/* Why its pod does not run: "ErrImagePull: …"; *lasting: it will not by itself. NULL: it runs, or may still. Caller frees. */
char *cm_trial_stuck(const json_t *pod, bool *lasting);


/* The files in the data folder that a trial makes for a moment, on the server and in the pod. */
#define CM_TRIAL_FILE ".connect-migrate-trial"
#define CM_TRIAL_FILE_BACK ".connect-migrate-trial-pod"

#endif
