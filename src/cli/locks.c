/* The two locks of a run: see locks.h. */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cm/str.h>

#include "actions/source.h"
#include "adapters/postgres.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/locks.h"
#include "engine/engine.h"
#include "plan/plan.h"

enum { LOOK_MS = 15 * 1000, ASK_MS = 15 * 1000, DEAD_MS = 30 * 1000, NAMELESS_MS = 5 * 1000, AGAIN_MS = 50 };

struct cm_locks {
    struct cm_loop *loop;
    const struct cm_plan *plan;
    struct cm_outside *outside;
    const char *run_dir, *command;
    struct cm_lock list[2];
    int fd;           /* of RUNDIR/lock; -1: not held */
    struct cm_pg *pg; /* the session that holds the advisory lock; NULL: not held */
    struct cm_timer *asking;
    bool no_database; /* this plan has none that a lock could lie in */
    bool lost;
};

/* ---- the run directory ---- */

static int taken_by(const char *body, const char *run_dir, struct cm_err **err)
{
    cm_autojson who = body && *body ? cm_json_parse(body, strlen(body), "lock", NULL) : NULL;
    cm_fail(err, CM_E_LOCKED, "another run holds %s: process %ld, %s, since %s, `connect-migrate-run %s`", run_dir,
            (long)cm_json_int(who, "pid", 0), cm_json_text(who, "who", "somebody"), cm_json_text(who, "since", "?"),
            cm_json_text(who, "command", "?"));
    cm_hint(err, "Look at it with `connect-migrate-run status`; when that process has ended, type the same command again.");
    return -1;
}

/* What the holder of the lock wrote of itself, and that process is no more: its workers hold the lock until they have noticed. */
static bool holder_has_ended(const char *body)
{
    cm_autojson who = body && *body ? cm_json_parse(body, strlen(body), "lock", NULL) : NULL;
    pid_t pid = (pid_t)cm_json_int(who, "pid", 0);
    return pid > 0 && !cm_pid_alive(pid, cm_json_int(who, "start", -1), cm_json_text(who, "boot", ""));
}

/* As cm_lock_file, waiting for what a killed run left behind. */
static int lock_file_or_wait(struct cm_locks *l, const char *path, struct cm_err **err)
{
    int64_t limit = cm_loop_now_ms(l->loop) + DEAD_MS;
    for (;;) {
        cm_autofree char *body = NULL;
        cm_autoerr why = NULL;
        int fd = cm_lock_file(path, &body, &why);
        if (fd >= 0)
            return fd;
        if (cm_err_code(why) != CM_E_LOCKED)
            return cm_fail(err, cm_err_code(why), "%s", cm_err_message(why));
        int64_t now = cm_loop_now_ms(l->loop);
        if (now >= limit || !holder_has_ended(body) || cm_loop_until(l->loop, NULL, NULL, now + AGAIN_MS) == CM_WAIT_CANCELLED)
            return taken_by(body, l->run_dir, err);
    }
}

static int dir_take(void *ctx, bool may_wait, struct cm_err **err)
{
    struct cm_locks *l = ctx;
    (void)may_wait;
    if (l->fd >= 0)
        return 0;
    cm_autofree char *path = cm_path_join(l->run_dir, "lock");
    int fd = lock_file_or_wait(l, path, err);
    if (fd < 0)
        return -1;
    cm_autofree char *since = cm_time_text(cm_clock_wall(cm_loop_clock(l->loop)));
    cm_autojson me =
        json_pack("{s:i, s:s, s:s, s:s}", "pid", (int)getpid(), "who", cm_who(), "since", since, "command", l->command);
    json_object_set_new(me, "run", json_string(l->run_dir));
    json_object_set_new(me, "start", json_integer(cm_pid_start(getpid())));
    json_object_set_new(me, "boot", json_string(cm_boot_id()));
    cm_autofree char *text = json_dumps(me, JSON_COMPACT);
    /* The body only informs: that it could not be written is no reason to stop. */
    if (ftruncate(fd, 0) != 0 || text == NULL || pwrite(fd, text, strlen(text), 0) < 0)
        cm_log(CM_VERBOSE, "%s does not say who holds it: %s", path, strerror(errno));
    l->fd = fd;
    return 0;
}

static enum cm_held dir_held(void *ctx) { return ((struct cm_locks *)ctx)->fd >= 0 ? CM_HELD : CM_NOT_YET; }

static void dir_give(void *ctx)
{
    struct cm_locks *l = ctx;
    if (l->fd >= 0) {
        (void)!ftruncate(l->fd, 0);
        close(l->fd);
    }
    l->fd = -1;
}

/* By what the holder wrote, not by trying the lock: a run that starts at this moment must not find it held by a reader. */
bool cm_run_is_live(const char *run_dir)
{
    cm_autofree char *path = cm_path_join(run_dir, "lock"), *body = NULL;
    size_t n = 0;
    if (!cm_file_exists(path) || cm_file_read(path, 65536, &body, &n, NULL) < 0)
        return false;
    cm_autojson who = n ? cm_json_parse(body, n, "lock", NULL) : NULL;
    pid_t pid = (pid_t)cm_json_int(who, "pid", 0);
    return pid > 0 && cm_pid_alive(pid, cm_json_int(who, "start", -1), cm_json_text(who, "boot", ""));
}

/* ---- the database ---- */

static void answered(void *ctx, bool held) { ((struct cm_locks *)ctx)->lost |= !held; }

static void ask(void *ctx)
{
    struct cm_locks *l = ctx;
    if (l->pg && !cm_pg_lost(l->pg))
        cm_pg_lock_held_soon(l->pg, answered, l);
}

static void database_give(void *ctx)
{
    struct cm_locks *l = ctx;
    cm_timer_drop(l->asking);
    l->asking = NULL;
    cm_pg_close(l->pg);
    l->pg = NULL;
    l->lost = false;
}

/* "connect-migrate USER@HOST PID", of this very machine, whose process has ended: killed, and the server is about to notice it. */
static bool has_ended(const char *holder)
{
    cm_autofree char *ours = cm_fmt("connect-migrate %s ", cm_who());
    char *end = NULL;
    if (!cm_starts(holder, ours))
        return false;
    long pid = strtol(holder + strlen(ours), &end, 10);
    return pid > 0 && *end == '\0' && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* As cm_pg_lock, waiting for the session of a process that is no more; shortly for one that has no name, since it may be ending. */
static int lock_or_wait(struct cm_locks *l, bool *got, char **holder, struct cm_err **err)
{
    int64_t begun = cm_loop_now_ms(l->loop);
    for (;;) {
        free(*holder);
        *holder = NULL;
        if (cm_pg_lock(l->pg, got, holder, err) < 0)
            return -1;
        int64_t now = cm_loop_now_ms(l->loop);
        int64_t patience = *holder == NULL ? NAMELESS_MS : has_ended(*holder) ? DEAD_MS : 0;
        if (*got || now - begun >= patience || cm_loop_until(l->loop, NULL, NULL, now + AGAIN_MS) == CM_WAIT_CANCELLED)
            return 0;
    }
}

static int open_and_lock(struct cm_locks *l, struct cm_step *look, struct cm_err **err)
{
    struct cm_pg_target target;
    enum cm_pg_why why;
    bool none = false, got = false;
    cm_autofree char *role = cm_fmt("%s %ld", cm_who(), (long)getpid()), *holder = NULL;
    if (cm_source_database(look, 0, role, &target, &none, err) < 0)
        return -1;
    if (none) {
        l->no_database = true;
        return 0;
    }
    l->pg = cm_pg_open(l->loop, &target, &why, err);
    if (l->pg && cm_pg_pooled(l->pg)) {
        /* The lock would lie on a session that somebody else is given next; database.check asks about the pooler. */
        database_give(l);
        l->no_database = true;
        return 0;
    }
    if (!l->pg || lock_or_wait(l, &got, &holder, err) < 0) {
        database_give(l);
        return -1;
    }
    if (got) {
        l->asking = cm_loop_timer(l->loop, cm_loop_now_ms(l->loop) + ASK_MS, ASK_MS, ask, l);
        return 0;
    }
    database_give(l);
    cm_fail(err, CM_E_LOCKED, "another run holds the lock in Connect's database: %s",
            holder ? holder : "a session that cannot be seen");
    cm_hint(
        err,
        "It names user, machine and process. When that process has ended, the server gives the lock back by itself: type the same "
        "command again.");
    return -1;
}

static int database_take(void *ctx, bool may_wait, struct cm_err **err)
{
    struct cm_locks *l = ctx;
    if (l->no_database || (l->pg && !l->lost && !cm_pg_lost(l->pg)))
        return 0;
    database_give(l);
    if (json_array_size(cm_plan_get(l->plan, "source.hosts")) == 0) {
        l->no_database = true;
        return 0;
    }
    struct cm_err *why = NULL;
    struct cm_step *look = cm_step_for_reading(l->loop, l->plan, l->outside, LOOK_MS);
    int rc = open_and_lock(l, look, &why);
    cm_step_for_reading_free(look);
    if (rc == 0)
        return 0;
    if (may_wait && cm_err_code(why) != CM_E_LOCKED) {
        cm_err_free(why); /* the checks say what is wrong with it; no effect goes before the lock is held */
        return 0;
    }
    cm_err_move(err, why);
    return -1;
}

static enum cm_held database_held(void *ctx)
{
    const struct cm_locks *l = ctx;
    if (l->no_database)
        return CM_HELD;
    if (!l->pg)
        return CM_NOT_YET;
    return l->lost || cm_pg_lost(l->pg) ? CM_LOST : CM_HELD;
}

/* ---- both ---- */

struct cm_locks *cm_locks_new(struct cm_loop *loop, const struct cm_plan *plan, struct cm_outside *outside, const char *run_dir,
                              const char *command)
{
    struct cm_locks *l = cm_alloc(sizeof *l);
    *l = (struct cm_locks){.loop = loop, .plan = plan, .outside = outside, .run_dir = run_dir, .command = command, .fd = -1};
    l->list[0] = (struct cm_lock){"run directory", dir_take, dir_held, dir_give, l};
    l->list[1] = (struct cm_lock){"database", database_take, database_held, database_give, l};
    return l;
}

const struct cm_lock *cm_locks_list(const struct cm_locks *l, size_t *n)
{
    *n = 2;
    return l->list;
}

void cm_locks_free(struct cm_locks *l)
{
    if (!l)
        return;
    database_give(l);
    dir_give(l);
    free(l);
}
