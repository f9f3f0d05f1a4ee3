/* test_report.c: what the report tells of a run, from a record on disk with its artifacts; how it is written: test_report_formats.c. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_fixture.h"

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
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
