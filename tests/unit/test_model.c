/* test_model.c: what each event does to the model. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record_fixture.h"

static void assert_refused(struct record *r, const char *event, const char *says)
{
    cm_autoerr err = NULL;
    assert_int_equal(try_event(r, &err, event), -1);
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_non_null(strstr(cm_err_message(err), says));
}

static void a_begun_run_has_its_plan_and_no_attempt(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_run(&r);
    assert_string_equal(r.m->run_id, "r-1");
    assert_string_equal(r.m->plan_file, "prod.yaml");
    assert_null(r.m->now);
    assert_true(r.m->running);
    assert_int_equal(r.m->last_status, -1);
    assert_int_equal(r.m->began_ms, TEN_PM);
    record_end(&r);
}

static void an_attempt_begins_with_all_steps_pending_in_the_runbooks_order(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    assert_int_equal(r.m->now->step_count, 10);
    assert_int_equal(r.m->now->stage_count, 6);
    assert_string_equal(r.m->now->steps[1].id, "gate.downtime");
    assert_string_equal(r.m->now->steps[1].action, "gate.confirm");
    assert_string_equal(r.m->now->steps[1].stage, "deploy");
    for (size_t i = 0; i < r.m->now->step_count; i++)
        assert_int_equal(r.m->now->steps[i].state, CM_S_PENDING);
    record_end(&r);
}

static void a_step_runs_fails_and_is_tried_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_begin(&r, "storage.check");
    const struct cm_m_step *s = cm_model_step(r.m, "storage.check");
    uint64_t first = r.seq;
    assert_int_equal(s->state, CM_S_RUNNING);
    step_end(&r, "storage.check", "failed");
    assert_int_equal(s->state, CM_S_FAILED);
    assert_string_equal(s->message, "it broke");
    r.at += 5000;
    step_done(&r, "storage.check");
    assert_int_equal(s->state, CM_S_DONE);
    assert_null(s->message);
    assert_int_equal(s->tries, 2);
    assert_int_equal(s->took_ms, 3000);
    assert_int_equal(s->first_seq, first);
    assert_int_equal(s->began_ms, TEN_PM);
    assert_int_equal(s->ended_ms, TEN_PM + 5000);
    record_end(&r);
}

static void a_hold_that_no_longer_holds_is_pending_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_done(&r, "service.stop");
    say(&r, "{'type':'step.end','step':'service.stop','state':'pending','message':'it came back','took_ms':0}");
    const struct cm_m_step *s = cm_model_step(r.m, "service.stop");
    assert_int_equal(s->state, CM_S_PENDING);
    assert_string_equal(s->message, "it came back");
    assert_int_equal(s->ended_ms, 0);
    assert_int_equal(s->done_ms, TEN_PM);
    record_end(&r);
}

static void a_skipped_step_keeps_its_reason(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'step.skip','step':'content.build','reason':'later','by':'user'}");
    assert_int_equal(cm_model_step(r.m, "content.build")->state, CM_S_SKIPPED);
    assert_string_equal(cm_model_step(r.m, "content.build")->message, "later");
    record_end(&r);
}

static void a_new_try_clears_findings_and_inputs_of_its_step_only(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_begin(&r, "storage.check");
    say(&r, "{'type':'finding','step':'storage.check','id':'storage.local-disk','verdict':'blocker','seen':'ext4','remedy':'NFS'}");
    say(&r, "{'type':'finding','step':'other','id':'other.thing','verdict':'ok','seen':'x'}");
    say(&r, "{'type':'input','step':'storage.check','label':'gcfg','sha256':'ab'}");
    assert_int_equal(r.m->finding_count, 2);
    assert_int_equal(r.m->findings[0].verdict, CM_BLOCKER);
    assert_string_equal(cm_json_text(cm_model_step(r.m, "storage.check")->inputs, "gcfg", ""), "ab");
    step_end(&r, "storage.check", "failed");

    step_begin(&r, "storage.check");

    assert_int_equal(r.m->finding_count, 1);
    assert_string_equal(r.m->findings[0].id, "other.thing");
    assert_null(cm_model_step(r.m, "storage.check")->inputs);
    record_end(&r);
}

static void the_newest_finding_of_an_id_replaces_the_older(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'finding','step':'a','id':'x.y','verdict':'unknown','seen':'one'}");
    say(&r, "{'type':'finding','step':'a','id':'x.y','verdict':'warning','seen':'two','remedy':'do'}");
    assert_int_equal(r.m->finding_count, 1);
    assert_int_equal(r.m->findings[0].verdict, CM_WARNING);
    assert_string_equal(r.m->findings[0].seen, "two");
    record_end(&r);
}

static void an_intent_lives_from_new_to_back(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "service.stop", "service.mask", "connect1",
           ",'detail':{'a':1},'original':{'unit_file':'enabled'},'class':'keep'");
    const struct cm_m_intent *i = cm_model_intent(r.m, 1);
    assert_int_equal(i->life, CM_NEW);
    assert_int_equal(i->attempt, 1);
    assert_false(i->settle);
    say(&r, "{'type':'note','intent':1,'note':{'pid':7,'task':'a'}}");
    say(&r, "{'type':'note','intent':1,'note':{'task':'b'}}");
    assert_int_equal(i->life, CM_NOTED);
    assert_int_equal(cm_json_int(i->note, "pid", 0), 7);
    assert_string_equal(cm_json_text(i->note, "task", ""), "b");
    r.at += 10;
    close_intent(&r, 1, "happened", "{'ok':true}");
    assert_int_equal(i->life, CM_HAPPENED);
    assert_int_equal(i->closed_ms, TEN_PM + 10);
    assert_true(cm_model_open_change(i));
    r.at += 10;
    close_intent(&r, 1, "back", "");
    assert_int_equal(i->life, CM_BACK);
    assert_int_equal(i->closed_ms, TEN_PM + 10);
    assert_int_equal(i->settled_ms, TEN_PM + 20);
    assert_true(cm_json_bool(i->result, "ok", false));
    assert_false(cm_model_open_change(i));
    record_end(&r);
}

static void the_ledger_counts_what_is_not_taken_back(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "helm.deploy", "temporary.setting", "A", ",'original':null,'class':'settle'");
    intent(&r, 2, "helm.deploy", "helm.upgrade", "c", ",'original':{'revision':0},'class':'keep'");
    intent(&r, 3, "helm.deploy", "content.build", "g", "");
    intent(&r, 4, "helm.deploy", "temporary.setting", "B", ",'original':{'value':'1'},'class':'settle'");
    intent(&r, 5, "helm.deploy", "x", "y", ",'original':null");
    assert_int_equal(cm_model_open_changes(r.m, false), 3);
    assert_int_equal(cm_model_open_changes(r.m, true), 2);
    close_intent(&r, 1, "back", "");
    close_intent(&r, 4, "not-happened", "");
    close_intent(&r, 2, "final", "");
    assert_int_equal(cm_model_open_changes(r.m, false), 0);
    record_end(&r);
}

static void a_change_given_up_and_made_again_is_one_entry(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "helm.deploy", "helm.upgrade", "c", ",'original':{'revision':2},'class':'keep'");
    close_intent(&r, 1, "given-up", "");
    assert_int_equal(cm_model_open_changes(r.m, false), 1);
    intent(&r, 2, "helm.deploy", "helm.upgrade", "c", ",'original':{'revision':2},'class':'keep'");
    assert_int_equal(cm_model_open_changes(r.m, false), 1);
    close_intent(&r, 2, "back", "");
    assert_int_equal(cm_model_open_changes(r.m, false), 0);
    record_end(&r);
}

static void the_first_effect_behind_the_gate_freezes(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    intent(&r, 1, "storage.check", "job.create", "j", "");
    assert_int_equal(r.m->now->first_intent, 1);
    assert_int_equal(r.m->now->freeze, 0);
    intent(&r, 2, "access.close", "access.close", "command", "");
    intent(&r, 3, "service.stop", "service.stop", "connect1", "");
    assert_int_equal(r.m->now->first_intent, 1);
    assert_int_equal(r.m->now->freeze, 2);
    record_end(&r);
}

static void without_the_gate_the_first_effect_freezes(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_run(&r);
    say(&r, "{'type':'attempt.begin','attempt':1,'direction':'back','runbook':" BACK_BOOK "}");
    intent(&r, 1, "release.scale", "helm.upgrade", "c", "");
    assert_int_equal(r.m->now->freeze, 1);
    record_end(&r);
}

static void intents_are_found_by_id_among_many(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    for (int i = 1; i <= 100; i++)
        intent(&r, i * 3, "content.build", "content.build", "g", "");
    for (int i = 1; i <= 100; i++)
        assert_int_equal(cm_model_intent(r.m, (uint64_t)i * 3)->id, i * 3);
    assert_null(cm_model_intent(r.m, 4));
    assert_null(cm_model_intent(r.m, 0));
    assert_null(cm_model_intent(r.m, 301));
    record_end(&r);
}

static void a_new_attempt_starts_fresh_but_keeps_facts_and_the_ledger(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'fact','step':'storage.check','name':'storage.mount','value':{'a':1}}");
    say(&r,
        "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'Go?','shown':'x','digest':'d1'}");
    say(&r, "{'type':'gate.open','gate':'gate.downtime','digest':'d1','who':'ann@laptop','how':'yes'}");
    size_t open = cm_model_open_changes(r.m, false);

    say(&r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");

    assert_int_equal(r.m->now->number, 2);
    assert_int_equal(r.m->now->direction, CM_BACKWARD);
    assert_int_equal(cm_model_step(r.m, "release.scale")->state, CM_S_PENDING);
    assert_null(cm_model_step(r.m, "connect.verify"));
    assert_null(cm_model_gate(r.m, "gate.downtime"));
    assert_int_equal(r.m->gate_count, 1);
    assert_non_null(json_object_get(r.m->facts, "storage.mount"));
    assert_int_equal(cm_model_open_changes(r.m, false), open);
    assert_int_equal(cm_model_forward(r.m)->number, 1);
    record_end(&r);
}

static void a_gate_asked_anew_voids_its_answer(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r,
        "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'Go?','shown':'x','digest':'d1'}");
    assert_string_equal(cm_model_waiting_gate(r.m)->id, "gate.downtime");
    say(&r, "{'type':'gate.open','gate':'gate.downtime','digest':'d1','who':'ann@laptop','note':'n','how':'approve'}");
    const struct cm_m_gate *g = cm_model_gate(r.m, "gate.downtime");
    assert_true(g->open);
    assert_string_equal(g->who, "ann@laptop");
    assert_null(cm_model_waiting_gate(r.m));
    say(&r,
        "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'Go?','shown':'y','digest':'d2'}");
    assert_false(g->open);
    assert_null(g->who);
    assert_string_equal(g->digest, "d2");
    assert_int_equal(r.m->gate_count, 1);
    record_end(&r);
}

static void a_changed_runbook_keeps_the_states_of_steps_that_stayed(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_done(&r, "storage.check");
    step_done(&r, "content.build");
    step_done(&r, "access.open");
    say(&r,
        "{'type':'plan.accepted','plan':{'b':2},'plan_digest':'bb','diff':'x','runbook':{'id':'mine','stages':[{'id':'s','title':'S',"
        "'steps':[" STEP("new", "http.check", "check") "," STEP("storage.check", "storage.check", "check") "," STEP(
            "content.build", "command.run", "effect") "]}]}}");
    assert_int_equal(r.m->now->step_count, 3);
    assert_int_equal(cm_model_step(r.m, "new")->state, CM_S_PENDING);
    assert_int_equal(cm_model_step(r.m, "storage.check")->state, CM_S_DONE);
    assert_int_equal(cm_model_step(r.m, "storage.check")->tries, 1);
    assert_string_equal(cm_model_step(r.m, "storage.check")->stage, "s");
    assert_int_equal(cm_model_step(r.m, "content.build")->state, CM_S_PENDING);
    assert_null(cm_model_step(r.m, "access.open"));
    assert_string_equal(r.m->plan_digest, "bb");
    assert_int_equal(cm_json_int(r.m->plan, "b", 0), 2);
    record_end(&r);
}

static void the_target_is_fixed_at_first_sight(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'fact','step':'run','name':'target','value':{'release':'a'}}");
    say(&r, "{'type':'fact','step':'run','name':'target','value':{'release':'b','database':'db:5432/connect'}}");
    assert_string_equal(cm_json_text(r.m->target, "release", ""), "a");
    assert_string_equal(cm_json_text(r.m->target, "database", ""), "db:5432/connect");
    assert_ptr_equal(json_object_get(r.m->facts, "target"), r.m->target);
    record_end(&r);
}

static void partly_counts_until_its_step_is_tried_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_begin(&r, "content.build");
    say(&r, "{'type':'fact','step':'content.build','name':'partly','value':{'step':'content.build','message':'2 failed'}}");
    step_end(&r, "content.build", "done");
    assert_int_equal(r.m->partly, 1);
    assert_string_equal(r.m->partly_last, "2 failed");
    assert_null(json_object_get(r.m->facts, "partly"));
    step_begin(&r, "content.build");
    assert_int_equal(r.m->partly, 0);
    record_end(&r);
}

static void a_run_ends_and_is_taken_up_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    end_run(&r, 3);
    assert_false(r.m->running);
    assert_int_equal(r.m->last_status, 3);
    assert_string_equal(r.m->last_message, "as told");
    say(&r, "{'type':'run.resume','program':'0.2.0','boot':'b2','pid':1,'who':'ann@laptop'}");
    assert_true(r.m->running);
    assert_int_equal(r.m->resumes, 1);
    assert_int_equal(r.m->last_status, -1);
    assert_string_equal(r.m->boot, "b2");
    record_end(&r);
}

static void redoing_a_step_opens_an_ended_attempt_again(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_done(&r, "storage.check");
    say(&r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    assert_true(r.m->now->ended);
    say(&r, "{'type':'step.end','step':'storage.check','state':'pending','took_ms':0}");
    assert_false(r.m->now->ended);
    assert_null(r.m->now->result);
    record_end(&r);
}

static void a_way_back_that_only_asks_can_be_withdrawn(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    say(&r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    assert_refused(&r, "{'type':'attempt.end','attempt':1,'result':'withdrawn'}", "cannot be withdrawn");
    for (int times = 0; times < 2; times++) {
        say(&r, "{'type':'attempt.begin','attempt':2,'direction':'back','runbook':" BACK_BOOK "}");
        say(&r, "{'type':'gate.wait','gate':'gate.rollback','kind':'go','step':'release.scale','title':'Go?','shown':'x','digest':'d1'}");
        assert_true(cm_model_only_asked(r.m));
        if (times == 1)
            break;
        say(&r, "{'type':'attempt.end','attempt':2,'result':'withdrawn'}");
        assert_int_equal(r.m->now->number, 1);
        assert_true(r.m->now->ended);
        assert_null(cm_model_waiting_gate(r.m));
        assert_non_null(cm_model_step(r.m, "connect.verify"));
    }
    say(&r, "{'type':'gate.open','gate':'gate.rollback','digest':'d1','who':'ann@laptop','how':'approve'}");
    assert_false(cm_model_only_asked(r.m));
    assert_refused(&r, "{'type':'attempt.end','attempt':2,'result':'withdrawn'}", "cannot be withdrawn");
    record_end(&r);
}

static void answers_waivers_artifacts_and_interruptions_are_kept(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'answer','id':'x.y','who':'ann','note':'first'}");
    say(&r, "{'type':'answer','id':'x.y','who':'ann','note':'second'}");
    say(&r, "{'type':'waiver','id':'w','who':'bob','reason':'known'}");
    say(&r, "{'type':'artifact','step':'s','name':'priority.csv','sha256':'aa','bytes':10}");
    say(&r, "{'type':'artifact','step':'s','name':'priority.csv','sha256':'bb','bytes':11}");
    say(&r, "{'type':'interruption','what':'Connect','why':'revert','from':1000,'to':3000}");
    say(&r, "{'type':'interruption','what':'run','why':'a signal','signal':15}");
    say(&r, "{'type':'lock.lost','lock':'database'}");
    say(&r, "{'type':'lock.regained','lock':'database'}");
    assert_string_equal(cm_model_said(r.m->answers, r.m->answer_count, "x.y")->note, "second");
    assert_string_equal(cm_model_said(r.m->waivers, r.m->waiver_count, "w")->note, "known");
    assert_null(cm_model_said(r.m->waivers, r.m->waiver_count, "v"));
    assert_int_equal(r.m->artifact_count, 1);
    assert_string_equal(r.m->artifacts[0].sha256, "bb");
    assert_int_equal(r.m->interruptions[0].to_ms - r.m->interruptions[0].from_ms, 2000);
    assert_null(r.m->interruptions[0].signal);
    assert_string_equal(r.m->interruptions[1].signal, "15");
    record_end(&r);
}

static void a_stage_is_done_when_none_of_its_steps_is_open(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    assert_int_equal(cm_model_stage_state(r.m->now, "deploy"), CM_S_PENDING);
    step_done(&r, "gate.downtime");
    step_done(&r, "access.close");
    step_done(&r, "service.stop");
    assert_int_equal(cm_model_stage_state(r.m->now, "deploy"), CM_S_RUNNING);
    step_done(&r, "helm.deploy");
    say(&r, "{'type':'step.skip','step':'connect.verify','reason':'x','by':'plan'}");
    assert_int_equal(cm_model_stage_state(r.m->now, "deploy"), CM_S_DONE);
    record_end(&r);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    assert_refused(&r, "{'type':'step.dance','step':'storage.check'}", "step.dance");
    assert_refused(&r, "{'nothing':1}", "unknown event");
    assert_refused(&r, "{'type':'step.begin'}", "'step'");
    assert_refused(&r, "{'type':'step.begin','step':7}", "'step'");
    assert_refused(&r, "{'type':'step.begin','step':'nobody'}", "nobody");
    assert_refused(&r, "{'type':'step.end','step':'storage.check','state':'fine'}", "fine");
    assert_refused(&r, "{'type':'stage.begin','stage':'nowhere'}", "nowhere");
    assert_refused(&r, "{'type':'finding','step':'s','id':'i','verdict':'fatal'}", "fatal");
    assert_refused(&r, "{'type':'close','intent':9,'life':'happened'}", "no intent 9");
    intent(&r, 1, "storage.check", "e", "k", "");
    assert_refused(&r, "{'type':'close','intent':1,'life':'new'}", "life 'new'");
    assert_refused(&r, "{'type':'intent','id':1,'step':'s','effect':'e','key':'k'}", "ids must rise");
    assert_refused(&r, "{'type':'attempt.begin','attempt':2,'direction':'up','runbook':{}}", "direction 'up'");
    assert_refused(&r, "{'type':'run.begin','format':1,'run':'x','plan':{}}", "second run.begin");
    record_end(&r);
}

static void refuses_another_format(void **state)
{
    (void)state;
    struct record r = record_new();
    assert_refused(&r, "{'type':'run.begin','format':2,'program':'7.0','run':'x','plan':{}}", "7.0");
    record_end(&r);
}

static void a_group_may_name_what_it_makes_itself(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    cm_autoerr err = NULL;
    cm_autojson group = json_pack("[{s:s,s:i,s:s,s:s,s:s},{s:s,s:i,s:s},{s:s,s:i,s:s}]", "type", "intent", "id", 1, "step",
                                  "storage.check", "effect", "e", "key", "k", "type", "close", "intent", 1, "life", "happened",
                                  "type", "close", "intent", 2, "life", "happened");
    assert_int_equal(cm_model_admit(r.m, group, 0, NULL), 0);
    assert_int_equal(cm_model_admit(r.m, group, 1, NULL), 0);
    assert_int_equal(cm_model_admit(r.m, group, 2, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_INTERNAL);
    record_end(&r);
}

static void the_key_of_an_effect_done_again_loses_its_count(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"connect1", "connect1"}, {"connect1 (2)", "connect1"}, {"a (12)", "a"}, {"a (x)", "a (x)"}, {"a(2)", "a(2)"},
        {"(2)", "(2)"},           {"a (2) b", "a (2) b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cm_autofree char *plain = cm_key_plain(cases[i][0]);
        assert_string_equal(plain, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_begun_run_has_its_plan_and_no_attempt),
        cmocka_unit_test(an_attempt_begins_with_all_steps_pending_in_the_runbooks_order),
        cmocka_unit_test(a_way_back_that_only_asks_can_be_withdrawn),
        cmocka_unit_test(a_step_runs_fails_and_is_tried_again),
        cmocka_unit_test(a_hold_that_no_longer_holds_is_pending_again),
        cmocka_unit_test(a_skipped_step_keeps_its_reason),
        cmocka_unit_test(a_new_try_clears_findings_and_inputs_of_its_step_only),
        cmocka_unit_test(the_newest_finding_of_an_id_replaces_the_older),
        cmocka_unit_test(an_intent_lives_from_new_to_back),
        cmocka_unit_test(the_ledger_counts_what_is_not_taken_back),
        cmocka_unit_test(a_change_given_up_and_made_again_is_one_entry),
        cmocka_unit_test(the_first_effect_behind_the_gate_freezes),
        cmocka_unit_test(without_the_gate_the_first_effect_freezes),
        cmocka_unit_test(intents_are_found_by_id_among_many),
        cmocka_unit_test(a_new_attempt_starts_fresh_but_keeps_facts_and_the_ledger),
        cmocka_unit_test(a_gate_asked_anew_voids_its_answer),
        cmocka_unit_test(a_changed_runbook_keeps_the_states_of_steps_that_stayed),
        cmocka_unit_test(the_target_is_fixed_at_first_sight),
        cmocka_unit_test(partly_counts_until_its_step_is_tried_again),
        cmocka_unit_test(a_run_ends_and_is_taken_up_again),
        cmocka_unit_test(redoing_a_step_opens_an_ended_attempt_again),
        cmocka_unit_test(answers_waivers_artifacts_and_interruptions_are_kept),
        cmocka_unit_test(a_stage_is_done_when_none_of_its_steps_is_open),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_another_format),
        cmocka_unit_test(a_group_may_name_what_it_makes_itself),
        cmocka_unit_test(the_key_of_an_effect_done_again_loses_its_count),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
