/* values/edit.h: byte edits of a person's file: nothing else changes, faults are seen, and setting every scalar to itself is no change, over
 * our own files and, where CM_YAML_CORPUS names one, a whole folder of other people's. */
#include <config.h>

#include <dirent.h>
#include <sys/stat.h>

#include "base/text.h"
#include "values/edit.h"
#include "values_helpers.h"

static void set_all(struct cm_edits *e, const struct cm_yaml *n, size_t *scalars)
{
    if (n->type == CM_YAML_SCALAR) {
        cm_edit_set(e, n, n->text);
        ++*scalars;
    }
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            set_all(e, n->keys[i], scalars);
        set_all(e, n->items[i], scalars);
    }
}

/* What the tree says of a scalar is what stands at its place: read alone, the bytes give the text back. */
static void assert_slices(const struct cm_yaml_doc *doc, const struct cm_yaml *n, const char *name)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    bool one_line = n->type == CM_YAML_SCALAR && n->end > cm_yaml_body(n) && !memchr(s + cm_yaml_body(n), '\n', n->end - cm_yaml_body(n)) && !cm_yaml_tag(n);
    if (one_line && n->plain && memcmp(s + cm_yaml_body(n), n->text, n->text_bytes) != 0)
        fail_msg("%s:%u:%u: '%.*s' is not '%s'", name, n->line, n->column, (int)(n->end - cm_yaml_body(n)), s + cm_yaml_body(n), n->text);
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            assert_slices(doc, n->keys[i], name);
        assert_slices(doc, n->items[i], name);
    }
}

/* The number of scalars; 0: the file is none that we read (several documents, templates …). */
static size_t assert_itself_is_no_change(const char *path)
{
    char *text = NULL, *out = NULL;
    size_t n, bytes, scalars = 0;
    cm_autoerr err = NULL;
    if (cm_file_read(path, 1 << 24, &text, &n, NULL) < 0)
        return 0;
    struct cm_yaml_doc *doc = cm_yaml_parse(text, n, path, NULL);
    if (doc && cm_yaml_root(doc)) {
        struct cm_edits *e = cm_edits_new(doc);
        set_all(e, cm_yaml_root(doc), &scalars);
        if (cm_edits_apply(e, NULL, &out, &bytes, &err) != 0)
            fail_msg("%s", cm_err_message(err));
        assert_int_equal(bytes, n);
        assert_memory_equal(out, text, n);
        assert_slices(doc, cm_yaml_root(doc), path);
        cm_edits_free(e);
    }
    cm_yaml_free(doc);
    free(text);
    free(out);
    return scalars;
}

static void walk(const char *folder, size_t *files, size_t *scalars)
{
    DIR *dir = opendir(folder);
    if (!dir)
        fail_msg("no folder %s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        cm_autofree char *path = cm_path_join(folder, e->d_name);
        struct stat sb;
        if (e->d_name[0] == '.' || stat(path, &sb) != 0)
            continue;
        if (S_ISDIR(sb.st_mode)) {
            walk(path, files, scalars);
        } else if (cm_ends(e->d_name, ".yaml") || cm_ends(e->d_name, ".yml")) {
            size_t n = assert_itself_is_no_change(path);
            *files += n > 0;
            *scalars += n;
        }
    }
    closedir(dir);
}

static void setting_every_scalar_to_itself_changes_no_byte(void **state)
{
    const char *src = getenv("CM_SRC");
    cm_autofree char *tests = cm_fmt("%s/tests", src ? src : ".");
    cm_autofree char *plans = cm_fmt("%s/plans", src ? src : ".");
    size_t files = 0, scalars = 0;
    (void)state;
    walk(tests, &files, &scalars);
    walk(plans, &files, &scalars);
    assert_true(files >= 10);
    print_message("%zu scalars in %zu files\n", scalars, files);
}

static void nor_does_it_in_other_peoples_files(void **state)
{
    const char *corpus = getenv("CM_YAML_CORPUS");
    size_t files = 0, scalars = 0;
    (void)state;
    if (!corpus) {
        print_message("skipped: CM_YAML_CORPUS names no folder of YAML files\n");
        skip();
    }
    walk(corpus, &files, &scalars);
    print_message("%zu scalars in %zu files\n", scalars, files);
}

/* ---- single edits ---- */

struct work {
    struct cm_yaml_doc *doc;
    struct cm_edits *edits;
    json_t *data;
};

static struct work begin(const char *text)
{
    struct work w = {.doc = helper_yaml(text)};
    w.edits = cm_edits_new(w.doc);
    w.data = cm_yaml_json(w.doc, cm_yaml_root(w.doc));
    return w;
}

static void end(struct work *w, const char *expected)
{
    char *out = NULL;
    size_t bytes;
    struct cm_err *err = NULL;
    if (cm_edits_apply(w->edits, w->data, &out, &bytes, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    assert_string_equal(out, expected);
    free(out);
    cm_edits_free(w->edits);
    cm_yaml_free(w->doc);
    json_decref(w->data);
}

static void refused(struct work *w, const char *message)
{
    char *out = NULL;
    size_t bytes;
    cm_autoerr err = NULL;
    assert_int_equal(cm_edits_apply(w->edits, w->data, &out, &bytes, &err), -1);
    assert_string_equal(cm_err_message(err), message);
    assert_null(out);
    cm_edits_free(w->edits);
    cm_yaml_free(w->doc);
    json_decref(w->data);
}

static void a_scalar_keeps_its_style_where_that_can_hold_the_text(void **state)
{
    struct work w = begin("a: b # c\nd: 'e'\nf: g\n");
    const struct cm_yaml *root = cm_yaml_root(w.doc);
    (void)state;
    cm_edit_set(w.edits, cm_yaml_get(root, "a"), "x");
    cm_edit_set(w.edits, cm_yaml_get(root, "d"), "y");
    cm_edit_set(w.edits, cm_yaml_get(root, "f"), "yes");
    json_object_set_new(w.data, "a", json_string("x"));
    json_object_set_new(w.data, "d", json_string("y"));
    json_object_set_new(w.data, "f", json_string("yes"));
    end(&w, "a: x # c\nd: 'y'\nf: 'yes'\n");
}

static void a_block_of_text_gives_way_and_its_line_still_ends(void **state)
{
    struct work w = begin("a: |\n  b\nc:\n>-\n  d\ne: f\n");
    const struct cm_yaml *root = cm_yaml_root(w.doc);
    (void)state;
    cm_edit_set(w.edits, cm_yaml_get(root, "a"), "x");
    cm_edit_set(w.edits, cm_yaml_get(root, "c"), "y");
    json_object_set_new(w.data, "a", json_string("x"));
    json_object_set_new(w.data, "c", json_string("y"));
    end(&w, "a: 'x'\nc:\n 'y'\ne: f\n");
}

static void a_blank_line_behind_a_text_that_keeps_it_is_refused_with_the_texts_place(void **state)
{
    struct work w = begin("a: |+\n  b\nc: d\n\ne: f\n");
    (void)state;
    cm_edit_replace(w.edits, 10, 15, "");
    json_object_set_new(w.data, "c", json_null());
    refused(&w, "values.yaml:1:4: a text that keeps the blank lines behind it (|+) cannot be edited safely");
}

static void and_such_a_key_with_its_own(void **state)
{
    struct work w = begin("a:\n  ? |+\n    b\nc: d\n\ne: f\n");
    (void)state;
    cm_edit_replace(w.edits, 16, 21, "");
    (void)json_object_del(w.data, "c");
    refused(&w, "values.yaml:2:5: a text that keeps the blank lines behind it (|+) cannot be edited safely");
}

static void a_tab_that_only_the_old_text_could_have_is_refused_with_its_place(void **state)
{
    struct work w = begin("a: b\n \t# c\nd: e\n");
    (void)state;
    cm_edit_replace(w.edits, 3, 4, "'b b'");
    json_object_set_new(w.data, "a", json_string("b b"));
    refused(&w, "values.yaml:2:2: a tab before a comment; the file cannot be edited safely");
}

static void deeper_lines_come_first_at_one_place(void **state)
{
    struct work w = begin("a:\n  b:\n  - c\n");
    (void)state;
    cm_edit_insert(w.edits, 14, 0, "z: 1\n");
    cm_edit_insert(w.edits, 14, 4, "  x: 1\n");
    cm_edit_insert(w.edits, 14, 5, "  - d\n");
    cm_edit_insert(w.edits, 14, 4, "  w: 1\n");
    json_decref(w.data);
    w.data = helper_data("a: {b: [c, d], x: 1, w: 1}\nz: 1\n");
    end(&w, "a:\n  b:\n  - c\n  - d\n  x: 1\n  w: 1\nz: 1\n");
}

/* Of m, b goes, c is called g, and these lines come. The whole map is replaced by the text. */
static int prove_opened(const char *lines, const char *text)
{
    static const char old[] = "m:\n  a: 1\n  b: 2\n  c: 3\nz: {}\n";
    cm_autoyaml doc = helper_yaml(old);
    struct cm_edits *e = cm_edits_new(doc);
    cm_autojson changed = json_object();
    json_t *m = cm_edit_open_key(changed, "m", cm_yaml_get(cm_yaml_root(doc), "m"));
    cm_autofree char *out = NULL;
    size_t bytes;
    cm_edit_drop_key(m, "b");
    cm_edit_rename_key(m, "c", "g");
    cm_edit_expect_lines(m, lines);
    cm_edit_replace(e, 3, strlen(old) - strlen("z: {}\n"), text);
    int rc = cm_edits_apply(e, changed, &out, &bytes, NULL);
    assert_true((rc == 0) == (out != NULL));
    cm_edits_free(e);
    return rc;
}

static void an_opened_map_is_the_old_one_but_for_what_was_said(void **state)
{
    static const char lines[] = "# why\nd: 'x'\ne:\n  f: 'y'\n  h: []\n";
    static const char *const good[] = {
        "  a: 1\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  d: 'x'\n  a: 1 # moved\n  e:\n    f: 'y'\n    h: []\n  g: 3\n",
    };
    static const char *const bad[] = {
        "  a: 1\n  b: 2\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",              /* b is still there */
        "  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",                              /* a is not */
        "  a: 1\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",                              /* nor is c, by any name */
        "  a: 1\n  c: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 4\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  a: 1\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 3\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 3\n  d: 'x'\n",                                                     /* of the lines some do not come */
        "  a: 1\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n",
        "  a: 1\n  g: 3\n  e:\n    f: 'y'\n    h: []\n  d: 'x'\n",
        "  a: 1\n  g: 3\n  d: 'x'\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 3\n  d: x\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 3\n  d: !t 'x'\n  e:\n    f: 'y'\n    h: []\n",
        "  a: 1\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: [i]\n",
        "  a: 1\n  g: 3\n  d: 'x'\n  e:\n    f: 'y'\n    h: []\n  k: 1\n",             /* more than was said */
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (prove_opened(lines, good[i]) != 0)
            fail_msg("refused:\n%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (prove_opened(lines, bad[i]) == 0)
            fail_msg("taken:\n%s", bad[i]);
}

static void lines_bring_no_key_a_second_time(void **state)
{
    (void)state;
    assert_int_equal(prove_opened("d: 1\n", "  a: 1\n  g: 3\n  d: 1\n"), 0);
    assert_int_equal(prove_opened("b: 4\n", "  a: 1\n  g: 3\n  b: 4\n"), 0); /* it is a new one */
    assert_int_equal(prove_opened("a: 1\n", "  a: 1\n  g: 3\n  a: 1\n"), -1);
    assert_int_equal(prove_opened("g: 1\n", "  a: 1\n  g: 3\n  g: 1\n"), -1);
    assert_int_equal(prove_opened("d: 1\nd: 1\n", "  a: 1\n  g: 3\n  d: 1\n  d: 1\n"), -1);
    assert_int_equal(prove_opened("d: {e: 1, f: 2, e: 3}\n", "  a: 1\n  g: 3\n  d: {e: 1, f: 2, e: 3}\n"), -1);
    assert_int_equal(prove_opened("d: [{e: 1}, {e: 3}]\n", "  a: 1\n  g: 3\n  d: [{e: 1}, {e: 3}]\n"), 0);
}

static void refuses_changes_that_overlap(void **state)
{
    struct work w = begin("a: bcd\n");
    (void)state;
    cm_edit_replace(w.edits, 3, 5, "x");
    cm_edit_replace(w.edits, 4, 6, "y");
    refused(&w, "values.yaml: two changes overlap at byte 4");
}

static void refuses_what_does_not_read_as_it_should(void **state)
{
    static const char *const bad[] = {"x: y", "[", "*a", "c\n ---\n", "d"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct work w = begin("a: b\n");
        char *out = NULL;
        size_t bytes;
        cm_autoerr err = NULL;
        cm_edit_replace(w.edits, 3, 4, bad[i]);
        assert_int_equal(cm_edits_apply(w.edits, w.data, &out, &bytes, &err), -1);
        assert_non_null(strstr(cm_err_message(err), "values.yaml:1:4: cannot be edited safely"));
        assert_non_null(strstr(cm_err_hint(err), "Nothing was written"));
        assert_null(out);
        cm_edits_free(w.edits);
        cm_yaml_free(w.doc);
        json_decref(w.data);
    }
}

/* ---- places ---- */

static void a_pair_has_its_comments(void **state)
{
    static const char text[] =
        "# top\n\n# of a\n# too\na: 1 # behind\n# of b\nb:\n  # in b\n  c: 1\n  # end of b\n\n  # still b\n# of d\nd: |\n  x\n\ne: 1";
    cm_autoyaml doc = helper_yaml(text);
    static const struct {
        size_t pair;
        const char *lines;
    } cases[] = {
        {0, "# of a\n# too\na: 1 # behind\n"},
        {1, "# of b\nb:\n  # in b\n  c: 1\n  # end of b\n\n  # still b\n"},
        {2, "# of d\nd: |\n  x\n\n"},
        {3, "e: 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_extent at;
        assert_int_equal(cm_edit_pair(doc, cm_yaml_root(doc), cases[i].pair, &at, NULL), 0);
        cm_autofree char *lines = cm_strndup(text + at.begin, at.end - at.begin);
        assert_string_equal(lines, cases[i].lines);
    }
}

static void a_pair_without_a_value_ends_with_its_key(void **state)
{
    (void)state;
    cm_autoyaml doc = helper_yaml("a:\n  ? \nb: 1\n");
    struct cm_extent at;
    assert_int_equal(cm_edit_pair(doc, cm_yaml_root(doc), 0, &at, NULL), 0);
    assert_int_equal(at.end, strlen("a:\n  ? \n"));
}

static void a_question_mark_above_a_key_is_seen_and_one_in_a_text_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t pair;
        int result;
    } cases[] = {{"a: b\n?\n>\n", 1, -1}, {"a: b\n? # why\n\n# c\n  d\n", 1, -1}, {"?\n  a\n: b\n", 0, -1}, {"a: |\n  b\n  ?\nc: d\n", 1, 0},
                 {"a: \"b\n  ?\n  \"\nc: d\n", 1, 0}, {"?a: b\nc: d\n", 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cm_autoyaml doc = cm_yaml_parse(cases[i].text, strlen(cases[i].text), "f.yaml", NULL);
        cm_autoerr err = NULL;
        struct cm_extent at;
        assert_non_null(doc);
        assert_int_equal(cm_edit_pair(doc, cm_yaml_root(doc), cases[i].pair, &at, &err), cases[i].result);
        assert_int_equal(err != NULL, cases[i].result < 0);
    }
}

static void a_key_below_its_question_mark_does_not_begin_its_line(void **state)
{
    static const char *const texts[] = {"?\n a\n: 1\n", "? \n ~", "x:\n  ?\n    a\n  : 1\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autoerr err = NULL;
        cm_autoyaml doc = helper_yaml(texts[i]);
        const struct cm_yaml *map = cm_yaml_get(cm_yaml_root(doc), "x");
        assert_int_equal(cm_edit_keys(doc, map ? map : cm_yaml_root(doc), &err), -1);
        assert_non_null(strstr(cm_err_message(err), "a key that does not begin its line"));
    }
}

static void shifting_moves_lines_and_leaves_blank_ones(void **state)
{
    cm_autoyaml doc = helper_yaml("a:\n  b: |\n    x\n\n      y\n");
    struct cm_str right = CM_STR(CM_STR_LINE), left = CM_STR(CM_STR_LINE);
    (void)state;
    cm_edit_shifted(doc, 3, 25, 2, &right);
    cm_edit_shifted(doc, 3, 25, -2, &left);
    assert_string_equal(cm_str_text(&right), "    b: |\n      x\n\n        y\n");
    assert_string_equal(cm_str_text(&left), "b: |\n  x\n\n    y\n");
    cm_str_fini(&right);
    cm_str_fini(&left);
}

static void sees_the_files_own_habits(void **state)
{
    cm_autoyaml four = helper_yaml("a:\n    b:\n    - c\n");
    (void)state;
    assert_int_equal(cm_edit_step(four), 4);
    assert_false(cm_edit_lists_indented(four));
    cm_autoyaml plain = helper_yaml("a: {b: c}\nd:\n  - e\n");
    assert_int_equal(cm_edit_step(plain), 2);
    assert_true(cm_edit_lists_indented(plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_every_scalar_to_itself_changes_no_byte),
        cmocka_unit_test(nor_does_it_in_other_peoples_files),
        cmocka_unit_test(a_scalar_keeps_its_style_where_that_can_hold_the_text),
        cmocka_unit_test(a_block_of_text_gives_way_and_its_line_still_ends),
        cmocka_unit_test(a_blank_line_behind_a_text_that_keeps_it_is_refused_with_the_texts_place),
        cmocka_unit_test(and_such_a_key_with_its_own),
        cmocka_unit_test(a_tab_that_only_the_old_text_could_have_is_refused_with_its_place),
        cmocka_unit_test(deeper_lines_come_first_at_one_place),
        cmocka_unit_test(an_opened_map_is_the_old_one_but_for_what_was_said),
        cmocka_unit_test(lines_bring_no_key_a_second_time),
        cmocka_unit_test(refuses_changes_that_overlap),
        cmocka_unit_test(refuses_what_does_not_read_as_it_should),
        cmocka_unit_test(a_pair_has_its_comments),
        cmocka_unit_test(a_pair_without_a_value_ends_with_its_key),
        cmocka_unit_test(a_question_mark_above_a_key_is_seen_and_one_in_a_text_is_none),
        cmocka_unit_test(a_key_below_its_question_mark_does_not_begin_its_line),
        cmocka_unit_test(shifting_moves_lines_and_leaves_blank_ones),
        cmocka_unit_test(sees_the_files_own_habits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
