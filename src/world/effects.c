/* world/effects.c: DIR/effects.jsonl: every change of the outside in total order, and VIOLATION when two Connects are up on one
 * database (DESIGN 9). Files that are changed behind the world's back (the marker in DataDir, DIR/drill) are seen by inotify and
 * looked at before each call is served, so that the order stays that of the causes. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

int effects_open(struct world *w, struct cm_err **err)
{
    cm_autofree char *path = world_path(w, "effects.jsonl");
    w->effects_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return w->effects_fd >= 0 ? 0 : cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
}

static void write_line(struct world *w, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    size_t n = strlen(text);
    text = cm_realloc(text, n + 2);
    memcpy(text + n, "\n", 2);
    if (write(w->effects_fd, text, n + 1) != (ssize_t)n + 1)
        fprintf(stderr, "connect-migrate-world: effects.jsonl: %s\n", strerror(errno));
    free(text);
}

static json_t *new_line(struct world *w, const char *name, const char *of)
{
    cm_autofree char *now = world_now();
    json_t *line = json_pack("{s:s, s:s, s:i}", "at", now, "effect", name, "pid", (int)(w->acting != 0 ? w->acting : getpid()));
    if (of != NULL)
        json_object_set_new(line, "of", json_string(of));
    return line;
}

void effect(struct world *w, const char *name, json_t *taken)
{
    cm_autojson line = new_line(w, name, NULL);
    if (taken != NULL)
        json_object_update(line, taken);
    json_decref(taken);
    write_line(w, line);
}

void effect_noop(struct world *w, const char *of, json_t *taken)
{
    cm_autojson line = new_line(w, "noop", of);
    if (taken != NULL)
        json_object_update(line, taken);
    json_decref(taken);
    write_line(w, line);
}

/* Two Connects on one database: a node that is up together with a pod (from its creation), or pods of two releases. */
void violation_check(struct world *w)
{
    const struct pod *first = w->pods, *other = NULL;
    for (const struct pod *p = w->pods; p != NULL; p = p->next)
        if (first != NULL && (strcmp(p->release, first->release) != 0 || strcmp(p->ns, first->ns) != 0))
            other = p;
    bool mixed = launcher_mixed(w), bad = first != NULL && (vm_up(w) || other != NULL || mixed);
    if (bad && !w->violated) {
        json_t *nodes = json_array(), *pods = json_array();
        const char *node;
        json_t *unit;
        json_object_foreach(json_object_get(w->state[STATE_VM], "units"), node, unit) if (vm_node_up(w, node))
            json_array_append_new(nodes, json_string(node));
        for (const struct pod *p = w->pods; p != NULL; p = p->next)
            json_array_append_new(pods, json_string(p->name));
        effect(w, "VIOLATION",
               json_pack("{s:s, s:o, s:o}", "why",
                         other != NULL ? "pods of two releases on one database"
                         : mixed       ? "a pod of the Launcher and one of the direct runner on one database"
                                       : "Connect runs on a node and in a pod",
                         "nodes", nodes, "pods", pods));
    }
    w->violated = bad;
}

void marker_look(struct world *w)
{
    cm_autofree char *path = world_path(w, "vm" WORLD_DATA_DIR "/.connect-migrate");
    char *now = NULL;
    size_t n = 0;
    if (cm_file_read(path, 1 << 16, &now, &n, NULL) != 0)
        now = NULL;
    if (now != NULL && n == 0) { /* being written; its close comes too */
        free(now);
        return;
    }
    if (now == NULL && w->marker == NULL)
        return;
    if (now != NULL && w->marker != NULL && strcmp(now, w->marker) == 0) {
        free(now);
        return;
    }
    effect(w, now != NULL ? "marker.write" : "marker.remove", NULL);
    free(w->marker);
    w->marker = now;
    json_object_set_new(state_of(w, STATE_VM), "marker", now != NULL ? json_string(now) : json_null());
    state_changed(w, STATE_VM);
}

static void files_changed(void *ctx, int fd, short revents)
{
    struct world *w = ctx;
    char buffer[8192];
    (void)revents;
    while (read(fd, buffer, sizeof buffer) > 0)
        continue;
    marker_look(w);
    drill_look(w);
    state_flush(w);
}

int watch_files(struct world *w, struct cm_err **err)
{
    const uint32_t events = IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR;
    cm_autofree char *data = world_path(w, "vm" WORLD_DATA_DIR);
    w->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->inotify_fd < 0 || inotify_add_watch(w->inotify_fd, data, events) < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot watch %s", data);
    if (inotify_add_watch(w->inotify_fd, w->dir, IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot watch %s", w->dir);
    w->inotify_watch = cm_loop_fd(w->loop, w->inotify_fd, POLLIN, files_changed, w);
    const char *seen = cm_json_text(w->state[STATE_VM], "marker", NULL);
    w->marker = cm_strdup(seen);
    marker_look(w);
    return 0;
}
