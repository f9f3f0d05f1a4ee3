/* test_journal.c: the state file as it is written, on a good disk and on a failing one. What is read again: test_journal_damage.c. */
#include <config.h>

#include "journal_fixture.h"

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
