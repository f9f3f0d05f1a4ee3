/* adapters/http.h: HTTP by libcurl multi on the loop. Redirects are followed only within the same origin; the key goes nowhere
 * else. Bodies are bounded. Everything about a request that was sent and not answered is told: `sent` decides on doubt. */
#ifndef CM_ADAPTERS_HTTP_H
#define CM_ADAPTERS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/err.h>
#include <cm/loop.h>

#include "base/secret.h"

struct cm_http;
struct cm_http_call;

struct cm_http_request {
    const char *method, *url;
    const char *const *headers;           /* NULL-ended; may be NULL */
    const struct cm_secret *key;          /* sent as "Authorization: Key …"; NULL: none */
    const char *body; size_t body_bytes;  /* NULL: none */
    const char *ca_file;                  /* NULL: the system's */
    const char *resolve;                  /* HOST:PORT:ADDRESS, the address an IP or a name; NULL */
    bool no_proxy;                        /* never through a proxy (a port-forward) */
    const char *cookies;                  /* name of a jar kept in cm_http; NULL: none */
    bool no_follow;                       /* hand out a redirect as it is, also within the origin */
    int64_t timeout_ms;                   /* whole request; > 0 */
    size_t body_max_bytes;                /* of the answer; 0: 64 MiB */
    /* Called with pieces of the answer's body as they come, instead of collecting it (status 200 only); NULL: collect. -1 stops. */
    int (*piece)(void *ctx, const char *bytes, size_t n);
    void *piece_ctx;
};
struct cm_http_answer {
    long status;                          /* 0: no answer */
    char *body; size_t body_bytes;        /* NUL-terminated; owned; NULL when pieces were handed out */
    char *content_type, *location, *server_date;     /* owned; NULL */
    bool sent;                            /* at least a byte of the request may have left: without an answer, it is in doubt */
    char *problem;                        /* curl's words when status is 0; owned */
    bool untrusted;                       /* its certificate is not trusted, or is for another name: asking again does not mend that */
    int64_t took_ms;
    char peer[64];                        /* address that answered */
};
void cm_http_answer_fini(struct cm_http_answer *a);

struct cm_http *cm_http_new(struct cm_loop *loop);
void cm_http_free(struct cm_http *h);
void cm_http_after_fork(struct cm_http *h);
/* Start; `done` is called from the loop exactly once, then the call is gone. The request's memory is copied. */
struct cm_http_call *cm_http_send(struct cm_http *h, const struct cm_http_request *r,
                                  void (*done)(void *ctx, struct cm_http_answer *a), void *ctx);
void cm_http_cancel(struct cm_http_call *c);             /* done is not called */
/* Send and wait. 0: there is an answer or a problem (look at status). -1: cancelled. */
int cm_http_do(struct cm_http *h, const struct cm_http_request *r, struct cm_http_answer *a, struct cm_err **err);

/* Percent-encode one path segment or query value (RFC 3986: all but unreserved); caller frees. */
char *cm_http_escape(const char *text);
/* What `resolve` of a request needs so that this URL's host is asked at ADDRESS (IP or name); caller frees; NULL: no URL. */
char *cm_http_resolve(const char *url, const char *address);
/* Same scheme, host and port (RFC 6454); false also when one is no URL. */
bool cm_http_same_origin(const char *a, const char *b);

#endif
