/* test_situation.c: the five lines, the two clocks and the state word, each against a record. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/situation.h"
#include "record_fixture.h"

enum { OLD, NEW, DATABASE, USERS, IN_FORCE };

static void assert_line(const struct record *r, int line, int64_t minutes, const char *text)
{
    struct cm_situation s;
    cm_situation(r->m, TEN_PM + MINUTES(minutes), &s);
    assert_string_equal(s.line[line] + 14, text);
    for (int i = 0; i < CM_SITUATION_LINES; i++)
        assert_true(strlen(s.line[i]) <= 2 * 76);
    cm_situation_fini(&s);
}

static void begin_back(struct record *r)
{
    say(r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
}

/* ---- the lines ---- */

static void a_fresh_run_has_changed_nothing(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    assert_line(&r, OLD, 0, "as it was, not touched by this run");
    assert_line(&r, NEW, 0, "nothing was deployed by this run");
    assert_line(&r, DATABASE, 0, "no change was made to it by this run");
    assert_line(&r, USERS, 0, "not affected");
    assert_line(&r, IN_FORCE, 0, "no change of this run");
    record_end(&r);
}

static void a_deployed_run_says_what_stands_and_since_when(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    assert_line(&r, OLD, 44, "stopped and masked on connect1 since 22:04 UTC");
    assert_line(&r, NEW, 44, "revision 3 deployed, verified at 22:11 UTC");
    assert_line(&r, DATABASE, 44, "open to the new server since 22:09 UTC");
    assert_line(&r, USERS, 44, "locked out since 22:03 UTC (41 min)");
    assert_line(&r, IN_FORCE, 44, "1 temporary setting; until the end or a rollback");
    record_end(&r);
}

static void another_day_is_said_with_its_date(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    assert_line(&r, OLD, 600, "stopped and masked on connect1 since 2026-12-05 22:04 UTC");
    record_end(&r);
}

static void an_effect_without_outcome_is_not_known(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "service.stop", "service.stop", "connect1", "");
    assert_line(&r, OLD, 1, "not known whether it stopped or started: connect1");
    close_intent(&r, 1, "happened", "");
    assert_line(&r, OLD, 1, "stopped, not masked, on connect1 since 22:00 UTC");
    intent(&r, 2, "helm.deploy", "helm.upgrade", "c", ",'detail':{'purpose':'deploy'}");
    assert_line(&r, NEW, 1, "helm's deployment was begun, its outcome is not known yet");
    close_intent(&r, 2, "not-happened", "");
    assert_line(&r, NEW, 1, "nothing was deployed by this run");
    record_end(&r);
}

static void nodes_in_different_states_are_told_apart(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_run(&r);
    say(&r, "{'type':'attempt.begin','attempt':1,'direction':'forward','runbook':" FORWARD_BOOK "}");
    intent(&r, 1, "service.stop", "service.mask", "connect1", "");
    close_intent(&r, 1, "happened", "");
    intent(&r, 2, "service.stop", "service.stop", "connect1", "");
    close_intent(&r, 2, "happened", "");
    intent(&r, 3, "service.stop", "service.stop", "connect2", "");
    close_intent(&r, 3, "happened", "");
    assert_line(&r, OLD, 1, "connect2: stopped, not masked; connect1: stopped and masked");
    record_end(&r);
}

static void a_stop_by_hand_stands_for_all_nodes(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "service.stop", "service.stop", "hand", ",'original':{'by':'hand'},'class':'keep'");
    close_intent(&r, 1, "happened", "");
    assert_line(&r, OLD, 1, "stopped and masked on connect1 since 22:00 UTC");
    record_end(&r);
}

static void the_way_back_is_told(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    begin_back(&r);
    r.at = TEN_PM + MINUTES(60);
    intent(&r, 6, "release.scale", "helm.upgrade", "connect", ",'detail':{'purpose':'scale'}");
    close_intent(&r, 6, "happened", "{'revision':4}");
    assert_line(&r, NEW, 61, "stopped at 23:00 UTC (helm revision 4, no pods)");
    assert_line(&r, DATABASE, 61, "was used by the new server, which has no pods now");
    intent(&r, 7, "service.start", "service.unmask", "connect1", "");
    close_intent(&r, 7, "happened", "");
    intent(&r, 8, "service.start", "service.start", "connect1", "");
    close_intent(&r, 8, "happened", "");
    close_intent(&r, 2, "back", "");
    close_intent(&r, 3, "back", "");
    assert_line(&r, OLD, 61, "started again on connect1 at 23:00 UTC");
    assert_line(&r, DATABASE, 61, "used by the old server again, as the new one left it: nothing was restored");
    record_end(&r);
}

static void changes_in_force_are_counted_and_say_who_takes_them_back(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    intent(&r, 6, "access.open", "marker.write", "/data/.connect-migrate", ",'original':{'absent':true},'class':'settle'");
    intent(&r, 7, "access.open", "temporary.setting", "A", ",'original':{'absent':true},'class':'settle'");
    intent(&r, 8, "access.open", "temporary.setting", "B", ",'original':{'absent':true},'class':'settle'");
    assert_line(&r, IN_FORCE, 30, "3 temporary settings, 1 test file; until the end or a rollback");
    intent(&r, 9, "access.open", "pager.silence", "x", ",'original':{'by':'hand'},'class':'settle'");
    step_done(&r, "temporary.revert");
    assert_line(&r, IN_FORCE, 30, "3 temporary settings, 1 test file, 1 more; until a rollback");
    record_end(&r);
}

static void what_is_kept_is_not_called_temporary(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    intent(&r, 6, "temporary.revert", "helm.upgrade", "connect (2)", ",'original':{'revision':3},'class':'keep'");
    close_intent(&r, 6, "happened", "{'revision':4}");
    close_intent(&r, 4, "back", "");
    assert_line(&r, IN_FORCE, 30, "nothing temporary; 5 changes kept for a way back");
    for (int id = 1; id <= 6; id++)
        if (id != 4)
            close_intent(&r, id, "final", "");
    assert_line(&r, IN_FORCE, 30, "nothing to take back; 5 changes declared final");
    record_end(&r);
}

static void a_backup_is_told_by_its_name_where_the_row_has_room(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    intent(&r, 6, "backup.take", "backup.take", "command", "");
    close_intent(&r, 6, "happened", "{'said':'restore-point-1\\nand more'}");
    assert_line(&r, DATABASE, 44, "open to the new server; backup restore-point-1 of 22:11 UTC");
    assert_line(&r, DATABASE, 600, "open to the new server since 2026-12-05 22:09 UTC; backup of 2026-12-05 22:11 UTC");
    record_end(&r);
}

static void a_release_that_somebody_else_changed_is_not_told_as_ours(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    assert_false(cm_foreign_release(r.m));
    const struct cm_m_intent *ours = NULL;
    for (size_t i = 0; i < r.m->intent_count; i++)
        if (strcmp(r.m->intents[i].effect, "helm.upgrade") == 0)
            ours = &r.m->intents[i];
    assert_non_null(ours);
    char fact[200];
    snprintf(fact, sizeof fact, "{'type':'fact','step':'access.open','name':'release.foreign','value':{'after':%d,'revision':4}}",
             (int)ours->id);
    say(&r, fact);
    assert_true(cm_foreign_release(r.m));
    assert_line(&r, NEW, 44, "revision 4, by somebody else, over our revision 3");
    intent(&r, 7, "access.open", "helm.upgrade", "connect (2)", ",'original':{'revision':4},'detail':{'purpose':'deploy'}");
    close_intent(&r, 7, "happened", "{'revision':5}");
    assert_false(cm_foreign_release(r.m));
    record_end(&r);
}

/* ---- the clocks ---- */

static struct cm_situation clocks_at(const struct record *r, int64_t minutes)
{
    struct cm_situation s;
    cm_situation(r->m, TEN_PM + MINUTES(minutes), &s);
    cm_situation_fini(&s);
    return s;
}

static void clocks_do_not_run_before_their_effects(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    struct cm_situation s = clocks_at(&r, 10);
    assert_int_equal(s.service_down_ms, 0);
    assert_int_equal(s.users_out_ms, 0);
    assert_false(s.service_is_down);
    assert_false(s.users_are_out);
    record_end(&r);
}

static void service_is_down_from_the_first_stop_to_the_verification(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    struct cm_situation s = clocks_at(&r, 44);
    assert_int_equal(s.service_down_ms, MINUTES(7));
    assert_false(s.service_is_down);
    assert_int_equal(s.service_from_ms, TEN_PM + MINUTES(4));
    assert_int_equal(s.service_to_ms, TEN_PM + MINUTES(11));
    assert_int_equal(s.users_out_ms, MINUTES(41));
    assert_true(s.users_are_out);
    record_end(&r);
}

static void an_open_clock_runs_until_now(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "service.stop", "service.stop", "connect1", "");
    assert_int_equal(clocks_at(&r, 5).service_down_ms, MINUTES(5));
    assert_true(clocks_at(&r, 5).service_is_down);
    record_end(&r);
}

static void users_are_in_again_when_access_open_is_done(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    r.at = TEN_PM + MINUTES(33);
    step_done(&r, "access.open");
    struct cm_situation s = clocks_at(&r, 500);
    assert_int_equal(s.users_out_ms, MINUTES(30));
    assert_false(s.users_are_out);
    assert_line(&r, USERS, 35, "in again since 22:33 UTC, were out for 30 min");
    record_end(&r);
}

static void a_verification_done_again_does_not_lengthen_the_downtime(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    r.at = TEN_PM + MINUTES(50);
    step_begin(&r, "connect.verify");
    assert_int_equal(clocks_at(&r, 51).service_down_ms, MINUTES(7));
    step_end(&r, "connect.verify", "done");
    assert_int_equal(clocks_at(&r, 51).service_down_ms, MINUTES(7));
    record_end(&r);
}

static void a_way_back_goes_on_with_an_open_downtime(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "service.stop", "service.stop", "connect1", "");
    r.at = TEN_PM + MINUTES(10);
    begin_back(&r);
    r.at = TEN_PM + MINUTES(20);
    step_done(&r, "source.verify");
    assert_int_equal(clocks_at(&r, 60).service_down_ms, MINUTES(20));
    record_end(&r);
}

static void a_way_back_after_the_verification_is_a_second_downtime(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    begin_back(&r);
    r.at = TEN_PM + MINUTES(60);
    intent(&r, 6, "release.scale", "helm.upgrade", "connect", ",'detail':{'purpose':'scale'}");
    r.at = TEN_PM + MINUTES(63);
    step_done(&r, "source.verify");
    struct cm_situation s = clocks_at(&r, 90);
    assert_int_equal(s.service_down_ms, MINUTES(10));
    assert_int_equal(s.service_from_ms, TEN_PM + MINUTES(4));
    assert_int_equal(s.service_to_ms, TEN_PM + MINUTES(63));
    record_end(&r);
}

/* ---- the state word ---- */

static void the_state_before_anything_is_new(void **state)
{
    (void)state;
    struct cm_situation s;
    assert_string_equal(cm_run_state(NULL, false), "new");
    cm_situation(NULL, TEN_PM, &s);
    assert_non_null(s.line[OLD]);
    cm_situation_fini(&s);
}

static void the_state_of_a_run_that_stopped_is_told_by_its_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *word;
    } cases[] = {
        {0, "waiting"}, {1, "failed"}, {3, "waiting"},       {5, "blocked"},
        {6, "failed"},  {9, "failed"}, {130, "interrupted"}, {143, "interrupted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record r = record_new();
        begin_forward(&r);
        end_run(&r, cases[i].status);
        assert_string_equal(cm_run_state(r.m, false), cases[i].word);
        record_end(&r);
    }
}

static void a_run_without_an_end_is_interrupted_unless_it_lives(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    assert_string_equal(cm_run_state(r.m, true), "running");
    assert_string_equal(cm_run_state(r.m, false), "interrupted");
    say(&r, "{'type':'gate.wait','gate':'g','kind':'go','step':'gate.downtime','title':'Go?','shown':'x','digest':'d'}");
    assert_string_equal(cm_run_state(r.m, true), "waiting");
    record_end(&r);
}

static void an_ended_attempt_names_its_direction(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    end_run(&r, 7);
    assert_string_equal(cm_run_state(r.m, false), "done");
    begin_back(&r);
    assert_string_equal(cm_run_state(r.m, true), "rolling-back");
    say(&r, "{'type':'attempt.end','attempt':2,'result':'done'}");
    assert_string_equal(cm_run_state(r.m, false), "rolled-back");
    say(&r, "{'type':'attempt.begin','attempt':3,'direction':'finish','runbook':{'id':'finish','stages':[]}}");
    say(&r, "{'type':'attempt.end','attempt':3,'result':'done'}");
    assert_string_equal(cm_run_state(r.m, false), "final");
    record_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_run_has_changed_nothing),
        cmocka_unit_test(a_deployed_run_says_what_stands_and_since_when),
        cmocka_unit_test(another_day_is_said_with_its_date),
        cmocka_unit_test(an_effect_without_outcome_is_not_known),
        cmocka_unit_test(nodes_in_different_states_are_told_apart),
        cmocka_unit_test(a_stop_by_hand_stands_for_all_nodes),
        cmocka_unit_test(the_way_back_is_told),
        cmocka_unit_test(changes_in_force_are_counted_and_say_who_takes_them_back),
        cmocka_unit_test(what_is_kept_is_not_called_temporary),
        cmocka_unit_test(a_backup_is_told_by_its_name_where_the_row_has_room),
        cmocka_unit_test(a_release_that_somebody_else_changed_is_not_told_as_ours),
        cmocka_unit_test(clocks_do_not_run_before_their_effects),
        cmocka_unit_test(service_is_down_from_the_first_stop_to_the_verification),
        cmocka_unit_test(an_open_clock_runs_until_now),
        cmocka_unit_test(users_are_in_again_when_access_open_is_done),
        cmocka_unit_test(a_verification_done_again_does_not_lengthen_the_downtime),
        cmocka_unit_test(a_way_back_goes_on_with_an_open_downtime),
        cmocka_unit_test(a_way_back_after_the_verification_is_a_second_downtime),
        cmocka_unit_test(the_state_before_anything_is_new),
        cmocka_unit_test(the_state_of_a_run_that_stopped_is_told_by_its_status),
        cmocka_unit_test(a_run_without_an_end_is_interrupted_unless_it_lives),
        cmocka_unit_test(an_ended_attempt_names_its_direction),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
