/* actions/pods_check.h: what the files of pods.check share: a trial, what is to be tried (pods_wish.c), a Job's run (pods_check.c), what it
 * means (pods_verdict.c). Nobody else includes it. */
#ifndef CM_ACTIONS_PODS_CHECK_H
#define CM_ACTIONS_PODS_CHECK_H

#include <stdbool.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/pods_trial.h"
#include "actions/source.h"

struct trial {
    struct cm_step *step;
    const char *ns;                      /* that content runs in */
    const struct cm_source *source;      /* NULL: there is no old server, or it is not reached */
    json_t *base;                        /* job.yaml of the rendered ConfigMap; NULL: none */
    json_t *images;                      /* {image: "paths"} */
    struct cm_str hosts, databases;      /* "host:port" or "host:port:tls" each, parted by blanks; databases are among the hosts */
    const char *claim, *mount_path, *sub_path, *nonce;
    char *key;                           /* the server's, hashed; NULL: not known */
    char *drivers;                       /* ODBC drivers of the server, a line each; NULL: not known */
    char *user, *user_id;                /* Applications.RunAs, and its id on the server; user_id NULL: not known there */
    const char *token;                   /* what stands in the file on the server that pods should see; NULL: none was written */
    int patience_s;
    struct cm_str started, refused, rights, stuck, waiting, ids, no_network, database_network, no_trust, missing, keys;
    struct cm_str seen_late, not_seen, not_seen_back, squashed, no_drivers, no_user;
    const char *reason;                  /* of all refusals alike; "": there is none, or they differ; NULL: nothing was refused */
    bool key_other, key_same, key_unreadable, seen, seen_back;
    long latest_s;                       /* the longest that a pod, or the server, waited for the other's file */
};

enum { CM_PODS_IMAGES_MOST = 5 };

/* pods_wish.c. 0 ready, 1 there is nothing to try (said), -1. */
int cm_pods_prepare(struct trial *t, struct cm_err **err);

/* pods_verdict.c */
void cm_pods_judge(struct trial *t, const char *image, const struct cm_trial_seen *s);
/* owner: of the pod's file as the server sees it; NULL: it was not seen there, waited_s or longer. */
void cm_pods_judge_back(struct trial *t, const char *image, const struct cm_trial_seen *s, const char *owner, long waited_s);
int cm_pods_say(struct trial *t, struct cm_err **err);
/* What the API server said against the Jobs (t->refused), as one blocker; a warning where it says the same against the release. */
int cm_pods_say_refused(struct trial *t, const char *what, struct cm_err **err);
void cm_pods_say_rights(struct trial *t);
/* The API server refuses the Job, or its pods, with these words. */
void cm_pods_refused(struct trial *t, const char *words);
/* The same words for several images are said once. */
void cm_pods_add(struct cm_str *list, const char *words);

#endif
