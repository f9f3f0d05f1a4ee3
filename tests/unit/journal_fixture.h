/* journal_fixture.h: a run directory with a state file, under a clock and on a disk that obey, for the tests of the journal. */
#ifndef CM_TESTS_JOURNAL_FIXTURE_H
#define CM_TESTS_JOURNAL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <cm/str.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "journal/journal.h"

/* ---- a clock and a disk that obey ---- */

static int64_t wall, boot;
static inline int64_t fed_wall(void *ctx)
{
    (void)ctx;
    return wall;
}
static inline int64_t fed_boot(void *ctx)
{
    (void)ctx;
    return boot;
}
static const struct cm_clock clock_fed = {fed_wall, fed_boot, NULL};

static int syncs, sync_fails_at, writes_of_state, write_limit;

/* stands before libc's: the journal's only way to make a line durable */
int fdatasync(int fd);
int fdatasync(int fd)
{
    if (++syncs == sync_fails_at) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *data, size_t n);
ssize_t write(int fd, const void *data, size_t n)
{
    if (fd > 2)
        writes_of_state++;
    if (fd > 2 && write_limit > 0 && n > (size_t)write_limit)
        n = (size_t)write_limit;
    return syscall(SYS_write, fd, data, n);
}

/* ---- a run directory ---- */

struct world {
    char dir[64], path[96];
};

static inline int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/cm-journal-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/state.jsonl", w->dir);
    wall = 1765000000123;
    boot = 4242;
    syncs = sync_fails_at = writes_of_state = write_limit = 0;
    *state = w;
    return 0;
}

static inline int end_world(void **state)
{
    struct world *w = *state;
    unlink(w->path);
    rmdir(w->dir);
    free(w);
    return 0;
}

static inline json_t *run_begin(void)
{
    return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:{},s:s,s:{}}", "type", "run.begin", "format", 1, "program", "0.1.0", "run", "r-1",
                     "boot", "b-1", "plan_file", "plan.yaml", "plan", "plan_digest", "00", "runbook");
}

static inline json_t *fact(const char *name, int value)
{
    return json_pack("{s:s,s:s,s:s,s:i}", "type", "fact", "step", "s", "name", name, "value", value);
}

static inline void add_lines(struct cm_journal *j, int lines)
{
    for (int i = 0; i < lines; i++) {
        cm_journal_add(j, fact("n", i));
        assert_int_equal(cm_journal_sync(j, NULL), 0);
    }
}

/* A file of `lines` lines. */
static inline void write_file(const struct world *w, int lines)
{
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    assert_non_null(j);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    add_lines(j, lines - 1);
    cm_journal_close(j);
}

static inline char *bytes_of(const struct world *w, size_t *n)
{
    char *data;
    assert_int_equal(cm_file_read(w->path, 1 << 20, &data, n, NULL), 0);
    return data;
}

static inline void put_bytes(const struct world *w, const char *data, size_t n)
{
    FILE *f = fopen(w->path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static inline void assert_damage(const struct world *w, const char *place)
{
    cm_autoerr err = NULL;
    cm_autoerr err2 = NULL;
    bool absent;
    size_t cut;
    assert_null(cm_journal_open(w->path, &clock_fed, &cut, &err));
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_non_null(strstr(cm_err_message(err), place));
    assert_non_null(cm_err_hint(err));
    assert_null(cm_journal_read(w->path, &absent, &err2));
    assert_int_equal(cm_err_code(err2), CM_E_CHANGED);
    assert_false(absent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

#endif
