/* world/state.c: the world's state in files of DIR: written whole by rename after each change, before the answer to whoever
 * caused it. No sync: a killed world must be taken up, a crashed machine need not. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "world/world.h"

static const char *const files[STATE_COUNT] = {"world.json", "vm/state.json", "cluster/objects.json", "cluster/connect.json"};

char *world_path(const struct world *w, const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    va_list ap;
    cm_str_add(&s, w->dir);
    cm_str_add(&s, "/");
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    return cm_str_take(&s);
}

void world_put_file(const char *path, const char *data, size_t n, mode_t mode)
{
    cm_autofree char *temporary = cm_fmt("%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool whole = fd >= 0;
    for (size_t at = 0; whole && at < n;) {
        ssize_t done = write(fd, data + at, n - at);
        whole = done > 0;
        at += whole ? (size_t)done : 0;
    }
    if (fd >= 0)
        close(fd);
    if (!whole || rename(temporary, path) != 0) {
        fprintf(stderr, "connect-migrate-world: cannot write %s: %s\n", path, strerror(errno));
        _exit(6); /* a world that cannot keep its state must not go on */
    }
}

json_t *state_of(struct world *w, enum state which) { return w->state[which]; }

void state_changed(struct world *w, enum state which) { w->dirty[which] = true; }

void state_flush(struct world *w)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (!w->dirty[i])
            continue;
        w->dirty[i] = false;
        cm_autofree char *path = world_path(w, "%s", files[i]);
        cm_autofree char *text = json_dumps(w->state[i], JSON_INDENT(1) | JSON_SORT_KEYS);
        world_put_file(path, text, strlen(text), 0600);
    }
}

static char *release_path(const struct world *w, const json_t *release)
{
    return world_path(w, "cluster/releases/%s.%s.v%lld.json", cm_json_text(release, "namespace", ""),
                      cm_json_text(release, "name", ""), (long long)cm_json_int(release, "revision", 0));
}

void release_save(struct world *w, const json_t *release)
{
    cm_autofree char *path = release_path(w, release);
    cm_autofree char *text = json_dumps(release, JSON_INDENT(1) | JSON_SORT_KEYS);
    world_put_file(path, text, strlen(text), 0600);
}

void release_remove(struct world *w, const json_t *release)
{
    size_t i;
    json_t *r;
    cm_autofree char *path = release_path(w, release);
    unlink(path);
    json_array_foreach(w->releases, i, r)
    {
        if (r == release) {
            json_array_remove(w->releases, i);
            return;
        }
    }
}

static json_t *load(const char *path, json_t *otherwise_taken, struct cm_err **err)
{
    json_error_t where;
    if (!cm_file_exists(path))
        return otherwise_taken;
    json_decref(otherwise_taken);
    json_t *j = json_load_file(path, 0, &where);
    if (j == NULL)
        cm_fail(err, CM_E_CHANGED, "%s:%d: %s", path, where.line, where.text);
    return j;
}

static void add_in_order(json_t *releases, json_t *taken)
{
    size_t at = 0;
    for (; at < json_array_size(releases); at++)
        if (cm_json_int(json_array_get(releases, at), "revision", 0) > cm_json_int(taken, "revision", 0))
            break;
    json_array_insert_new(releases, at, taken);
}

static int load_releases(struct world *w, struct cm_err **err)
{
    cm_autofree char *dir = world_path(w, "cluster/releases");
    DIR *d = opendir(dir);
    w->releases = json_array();
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (!cm_ends(e->d_name, ".json"))
            continue;
        cm_autofree char *path = cm_path_join(dir, e->d_name);
        json_t *one = load(path, NULL, err);
        if (one == NULL) {
            closedir(d);
            return -1;
        }
        add_in_order(w->releases, one);
    }
    if (d != NULL)
        closedir(d);
    return 0;
}

int state_load(struct world *w, struct cm_err **err)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        cm_autofree char *path = world_path(w, "%s", files[i]);
        w->state[i] = load(path, i == STATE_OBJECTS ? json_array() : json_object(), err);
        if (w->state[i] == NULL)
            return -1;
    }
    return load_releases(w, err);
}

const char *info_text(const struct world *w, const char *path) { return cm_json_text(w->state[STATE_INFO], path, ""); }

long info_int(const struct world *w, const char *path) { return (long)cm_json_int(w->state[STATE_INFO], path, 0); }

long world_count(struct world *w, const char *name)
{
    json_t *counters = json_object_get(w->state[STATE_CONNECT], "counters");
    if (counters == NULL) {
        counters = json_object();
        json_object_set_new(w->state[STATE_CONNECT], "counters", counters);
    }
    long n = (long)json_integer_value(json_object_get(counters, name)) + 1;
    json_object_set_new(counters, name, json_integer(n));
    state_changed(w, STATE_CONNECT);
    return n;
}

char *world_now(void) { return cm_time_text(cm_clock_wall(&cm_clock_system)); }

char *world_now_s(void)
{
    char *text = world_now();
    char *dot = strchr(text, '.');
    if (dot != NULL)
        memcpy(dot, "Z", 2);
    return text;
}

uint64_t world_hash(uint64_t a, uint64_t b)
{
    uint64_t z = a * 0x9e3779b97f4a7c15u + b * 0xd1b54a32d192ed03u + 0x2545f4914f6cdd1du;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
