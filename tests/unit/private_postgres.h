/* A private PostgreSQL for tests: made in a temporary folder, on a free port of 127.0.0.1, ended and removed by the test. As root it
 * runs as the user postgres, since the server refuses root. */
#ifndef CM_TESTS_PRIVATE_POSTGRES_H
#define CM_TESTS_PRIVATE_POSTGRES_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct private_postgres { char bin[256], dir[64]; char port[8]; pid_t pid; };

static bool pg_find(struct private_postgres *p)
{
    static const char *const places[] = { "/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/usr/local/pgsql/bin/initdb",
                                          "/usr/bin/initdb" };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        glob_t g;
        if (glob(places[i], 0, NULL, &g) != 0)
            continue;
        (void)snprintf(p->bin, sizeof p->bin, "%.*s", (int)(strrchr(g.gl_pathv[g.gl_pathc - 1], '/') - g.gl_pathv[g.gl_pathc - 1]),
                       g.gl_pathv[g.gl_pathc - 1]);
        globfree(&g);
        return true;
    }
    return false;
}

static bool pg_free_port(char port[8])
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&here, n) == 0 && getsockname(fd, (struct sockaddr *)&here, &n) == 0;

    (void)snprintf(port, 8, "%u", (unsigned)ntohs(here.sin_port));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Start argv as a user who is not root, quiet. argv[0] is the whole path: PostgreSQL finds its other parts by it. */
static pid_t pg_spawn(const char *program, char *const argv[])
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (user != NULL && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    (void)chdir("/");
    execv(program, argv);
    _exit(127);
}

static bool pg_run(const char *program, char *const argv[])
{
    int status = 0;
    pid_t pid = pg_spawn(program, argv);

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool pg_answers(const struct private_postgres *p)
{
    struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) },
                                 .sin_port = htons((unsigned short)strtoul(p->port, NULL, 10)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (struct sockaddr *)&there, sizeof there) == 0;

    close(fd);
    return ok;
}

static bool pg_write(const struct private_postgres *p, const char *name, const char *text, const char *mode)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *f = fopen(path, mode);

    if (f == NULL)
        return false;
    fputs(text, f);
    return fclose(f) == 0;
}

static bool pg_stop(struct private_postgres *p)
{
    char *const rm[] = { (char *)(uintptr_t)"rm", (char *)(uintptr_t)"-rf", p->dir, NULL };

    if (p->pid > 0) {
        kill(p->pid, SIGINT);
        (void)waitpid(p->pid, NULL, 0);
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv("/bin/rm", rm);
        _exit(127);
    }
    return waitpid(pid, NULL, 0) == pid;
}

/* 1: runs (superuser "boss", password "boss"); 0: PostgreSQL is not installed; -1. */
static int pg_start(struct private_postgres *p, const char *hba)
{
    char data[96], password[96], port[16], sockets[96];
    char initdb[300], postgres[300];
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;

    memset(p, 0, sizeof *p);
    if (!pg_find(p) || (geteuid() == 0 && user == NULL))
        return 0;
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/cm-test-pg.XXXXXX");
    if (mkdtemp(p->dir) == NULL || !pg_free_port(p->port) || !pg_write(p, "password", "boss\n", "w"))
        return -1;
    (void)snprintf(password, sizeof password, "--pwfile=%s/password", p->dir);
    (void)snprintf(data, sizeof data, "%s/data", p->dir);
    (void)snprintf(initdb, sizeof initdb, "%s/initdb", p->bin);
    (void)snprintf(postgres, sizeof postgres, "%s/postgres", p->bin);
    (void)snprintf(port, sizeof port, "%s", p->port);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", p->dir);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/password", p->dir);
    if (user != NULL && (chown(p->dir, user->pw_uid, user->pw_gid) != 0 || chown(path, user->pw_uid, user->pw_gid) != 0))
        return -1;
#define A(text) (char *)(uintptr_t)(text)
    char *const init[] = { initdb, A("-D"), data, A("-U"), A("boss"), A("-A"), A("scram-sha-256"), password, A("--no-sync"),
                           A("--no-instructions"), A("-E"), A("UTF8"), A("--locale=C"), NULL };
    char *const run[] = { postgres, A("-D"), data, A("-p"), port, A("-c"), A("listen_addresses=127.0.0.1"), A("-c"), sockets,
                          A("-c"), A("fsync=off"), A("-c"), A("max_connections=40"), A("-c"), A("shared_buffers=8MB"), NULL };
#undef A
    if (!pg_run(initdb, init) || !pg_write(p, "data/pg_hba.conf", hba, "w"))
        return -1;
    p->pid = pg_spawn(postgres, run);
    for (int i = 0; i < 1000; i++) {
        if (p->pid > 0 && pg_answers(p))
            return 1;
        usleep(10000);
    }
    return -1;
}

#endif
