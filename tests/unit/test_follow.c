/* test_follow.c: a state file read on as it grows. */
#include <config.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/follow.h"
#include "journal/journal.h"
#include "record_fixture.h"

struct place {
    char dir[64], path[96];
};

static int make_place(void **state)
{
    struct place *p = cm_alloc(sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/cm-follow-XXXXXX");
    if (mkdtemp(p->dir) == NULL)
        return -1;
    snprintf(p->path, sizeof p->path, "%s/state.jsonl", p->dir);
    *state = p;
    return 0;
}

static int drop_place(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    rmdir(p->dir);
    free(p);
    return 0;
}

static void add(struct cm_journal *j, const char *text)
{
    char *copy = cm_strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    cm_journal_add(j, json_loads(copy, 0, NULL));
    free(copy);
    assert_int_equal(cm_journal_sync(j, NULL), 0);
}

static struct cm_journal *begun(const char *path)
{
    struct cm_journal *j = cm_journal_create(path, &cm_clock_system, NULL);
    assert_non_null(j);
    add(j,
        "{'type':'run.begin','format':1,'program':'0','run':'r','boot':'b','plan_file':'p','plan_digest':'d','plan':{},'runbook':{}}");
    return j;
}

static void count(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms)
{
    (void)event;
    (void)seq;
    (void)at_ms;
    ++*(int *)ctx;
}

static void a_file_that_is_not_there_yet_is_no_error(void **state)
{
    struct place *p = *state;
    struct cm_follow *f = cm_follow_new(p->path, NULL, NULL);
    assert_int_equal(cm_follow_read(f, NULL), 0);
    assert_null(cm_follow_model(f));
    cm_follow_free(f);
}

static void every_event_is_handed_out_once_as_it_comes(void **state)
{
    struct place *p = *state;
    int events = 0;
    struct cm_follow *f = cm_follow_new(p->path, count, &events);
    struct cm_journal *j = begun(p->path);
    assert_int_equal(cm_follow_read(f, NULL), 1);
    assert_int_equal(cm_follow_read(f, NULL), 0);
    assert_int_equal(events, 1);
    add(j, "{'type':'answer','id':'a.b','who':'ann','note':'x'}");
    assert_int_equal(cm_follow_read(f, NULL), 1);
    assert_int_equal(events, 2);
    assert_int_equal(cm_follow_model(f)->seq, 2);
    assert_int_equal(cm_follow_model(f)->answer_count, 1);
    cm_follow_free(f);
    cm_journal_close(j);
}

static void half_a_line_is_left_until_it_is_whole(void **state)
{
    struct place *p = *state;
    struct cm_journal *j = begun(p->path);
    add(j, "{'type':'answer','id':'a.b','who':'ann','note':'x'}");
    cm_journal_close(j);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    char *whole = cm_alloc((size_t)st.st_size);
    int fd = open(p->path, O_RDWR);
    assert_int_equal(read(fd, whole, (size_t)st.st_size), st.st_size);
    assert_int_equal(ftruncate(fd, st.st_size - 20), 0);
    struct cm_follow *f = cm_follow_new(p->path, NULL, NULL);
    assert_int_equal(cm_follow_read(f, NULL), 1);
    assert_int_equal(cm_follow_model(f)->seq, 1);
    assert_int_equal(pwrite(fd, whole, (size_t)st.st_size, 0), st.st_size);
    assert_int_equal(cm_follow_read(f, NULL), 1);
    assert_int_equal(cm_follow_model(f)->seq, 2);
    close(fd);
    free(whole);
    cm_follow_free(f);
}

static void another_file_in_its_place_is_read_from_its_beginning(void **state)
{
    struct place *p = *state;
    struct cm_journal *j = begun(p->path);
    add(j, "{'type':'answer','id':'a.b','who':'ann','note':'x'}");
    struct cm_follow *f = cm_follow_new(p->path, NULL, NULL);
    assert_int_equal(cm_follow_read(f, NULL), 1);
    cm_journal_close(j);
    unlink(p->path);
    j = begun(p->path);
    assert_int_equal(cm_follow_read(f, NULL), 1);
    assert_int_equal(cm_follow_model(f)->seq, 1);
    assert_int_equal(cm_follow_model(f)->answer_count, 0);
    cm_follow_free(f);
    cm_journal_close(j);
}

static void damage_in_the_middle_is_told(void **state)
{
    struct place *p = *state;
    struct cm_journal *j = begun(p->path);
    add(j, "{'type':'answer','id':'a.b','who':'ann','note':'x'}");
    add(j, "{'type':'answer','id':'a.c','who':'ann','note':'y'}");
    cm_journal_close(j);
    char text[4096];
    int fd = open(p->path, O_RDWR);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n] = '\0';
    assert_int_equal(pwrite(fd, "X", 1, strstr(text, "a.b") - text), 1);
    close(fd);
    cm_autoerr err = NULL;
    struct cm_follow *f = cm_follow_new(p->path, NULL, NULL);
    assert_int_equal(cm_follow_read(f, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    cm_follow_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_yet_is_no_error, make_place, drop_place),
        cmocka_unit_test_setup_teardown(every_event_is_handed_out_once_as_it_comes, make_place, drop_place),
        cmocka_unit_test_setup_teardown(half_a_line_is_left_until_it_is_whole, make_place, drop_place),
        cmocka_unit_test_setup_teardown(another_file_in_its_place_is_read_from_its_beginning, make_place, drop_place),
        cmocka_unit_test_setup_teardown(damage_in_the_middle_is_told, make_place, drop_place),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
