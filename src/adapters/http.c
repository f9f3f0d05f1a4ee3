/* adapters/http.c: libcurl's multi_socket interface on the loop.
 *
 * What it does not do: repeat, interpret a status, know Connect. Two rules are held here. A redirect is followed only for
 * reading requests and only within the origin, so that the key goes nowhere else. A changing request always takes a fresh
 * connection: libcurl silently sends a request again when a reused connection turns out dead (Curl_retry_request), which
 * would be a second build or deletion that nobody has on record. */
#include <config.h>

#include "adapters/http.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include <cm/str.h>

#include "base/mem.h"

enum { REDIRECTS_MAX = 5, CONNECT_MS_MAX = 30000, HEADER_MAX = 8192 };
static const size_t body_max_default = (size_t)64 << 20;

struct jar {
    char *name;
    CURLSH *share;
    struct jar *next;
};

struct cm_http {
    struct cm_loop *loop;
    CURLM *multi; /* made at first use; made anew after a fork */
    struct cm_timer *timer;
    struct cm_http_call *calls;
    struct jar *jars;
};

struct cm_http_call {
    struct cm_http *http;
    struct cm_http_call *prev, *next;
    CURL *easy;
    struct curl_slist *headers, *resolve;
    char words[CURL_ERROR_SIZE];
    char *url;
    size_t body_cap, body_max;
    bool reading, no_follow, too_big, stopped;
    int redirects;
    int (*piece)(void *ctx, const char *bytes, size_t n);
    void *piece_ctx;
    void (*done)(void *ctx, struct cm_http_answer *a);
    void *ctx;
    struct cm_http_answer answer;
};

void cm_http_answer_fini(struct cm_http_answer *a)
{
    if (a == NULL)
        return;
    free(a->body);
    free(a->content_type);
    free(a->location);
    free(a->server_date);
    free(a->problem);
    memset(a, 0, sizeof *a);
}

/* ---- sockets and the timer ---- */

static void finish_ended(struct cm_http *h);

static void socket_ready(void *ctx, int fd, short revents)
{
    struct cm_http *h = ctx;
    int what = 0, running = 0;

    if (revents & (POLLIN | POLLHUP))
        what |= CURL_CSELECT_IN;
    if (revents & POLLOUT)
        what |= CURL_CSELECT_OUT;
    if (revents & (POLLERR | POLLNVAL))
        what |= CURL_CSELECT_ERR;
    curl_multi_socket_action(h->multi, fd, what, &running);
    finish_ended(h);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *watch)
{
    struct cm_http *h = ctx;
    struct cm_watch *w = watch;
    short events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        cm_watch_drop(w);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= POLLIN;
    if (what & CURL_POLL_OUT)
        events |= POLLOUT;
    if (w != NULL)
        cm_watch_events(w, events);
    else
        curl_multi_assign(h->multi, fd, cm_loop_fd(h->loop, fd, events, socket_ready, h));
    return 0;
}

static void timer_due(void *ctx)
{
    struct cm_http *h = ctx;
    int running = 0;

    h->timer = NULL;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_ended(h);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct cm_http *h = ctx;

    (void)multi;
    cm_timer_drop(h->timer);
    h->timer = NULL;
    if (timeout_ms >= 0)
        h->timer = cm_loop_timer(h->loop, cm_loop_now_ms(h->loop) + timeout_ms, 0, timer_due, h);
    return 0;
}

/* A child that outlives us must not hold our connections open. */
static int keep_from_children(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    (void)ctx;
    (void)purpose;
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

/* ---- what comes in ---- */

static void keep_header(char **slot, const char *line, size_t n, size_t name_bytes)
{
    const char *from = line + name_bytes, *end = line + n;

    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    free(*slot);
    *slot = cm_strndup(from, (size_t)(end - from));
}

static size_t header_came(char *line, size_t size, size_t count, void *ctx)
{
    struct cm_http_call *c = ctx;
    struct cm_http_answer *a = &c->answer;
    size_t n = size * count;

    if (n > HEADER_MAX)
        return n;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* also behind a 100 or a proxy's own answer: begin anew */
        free(a->content_type);
        free(a->location);
        free(a->server_date);
        a->content_type = a->location = a->server_date = NULL;
    } else if (n > 13 && strncasecmp(line, "Content-Type:", 13) == 0) {
        keep_header(&a->content_type, line, n, 13);
    } else if (n > 9 && strncasecmp(line, "Location:", 9) == 0) {
        keep_header(&a->location, line, n, 9);
    } else if (n > 5 && strncasecmp(line, "Date:", 5) == 0) {
        keep_header(&a->server_date, line, n, 5);
    }
    return n;
}

static size_t body_came(char *bytes, size_t size, size_t count, void *ctx)
{
    struct cm_http_call *c = ctx;
    struct cm_http_answer *a = &c->answer;
    size_t n = size * count;
    long status = 0;

    if (c->piece != NULL) {
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 200) {
            if (c->piece(c->piece_ctx, bytes, n) == 0)
                return n;
            c->stopped = true;
            return 0;
        }
    }
    if (n > c->body_max - a->body_bytes) {
        c->too_big = true;
        return 0;
    }
    if (a->body_bytes + n + 1 > c->body_cap) {
        c->body_cap = (a->body_bytes + n + 1) * 2;
        a->body = cm_realloc(a->body, c->body_cap);
    }
    memcpy(a->body + a->body_bytes, bytes, n);
    a->body_bytes += n;
    a->body[a->body_bytes] = '\0';
    return n;
}

/* ---- the end of a call ---- */

static void forget_headers(struct curl_slist *list)
{
    for (struct curl_slist *s = list; s != NULL; s = s->next)
        cm_wipe(s->data, strlen(s->data)); /* one of them is the key */
    curl_slist_free_all(list);
}

static void call_free(struct cm_http_call *c)
{
    struct cm_http *h = c->http;

    if (c->prev != NULL)
        c->prev->next = c->next;
    else if (h->calls == c)
        h->calls = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    curl_easy_cleanup(c->easy);
    forget_headers(c->headers);
    curl_slist_free_all(c->resolve);
    cm_http_answer_fini(&c->answer);
    free(c->url);
    free(c);
}

/* May a byte have left? Connecting, resolving and the TLS handshake come before the request; PRETRANSFER is set when the
 * request is about to be written. Anything unclear counts as sent. */
static bool was_sent(CURL *easy, CURLcode result)
{
    curl_off_t pretransfer_us = 0;
    long request_bytes = 0;

    switch (result) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return false;
    default: break;
    }
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return pretransfer_us > 0 || request_bytes > 0;
}

static void fill_answer(struct cm_http_call *c, CURLcode result)
{
    struct cm_http_answer *a = &c->answer;
    curl_off_t total_us = 0;
    const char *peer = NULL;

    curl_easy_getinfo(c->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    a->took_ms = total_us / 1000;
    if (curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer != NULL)
        (void)snprintf(a->peer, sizeof a->peer, "%s", peer);
    a->sent = was_sent(c->easy, result);
    a->untrusted = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE;
    if (result == CURLE_OK) {
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a->status);
        if (a->body == NULL && (c->piece == NULL || a->status != 200))
            a->body = cm_strdup("");
        return;
    }
    a->status = 0;
    if (c->too_big)
        a->problem = cm_fmt("the answer is larger than %zu bytes", c->body_max);
    else if (c->stopped)
        a->problem = cm_strdup("reading the answer was stopped");
    else
        a->problem = cm_strdup(c->words[0] != '\0' ? c->words : curl_easy_strerror(result));
}

/* True when the call goes on to the redirect's target. */
static bool follows(struct cm_http_call *c, CURLcode result)
{
    long status = 0;
    char *target = NULL;

    if (result != CURLE_OK || !c->reading || c->no_follow || c->redirects >= REDIRECTS_MAX)
        return false;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        return false;
    curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL || !cm_http_same_origin(c->url, target))
        return false;
    char *url = cm_strdup(target);
    free(c->url);
    c->url = url;
    c->redirects++;
    cm_http_answer_fini(&c->answer);
    c->body_cap = 0;
    curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
    return curl_multi_add_handle(c->http->multi, c->easy) == CURLM_OK;
}

static void finish_ended(struct cm_http *h)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct cm_http_call *c = NULL;
        CURLcode result = m->data.result;
        CURL *easy = m->easy_handle;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
        curl_multi_remove_handle(h->multi, easy);
        if (follows(c, result))
            continue;
        fill_answer(c, result);
        c->done(c->ctx, &c->answer);
        call_free(c);
    }
}

/* ---- starting ---- */

static CURLM *multi_of(struct cm_http *h)
{
    if (h->multi != NULL)
        return h->multi;
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted by libcurl; paired in cm_http_free */
    h->multi = curl_multi_init();
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return h->multi;
}

static CURLSH *jar_of(struct cm_http *h, const char *name)
{
    for (struct jar *j = h->jars; j != NULL; j = j->next)
        if (strcmp(j->name, name) == 0)
            return j->share;
    struct jar *j = cm_alloc(sizeof *j);
    j->name = cm_strdup(name);
    j->share = curl_share_init();
    curl_share_setopt(j->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    j->next = h->jars;
    h->jars = j;
    return j->share;
}

static struct curl_slist *header_list(const struct cm_http_request *r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
        list = curl_slist_append(list, r->headers[i]);
    if (r->key != NULL) {
        char *line = cm_fmt("Authorization: Key %s", cm_secret_reveal(r->key));
        list = curl_slist_append(list, line);
        cm_wipe(line, strlen(line));
        free(line);
    }
    return list;
}

static void set_method(CURL *e, const struct cm_http_request *r)
{
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body != NULL || strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(r->body != NULL ? r->body_bytes : 0));
        curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body != NULL ? r->body : "");
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_reach(struct cm_http_call *c, const struct cm_http_request *r)
{
    CURL *e = c->easy;

    if (r->ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, r->ca_file);
    if (r->resolve != NULL) { /* not CURLOPT_RESOLVE, which takes no names */
        cm_autofree char *to = cm_fmt("%s:", r->resolve);
        c->resolve = curl_slist_append(NULL, to);
        curl_easy_setopt(e, CURLOPT_CONNECT_TO, c->resolve);
    }
    if (r->no_proxy)
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (r->cookies != NULL) {
        curl_easy_setopt(e, CURLOPT_SHARE, jar_of(c->http, r->cookies));
        curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
    }
    if (!c->reading)
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_up(struct cm_http_call *c, const struct cm_http_request *r)
{
    CURL *e = c->easy;
    long limit = (long)r->timeout_ms;

    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_URL, c->url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->words);
    curl_easy_setopt(e, CURLOPT_USERAGENT, PACKAGE "/" VERSION);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, limit);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, limit < CONNECT_MS_MAX ? limit : (long)CONNECT_MS_MAX);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_came);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_came);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, keep_from_children);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
    set_method(e, r);
    set_reach(c, r);
}

struct cm_http_call *cm_http_send(struct cm_http *h, const struct cm_http_request *r,
                                  void (*done)(void *ctx, struct cm_http_answer *a), void *ctx)
{
    CURLM *multi = multi_of(h);
    struct cm_http_call *c = cm_alloc(sizeof *c);

    c->http = h;
    c->easy = curl_easy_init();
    c->url = cm_strdup(r->url);
    c->headers = header_list(r);
    c->reading = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    c->no_follow = r->no_follow;
    c->body_max = r->body_max_bytes != 0 ? r->body_max_bytes : body_max_default;
    c->piece = r->piece;
    c->piece_ctx = r->piece_ctx;
    c->done = done;
    c->ctx = ctx;
    set_up(c, r);
    c->next = h->calls;
    if (c->next != NULL)
        c->next->prev = c;
    h->calls = c;
    curl_multi_add_handle(multi, c->easy);
    return c;
}

void cm_http_cancel(struct cm_http_call *c)
{
    if (c == NULL)
        return;
    curl_multi_remove_handle(c->http->multi, c->easy);
    call_free(c);
}

struct waited {
    struct cm_http_answer *answer;
    bool done;
};

static void waited_done(void *ctx, struct cm_http_answer *a)
{
    struct waited *w = ctx;

    *w->answer = *a;
    memset(a, 0, sizeof *a);
    w->done = true;
}

static bool waited_ready(void *ctx) { return ((struct waited *)ctx)->done; }

int cm_http_do(struct cm_http *h, const struct cm_http_request *r, struct cm_http_answer *a, struct cm_err **err)
{
    struct waited w = {.answer = a, .done = false};

    memset(a, 0, sizeof *a);
    struct cm_http_call *c = cm_http_send(h, r, waited_done, &w);
    if (cm_loop_until(h->loop, waited_ready, &w, CM_NEVER) == CM_WAIT_READY)
        return 0;
    cm_http_cancel(c);
    return cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting for an HTTP answer");
}

/* ---- the client itself ---- */

struct cm_http *cm_http_new(struct cm_loop *loop)
{
    struct cm_http *h = cm_alloc(sizeof *h);

    h->loop = loop;
    return h;
}

void cm_http_free(struct cm_http *h)
{
    if (h == NULL)
        return;
    while (h->calls != NULL)
        cm_http_cancel(h->calls);
    if (h->multi != NULL)
        curl_multi_cleanup(h->multi);
    cm_timer_drop(h->timer);
    while (h->jars != NULL) {
        struct jar *j = h->jars;
        h->jars = j->next;
        curl_share_cleanup(j->share);
        free(j->name);
        free(j);
    }
    if (h->multi != NULL)
        curl_global_cleanup();
    free(h);
}

/* The parent's connections are its own: closing them properly here would say goodbye in its name (TLS close_notify). They are
 * forgotten; the worker's end closes the descriptors. Watches and timers went with cm_loop_after_fork. */
void cm_http_after_fork(struct cm_http *h)
{
    h->multi = NULL;
    h->timer = NULL;
    h->calls = NULL;
    h->jars = NULL;
}

char *cm_http_escape(const char *text)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if (isalnum(*p) || strchr("-._~", *p) != NULL)
            cm_str_add_bytes(&out, p, 1);
        else
            cm_str_addf(&out, "%%%02X", (unsigned)*p);
    return cm_str_take(&out);
}

static bool url_part(const char *url, CURLUPart part, char **out)
{
    CURLU *u = curl_url();
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, part, out, CURLU_DEFAULT_PORT) == CURLUE_OK;

    curl_url_cleanup(u);
    return ok;
}

char *cm_http_resolve(const char *url, const char *address)
{
    char *host = NULL, *port = NULL, *out = NULL;
    bool bare_v6 = strchr(address, ':') != NULL && *address != '[';

    if (url_part(url, CURLUPART_HOST, &host) && url_part(url, CURLUPART_PORT, &port))
        out = cm_fmt("%s:%s:%s%s%s", host, port, bare_v6 ? "[" : "", address, bare_v6 ? "]" : "");
    curl_free(host);
    curl_free(port);
    return out;
}

bool cm_http_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    bool same = true;

    for (size_t i = 0; same && i < sizeof parts / sizeof parts[0]; i++) {
        char *left = NULL, *right = NULL;
        same = url_part(a, parts[i], &left) && url_part(b, parts[i], &right) && strcasecmp(left, right) == 0;
        curl_free(left);
        curl_free(right);
    }
    return same;
}
