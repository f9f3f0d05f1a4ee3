/* actions/content_build.h: what the files of content.build share: the step's work, and one item on its way.
 *
 * content_build.c: the action: list, order, launching, the end. content_build_item.c: one item: request, task, retries.
 * content_build_doubt.c: one item whose request or task was lost: its jobs. All callbacks run on the loop and never wait. */
#ifndef CM_ACTIONS_CONTENT_BUILD_H
#define CM_ACTIONS_CONTENT_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/action.h>

#include "adapters/connect.h"

#define CM_BUILD_EFFECT "content.build"

enum cm_build_state { CM_B_WAITING, CM_B_UNDER_WAY, CM_B_ENDED };
enum cm_build_outcome { CM_B_NONE, CM_B_BUILT, CM_B_FAILED, CM_B_GONE, CM_B_SKIPPED, CM_B_LEFT };

struct cm_build;

struct cm_build_item {
    struct cm_build *build;
    char *guid, *title;
    bool known, is_static, published;        /* what the server's list says */
    char *runtime[3];                        /* R, Python, Quarto version; NULL */
    bool warm_up;

    enum cm_build_state state;
    enum cm_build_outcome outcome;
    char *error;                             /* for people; NULL */

    struct cm_intent *intent;                /* of this try */
    int tries;                               /* 1: the first */
    int64_t began_ms;                        /* boot: this try's limit counts from here */
    struct cm_timer *timer;                  /* the next thing to do */
    int64_t pause_ms;                        /* between polls; grows */
    char *task;
    int64_t first;                           /* line of the task's output to read next */
    json_t *tail;                            /* its last lines */
    size_t look;                             /* of connect.doubt */
    bool resumed;                            /* taken up from the record: its first look is made at once */
    bool any_active;
    json_t *known_jobs, *our_jobs;
};

struct cm_build {
    struct cm_step *step;
    struct cm_connect *connect;
    struct cm_loop *loop;
    struct cm_build_item **order;            /* warm-up first, then the list's order */
    struct cm_build_item *items;
    size_t count, next, warm;                /* next: in order; warm: how many of order are the warm-up */
    size_t running, warm_running, ended;
    size_t asking;                           /* intents not yet durable, and POSTs not yet answered */
    int64_t parallel, retries, timeout_ms, revert_by_ms;     /* revert_by: wall; CM_NEVER */
    int64_t *doubt_ms; size_t doubts;
    int64_t offset_ms;                       /* lower bound of the server's clock minus ours; INT64_MIN: not known */
    bool launching;                          /* what is on record was taken up: new items may go */
    bool stop;                               /* nothing new */
    struct cm_err *fault;                    /* why it stopped; NULL: no fault */
};

/* content_build.c */
void cm_build_end(struct cm_build_item *i, enum cm_build_outcome outcome, const char *error);
void cm_build_stop(struct cm_build *b, struct cm_err *taken);          /* a fault that is not of one item */
void cm_build_clock(struct cm_build *b, const struct cm_reply *r);     /* learn the server's clock */
void cm_build_after(struct cm_build_item *i, int64_t ms, void (*due)(void *item));
/* content_build_item.c */
void cm_build_start(struct cm_build_item *i);                          /* a new try: intent, then request */
void cm_build_poll(struct cm_build_item *i);                           /* its task is on record */
void cm_build_fail(struct cm_build_item *i, const char *error, bool may_pass);      /* this try failed: again, or the end */
void cm_build_again(struct cm_build_item *i, const char *why);         /* it did not happen: close and send again */
void cm_build_close(struct cm_build_item *i, enum cm_build_outcome outcome, const char *error);
bool cm_build_late(struct cm_build_item *i);                           /* over its limit: ended, true */
int64_t cm_build_pause(struct cm_build_item *i, int64_t most_ms);      /* the next pause, growing */
/* content_build_doubt.c */
void cm_build_doubt(struct cm_build_item *i, const char *why);         /* look for its jobs */
void cm_build_watch(struct cm_build_item *i);                          /* its jobs are adopted */

#endif
