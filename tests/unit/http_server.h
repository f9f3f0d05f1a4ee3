/* A small real HTTP server for tests: libmicrohttpd in a thread of its own. The test gives one function that answers; it is called
 * with the server's lock held, so that what it counts can be read by the test under http_server_lock. */
#ifndef CM_TESTS_HTTP_SERVER_H
#define CM_TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

struct http_asked {                    /* one request, as the server saw it */
    const char *method, *path, *query, *body;
    const char *authorization, *cookie, *type;
    struct MHD_Connection *connection;
};
struct http_says {                     /* the answer; zeroed before each call */
    unsigned status;                   /* 0: the connection is closed without an answer */
    const char *type, *location, *cookie;
    char *body;                        /* malloc'd, taken; NULL: empty */
    size_t body_bytes;                 /* 0: strlen */
    int delay_ms;
};
struct http_server {
    struct MHD_Daemon *daemon;
    unsigned short port;
    char url[64];
    pthread_mutex_t lock;
    void (*answer)(void *ctx, const struct http_asked *asked, struct http_says *says);
    void *ctx;
    int requests;
};

struct http_body { char *text; size_t n; };

static enum MHD_Result http_header(struct MHD_Response *r, const char *name, const char *value)
{
    return value != NULL ? MHD_add_response_header(r, name, value) : MHD_YES;
}

static enum MHD_Result http_answer(struct http_server *s, struct MHD_Connection *c, const char *path, const char *method,
                                   const struct http_body *b)
{
    struct http_says says = { 0 };
    struct http_asked asked = {
        .method = method, .path = path, .body = b->text != NULL ? b->text : "", .connection = c,
        .query = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "q"),
        .authorization = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"),
        .cookie = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Cookie"),
        .type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type"),
    };
    pthread_mutex_lock(&s->lock);
    s->requests++;
    s->answer(s->ctx, &asked, &says);
    pthread_mutex_unlock(&s->lock);
    if (says.delay_ms > 0)
        usleep((unsigned)says.delay_ms * 1000);
    if (says.status == 0) {
        free(says.body);
        return MHD_NO;
    }
    if (says.body == NULL)
        says.body = calloc(1, 1);
    size_t n = says.body_bytes != 0 ? says.body_bytes : strlen(says.body);
    struct MHD_Response *r = MHD_create_response_from_buffer(n, says.body, MHD_RESPMEM_MUST_FREE);
    (void)http_header(r, "Content-Type", says.type != NULL ? says.type : "application/json");
    (void)http_header(r, "Location", says.location);
    (void)http_header(r, "Set-Cookie", says.cookie);
    enum MHD_Result got = MHD_queue_response(c, says.status, r);
    MHD_destroy_response(r);
    return got;
}

static enum MHD_Result http_handle(void *ctx, struct MHD_Connection *c, const char *path, const char *method, const char *version,
                                   const char *data, size_t *n, void **state)
{
    struct http_body *b = *state;

    (void)version;
    if (b == NULL) {
        *state = calloc(1, sizeof *b);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*n > 0) {
        char *text = realloc(b->text, b->n + *n + 1);
        if (text == NULL)
            return MHD_NO;
        memcpy(text + b->n, data, *n);
        b->text = text;
        b->n += *n;
        b->text[b->n] = '\0';
        *n = 0;
        return MHD_YES;
    }
    return http_answer(ctx, c, path, method, b);
}

static void http_ended(void *ctx, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    struct http_body *b = *state;

    (void)ctx;
    (void)c;
    (void)why;
    if (b != NULL)
        free(b->text);
    free(b);
}

static bool http_server_start(struct http_server *s,
                              void (*answer)(void *ctx, const struct http_asked *asked, struct http_says *says), void *ctx)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->answer = answer;
    s->ctx = ctx;
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, http_handle, s, MHD_OPTION_SOCK_ADDR,
                                 (struct sockaddr *)&here, MHD_OPTION_NOTIFY_COMPLETED, http_ended, NULL, MHD_OPTION_END);
    if (s->daemon == NULL)
        return false;
    s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)s->port);
    return true;
}

static void http_server_stop(struct http_server *s)
{
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    pthread_mutex_destroy(&s->lock);
}

#endif
