/* The runbook file: its shape, ids, limits, and where it is found. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "plan/runbook.h"

#define GOOD                                                                                                                       \
    "runbook: 1\nid: r\nback: b\nstages:\n  - id: one\n    title: First\n    steps:\n"                                             \
    "      - {uses: gate.confirm, id: gate.go, with: {kind: go}}\n"                                                                \
    "      - {uses: helm.deploy, timeout: 10m, retries: 1, by: hand}\n"

static struct cm_runbook *parse(const char *text, struct cm_err **err)
{
    return cm_runbook_parse(text, strlen(text), "r.yaml", err);
}

static void refuses(const char *text, const char *with)
{
    cm_autoerr err = NULL;
    assert_null(parse(text, &err));
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    if (!strstr(cm_err_message(err), with))
        print_error("expected: %s\ngot: %s\n", with, cm_err_message(err));
    assert_non_null(strstr(cm_err_message(err), with));
}

static void reads_stages_and_steps_in_order(void **state)
{
    (void)state;
    struct cm_runbook *b = parse(GOOD, NULL);
    assert_non_null(b);
    assert_string_equal(b->id, "r");
    assert_string_equal(b->back, "b");
    assert_int_equal(b->count, 1);
    assert_string_equal(b->stages[0].title, "First");
    assert_int_equal(b->stages[0].count, 2);
    assert_string_equal(b->stages[0].steps[0].id, "gate.go");
    assert_string_equal(json_string_value(json_object_get(b->stages[0].steps[0].with, "kind")), "go");
    assert_int_equal(b->stages[0].steps[0].timeout_ms, -1);
    assert_int_equal(b->stages[0].steps[0].retries, -1);
    assert_string_equal(b->stages[0].steps[1].id, "helm.deploy");
    assert_int_equal(b->stages[0].steps[1].timeout_ms, 600000);
    assert_int_equal(b->stages[0].steps[1].retries, 1);
    assert_string_equal(b->stages[0].steps[1].by, "hand");
    assert_string_equal(b->stages[0].steps[1].place, "r.yaml:9:9");
    cm_runbook_free(b);
}

static void refuses_two_steps_with_one_id(void **state)
{
    (void)state;
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x.y}]}\n  - {id: b, steps: [{uses: x.y}]}\n",
            "r.yaml:5:21: the step id \"x.y\" is taken already at r.yaml:4:21");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x.y}]}\n  - {id: a, steps: [{uses: x.z}]}\n",
            "two stages with the id \"a\"");
}

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x.y, timout: 1s}]}\n",
            "r.yaml:4:33: unknown key \"timout\" in a step; did you mean \"timeout\"?");
    refuses("runbook: 1\nid: r\nstagse: []\n", "did you mean \"stages\"?");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, titel: x, steps: [{uses: x.y}]}\n", "did you mean \"title\"?");
}

static void refuses_wrong_limits(void **state)
{
    (void)state;
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x, timeout: soon}]}\n", "timeout: expected a duration");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x, retries: -1}]}\n", "retries: expected a whole number");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x, by: magic}]}\n", "by: expected tool or hand");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: [{uses: x, with: [a]}]}\n", "with: expected a mapping");
}

static void refuses_another_format_and_a_plan(void **state)
{
    (void)state;
    refuses("runbook: 2\nid: r\nnew: x\n", "format 2 of runbooks is not known");
    refuses("runbook: vm-to-kubernetes\nsource: {}\n", "this is no runbook");
    refuses("id: r\nstages: []\n", "runbook is missing");
    refuses("runbook: 1\nid: r\nstages: []\n", "at least one stage");
    refuses("runbook: 1\nid: r\nstages:\n  - {id: a, steps: []}\n", "at least one step");
    refuses("runbook: 1\nid: R R\nstages:\n  - {id: a, steps: [{uses: x}]}\n", "is not an id");
}

static void finds_a_runbook_by_id_or_by_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_runbook.XXXXXX";
    assert_non_null(mkdtemp(folder));
    cm_autofree char *by_id = cm_path_join(folder, "r.yaml");
    assert_int_equal(cm_file_write(by_id, GOOD, strlen(GOOD), 0600, NULL), 0);
    struct cm_runbook *one = cm_runbook_load("r", "/nonexistent", folder, NULL);
    struct cm_runbook *two = cm_runbook_load("./r.yaml", folder, "/nonexistent", NULL);
    cm_autoerr wrong = NULL;
    cm_autoerr missing = NULL;
    struct cm_runbook *three = cm_runbook_load("rr", "/nonexistent", folder, &wrong);
    struct cm_runbook *four = cm_runbook_load("r.yaml", "/nonexistent", folder, &missing);
    unlink(by_id);
    rmdir(folder);
    assert_non_null(one);
    assert_string_equal(one->file, "r.yaml");
    assert_non_null(two);
    assert_null(three);
    assert_int_equal(cm_err_code(wrong), CM_E_USAGE);
    assert_non_null(strstr(cm_err_message(wrong), "there is no runbook \"rr\""));
    assert_null(four);
    assert_non_null(strstr(cm_err_message(missing), "runbook r.yaml"));
    cm_runbook_free(one);
    cm_runbook_free(two);
}

static void reads_the_runbooks_that_are_shipped(void **state)
{
    (void)state;
    static const char *const names[] = {"vm-to-kubernetes", "kubernetes-to-vm", "finish", "launcher-to-kubernetes-runner"};
    const char *source = getenv("CM_SRC");
    cm_autofree char *plans = cm_path_join(source ? source : ".", "plans");
    if (!cm_file_exists(plans)) {
        print_message("skipped: %s is not there; CM_SRC names the source folder\n", plans);
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cm_autoerr err = NULL;
        struct cm_runbook *b = cm_runbook_load(names[i], "/nonexistent", plans, &err);
        if (!b)
            fail_msg("%s", cm_err_message(err));
        else
            assert_string_equal(b->id, names[i]);
        cm_runbook_free(b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_stages_and_steps_in_order),     cmocka_unit_test(refuses_two_steps_with_one_id),
        cmocka_unit_test(an_unknown_key_names_the_nearest),    cmocka_unit_test(refuses_wrong_limits),
        cmocka_unit_test(refuses_another_format_and_a_plan),   cmocka_unit_test(finds_a_runbook_by_id_or_by_path),
        cmocka_unit_test(reads_the_runbooks_that_are_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
