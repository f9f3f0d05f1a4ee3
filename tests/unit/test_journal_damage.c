/* test_journal_damage.c: the state file as it is read again: what a kill may leave is cut off, anything else is refused with its line. */
#include <config.h>

#include "journal_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
