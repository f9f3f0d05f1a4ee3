/* Reading a growing state file: see follow.h. Only whole lines are taken, each once, so that a look costs what was added since. */
#include <config.h>

#include "journal/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "journal/journal.h"
#include "journal/line.h"

struct cm_follow {
    char *path;
    void (*each)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms);
    void *ctx;
    struct cm_model *model;
    char crc[CM_CRC_DIGITS + 1];
    ino_t file; /* which file was read */
    off_t read; /* how much of it */
};

static void begin_anew(struct cm_follow *f, ino_t file)
{
    cm_model_free(f->model);
    f->model = cm_model_new();
    memset(f->crc, '0', CM_CRC_DIGITS);
    f->file = file;
    f->read = 0;
}

struct cm_follow *cm_follow_new(const char *path, void (*each)(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms),
                                void *ctx)
{
    struct cm_follow *f = cm_alloc(sizeof *f);
    f->path = cm_strdup(path);
    f->each = each;
    f->ctx = ctx;
    begin_anew(f, 0);
    return f;
}

static int take(struct cm_follow *f, const struct cm_line *l, struct cm_err **err)
{
    size_t i;
    json_t *event;
    json_array_foreach(l->ev, i, event)
    {
        if (cm_model_apply(f->model, event, l->seq, l->at_ms, l->up_ms, err) != 0)
            return cm_wrap(err, "%s:%llu", f->path, (unsigned long long)l->seq);
        if (f->each != NULL)
            f->each(f->ctx, event, l->seq, l->at_ms);
    }
    return 0;
}

/* A whole line that does not fit is a torn one that a later run will cut off, or damage: the ordinary reader can tell. */
static int judge(const struct cm_follow *f, struct cm_err **err)
{
    bool absent = false;
    struct cm_model *m = cm_journal_read(f->path, &absent, err);
    cm_model_free(m);
    return m != NULL || absent ? 0 : -1;
}

static int take_lines(struct cm_follow *f, struct cm_lines *lines, struct cm_err **err)
{
    const char *text, *why;
    size_t n;
    bool whole;
    int news = 0;
    while (cm_lines_next(lines, &text, &n, &whole) == 1 && whole) {
        struct cm_line l;
        if (!cm_line_read(text, n, f->crc, &l, &why))
            return judge(f, err) < 0 ? -1 : news;
        int rc = l.seq == f->model->seq + 1 ? take(f, &l, err) : judge(f, err);
        json_decref(l.root);
        if (rc < 0)
            return -1;
        f->read += (off_t)n + 1;
        news = 1;
    }
    return news;
}

int cm_follow_read(struct cm_follow *f, struct cm_err **err)
{
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : cm_fail_errno(err, CM_E_FAILED, "cannot read %s", f->path);
    struct cm_lines lines = {.fd = -1};
    int rc = 0;
    if (fstat(fd, &st) == 0 && (st.st_ino != f->file || st.st_size < f->read))
        begin_anew(f, st.st_ino);
    if (lseek(fd, f->read, SEEK_SET) < 0 || cm_lines_init(&lines, fd) != 0) {
        rc = cm_fail_errno(err, CM_E_FAILED, "cannot read %s", f->path);
    } else {
        lines.left -= f->read;
        rc = take_lines(f, &lines, err);
    }
    cm_lines_fini(&lines);
    close(fd);
    return rc;
}

const struct cm_model *cm_follow_model(const struct cm_follow *f) { return f->model->seq > 0 ? f->model : NULL; }

void cm_follow_free(struct cm_follow *f)
{
    if (f == NULL)
        return;
    cm_model_free(f->model);
    free(f->path);
    free(f);
}
