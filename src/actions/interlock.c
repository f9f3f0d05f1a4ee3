/* actions/interlock.c: never two Connects on one database.
 *
 * Facts it stands on: Connect keeps pooled sessions open while it is up, so no session of its roles means no Connect. What
 * pg_stat_activity hides from a role without rights still counts (backend_type NULL), and without Connect's own role or
 * pg_read_all_stats nothing is certain. `mask` keeps automation from starting the unit, `disable` does not.
 *
 * One shell call per node and one query per database and look; the connections are kept with the outside. */
#include <config.h>

#include "actions/interlock.h"

#include <string.h>
#include <unistd.h>

#include <cm/str.h>

#include "actions/evening.h"
#include "actions/service.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "adapters/postgres.h"
#include "base/hooks.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum {
    EVERY_MS = 2000,
    DATABASES = 2,
    BLIND_MOST = 5,
    CLOCKS_MS = 2000
}; /* how far the cluster's clock and the database's may be apart */

struct slot {
    struct cm_pg *pg[DATABASES];
    bool pooled[DATABASES]; /* as seen when it was opened */
    pid_t pid_of;           /* a connection belongs to one process */
    json_t *seen;
    int64_t looked_ms; /* boot */
    int blind;         /* looks in a row that could not be made */
};

/* One look, and what it found. */
struct look {
    struct cm_step *step;
    struct slot *slot;
    bool reverse;
    bool asked_pods, pods_unknown;
    int64_t first_pod_ms; /* wall; 0: our release has no pod */
    struct cm_str broken, unknown;
    bool passing;               /* what is unknown may be known in a moment */
    bool units_up, units_loose; /* running; not masked any more */
    int blocking_pid;
};

static void look_fini(struct look *l)
{
    cm_str_fini(&l->broken);
    cm_str_fini(&l->unknown);
}

static void slot_free(void *p)
{
    struct slot *s = p;
    for (int i = 0; i < DATABASES; i++)
        if (s->pg[i] != NULL && s->pid_of == getpid())
            cm_pg_close(s->pg[i]);
    json_decref(s->seen);
    free(s);
}

static struct slot *slot_of(struct cm_step *step)
{
    static const char key[] = "interlock";
    struct slot *s = cm_outside_slot(cm_step_outside(step), key);
    if (s == NULL) {
        s = cm_alloc(sizeof *s);
        s->pid_of = getpid();
        cm_outside_slot_set(cm_step_outside(step), key, s, slot_free);
    }
    return s;
}

static void add(struct cm_str *to, const char *fmt, ...) CM_PRINTF(2, 3);
static void add(struct cm_str *to, const char *fmt, ...)
{
    va_list ap;
    if (to->len > 0)
        cm_str_add(to, "; ");
    va_start(ap, fmt);
    cm_str_vaddf(to, fmt, ap);
    va_end(ap);
}

static void not_known(struct look *l, const char *what, const struct cm_err *why)
{
    add(&l->unknown, "%s: %s", what, cm_err_message(why));
    if (cm_err_is_passing(why))
        l->passing = true;
}

/* ---- the nodes ---- */

static bool no_old_server(struct cm_step *step) { return cm_outside_hosts(cm_step_outside(step)) == 0; }

static void look_at_node(struct look *l, struct cm_host *h)
{
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    cm_autoerr why = NULL;
    const char *name = cm_host_name(h);
    if (cm_host_unit(l->step, h, &u, &why) < 0) {
        not_known(l, name, why);
        return;
    }
    if (cm_unit_up(&u)) {
        l->units_up = true;
        add(&l->broken, "Connect runs on %s (unit %s, %d processes)", name, u.active, u.processes < 0 ? 0 : u.processes);
    } else if (!cm_unit_held(&u)) {
        l->units_loose = true;
        add(&l->broken, "the unit on %s is not masked: anything may start it", name);
    }
    if (u.processes < 0)
        add(&l->unknown, "%s: its processes cannot be seen", name);
}

/* ---- the databases ---- */

static struct cm_pg *open_pg(struct look *l, int which, const struct cm_pg_target *t, struct cm_err **err)
{
    enum cm_pg_why why = CM_PG_OK;
    struct cm_pg **p = &l->slot->pg[which];
    if (*p != NULL)
        cm_pg_log_to(*p, NULL); /* the step that asked last may have ended */
    if (*p != NULL && (l->slot->pid_of != getpid() || !cm_pg_alive(*p))) {
        if (l->slot->pid_of == getpid())
            cm_pg_close(*p);
        *p = NULL;
    }
    l->slot->pid_of = getpid();
    if (*p == NULL) {
        *p = cm_pg_open(cm_step_loop(l->step), t, &why, err);
        l->slot->pooled[which] = *p != NULL && cm_pg_pooled(*p);
    }
    if (*p != NULL)
        cm_pg_log_to(*p, l->step);
    return *p;
}

static bool listed(const json_t *list, const char *text)
{
    size_t i;
    const json_t *word;
    json_array_foreach(list, i, word)
    {
        if (strcmp(json_string_value(word) == NULL ? "" : json_string_value(word), text) == 0)
            return true;
    }
    return false;
}

static bool connects_role(const struct cm_source *s, const char *user)
{
    const char *core = s->core.user, *instrumentation = s->instrumentation.user;
    if (user == NULL)
        return true; /* who it is may not be seen: it counts */
    return (core != NULL && strcmp(core, user) == 0) || (instrumentation != NULL && strcmp(instrumentation, user) == 0);
}

/* Has this attempt deployed, or shown to somebody what to deploy? Before that a pod of the release is one more Connect on this database:
 * of an earlier deployment, or of somebody who brought one back while the old server ran. */
static bool may_have_pods(struct cm_step *step)
{
    struct cm_change c;
    return cm_ledger_next(step, "helm.upgrade", 0, &c) || cm_ledger_next(step, "temporary.setting", 0, &c) ||
           strcmp(cm_json_text(cm_plan_step(cm_step_plan(step), "helm.deploy"), "by", "tool"), "tool") != 0;
}

/* Once our release has a pod, its own sessions are younger than it. The cluster is asked only when there is a session to judge. */
static bool of_our_pod(struct look *l, const struct cm_pg_session *s)
{
    int64_t began;
    if (l->reverse || !may_have_pods(l->step) || s->started == NULL || !cm_time_parse(s->started, &began))
        return false;
    if (!l->asked_pods) {
        cm_autoerr why = NULL;
        l->asked_pods = true;
        if (cm_target_first_pod(l->step, &l->first_pod_ms, &why) < 0) {
            not_known(l, "the age of the release's pods", why);
            l->pods_unknown = true;
        }
    }
    return l->first_pod_ms > 0 && began >= l->first_pod_ms - CLOCKS_MS;
}

static void note_session(struct look *l, const char *list, const char *database, const struct cm_pg_session *s)
{
    json_t *to = json_object_get(l->slot->seen, list);
    json_array_append_new(to, json_pack("{s:s, s:i, s:s*, s:s*, s:s*, s:s*}", "database", database, "pid", s->pid, "role", s->user,
                                        "application", s->application, "address", s->address, "since", s->started));
}

static void judge(struct look *l, const struct cm_source *source, const char *database, const struct cm_pg_session *s)
{
    const json_t *known = cm_plan_get(cm_step_plan(l->step), "database.ignore_sessions");
    const char *application = s->application == NULL ? "" : s->application;
    if (s->ours)
        return;
    if (!connects_role(source, s->user) || (*application != '\0' && listed(known, application))) {
        note_session(l, "named", database, s);
        return;
    }
    if (of_our_pod(l, s) || l->pods_unknown) /* whose it is cannot be told then, and that is said */
        return;
    note_session(l, "blocking", database, s);
    l->blocking_pid = s->pid;
    add(&l->broken, "session %d of role %s on database %s from %s%s%s%s", s->pid, s->user == NULL ? "(hidden)" : s->user, database,
        s->address == NULL || *s->address == '\0' ? "an address that may not be seen" : s->address, *application ? " (" : "",
        application, *application ? ")" : "");
}

static void look_at_database(struct look *l, const struct cm_source *source, int which)
{
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions seen = {0};
    cm_autoerr why = NULL;
    struct cm_pg_target t;
    bool none;
    const char *database = which == 0 ? "core" : "instrumentation";
    if (cm_source_database(l->step, which, "interlock", &t, &none, &why) < 0) {
        not_known(l, database, why);
        return;
    }
    if (none) {
        if (which == 0)
            add(&l->unknown, "the server's configuration names no PostgreSQL database");
        return;
    }
    if (t.url->database != NULL)
        database = t.url->database;
    struct cm_pg *pg = open_pg(l, which, &t, &why);
    if (pg == NULL || cm_pg_sessions(pg, &seen, &why) < 0) {
        not_known(l, database, why);
        return;
    }
    if (!seen.all_visible) {
        json_object_set_new(l->slot->seen, "visible", json_false());
        add(&l->unknown, "database %s: this role may not see all sessions (neither Connect's own role nor pg_read_all_stats)",
            database);
    }
    if (l->slot->pooled[which])
        add(&l->unknown, "database %s: a pooler stands between; give the real server as database.hostaddr", database);
    for (size_t i = 0; i < seen.count; i++)
        judge(l, source, database, &seen.list[i]);
}

/* One database may serve both URLs; it is asked once. */
static bool same_database(const struct cm_source *s)
{
    const struct cm_pg_url *a = &s->core, *b = &s->instrumentation;
    return a->host != NULL && b->host != NULL && strcmp(a->host, b->host) == 0 &&
           strcmp(a->port == NULL ? "" : a->port, b->port == NULL ? "" : b->port) == 0 &&
           strcmp(a->database == NULL ? "" : a->database, b->database == NULL ? "" : b->database) == 0;
}

static void look_at_databases(struct look *l)
{
    const struct cm_source *source = NULL;
    cm_autoerr why = NULL;
    if (no_old_server(l->step)) /* then no configuration names a database, and the cluster alone can hold a Connect */
        return;
    if (cm_source_read(l->step, &source, &why) < 0) {
        not_known(l, "the server's configuration", why);
        return;
    }
    look_at_database(l, source, 0);
    if (!same_database(source))
        look_at_database(l, source, 1);
}

/* ---- the cluster ---- */

static bool content_job(const json_t *job)
{
    size_t i;
    const json_t *c;
    if (cm_json_int(job, "status.active", 0) == 0)
        return false;
    json_array_foreach(cm_json_at(job, "spec.template.spec.containers"), i, c)
    {
        const char *name = cm_json_text(c, "name", "");
        if (strcmp(name, "connect-content") == 0 || strcmp(name, "rs-launcher-container") == 0)
            return true;
    }
    return false;
}

static void look_at_jobs(struct look *l)
{
    cm_autojson jobs = NULL;
    cm_autoerr why = NULL;
    enum cm_seen seen;
    const char *ns = cm_target_content_namespace(l->step);
    size_t i, running = 0;
    const json_t *job;
    if (cm_kube_get_in(l->step, ns, "jobs", NULL, NULL, &jobs, &seen, &why) < 0) {
        not_known(l, "the content Jobs", why);
        return;
    }
    if (seen == CM_FORBIDDEN)
        add(&l->unknown, "the Jobs of namespace %s may not be listed", ns);
    json_array_foreach(json_object_get(jobs, "items"), i, job) { running += content_job(job) ? 1 : 0; }
    if (running > 0)
        add(&l->broken, "%zu content Jobs still run in namespace %s", running, ns);
}

static void look_at_cluster(struct look *l)
{
    cm_autojson pods = NULL;
    cm_autoerr why = NULL;
    if (cm_target_pods(l->step, &pods, &why) < 0) {
        not_known(l, "the pods of the release", why);
        return;
    }
    size_t i, living = 0;
    const json_t *pod;
    const char *name = "";
    json_array_foreach(pods, i, pod)
    {
        const char *phase = cm_json_text(pod, "status.phase", "");
        if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
            continue;
        living++;
        name = cm_json_text(pod, "metadata.name", "?");
    }
    if (living > 0)
        add(&l->broken, "%zu pods of the release still live (%s)", living, name);
    look_at_jobs(l);
}

/* ---- one look ---- */

static void look_forward(struct look *l)
{
    struct cm_outside *o = cm_step_outside(l->step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++)
        look_at_node(l, cm_outside_host(o, i));
    look_at_databases(l);
}

static void look(struct cm_step *step, bool reverse, struct look *l)
{
    *l = (struct look){
        .step = step, .slot = slot_of(step), .reverse = reverse, .broken = CM_STR(CM_STR_LINE), .unknown = CM_STR(CM_STR_LINE)};
    json_decref(l->slot->seen);
    l->slot->seen = json_pack("{s:[], s:[], s:b}", "blocking", "named", "visible", 1);
    l->slot->looked_ms = cm_loop_now_ms(cm_step_loop(step));
    if (reverse) {
        look_at_cluster(l);
        look_at_databases(l);
    } else {
        look_forward(l);
    }
    const json_t *named = json_object_get(l->slot->seen, "named");
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *s = json_array_get(named, i);
        cm_step_log(step, "interlock: not counted: session %d of role %s (%s) on %s", (int)cm_json_int(s, "pid", 0),
                    cm_json_text(s, "role", "?"), cm_json_text(s, "application", ""), cm_json_text(s, "database", "?"));
    }
}

static int broken(const struct look *l, struct cm_err **err)
{
    cm_fail(err, CM_E_FAILED, "an old Connect may still be at work: %s", cm_str_text(&l->broken));
    if (l->units_up)
        cm_hint(err, "Find what started it (Ansible, Puppet, cron, a colleague) and switch that off, then run the same command "
                     "again.");
    else if (l->blocking_pid != 0)
        cm_hint(
            err,
            "Find that process (perhaps a further Connect server that the plan does not name, or a pod of an earlier deployment) "
            "and stop it, then run the same command again. If it is known and harmless: put its application name into database.ignore_sessions of the plan "
            "and run again with --accept-plan-changes.");
    else
        cm_hint(err, "Mend that, then run the same command again.");
    return -1;
}

/* What could not be decided may be attested by name, nothing else may. */
static int attested(const struct look *l, bool may_ask, struct cm_err **err)
{
    struct cm_gate_spec gate = {
        .id = "interlock.unknown",
        .attest = true,
        .title =
            l->reverse ? "no Connect runs in the cluster or elsewhere on this database" : "no other Connect runs on this database",
        .shown = cm_arena_fmt(cm_step_arena(l->step), "It could not be decided from here: %s\n", cm_str_text(&l->unknown)),
    };
    if (may_ask && !l->passing && !cm_reading(l->step))
        return cm_gate_pass(l->step, &gate, err);
    if (cm_gate_answer(l->step, gate.id) != NULL)
        return 0;
    if (l->passing)
        cm_fail_unreached(err, "it cannot be told whether an old Connect is still at work: %s", cm_str_text(&l->unknown));
    else
        cm_fail(err, CM_E_FAILED, "it cannot be told whether an old Connect is still at work: %s", cm_str_text(&l->unknown));
    cm_hint(err, "Make it reachable from here, then run the same command again.");
    return -1;
}

static int judged(struct look *l, bool may_ask, struct cm_err **err)
{
    if (l->broken.len > 0)
        return broken(l, err);
    if (l->unknown.len > 0)
        return attested(l, may_ask, err);
    return 0;
}

/* A unit came back: it is masked and stopped again, and the step fails. */
static int put_down(struct look *l, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(l->step);
    cm_autostr names = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct cm_host *h = cm_outside_host(o, i);
        CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
        if (cm_host_unit(l->step, h, &u, NULL) < 0 || (!cm_unit_up(&u) && cm_unit_held(&u)))
            continue;
        add(&names, "%s", cm_host_name(h));
        if (cm_service_hold(l->step, h, false, true, err) < 0)
            return cm_wrap(err, "Connect came back on %s and could not be stopped again", cm_host_name(h));
    }
    cm_fail(err, CM_E_FAILED, "Connect %s on %s; it was masked and stopped again", l->units_up ? "came back" : "was unmasked",
            cm_str_text(&names));
    cm_hint(err,
            "Find the automation that does it (Ansible, Puppet, cron, a monitoring agent) and switch it off, then run the same "
            "command again.");
    return -1;
}

int cm_interlock_forward(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(look_fini) struct look l = {0};
    if (cm_fault("interlock-left-out") || no_old_server(step))
        return 0;
    look(step, false, &l);
    if ((l.units_up || l.units_loose) && !cm_reading(step))
        return put_down(&l, err);
    return judged(&l, true, err);
}

int cm_interlock_reverse(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(look_fini) struct look l = {0};
    if (cm_fault("interlock-left-out"))
        return 0;
    look(step, true, &l);
    return judged(&l, true, err);
}

int cm_interlock_reverse_pods(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(look_fini)
    struct look l = {
        .step = step, .slot = slot_of(step), .reverse = true, .broken = CM_STR(CM_STR_LINE), .unknown = CM_STR(CM_STR_LINE)};
    if (cm_fault("interlock-left-out"))
        return 0;
    look_at_cluster(&l);
    return judged(&l, true, err);
}

static int settled(void *ctx, struct cm_err **err)
{
    struct cm_step *step = ctx;
    CM_CLEANUP(look_fini) struct look l = {0};
    look(step, false, &l);
    if (l.broken.len > 0) {
        return l.units_up || l.units_loose ? put_down(&l, err) : 0;
    }
    return judged(&l, true, err) < 0 ? -1 : 1;
}

int cm_interlock_settle(struct cm_step *step, int64_t wait_ms, struct cm_err **err)
{
    if (cm_fault("interlock-left-out") || no_old_server(step))
        return 0;
    int64_t limit = cm_loop_now_ms(cm_step_loop(step)) + wait_ms, deadline = cm_step_deadline(step);
    int rc = cm_wait_until(step, settled, step, limit < deadline ? limit : deadline, 10, 1000, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    return cm_interlock_forward(step, err);
}

/* ---- guarding while something else goes on ---- */

enum { LOOKS_AGAIN = 3, LOOK_AGAIN_MS = 300 };

static int guard(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(look_fini) struct look l = {0};
    if (cm_fault("interlock-left-out") || no_old_server(step))
        return 0;
    look(step, false, &l);
    /* the backends of a pod that has just gone may outlive it for a moment: only what stays counts */
    for (int n = 0; l.broken.len > 0 && !l.units_up && !l.units_loose && n < LOOKS_AGAIN; n++) {
        if (cm_pause(step, LOOK_AGAIN_MS, err) < 0)
            return -1;
        look_fini(&l);
        look(step, false, &l);
    }
    if ((l.units_up || l.units_loose) && !cm_reading(step))
        return put_down(&l, err);
    if (l.broken.len == 0 && l.unknown.len > 0 && l.passing && ++l.slot->blind < BLIND_MOST)
        return 0;
    if (l.unknown.len == 0)
        l.slot->blind = 0;
    return judged(&l, false, err);
}

int cm_interlock_tick(void *ctx, struct cm_err **err)
{
    struct cm_step *step = ctx;
    struct slot *s = slot_of(step);
    if (s->looked_ms != 0 && cm_loop_now_ms(cm_step_loop(step)) - s->looked_ms < EVERY_MS)
        return 0;
    return guard(step, err);
}

static bool rang(void *bell) { return cm_kube_watch_rang(bell); }

/* A pause between two looks: until the bell rings, or it is over. */
static int pause_or_ring(struct cm_step *step, struct cm_kube_watch *bell, int64_t ms, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    if (cm_loop_until(loop, bell == NULL ? NULL : rang, bell, cm_loop_now_ms(loop) + ms) != CM_WAIT_CANCELLED)
        return 0;
    return cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting");
}

int cm_interlock_wait(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t poll_ms,
                      struct cm_err **err)
{
    return cm_interlock_wait_ring(step, ready, ctx, poll_ms, NULL, err);
}

int cm_interlock_wait_ring(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t poll_ms,
                           struct cm_kube_watch *bell, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    int64_t deadline = cm_step_deadline(step), pause = poll_ms < 10 ? poll_ms : 10;
    for (;;) {
        cm_autoerr why = NULL;
        int rc = ready(ctx, &why);
        if (rc < 0 && !cm_err_is_passing(why)) {
            struct cm_err *moved = why;
            why = NULL;
            return cm_err_move(err, moved);
        }
        if (rc > 0)
            return 0;
        if (cm_interlock_tick(step, err) < 0)
            return -1;
        int64_t now = cm_loop_now_ms(loop);
        if (now >= deadline)
            return 1;
        bool told = cm_kube_watch_alive(bell); /* to ask often would only keep the machine from what is waited for */
        int64_t ms = told ? poll_ms : pause, left = deadline == CM_NEVER ? ms : deadline - now;
        if (pause_or_ring(step, bell, ms < left ? ms : left, err) < 0)
            return -1;
        pause = told ? pause : pause * 2 > poll_ms ? poll_ms : pause * 2;
    }
}

const json_t *cm_interlock_seen(struct cm_step *step) { return slot_of(step)->seen; }
