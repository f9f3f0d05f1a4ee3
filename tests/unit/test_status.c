/* test_status.c: `status --json` and the commands that may be typed now. Their shape is contract. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record_fixture.h"
#include "report/report.h"

static json_t *status_of(const struct record *r, bool alive, int64_t minutes)
{
    return cm_status_json(r->m, "prod.yaml", NULL, alive, TEN_PM + MINUTES(minutes));
}

static void assert_keys(const json_t *object, const char *const *names)
{
    size_t n = 0;
    for (; names[n] != NULL; n++)
        if (json_object_get(object, names[n]) == NULL)
            fail_msg("no member %s", names[n]);
    assert_int_equal(json_object_size(object), n);
}

static void has_exactly_the_members_of_the_contract(void **state)
{
    (void)state;
    static const char *const top[] = {"run_id",
                                      "plan",
                                      "state",
                                      "stages",
                                      "ledger",
                                      "gate",
                                      "findings",
                                      "next_steps",
                                      "content",
                                      "downtime_seconds",
                                      "users_out_seconds",
                                      NULL};
    static const char *const stage[] = {"id", "title", "state", "steps", NULL};
    static const char *const step[] = {"id",    "action",  "kind",     "by",      "state", "started",
                                       "ended", "seconds", "attempts", "message", NULL};
    static const char *const entry[] = {"effect", "key", "class", "state", NULL};
    static const char *const finding[] = {"id", "verdict", "seen", "remedy", NULL};
    static const char *const next[] = {"command", "does", NULL};
    static const char *const content[] = {"selected", "built", "failed", "skipped", "gone", NULL};
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'finding','step':'storage.check','id':'storage.x','verdict':'warning','seen':'s'}");

    cm_autojson s = status_of(&r, false, 44);

    assert_keys(s, top);
    assert_keys(json_array_get(json_object_get(s, "stages"), 0), stage);
    assert_keys(json_array_get(cm_json_at(json_array_get(json_object_get(s, "stages"), 0), "steps"), 0), step);
    assert_keys(json_array_get(json_object_get(s, "ledger"), 0), entry);
    assert_keys(json_array_get(json_object_get(s, "findings"), 0), finding);
    assert_keys(json_array_get(json_object_get(s, "next_steps"), 0), next);
    assert_keys(json_object_get(s, "content"), content);
    record_end(&r);
}

static void tells_where_a_run_stands(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    cm_autojson s = status_of(&r, true, 44);
    assert_string_equal(cm_json_text(s, "run_id", ""), "r-1");
    assert_string_equal(cm_json_text(s, "plan", ""), "prod.yaml");
    assert_string_equal(cm_json_text(s, "state", ""), "running");
    assert_true(json_is_null(json_object_get(s, "gate")));
    assert_float_equal(json_number_value(json_object_get(s, "downtime_seconds")), 420.0, 0.001);
    assert_float_equal(json_number_value(json_object_get(s, "users_out_seconds")), 2460.0, 0.001);
    const json_t *deploy = json_array_get(json_object_get(s, "stages"), 1);
    assert_string_equal(cm_json_text(deploy, "state", ""), "done");
    const json_t *verify = json_array_get(json_object_get(deploy, "steps"), 4);
    assert_string_equal(cm_json_text(verify, "id", ""), "connect.verify");
    assert_string_equal(cm_json_text(verify, "state", ""), "done");
    assert_string_equal(cm_json_text(verify, "started", ""), "2026-12-05T22:11:00.000Z");
    assert_float_equal(json_number_value(json_object_get(verify, "seconds")), 1.5, 0.0001);
    assert_int_equal(cm_json_int(verify, "attempts", 0), 1);
    const json_t *build = json_array_get(cm_json_at(json_array_get(json_object_get(s, "stages"), 2), "steps"), 0);
    assert_string_equal(cm_json_text(build, "state", ""), "pending");
    assert_true(json_is_null(json_object_get(build, "started")));
    record_end(&r);
}

static void the_ledger_says_what_is_open_back_and_final(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    close_intent(&r, 4, "back", "");
    close_intent(&r, 5, "final", "");
    cm_autojson s = status_of(&r, false, 44);
    const json_t *ledger = json_object_get(s, "ledger");
    assert_int_equal(json_array_size(ledger), 5);
    assert_string_equal(cm_json_text(json_array_get(ledger, 0), "state", ""), "open");
    assert_string_equal(cm_json_text(json_array_get(ledger, 3), "effect", ""), "temporary.setting");
    assert_string_equal(cm_json_text(json_array_get(ledger, 3), "class", ""), "settle");
    assert_string_equal(cm_json_text(json_array_get(ledger, 3), "state", ""), "back");
    assert_string_equal(cm_json_text(json_array_get(ledger, 4), "state", ""), "final");
    record_end(&r);
}

static void content_is_counted_once_per_guid_by_its_newest_build(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "content.build", "content.build", "g1", "");
    close_intent(&r, 1, "given-up", "{'state':'failed'}");
    intent(&r, 2, "content.build", "content.build", "g1", "");
    close_intent(&r, 2, "happened", "{'state':'built'}");
    intent(&r, 3, "content.build", "content.build", "g2", "");
    close_intent(&r, 3, "happened", "{'state':'failed','error':'no R'}");
    intent(&r, 4, "content.build", "content.build", "g3", "");
    close_intent(&r, 4, "happened", "{'state':'gone'}");
    intent(&r, 5, "content.build", "content.build", "g4", "");
    intent(&r, 6, "content.build", "content.build", "g3 (2)", "");
    close_intent(&r, 6, "happened", "{'state':'built'}");
    say(&r, "{'type':'fact','step':'content.build','name':'content.build','value':{'selected':9,'skipped':3}}");
    cm_autojson s = status_of(&r, false, 1);
    assert_int_equal(cm_json_int(s, "content.selected", -1), 9);
    assert_int_equal(cm_json_int(s, "content.skipped", -1), 3);
    assert_int_equal(cm_json_int(s, "content.built", -1), 2);
    assert_int_equal(cm_json_int(s, "content.failed", -1), 1);
    assert_int_equal(cm_json_int(s, "content.gone", -1), 0);
    record_end(&r);
}

static void killed_while_the_report_was_written_counts_as_done(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    step_done(&r, "content.build");
    step_done(&r, "temporary.revert");
    cm_autojson before = status_of(&r, false, 44);
    assert_string_equal(cm_json_text(before, "state", ""), "interrupted");
    step_done(&r, "access.open");
    cm_autojson killed = status_of(&r, false, 44);
    cm_autojson alive = status_of(&r, true, 44);
    assert_string_equal(cm_json_text(killed, "state", ""), "done");
    assert_string_equal(cm_json_text(alive, "state", ""), "running");
    const json_t *first = json_array_get(json_object_get(killed, "next_steps"), 0);
    assert_string_equal(cm_json_text(first, "command", ""), "connect-migrate-run prod.yaml");
    assert_string_equal(cm_json_text(first, "does", ""), "writes the report, the only thing that is left to do");
    record_end(&r);
}

static void a_waiting_gate_is_named_with_the_command_that_answers_it(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r,
        "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'Begin?','shown':'x','digest':'d'}");
    end_run(&r, 3);
    cm_autojson s = status_of(&r, false, 1);
    assert_string_equal(cm_json_text(s, "state", ""), "waiting");
    assert_string_equal(cm_json_text(s, "gate", ""), "gate.downtime");
    const json_t *next = json_object_get(s, "next_steps");
    assert_string_equal(cm_json_text(json_array_get(next, 0), "command", ""),
                        "connect-migrate-run approve prod.yaml gate.downtime");
    assert_string_equal(cm_json_text(json_array_get(next, 1), "command", ""), "connect-migrate-run prod.yaml");
    record_end(&r);
}

static void before_anything_it_is_new(void **state)
{
    (void)state;
    cm_autojson s = cm_status_json(NULL, "prod.yaml", NULL, false, TEN_PM);
    assert_string_equal(cm_json_text(s, "state", ""), "new");
    assert_true(json_is_null(json_object_get(s, "run_id")));
    assert_int_equal(json_array_size(json_object_get(s, "stages")), 0);
    assert_string_equal(cm_json_text(json_array_get(json_object_get(s, "next_steps"), 0), "command", ""),
                        "connect-migrate-run check prod.yaml");
}

/* ---- next steps ---- */

/* The commands, joined by "|". */
static char *commands(const struct record *r, const char *plan)
{
    cm_autojson next = cm_next_steps_of(r->m, &(struct cm_standing){.plan_file = plan, .status = -1});
    char *all = cm_strdup("");
    size_t i;
    json_t *n;
    json_array_foreach(next, i, n)
    {
        assert_true(strlen(cm_json_text(n, "does", "")) > 10);
        const char *command = cm_json_text(n, "command", "");
        assert_int_equal(strncmp(command, "connect-migrate-run ", 20), 0);
        char *more = cm_fmt("%s%s%s", all, i > 0 ? "|" : "", command + 20);
        free(all);
        all = more;
    }
    return all;
}

static void assert_commands(const struct record *r, const char *text)
{
    cm_autofree char *all = commands(r, "prod.yaml");
    assert_string_equal(all, text);
}

static void a_failed_run_may_go_on_or_back(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    end_run(&r, 1);
    assert_commands(&r, "prod.yaml|rollback prod.yaml|status prod.yaml|report prod.yaml");
    record_end(&r);
}

/* A cluster that was away has nothing to mend in the values. */
static void a_look_at_the_deployment_that_was_not_answered_is_first_gone_on_with(void **state)
{
    static const char *const passing[] = {"", ",'passing':true"};
    static const char *const wanted[] = {
        "prod.yaml --redo helm.deploy|rollback prod.yaml|status prod.yaml|report prod.yaml",
        "prod.yaml|prod.yaml --redo helm.deploy|rollback prod.yaml|status prod.yaml|report prod.yaml"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct record r = record_new();
        until_verified(&r);
        step_begin(&r, "connect.verify");
        cm_autofree char *end =
            cm_fmt("{'type':'step.end','step':'connect.verify','state':'failed','took_ms':1,'message':'m'%s}", passing[i]);
        say(&r, end);
        end_run(&r, 1);
        assert_commands(&r, wanted[i]);
        record_end(&r);
    }
}

static void a_run_that_changed_nothing_is_not_offered_a_way_back(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    end_run(&r, 1);
    assert_commands(&r, "prod.yaml|status prod.yaml|report prod.yaml");
    record_end(&r);
}

static void a_blocked_run_names_the_unknowns_to_answer(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'finding','step':'s','id':'storage.export','verdict':'unknown','seen':'differ'}");
    say(&r, "{'type':'finding','step':'s','id':'known.one','verdict':'unknown','seen':'differ'}");
    say(&r, "{'type':'answer','id':'known.one','who':'ann','note':'same'}");
    end_run(&r, 5);
    assert_commands(&r, "approve prod.yaml storage.export --note TEXT|prod.yaml|status prod.yaml|report prod.yaml");
    record_end(&r);
}

static void a_stopped_rollback_is_gone_on_with(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
    say(&r, "{'type':'gate.wait','gate':'gate.rollback','kind':'go','step':'release.scale','title':'Go?','shown':'x','digest':'d1'}");
    say(&r, "{'type':'gate.open','gate':'gate.rollback','digest':'d1','who':'ann@laptop','how':'yes'}");
    end_run(&r, 1);
    assert_commands(&r, "rollback prod.yaml|status prod.yaml|report prod.yaml");
    record_end(&r);
}

static void a_rollback_that_only_asks_may_be_given_up(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
    say(&r, "{'type':'gate.wait','gate':'gate.rollback','kind':'go','step':'release.scale','title':'Go?','shown':'x','digest':'d1'}");
    end_run(&r, 3);
    assert_commands(&r, "approve prod.yaml gate.rollback|rollback prod.yaml|prod.yaml --again|status prod.yaml|report prod.yaml");
    record_end(&r);
}

static void after_a_rollback_one_may_begin_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
    say(&r, "{'type':'attempt.end','attempt':2,'result':'done'}");
    assert_commands(&r, "prod.yaml --again|report prod.yaml");
    record_end(&r);
}

static void a_done_run_may_be_finished_or_taken_back(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    end_run(&r, 8);
    assert_commands(&r, "prod.yaml --redo temporary.revert|finish prod.yaml|rollback prod.yaml|report prod.yaml");
    close_intent(&r, 4, "back", "");
    assert_commands(&r, "finish prod.yaml|rollback prod.yaml|report prod.yaml");
    record_end(&r);
}

static void a_running_run_is_only_looked_at(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    cm_autojson s = status_of(&r, true, 1);
    assert_int_equal(json_array_size(json_object_get(s, "next_steps")), 1);
    assert_string_equal(cm_json_text(json_array_get(json_object_get(s, "next_steps"), 0), "command", ""),
                        "connect-migrate-run status prod.yaml --watch");
    record_end(&r);
}

static void a_plan_with_a_space_is_quoted(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    end_run(&r, 1);
    cm_autofree char *all = commands(&r, "my plan.yaml");
    assert_int_equal(strncmp(all, "'my plan.yaml'|", 15), 0);
    record_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_exactly_the_members_of_the_contract),
        cmocka_unit_test(tells_where_a_run_stands),
        cmocka_unit_test(the_ledger_says_what_is_open_back_and_final),
        cmocka_unit_test(content_is_counted_once_per_guid_by_its_newest_build),
        cmocka_unit_test(killed_while_the_report_was_written_counts_as_done),
        cmocka_unit_test(a_waiting_gate_is_named_with_the_command_that_answers_it),
        cmocka_unit_test(before_anything_it_is_new),
        cmocka_unit_test(a_failed_run_may_go_on_or_back),
        cmocka_unit_test(a_look_at_the_deployment_that_was_not_answered_is_first_gone_on_with),
        cmocka_unit_test(a_run_that_changed_nothing_is_not_offered_a_way_back),
        cmocka_unit_test(a_blocked_run_names_the_unknowns_to_answer),
        cmocka_unit_test(a_stopped_rollback_is_gone_on_with),
        cmocka_unit_test(a_rollback_that_only_asks_may_be_given_up),
        cmocka_unit_test(after_a_rollback_one_may_begin_again),
        cmocka_unit_test(a_done_run_may_be_finished_or_taken_back),
        cmocka_unit_test(a_running_run_is_only_looked_at),
        cmocka_unit_test(a_plan_with_a_space_is_quoted),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
