/* world/http.c: Connect's listeners on 127.0.0.1: the VM's, one for each pod (reached through port-forward), and the public name's,
 * which answers as whoever stands behind it. libmicrohttpd in epoll mode on the world's loop: no threads. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

struct listener {
    struct world *w;
    enum face face;
    struct pod *pod;
    struct MHD_Daemon *daemon;
    struct cm_watch *watch;
    struct cm_timer *timer;
    struct request *requests;
    int port;
};

static void serve_more(struct listener *l);

static void due(void *ctx)
{
    struct listener *l = ctx;
    l->timer = NULL;
    serve_more(l);
}

/* Run until it has nothing to do at once; what it says is left waits for its descriptor or a timer. */
static void serve_more(struct listener *l)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;
    for (int i = 0; i < 32; i++) {
        MHD_run(l->daemon);
        if (MHD_get_timeout(l->daemon, &wait) != MHD_YES)
            return;
        if (wait > 0)
            break;
    }
    if (l->timer == NULL)
        l->timer = cm_loop_timer(l->w->loop, cm_loop_now_ms(l->w->loop) + (int64_t)(wait > 0 ? wait : 1), 0, due, l);
}

static void readable(void *ctx, int fd, short revents)
{
    (void)fd;
    (void)revents;
    serve_more(ctx);
}

static void request_free(struct request *r)
{
    for (struct request **at = &r->listener->requests; *at != NULL; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    cm_timer_drop(r->timer);
    cm_str_fini(&r->body);
    json_decref(r->json);
    free(r->method);
    free(r->path);
    free(r);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
    (void)ctx;
    (void)connection;
    (void)why;
    if (*state != NULL)
        request_free(*state);
    *state = NULL;
}

const char *request_arg(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

long request_arg_int(const struct request *r, const char *name, long otherwise)
{
    const char *s = request_arg(r, name);
    return s != NULL && s[0] != '\0' ? strtol(s, NULL, 10) : otherwise;
}

static int send_text(struct request *r, unsigned status, const char *type, const char *server, char *taken, size_t n)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(n, taken, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Server", server);
    int queued = MHD_queue_response(r->connection, status, response) == MHD_YES;
    MHD_destroy_response(response);
    return queued;
}

int answer_json(struct request *r, unsigned status, json_t *taken)
{
    char *text = json_dumps(taken, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(taken);
    return send_text(r, status, "application/json; charset=utf-8", "Posit Connect v" WORLD_CONNECT_VERSION, text, strlen(text));
}

int answer_text(struct request *r, unsigned status, const char *type, const char *server, const char *text)
{
    return send_text(r, status, type, server, cm_strdup(text), strlen(text));
}

int answer_error(struct request *r, unsigned status, int code, const char *fmt, ...)
{
    cm_autostr text = CM_STR(CM_STR_LINE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&text, fmt, ap);
    va_end(ap);
    return answer_json(r, status, json_pack("{s:i, s:s, s:n}", "code", code, "error", cm_str_text(&text), "payload"));
}

static void wake(void *ctx)
{
    struct request *r = ctx;
    r->timer = NULL;
    if (!r->suspended)
        return;
    r->suspended = false;
    r->resumed = true;
    MHD_resume_connection(r->connection);
    if (r->listener->timer == NULL)
        r->listener->timer = cm_loop_timer(r->w->loop, cm_loop_now_ms(r->w->loop), 0, due, r->listener);
}

void request_suspend(struct request *r, int64_t at_ms)
{
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    r->timer = cm_loop_timer(r->w->loop, at_ms, 0, wake, r);
}

static void wake_of(struct listener *l, const struct task *t)
{
    for (struct request *r = l != NULL ? l->requests : NULL, *next; r != NULL; r = next) {
        next = r->next;
        if (r->suspended && (t == NULL || r->waits == t)) {
            cm_timer_drop(r->timer);
            wake(r);
        }
    }
}

void requests_wake(struct world *w, const struct task *t)
{
    wake_of(w->vm_listener, t);
    wake_of(w->public_listener, t);
    for (struct pod *p = w->pods; p != NULL; p = p->next)
        wake_of(p->listener, t);
}

/* Whose key: "Authorization: Key …", or the second header for ingresses that eat the first. */
static void who(struct request *r)
{
    const char *said = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "X-RSC-Authorization");
    if (said == NULL)
        said = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Authorization");
    if (said == NULL || strncmp(said, "Key ", 4) != 0)
        return;
    r->admin = strcmp(said + 4, info_text(r->w, "api_key")) == 0;
    r->publisher = strcmp(said + 4, info_text(r->w, "api_key_publisher")) == 0;
}

static int maintenance(struct request *r)
{
    return answer_text(r, 503, "text/html; charset=utf-8", "maintenance",
                       "<html><head><title>Maintenance</title></head><body><h1>Posit Connect is being "
                       "moved</h1><p>It is back tomorrow morning.</p></body></html>\n");
}

static int webhook(struct request *r)
{
    if (drill_is(r->w, "webhook-fails"))
        return answer_text(r, 500, "text/plain", "hooks", "internal error\n");
    effect(r->w, "webhook", json_pack("{s:I}", "bytes", (json_int_t)r->body.len));
    cm_autofree char *path = world_path(r->w, "webhook.jsonl");
    FILE *f = fopen(path, "ae");
    if (f != NULL) {
        fprintf(f, "%s\n", cm_str_text(&r->body));
        fclose(f);
    }
    return answer_text(r, 200, "text/plain", "hooks", "ok\n");
}

/* Behind the public name stands a load balancer: it answers 503 while access is closed, 502 when nobody is up behind it. */
static int serve_public(struct request *r)
{
    const char *access = cm_json_text(r->w->state[STATE_VM], "access", "vm");
    if (strncmp(r->path, "/__world__/hook/", 16) == 0 && strcmp(r->path + 16, info_text(r->w, "webhook_secret")) == 0)
        return webhook(r);
    if (strcmp(access, "closed") == 0)
        return maintenance(r);
    r->pod = strcmp(access, "pod") == 0 ? pod_serving(r->w) : NULL;
    if (strcmp(access, "pod") == 0 ? r->pod == NULL : !vm_up(r->w))
        return answer_text(r, 502, "text/html", "balancer", "<html><body><h1>502 Bad Gateway</h1></body></html>\n");
    return api_serve(r);
}

static int serve(struct request *r)
{
    struct world *w = r->w;
    marker_look(w);
    drill_look(w);
    if (r->body.len > 0)
        r->json = json_loadb(r->body.data, r->body.len, JSON_DECODE_ANY, NULL);
    int status = r->listener->face == FACE_PUBLIC ? serve_public(r) : api_serve(r);
    violation_check(w);
    state_flush(w);
    return status;
}

static enum MHD_Result asked(void *ctx, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                             const char *upload, size_t *upload_bytes, void **state)
{
    struct listener *l = ctx;
    struct request *r = *state;
    (void)version;
    if (r == NULL) {
        r = cm_alloc(sizeof *r);
        *r = (struct request){.w = l->w,
                              .listener = l,
                              .connection = connection,
                              .pod = l->pod,
                              .method = cm_strdup(method),
                              .path = cm_strdup(url),
                              .body = CM_STR(CM_STR_PAGE),
                              .next = l->requests};
        l->requests = r;
        *state = r;
        who(r);
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        cm_str_add_bytes(&r->body, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    return serve(r) != 0 ? MHD_YES : MHD_NO;
}

static int listen_on(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 256) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

struct listener *listener_open(struct world *w, enum face face, struct pod *pod, int *port, struct cm_err **err)
{
    int fd = listen_on(port);
    if (fd < 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot listen on 127.0.0.1:%d", *port);
        return NULL;
    }
    struct listener *l = cm_alloc(sizeof *l);
    *l = (struct listener){.w = w, .face = face, .pod = pod, .port = *port};
    l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, asked, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_END);
    if (l->daemon == NULL) {
        cm_fail(err, CM_E_FAILED, "libmicrohttpd does not start");
        close(fd);
        free(l);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    l->watch = cm_loop_fd(w->loop, info->epoll_fd, POLLIN, readable, l);
    return l;
}

int listener_port(const struct listener *l) { return l->port; }

void listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    wake_of(l, NULL); /* a suspended request must not be left when the daemon stops */
    cm_watch_drop(l->watch);
    cm_timer_drop(l->timer);
    l->timer = NULL;
    MHD_stop_daemon(l->daemon);
    cm_timer_drop(l->timer);
    while (l->requests != NULL)
        request_free(l->requests);
    free(l);
}
