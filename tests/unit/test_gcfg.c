/* values/gcfg.h: the format, by the behaviour measured with the gcfg library. */
#include <config.h>

#include "values_helpers.h"

/* A text of one setting [S] K and what it is read as; value NULL: the text is refused, with this place and these words. */
struct one {
    const char *text, *value, *place, *words;
};

static void assert_reads(const struct one *c)
{
    cm_autofree char *text = cm_fmt("[S]\n%s", c->text);
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_err *err = NULL;
    int rc = cm_gcfg_add(g, text, strlen(text), "f", &err);
    if (c->value) {
        if (rc != 0)
            fail_msg("'%s' is refused: %s", c->text, cm_err_message(err));
        const char *got = cm_gcfg_get(g, "s", NULL, "k");
        if (!got || strcmp(got, c->value) != 0)
            fail_msg("'%s' is read as '%s', not '%s'", c->text, got ? got : "(absent)", c->value);
    } else {
        if (rc == 0)
            fail_msg("'%s' is accepted", c->text);
        if (strncmp(cm_err_message(err), c->place, strlen(c->place)) != 0 || !strstr(cm_err_message(err), c->words))
            fail_msg("'%s' is refused as '%s', not '%s… %s'", c->text, cm_err_message(err), c->place, c->words);
    }
    cm_err_free(err);
    cm_gcfg_free(g);
}

static void reads_values_as_measured(void **state)
{
    static const struct one cases[] = {
        {"K = v", "v", NULL, NULL},
        {"K=v", "v", NULL, NULL},
        {"\t K \t=\t v \t", "v", NULL, NULL},
        {"K = v\r\n", "v", NULL, NULL},
        {"K", "true", NULL, NULL},
        {"K ; bare", "true", NULL, NULL},
        {"K =", "", NULL, NULL},
        {"K = \"\"", "", NULL, NULL},
        {"K = a b  c", "a b  c", NULL, NULL},
        {"K = down; back soon", "down", NULL, NULL},
        {"K = a#b", "a", NULL, NULL},
        {"K = \"down; back # soon \"", "down; back # soon ", NULL, NULL},
        {"K = pre\"; x\"post", "pre; xpost", NULL, NULL},
        {"K = \"a\"\"b\"c", "abc", NULL, NULL},
        {"K = \"  \" ", "  ", NULL, NULL},
        {"K = a \" \" ; c", "a  ", NULL, NULL},
        {"K = \"\\n\\t\\\"\\\\\"", "\n\t\"\\", NULL, NULL},
        {"K = a\\\"b", "a\"b", NULL, NULL},
        {"K = abc \\\n  def", "abc   def", NULL, NULL},
        {"K = abc\\\r\n def", "abc def", NULL, NULL},
        {"K = 'x ; y'", "'x", NULL, NULL},
        {"K = 1\nk = 2\n[s]\nK = 3", "3", NULL, NULL},
        {"K = a=b", "a=b", NULL, NULL},
        {"K = caf\xc3\xa9", "caf\xc3\xa9", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads(&cases[i]);
}

static void refuses_faults_with_their_place(void **state)
{
    static const struct one cases[] = {
        {"K = \"open", NULL, "f:2:5: ", "never closed"},
        {"K = \"open\nL = 1", NULL, "f:2:5: ", "never closed"},
        {"K = a\\b", NULL, "f:2:6: ", "outside quotes a backslash"},
        {"K = \"a\\b\"", NULL, "f:2:7: ", "inside quotes a backslash"},
        {"Foo_Bar = 1", NULL, "f:2:4: ", "expected '='"},
        {"a.b = 1", NULL, "f:2:2: ", "expected '='"},
        {"1a = 1", NULL, "f:2:1: ", "expected a section header"},
        {"[S] K = 1", NULL, "f:2:5: ", "line's end behind the section header"},
        {"[S x]", NULL, "f:2:4: ", "expected ']'"},
        {"[S.x]", NULL, "f:2:3: ", "expected ']'"},
        {"[S \"\"]", NULL, "f:2:4: ", "empty"},
        {"[S \"x]", NULL, "f:2:4: ", "never closed"},
        {"[S \"\\n\"]", NULL, "f:2:5: ", "backslash"},
        {"[]", NULL, "f:2:2: ", "name of a section"},
        {"\xc3\xa9 \xc3\xa9", NULL, "f:2:3: ", "expected '='"}, /* columns count characters */
        {"K = \xff", NULL, "f:2:1: ", "UTF-8"},
        {"\xc2\xa0K = 1", NULL, "f:2:1: ", "expected a section header"},      /* a no-break space is no letter */
        {"K\xe2\x80\x8b = 1", NULL, "f:2:2: ", "expected '='"},               /* nor is a space of no width */
        {"\xe2\x80\x9cK\xe2\x80\x9d = 1", NULL, "f:2:1: ", "expected a section header"},
        {"[S\xc2\xa0\"x\"]", NULL, "f:2:3: ", "expected ']'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads(&cases[i]);
}

static void assert_hint(const char *text, const char *hint)
{
    struct cm_gcfg *g = cm_gcfg_new();
    cm_autoerr err = NULL;
    assert_int_equal(cm_gcfg_add(g, text, strlen(text), "f", &err), -1);
    assert_non_null(cm_err_hint(err));
    if (!strstr(cm_err_hint(err), hint))
        fail_msg("'%s' is no hint for '%s'", cm_err_hint(err), text);
    cm_gcfg_free(g);
}

static void tells_a_template_and_what_cannot_be_seen(void **state)
{
    (void)state;
    assert_hint("{{ ansible_managed | comment }}\n[S]\n", "This is a template");
    assert_hint("[S]\n{% if x %}\nK = 1\n{% endif %}\n", "This is a template");
    assert_hint("[S]\n<% if x -%>\nK = 1\n<% end -%>\n", "This is a template");
    assert_hint("[S]\n\xc2\xa0\xc2\xa0K = 1\n", "U+00A0");
    assert_hint("[S]\nK = 1\n\xef\xbb\xbf[T]\n", "U+FEFF");
}

static void names_are_of_letters_of_any_alphabet(void **state)
{
    struct cm_gcfg *g = helper_gcfg("[\xd0\xa0\xd0\xb0\xd0\xb7 \"x\"]\n\xe5\x90\x8d-2 = v\n");
    (void)state;
    assert_string_equal(g->list[0].in->section, "\xd0\xa0\xd0\xb0\xd0\xb7");
    assert_string_equal(g->list[0].key, "\xe5\x90\x8d-2");
    cm_gcfg_free(g);
}

static void refuses_a_setting_before_any_section(void **state)
{
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_err *err = NULL;
    (void)state;
    assert_int_equal(cm_gcfg_add(g, "; c\nK = 1\n", 10, "f", &err), -1);
    assert_string_equal(cm_err_message(err), "f:2:1: a setting before the first section header");
    cm_err_free(err);
    cm_gcfg_free(g);
}

static void refuses_a_nul_byte(void **state)
{
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_err *err = NULL;
    (void)state;
    assert_int_equal(cm_gcfg_add(g, "[S]\nK = a\0b\n", 13, "f", &err), -1);
    assert_string_equal(cm_err_message(err), "f:2:6: a NUL byte; this is no text");
    cm_err_free(err);
    cm_gcfg_free(g);
}

static void skips_a_byte_order_mark(void **state)
{
    struct cm_gcfg *g = helper_gcfg("\xef\xbb\xbf[S]\nK = 1\n");
    (void)state;
    assert_string_equal(cm_gcfg_get(g, "S", NULL, "K"), "1");
    cm_gcfg_free(g);
}

static void tells_subsections_apart_by_case_and_sections_not(void **state)
{
    struct cm_gcfg *g = helper_gcfg("[R \"CRAN\"]\nURL = a\n[r \"cran\"]\nurl = b\n[R \"q\\\"\\\\\"]\nURL = c\n");
    (void)state;
    assert_string_equal(cm_gcfg_get(g, "r", "CRAN", "Url"), "a");
    assert_string_equal(cm_gcfg_get(g, "R", "cran", "URL"), "b");
    assert_string_equal(cm_gcfg_get(g, "R", "q\"\\", "URL"), "c");
    assert_null(cm_gcfg_get(g, "R", NULL, "URL"));
    cm_gcfg_free(g);
}

static void keeps_comments_with_their_setting(void **state)
{
    struct cm_gcfg *g = helper_gcfg(
        "; top\n# two\n[S]\n; of a\n;; more\na = 1 ; behind\nb = \"x ; no comment\"\n\n; of T\n[T]\nc = 1\n; the end\n");
    (void)state;
    assert_string_equal(cm_gcfg_header_comment(g, 0), "; top\n# two");
    assert_string_equal(g->list[0].comment, "; of a\n;; more\n; behind");
    assert_null(g->list[1].comment);
    assert_null(cm_gcfg_header_comment(g, 1));
    assert_string_equal(cm_gcfg_header_comment(g, 2), "; of T");
    assert_string_equal(cm_gcfg_tail(g), "; the end");
    cm_gcfg_free(g);
}

static void gives_each_setting_its_place(void **state)
{
    struct cm_gcfg *g = helper_gcfg("[S]\na = x \\\n  y\n  b = 1\n");
    (void)state;
    assert_int_equal(g->list[0].line, 2);
    assert_int_equal(g->list[1].line, 4);
    assert_int_equal(g->list[1].column, 3);
    assert_string_equal(g->list[1].in->file, "a.gcfg");
    cm_gcfg_free(g);
}

static void the_second_file_wins(void **state)
{
    struct cm_gcfg *g = helper_gcfg("[S]\na = 1\n");
    (void)state;
    assert_int_equal(cm_gcfg_add(g, "[s]\nA = 2\n", 10, "migration", NULL), 0);
    assert_string_equal(cm_gcfg_get(g, "S", NULL, "a"), "2");
    assert_string_equal(cm_gcfg_find(g, "S", NULL, "a")->in->file, "migration");
    cm_gcfg_free(g);
}

static void variables_override_files(void **state)
{
    static const char *const variables[] = {"PATH=/bin",
                                            "CONNECT_SERVER_ADDRESS=https://c",
                                            "CONNECT_API_KEY=x",
                                            "CONNECT_SERVER=y",
                                            "CONNECT_A_B_C=z",
                                            "CONNECT_POSTGRES_PASSWORD=p=q;r",
                                            NULL};
    struct cm_gcfg *g = helper_gcfg("[Server]\nAddress = http://old\n");
    (void)state;
    assert_int_equal(cm_gcfg_add_environment(g, variables, NULL), 0);
    assert_int_equal(g->count, 3);
    assert_string_equal(cm_gcfg_get(g, "Server", NULL, "Address"), "https://c");
    assert_string_equal(cm_gcfg_get(g, "Postgres", NULL, "Password"), "p=q;r");
    assert_true(g->list[1].from_environment);
    cm_gcfg_free(g);
}

static void reads_the_words_for_booleans(void **state)
{
    struct cm_gcfg *g = helper_gcfg("[S]\na = YES\nb = off\nc = 1\nd = t\ne\n");
    (void)state;
    assert_true(cm_gcfg_bool(g, "S", "a", false));
    assert_false(cm_gcfg_bool(g, "S", "b", true));
    assert_true(cm_gcfg_bool(g, "S", "c", false));
    assert_true(cm_gcfg_bool(g, "S", "d", true)); /* no word for one: what the caller said */
    assert_false(cm_gcfg_bool(g, "S", "d", false));
    assert_true(cm_gcfg_bool(g, "S", "e", false));
    cm_gcfg_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_as_measured),
        cmocka_unit_test(refuses_faults_with_their_place),
        cmocka_unit_test(tells_a_template_and_what_cannot_be_seen),
        cmocka_unit_test(names_are_of_letters_of_any_alphabet),
        cmocka_unit_test(refuses_a_setting_before_any_section),
        cmocka_unit_test(refuses_a_nul_byte),
        cmocka_unit_test(skips_a_byte_order_mark),
        cmocka_unit_test(tells_subsections_apart_by_case_and_sections_not),
        cmocka_unit_test(keeps_comments_with_their_setting),
        cmocka_unit_test(gives_each_setting_its_place),
        cmocka_unit_test(the_second_file_wins),
        cmocka_unit_test(variables_override_files),
        cmocka_unit_test(reads_the_words_for_booleans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
