/* actions/values_given.c: see the header. Behind gate.downtime's first effect the record decides (the fact values.files), as it does on the
 * way back.
 *
 * helm takes paths. What is not on record yet is handed over as a file in memory: check writes nothing but check.json, the values may hold
 * secrets, and a killed check must not leave them in a folder for temporary files. */
#include <config.h>

#include "actions/values_given.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapters/helm.h"
#include "adapters/outside.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const char slot_key[] = "given values";

struct slot {
    struct cm_values_set set;
    unsigned char sum[32]; /* of the files' names and texts */
    bool made;
    int *fds; /* of each file, -1: none; a fork has them too */
};

static void forget(struct slot *s)
{
    for (size_t i = 0; s->fds != NULL && i < s->set.all.count; i++)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    free(s->fds);
    cm_values_set_fini(&s->set);
    *s = (struct slot){0};
}

static void slot_free(void *p)
{
    forget(p);
    free(p);
}

static struct slot *slot_of(struct cm_step *step)
{
    struct cm_outside *o = cm_step_outside(step);
    struct slot *s = cm_outside_slot(o, slot_key);
    if (s == NULL) {
        s = cm_alloc(sizeof *s);
        cm_outside_slot_set(o, slot_key, s, slot_free);
    }
    return s;
}

static void sum_of(const struct cm_values_set *set, unsigned char sum[32])
{
    struct cm_sha *sha = cm_sha_new();
    for (size_t i = 0; i < set->all.count; i++) {
        cm_sha_add(sha, set->all.files[i].name, strlen(set->all.files[i].name) + 1);
        cm_sha_add(sha, &set->all.files[i].bytes, sizeof set->all.files[i].bytes);
        cm_sha_add(sha, set->all.files[i].text, set->all.files[i].bytes);
    }
    cm_sha_end(sha, sum);
}

int cm_values_given(struct cm_step *step, const struct cm_values_set **set, struct cm_err **err)
{
    struct slot *s = slot_of(step);
    struct cm_values_set now = {0};
    unsigned char sum[32];
    *set = NULL;
    if (cm_values_set_read(step, &now, err) < 0) {
        cm_values_set_fini(&now);
        return -1;
    }
    sum_of(&now, sum);
    if (s->made && memcmp(sum, s->sum, sizeof sum) == 0) {
        cm_values_set_fini(&now);
        *set = &s->set;
        return 0;
    }
    now.all.was = CM_LAUNCHER_MEANT;
    now.all.may_keep = true;
    forget(s);
    if (cm_launcher_convert_all(&now.all, err) < 0) {
        cm_values_set_fini(&now);
        return -1;
    }
    *s = (struct slot){.set = now, .made = true, .fds = cm_alloc((now.all.count + 1) * sizeof *s->fds)};
    memcpy(s->sum, sum, sizeof sum);
    for (size_t i = 0; i < now.all.count; i++)
        s->fds[i] = -1;
    *set = &s->set;
    return 0;
}

bool cm_values_given_counts(struct cm_step *step) { return !cm_is_frozen(step) && cm_walk_has(step, "config.convert"); }

void cm_values_given_refused(struct cm_step *step, const struct cm_err *why)
{
    const char *hint = cm_err_hint(why);
    cm_finding(step, CM_BLOCKER, "values.launcher",
               hint != NULL ? hint : "Mend what is named, or convert it by hand, then start again.",
               "the Launcher's values cannot be converted: %s", cm_err_message(why));
}

/* ---- as paths ---- */

static int in_memory(const struct cm_launcher_result *r)
{
    int fd = memfd_create("values", MFD_CLOEXEC);
    size_t at = 0;
    while (fd >= 0 && at < r->bytes) {
        ssize_t n = write(fd, r->text + at, r->bytes - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (errno != EINTR) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

/* The copy on record, where it is what the file is converted to now; NULL: it is not. */
static const char *on_record(struct cm_step *step, const struct cm_launcher_file *f)
{
    const json_t *copy = json_object_get(cm_fact(step, "values.files"), f->name);
    const char *path = cm_json_text(copy, "given", NULL);
    unsigned char is[32], should[32];
    if (path == NULL || cm_sha256_file(path, is, NULL) < 0)
        return NULL;
    cm_sha256(f->result.text, f->result.bytes, should);
    return memcmp(is, should, sizeof is) == 0 ? cm_arena_strdup(cm_step_arena(step), path) : NULL;
}

static const char *path_of(struct cm_step *step, struct slot *s, size_t i)
{
    const struct cm_launcher_file *f = &s->set.all.files[i];
    const char *copy = f->result.changed ? on_record(step, f) : NULL;
    if (!f->result.changed || copy != NULL)
        return copy != NULL ? copy : cm_arena_strdup(cm_step_arena(step), f->name);
    if (s->fds[i] < 0)
        s->fds[i] = in_memory(&f->result);
    if (s->fds[i] < 0) {
        cm_step_log(step, "%s cannot be handed over as it is converted: %s", f->name, strerror(errno));
        return cm_arena_strdup(cm_step_arena(step), f->name);
    }
    return cm_arena_fmt(cm_step_arena(step), "/proc/%ld/fd/%d", (long)getpid(), s->fds[i]);
}

/* The files themselves, where nobody can say what they are converted to: values.check tells why. */
static const char *const *as_they_are(struct cm_step *step)
{
    const json_t *own = cm_plan_get(cm_step_plan(step), "target.values"), *file;
    const char **list = cm_arena_alloc(cm_step_arena(step), (json_array_size(own) + 1) * sizeof *list);
    size_t i;
    json_array_foreach(own, i, file) list[i] = json_string_value(file);
    return list;
}

static const char *const *files(struct cm_step *step)
{
    const struct cm_values_set *set;
    if (!cm_values_given_counts(step))
        return NULL;
    if (cm_values_given(step, &set, NULL) < 0)
        return as_they_are(step);
    struct slot *s = slot_of(step);
    const char **list = cm_arena_alloc(cm_step_arena(step), (set->all.count + 1) * sizeof *list);
    for (size_t i = 0; i < set->all.count; i++)
        list[i] = path_of(step, s, i);
    return list;
}

void cm_values_given_begin(struct cm_outside *o) { cm_helm_given_by(o, files); }

const char *cm_values_given_name(struct cm_step *step, size_t i, const char *given)
{
    const json_t *own = cm_plan_get(cm_step_plan(step), "target.values");
    const char *file = json_string_value(json_array_get(own, i));
    if (file == NULL || strcmp(file, given) == 0 || !cm_walk_has(step, "config.convert"))
        return given;
    return cm_arena_fmt(cm_step_arena(step), "%s (converted)", file);
}
