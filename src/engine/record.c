/* The three places where a run's events go, behind one face: see record.h. */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/mem.h"
#include "engine/record.h"

struct cm_record {
    struct cm_journal *journal; /* NULL: memory or pipe */
    struct cm_model *model;
    bool owns_model;
    const struct cm_clock *clock;
    json_t *queue;
    int fd; /* >= 0: a pipe */
};

static struct cm_record *record_new(struct cm_model *model, const struct cm_clock *clock)
{
    struct cm_record *r = cm_alloc(sizeof *r);
    r->model = model;
    r->clock = clock;
    r->queue = json_array();
    r->fd = -1;
    return r;
}

struct cm_record *cm_record_journal(struct cm_journal *taken)
{
    struct cm_record *r = record_new(cm_journal_model(taken), NULL);
    r->journal = taken;
    return r;
}

struct cm_record *cm_record_memory(struct cm_model *taken, const struct cm_clock *clock)
{
    struct cm_record *r = record_new(taken, clock);
    r->owns_model = true;
    return r;
}

struct cm_record *cm_record_pipe(struct cm_model *model, const struct cm_clock *clock, int fd)
{
    struct cm_record *r = record_new(model, clock);
    r->fd = fd;
    return r;
}

void cm_record_free(struct cm_record *r)
{
    if (!r)
        return;
    if (r->journal)
        cm_journal_close(r->journal);
    else if (r->owns_model)
        cm_model_free(r->model);
    json_decref(r->queue);
    free(r);
}

const struct cm_model *cm_record_model(const struct cm_record *r) { return r->model; }
struct cm_model *cm_record_own_model(struct cm_record *r) { return r->model; }
bool cm_record_durable(const struct cm_record *r) { return r->journal != NULL; }

void cm_record_add(struct cm_record *r, json_t *taken)
{
    if (r->journal)
        cm_journal_add(r->journal, taken);
    else
        json_array_append_new(r->queue, taken ? taken : json_null()); /* of text that is no UTF-8: the reader has to hear of it */
}

bool cm_record_pending(const struct cm_record *r)
{
    return r->journal ? cm_journal_pending(r->journal) : json_array_size(r->queue) > 0;
}

static int write_line(int fd, const char *text, struct cm_err **err)
{
    size_t n = strlen(text), at = 0;
    while (at < n) {
        ssize_t w = write(fd, text + at, n - at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return cm_fail_errno(err, CM_E_INTERNAL, "cannot hand findings to the run");
        at += (size_t)w;
    }
    return 0;
}

int cm_record_sync(struct cm_record *r, struct cm_err **err)
{
    if (r->journal)
        return cm_journal_sync(r->journal, err);
    int rc = 0;
    size_t i;
    json_t *event;
    cm_autojson queue = r->queue;
    r->queue = json_array();
    json_array_foreach(queue, i, event)
    {
        if (r->fd >= 0) {
            cm_autofree char *text = json_dumps(event, JSON_COMPACT | JSON_ENCODE_ANY);
            cm_autofree char *line = cm_fmt("%s\n", text ? text : "null");
            if (write_line(r->fd, line, err) < 0)
                return -1;
        }
        if (rc == 0)
            rc = cm_model_apply(r->model, event, r->model->seq + 1, cm_clock_wall(r->clock), cm_clock_boot(r->clock), err);
        r->model->seq++;
    }
    return rc;
}
