/* values/quote.h, values/rendered.h: how a text is quoted, and how the chart prints a value. */
#include <config.h>

#include "values/quote.h"
#include "values/rendered.h"
#include "values_helpers.h"

static void prints_numbers_as_go_does(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"999999", "999999"},
        {"1000000", "1e+06"},
        {"1234567", "1.234567e+06"},
        {"20971520", "2.097152e+07"},
        {"21474836480", "2.147483648e+10"},
        {"5.0", "5"},
        {"1.10", "1.1"},
        {"0.00001", "1e-05"},
        {"0.00012", "0.00012"},
        {"999999.5", "999999.5"},
        {"1234567.5", "1.2345675e+06"},
        {"-1000000", "-1e+06"},
        {"0", "0"},
        {"-3", "-3"},
        {"12345678901234567890.0", "1.2345678901234567e+19"},
        {"true", "true"},
        {"null", ""},
        {"\"x\"", "x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cm_autojson j = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        cm_autofree char *text = cm_rendered_text(j);
        assert_string_equal(text, cases[i].text);
    }
}

static void quotes_so_that_yaml_gives_the_text_back(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "a",
                                        "it's",
                                        "yes",
                                        "1e3",
                                        "a\nb",
                                        "\t",
                                        "# x",
                                        "a: b",
                                        "\xc2\x85",
                                        "\xe2\x80\xa8",
                                        "\xef\xbb\xbf",
                                        "\x01",
                                        "\x7f",
                                        "\"\\",
                                        "{{ x }}",
                                        "\xf0\x9f\x98\x80",
                                        "- a",
                                        "'",
                                        "''",
                                        "\r"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autofree char *quoted = cm_yaml_quote(texts[i]);
        cm_autofree char *doc = cm_fmt("k: %s # c\n", quoted);
        cm_autojson data = helper_data(doc);
        assert_string_equal(cm_json_text(data, "k", "?"), texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_numbers_as_go_does),
        cmocka_unit_test(quotes_so_that_yaml_gives_the_text_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
