/* base: the YAML tree with places, and its values as helm's reader types them. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"

static struct cm_yaml_doc *parse(const char *text)
{
    struct cm_err *err = NULL;
    struct cm_yaml_doc *doc = cm_yaml_parse(text, strlen(text), "f.yaml", &err);
    if (doc == NULL)
        fail_msg("refused: %s", cm_err_message(err));
    return doc;
}

static void assert_refused(const char *text, size_t bytes, const char *message)
{
    cm_autoerr err = NULL;
    struct cm_yaml_doc *doc = cm_yaml_parse(text, bytes, "f.yaml", &err);
    if (doc != NULL)
        fail_msg("taken: %s", text);
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    if (strncmp(cm_err_message(err), message, strlen(message)) != 0)
        fail_msg("\"%s\" is not \"%s\"", cm_err_message(err), message);
}

static void assert_slice(const struct cm_yaml_doc *doc, const struct cm_yaml *y, const char *expected)
{
    size_t n;
    const char *source = cm_yaml_source(doc, &n);
    assert_non_null(y);
    assert_true(y->begin <= y->end && y->end <= n);
    cm_autofree char *slice = cm_strndup(source + y->begin, y->end - y->begin);
    assert_string_equal(slice, expected);
}

static struct cm_yaml *at(const struct cm_yaml_doc *doc, const char *key)
{
    struct cm_yaml *y = cm_yaml_get(cm_yaml_root(doc), key);
    if (y == NULL)
        fail_msg("no key %s", key);
    return y;
}

static void knows_line_column_and_bytes_of_every_node(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("# a comment\na: one\nb:\n  - x\n  - \"y z\"\nc: {d: 1, e: [2, 3]}\n");
    assert_slice(doc, at(doc, "a"), "one");
    assert_slice(doc, at(doc, "b"), "- x\n  - \"y z\"");
    assert_slice(doc, at(doc, "b")->items[1], "\"y z\"");
    assert_string_equal(at(doc, "b")->items[1]->text, "y z");
    assert_false(at(doc, "b")->items[1]->plain);
    assert_slice(doc, at(doc, "c"), "{d: 1, e: [2, 3]}");
    assert_slice(doc, cm_yaml_get(at(doc, "c"), "e"), "[2, 3]");
    assert_true(at(doc, "c")->flow);
    const struct cm_yaml *item = at(doc, "b")->items[1], *key = cm_yaml_key(cm_yaml_root(doc), "c");
    assert_int_equal(item->line, 5);
    assert_int_equal(item->column, 5);
    assert_int_equal(key->line, 6);
    assert_int_equal(key->column, 1);
    assert_ptr_equal(item->parent, at(doc, "b"));
    assert_slice(doc, cm_yaml_root(doc), "a: one\nb:\n  - x\n  - \"y z\"\nc: {d: 1, e: [2, 3]}");
}

static void bytes_are_right_behind_other_letters_a_mark_and_crlf(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("\xef\xbb\xbf"
                            "\xc3\xa4: \xe2\x82\xac\r\nb: \"\xf0\x9f\x98\x80 x\" # \xc3\xbc\r\nc: [\xc3\xb6, z]\r\n");
    assert_slice(doc, at(doc, "\xc3\xa4"), "\xe2\x82\xac");
    assert_slice(doc, at(doc, "b"), "\"\xf0\x9f\x98\x80 x\"");
    assert_slice(doc, at(doc, "c")->items[1], "z");
    assert_int_equal(at(doc, "c")->line, 3);
    assert_int_equal(at(doc, "c")->items[1]->column, 8);
}

/* Enough letters of two bytes to pass several steps of the index. */
static void bytes_are_right_far_into_a_file(void **state)
{
    (void)state;
    cm_autostr s = CM_STR(CM_STR_PAGE);
    for (int i = 0; i < 500; i++)
        cm_str_addf(&s, "k%03d: v\xc3\xa4l-%03d   # \xc3\xa4\xc3\xb6\n", i, i);
    cm_autoyaml doc = parse(cm_str_text(&s));
    const struct cm_yaml *root = cm_yaml_root(doc);
    assert_int_equal(root->count, 500);
    for (size_t i = 0; i < root->count; i++) {
        cm_autofree char *expected = cm_fmt("v\xc3\xa4l-%03zu", i);
        assert_slice(doc, root->items[i], expected);
        assert_int_equal(root->items[i]->line, i + 1);
    }
}

static void empty_values_have_no_width_and_stand_behind_the_colon(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a:   # nothing\nb:\n  c:\n# x\nd:\n-\n- y\n");
    assert_slice(doc, at(doc, "a"), "");
    assert_int_equal(at(doc, "a")->begin, 2);
    assert_slice(doc, at(doc, "b"), "c:");
    assert_slice(doc, at(doc, "d"), "-\n- y");
    cm_autojson j = cm_yaml_json(doc, at(doc, "a"));
    assert_true(json_is_null(j));
}

static void a_block_ends_before_the_comments_behind_it(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a:\n  b: 1  # one\n  # of a?\n\n# of c\nc:\n  - d\n  # end\n");
    assert_slice(doc, at(doc, "a"), "b: 1");
    assert_slice(doc, at(doc, "c"), "- d");
}

static void a_block_scalar_ends_behind_its_last_line(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a: |\n  one\n  two\n# c\nb: >-\n  x\n  y\nc: z\n");
    assert_slice(doc, at(doc, "a"), "|\n  one\n  two\n");
    assert_string_equal(at(doc, "a")->text, "one\ntwo\n");
    assert_slice(doc, at(doc, "b"), ">-\n  x\n  y\n");
    assert_slice(doc, at(doc, "c"), "z");
}

static void tells_anchor_and_tag_from_the_value(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a: &x !!str 5\nb: *x\nc: &m\n  k: v\nd: !t [1]\ne: !<tag:x,y> z\n");
    size_t n;
    const char *source = cm_yaml_source(doc, &n);
    assert_slice(doc, at(doc, "a"), "&x !!str 5");
    assert_string_equal(source + cm_yaml_body(at(doc, "a")), strchr(source, '5'));
    assert_string_equal(cm_yaml_anchor(at(doc, "a")), "x");
    assert_string_equal(cm_yaml_tag(at(doc, "a")), "tag:yaml.org,2002:str");
    assert_int_equal(at(doc, "b")->type, CM_YAML_ALIAS);
    assert_ptr_equal(at(doc, "b")->target, at(doc, "a"));
    assert_slice(doc, at(doc, "b"), "*x");
    assert_slice(doc, at(doc, "c"), "&m\n  k: v");
    assert_int_equal(source[cm_yaml_body(at(doc, "c"))], 'k');
    assert_int_equal(source[cm_yaml_body(at(doc, "d"))], '[');
    assert_int_equal(source[cm_yaml_body(at(doc, "e"))], 'z');
    cm_autojson j = cm_yaml_json(doc, cm_yaml_root(doc));
    assert_string_equal(cm_json_text(j, "a", NULL), "5");
    assert_string_equal(cm_json_text(j, "b", NULL), "5");
}

static void a_pair_in_a_flow_list_ends_with_its_value(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a: [b: c , d]\n");
    assert_int_equal(at(doc, "a")->items[0]->type, CM_YAML_MAP);
    assert_slice(doc, at(doc, "a")->items[0], "b: c");
    assert_slice(doc, at(doc, "a"), "[b: c , d]");
}

static void an_empty_document_has_no_root(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# only this\n", "---\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autoyaml doc = parse(texts[i]);
        assert_null(cm_yaml_root(doc));
        cm_autojson j = cm_yaml_json(doc, NULL);
        assert_true(json_is_null(j));
    }
}

static void refuses_what_is_ambiguous_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } table[] = {
        {"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "f.yaml:5:3: the key \"c\" stands here a second time; the first is at line 3"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here"},
        {"? [a, b]\n: c\n", "f.yaml:1:3: a key must be"},
        {"a: *b\n", "f.yaml:1:4: the alias *b has no anchor before it"},
        {"a: &a [*a]\n", "f.yaml:1:8: the alias *a stands inside what it stands for"},
        {"a: b: c\n", "f.yaml:1:5: mapping values are not allowed in this context"},
        {"a:\n  - [b\nc: d\n", "f.yaml:3:2: did not find expected"},
        {"a: \"b\n", "f.yaml:2:1: found unexpected end of stream"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_refused(table[i].text, strlen(table[i].text), table[i].message);
    assert_refused("a: b\nc: \xff\n", 10, "f.yaml:2:4: not valid UTF-8");
    assert_refused("\xc3\xa4: b\nc: \xc3\xa4\x01\n", 14, "f.yaml:2:5: control characters are not allowed");
    assert_refused("a: 1\0b: 2", 9, "f.yaml:1:5: control characters");
}

static void reaches_through_aliases_and_merge_keys(void **state)
{
    static const char text[] = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 5\nd: *a\ne:\n  <<: *b\n  w: *a\n";
    (void)state;
    cm_autoyaml doc = cm_yaml_parse(text, sizeof text - 1, "f.yaml", NULL);
    const struct cm_yaml *c = cm_yaml_get(cm_yaml_root(doc), "c"), *e = cm_yaml_get(cm_yaml_root(doc), "e");
    assert_string_equal(cm_yaml_reach(c, "x")->text, "5");
    assert_string_equal(cm_yaml_reach(c, "y")->text, "2");
    assert_string_equal(cm_yaml_reach(c, "z")->text, "4");
    assert_null(cm_yaml_reach(c, "w"));
    assert_string_equal(cm_yaml_reach(cm_yaml_reach(cm_yaml_root(doc), "d"), "x")->text, "1");
    assert_int_equal(cm_yaml_reach(e, "w")->type, CM_YAML_MAP);
    assert_null(cm_yaml_reach(NULL, "x"));
}

static void names_a_tab_as_the_cause(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    assert_null(cm_yaml_parse("a:\n\tb: c\n", 9, "f.yaml", &err));
    assert_true(cm_starts(cm_err_message(err), "f.yaml:2:1: "));
    assert_non_null(strstr(cm_err_hint(err), "tab"));
}

static void names_a_template_as_the_cause(void **state)
{
    static const char *const texts[] = {"a:\n{{- range .x }}\n  - b\n{{- end }}\n", "a: b\n{% if c %}\nd: e\n{% endif %}\n",
                                        "a:\n  - {{ b }}\n  - c\n d\n", "<% if a -%>\nb: c\n<% end %>\nd\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autoerr err = NULL;
        assert_null(cm_yaml_parse(texts[i], strlen(texts[i]), "f.yaml", &err));
        if (!strstr(cm_err_message(err), "template") && (!cm_err_hint(err) || !strstr(cm_err_hint(err), "template")))
            fail_msg("%s: %s", texts[i], cm_err_message(err));
    }
}

static char *nested(size_t levels)
{
    char *text = cm_alloc(levels * 2 + 1);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return text;
}

static void takes_64_levels_and_no_more(void **state)
{
    (void)state;
    cm_autofree char *deep = nested(64), *deeper = nested(65), *deepest = nested(100000);
    cm_autoyaml doc = parse(deep);
    assert_int_equal(cm_yaml_root(doc)->type, CM_YAML_LIST);
    assert_refused(deeper, 130, "f.yaml:1:65: nested deeper than 64 levels");
    assert_refused(deepest, 200000, "f.yaml:1:65: nested deeper than 64 levels");
}

static void refuses_aliases_that_grow_without_end(void **state)
{
    (void)state;
    cm_autostr laughs = CM_STR(CM_STR_PAGE), chain = CM_STR(CM_STR_PAGE);
    cm_str_add(&laughs, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    cm_str_add(&chain, "a0: &a0 [x]\n");
    for (int i = 1; i < 30; i++)
        cm_str_addf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1,
                    i - 1, i - 1, i - 1, i - 1);
    for (int i = 1; i < 1000; i++)
        cm_str_addf(&chain, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_refused(cm_str_text(&laughs), laughs.len, "f.yaml:7:15: the aliases repeat too much (*a5)");
    assert_refused(cm_str_text(&chain), chain.len, "f.yaml:64:");
}

static void assert_typed(const char *yaml, const char *json)
{
    cm_autofree char *text = cm_fmt("v: %s\n", yaml);
    cm_autoyaml doc = parse(text);
    cm_autojson j = cm_yaml_json(doc, at(doc, "v"));
    cm_autofree char *got = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (strcmp(got, json) != 0)
        fail_msg("%s is %s, not %s", yaml, got, json);
}

static void types_plain_scalars_as_helms_reader_does(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } table[] = {
        {"true", "true"},
        {"yes", "true"},
        {"on", "true"},
        {"y", "true"},
        {"no", "false"},
        {"off", "false"},
        {"n", "false"},
        {"False", "false"},
        {"null", "null"},
        {"~", "null"},
        {"", "null"},
        {"tRUE", "\"tRUE\""},
        {"0644", "420"},
        {"0o17", "15"},
        {"0x1F", "31"},
        {"0b11", "3"},
        {"1_000", "1000"},
        {"+5", "5"},
        {"-5", "-5"},
        {"08", "8.0"},
        {"5.0", "5.0"},
        {"1.10", "1.1"},
        {"1e3", "1000.0"},
        {".5", "0.5"},
        {"5m", "\"5m\""},
        {"1:30", "\"1:30\""},
        {"2024-01-02", "\"2024-01-02\""},
        {"1.2.3", "\"1.2.3\""},
        {"1000000", "1000000"},
        {"9007199254740993", "\"9007199254740993\""},
        {"12345678901234567890", "\"12345678901234567890\""},
        {".inf", "\".inf\""},
        {"\"5\"", "\"5\""},
        {"'true'", "\"true\""},
        {"!!str true", "\"true\""},
        {"!!int \"5\"", "5"},
        {"'-'", "\"-\""},
        {"1e999", "\"1e999\""},
        {"0", "0"},
        {"-0", "0"},
        {"{}", "{}"},
        {"[]", "[]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_typed(table[i].yaml, table[i].json);
}

static void keys_become_the_text_of_what_they_are_typed_as(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("on: 1\n0x10: 2\n1.50: 3\n\"yes\": 4\nplain: 5\n");
    cm_autojson j = cm_yaml_json(doc, cm_yaml_root(doc));
    cm_autofree char *text = cm_json_canonical(j);
    assert_string_equal(text, "{\"1.5\":3,\"16\":2,\"plain\":5,\"true\":1,\"yes\":4}");
}

static void follows_merges_as_yaml_1_1_does(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], c: 3}\nw:\n  <<: *x\n");
    cm_autojson j = cm_yaml_json(doc, cm_yaml_root(doc));
    cm_autofree char *z = cm_json_canonical(json_object_get(j, "z")), *w = cm_json_canonical(json_object_get(j, "w"));
    assert_string_equal(z, "{\"a\":1,\"b\":1,\"c\":3}");
    assert_string_equal(w, "{\"a\":1,\"b\":1}");
}

static void collects_problems_and_says_all_at_once(void **state)
{
    (void)state;
    cm_autoyaml doc = parse("a: 1\nb: 2\n");
    struct cm_problems p = CM_PROBLEMS, none = CM_PROBLEMS;
    cm_autoerr err = NULL;
    cm_problem(&p, doc, at(doc, "b"), "wrong %d", 1);
    cm_problem(&p, doc, NULL, "missing");
    assert_int_equal(cm_problems_end(&p, &err), -1);
    assert_string_equal(cm_err_message(err), "f.yaml:2:4: wrong 1\nf.yaml: missing");
    assert_int_equal(cm_problems_end(&none, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_line_column_and_bytes_of_every_node),
        cmocka_unit_test(bytes_are_right_behind_other_letters_a_mark_and_crlf),
        cmocka_unit_test(bytes_are_right_far_into_a_file),
        cmocka_unit_test(empty_values_have_no_width_and_stand_behind_the_colon),
        cmocka_unit_test(a_block_ends_before_the_comments_behind_it),
        cmocka_unit_test(a_block_scalar_ends_behind_its_last_line),
        cmocka_unit_test(tells_anchor_and_tag_from_the_value),
        cmocka_unit_test(a_pair_in_a_flow_list_ends_with_its_value),
        cmocka_unit_test(an_empty_document_has_no_root),
        cmocka_unit_test(refuses_what_is_ambiguous_with_its_place),
        cmocka_unit_test(reaches_through_aliases_and_merge_keys),
        cmocka_unit_test(names_a_tab_as_the_cause),
        cmocka_unit_test(names_a_template_as_the_cause),
        cmocka_unit_test(takes_64_levels_and_no_more),
        cmocka_unit_test(refuses_aliases_that_grow_without_end),
        cmocka_unit_test(types_plain_scalars_as_helms_reader_does),
        cmocka_unit_test(keys_become_the_text_of_what_they_are_typed_as),
        cmocka_unit_test(follows_merges_as_yaml_1_1_does),
        cmocka_unit_test(collects_problems_and_says_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
