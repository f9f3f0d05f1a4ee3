/* test_journal.c: the state file: what is written, what a kill may leave, and what is refused. */
#include <config.h>

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
static int64_t fed_wall(void *ctx)
{
    (void)ctx;
    return wall;
}
static int64_t fed_boot(void *ctx)
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

static int make_world(void **state)
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

static int end_world(void **state)
{
    struct world *w = *state;
    unlink(w->path);
    rmdir(w->dir);
    free(w);
    return 0;
}

static json_t *run_begin(void)
{
    return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:{},s:s,s:{}}", "type", "run.begin", "format", 1, "program", "0.1.0", "run", "r-1",
                     "boot", "b-1", "plan_file", "plan.yaml", "plan", "plan_digest", "00", "runbook");
}

static json_t *fact(const char *name, int value)
{
    return json_pack("{s:s,s:s,s:s,s:i}", "type", "fact", "step", "s", "name", name, "value", value);
}

static void add_lines(struct cm_journal *j, int lines)
{
    for (int i = 0; i < lines; i++) {
        cm_journal_add(j, fact("n", i));
        assert_int_equal(cm_journal_sync(j, NULL), 0);
    }
}

/* A file of `lines` lines. */
static void write_file(const struct world *w, int lines)
{
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    assert_non_null(j);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    add_lines(j, lines - 1);
    cm_journal_close(j);
}

static char *bytes_of(const struct world *w, size_t *n)
{
    char *data;
    assert_int_equal(cm_file_read(w->path, 1 << 20, &data, n, NULL), 0);
    return data;
}

static void put_bytes(const struct world *w, const char *data, size_t n)
{
    FILE *f = fopen(w->path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void assert_damage(const struct world *w, const char *place)
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

/* ---- what is written ---- */

static void a_line_has_its_members_in_order_and_a_chained_check_sum(void **state)
{
    struct world *w = *state;
    size_t n;

    write_file(w, 2);

    cm_autofree char *data = bytes_of(w, &n);
    char *second = strchr(data, '\n') + 1;
    const char *begin = "{\"seq\":1,\"at\":\"2025-12-06T05:46:40.123Z\",\"up\":4242,\"ev\":[{\"type\":\"run.begin\",";
    assert_int_equal(strncmp(data, begin, strlen(begin)), 0);
    char *tail = second - 1 - 18, crc[9];
    assert_int_equal(strncmp(tail, ",\"crc\":\"", 8), 0);
    unsigned long sum = crc32(crc32(0, (const unsigned char *)"00000000", 8), (unsigned char *)data, (unsigned)(tail - data));
    snprintf(crc, sizeof crc, "%08lx", sum);
    assert_memory_equal(tail + 8, crc, 8);
    assert_int_equal(strncmp(second - 3, "\"}\n", 3), 0);
    tail = data + n - 1 - 18;
    sum = crc32(crc32(0, (unsigned char *)crc, 8), (unsigned char *)second, (unsigned)(tail - second));
    snprintf(crc, sizeof crc, "%08lx", sum);
    assert_memory_equal(tail + 8, crc, 8);
}

static void a_group_is_one_write_and_one_sync(void **state)
{
    struct world *w = *state;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    for (int i = 0; i < 100; i++)
        cm_journal_add(j, fact("n", i));
    writes_of_state = syncs = 0;

    assert_int_equal(cm_journal_sync(j, NULL), 0);

    assert_int_equal(writes_of_state, 1);
    assert_int_equal(syncs, 1);
    assert_int_equal(cm_journal_model(j)->seq, 1);
    assert_int_equal(cm_journal_sync(j, NULL), 0); /* nothing queued: nothing written */
    assert_int_equal(writes_of_state, 1);
    cm_journal_close(j);
}

static void the_file_is_for_its_owner_only(void **state)
{
    struct world *w = *state;
    struct stat st;
    write_file(w, 1);
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_model_changes_only_when_the_line_is_durable(void **state)
{
    struct world *w = *state;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    assert_null(cm_journal_model(j)->run_id);
    assert_true(cm_journal_pending(j));
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    assert_string_equal(cm_journal_model(j)->run_id, "r-1");
    assert_false(cm_journal_pending(j));
    cm_journal_close(j);
}

static void goes_on_after_it_was_opened_again(void **state)
{
    struct world *w = *state;
    bool absent;
    size_t cut = 9;
    write_file(w, 2);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);
    assert_non_null(j);
    assert_int_equal(cut, 0);

    add_lines(j, 1);
    cm_journal_close(j);

    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    assert_int_equal(m->seq, 3);
    cm_model_free(m);
}

static int watched;
static void watch(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms)
{
    assert_ptr_equal(ctx, &watched);
    assert_int_equal(seq, 1);
    assert_int_equal(at_ms, wall);
    assert_non_null(json_object_get(event, "type"));
    watched++;
}

/* A title, a label or a value of somebody else's may hold one: what was written must be readable for ever. */
static void a_text_with_a_nul_is_written_and_read_back(void **state)
{
    struct world *w = *state;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    cm_journal_add(j, json_pack("{s:s,s:s,s:s,s:s%}", "type", "fact", "step", "s", "name", "n", "value", "a\0b", (size_t)3));
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    add_lines(j, 1);
    cm_journal_close(j);
    struct cm_err *err = NULL;
    bool absent;
    struct cm_model *m = cm_journal_read(w->path, &absent, &err);
    assert_string_equal(cm_err_message(err), "");
    assert_non_null(m);
    assert_int_equal(m->seq, 2);
    cm_model_free(m);
}

static void what_could_not_be_read_again_is_not_written(void **state)
{
    struct world *w = *state;
    struct cm_err *err = NULL;
    bool absent;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    json_t *deep = json_array(); /* jansson reads 2048 levels, and writes more */
    for (int i = 0; i < 2100; i++)
        deep = json_pack("[o]", deep);
    cm_journal_add(j, json_pack("{s:s,s:s,s:s,s:o}", "type", "fact", "step", "s", "name", "n", "value", deep));
    assert_int_equal(cm_journal_sync(j, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_INTERNAL);
    cm_err_free(err);
    add_lines(j, 1);
    cm_journal_close(j);
    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    assert_int_equal(m->seq, 2);
    cm_model_free(m);
}

static void a_watcher_sees_events_once_they_are_durable(void **state)
{
    struct world *w = *state;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    watched = 0;
    cm_journal_watch(j, watch, &watched);
    cm_journal_add(j, run_begin());
    cm_journal_add(j, fact("a", 1));
    assert_int_equal(watched, 0);
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    assert_int_equal(watched, 2);
    cm_journal_close(j);
}

/* ---- what a kill leaves ---- */

static void cuts_a_torn_tail_at_every_length(void **state)
{
    struct world *w = *state;
    size_t n, cut;
    bool absent;
    write_file(w, 3);
    cm_autofree char *data = bytes_of(w, &n);
    size_t whole = (size_t)(strchr(strchr(data, '\n') + 1, '\n') + 1 - data);

    for (size_t left = whole; left < n; left++) {
        put_bytes(w, data, left);
        struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
        assert_non_null(m);
        assert_int_equal(m->seq, 2);
        cm_model_free(m);
        struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);
        assert_non_null(j);
        assert_int_equal(cut, left - whole);
        assert_int_equal(cm_journal_model(j)->seq, 2);
        cm_journal_close(j);
        struct stat st;
        assert_int_equal(stat(w->path, &st), 0);
        assert_int_equal(st.st_size, whole);
    }
}

static void a_line_follows_where_a_torn_one_was_cut(void **state)
{
    struct world *w = *state;
    size_t n, cut;
    bool absent;
    write_file(w, 3);
    cm_autofree char *data = bytes_of(w, &n);
    put_bytes(w, data, n - 20);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);

    add_lines(j, 2);
    cm_journal_close(j);

    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    assert_int_equal(m->seq, 4);
    cm_model_free(m);
}

static void cuts_a_bad_last_line(void **state)
{
    struct world *w = *state;
    size_t n, cut;
    write_file(w, 3);
    cm_autofree char *data = bytes_of(w, &n);
    data[n - 30] ^= 1;
    put_bytes(w, data, n);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);
    assert_non_null(j);
    assert_int_equal(cm_journal_model(j)->seq, 2);
    assert_true(cut > 30);
    cm_journal_close(j);
}

static void zeros_behind_the_last_line_are_a_torn_tail(void **state)
{
    struct world *w = *state;
    size_t n, cut;
    write_file(w, 2);
    cm_autofree char *data = bytes_of(w, &n);
    data = cm_realloc(data, n + 500);
    memset(data + n, 0, 500);
    put_bytes(w, data, n + 500);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);
    assert_non_null(j);
    assert_int_equal(cut, 500);
    cm_journal_close(j);
}

static void a_reader_does_not_cut(void **state)
{
    struct world *w = *state;
    size_t n;
    bool absent;
    struct stat st;
    write_file(w, 2);
    cm_autofree char *data = bytes_of(w, &n);
    put_bytes(w, data, n - 5);
    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    cm_model_free(m);
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_size, n - 5);
}

static void a_file_without_a_whole_line_is_begun_anew(void **state)
{
    struct world *w = *state;
    bool absent = false;
    size_t n;
    write_file(w, 1);
    cm_autofree char *data = bytes_of(w, &n);
    put_bytes(w, data, n / 2);
    assert_null(cm_journal_read(w->path, &absent, NULL));
    assert_true(absent);

    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);

    assert_non_null(j);
    assert_int_equal(cm_journal_model(j)->seq, 0);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    cm_journal_close(j);
    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    cm_model_free(m);
}

static void making_it_twice_is_refused(void **state)
{
    struct world *w = *state;
    cm_autoerr err = NULL;
    write_file(w, 1);
    assert_null(cm_journal_create(w->path, &clock_fed, &err));
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
}

static void an_absent_file_is_said_to_be_absent(void **state)
{
    struct world *w = *state;
    cm_autoerr err = NULL;
    bool absent = false;
    assert_null(cm_journal_read(w->path, &absent, &err));
    assert_true(absent);
    assert_null(err);
}

/* ---- damage ---- */

static void refuses_damage_in_the_middle_with_its_line(void **state)
{
    struct world *w = *state;
    size_t n;
    write_file(w, 4);
    cm_autofree char *data = bytes_of(w, &n);
    char *third = strchr(strchr(data, '\n') + 1, '\n') + 1;
    third[25] ^= 1;
    put_bytes(w, data, n);
    assert_damage(w, "state.jsonl:3:");
}

/* Still JSON, still an event: only the check sum tells. */
static void refuses_a_value_changed_by_hand(void **state)
{
    struct world *w = *state;
    size_t n;
    write_file(w, 4);
    cm_autofree char *data = bytes_of(w, &n);
    char *value = strstr(data, "\"value\":1");
    assert_non_null(value);
    value[8] = '7';
    put_bytes(w, data, n);
    assert_damage(w, "state.jsonl:3:");
}

static void cuts_a_last_line_whose_value_was_changed(void **state)
{
    struct world *w = *state;
    size_t n, cut;
    write_file(w, 4);
    cm_autofree char *data = bytes_of(w, &n);
    strstr(data, "\"value\":2")[8] = '7';
    put_bytes(w, data, n);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, &cut, NULL);
    assert_non_null(j);
    assert_int_equal(cm_journal_model(j)->seq, 3);
    assert_true(cut > 0);
    cm_journal_close(j);
}

static void refuses_a_line_taken_out(void **state)
{
    struct world *w = *state;
    size_t n;
    write_file(w, 4);
    cm_autofree char *data = bytes_of(w, &n);
    char *second = strchr(data, '\n') + 1, *third = strchr(second, '\n') + 1;
    size_t gone = (size_t)(third - second);
    memmove(second, third, n - (size_t)(third - data));
    put_bytes(w, data, n - gone);
    assert_damage(w, "state.jsonl:2:");
}

static void refuses_an_empty_line_in_the_middle(void **state)
{
    struct world *w = *state;
    size_t n;
    write_file(w, 2);
    cm_autofree char *data = bytes_of(w, &n);
    cm_autofree char *more = cm_fmt("\n%s", data);
    put_bytes(w, more, n + 1);
    assert_damage(w, "state.jsonl:1:");
}

/* Lines with right check sums that say what this program does not know. */
static void write_raw(const struct world *w, const char *const *bodies)
{
    char crc[9] = "00000000";
    FILE *f = fopen(w->path, "w");
    for (; *bodies != NULL; bodies++) {
        unsigned long sum =
            crc32(crc32(0, (const unsigned char *)crc, 8), (const unsigned char *)*bodies, (unsigned)strlen(*bodies));
        snprintf(crc, sizeof crc, "%08lx", sum);
        fprintf(f, "%s,\"crc\":\"%s\"}\n", *bodies, crc);
    }
    fclose(f);
}

#define HEAD(n) "{\"seq\":" n ",\"at\":\"2025-12-06T05:46:40.123Z\",\"up\":1,\"ev\":["
#define BEGIN(format) "{\"type\":\"run.begin\",\"format\":" format ",\"program\":\"9.0\",\"run\":\"r\",\"plan\":{}}"

static void a_line_written_by_other_means_is_read(void **state)
{
    struct world *w = *state;
    const char *const lines[] = {HEAD("1") BEGIN("1") "]", NULL};
    bool absent;
    write_raw(w, lines);
    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    assert_int_equal(m->last_ms, 1765000000123);
    cm_model_free(m);
}

static void refuses_a_newer_format(void **state)
{
    struct world *w = *state;
    const char *const lines[] = {HEAD("1") BEGIN("2") "]", NULL};
    write_raw(w, lines);
    assert_damage(w, "9.0");
}

static void refuses_an_unknown_event_even_in_the_last_line(void **state)
{
    struct world *w = *state;
    const char *const lines[] = {HEAD("1") BEGIN("1") "]", HEAD("2") "{\"type\":\"step.dance\"}]", NULL};
    write_raw(w, lines);
    assert_damage(w, "step.dance");
}

static void refuses_a_record_that_does_not_begin_with_run_begin(void **state)
{
    struct world *w = *state;
    const char *const lines[] = {HEAD("1") "{\"type\":\"run.end\",\"status\":0}]", NULL};
    write_raw(w, lines);
    assert_damage(w, "state.jsonl:1:");
}

static void refuses_a_number_that_does_not_follow(void **state)
{
    struct world *w = *state;
    const char *const lines[] = {HEAD("1") BEGIN("1") "]", HEAD("3") "{\"type\":\"run.end\",\"status\":0}]", NULL};
    write_raw(w, lines);
    assert_damage(w, "state.jsonl:2:");
}

/* ---- what must never be written ---- */

static void what_cannot_be_replayed_is_not_written(void **state)
{
    struct world *w = *state;
    bool absent;
    json_t *const bad[] = {
        json_pack("{s:s}", "type", "step.dance"),
        json_pack("{s:s,s:s}", "type", "step.begin", "step", "nobody"),
        json_pack("{s:s,s:i,s:s}", "type", "close", "intent", 7, "life", "happened"),
        json_pack("{s:s,s:s}", "type", "fact", "name", "lacks-its-value"),
        run_begin(),
    };
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cm_autoerr err = NULL;
        cm_journal_add(j, fact("good", 1));
        cm_journal_add(j, bad[i]);
        assert_int_equal(cm_journal_sync(j, &err), -1);
        assert_int_equal(cm_err_code(err), CM_E_INTERNAL);
    }

    add_lines(j, 1);
    cm_journal_close(j);
    struct cm_model *m = cm_journal_read(w->path, &absent, NULL);
    assert_non_null(m);
    assert_int_equal(m->seq, 2);
    assert_null(cm_json_at(m->facts, "good"));
    cm_model_free(m);
}

static void the_first_line_must_begin_the_run(void **state)
{
    struct world *w = *state;
    cm_autoerr err = NULL;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, fact("a", 1));
    assert_int_equal(cm_journal_sync(j, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_INTERNAL);
    cm_journal_close(j);
}

/* ---- a failing disk ---- */

static void a_failed_sync_closes_the_journal_for_good(void **state)
{
    struct world *w = *state;
    cm_autoerr err = NULL;
    cm_autoerr again = NULL;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    sync_fails_at = syncs + 1;
    cm_journal_add(j, fact("a", 1));

    assert_int_equal(cm_journal_sync(j, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_FAILED);
    assert_null(cm_json_at(cm_journal_model(j)->facts, "a"));
    int before = writes_of_state, synced = syncs;
    cm_journal_add(j, fact("b", 1));
    assert_int_equal(cm_journal_sync(j, &again), -1);
    assert_int_equal(writes_of_state, before);
    assert_int_equal(syncs, synced);
    cm_journal_close(j);
}

static void a_short_write_closes_the_journal_and_is_cut_off_later(void **state)
{
    struct world *w = *state;
    cm_autoerr err = NULL;
    size_t cut;
    struct cm_journal *j = cm_journal_create(w->path, &clock_fed, NULL);
    cm_journal_add(j, run_begin());
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    write_limit = 40;
    cm_journal_add(j, fact("a", 1));
    assert_int_equal(cm_journal_sync(j, &err), -1);
    cm_journal_close(j);
    write_limit = 0;

    j = cm_journal_open(w->path, &clock_fed, &cut, NULL);

    assert_non_null(j);
    assert_int_equal(cut, 40);
    assert_int_equal(cm_journal_model(j)->seq, 1);
    cm_journal_close(j);
}

/* ---- dying at a line ---- */

#ifdef CM_TEST_HOOKS
/* Die at line 2; how many lines are whole then, and how many bytes torn? */
static void die_at_line_two(const struct world *w, const char *how, uint64_t *lines, size_t *torn)
{
    write_file(w, 1);
    pid_t child = fork();
    if (child == 0) {
        setenv("CM_CRASH", how, 1);
        struct cm_journal *j = cm_journal_open(w->path, &clock_fed, torn, NULL);
        cm_journal_add(j, fact("a", 1));
        _exit(cm_journal_sync(j, NULL) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    struct cm_journal *j = cm_journal_open(w->path, &clock_fed, torn, NULL);
    assert_non_null(j);
    *lines = cm_journal_model(j)->seq;
    cm_journal_close(j);
    unlink(w->path);
}

static void dies_before_torn_and_after_as_told(void **state)
{
    struct world *w = *state;
    uint64_t lines;
    size_t torn;
    die_at_line_two(w, "2:before", &lines, &torn);
    assert_int_equal(lines, 1);
    assert_int_equal(torn, 0);
    die_at_line_two(w, "2:torn", &lines, &torn);
    assert_int_equal(lines, 1);
    assert_true(torn > 20);
    die_at_line_two(w, "2:after", &lines, &torn);
    assert_int_equal(lines, 2);
    assert_int_equal(torn, 0);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_its_members_in_order_and_a_chained_check_sum),
        TEST(a_group_is_one_write_and_one_sync),
        TEST(the_file_is_for_its_owner_only),
        TEST(the_model_changes_only_when_the_line_is_durable),
        TEST(goes_on_after_it_was_opened_again),
        TEST(a_text_with_a_nul_is_written_and_read_back),
        TEST(what_could_not_be_read_again_is_not_written),
        TEST(a_watcher_sees_events_once_they_are_durable),
        TEST(cuts_a_torn_tail_at_every_length),
        TEST(a_line_follows_where_a_torn_one_was_cut),
        TEST(cuts_a_bad_last_line),
        TEST(zeros_behind_the_last_line_are_a_torn_tail),
        TEST(a_reader_does_not_cut),
        TEST(a_file_without_a_whole_line_is_begun_anew),
        TEST(making_it_twice_is_refused),
        TEST(an_absent_file_is_said_to_be_absent),
        TEST(refuses_damage_in_the_middle_with_its_line),
        TEST(refuses_a_value_changed_by_hand),
        TEST(cuts_a_last_line_whose_value_was_changed),
        TEST(refuses_a_line_taken_out),
        TEST(refuses_an_empty_line_in_the_middle),
        TEST(a_line_written_by_other_means_is_read),
        TEST(refuses_a_newer_format),
        TEST(refuses_an_unknown_event_even_in_the_last_line),
        TEST(refuses_a_record_that_does_not_begin_with_run_begin),
        TEST(refuses_a_number_that_does_not_follow),
        TEST(what_cannot_be_replayed_is_not_written),
        TEST(the_first_line_must_begin_the_run),
        TEST(a_failed_sync_closes_the_journal_for_good),
        TEST(a_short_write_closes_the_journal_and_is_cut_off_later),
#ifdef CM_TEST_HOOKS
        TEST(dies_before_torn_and_after_as_told),
#endif
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
