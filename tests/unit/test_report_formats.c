/* test_report_formats.c: the report in its four formats. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
