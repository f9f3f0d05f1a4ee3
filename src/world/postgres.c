/* world/postgres.c: Connect's database: a real, private PostgreSQL on a free port of 127.0.0.1 (as another user when we are root,
 * since PostgreSQL refuses to run as root), or databases of its own on a server that is given. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <grp.h>
#include <libpq-fe.h>

#include "base/file.h"
#include "base/pid.h"
#include "world/world.h"

enum { START_LIMIT_MS = 60000 };

static void rest_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* The newest PostgreSQL here; caller frees. */
static char *find_bin(const char *name)
{
    glob_t found;
    char *best = NULL;
    cm_autofree char *pattern = cm_fmt("/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0)
        best = cm_strdup(found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    static const char *const dirs[] = {"/usr/pgsql-17/bin", "/usr/pgsql-16/bin", "/usr/local/pgsql/bin", "/usr/local/bin",
                                       "/usr/bin"};
    for (size_t i = 0; best == NULL && i < sizeof dirs / sizeof *dirs; i++) {
        cm_autofree char *path = cm_path_join(dirs[i], name);
        if (access(path, X_OK) == 0)
            best = cm_strdup(path);
    }
    return best;
}

static const struct passwd *other_user(void)
{
    const struct passwd *p = NULL;
    if (geteuid() != 0)
        return NULL;
    p = getpwnam("postgres");
    return p != NULL ? p : getpwnam("nobody");
}

static void become(const struct passwd *user)
{
    if (user != NULL && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    if (chdir("/") != 0)
        _exit(126);
    unsetenv("PGDATA");
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* a world that is killed takes its database along */
}

static pid_t launch(const char *const *argv, const struct passwd *user, const char *log)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    setsid(); /* a terminal's Ctrl-C is ours to pass on */
    become(user);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int run(const char *const *argv, const struct passwd *user, const char *log, struct cm_err **err)
{
    int status = 0;
    pid_t pid = launch(argv, user, log);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return cm_fail(err, CM_E_FAILED, "%s failed (its words are in %s)", argv[0], log);
}

/* May that user pass through every folder down to path? */
static bool passable(const char *path, const struct passwd *user)
{
    cm_autofree char *at = cm_strdup(path);
    for (char *p = at + 1; user != NULL; p++) {
        struct stat st;
        char was = *p;
        if (was != '/' && was != '\0')
            continue;
        *p = '\0';
        if (stat(at, &st) != 0 || ((st.st_mode & S_IXOTH) == 0 && st.st_uid != user->pw_uid))
            return false;
        *p = was;
        if (was == '\0')
            break;
    }
    return true;
}

static int choose_folder(struct world *w, const struct passwd *user, struct cm_err **err)
{
    if (chmod(w->dir, 0711) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot make %s passable", w->dir);
    cm_autofree char *inside = world_path(w, "postgres");
    if (passable(w->dir, user)) {
        if (mkdir(inside, 0700) != 0 && errno != EEXIST)
            return cm_fail_errno(err, CM_E_FAILED, "cannot make %s", inside);
    } else {
        char outside[] = "/tmp/connect-migrate-postgres-XXXXXX";
        if (mkdtemp(outside) == NULL)
            return cm_fail_errno(err, CM_E_FAILED, "cannot make a folder in /tmp");
        free(inside);
        inside = cm_strdup(outside);
    }
    if (user != NULL && chown(inside, user->pw_uid, user->pw_gid) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot give %s to %s", inside, user->pw_name);
    json_object_set_new(w->state[STATE_INFO], "postgres_data", json_string(inside));
    state_changed(w, STATE_INFO);
    return 0;
}

static int init_cluster(struct world *w, const char *data, const struct passwd *user, struct cm_err **err)
{
    cm_autofree char *initdb = find_bin("initdb");
    cm_autofree char *log = world_path(w, "postgres.log");
    cm_autofree char *password = cm_fmt("%s/superuser", data);
    cm_autofree char *where = cm_fmt("%s/data", data);
    cm_autofree char *pwfile = cm_fmt("--pwfile=%s", password);
    if (initdb == NULL) {
        cm_fail(err, CM_E_FAILED, "PostgreSQL's initdb was not found");
        cm_hint(err, "Install PostgreSQL's server package (postgresql), or name a server with --postgres HOST:PORT:SUPERUSER.");
        return -1;
    }
    world_put_file(password, info_text(w, "database.superuser_password"), strlen(info_text(w, "database.superuser_password")),
                   0600);
    if (user != NULL && chown(password, user->pw_uid, user->pw_gid) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot give %s away", password);
    const char *argv[] = {initdb, "-D",   where,        "-U",        "postgres",          "-A", "scram-sha-256", pwfile,
                          "-E",   "UTF8", "--locale=C", "--no-sync", "--no-instructions", NULL};
    int status = run(argv, user, log, err);
    unlink(password);
    return status;
}

/* A world that was killed may have left its server running, or only its pid file. */
static void end_stale(const char *data)
{
    cm_autofree char *file = cm_fmt("%s/data/postmaster.pid", data);
    cm_autofree char *text = NULL;
    cm_autofree char *name = NULL;
    cm_autofree char *cmdline = NULL;
    size_t n = 0;
    if (cm_file_read(file, 4096, &text, &n, NULL) != 0)
        return;
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    name = cm_fmt("/proc/%d/cmdline", (int)pid);
    bool ours = pid > 1 && cm_file_read(name, 65536, &cmdline, &n, NULL) == 0 && memmem(cmdline, n, data, strlen(data)) != NULL;
    if (ours)
        kill(pid, SIGQUIT);
    for (int i = 0; ours && i < 1000 && kill(pid, 0) == 0; i++)
        rest_ms(5);
    unlink(file);
}

static PGconn *connect_as(struct world *w, const char *user, const char *password, const char *database)
{
    const char *const names[] = {"hostaddr",         "port",    "user", "password", "dbname", "connect_timeout",
                                 "application_name", "sslmode", NULL};
    const char *const values[] = {
        info_text(w, "database.host"), info_text(w, "database.port"), user, password, database, "10", "world", "disable", NULL};
    return PQconnectdbParams(names, values, 0);
}

struct pg_conn *postgres_admin(struct world *w, const char *database)
{
    PGconn *c = connect_as(w, info_text(w, "database.superuser"), info_text(w, "database.superuser_password"), database);
    if (PQstatus(c) != CONNECTION_OK) {
        PQfinish(c);
        return NULL;
    }
    return (struct pg_conn *)c;
}

static int exec_sql(PGconn *c, struct cm_err **err, const char *fmt, ...) CM_PRINTF(3, 4);
static int exec_sql(PGconn *c, struct cm_err **err, const char *fmt, ...)
{
    cm_autostr sql = CM_STR(CM_STR_LINE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&sql, fmt, ap);
    va_end(ap);
    PGresult *r = PQexec(c, cm_str_text(&sql));
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        cm_fail(err, CM_E_FAILED, "the world's database: %s", PQerrorMessage(c));
    PQclear(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -1;
}

static bool exists(PGconn *c, const char *sql, const char *name)
{
    const char *const values[] = {name};
    PGresult *r = PQexecParams(c, sql, 1, NULL, values, NULL, NULL, 0);
    bool found = PQntuples(r) > 0;
    PQclear(r);
    return found;
}

/* Databases and role of this world. On a server that is given, a template spares making the tables each time. */
static int make_databases(struct world *w, struct cm_err **err)
{
    static const char by_name[] = "select 1 from pg_database where datname = $1";
    const char *role = info_text(w, "database.role"),
               *bases[] = {info_text(w, "database.core"), info_text(w, "database.instrumentation")};
    PGconn *c = (PGconn *)postgres_admin(w, "postgres");
    if (c == NULL)
        return cm_fail(err, CM_E_FAILED, "the world's database is not reached on port %s", info_text(w, "database.port"));
    int status = exec_sql(c, err, "set client_min_messages = warning");
    if (status == 0 && !exists(c, "select 1 from pg_roles where rolname = $1", role))
        status = exec_sql(c, err, "create role %s login password '%s'", role, info_text(w, "database.password"));
    const char *template = "template1";
    if (status == 0 && w->options.postgres != NULL) {
        template = "connect_world_template";
        if (!exists(c, by_name, template) && exec_sql(c, NULL, "create database %s template template0", template) != 0 &&
            !exists(c, by_name, template))
            status = cm_fail(err, CM_E_FAILED, "cannot make the template database: %s", PQerrorMessage(c));
    }
    for (size_t i = 0; status == 0 && i < 2; i++)
        if (!exists(c, by_name, bases[i]))
            status = exec_sql(c, err, "create database %s owner %s template %s", bases[i], role, template);
    PQfinish(c);
    return status;
}

static void postmaster_ended(void *ctx, pid_t pid, int status)
{
    struct world *w = ctx;
    if (w->postgres_pid == pid)
        w->postgres_pid = 0;
    if (!w->stopping)
        fprintf(stderr, "connect-migrate-world: its PostgreSQL ended (status %d); see postgres.log\n", status);
}

static int wait_until_up(struct world *w, struct cm_err **err)
{
    int64_t limit = cm_loop_now_ms(w->loop) + START_LIMIT_MS;
    for (;;) {
        PGconn *c = (PGconn *)postgres_admin(w, "postgres");
        if (c != NULL) {
            PQfinish(c);
            return 0;
        }
        if (cm_clock_boot(&cm_clock_system) > limit || kill(w->postgres_pid, 0) != 0)
            return cm_fail(err, CM_E_FAILED, "the world's PostgreSQL did not start (its words are in %s/postgres.log)", w->dir);
        rest_ms(5);
    }
}

static int start_private(struct world *w, struct cm_err **err)
{
    const struct passwd *user = other_user();
    cm_autofree char *postgres = find_bin("postgres");
    cm_autofree char *log = world_path(w, "postgres.log");
    bool fresh = info_text(w, "postgres_data")[0] == '\0';
    if (fresh && choose_folder(w, user, err) != 0)
        return -1;
    cm_autofree char *data = cm_strdup(info_text(w, "postgres_data"));
    cm_autofree char *where = cm_fmt("%s/data", data);
    cm_autofree char *done = cm_fmt("%s/made", where);
    if (fresh || !cm_file_exists(done)) { /* what a killed start left behind is of no use */
        const char *remove[] = {"/bin/rm", "-rf", where, NULL};
        if (run(remove, NULL, log, err) != 0 || init_cluster(w, data, user, err) != 0)
            return -1;
        world_put_file(done, "1\n", 2, 0600);
        state_flush(w);
    }
    end_stale(data);
    cm_autofree char *port = cm_fmt("port=%s", info_text(w, "database.port"));
    const char *argv[] = {postgres != NULL ? postgres : "postgres",
                          "-D",
                          where,
                          "-c",
                          port,
                          "-c",
                          "listen_addresses=127.0.0.1",
                          "-c",
                          "unix_socket_directories=",
                          "-c",
                          "fsync=off",
                          "-c",
                          "max_connections=200",
                          "-c",
                          "shared_buffers=16MB",
                          "-c",
                          "log_min_messages=fatal",
                          "-c",
                          "autovacuum=off",
                          "-c",
                          "dynamic_shared_memory_type=mmap",
                          NULL};
    w->postgres_pid = launch(argv, user, log);
    if (w->postgres_pid < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot start PostgreSQL");
    if (wait_until_up(w, err) != 0)
        return -1;
    cm_loop_child(w->loop, w->postgres_pid, postmaster_ended, w);
    return 0;
}

int postgres_start(struct world *w, struct cm_err **err)
{
    if (w->options.postgres == NULL && start_private(w, err) != 0)
        return -1;
    return make_databases(w, err);
}

void postgres_stop(struct world *w)
{
    pid_t pid = w->postgres_pid;
    w->stopping = true;
    if (pid <= 0)
        return;
    cm_loop_child_forget(w->loop, pid);
    kill(pid, SIGINT); /* fast shutdown */
    for (int i = 0; i < 2000 && waitpid(pid, NULL, WNOHANG) == 0; i++)
        rest_ms(5);
    w->postgres_pid = 0;
}
