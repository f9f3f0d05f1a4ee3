/* journal/journal.c: the state file: make, read, append. One line is one write and one fdatasync; the model changes only when the
 * line is durable. Does not lock (cli does) and does not know what events mean (apply.c). */
#include <config.h>

#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hooks.h"
#include "base/mem.h"
#include "journal/line.h"

typedef void each_event(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms);

struct cm_journal {
    char *path;
    int fd; /* -1: closed for good by a failed write or sync */
    const struct cm_clock *clock;
    struct cm_model *model;
    char crc[CM_CRC_DIGITS + 1];
    json_t *queue;
    each_event *watch;
    void *watch_ctx;
};

/* What a walk over the file found. */
struct scan {
    const char *path;
    struct cm_model *model;
    char crc[CM_CRC_DIGITS + 1];
    off_t good_bytes;
    size_t torn_bytes;
    each_event *each;
    void *ctx;
};

static int damaged(const char *path, uint64_t line, const char *why, struct cm_err **err)
{
    cm_fail(err, CM_E_CHANGED, "%s:%" PRIu64 ": the line is damaged: %s", path, line, why);
    cm_hint(err,
            "Put %s back from a copy of the run directory. Lines 1 to %" PRIu64
            " are whole; connect-migrate-state(5), DAMAGE, says what can be done without a copy.",
            cm_path_base(path), line - 1);
    return -1;
}

static int take_line(struct scan *s, const struct cm_line *l, struct cm_err **err)
{
    uint64_t line = s->model->seq + 1;
    const char *first = json_string_value(json_object_get(json_array_get(l->ev, 0), "type"));
    if (l->seq != line)
        return damaged(s->path, line, "its number does not follow the line before", err);
    if (json_array_size(l->ev) == 0)
        return damaged(s->path, line, "it holds no event", err);
    if ((line == 1) != (first != NULL && strcmp(first, "run.begin") == 0))
        return damaged(s->path, line, line == 1 ? "the record does not begin with run.begin" : "a second run.begin", err);
    for (size_t i = 0; i < json_array_size(l->ev); i++) {
        const json_t *event = json_array_get(l->ev, i);
        if (cm_model_apply(s->model, event, l->seq, l->at_ms, l->up_ms, err) != 0)
            return cm_wrap(err, "%s:%" PRIu64, s->path, line);
        if (s->each != NULL)
            s->each(s->ctx, event, l->seq, l->at_ms);
    }
    return 0;
}

/* A bad line is a torn tail only when nothing stands behind it. */
static int scan_lines(struct scan *s, struct cm_lines *lines, struct cm_err **err)
{
    const char *text, *why;
    size_t n;
    bool whole, bad = false;
    int got;
    while ((got = cm_lines_next(lines, &text, &n, &whole)) == 1) {
        struct cm_line l;
        if (bad)
            return damaged(s->path, s->model->seq + 1, why, err);
        bad = !whole || !cm_line_read(text, n, s->crc, &l, &why);
        if (bad) {
            if (!whole)
                why = "it has no end";
            s->torn_bytes = n + (whole ? 1 : 0);
            continue;
        }
        int rc = take_line(s, &l, err);
        json_decref(l.root);
        if (rc != 0)
            return -1;
        s->good_bytes += (off_t)n + 1;
    }
    return got == 0 ? 0 : cm_fail_errno(err, CM_E_FAILED, "cannot read %s", s->path);
}

/* On success s->model is the caller's. */
static int scan(struct scan *s, int fd, struct cm_err **err)
{
    struct cm_lines lines;
    s->model = cm_model_new();
    memset(s->crc, '0', CM_CRC_DIGITS);
    s->crc[CM_CRC_DIGITS] = '\0';
    if (cm_lines_init(&lines, fd) != 0) {
        cm_model_free(s->model);
        return cm_fail_errno(err, CM_E_FAILED, "cannot read %s", s->path);
    }
    int rc = scan_lines(s, &lines, err);
    cm_lines_fini(&lines);
    if (rc != 0)
        cm_model_free(s->model);
    return rc;
}

struct cm_model *cm_journal_read_each(const char *path, bool *absent, each_event *each, void *ctx, struct cm_err **err)
{
    struct scan s = {.path = path, .each = each, .ctx = ctx};
    *absent = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        *absent = errno == ENOENT || errno == ENOTDIR;
        if (!*absent)
            cm_fail_errno(err, CM_E_FAILED, "cannot read %s", path);
        return NULL;
    }
    int rc = scan(&s, fd, err);
    close(fd);
    if (rc != 0)
        return NULL;
    if (s.model->seq == 0) {
        *absent = true;
        cm_model_free(s.model);
        return NULL;
    }
    return s.model;
}

struct cm_model *cm_journal_read(const char *path, bool *absent, struct cm_err **err)
{
    return cm_journal_read_each(path, absent, NULL, NULL, err);
}

static struct cm_journal *journal_new(const char *path, int fd, const struct cm_clock *clock, const struct scan *s)
{
    struct cm_journal *j = cm_alloc(sizeof *j);
    j->path = cm_strdup(path);
    j->fd = fd;
    j->clock = clock;
    j->model = s->model;
    memcpy(j->crc, s->crc, sizeof j->crc);
    j->queue = json_array();
    return j;
}

/* Cut off what a killed process left half written, durably: what follows must not stand behind it. */
static int cut(const char *path, int fd, const struct scan *s, struct cm_err **err)
{
    if (s->torn_bytes == 0)
        return 0;
    if (ftruncate(fd, s->good_bytes) != 0 || fsync(fd) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot cut the torn end off %s", path);
    return 0;
}

struct cm_journal *cm_journal_open(const char *path, const struct cm_clock *clock, size_t *cut_bytes, struct cm_err **err)
{
    struct scan s = {.path = path};
    if (cut_bytes != NULL)
        *cut_bytes = 0;
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
        return NULL;
    }
    if (scan(&s, fd, err) != 0) {
        close(fd);
        return NULL;
    }
    if (cut(path, fd, &s, err) != 0) {
        close(fd);
        cm_model_free(s.model);
        return NULL;
    }
    if (cut_bytes != NULL)
        *cut_bytes = s.torn_bytes;
    return journal_new(path, fd, clock, &s);
}

static struct cm_journal *take_unborn(const char *path, const struct cm_clock *clock, struct cm_err **err)
{
    struct cm_journal *j = cm_journal_open(path, clock, NULL, err);
    if (j == NULL || j->model->seq == 0)
        return j;
    cm_journal_close(j);
    cm_fail(err, CM_E_CHANGED, "%s exists already", path);
    return NULL;
}

struct cm_journal *cm_journal_create(const char *path, const struct cm_clock *clock, struct cm_err **err)
{
    cm_autofree char *dir = cm_path_dir(path);
    struct scan s = {.path = path};
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return take_unborn(path, clock, err);
    if (fd < 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot make %s", path);
        return NULL;
    }
    if (cm_dir_sync(dir, err) != 0 || scan(&s, fd, err) != 0) {
        close(fd);
        return NULL;
    }
    return journal_new(path, fd, clock, &s);
}

void cm_journal_close(struct cm_journal *j)
{
    if (j == NULL)
        return;
    if (j->fd >= 0)
        close(j->fd);
    json_decref(j->queue);
    cm_model_free(j->model);
    free(j->path);
    free(j);
}

struct cm_model *cm_journal_model(struct cm_journal *j) { return j->model; }

void cm_journal_add(struct cm_journal *j, json_t *taken)
{
    /* a NULL (a text that is not UTF-8) becomes null, which sync refuses before anything is written */
    json_array_append_new(j->queue, taken != NULL ? taken : json_null());
}

bool cm_journal_pending(const struct cm_journal *j) { return json_array_size(j->queue) > 0; }

void cm_journal_watch(struct cm_journal *j, each_event *each, void *ctx)
{
    j->watch = each;
    j->watch_ctx = ctx;
}

#ifdef CM_TEST_HOOKS
static void crash(const struct cm_journal *j, enum cm_crash when, const char *line, size_t bytes)
{
    enum cm_crash at = cm_crash_at(j->model->seq + 1);
    if (at != when && !(when == CM_CRASH_BEFORE && at == CM_CRASH_TORN))
        return;
    if (at == CM_CRASH_TORN && write(j->fd, line, bytes / 2) >= 0)
        fdatasync(j->fd);
    kill(getpid(), SIGKILL);
}
#else
#define crash(j, when, line, bytes) ((void)0)
#endif

/* After any failure here the descriptor is not used again: what a failed fdatasync has dropped from the page cache is not
 * written by the next one either. */
static int append(struct cm_journal *j, const char *line, size_t bytes, struct cm_err **err)
{
    crash(j, CM_CRASH_BEFORE, line, bytes);
    ssize_t put = write(j->fd, line, bytes);
    if (put >= 0 && (size_t)put < bytes)
        errno = ENOSPC;
    if (put < 0 || (size_t)put < bytes || fdatasync(j->fd) != 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot write %s", j->path);
        cm_hint(err, "Mend the disk that holds %s, then type the same command again: it goes on from what is on record.", j->path);
        close(j->fd);
        j->fd = -1;
        return -1;
    }
    crash(j, CM_CRASH_AFTER, line, bytes);
    return 0;
}

static int admit(const struct cm_journal *j, const json_t *group, struct cm_err **err)
{
    if (j->fd < 0)
        return cm_fail(err, CM_E_FAILED, "%s was closed after a failed write; nothing more can be put on record", j->path);
    const char *first = json_string_value(json_object_get(json_array_get(group, 0), "type"));
    if (j->model->seq == 0 && (first == NULL || strcmp(first, "run.begin") != 0))
        return cm_fail(err, CM_E_INTERNAL, "the record must begin with run.begin");
    for (size_t i = 0; i < json_array_size(group); i++)
        if (cm_model_admit(j->model, group, i, err) != 0)
            return -1;
    return 0;
}

/* What the next start cannot read must not be written by this one: JSON may be nested deeper than its reader goes, for one. */
static int can_be_read(const struct cm_journal *j, const char *line, size_t bytes, struct cm_err **err)
{
    char crc[CM_CRC_DIGITS + 1];
    struct cm_line l;
    const char *why;
    memcpy(crc, j->crc, sizeof crc);
    if (!cm_line_read(line, bytes - 1, crc, &l, &why))
        return cm_fail(err, CM_E_INTERNAL, "an event cannot be put on record: its line could not be read again, since %s", why);
    json_decref(l.root);
    return 0;
}

static int sync_group(struct cm_journal *j, const json_t *group, struct cm_err **err)
{
    uint64_t seq = j->model->seq + 1;
    int64_t at = cm_clock_wall(j->clock), up = cm_clock_boot(j->clock);
    char crc[CM_CRC_DIGITS + 1];
    size_t bytes;
    if (admit(j, group, err) != 0)
        return -1;
    memcpy(crc, j->crc, sizeof crc);
    cm_autofree char *line = cm_line_make(seq, at, up, group, crc, &bytes);
    if (line == NULL)
        return cm_fail(err, CM_E_INTERNAL, "an event cannot be written as JSON, or is too long");
    if (can_be_read(j, line, bytes, err) != 0 || append(j, line, bytes, err) != 0)
        return -1;
    memcpy(j->crc, crc, sizeof crc);
    for (size_t i = 0; i < json_array_size(group); i++)
        if (cm_model_apply(j->model, json_array_get(group, i), seq, at, up, err) != 0)
            return cm_wrap(err, "%s:%" PRIu64, j->path, seq);
    if (j->watch != NULL)
        for (size_t i = 0; i < json_array_size(group); i++)
            j->watch(j->watch_ctx, json_array_get(group, i), seq, at);
    return 0;
}

int cm_journal_sync(struct cm_journal *j, struct cm_err **err)
{
    if (!cm_journal_pending(j))
        return 0;
    cm_autojson group = j->queue;
    j->queue = json_array();
    return sync_group(j, group, err);
}
