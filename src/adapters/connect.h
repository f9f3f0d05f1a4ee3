/* adapters/connect.h: the Connect Server API (base/__api__/…, the key as "Authorization: Key"). Shapes: Posit's API reference.
 *
 * An error object {"code","error","payload"} is kept; a 404 without a code means that this version has no such endpoint. A 402
 * means no valid license. Reading requests repeat 429, 502, 503, 504 and lost connections within the step's limit. A changing request
 * is never repeated here: its answer says whether Connect itself answered (`answered`); if not and `sent`, it is in doubt. */
#ifndef CM_ADAPTERS_CONNECT_H
#define CM_ADAPTERS_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/action.h>

struct cm_connect;

/* A client of one server. `url` without /__api__; keyed by connect.api_key of the plan (resolved at first use). no_proxy: for a
 * port-forward. Lives until freed; after the outside's fork call workers make their own. */
struct cm_connect *cm_connect_new(struct cm_outside *o, const char *url, bool no_proxy);
void cm_connect_free(struct cm_connect *c);
const char *cm_connect_url(const struct cm_connect *c);
bool cm_connect_is_forwarded(const struct cm_connect *c); /* its address is ours, by a port-forward (no_proxy) */

struct cm_reply {
    long status;   /* HTTP; 0: no answer */
    bool answered; /* by Connect itself: any status but 429, 502, 503, 504 without an API error body */
    bool sent;
    int code;          /* API error code; -1: none */
    json_t *body;      /* owned; NULL: not JSON */
    char *problem;     /* owned; for people: "502 Bad Gateway", "4: Cache does not exist", curl's words; NULL below 400 */
    int64_t server_ms; /* wall clock of its Date header; 0: none */
    char *location;    /* redirect target of a page; owned; NULL: none */
    char *text;        /* beginning of a page that is not JSON, at most 64 KiB; owned; NULL: none (pages only) */
};
void cm_reply_fini(struct cm_reply *r);
#define cm_autoreply CM_CLEANUP(cm_reply_fini) struct cm_reply
/* Fill `err` with what a reply other than 200 means and what to type; returns -1. `what`: "GET v1/user". */
int cm_reply_fail(const struct cm_reply *r, const struct cm_connect *c, const char *what, struct cm_err **err);

/* GET /__api__/PATH. Any answer of Connect is 0 (look at status); -1: not reached within the limit (passing) or cancelled. */
int cm_connect_get(struct cm_step *step, struct cm_connect *c, const char *path, struct cm_reply *r, struct cm_err **err);
/* As cm_connect_get; a status other than 200 is an error with what it means (401 key, 402 license, 403 role, 404 version). */
int cm_connect_get_ok(struct cm_step *step, struct cm_connect *c, const char *path, json_t **body, struct cm_err **err);
/* GET base/__ping__ without a key, no repeats: the HTTP status, 0: nobody answers. */
int cm_connect_ping(struct cm_step *step, struct cm_connect *c, long *status, struct cm_err **err);
/* Why the newest ping did not trust who answered; NULL: it did, or nobody answered. */
const char *cm_connect_untrusted(const struct cm_connect *c);
/* GET a page (content) with the key, without waiting: status, redirect target, bytes and its beginning; never follows. `done` borrows
 * the reply. */
void cm_connect_page_soon(struct cm_connect *c, const char *path, int64_t timeout_ms,
                          void (*done)(void *ctx, struct cm_reply *r, size_t bytes), void *ctx);
/* An array body, item by item as it streams, without holding the whole: `each` borrows the item; -1 from it stops. */
int cm_connect_each(struct cm_step *step, struct cm_connect *c, const char *path,
                    int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx, struct cm_err **err);

/* Without waiting; `done` borrows the reply. No repeats. For polls and look-ups of the build. Who leaves before `done` was
 * called must say so: cm_connect_forget. */
void cm_connect_get_soon(struct cm_connect *c, const char *path, int64_t timeout_ms, void (*done)(void *ctx, struct cm_reply *r),
                         void *ctx);
/* A changing request. The intent must be durable. POST/DELETE/PATCH with a JSON body (borrowed; may be NULL). */
void cm_connect_change_soon(struct cm_intent *intent, struct cm_connect *c, const char *method, const char *path,
                            const json_t *body, int64_t timeout_ms, void (*done)(void *ctx, struct cm_reply *r), void *ctx);
int cm_connect_change(struct cm_intent *intent, struct cm_connect *c, const char *method, const char *path, const json_t *body,
                      struct cm_reply *r, struct cm_err **err);
/* Drop all requests under way whose `done` would get this ctx; a changing one among them is in doubt. */
void cm_connect_forget(struct cm_connect *c, const void *ctx);
/* Follow a task to its end: 0 finished (*task new reference with code, error, output). *forgotten: the server does not know it
 * any more (404 with a code). -1: not reached within the limit, or cancelled. */
int cm_connect_task(struct cm_step *step, struct cm_connect *c, const char *id, json_t **task, bool *forgotten,
                    struct cm_err **err);

#endif
