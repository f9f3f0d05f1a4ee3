/* world/main.c: connect-migrate-world: serve, drills, dump. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "world/world.h"

static const char usage[] =
    "usage: connect-migrate-world serve --dir DIR [--content N] [--nodes N] [--build-ms MS] [--pod-ms MS] [--seed N]\n"
    "                                   [--drill NAME] [--postgres HOST:PORT:SUPERUSER] [--launcher]\n"
    "       connect-migrate-world drills\n"
    "       connect-migrate-world dump DIR\n"
    "\n"
    "The world of rehearsals: stand-ins for an old server, a cluster and Posit Connect, with a real PostgreSQL. serve makes a\n"
    "world in DIR or takes one up, prints \"ready\" and stays until SIGTERM.\n";

static void on_signal(void *ctx, int signo)
{
    struct world *w = ctx;
    if (signo != SIGHUP)
        cm_loop_cancel(w->loop);
}

static bool number(const char *text, long least, long most, long *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out >= least && *out <= most;
}

static int read_options(int argc, char **argv, struct options *o, struct cm_err **err)
{
    static const struct option longs[] = {{"dir", 1, NULL, 'd'},      {"content", 1, NULL, 'c'},  {"nodes", 1, NULL, 'n'},
                                          {"build-ms", 1, NULL, 'b'}, {"pod-ms", 1, NULL, 'p'},   {"seed", 1, NULL, 's'},
                                          {"drill", 1, NULL, 'D'},    {"postgres", 1, NULL, 'P'}, {"launcher", 0, NULL, 'L'},
                                          {NULL, 0, NULL, 0}};
    long seed = 1;
    bool ok = true;
    *o = (struct options){.content = 6, .nodes = 1, .build_ms = 10, .pod_ms = 20};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'd': o->dir = optarg; break;
        case 'c': ok = number(optarg, 0, WORLD_MOST_CONTENT, &o->content) && ok; break;
        case 'n': ok = number(optarg, 1, WORLD_MOST_NODES, &o->nodes) && ok; break;
        case 'b': ok = number(optarg, 0, 3600000, &o->build_ms) && ok; break;
        case 'p': ok = number(optarg, 0, 3600000, &o->pod_ms) && ok; break;
        case 's': ok = number(optarg, 0, INT32_MAX, &seed) && ok; break;
        case 'D': o->drill = optarg; break;
        case 'P': o->postgres = optarg; break;
        case 'L': o->launcher = true; break;
        default: return cm_fail(err, CM_E_USAGE, "unknown option");
        }
    }
    o->seed = (uint64_t)seed;
    if (!ok)
        return cm_fail(err, CM_E_USAGE, "an option's number is out of range");
    if (o->dir == NULL || optind < argc)
        return cm_fail(err, CM_E_USAGE, "serve wants --dir DIR and nothing else");
    return 0;
}

/* What a world was made with stays; only its speed may be said anew. */
static void keep_what_it_was(struct world *w)
{
    w->options.content = info_int(w, "content");
    w->options.nodes = info_int(w, "nodes");
    w->options.seed = strtoull(info_text(w, "seed"), NULL, 10);
    if (info_text(w, "postgres_data")[0] != '\0')
        w->options.postgres = NULL;
}

static int make_or_take_up(struct world *w, struct cm_err **err)
{
    cm_autofree char *info = world_path(w, "world.json");
    bool is_new = !cm_file_exists(info);
    if (state_load(w, err) != 0)
        return -1;
    if (is_new) {
        if (world_make(w, err) != 0)
            return -1;
    } else {
        keep_what_it_was(w);
        content_make(w);
    }
    if (w->options.drill != NULL && drill_stage(w, w->options.drill, err) != 0)
        return -1;
    if (world_bins(w, err) != 0 || world_write_plan(w, err) != 0 || effects_open(w, err) != 0 || builds_open(w, err) != 0)
        return -1;
    if (postgres_start(w, err) != 0)
        return -1;
    state_flush(w);
    return 0;
}

static int bring_up(struct world *w, struct cm_err **err)
{
    int port;
    if (make_or_take_up(w, err) != 0)
        return -1;
    port = (int)info_int(w, "ports.public");
    w->drill_done = json_object();
    drill_look(w);
    if (watch_files(w, err) != 0 || vm_start_all(w, err) != 0)
        return -1;
    w->public_listener = listener_open(w, FACE_PUBLIC, NULL, &port, err);
    if (w->public_listener == NULL)
        return -1;
    builds_take_up(w);
    pods_take_up(w);
    if (launcher_start(w, err) != 0)
        return -1;
    launcher_look(w);
    violation_check(w);
    state_flush(w);
    return control_open(w, err);
}

static void shut_down(struct world *w)
{
    w->stopping = true;
    control_close(w);
    state_flush(w);
    pods_close(w);
    listener_close(w->vm_listener);
    listener_close(w->public_listener);
    sessions_close(w, NULL);
    postgres_stop(w);
}

static void world_free(struct world *w)
{
    for (int i = 0; i < STATE_COUNT; i++)
        json_decref(w->state[i]);
    json_decref(w->releases);
    json_decref(w->drill_done);
    json_decref(w->jobs);
    json_decref(w->job_index);
    json_decref(w->item_index);
    tasks_free(w);
    cm_timer_drop(w->launcher_timer);
    cm_watch_drop(w->inotify_watch);
    cm_loop_free(w->loop);
    int fds[] = {w->effects_fd, w->jobs_fd, w->inotify_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(w->marker);
    free(w->items);
    free(w->dir);
}

static int serve(int argc, char **argv, struct cm_err **err)
{
    struct world w = {.effects_fd = -1, .jobs_fd = -1, .inotify_fd = -1};
    if (read_options(argc, argv, &w.options, err) != 0)
        return -1;
    if (mkdir(w.options.dir, 0755) != 0 && errno != EEXIST)
        return cm_fail_errno(err, CM_E_USAGE, "cannot make %s", w.options.dir);
    char *real = realpath(w.options.dir, NULL);
    if (real == NULL)
        return cm_fail_errno(err, CM_E_USAGE, "%s", w.options.dir);
    w.dir = real;
    cm_autofree char *lock_path = world_path(&w, "world.lock");
    int lock = cm_lock_file(lock_path, NULL, err);
    if (lock < 0)
        return cm_wrap(err, "the world in %s", w.dir);
    w.loop = cm_loop_new(&cm_clock_system);
    cm_loop_signals(w.loop, on_signal, &w);
    int status = bring_up(&w, err);
    if (status == 0) {
        printf("ready\n");
        fflush(stdout);
        cm_loop_until(w.loop, NULL, NULL, CM_NEVER);
    }
    shut_down(&w);
    world_free(&w);
    close(lock);
    return status;
}

int main(int argc, char **argv)
{
    cm_autoerr err = NULL;
    const char *command = argc > 1 ? argv[1] : "";
    signal(SIGPIPE, SIG_IGN);
    cm_mem_init();
    if (strcmp(command, "serve") == 0) {
        if (serve(argc - 1, argv + 1, &err) == 0)
            return 0;
    } else if (strcmp(command, "drills") == 0) {
        drills_print();
        return 0;
    } else if (strcmp(command, "dump") == 0 && argc == 3) {
        if (world_dump(argv[2], &err) == 0)
            return 0;
    } else if (strcmp(command, "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    } else {
        fputs(usage, stderr);
        return 2;
    }
    fprintf(stderr, "connect-migrate-world: %s\n", cm_err_message(err));
    if (cm_err_hint(err) != NULL)
        fprintf(stderr, "%s\n", cm_err_hint(err));
    return cm_err_code(err) == CM_E_USAGE ? 2 : 1;
}
