/* test_live.c: the block at the bottom of the terminal and the last screen, as text, from a record. */
#include <config.h>

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/columns.h"
#include "cli/ending.h"
#include "cli/live.h"
#include "cli/rows.h"
#include "cli/stopping.h"
#include "record_fixture.h"

static char *block(const struct record *r, size_t columns, size_t rows, bool utf8, int64_t minutes)
{
    const struct cm_live_look look = {.columns = columns, .rows = rows, .utf8 = utf8, .plan_file = "/etc/prod.yaml"};
    struct cm_str out = CM_STR(CM_STR_PAGE);
    cm_live_text(&look, r->m, TEN_PM + MINUTES(minutes), &out);
    return cm_str_take(&out);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static size_t lines_of(const char *text, size_t most_columns)
{
    size_t lines = *text != '\0';
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        if (cm_columns(at, strcspn(at, "\n")) > most_columns)
            fail_msg("a line is wider than %zu: %s", most_columns, at);
    return lines;
}

static struct record building(const char *title)
{
    struct record r = record_new();
    until_verified(&r);
    step_begin(&r, "content.build");
    say(&r, "{'type':'fact','step':'content.build','name':'content.to-build','value':{'items':20,'parallel':3}}");
    for (int i = 10; i < 15; i++) {
        char key[20];
        snprintf(key, sizeof key, "g%d", i);
        intent(&r, i, "content.build", "content.build", key, "");
        r.at += MINUTES(1);
        close_intent(&r, i, "happened", "{'state':'built'}");
    }
    char detail[200];
    snprintf(detail, sizeof detail, ",'detail':{'title':'%s'}", title);
    intent(&r, 15, "content.build", "content.build", "g15", detail);
    return r;
}

/* ---- the block ---- */

static void says_stages_step_downtime_and_what_is_in_force(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    cm_autofree char *text = block(&r, 80, 24, true, 12);
    assert_has(text, "\u2500\u2500 prod.yaml ");
    assert_has(text, " 22:12:00 UTC ");
    assert_has(text, "\u2713 prerequisites  \u2713 deploy");
    assert_has(text, "\u00b7 optimize");
    assert_has(text, " downtime   service 7 min (up again), users 9 min");
    assert_has(text, " in force   1 temporary setting; until the end or a rollback");
    record_end(&r);
}

static void builds_have_a_bar_a_range_and_the_slowest(void **state)
{
    (void)state;
    struct record r = building("Quarterly");
    cm_autofree char *text = block(&r, 80, 24, false, 16);
    assert_has(text, " now        content.build, 5 min");
    assert_has(text, " builds     5 of 20 ended, 1 running, 60 an hour");
    assert_has(text, "[##########..............................]  25 %");
    assert_has(text, "(5 builds took 1 min on average, 3 at a time)");
    assert_has(text, " slowest    0 s so far: Quarterly");
    record_end(&r);
}

static void no_line_is_ever_wider_than_the_terminal(void **state)
{
    (void)state;
    struct record r =
        building("日本語ダッシュボード日本語ダッシュボード日本語ダッシュボード日本語ダッシュボード日本語ダッシュボード");
    for (size_t columns = 9; columns <= 200; columns++) {
        cm_autofree char *wide = block(&r, columns, 24, true, 17), *ascii = block(&r, columns, 24, false, 17);
        assert_true(lines_of(wide, columns - 1) <= 20);
        assert_true(lines_of(ascii, columns - 1) <= 20);
    }
    record_end(&r);
}

static void a_narrow_terminal_keeps_the_values_and_drops_labels_and_bar(void **state)
{
    (void)state;
    struct record r = building("x");
    cm_autofree char *text = block(&r, 34, 24, false, 16);
    assert_has(text, "\n content.build, 5 min\n");
    assert_has(text, "\n 5 of 20 ended, 1 running, 60 ...\n");
    assert_null(strstr(text, "###"));
    record_end(&r);
}

static void a_low_terminal_keeps_what_runs_now(void **state)
{
    (void)state;
    struct record r = building("x");
    for (size_t rows = 1; rows <= 24; rows++) {
        cm_autofree char *text = block(&r, 80, rows, false, 16);
        assert_true(lines_of(text, 79) <= (rows > 6 ? rows - 4 : 2));
        assert_has(text, "content.build, 5 min");
    }
    record_end(&r);
}

static void titles_cannot_move_the_cursor(void **state)
{
    (void)state;
    struct record r = building("\\u001b[2Jgone");
    cm_autofree char *text = block(&r, 80, 24, false, 16);
    assert_null(strchr(text, '\033'));
    assert_has(text, "so far: ?[2Jgone");
    record_end(&r);
}

static void checks_side_by_side_are_named_by_their_stage(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    say(&r, "{'type':'stage.begin','stage':'prerequisites'}");
    cm_autofree char *text = block(&r, 80, 24, false, 1);
    assert_has(text, " now        prerequisites: checks side by side, 1 min");
    assert_has(text, " > prerequisites 1 min");
    record_end(&r);
}

static void a_gate_that_waits_is_named(void **state)
{
    (void)state;
    struct record r = record_new();
    begin_forward(&r);
    step_begin(&r, "gate.downtime");
    say(&r, "{'type':'gate.wait','gate':'gate.downtime','kind':'go','step':'gate.downtime','title':'begin the "
            "downtime','shown':'x','digest':'d'}");
    cm_autofree char *text = block(&r, 80, 24, false, 1);
    assert_has(text, " waiting    gate.downtime: begin the downtime");
    record_end(&r);
}

static struct record with_window(void)
{
    struct record r = record_new();
    say(&r,
        "{'type':'run.begin','format':1,'program':'0.1.0','run':'r-1','boot':'b','plan_file':'prod.yaml','plan_digest':'aa','plan':"
        "{'window':{'start':'2026-12-05 22:30','end':'2026-12-06 03:00','zone':'Europe/Berlin'}}}");
    say(&r, "{'type':'attempt.begin','attempt':1,'direction':'forward','runbook':" FORWARD_BOOK "}");
    step_begin(&r, "access.close");
    return r;
}

static void assert_window(const struct record *r, int64_t minutes, const char *want, bool want_late)
{
    bool late;
    cm_autofree char *text = cm_live_window(r->m, TEN_PM + MINUTES(minutes), &late);
    assert_string_equal(text, want);
    assert_int_equal(late, want_late);
}

static void the_window_is_told_before_within_near_and_past_its_end(void **state)
{
    (void)state;
    struct record r = with_window();
    /* 22:00 UTC is 23:00 in Berlin */
    assert_window(&r, -60, "begins in 30 min, at 22:30 CET", false);
    assert_window(&r, 0, "4 h 00 min left, ends at 03:00 CET", false);
    assert_window(&r, 220, "20 min left, ends at 03:00 CET", true);
    assert_window(&r, 250, "ended 10 min ago, at 03:00 CET", true);
    record_end(&r);
}

static void the_heartbeat_is_one_sentence(void **state)
{
    (void)state;
    struct record r = building("x");
    cm_autofree char *text = cm_live_sentence(r.m, TEN_PM + MINUTES(16));
    assert_has(text, "content.build has been running for 5 min; 5 of 20 builds have ended; time left: ");
    assert_has(text, "; users have been out for 13 min");
    assert_null(strchr(text, '\n'));
    record_end(&r);
}

/* ---- Ctrl-C ---- */

static void ctrl_c_says_what_happens_to_what_is_at_work(void **state)
{
    (void)state;
    struct record r = building("x");
    cm_autofree char *builds = cm_stopping_text(r.m, 2, 1, "connect-migrate-run prod.yaml");
    assert_has(builds, "Ctrl-C: no new build is begun; the 1 under way go on in Connect");
    assert_has(builds, "Nothing is lost: all is on record. To go on, type:\n  connect-migrate-run prod.yaml");
    record_end(&r);

    struct record h = record_new();
    begin_forward(&h);
    step_begin(&h, "helm.deploy");
    intent(&h, 1, "helm.deploy", "helm.upgrade", "connect", "");
    say(&h, "{'type':'note','intent':1,'note':{'child':{'pid':7}}}");
    cm_autofree char *first = cm_stopping_text(h.m, 2, 1, "c"), *second = cm_stopping_text(h.m, 2, 2, "c"),
                     *third = cm_stopping_text(h.m, 15, 3, "c");
    assert_has(
        first,
        "Ctrl-C: helm is left to end by itself, then the run stops (step helm.deploy). Again: helm is asked to end (SIGTERM).");
    assert_has(second, "Ctrl-C: helm is asked to end now (SIGTERM). Again: helm is ended at once (SIGKILL).");
    assert_has(third, "SIGTERM: helm is ended at once (SIGKILL). Nothing is lost");
    record_end(&h);
}

/* ---- the last screen ---- */

static char *ending(const struct record *r, int status, const struct cm_err *err, const char *plan)
{
    const struct cm_ending e = {.status = status,
                                .err = err,
                                .model = r->m,
                                .plan_file = plan,
                                .now_ms = TEN_PM + MINUTES(44),
                                .look = {.utf8 = true, .width = 79}};
    return cm_ending_text(&e);
}

/* The rows of the last screen as an 80 column terminal shows them: behind the whole evidence, where that was printed first. */
static size_t last_rows(const char *text)
{
    const char *from = strstr(text, "\nstopped");
    CM_ROWS rows = {0};
    for (const char *at = from != NULL ? from + 1 : text + 1; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        cm_rows_addf(&rows, "%.*s", (int)n, at);
        at += n + 1;
    }
    return cm_rows_shown(&rows, 80);
}

static void a_stop_answers_four_questions(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    step_begin(&r, "content.build");
    step_end(&r, "content.build", "failed");
    end_run(&r, 1);
    cm_autoerr err = NULL;
    cm_fail(&err, CM_E_FAILED, "it broke");
    cm_evidence(&err, "the words of the API");
    cm_hint(&err, "Mend it.");
    cm_autofree char *text = ending(&r, 1, err, "prod.yaml");
    assert_has(text, "\nstopped in step content.build (stage 2 of 5): it broke\n  | the words of the API\nMend it.\n");
    assert_has(text, "\nstate of the world: nothing is lost, all is on record; users are locked out\n");
    assert_has(text, "  users         locked out since 22:03 UTC (41 min)\n");
    assert_has(text, "\nwhat to type\n  connect-migrate-run prod.yaml\n");
    assert_has(text, "\n  connect-migrate-run rollback prod.yaml\n");
    record_end(&r);
}

static void the_last_screen_fits_whatever_the_evidence(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    step_begin(&r, "content.build");
    step_end(&r, "content.build", "failed");
    end_run(&r, 1);
    for (int lines = 0; lines < 60; lines += 3) {
        cm_autostr evidence = CM_STR(CM_STR_PAGE);
        for (int i = 0; i < lines; i++)
            cm_str_addf(&evidence,
                        "line %d of what was seen, with many words that fill more than one row of a terminal of 80 columns\n", i);
        cm_autoerr err = NULL;
        cm_fail(&err, CM_E_FAILED, "%s",
                "a cause with very many words that takes more than one row, since the server that answered it is "
                "talkative and says all it knows, and then says it again in other words, until nobody reads");
        cm_evidence(&err, cm_str_text(&evidence));
        cm_hint(&err,
                "A remedy with very many words as well, that tells to look here and there and everywhere, and then to do this "
                "and that, and the other thing, before the same command is typed again by the administrator.");
        cm_autofree char *text = ending(&r, 1, err, "/srv/migrations/of/the/production/server/connect-prod.yaml");
        if (last_rows(text) > CM_ENDING_ROWS)
            fail_msg("%zu rows with %d lines of evidence:\n%s", last_rows(text), lines, text);
        assert_has(text, "what to type");
        if (lines > 20)
            assert_has(text, "evidence, whole:");
    }
    record_end(&r);
}

static void content_that_failed_names_the_redo_that_tries_it_again(void **state)
{
    (void)state;
    struct record r = record_new();
    until_verified(&r);
    step_begin(&r, "content.build");
    say(&r, "{'type':'fact','step':'content.build','name':'partly','value':{'message':'1 of 4 items could not be built'}}");
    step_end(&r, "content.build", "done");
    close_intent(&r, 4, "back", "");
    step_done(&r, "temporary.revert");
    step_done(&r, "access.open");
    step_done(&r, "report.write");
    say(&r, "{'type':'attempt.end','attempt':1,'result':'done'}");
    end_run(&r, 7);
    cm_autofree char *text = ending(&r, 7, NULL, "prod.yaml");
    assert_has(text, "done, but 1 of 4 items could not be built\n");
    assert_has(text, "connect-migrate-run prod.yaml --redo content.build\n");
    assert_has(text, "users stay in; optional");
    assert_has(text, "  users         in again since ");
    record_end(&r);
}

int main(void)
{
    if (setlocale(LC_ALL, "C.UTF-8") == NULL)
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_stages_step_downtime_and_what_is_in_force),
        cmocka_unit_test(builds_have_a_bar_a_range_and_the_slowest),
        cmocka_unit_test(no_line_is_ever_wider_than_the_terminal),
        cmocka_unit_test(a_narrow_terminal_keeps_the_values_and_drops_labels_and_bar),
        cmocka_unit_test(a_low_terminal_keeps_what_runs_now),
        cmocka_unit_test(titles_cannot_move_the_cursor),
        cmocka_unit_test(checks_side_by_side_are_named_by_their_stage),
        cmocka_unit_test(a_gate_that_waits_is_named),
        cmocka_unit_test(the_window_is_told_before_within_near_and_past_its_end),
        cmocka_unit_test(the_heartbeat_is_one_sentence),
        cmocka_unit_test(ctrl_c_says_what_happens_to_what_is_at_work),
        cmocka_unit_test(a_stop_answers_four_questions),
        cmocka_unit_test(the_last_screen_fits_whatever_the_evidence),
        cmocka_unit_test(content_that_failed_names_the_redo_that_tries_it_again),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
