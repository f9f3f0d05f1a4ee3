/* The command line: the two tables, the reader, nearest names, help. The commands themselves are stand-ins. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cm/str.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/options.h"

enum { WORDS = 16 };

/* Parse "check a.yaml --json": words parted by one space. The words live in `hold` until the next call. */
static int parse(struct cm_invocation *in, struct cm_err **err, const char *line)
{
    static char hold[512];
    static char *argv[WORDS + 1];
    int argc = 1;
    argv[0] = hold;
    snprintf(hold, sizeof hold, "connect-migrate-run%s%s", *line ? " " : "", line);
    for (char *p = hold; (p = strchr(p, ' ')) != NULL && argc < WORDS;) {
        *p++ = '\0';
        argv[argc++] = p;
    }
    argv[argc] = NULL;
    return cm_parse(argc, argv, in, err);
}

static struct cm_invocation good(const char *line)
{
    struct cm_invocation in;
    cm_autoerr err = NULL;
    if (parse(&in, &err, line) < 0)
        fail_msg("%s: %s", line, cm_err_message(err));
    return in;
}

static void refuses(const char *line, const char *message, const char *hint)
{
    struct cm_invocation in;
    cm_autoerr err = NULL;
    int rc = parse(&in, &err, line);
    cm_invocation_fini(&in);
    assert_int_equal(rc, -1);
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    if (!strstr(cm_err_message(err), message) || (hint && (!cm_err_hint(err) || !strstr(cm_err_hint(err), hint))))
        fail_msg("%s: %s | %s", line, cm_err_message(err), cm_err_hint(err) ? cm_err_hint(err) : "");
}

static void a_word_with_a_dot_or_a_slash_is_a_plan(void **state)
{
    (void)state;
    static const char *const plans[] = {"prod.yaml", "plans/prod", "./prod", "prod.yaml --yes"};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct cm_invocation in = good(plans[i]);
        assert_string_equal(in.command->name, "run");
        assert_int_equal(in.arg_count, 1);
        cm_invocation_fini(&in);
    }
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    static const char *const lines[] = {"--json -v approve --note=seen a.yaml gate.login",
                                        "approve a.yaml gate.login --note seen -v --json",
                                        "-v approve a.yaml --note seen --json gate.login"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct cm_invocation in = good(lines[i]);
        assert_string_equal(in.command->name, "approve");
        assert_string_equal(in.args[0], "a.yaml");
        assert_string_equal(in.args[1], "gate.login");
        assert_string_equal(cm_given_value(&in, CM_O_NOTE), "seen");
        assert_int_equal(cm_given_times(&in, CM_O_JSON), 1);
        assert_int_equal(cm_given_times(&in, CM_O_VERBOSE), 1);
        cm_invocation_fini(&in);
    }
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct cm_invocation in = good("check -- --odd.yaml");
    assert_string_equal(in.args[0], "--odd.yaml");
    cm_invocation_fini(&in);
}

static void letters_may_stand_together_and_carry_a_value(void **state)
{
    (void)state;
    struct cm_invocation in = good("report -vvofile.html a.yaml");
    assert_int_equal(cm_given_times(&in, CM_O_VERBOSE), 2);
    assert_string_equal(cm_given_value(&in, CM_O_OUTPUT), "file.html");
    cm_invocation_fini(&in);
}

static void an_empty_value_is_a_value(void **state)
{
    (void)state;
    struct cm_invocation in = good("approve a.yaml g --note=");
    assert_string_equal(cm_given_value(&in, CM_O_NOTE), "");
    cm_invocation_fini(&in);
}

static void the_last_of_a_repeated_option_counts(void **state)
{
    (void)state;
    struct cm_invocation in = good("a.yaml --until deploy --until revert");
    assert_string_equal(cm_given_value(&in, CM_O_UNTIL), "revert");
    assert_null(cm_given_value(&in, CM_O_RUN_DIR));
    cm_invocation_fini(&in);
}

static void convert_is_the_first_word_of_two_commands(void **state)
{
    (void)state;
    struct cm_invocation in = good("convert config --strict rstudio-connect.gcfg");
    assert_string_equal(in.command->name, "convert config");
    assert_string_equal(in.args[0], "rstudio-connect.gcfg");
    cm_invocation_fini(&in);
    in = good("convert values v.yaml --in-place");
    assert_string_equal(in.command->name, "convert values");
    cm_invocation_fini(&in);
    refuses("convert", "`convert` needs config or values", NULL);
    refuses("convert cofnig x", "knows config and values, not \"cofnig\"", NULL);
    refuses("convert config x.gcfg --in-place", "--in-place does not belong to `convert config`", NULL);
}

static void each_skip_and_waiver_has_its_own_reason(void **state)
{
    (void)state;
    struct cm_invocation in = good("a.yaml --skip x --yes --reason one --waive y --reason two");
    assert_string_equal(cm_given_reason(&in, 0), "one");
    assert_string_equal(cm_given_reason(&in, 3), "two");
    cm_invocation_fini(&in);
    refuses("a.yaml --skip x", "--skip x needs --reason TEXT", NULL);
    refuses("a.yaml --skip x --waive y --reason z", "--skip x needs --reason TEXT", NULL);
    refuses("a.yaml --reason z --skip x", "--skip x needs --reason TEXT", NULL);
    refuses("a.yaml --skip x --reason y --reason z", "--reason belongs behind", NULL);
}

static void an_unknown_option_names_the_nearest(void **state)
{
    (void)state;
    refuses("a.yaml --unitl deploy", "there is no option --unitl", "--until");
    refuses("a.yaml --xyzzyxyzzy", "there is no option --xyzzyxyzzy", "--help");
    refuses("a.yaml -Z", "there is no option -Z", NULL);
    refuses("a.yaml --accept-plan-chagnes", "there is no option", "--accept-plan-changes");
}

static void an_unknown_command_names_the_nearest(void **state)
{
    (void)state;
    refuses("chekc a.yaml", "\"chekc\" is neither a command nor a plan", "`check`");
    refuses("stauts a.yaml", "\"stauts\"", "`status`");
    refuses("run a.yaml", "\"run\"", "`connect-migrate-run PLAN`");
    refuses("", "a plan or a command is needed", "--help");
}

static void refuses_options_of_another_command(void **state)
{
    (void)state;
    refuses("check a.yaml --yes", "--yes does not belong to `check`", "check --help");
    refuses("status a.yaml --again", "--again does not belong to `status`", NULL);
    refuses("a.yaml --watch", "--watch does not belong to `run`", "PLAN --help");
}

static void refuses_missing_and_surplus_words_and_values(void **state)
{
    (void)state;
    refuses("check", "`check` needs PLAN", NULL);
    refuses("approve a.yaml", "`approve` needs PLAN GATE", NULL);
    refuses("check a.yaml b.yaml", "\"b.yaml\" is one too many", NULL);
    refuses("schema x", "takes no argument", NULL);
    refuses("a.yaml --until", "--until needs STAGE", NULL);
    refuses("a.yaml --yes=1", "--yes takes no value", NULL);
    refuses("a.yaml --color=blue", "--color blue: it knows auto, always and never", NULL);
    refuses("report a.yaml -o", "-o needs FILE", NULL);
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    struct cm_invocation in = good("check --help");
    assert_true(in.help);
    assert_string_equal(in.command->name, "check");
    cm_invocation_fini(&in);
    in = good("--version");
    assert_true(in.version);
    cm_invocation_fini(&in);
}

/* ---- the tables ---- */

static char *help_of(const struct cm_command *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    cm_print_help(f, c);
    fclose(f);
    return text;
}

static void options_stand_in_the_table_at_their_own_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        assert_int_equal(cm_options[i].id, i);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(cm_options[i].name, cm_options[j].name);
            assert_true(!cm_options[i].letter || cm_options[i].letter != cm_options[j].letter);
        }
    }
}

static void every_option_belongs_to_a_command_and_stands_in_its_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        bool fits = false;
        cm_autofree char *name = cm_fmt("--%s", cm_options[i].name);
        for (const struct cm_command *c = cm_commands; c->name; c++) {
            cm_autofree char *help = help_of(c);
            bool here = cm_option_fits(&cm_options[i], c);
            fits = fits || here;
            if (here != (strstr(help, name) != NULL))
                fail_msg("%s in the help of %s", name, c->name);
        }
        assert_true(fits);
    }
}

static void help_names_every_command_and_is_at_most_80_columns_wide(void **state)
{
    (void)state;
    cm_autofree char *all = help_of(NULL);
    for (const struct cm_command *c = cm_commands; c->name; c++) {
        cm_autofree char *help = help_of(c);
        assert_non_null(c->help);
        assert_non_null(c->run);
        assert_true(c == cm_commands || strstr(all, c->name));
        for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > 80)
                fail_msg("%.*s", (int)strcspn(line, "\n"), line);
    }
    for (const char *line = all; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
}

/* ---- stand-ins ---- */

#define STAND_IN(name)                                                                                                             \
    int name(const struct cm_invocation *in, struct cm_err **err)                                                                  \
    {                                                                                                                              \
        (void)in;                                                                                                                  \
        (void)err;                                                                                                                 \
        return 0;                                                                                                                  \
    }
STAND_IN(cm_cmd_run)
STAND_IN(cm_cmd_rollback) STAND_IN(cm_cmd_finish) STAND_IN(cm_cmd_check) STAND_IN(cm_cmd_preview) STAND_IN(cm_cmd_status)
    STAND_IN(cm_cmd_approve) STAND_IN(cm_cmd_report) STAND_IN(cm_cmd_convert_config) STAND_IN(cm_cmd_convert_values)
        STAND_IN(cm_cmd_init) STAND_IN(cm_cmd_explain) STAND_IN(cm_cmd_schema) STAND_IN(cm_cmd_rehearse)

            int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_with_a_dot_or_a_slash_is_a_plan),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(letters_may_stand_together_and_carry_a_value),
        cmocka_unit_test(an_empty_value_is_a_value),
        cmocka_unit_test(the_last_of_a_repeated_option_counts),
        cmocka_unit_test(convert_is_the_first_word_of_two_commands),
        cmocka_unit_test(each_skip_and_waiver_has_its_own_reason),
        cmocka_unit_test(an_unknown_option_names_the_nearest),
        cmocka_unit_test(an_unknown_command_names_the_nearest),
        cmocka_unit_test(refuses_options_of_another_command),
        cmocka_unit_test(refuses_missing_and_surplus_words_and_values),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(options_stand_in_the_table_at_their_own_place),
        cmocka_unit_test(every_option_belongs_to_a_command_and_stands_in_its_help),
        cmocka_unit_test(help_names_every_command_and_is_at_most_80_columns_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
