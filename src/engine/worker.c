/* Checks side by side: each in a forked worker that can only read (cm_intend refuses there). A worker sends its findings and facts
 * as the journal's own events, a JSON line each, over a pipe. A worker that hangs or crashes is a finding itself, and hides no
 * other. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "engine/internal.h"

/* What a check has after its limit to say itself what did not answer (its commands end at the limit) before it is ended. */
#define LAST_WORDS_MS 1500

struct worker {
    struct cm_engine *e;
    const struct cm_rstep *r;
    int (*chain)(struct cm_engine *,
                 struct cm_err **); /* several steps, one after the other, that say themselves what they are; NULL */
    pid_t pid;
    int fd; /* -1: closed */
    bool ended;
    int status;
    struct cm_str text;               /* a line that is not whole yet, and lines that are */
    int64_t began, deadline, over_at; /* over_at: 0: not yet */
    bool late, said_why;
    char *why; /* what the check itself failed with */
    struct cm_watch *watch;
    json_t *events;
};

/* A check, or a trial with leave: its intents stand in the worker's own record, which nobody keeps. */
static int one_step(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err)
{
    struct cm_step st;
    const char *label;
    json_t *sum;
    cm_step_begin(&st, e, r);
    int rc = r->action->apply(&st, err);
    json_object_foreach(st.inputs, label, sum)
        cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:O}", "type", "input", "step", r->id, "label", label, "sha256", sum));
    return rc;
}

static void child_main(const struct worker *w, int fd)
{
    struct cm_engine *e = w->e;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    cm_loop_after_fork(e->s->loop);
    if (e->s->outside_after_fork)
        e->s->outside_after_fork(e->s->outside);
    e->mode = w->chain || w->r->action->kind == CM_TRIAL ? CM_MODE_CHECK : CM_MODE_WORKER;
    e->record = cm_record_pipe(cm_record_own_model(e->record), cm_loop_clock(e->s->loop), fd);
    struct cm_err *err = NULL;
    int rc = w->chain ? w->chain(e, &err) : one_step(e, w->r, &err);
    if (rc < 0) {
        cm_autofree char *why = cm_mask(cm_err_message(err));
        cm_record_add(e->record, json_pack("{s:s, s:s}", "type", "worker.failed", "why", why));
    }
    cm_record_sync(e->record, NULL);
    _exit(rc < 0 ? 1 : 0);
}

static void take_line(struct worker *w, const char *line, size_t n)
{
    cm_autojson event = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
    const char *why = event ? "" : "something that it found could not be handed over";
    if (event && strcmp(cm_json_text(event, "type", ""), "worker.failed") != 0) {
        json_array_append(w->events, event);
        return;
    }
    free(w->why);
    w->why = cm_strdup(cm_json_text(event, "why", why));
}

static void readable(void *ctx, int fd, short revents)
{
    struct worker *w = ctx;
    char buf[16384];
    (void)revents;
    ssize_t n = read(fd, buf, sizeof buf);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        cm_watch_drop(w->watch);
        w->watch = NULL;
        close(w->fd);
        w->fd = -1;
        w->over_at = cm_loop_now_ms(w->e->s->loop);
        return;
    }
    cm_str_add_bytes(&w->text, buf, (size_t)n);
    size_t at = 0;
    const char *text = cm_str_text(&w->text), *nl;
    while ((nl = memchr(text + at, '\n', w->text.len - at))) {
        take_line(w, text + at, (size_t)(nl - (text + at)));
        at = (size_t)(nl - text) + 1;
    }
    memmove(w->text.data, w->text.data + at, w->text.len - at);
    w->text.len -= at;
}

static void child_ended(void *ctx, pid_t pid, int status)
{
    struct worker *w = ctx;
    (void)pid;
    w->ended = true;
    w->status = status;
}

static int start(struct worker *w, struct cm_err **err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return cm_fail_errno(err, CM_E_INTERNAL, "cannot start a check");
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0) {
        close(p[0]);
        close(p[1]);
        return cm_fail_errno(err, CM_E_INTERNAL, "cannot start a check");
    }
    if (w->pid == 0) {
        close(p[0]);
        child_main(w, p[1]);
    }
    close(p[1]);
    w->fd = p[0];
    fcntl(w->fd, F_SETFL, O_NONBLOCK);
    w->watch = cm_loop_fd(w->e->s->loop, w->fd, POLLIN, readable, w);
    cm_loop_child(w->e->s->loop, w->pid, child_ended, w);
    return 0;
}

struct group {
    struct worker *list;
    size_t n;
};

static bool over(const struct worker *w) { return w->ended && w->fd < 0; }

static bool all_over(void *ctx)
{
    const struct group *g = ctx;
    for (size_t i = 0; i < g->n; i++)
        if (!over(&g->list[i]))
            return false;
    return true;
}

static void end_late(struct worker *w)
{
    if (over(w) || w->late)
        return;
    w->late = true;
    kill(-w->pid, SIGKILL);
    kill(w->pid, SIGKILL);
}

/* A finding that the engine itself makes of a check that hung, crashed or failed inside. */
static json_t *own_finding(const struct worker *w)
{
    cm_autofree char *id = cm_fmt("%s.worker", w->r->id);
    cm_autofree char *limit = cm_duration_text(w->r->timeout_ms);
    cm_autofree char *seen = w->late ? cm_fmt("%s did not end within its limit of %s", w->r->id, limit)
                             : w->why
                                 ? cm_fmt("%s could not be carried out: %s", w->r->id, w->why)
                                 : cm_fmt("%s ended unexpectedly (%s %d)", w->r->id, WIFSIGNALED(w->status) ? "signal" : "status",
                                          WIFSIGNALED(w->status) ? WTERMSIG(w->status) : WEXITSTATUS(w->status));
    cm_autofree char *longer = cm_fmt(" " CM_GIVE_LONGER, w->r->id);
    cm_autofree char *remedy =
        cm_fmt("Run the check again; with -v it says more.%s If it stays so, look at what it names by hand and attest it.",
               w->late ? longer : "");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "finding", "step", w->r->id, "id", id, "verdict", "unknown", "seen",
                     seen, "remedy", remedy);
}

/* What the effects of a trial were is for its worker alone: the short-lived objects are gone. */
static bool for_the_record(const json_t *ev)
{
    static const char *const kept[] = {"finding", "fact", "input", "artifact", "step.begin", "step.end", NULL};
    for (size_t i = 0; kept[i]; i++)
        if (strcmp(cm_json_text(ev, "type", ""), kept[i]) == 0)
            return true;
    return false;
}

static void hand_over_chain(struct worker *w)
{
    size_t i;
    json_t *ev;
    if (w->late || w->why || !WIFEXITED(w->status) || WEXITSTATUS(w->status) != 0)
        json_array_append_new(w->events, own_finding(w));
    json_array_foreach(w->events, i, ev) if (for_the_record(ev)) cm_record_add(w->e->record, json_incref(ev));
}

static void hand_over(struct worker *w)
{
    struct cm_engine *e = w->e;
    const struct cm_view *v = e->s->view;
    size_t i;
    json_t *ev;
    if (w->late || w->why || !WIFEXITED(w->status) || WEXITSTATUS(w->status) != 0)
        json_array_append_new(w->events, own_finding(w));
    cm_record_add(e->record, json_pack("{s:s, s:s, s:i}", "type", "step.begin", "step", w->r->id, "try", 1));
    json_array_foreach(w->events, i, ev)
    {
        if (for_the_record(ev))
            cm_record_add(e->record, json_incref(ev));
        if (v && v->finding && strcmp(cm_json_text(ev, "type", ""), "finding") == 0)
            v->finding(v->ctx, w->r->id, cm_verdict_of(cm_json_text(ev, "verdict", "")), cm_json_text(ev, "id", ""),
                       cm_json_text(ev, "seen", ""), cm_json_text(ev, "remedy", ""));
    }
    int64_t took = (w->over_at ? w->over_at : cm_loop_now_ms(e->s->loop)) - w->began;
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:I}", "type", "step.end", "step", w->r->id, "state", "done", "took_ms",
                                       (json_int_t)took));
    if (v && v->step)
        v->step(v->ctx, w->r->id, w->r->action->summary, CM_ENDS_DONE, NULL, took);
}

/* What is fixed at first sight (database, cluster) must be the same in every run that has changed something. */
static int same_target(struct cm_engine *e, const json_t *events, struct cm_err **err)
{
    size_t i;
    json_t *ev;
    json_array_foreach(events, i, ev)
    {
        const char *name = cm_json_text(ev, "name", "");
        const json_t *old = json_object_get(CM_MODEL(e)->facts, name), *new = json_object_get(ev, "value");
        if (strcmp(cm_json_text(ev, "type", ""), "fact") != 0 || !old || json_equal(old, new) || !CM_MODEL(e)->intent_count)
            continue;
        if (strcmp(name, "database.identity") != 0 && strcmp(name, "cluster.server") != 0)
            continue;
        cm_autofree char *was = json_dumps(old, JSON_ENCODE_ANY), *is = json_dumps(new, JSON_ENCODE_ANY);
        cm_fail(err, CM_E_CHANGED, "%s was %s when this run began, and is %s now", name, was, is);
        cm_hint(err, "This run directory belongs to the first one; point the plan back to it, or use another --run-dir.");
        return -1;
    }
    return 0;
}

static void wait_all(struct group *g, struct cm_loop *loop)
{
    while (!all_over(g)) {
        int64_t next = CM_NEVER, now = cm_loop_now_ms(loop);
        for (size_t i = 0; i < g->n; i++) {
            if (!over(&g->list[i]) && g->list[i].deadline <= now)
                end_late(&g->list[i]);
            else if (!over(&g->list[i]) && g->list[i].deadline < next)
                next = g->list[i].deadline;
        }
        if (cm_loop_until(loop, all_over, g, next) == CM_WAIT_CANCELLED) {
            for (size_t i = 0; i < g->n; i++)
                end_late(&g->list[i]);
            cm_loop_drain(loop, all_over, g, CM_NEVER);
        }
    }
}

int cm_workers(struct cm_engine *e, const struct cm_rstep *first, size_t n, struct cm_err **err)
{
    return cm_workers_and(e, first, n, NULL, NULL, 0, err);
}

int cm_workers_and(struct cm_engine *e, const struct cm_rstep *first, size_t checks,
                   int (*chain)(struct cm_engine *, struct cm_err **), const struct cm_rstep *begins, int64_t limit_ms,
                   struct cm_err **err)
{
    size_t n = checks + (chain != NULL);
    struct group g = {cm_alloc((n + 1) * sizeof *g.list), n};
    int rc = cm_engine_sync(e, err);
    for (size_t i = 0; i < n; i++) {
        struct worker *w = &g.list[i];
        const struct cm_rstep *r = i < checks ? &first[i] : begins;
        int64_t limit = i < checks ? r->timeout_ms : limit_ms;
        *w = (struct worker){.e = e, .r = r, .fd = -1, .ended = true, .text = CM_STR(CM_STR_BIG), .events = json_array()};
        w->chain = i < checks ? NULL : chain;
        w->began = cm_loop_now_ms(e->s->loop);
        w->deadline = limit > 0 ? w->began + limit + LAST_WORDS_MS : CM_NEVER;
        if (rc == 0) {
            w->ended = false;
            rc = start(w, err);
            w->ended = rc < 0;
        }
    }
    wait_all(&g, e->s->loop);
    for (size_t i = 0; i < n; i++) {
        struct worker *w = &g.list[i];
        if (rc == 0 && !cm_loop_cancelled(e->s->loop))
            rc = same_target(e, w->events, err);
        if (rc == 0 && !cm_loop_cancelled(e->s->loop))
            (w->chain ? hand_over_chain : hand_over)(w);
        json_decref(w->events);
        cm_str_fini(&w->text);
        free(w->why);
    }
    free(g.list);
    if (rc == 0)
        rc = cm_engine_sync(e, err);
    return rc;
}
