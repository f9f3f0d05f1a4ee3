/* test_report.c: the report in its four formats, from a record on disk with its artifacts. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "journal/journal.h"
#include "record_fixture.h"
#include "report/csv.h"
#include "report/items.h"
#include "report/report.h"

struct run {
    char dir[64];
    struct record r;
};

static int64_t fed_ms;
static int64_t fed(void *ctx)
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

static int make_run(void **state)
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

static int end_of_run(void **state)
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
static void put_on_disk(struct run *run)
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

static void artifact(struct run *run, const char *name, const char *text)
{
    cm_autofree char *dir = cm_path_join(run->dir, "artifacts"), *event = NULL;
    cm_autofree char *path = cm_path_join(dir, name);
    assert_int_equal(cm_file_write(path, text, strlen(text), 0600, NULL), 0);
    event = cm_fmt("{'type':'artifact','step':'s','name':'%s','sha256':'aa','bytes':%zu}", name, strlen(text));
    say(&run->r, event);
}

static char *render(struct run *run, const char *format, int64_t minutes)
{
    char *text = NULL;
    size_t n;
    put_on_disk(run);
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(cm_report_render(run->r.m, run->dir, format, TEN_PM + MINUTES(minutes), out, NULL), 0);
    fclose(out);
    return text;
}

static json_t *render_json(struct run *run, int64_t minutes)
{
    cm_autofree char *text = render(run, "json", minutes);
    json_t *report = json_loads(text, 0, NULL);
    assert_non_null(report);
    return report;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" is in:\n%s", part, text);
}

/* The fixture's plan has neither. */
#define NOT_AGREED "the plan names no ticket and no maintenance window: what was agreed is not on record"

static void finish_run(struct run *run)
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

/* ---- what is in it ---- */

static void a_finished_run_is_told_whole(void **state)
{
    struct run *run = *state;
    finish_run(run);
    step_begin(&run->r, "report.write");
    say(&run->r,
        "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'Begin?','shown':'x','digest':'d'}");
    say(&run->r, "{'type':'gate.open','gate':'gate.downtime','digest':'d','who':'ann@laptop','how':'yes','note':'agreed'}");

    cm_autojson report = render_json(run, 34);

    assert_int_equal(cm_json_int(report, "report", 0), 1);
    assert_string_equal(cm_json_text(report, "state", ""), "done");
    assert_float_equal(json_number_value(cm_json_at(report, "downtime.service.seconds")), 420.0, 0.001);
    assert_float_equal(json_number_value(cm_json_at(report, "downtime.users.seconds")), 1800.0, 0.001);
    const json_t *temporary = json_array_get(json_object_get(report, "temporary"), 0);
    assert_string_equal(cm_json_text(temporary, "setting", ""), "Scheduler.MinProcessesLimit");
    assert_string_equal(cm_json_text(temporary, "original.value", ""), "5");
    assert_int_equal(cm_json_int(temporary, "set_to", -1), 0);
    assert_string_equal(cm_json_text(temporary, "state", ""), "back");
    assert_string_equal(cm_json_text(temporary, "settled", ""), "2026-12-05T22:30:00.000Z");
    const json_t *said = json_array_get(json_object_get(report, "said"), 0);
    assert_string_equal(cm_json_text(said, "what", ""), "approved");
    assert_string_equal(cm_json_text(said, "who", ""), "ann@laptop");
    const json_t *item = json_array_get(json_object_get(report, "items"), 1);
    assert_string_equal(cm_json_text(item, "build_error", ""), "no such R");
    assert_string_equal(cm_json_text(item, "result", ""), "differs");
    assert_int_equal(cm_json_int(item, "now", 0), 500);
    item = json_array_get(json_object_get(report, "items"), 0);
    assert_string_equal(cm_json_text(item, "title", ""), "Sales, \"north\"");
    assert_int_equal(cm_json_int(item, "visits", 0), 12);
    assert_string_equal(cm_json_text(item, "cluster", ""), "Kubernetes");
    assert_true(json_array_size(json_object_get(report, "transcript")) > 10);
}

/* Its step.begin is not durable yet while it writes. */
static void its_own_step_counts_as_done_while_it_writes(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autojson report = render_json(run, 34);
    const json_t *stages = json_object_get(report, "stages");
    const json_t *last = json_array_get(stages, json_array_size(stages) - 1);
    assert_string_equal(cm_json_text(last, "state", ""), "done");
    assert_string_equal(cm_json_text(json_array_get(json_object_get(last, "steps"), 0), "state", ""), "done");
    assert_string_equal(cm_json_text(report, "verdict", ""), "Done and verified.");
    assert_int_equal(cm_json_int(report, "status", -1), 0);
    const json_t *points = json_object_get(report, "open_points");
    assert_int_equal(json_array_size(points), 1);
    assert_string_equal(json_string_value(json_array_get(points, 0)), NOT_AGREED);
    /* the run directory of the fixture is not the plan's own, so it is named */
    assert_has(cm_json_text(json_array_get(json_object_get(report, "next_steps"), 0), "command", ""),
               "connect-migrate-run finish prod.yaml --run-dir ");
}

static void a_run_that_stopped_is_never_called_done(void **state)
{
    struct run *run = *state;
    until_verified(&run->r);
    step_begin(&run->r, "content.build");
    step_end(&run->r, "content.build", "failed");
    end_run(&run->r, 1);
    cm_autojson report = render_json(run, 34);
    assert_string_equal(cm_json_text(report, "state", ""), "failed");
    assert_string_equal(cm_json_text(report, "verdict", ""), "Stopped: step content.build failed: it broke.");
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 0)),
                        "step content.build failed: it broke");
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 1)),
                        "not done: 3 steps, the first is temporary.revert");
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 2)),
                        "still in force: temporary.setting Scheduler.MinProcessesLimit");
}

static void what_is_not_all_as_before_is_said(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r,
        "{'type':'fact','step':'content.build','name':'partly','value':{'step':'content.build','message':'1 of 2 failed'}}");
    say(&run->r, "{'type':'finding','step':'s','id':'a.b','verdict':'warning','seen':'x'}");
    cm_autojson report = render_json(run, 34);
    assert_string_equal(cm_json_text(report, "verdict", ""), "Done, but not all content is as before: 1 of 2 failed.");
    assert_int_equal(cm_json_int(report, "status", -1), 7);
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 1)),
                        "1 warning that nobody waived, see Findings");
    cm_autofree char *html = render(run, "html", 34);
    assert_has(html, "<p class=\"verdict\">");
}

/* ---- what somebody still has to look at, and what cannot be taken back ---- */

#define LEFT_OUT                                                                                                                   \
    "{'type':'finding','step':'s','id':'config.secret-in-subsection.LDAP.Example.BindPassword','verdict':'warning',"               \
    "'seen':'LDAP Example.BindPassword holds a secret; it is left out of the values','remedy':'Encrypt it.'}"

static void a_setting_that_was_left_out_is_the_first_open_point(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, LEFT_OUT);
    say(&run->r, "{'type':'finding','step':'s','id':'a.b','verdict':'warning','seen':'x'}");

    cm_autojson report = render_json(run, 34);

    assert_string_equal(cm_json_text(report, "verdict", ""),
                        "Done and verified, but 1 setting of the old server is not in the new server's values: see Open points.");
    const json_t *points = json_object_get(report, "open_points");
    assert_int_equal(json_array_size(points), 3);
    assert_string_equal(json_string_value(json_array_get(points, 0)),
                        "LDAP Example.BindPassword is not in the new server's values: logins may fail. Encrypt it.");
    assert_string_equal(json_string_value(json_array_get(points, 1)), "1 warning that nobody waived, see Findings");
    cm_autofree char *html = render(run, "html", 34);
    assert_has(html, "<p class=\"verdict\">");
}

static void a_setting_that_nobody_decided_about_is_an_open_point(void **state)
{
    struct run *run = *state;
    finish_run(run);
    for (int i = 0; i < 12; i++) {
        cm_autofree char *finding = cm_fmt("{'type':'finding','step':'s','id':'config.ask.SMTP.Host%d','verdict':'warning',"
                                           "'seen':'SMTP.Host%d: localhost','remedy':'Name it.'}",
                                           i, i);
        say(&run->r, finding);
    }
    say(&run->r, "{'type':'waiver','id':'config.ask.SMTP.Host0','who':'ann','reason':'kept'}");
    cm_autojson report = render_json(run, 34);
    const json_t *points = json_object_get(report, "open_points");
    assert_int_equal(json_array_size(points), 12);
    assert_string_equal(json_string_value(json_array_get(points, 0)), "nobody decided about SMTP.Host1: localhost. Name it.");
    assert_string_equal(json_string_value(json_array_get(points, 10)), "nobody decided about 1 more setting, see Findings");
}

static void a_setting_that_somebody_waived_is_no_open_point(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, LEFT_OUT);
    say(&run->r, "{'type':'waiver','id':'config.secret-in-subsection.LDAP.Example.BindPassword','who':'ann','reason':'no LDAP'}");
    cm_autojson report = render_json(run, 34);
    assert_string_equal(cm_json_text(report, "verdict", ""), "Done and verified.");
    assert_int_equal(json_array_size(json_object_get(report, "open_points")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 0)), NOT_AGREED);
}

static void after_a_way_back_no_setting_is_missing(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, LEFT_OUT);
    say(&run->r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
    say(&run->r, "{'type':'attempt.end','attempt':2,'result':'done'}");
    cm_autojson report = render_json(run, 60);
    assert_int_equal(json_array_size(json_object_get(report, "left_out")), 0);
}

static void attest_login(struct run *run, const char *how)
{
    cm_autofree char *opened =
        cm_fmt("{'type':'gate.open','gate':'gate.login','digest':'d','who':'root@vm','how':'%s','note':'people logged in'}", how);
    say(&run->r, "{'type':'gate.wait','gate':'gate.login','kind':'attest','step':'gate.login','title':'a person logged "
                 "in','shown':'Log in.\\n','digest':'d'}");
    say(&run->r, opened);
}

static void a_login_that_was_stated_beforehand_is_an_open_point(void **state)
{
    struct run *run = *state;
    finish_run(run);
    attest_login(run, "plan");
    cm_autojson report = render_json(run, 34);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(report, "open_points"), 0)),
        "nobody confirmed a login after the move: gate.login was answered beforehand in the plan. Log in and open an item");
    cm_autofree char *markdown = render(run, "markdown", 34);
    assert_has(markdown, "| attested | gate.login | login root on vm | before the run; taken over 2026-12-05 22:33:00 UTC | stated "
                         "beforehand in the plan, not asked on the night |");
    assert_has(markdown, "#### What was shown and attested: gate.login\n\nIts digest is d.\n\n```\nLog in.\n```\n");
}

static void a_login_that_somebody_confirmed_is_no_open_point(void **state)
{
    struct run *run = *state;
    finish_run(run);
    attest_login(run, "approve");
    cm_autojson report = render_json(run, 34);
    assert_int_equal(json_array_size(json_object_get(report, "open_points")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "open_points"), 0)), NOT_AGREED);
}

static void what_is_not_taken_back_is_told_with_its_outcome(void **state)
{
    struct run *run = *state;
    struct record *r = &run->r;
    finish_run(run);
    intent(r, 20, "content.build", "cache.delete", "R/4.4.3/Local", "");
    close_intent(r, 20, "happened", "{'state':'deleted'}");
    intent(r, 21, "content.build", "webhook", "downtime", "");
    close_intent(r, 21, "happened", "{'status':200}");
    intent(r, 22, "content.build", "cache.delete", "R/4.5.1/Local", "");
    close_intent(r, 22, "not-happened", "{'why':'refused'}");
    say(r, "{'type':'fact','step':'content.build','name':'downtime.announced','value':{'webhook':true,'banner':false,'text':'x'}}");
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "| runtime cache deleted (cache.delete) | R/4.4.3/Local | deleted | cannot be taken back;");
    assert_has(text, "| message to the users by notify.webhook (webhook) | downtime | answer 200 |");
    assert_has(text, "| content built on the new server (content.build) | 2 items |");
    assert_has_not(text, "(cache.delete) | R/4.5.1");
    assert_has(text, "| Announced | 2026-12-05 22:33:00 UTC, by notify.webhook, answer 200 |");
}

static void nobody_was_told_is_said(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *old = render(run, "markdown", 34);
    assert_has_not(old, "| Announced |");
    say(&run->r,
        "{'type':'fact','step':'access.open','name':'downtime.announced','value':{'webhook':false,'banner':false,'text':'x'}}");
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "| Announced | nobody was told by this run: no webhook, no warning |");
}

static void shutting_users_out_is_told_by_address(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "| users shut out (access.close) | the public address | open |");
    say(&run->r, "{'type':'plan.accepted','plan':{'connect':{'url':'https://connect.example.com'}},'plan_digest':'x','diff':''}");
    cm_autofree char *named = render(run, "markdown", 34);
    assert_has(named, "| users shut out (access.close) | https://connect.example.com | open |");
}

static void the_next_upgrade_and_the_way_back_stand_at_a_glance(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, "{'type':'plan.accepted','plan':{'target':{'release':'prod','chart':'rstudio/rstudio-connect','namespace':'posit',"
                 "'chart_version':'0.21.0'}},'plan_digest':'x','diff':''}");
    say(&run->r,
        "{'type':'fact','step':'access.open','name':'downtime.estimate','value':{'back':{'low_ms':40000,'high_ms':960000}}}");
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text,
               "| Next helm upgrade | helm upgrade prod rstudio/rstudio-connect --namespace posit --version 0.21.0 \\\\<br>  -f "
               "values.yaml \\\\<br>  -f values.config.yaml |");
    assert_has(text, "| Way back | open, until somebody types \\`connect-migrate-run finish prod.yaml");
    assert_has(text,
               "it takes 40.0 s to 16m 00s, as estimated before; nothing is restored from the backup, what users did on the new "
               "server stays |");
    cm_autofree char *plain = render(run, "json", 34);
    assert_has(plain, "\"helm_upgrade\": \"helm upgrade prod ");
}

static void content_images_are_told_with_what_runs_in_them(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, "{'type':'fact','step':'access.open','name':'runtimes.compare','value':{'runtimes':{"
                 "'R 4.4.1':{'verdict':'other','image':'x/a:1','items':5,'versions':{'R':'4.4.3'}},"
                 "'R 4.4.3':{'verdict':'exact','image':'x/a:1','items':1},"
                 "'Python 3.9.1':{'verdict':'none','image':'','items':2},"
                 "'R 4.5.1':{'verdict':'exact','image':'x/b@sha256:aa','items':3,'versions':{'R':'4.5.1'}}}}}");
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(
        text, "| x/a:1 | not known: named by a tag, which can be moved | 6 | R 4.4.1 gets R 4.4.3 (5 items)<br>R 4.4.3 (1 item) |");
    assert_has(text, "| x/b@sha256:aa | sha256:aa | 3 | R 4.5.1 (3 items) |");
}

static void a_finding_says_who_answered_it(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, "{'type':'finding','step':'s','id':'c.d','verdict':'unknown','seen':'?','remedy':'Look.'}");
    say(&run->r, "{'type':'answer','id':'c.d','who':'ann@laptop','note':'fine'}");
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "| unknown | c.d | ? | Look. | answered by login ann on laptop: fine |");
    assert_has(text, "| report.write | done | tool |  |  |  | this report |");
}

static void an_interruption_says_whether_users_were_in(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "| Interruptions besides | of the service: 1, 5.0 s, while users were out;");
    say(&run->r, "{'type':'interruption','what':'Connect','why':'again','from':1796510300000,'to':1796510301000}");
    cm_autofree char *later = render(run, "markdown", 40);
    assert_has(later, "| Interruptions besides | of the service: 2, 6.0 s, partly while users were in;");
}

static void an_open_temporary_setting_is_never_called_done(void **state)
{
    struct run *run = *state;
    struct record *r = &run->r;
    finish_run(run);
    intent(r, 9, "access.open", "temporary.setting", "A", ",'original':{'absent':true},'class':'settle'");
    close_intent(r, 9, "happened", "");
    say(r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    cm_autojson report = render_json(run, 34);
    assert_string_equal(cm_json_text(report, "verdict", ""), "Finished, but 1 temporary change has not been taken back.");
    assert_int_equal(cm_json_int(report, "status", -1), 8);
}

static void the_window_is_kept_or_not(void **state)
{
    struct run *run = *state;
    struct record *r = &run->r;
    until_verified(r);
    say(r, "{'type':'plan.accepted','plan':{'window':{'start':'2026-12-05 22:30','end':'2026-12-06 03:00','zone':'Europe/Berlin'}},"
           "'plan_digest':'x','diff':''}");
    cm_autojson report = render_json(run, 34);
    /* 22:04 UTC is 23:04 in Berlin */
    assert_true(json_is_true(cm_json_at(report, "downtime.service.within_window")));
    assert_true(json_is_true(cm_json_at(report, "downtime.users.within_window")));
    cm_autojson later = render_json(run, 600);
    assert_true(json_is_true(cm_json_at(later, "downtime.service.within_window")));
    assert_true(json_is_false(cm_json_at(later, "downtime.users.within_window")));
    cm_autofree char *markdown = render(run, "markdown", 34);
    assert_has(markdown, "Maintenance window: 2026-12-05 22:30 CET to 2026-12-06 03:00 CET.");
    assert_has(markdown, "| Service down | 7m 00s | 2026-12-05 23:04:00 CET | 2026-12-05 23:11:00 CET | inside |");
}

/* ---- Markdown ---- */

static void markdown_names_the_values_files_in_its_last_line(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "markdown", 34);
    const char *last = "\n`values.yaml`, `values.config.yaml`\n";
    assert_string_equal(text + strlen(text) - strlen(last), last);
}

static void after_a_way_back_there_are_no_values_files(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
    say(&run->r, "{'type':'attempt.end','attempt':2,'result':'done'}");
    cm_autofree char *text = render(run, "markdown", 34);
    const char *last = "\nNone: Connect runs on its old server.\n\n";
    assert_string_equal(text + strlen(text) - strlen(last), last);
    assert_has(text, "**Taken back: Connect runs on its old server again, and that was verified.**");
}

static void markdown_lets_no_text_break_its_tables(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "markdown", 34);
    assert_has(text, "\\<b>x\\</b>\\|y");
    assert_has_not(text, "| <b>");
    assert_has(text, "# Migration report: prod.yaml\n");
    assert_has(
        text,
        "| old server kept from starting (service.mask) | connect1 | unit_file: enabled | masked | in force, kept for a way back |");
    assert_has(text, "2 items selected: 1 built, 1 failed, 0 needed no build, 0 gone.");
    assert_has(text, "failed: no such R");
    assert_has(text, "differs: 200 before, 500 now");
    assert_has(text, "users         in again since 22:33 UTC, were out for 30 min");
}

/* ---- HTML ---- */

static void html_escapes_what_comes_from_outside(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "html", 34);
    assert_has(text, "&lt;b&gt;x&lt;/b&gt;|y");
    assert_has_not(text, "<b>");
    assert_has(text, "<p class=\"verdict good\">");
    assert_has(text, "prefers-color-scheme:dark");
    assert_has(text, "@media print");
}

static void html_needs_nothing_from_elsewhere(void **state)
{
    struct run *run = *state;
    finish_run(run);
    cm_autofree char *text = render(run, "html", 34);
    assert_has_not(text, "<script ");
    assert_has(text, "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-");
    assert_has_not(text, "<link");
    assert_has_not(text, "src=");
    assert_has_not(text, "url(");
    assert_has_not(text, "http://");
    assert_has_not(text, "https://");
}

/* ---- JUnit ---- */

static void junit_counts_failures_and_what_was_not_done(void **state)
{
    struct run *run = *state;
    finish_run(run);
    say(&run->r, "{'type':'finding','step':'s','id':'a.b','verdict':'blocker','seen':'\\u0001 \\'x\\' < y'}");
    say(&run->r, "{'type':'finding','step':'s','id':'c.d','verdict':'unknown','seen':'?'}");
    say(&run->r, "{'type':'answer','id':'c.d','who':'ann','note':'fine'}");
    cm_autofree char *text = render(run, "junit", 34);
    assert_has(text, "<testsuite name=\"content\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\"");
    assert_has(text, "<testcase classname=\"content\" name=\"g-2\" time=\"0.000\"><failure message=\"no such R\"/></testcase>");
    assert_has(text, "<testsuite name=\"findings\" tests=\"2\" failures=\"1\"");
    assert_has(text, "message=\"  &quot;x&quot; &lt; y\"");
    assert_has(text, "<testcase classname=\"report\" name=\"report.write\" time=\"0.000\"/>");
    assert_has(text, "<testcase classname=\"deploy\" name=\"connect.verify\" time=\"1.500\"/>");
}

/* ---- all of them ---- */

static void all_formats_are_written_into_the_run_directory(void **state)
{
    struct run *run = *state;
    finish_run(run);
    put_on_disk(run);
    assert_int_equal(cm_report_write_all(run->r.m, run->dir, TEN_PM, NULL), 0);
    for (size_t i = 6; i < sizeof files / sizeof files[0]; i++) {
        cm_autofree char *path = cm_path_join(run->dir, files[i]);
        assert_true(cm_file_exists(path));
    }
}

static void refuses_a_format_it_does_not_have(void **state)
{
    struct run *run = *state;
    cm_autoerr err = NULL;
    begin_forward(&run->r);
    assert_int_equal(cm_report_render(run->r.m, run->dir, "pdf", TEN_PM, stderr, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    assert_non_null(cm_err_hint(err));
}

static void a_run_that_has_just_begun_has_a_report_too(void **state)
{
    struct run *run = *state;
    static const char *const formats[] = {"markdown", "json", "html", "junit"};
    begin_run(&run->r);
    for (size_t i = 0; i < 4; i++) {
        cm_autofree char *text = render(run, formats[i], 1);
        assert_true(strlen(text) > 100);
    }
}

static void the_account_of_the_configuration_is_shown(void **state)
{
    struct run *run = *state;
    begin_forward(&run->r);
    artifact(run, "config.account.json",
             "[{\"source\":\"connect.gcfg:3\",\"setting\":\"Server.Address\",\"target\":\"config.Server.Address\","
             "\"disposition\":\"keep\",\"reason\":\"the same\"}]");
    cm_autofree char *text = render(run, "markdown", 1);
    assert_has(text, "| connect.gcfg:3 | Server.Address | config.Server.Address | keep | the same |");
}

/* ---- items, and whose they are ---- */

static void an_owners_file_is_one_name_whatever_the_owner_is_called(void **state)
{
    (void)state;
    static const char *const names[] = {"../../etc/passwd", "a b", "a_b", "Ann", "ann", ".hidden", "j\xC3\xBCrgen", "a/b"};
    enum { COUNT = sizeof names / sizeof names[0] };
    cm_autojson items = json_array(), *seen = json_object();
    for (size_t i = 0; i < COUNT; i++)
        json_array_append_new(items, json_pack("{s:s, s:s}", "owner", names[i], "attention", i == 0 ? "act" : "none"));
    cm_autojson owners = cm_items_owners(items);
    assert_int_equal(json_array_size(owners), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const char *file = cm_json_text(json_array_get(owners, i), "file", "");
        cm_autofree char *small = cm_strdup(file);
        for (char *p = small; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
        assert_null(strchr(file, '/'));
        assert_int_not_equal(*file, '.');
        assert_null(json_object_get(seen, small));
        json_object_set_new(seen, small, json_true());
    }
}

static const char *judged(const char *item, const char *member)
{
    static char text[300];
    cm_autojson j = json_loads(item, 0, NULL);
    cm_item_judge(j);
    snprintf(text, sizeof text, "%s", cm_json_text(j, member, "(null)"));
    return text;
}

static void what_an_owner_has_to_do_is_the_worst_of_what_is_known(void **state)
{
    (void)state;
    assert_string_equal(judged("{\"build\":\"failed\",\"result\":\"same\",\"image_found\":\"other version\"}", "attention"), "act");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"differs\"}", "attention"), "act");
    assert_string_equal(judged("{\"image_found\":\"none\",\"r\":\"3.6.0\"}", "changed"),
                        "The new server has nothing to run it with: it needs R 3.6.0.");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"same\",\"image_found\":\"other version\"}", "attention"), "look");
    assert_string_equal(judged("{\"result\":\"not-visible\"}", "attention"), "look");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"same\"}", "attention"), "none");
    assert_string_equal(judged("{}", "to_do"), "(null)");
}

static void every_reason_stands_with_what_to_do_about_it(void **state)
{
    (void)state;
    const char *two = "{\"build\":\"failed\",\"build_error\":\"no such R\",\"image_found\":\"other version\",\"r\":\"4.4.1\"}";
    assert_string_equal(judged(two, "changed"), "It could not be prepared on the new server: no such R. It ran on R 4.4.1; the new "
                                                "server runs it on the nearest version that it has.");
    assert_string_equal(judged(two, "to_do"),
                        "Publish it again from your own machine. If that fails in the same way, send the "
                        "administrators this page. Open it once and compare what it shows with what you expect.");
    assert_string_equal(judged("{\"build\":\"gone\",\"image_found\":\"none\"}", "changed"),
                        "It was there before the move and is not there any more.");
}

static void other_versions_are_named(void **state)
{
    (void)state;
    assert_string_equal(judged("{\"image_found\":\"other version\",\"r\":\"4.4.1\",\"r_given\":\"4.4.3\",\"quarto\":\"1.6.42\","
                               "\"quarto_given\":\"1.6.42\",\"image\":\"x/y:1\"}",
                               "changed"),
                        "It runs on other versions than before: R 4.4.1 becomes R 4.4.3; Quarto stays 1.6.42 (container x/y:1).");
}

static void an_item_is_tried_out_as_its_kind_is_used(void **state)
{
    (void)state;
#define OTHER(mode) "{\"image_found\":\"other version\",\"r\":\"4.4.1\",\"app_mode\":\"" mode "\"}"
    assert_string_equal(judged(OTHER("shiny"), "to_do"), "Open it once and compare what it shows with what you expect.");
    assert_string_equal(judged(OTHER("rmd-static"), "to_do"),
                        "Run it once (Refresh) and compare the new version with the last one.");
    assert_string_equal(judged(OTHER("python-fastapi"), "to_do"),
                        "Call one endpoint once and compare the answer with what you expect.");
}

static void failures_of_one_cause_are_one_group(void **state)
{
    (void)state;
    cm_autojson items =
        json_loads("[{\"guid\":\"1\",\"build\":\"failed\",\"build_error\":\"no 0f88080b-10a3-46b2-aa05-e11ab2715945 at 123456\"},"
                   "{\"guid\":\"2\",\"build\":\"failed\",\"build_error\":\"no eeb89ff1-bf8e-41aa-91f2-d44dcc35e834 at 654321\"},"
                   "{\"guid\":\"3\",\"build\":\"failed\",\"build_error\":\"R 4.4 is missing\"},"
                   "{\"guid\":\"4\",\"build\":\"failed\",\"build_error\":\"R 4.5 is missing\"}]",
                   0, NULL);
    cm_autojson groups = cm_items_failures(items);
    assert_int_equal(json_array_size(groups), 3);
    assert_int_equal(json_array_size(json_object_get(json_array_get(groups, 0), "items")), 2);
    assert_string_equal(cm_json_text(json_array_get(groups, 0), "cause", ""), "no … at …");
    assert_string_equal(cm_json_text(json_array_get(groups, 1), "cause", ""), "R 4.4 is missing");
}

/* ---- the tables it reads ---- */

static void csv_is_read_as_people_and_spreadsheets_write_it(void **state)
{
    (void)state;
    cm_autojson rows = cm_csv_rows("\xEF\xBB\xBF"
                                   "a,b\r\n1,\"x\ny\"\r\n\"\"\"q\"\"\",\r\n3\r\n4,5,6");
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(cm_json_text(json_array_get(rows, 0), "a", ""), "1");
    assert_string_equal(cm_json_text(json_array_get(rows, 0), "b", ""), "x\ny");
    assert_string_equal(cm_json_text(json_array_get(rows, 1), "a", ""), "\"q\"");
    assert_string_equal(cm_json_text(json_array_get(rows, 1), "b", "?"), "");
    assert_null(json_object_get(json_array_get(rows, 2), "b"));
    assert_string_equal(cm_json_text(json_array_get(rows, 3), "b", ""), "5");
}

static void csv_that_is_broken_still_ends(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "a", "a,b\n\"open", "a\n\xff\xfe\n", ",,,\n,,,", "\n\n\n"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cm_autojson rows = cm_csv_rows(cases[i]);
        assert_true(json_is_array(rows));
    }
    cm_autojson none = cm_csv_rows(NULL);
    assert_int_equal(json_array_size(none), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_run, end_of_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_finished_run_is_told_whole),
        TEST(its_own_step_counts_as_done_while_it_writes),
        TEST(a_run_that_stopped_is_never_called_done),
        TEST(what_is_not_all_as_before_is_said),
        TEST(an_open_temporary_setting_is_never_called_done),
        TEST(a_setting_that_was_left_out_is_the_first_open_point),
        TEST(a_setting_that_nobody_decided_about_is_an_open_point),
        TEST(a_setting_that_somebody_waived_is_no_open_point),
        TEST(after_a_way_back_no_setting_is_missing),
        TEST(a_login_that_was_stated_beforehand_is_an_open_point),
        TEST(a_login_that_somebody_confirmed_is_no_open_point),
        TEST(what_is_not_taken_back_is_told_with_its_outcome),
        TEST(nobody_was_told_is_said),
        TEST(shutting_users_out_is_told_by_address),
        TEST(the_next_upgrade_and_the_way_back_stand_at_a_glance),
        TEST(content_images_are_told_with_what_runs_in_them),
        TEST(a_finding_says_who_answered_it),
        TEST(an_interruption_says_whether_users_were_in),
        TEST(the_window_is_kept_or_not),
        TEST(markdown_names_the_values_files_in_its_last_line),
        TEST(after_a_way_back_there_are_no_values_files),
        TEST(markdown_lets_no_text_break_its_tables),
        TEST(html_escapes_what_comes_from_outside),
        TEST(html_needs_nothing_from_elsewhere),
        TEST(junit_counts_failures_and_what_was_not_done),
        TEST(all_formats_are_written_into_the_run_directory),
        TEST(refuses_a_format_it_does_not_have),
        TEST(a_run_that_has_just_begun_has_a_report_too),
        TEST(the_account_of_the_configuration_is_shown),
        cmocka_unit_test(an_owners_file_is_one_name_whatever_the_owner_is_called),
        cmocka_unit_test(what_an_owner_has_to_do_is_the_worst_of_what_is_known),
        cmocka_unit_test(every_reason_stands_with_what_to_do_about_it),
        cmocka_unit_test(other_versions_are_named),
        cmocka_unit_test(an_item_is_tried_out_as_its_kind_is_used),
        cmocka_unit_test(failures_of_one_cause_are_one_group),
        cmocka_unit_test(csv_is_read_as_people_and_spreadsheets_write_it),
        cmocka_unit_test(csv_that_is_broken_still_ends),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
