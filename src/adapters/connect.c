/* adapters/connect.c: requests to the Connect Server API over adapters/http.h.
 *
 * Reading requests are repeated while the outside is only passing through a bad moment (429, 502, 503, 504, a lost connection), up to
 * the step's limit; when only looking (check, preview) for a short while, since a person waits. Changing requests go out
 * once, and need the intent that has them on record. Cookies are kept and sent back: with several replicas only the one that
 * started a task knows it (API error 141). Does not: decide on doubt (actions/content_build*.c does). */
#include <config.h>

#include "adapters/connect.h"

#include <string.h>

#include <cm/str.h>

#include "adapters/connect_reply.h"
#include "adapters/http.h"
#include "adapters/json_split.h"
#include "adapters/outside.h"
#include "adapters/secrets.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "plan/plan.h"

enum {
    REQUEST_MS = 60000,
    PAGE_MS = 300000,
    PING_MS = 10000,
    SAFE_POINT_MS = 10000,
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 5000,
    LOOKING_MS = 10000,
    UNREACHED_MS = 30000,
    UNLIMITED_MS = 300000,
    TEXT_MAX = 64 << 10
};

struct soon;

struct cm_connect {
    struct cm_outside *outside;
    char *url;
    const char *ca_file; /* the plan's */
    char *resolve;
    bool no_proxy;
    char *untrusted; /* what is wrong with its certificate, by the newest ping; NULL */
    struct cm_secret *key;
    struct soon *under_way; /* requests sent and not yet ended */
};

struct cm_connect *cm_connect_new(struct cm_outside *o, const char *url, bool no_proxy)
{
    struct cm_connect *c = cm_alloc(sizeof *c);
    const struct cm_plan *plan = cm_outside_plan(o);
    size_t n = strlen(url);

    while (n > 0 && url[n - 1] == '/')
        n--;
    c->outside = o;
    c->url = cm_strndup(url, n);
    c->no_proxy = no_proxy;
    c->ca_file = cm_plan_text(plan, "connect.ca_file");
    /* target.resolve leads the public name to the new server before the DNS does: it must not touch the old one's client */
    const char *target = cm_plan_text(plan, "target.url");
    const char *address = cm_plan_text(plan, "target.resolve");
    if (address != NULL && target != NULL && strncmp(target, c->url, n) == 0 && strspn(target + n, "/") == strlen(target + n))
        c->resolve = cm_http_resolve(c->url, address);
    return c;
}

static void soon_drop(struct soon *s);

void cm_connect_free(struct cm_connect *c)
{
    if (c == NULL)
        return;
    while (c->under_way != NULL)
        soon_drop(c->under_way);
    cm_secret_free(c->key);
    free(c->resolve);
    free(c->untrusted);
    free(c->url);
    free(c);
}

const char *cm_connect_url(const struct cm_connect *c) { return c->url; }

bool cm_connect_is_forwarded(const struct cm_connect *c) { return c->no_proxy; }

/* It becomes a line of the request: a line break in it would make two of one. */
static bool is_one_word(const char *key)
{
    for (const char *p = key; *p != '\0'; p++)
        if (*p < '!' || *p > '~')
            return false;
    return true;
}

static int need_key(struct cm_connect *c, struct cm_err **err)
{
    const json_t *ref = cm_plan_get(cm_outside_plan(c->outside), "connect.api_key");

    struct cm_secret *key = NULL;
    if (c->key != NULL)
        return 0;
    if (cm_secret_resolve(cm_outside_loop(c->outside), ref, "connect.api_key", &key, err) != 0)
        return -1;
    if (key == NULL) {
        cm_fail(err, CM_E_USAGE, "the plan names no API key");
        cm_hint(err, "Say where an administrator's API key is: connect: {api_key: {env: CONNECT_API_KEY}}.");
        return -1;
    }
    if (!is_one_word(cm_secret_reveal(key))) {
        cm_secret_free(key);
        cm_fail(err, CM_E_USAGE, "connect.api_key: what was read is no API key: it holds blanks, line breaks or other letters");
        cm_hint(err, "Have the key alone, on one line, where the plan's connect.api_key points.");
        return -1;
    }
    c->key = key;
    return 0;
}

/* A request with all that belongs to this server. */
static struct cm_http_request request(const struct cm_connect *c, const char *method, const char *url, int64_t timeout_ms)
{
    return (struct cm_http_request){.method = method,
                                    .url = url,
                                    .key = c->key,
                                    .ca_file = c->ca_file,
                                    .resolve = c->resolve,
                                    .no_proxy = c->no_proxy,
                                    .cookies = c->url,
                                    .timeout_ms = timeout_ms};
}

static char *api_url(const struct cm_connect *c, const char *path) { return cm_fmt("%s/__api__/%s", c->url, path); }

/* ---- repeating reading requests ---- */

struct repeat {
    struct cm_step *step;
    int64_t until, pause_ms, began;
    unsigned tries;
};

static struct repeat repeat_begin(struct cm_step *step, struct cm_connect *c)
{
    int64_t now = cm_loop_now_ms(cm_outside_loop(c->outside)), until = cm_step_deadline(step);

    if (cm_reading(step) && until > now + LOOKING_MS)
        until = now + LOOKING_MS;
    if (until == CM_NEVER)
        until = now + UNLIMITED_MS;
    return (struct repeat){.step = step, .until = until, .pause_ms = PAUSE_FIRST_MS, .began = now};
}

static int64_t time_left(const struct repeat *t, struct cm_connect *c, int64_t most_ms)
{
    int64_t left = t->until - cm_loop_now_ms(cm_outside_loop(c->outside));

    return left < 1 ? 1 : left < most_ms ? left : most_ms;
}

/* Pause and say true, or false when it makes no sense to ask again. -1 in *state: cancelled. */
static bool again(struct repeat *t, struct cm_connect *c, const struct cm_reply *r, const char *what, int *state,
                  struct cm_err **err)
{
    struct cm_loop *loop = cm_outside_loop(c->outside);
    int64_t now = cm_loop_now_ms(loop), until = t->until;

    *state = 0;
    if (!cm_reply_passes(r))
        return false;
    if (r->status == 0 && !r->sent) { /* nobody listens there: that seldom passes by itself */
        if (cm_reading(t->step))
            return false;
        if (until > t->began + UNREACHED_MS)
            until = t->began + UNREACHED_MS;
    }
    if (now + t->pause_ms >= until)
        return false;
    if (t->tries++ == 0)
        cm_step_log(t->step, "%s: %s; asking again", what, r->problem);
    if (cm_loop_until(loop, NULL, NULL, now + t->pause_ms) == CM_WAIT_CANCELLED) {
        *state = cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting for %s", c->url);
        return false;
    }
    t->pause_ms = t->pause_ms * 2 < PAUSE_MAX_MS ? t->pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

static void log_answer(struct cm_step *step, struct cm_connect *c, const char *what, uint64_t intent, const struct cm_reply *r,
                       int64_t sent_ms)
{
    long long took = cm_loop_now_ms(cm_outside_loop(c->outside)) - sent_ms;
    cm_autofree char *because = intent > 0 ? cm_fmt(" (intent %llu)", (unsigned long long)intent) : cm_strdup("");

    if (r->status == 0)
        cm_step_log(step, "%s%s: no answer: %s, %lld ms", what, because, r->problem != NULL ? r->problem : "nothing came", took);
    else
        cm_step_log(step, "%s%s: status %ld, %lld ms", what, because, r->status, took);
}

int cm_connect_get(struct cm_step *step, struct cm_connect *c, const char *path, struct cm_reply *r, struct cm_err **err)
{
    struct repeat t = repeat_begin(step, c);
    cm_autofree char *url = api_url(c, path), *what = cm_fmt("GET %s", path);
    int state;

    memset(r, 0, sizeof *r);
    r->code = -1;
    if (need_key(c, err) != 0)
        return -1;
    for (;;) {
        struct cm_http_request q = request(c, "GET", url, time_left(&t, c, REQUEST_MS));
        struct cm_http_answer a;
        int64_t sent = cm_loop_now_ms(cm_outside_loop(c->outside));
        if (cm_http_do(cm_outside_http(c->outside), &q, &a, err) != 0)
            return -1;
        cm_reply_from(&a, r);
        cm_http_answer_fini(&a);
        log_answer(step, c, what, 0, r, sent);
        if (!again(&t, c, r, what, &state, err))
            break;
        cm_reply_fini(r);
    }
    if (state != 0 || cm_reply_passes(r)) {
        if (state == 0)
            cm_reply_fail(r, c, what, err);
        cm_reply_fini(r);
        return -1;
    }
    return 0;
}

int cm_connect_get_ok(struct cm_step *step, struct cm_connect *c, const char *path, json_t **body, struct cm_err **err)
{
    cm_autoreply r;
    cm_autofree char *what = cm_fmt("GET %s", path);

    *body = NULL;
    if (cm_connect_get(step, c, path, &r, err) != 0)
        return -1;
    if (r.status != 200)
        return cm_reply_fail(&r, c, what, err);
    if (r.body == NULL) {
        cm_fail(err, CM_E_FAILED, "%s at %s is not answered with JSON", what, c->url);
        cm_hint(err, "Is %s Connect's own URL? A login page or a proxy may stand before it.", c->url);
        return -1;
    }
    *body = json_incref(r.body);
    return 0;
}

int cm_connect_ping(struct cm_step *step, struct cm_connect *c, long *status, struct cm_err **err)
{
    cm_autofree char *url = cm_fmt("%s/__ping__", c->url);
    struct repeat t = repeat_begin(step, c);
    struct cm_http_request q = request(c, "GET", url, time_left(&t, c, PING_MS));
    struct cm_http_answer a;

    q.key = NULL;
    q.no_follow = true;
    *status = 0;
    if (cm_http_do(cm_outside_http(c->outside), &q, &a, err) != 0)
        return -1;
    *status = a.status;
    free(c->untrusted);
    c->untrusted = a.untrusted ? cm_strdup(a.problem == NULL ? "its certificate is not trusted" : a.problem) : NULL;
    cm_http_answer_fini(&a);
    return 0;
}

const char *cm_connect_untrusted(const struct cm_connect *c) { return c->untrusted; }

/* ---- an array, item by item ---- */

struct each_state {
    struct cm_json_split *split;
    struct cm_err *fault;
};

static int each_piece(void *ctx, const char *bytes, size_t n)
{
    struct each_state *s = ctx;

    return cm_json_split_feed(s->split, bytes, n, &s->fault);
}

/* 1: ask again; 0: done; -1. Once an item was handed out, asking again would hand it out twice: the step's retries begin anew. */
static int each_once(struct cm_step *step, struct cm_connect *c, const char *path, struct repeat *t, struct each_state *s,
                     struct cm_err **err)
{
    cm_autofree char *url = api_url(c, path), *what = cm_fmt("GET %s", path);
    struct cm_http_request q = request(c, "GET", url, time_left(t, c, INT64_C(3600000)));
    struct cm_http_answer a;
    cm_autoreply r;
    int state = 0;

    (void)step;
    q.piece = each_piece;
    q.piece_ctx = s;
    memset(&r, 0, sizeof r);
    if (cm_http_do(cm_outside_http(c->outside), &q, &a, err) != 0)
        return -1;
    cm_reply_from(&a, &r);
    cm_http_answer_fini(&a);
    if (s->fault != NULL) {
        struct cm_err *fault = s->fault;
        s->fault = NULL;
        cm_err_move(err, fault);
        return cm_wrap(err, "%s", what);
    }
    if (r.status == 200)
        return cm_json_split_end(s->split, err) == 0 ? 0 : cm_wrap(err, "%s", what);
    if (cm_json_split_count(s->split) == 0 && again(t, c, &r, what, &state, err))
        return 1;
    return state != 0 ? -1 : cm_reply_fail(&r, c, what, err);
}

int cm_connect_each(struct cm_step *step, struct cm_connect *c, const char *path,
                    int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx, struct cm_err **err)
{
    struct repeat t = repeat_begin(step, c);
    int got;

    if (need_key(c, err) != 0)
        return -1;
    do {
        struct each_state s = {.split = cm_json_split_new(each, ctx, 0), .fault = NULL};
        got = each_once(step, c, path, &t, &s, err);
        cm_json_split_free(s.split);
        cm_err_free(s.fault);
    } while (got == 1);
    return got;
}

/* ---- without waiting ---- */

struct soon {
    struct cm_connect *connect;
    struct soon *prev, *next;
    struct cm_http_call *call;
    struct cm_timer *refusal;
    struct cm_err *refused;
    struct cm_intent *intent; /* of a changing request; else NULL */
    char *what;               /* "POST v1/…", for the log */
    int64_t sent_ms;
    bool page;
    size_t bytes;
    char *text;
    size_t text_bytes;
    void (*done)(void *ctx, struct cm_reply *r);
    void (*page_done)(void *ctx, struct cm_reply *r, size_t bytes);
    void *ctx;
};

static void soon_free(struct soon *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else if (s->connect->under_way == s)
        s->connect->under_way = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    cm_err_free(s->refused);
    free(s->what);
    free(s->text);
    free(s);
}

static void soon_drop(struct soon *s)
{
    cm_http_cancel(s->call);
    cm_timer_drop(s->refusal);
    soon_free(s);
}

void cm_connect_forget(struct cm_connect *c, const void *ctx)
{
    for (struct soon *s = c->under_way, *next; s != NULL; s = next) {
        next = s->next;
        if (s->ctx == ctx)
            soon_drop(s);
    }
}

static void soon_hand_out(struct soon *s, struct cm_reply *r)
{
    void *ctx = s->ctx;
    size_t bytes = s->bytes;
    void (*done)(void *, struct cm_reply *) = s->done;
    void (*page_done)(void *, struct cm_reply *, size_t) = s->page_done;

    soon_free(s); /* before the call: it may forget, or end the client */
    if (page_done != NULL)
        page_done(ctx, r, bytes);
    else
        done(ctx, r);
    cm_reply_fini(r);
}

static void soon_done(void *ctx, struct cm_http_answer *a)
{
    struct soon *s = ctx;
    struct cm_reply r;

    cm_reply_from(a, &r);
    if (s->intent != NULL)
        log_answer(cm_intent_step(s->intent), s->connect, s->what, cm_intent_id(s->intent), &r, s->sent_ms);
    if (s->page) {
        if (a->body != NULL) { /* a status other than 200 is collected, not handed out in pieces */
            s->bytes = a->body_bytes;
            r.text = cm_strndup(a->body, a->body_bytes < TEXT_MAX ? a->body_bytes : TEXT_MAX);
        } else if (s->text != NULL) {
            r.text = cm_strndup(s->text, s->text_bytes);
        }
    }
    soon_hand_out(s, &r);
}

static void soon_refused(void *ctx)
{
    struct soon *s = ctx;
    struct cm_reply r = {.code = -1, .problem = cm_strdup(cm_err_message(s->refused))};

    soon_hand_out(s, &r);
}

static int soon_piece(void *ctx, const char *bytes, size_t n)
{
    struct soon *s = ctx;
    size_t room = TEXT_MAX - s->text_bytes, take = n < room ? n : room;

    if (s->text == NULL)
        s->text = cm_alloc(TEXT_MAX);
    memcpy(s->text + s->text_bytes, bytes, take);
    s->text_bytes += take;
    s->bytes += n;
    return 0;
}

static void soon_send(struct soon *s, struct cm_http_request *q)
{
    struct cm_loop *loop = cm_outside_loop(s->connect->outside);

    if (s->refused != NULL) {
        s->refusal = cm_loop_timer(loop, cm_loop_now_ms(loop), 0, soon_refused, s);
        return;
    }
    s->call = cm_http_send(cm_outside_http(s->connect->outside), q, soon_done, s);
}

static struct soon *soon_new(struct cm_connect *c, void (*done)(void *ctx, struct cm_reply *r), void *ctx)
{
    struct soon *s = cm_alloc(sizeof *s);

    s->connect = c;
    s->done = done;
    s->ctx = ctx;
    s->next = c->under_way;
    if (s->next != NULL)
        s->next->prev = s;
    c->under_way = s;
    if (c->key == NULL)
        (void)need_key(c, &s->refused);
    return s;
}

void cm_connect_get_soon(struct cm_connect *c, const char *path, int64_t timeout_ms, void (*done)(void *ctx, struct cm_reply *r),
                         void *ctx)
{
    struct soon *s = soon_new(c, done, ctx);
    cm_autofree char *url = api_url(c, path);
    struct cm_http_request q = request(c, "GET", url, timeout_ms);

    soon_send(s, &q);
}

void cm_connect_page_soon(struct cm_connect *c, const char *path, int64_t timeout_ms,
                          void (*done)(void *ctx, struct cm_reply *r, size_t bytes), void *ctx)
{
    struct soon *s = soon_new(c, NULL, ctx);
    cm_autofree char *url = cm_fmt("%s/%s", c->url, path);
    struct cm_http_request q = request(c, "GET", url, timeout_ms);

    s->page = true;
    s->page_done = done;
    q.no_follow = true;
    q.piece = soon_piece;
    q.piece_ctx = s;
    soon_send(s, &q);
}

/* ---- changing requests ---- */

void cm_connect_change_soon(struct cm_intent *intent, struct cm_connect *c, const char *method, const char *path,
                            const json_t *body, int64_t timeout_ms, void (*done)(void *ctx, struct cm_reply *r), void *ctx)
{
    static const char *const json_headers[] = {"Content-Type: application/json", NULL};
    struct soon *s = soon_new(c, done, ctx);
    cm_autofree char *url = api_url(c, path);
    cm_autofree char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct cm_http_request q = request(c, method, url, timeout_ms);

    if (text != NULL) {
        q.headers = json_headers;
        q.body = text;
        q.body_bytes = strlen(text);
    }
    if (intent == NULL)
        (void)cm_fail(&s->refused, CM_E_INTERNAL, "%s %s without an intent on record", method, path);
    s->intent = intent;
    s->what = cm_fmt("%s %s", method, path);
    s->sent_ms = cm_loop_now_ms(cm_outside_loop(c->outside));
    soon_send(s, &q);
}

struct change_wait {
    struct cm_reply *reply;
    bool done;
};

static void change_came(void *ctx, struct cm_reply *r)
{
    struct change_wait *w = ctx;

    *w->reply = *r;
    w->done = true;
    memset(r, 0, sizeof *r);
    r->code = -1;
}

static bool change_ready(void *ctx) { return ((struct change_wait *)ctx)->done; }

int cm_connect_change(struct cm_intent *intent, struct cm_connect *c, const char *method, const char *path, const json_t *body,
                      struct cm_reply *r, struct cm_err **err)
{
    struct cm_loop *loop = cm_outside_loop(c->outside);
    struct change_wait w = {.reply = r};

    memset(r, 0, sizeof *r);
    r->code = -1;
    if (need_key(c, err) != 0)
        return -1;
    cm_connect_change_soon(intent, c, method, path, body, REQUEST_MS, change_came, &w);
    /* A cancel waits a little for the answer: the safe point is behind it. */
    if (cm_loop_until(loop, change_ready, &w, CM_NEVER) == CM_WAIT_READY ||
        cm_loop_drain(loop, change_ready, &w, cm_loop_now_ms(loop) + SAFE_POINT_MS) == CM_WAIT_READY)
        return 0;
    cm_connect_forget(c, &w);
    r->sent = true;
    return cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting for the answer to %s %s", method, path);
}
