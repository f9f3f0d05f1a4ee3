/* adapters/kube_forward.c: a supervised `kubectl port-forward`.
 *
 * kubectl picks the free port at the first start and prints it; each later start asks for the same one, so that the URL stays
 * what it was. kubectl ends ("lost connection to pod") or only complains on stderr when its pod is replaced: both lead to a new
 * start. Where the pod's end does not reach it, it does neither, and requests that wait for their answer would wait to their limit:
 * so Connect is pinged through it, and two pings in a row without an answer lead to a new start as well. It is a reading child: it
 * dies with us. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "adapters/http.h"
#include "adapters/kube_internal.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "adapters/process.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

enum { START_MS = 30000, AGAIN_FIRST_MS = 20, AGAIN_MAX_MS = 2000, LOOK_EVERY_MS = 500 };
enum { PING_EVERY_MS = 2000, PING_MS = 4000, UNANSWERED_MAX = 2 };

struct cm_forward {
    struct cm_loop *loop;
    struct cm_argv argv;
    struct cm_arena *arena;
    char *service, *url, *ports; /* ports: ":80", then "40123:80" */
    size_t ports_at;             /* its place in argv */
    struct cm_proc *proc;
    struct cm_timer *again, *look, *ping_due;
    struct cm_http *http;
    struct cm_http_call *ping;
    int unanswered; /* pings in a row */
    int64_t pause_ms;
    char *words; /* last words of a start that failed */
    bool ended, ready;
};

static int start(struct cm_forward *f, struct cm_err **err);

static void got_line(void *ctx, const char *text)
{
    struct cm_forward *f = ctx;
    static const char mark[] = "Forwarding from 127.0.0.1:";
    if (!cm_starts(text, mark))
        return;
    long port = strtol(text + sizeof mark - 1, NULL, 10);
    if (port <= 0 || port > 65535)
        return;
    if (f->url == NULL) {
        f->url = cm_fmt("http://127.0.0.1:%ld", port);
        f->ports = cm_arena_fmt(f->arena, "%ld:80", port);
        f->argv.list[f->ports_at] = f->ports;
    }
    f->ready = true;
    f->pause_ms = AGAIN_FIRST_MS;
}

static void try_again(void *ctx)
{
    struct cm_forward *f = ctx;
    f->again = NULL;
    start(f, NULL);
}

static void plan_again(struct cm_forward *f)
{
    if (f->again != NULL || f->url == NULL)
        return;
    f->again = cm_loop_timer(f->loop, cm_loop_now_ms(f->loop) + f->pause_ms, 0, try_again, f);
    f->pause_ms = f->pause_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : f->pause_ms * 2;
}

static void drop_ping(struct cm_forward *f)
{
    if (f->ping != NULL)
        cm_http_cancel(f->ping);
    f->ping = NULL;
    f->unanswered = 0;
}

static void drop_proc(struct cm_forward *f)
{
    struct cm_proc *p = f->proc;
    f->proc = NULL;
    f->ready = false;
    drop_ping(f);
    if (p != NULL)
        cm_proc_stop(p);
}

static void stopped(void *ctx, int status)
{
    struct cm_forward *f = ctx;
    (void)status;
    free(f->words);
    f->words = cm_last_lines(f->proc == NULL ? "" : cm_proc_errout(f->proc), 5);
    f->ended = true;
    f->ready = false;
    plan_again(f);
}

/* kubectl may stay although its pod is gone; then it complains at each connection */
static void look_at_words(void *ctx)
{
    struct cm_forward *f = ctx;
    if (f->proc == NULL || f->ended)
        return;
    const char *words = cm_proc_errout(f->proc);
    if (words == NULL || (strstr(words, "error forwarding port") == NULL && strstr(words, "error creating") == NULL &&
                          strstr(words, "lost connection") == NULL))
        return;
    drop_proc(f);
    plan_again(f);
}

static void pinged(void *ctx, struct cm_http_answer *a)
{
    struct cm_forward *f = ctx;
    f->ping = NULL;
    f->unanswered = a->status != 0 ? 0 : f->unanswered + 1;
    if (f->unanswered < UNANSWERED_MAX || !f->ready)
        return;
    drop_proc(f);
    plan_again(f);
}

static void ping(void *ctx)
{
    struct cm_forward *f = ctx;
    if (!f->ready || f->ping != NULL)
        return;
    cm_autofree char *url = cm_fmt("%s/__ping__", f->url);
    const struct cm_http_request q = {.method = "GET", .url = url, .no_proxy = true, .no_follow = true, .timeout_ms = PING_MS};
    f->ping = cm_http_send(f->http, &q, pinged, f);
}

static int start(struct cm_forward *f, struct cm_err **err)
{
    struct cm_cmd cmd = {.argv = f->argv.list};
    drop_proc(f);
    f->ended = false;
    f->proc = cm_proc_start(f->loop, &cmd, got_line, stopped, f, err);
    if (f->proc == NULL) {
        f->ended = true;
        plan_again(f);
        return -1;
    }
    return 0;
}

static bool decided(void *ctx)
{
    const struct cm_forward *f = ctx;
    return f->ready || f->ended;
}

static struct cm_forward *forward_new(struct cm_step *step, const char *service)
{
    struct cm_forward *f = cm_alloc(sizeof *f);
    struct cm_argv a = {0};
    f->loop = cm_step_loop(step);
    f->http = cm_outside_http(cm_step_outside(step));
    f->arena = cm_arena_new();
    f->service = cm_arena_fmt(f->arena, "svc/%s", service);
    f->pause_ms = AGAIN_FIRST_MS;
    cm_kube_argv(step, &a, NULL);
    cm_argv_add2(&a, "port-forward", f->service);
    f->ports_at = a.n;
    cm_argv_add(&a, ":80");
    cm_argv_add2(&a, "--address", "127.0.0.1");
    for (size_t i = 0; i < a.n; i++) /* the plan may end before the outside does */
        cm_argv_add(&f->argv, cm_arena_strdup(f->arena, a.list[i]));
    cm_argv_fini(&a);
    return f;
}

/* Why there is no forward: what kubectl said. */
static void not_begun(struct cm_step *step, const struct cm_forward *f, const char *service, struct cm_err **err)
{
    const char *words = f->words == NULL ? cm_proc_errout(f->proc) : f->words;
    cm_autofree char *what = cm_fmt("a port-forward to svc/%s", service);
    cm_autofree char *masked = cm_mask(words), *copy = cm_strdup(words);
    const struct cm_out out = {.status = 1, .errout = copy};
    enum cm_kube_trouble why = cm_kube_trouble(words);
    if (why == CM_KT_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "%s is forbidden to this login", what);
        cm_hint(err, "Ask for the right that kubectl names, or let target.url be Connect's public name (https://...) with target.resolve the "
                     "address of its ingress; then run the same command again with --accept-plan-changes.");
    } else if (why == CM_KT_OTHER || why == CM_KT_ABSENT) {
        cm_fail_passing(err, f->ended ? "%s ended at once" : "%s was not ready in time", what);
    } else {
        cm_kube_fail(step, &out, what, err);
        return;
    }
    cm_evidence(err, masked);
}

struct cm_forward *cm_kube_forward_begin(struct cm_step *step, const char *service, struct cm_err **err)
{
    struct cm_forward *f = forward_new(step, service);
    if (start(f, err) == 0)
        return f;
    cm_wrap(err, "port-forward to svc/%s", service);
    cm_forward_stop(f);
    return NULL;
}

static void supervise(struct cm_forward *f)
{
    int64_t now = cm_loop_now_ms(f->loop);
    if (f->look == NULL)
        f->look = cm_loop_timer(f->loop, now + LOOK_EVERY_MS, LOOK_EVERY_MS, look_at_words, f);
    if (f->ping_due == NULL)
        f->ping_due = cm_loop_timer(f->loop, now + PING_EVERY_MS, PING_EVERY_MS, ping, f);
}

int cm_kube_forward_ready(struct cm_step *step, struct cm_forward *f, struct cm_err **err)
{
    const char *service = f->service + strlen("svc/");
    int64_t limit = cm_loop_now_ms(f->loop) + START_MS;
    if (limit > cm_step_deadline(step))
        limit = cm_step_deadline(step);
    enum cm_wait w = cm_loop_until(f->loop, decided, f, limit);
    if (w == CM_WAIT_READY && f->ready) {
        supervise(f);
        return 0;
    }
    if (w == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted while a port-forward to svc/%s was opened", service);
    not_begun(step, f, service, err);
    return -1;
}

struct cm_forward *cm_kube_forward(struct cm_step *step, const char *service, struct cm_err **err)
{
    struct cm_forward *f = cm_kube_forward_begin(step, service, err);
    if (f == NULL || cm_kube_forward_ready(step, f, err) == 0)
        return f;
    cm_forward_stop(f);
    return NULL;
}

const char *cm_forward_url(const struct cm_forward *f) { return f->url; }

void cm_forward_stop(struct cm_forward *f)
{
    if (f == NULL)
        return;
    cm_timer_drop(f->again);
    cm_timer_drop(f->look);
    cm_timer_drop(f->ping_due);
    drop_proc(f);
    cm_argv_fini(&f->argv);
    cm_arena_free(f->arena);
    free(f->url);
    free(f->words);
    free(f);
}
