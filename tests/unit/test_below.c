/* values/below.h and cm_yaml_begin_at: the one place where values of Connect's chart are read below a key, and the one where ours are put
 * below it. */
#include <config.h>

#include "values/below.h"
#include "values_helpers.h"

static const char OURS[] = "# Ours.\n# Keep it.\npod:\n  env:\n    # from values.yaml\n    - name: A\n      value: 'x: y'\n"
                           "config:\n  Server:\n    Note: |\n      one\n\n        two\n    Address: \"https://c\"\n";

static void what_is_put_below_a_key_is_read_there_as_it_was(void **state)
{
    (void)state;
    cm_autofree char *text = cm_values_put_below(OURS, "platform.connect");
    cm_autojson whole = helper_data(text);
    cm_autojson alone = helper_data(OURS);

    assert_true(json_equal(cm_json_at(whole, "platform.connect"), alone));
    assert_int_equal(json_object_size(whole), 1);
    assert_int_equal(strncmp(text, "# Ours.\n# Keep it.\nplatform:\n  connect:\n    pod:\n", 47), 0);
    assert_null(strstr(text, " \n"));
}

static void without_a_key_nothing_is_changed(void **state)
{
    (void)state;
    cm_autofree char *text = cm_values_put_below(OURS, NULL);

    assert_string_equal(text, OURS);
}

static void a_key_that_yaml_would_type_is_quoted(void **state)
{
    (void)state;
    cm_autofree char *text = cm_values_put_below("config: {}\n", "on");
    cm_autojson data = helper_data(text);

    assert_true(json_is_object(cm_json_at(data, "on.config")));
}

static struct cm_yaml_doc *begun(const char *text, const char *at)
{
    struct cm_yaml_doc *doc = helper_yaml(text);
    cm_yaml_begin_at(doc, at);
    return doc;
}

static void a_file_is_read_below_the_key_and_places_stay_its_own(void **state)
{
    (void)state;
    cm_autoyaml doc = begun("config: {a: 1}\nconnect:\n  config: {b: 2}\n", "connect");
    const struct cm_yaml *config = cm_yaml_get(cm_yaml_root(doc), "config");

    assert_null(cm_yaml_get(config, "a"));
    assert_string_equal(cm_yaml_get(config, "b")->text, "2");
    assert_int_equal(cm_yaml_get(config, "b")->line, 3);
}

static void a_key_that_is_not_there_or_no_map_leaves_an_empty_file(void **state)
{
    static const char *const texts[] = {"config: {a: 1}\n", "connect:\n", "connect: [config]\n", "connect: text\n", ""};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autoyaml doc = begun(texts[i], "connect");
        assert_null(cm_yaml_root(doc));
    }
}

static void an_alias_is_followed(void **state)
{
    (void)state;
    cm_autoyaml doc = begun("all: &x {connect: {replicas: 2}}\nplatform: *x\n", "platform.connect");

    assert_string_equal(cm_yaml_get(cm_yaml_root(doc), "replicas")->text, "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_below_a_key_is_read_there_as_it_was),
        cmocka_unit_test(without_a_key_nothing_is_changed),
        cmocka_unit_test(a_key_that_yaml_would_type_is_quoted),
        cmocka_unit_test(a_file_is_read_below_the_key_and_places_stay_its_own),
        cmocka_unit_test(a_key_that_is_not_there_or_no_map_leaves_an_empty_file),
        cmocka_unit_test(an_alias_is_followed),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
