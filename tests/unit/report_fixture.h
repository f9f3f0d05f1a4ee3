/* report_fixture.h: a run whose record and artifacts lie in a folder of its own, and the report of it, for the tests of the report. */
#ifndef CM_TESTS_REPORT_FIXTURE_H
#define CM_TESTS_REPORT_FIXTURE_H

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "journal/journal.h"
#include "record_fixture.h"
#include "report/report.h"

struct run {
    char dir[64];
    struct record r;
};

static int64_t fed_ms;
static inline int64_t fed(void *ctx)
{
    (void)ctx;
    return fed_ms;
}
static const struct cm_clock clock_fed = {fed, fed, NULL};

static const char *const files[] = {"artifacts/priority.csv",
                                    "artifacts/baseline.json",
                                    "artifacts/validation.json",
                                    "artifacts/config.account.json",
                                    "artifacts",
                                    "state.jsonl",
                                    "report.md",
                                    "report.json",
                                    "report.html",
                                    "junit.xml"};

static inline int make_run(void **state)
{
    struct run *run = cm_alloc(sizeof *run);
    snprintf(run->dir, sizeof run->dir, "/tmp/cm-report-XXXXXX");
    assert_non_null(mkdtemp(run->dir));
    cm_autofree char *artifacts = cm_path_join(run->dir, "artifacts");
    assert_int_equal(mkdir(artifacts, 0700), 0);
    run->r = record_new();
    *state = run;
    return 0;
}

static inline int end_of_run(void **state)
{
    struct run *run = *state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        cm_autofree char *path = cm_path_join(run->dir, files[i]);
        remove(path);
    }
    rmdir(run->dir);
    record_end(&run->r);
    free(run);
    return 0;
}

/* Put the record on disk, as one group: the transcript is read from there. */
static inline void put_on_disk(struct run *run)
{
    cm_autofree char *path = cm_path_join(run->dir, "state.jsonl");
    unlink(path);
    fed_ms = TEN_PM;
    struct cm_journal *j = cm_journal_create(path, &clock_fed, NULL);
    assert_non_null(j);
    size_t i;
    json_t *e;
    json_array_foreach(run->r.events, i, e) cm_journal_add(j, json_incref(e));
    assert_int_equal(cm_journal_sync(j, NULL), 0);
    cm_journal_close(j);
}

static inline void artifact(struct run *run, const char *name, const char *text)
{
    cm_autofree char *dir = cm_path_join(run->dir, "artifacts"), *event = NULL;
    cm_autofree char *path = cm_path_join(dir, name);
    assert_int_equal(cm_file_write(path, text, strlen(text), 0600, NULL), 0);
    event = cm_fmt("{'type':'artifact','step':'s','name':'%s','sha256':'aa','bytes':%zu}", name, strlen(text));
    say(&run->r, event);
}

static inline char *render(struct run *run, const char *format, int64_t minutes)
{
    char *text = NULL;
    size_t n;
    put_on_disk(run);
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(cm_report_render(run->r.m, run->dir, format, TEN_PM + MINUTES(minutes), out, NULL), 0);
    fclose(out);
    return text;
}

static inline json_t *render_json(struct run *run, int64_t minutes)
{
    cm_autofree char *text = render(run, "json", minutes);
    json_t *report = json_loads(text, 0, NULL);
    assert_non_null(report);
    return report;
}

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" is in:\n%s", part, text);
}

/* The fixture's plan has neither. */
#define NOT_AGREED "the plan names no ticket and no maintenance window: what was agreed is not on record"

static inline void finish_run(struct run *run)
{
    struct record *r = &run->r;
    until_verified(r);
    r->at = TEN_PM + MINUTES(20);
    step_begin(r, "content.build");
    intent(r, 6, "content.build", "content.build", "g-1", "");
    close_intent(r, 6, "happened", "{'state':'built'}");
    intent(r, 7, "content.build", "content.build", "g-2", "");
    close_intent(r, 7, "happened", "{'state':'failed','error':'no such R'}");
    say(r, "{'type':'fact','step':'content.build','name':'content.build','value':{'selected':2,'skipped':0}}");
    step_end(r, "content.build", "done");
    artifact(run, "priority.csv",
             "guid,path,title,visits,why\ng-1,/one/,\"Sales, \"\"north\"\"\",12,visits\ng-2,/two/,<b>x</b>|y,3,named\n");
    artifact(run, "baseline.json", "{\"items\":[{\"guid\":\"g-1\",\"status\":200},{\"guid\":\"g-2\",\"status\":200}]}");
    artifact(run, "validation.json",
             "{\"items\":[{\"guid\":\"g-1\",\"result\":\"same\",\"now\":200,\"job\":{\"cluster\":\"Kubernetes\"}},"
             "{\"guid\":\"g-2\",\"result\":\"differs\",\"how\":\"200 before, 500 now\",\"now\":500,\"job\":null}]}");
    r->at = TEN_PM + MINUTES(30);
    step_begin(r, "temporary.revert");
    close_intent(r, 4, "back", "");
    say(r, "{'type':'interruption','what':'Connect','why':'the pod was replaced','from':1796509800000,'to':1796509805000}");
    say(r, "{'type':'fact','step':'temporary.revert','name':'values.final','value':['values.yaml','values.config.yaml']}");
    step_end(r, "temporary.revert", "done");
    r->at = TEN_PM + MINUTES(33);
    step_done(r, "access.open");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_run, end_of_run)

#endif
