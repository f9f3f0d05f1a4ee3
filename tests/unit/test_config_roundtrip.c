/* The conversion as a property: for generated files with hostile values, gcfg → values → what the chart prints → gcfg gives the same
 * settings. Printer and reader here are written from the chart's rule and the format's measured grammar, without our code. */
#include <config.h>

#include <ctype.h>

#include "values_helpers.h"

enum { FILES = 1500 };

/* ---- chance, the same each time ---- */

static uint32_t seed;

static size_t chance(size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* ---- settings as lines "section \x1e sub \x1f key \x1d value", in order, lists as repeats ---- */

struct settings {
    char **list;
    size_t count, cap;
};

static void add(struct settings *s, const char *section, const char *sub, const char *key, const char *value)
{
    char *line = cm_fmt("%s\x1e%s\x1f%s\x1d%s", section, sub ? sub : "\x01", key, value);
    for (char *p = line; *p && *p != '\x1e'; p++)
        *p = (char)tolower((unsigned char)*p);
    for (char *p = strchr(line, '\x1f'); *p && *p != '\x1d'; p++)
        *p = (char)tolower((unsigned char)*p);
    s->list = cm_grow(s->list, &s->cap, s->count + 1, sizeof *s->list);
    s->list[s->count++] = line;
}

static void settings_fini(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i]);
    free(s->list);
}

static bool has(const struct settings *s, const char *line)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->list[i], line) == 0)
            return true;
    return false;
}

/* ---- generating ---- */

static const char *const pieces[] = {"\"",
                                     "\\",
                                     ";",
                                     "#",
                                     " ",
                                     "\t",
                                     "'",
                                     "''",
                                     "{{",
                                     "}}",
                                     "{{ .Values.x }}",
                                     "<no value>",
                                     "<no",
                                     "yes",
                                     "on",
                                     "1e6",
                                     "1e+06",
                                     "1000000",
                                     "0x1F",
                                     "0644",
                                     "0o17",
                                     "true",
                                     "null",
                                     "~",
                                     "- a",
                                     "a: b",
                                     "[x]",
                                     "{y}",
                                     "!tag",
                                     "&a",
                                     "*a",
                                     "%",
                                     "@",
                                     "`",
                                     "|",
                                     ">",
                                     "?",
                                     "\xc3\xa9",
                                     "\xe6\x97\xa5",
                                     "\xf0\x9f\x98\x80",
                                     "\xc2\xa0",
                                     "=",
                                     "\n",
                                     "5m",
                                     "1_000",
                                     ".inf",
                                     "2024-01-01",
                                     "1:30",
                                     "${X}",
                                     "%s",
                                     "---",
                                     "...",
                                     "#c",
                                     "x",
                                     "word",
                                     "\xee\x80\x80"};
static const char *const sections[] = {"Server", "server", "Foo", "Bar-1", "Scheduler", "RPackageRepository", "LDAP"};
static const char *const subs[] = {NULL, NULL, "CRAN", "a \"b\" \\c", "x; y", "caf\xc3\xa9"};
static const char *const keys[] = {"SenderEmail", "Alpha", "alpha", "B2", "Y", "On", "No", "Null", "Key-x", "ViewerText", "TRUE"};

static char *hostile_value(void)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    for (size_t n = chance(6); n > 0; n--)
        cm_str_add(&s, pieces[chance(sizeof pieces / sizeof *pieces)]);
    return cm_str_take(&s);
}

static void add_quoted(struct cm_str *out, const char *value)
{
    cm_str_add(out, "\"");
    for (; *value; value++)
        cm_str_addf(out, *value == '"' || *value == '\\' ? "\\%c" : *value == '\n' ? "\\n" : "%c", *value);
    cm_str_add(out, "\"");
}

/* Values are always in quotes here: what the bare forms mean is test_gcfg's part. */
static char *generate(struct settings *put)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (size_t n = 1 + chance(5); n > 0; n--) {
        const char *section = sections[chance(7)], *sub = subs[chance(6)];
        cm_str_addf(&s, "[%s", section);
        if (sub) {
            cm_str_add(&s, " ");
            add_quoted(&s, sub);
        }
        cm_str_add(&s, "] ; header\n");
        for (size_t k = 1 + chance(4); k > 0; k--) {
            const char *key = keys[chance(11)];
            cm_autofree char *value = hostile_value();
            if (chance(5) == 0)
                cm_str_addf(&s, "; %zu a comment \xe2\x80\xa8 with a line break of Unicode\n", k);
            cm_str_addf(&s, "  %s = ", key);
            add_quoted(&s, value);
            cm_str_add(&s, chance(3) ? "\n" : " # behind\n");
            add(put, section, sub, key, value);
        }
    }
    return cm_str_take(&s);
}

/* ---- the chart's rule: sorted sections and keys, values bare, lists one line each; then helm takes "<no value>" away ---- */

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static size_t sorted_keys(json_t *map, const char **out)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach(map, key, value) out[n++] = key;
    if (n)
        qsort(out, n, sizeof *out, by_name);
    return n;
}

static void print_value(struct cm_str *out, const char *key, const json_t *value)
{
    assert_true(json_is_string(value)); /* no number, no boolean, no null, no map is ever written */
    cm_str_addf(out, "%s = %s\n", key, json_string_value(value));
}

static char *print_as_the_chart(json_t *config)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    const char *titles[64], *names[64];
    for (size_t i = 0, n = sorted_keys(config, titles); i < n; i++) {
        json_t *section = json_object_get(config, titles[i]);
        cm_str_addf(&s, "[%s]\n", titles[i]);
        for (size_t k = 0, m = sorted_keys(section, names); k < m; k++) {
            const json_t *value = json_object_get(section, names[k]);
            for (size_t j = 0; j < json_array_size(value); j++)
                print_value(&s, names[k], json_array_get(value, j));
            if (!json_is_array(value))
                print_value(&s, names[k], value);
        }
        cm_str_add(&s, "\n");
    }
    char *text = cm_str_take(&s);
    for (char *p; (p = strstr(text, "<no value>"));)
        memmove(p, p + 10, strlen(p + 10) + 1);
    return text;
}

/* ---- a reader of its own: one line a setting, as the chart prints them ---- */

static void read_value(const char **p, char *to)
{
    char *keep = to;
    bool quoted = false;
    for (; **p && (quoted || (**p != ';' && **p != '#')) && **p != '\n'; ++*p) {
        if (**p == '\\') {
            ++*p;
            *to++ = **p == 'n' ? '\n' : **p == 't' ? '\t' : **p;
            assert_true(quoted ? **p && strchr("nt\"\\", **p) : **p == '"');
            keep = to;
        } else if (**p == '"') {
            quoted = !quoted;
            keep = to;
        } else {
            *to++ = **p;
            if (quoted || !strchr(" \t", **p))
                keep = to;
        }
    }
    assert_false(quoted);
    *keep = '\0';
}

static void read_back(const char *text, struct settings *got)
{
    char section[256] = "", sub[256] = "", key[256], value[8192];
    bool has_sub = false;
    for (const char *p = text; *p; p += *p == '\n') {
        if (*p == '[') {
            size_t n = strcspn(++p, " ]");
            snprintf(section, sizeof section, "%.*s", (int)n, p);
            p += n;
            has_sub = *p == ' ';
            if (has_sub) {
                char *to = sub;
                for (p += 2; *p != '"'; p++) {
                    p += *p == '\\';
                    *to++ = *p;
                }
                *to = '\0';
                p++;
            }
            assert_int_equal(*p, ']');
            p++;
        } else if (*p != '\n') {
            size_t n = strcspn(p, " ");
            snprintf(key, sizeof key, "%.*s", (int)n, p);
            assert_memory_equal(p + n, " = ", 3);
            p += n + 3;
            p += strspn(p, " \t");
            read_value(&p, value);
            add(got, section, has_sub ? sub : NULL, key, value);
        }
        assert_true(*p == '\0' || *p == '\n');
    }
}

/* ---- the property ---- */

static void one_file(unsigned n)
{
    struct settings put = {0}, got = {0};
    struct cm_config_result r;
    seed = n;
    cm_autofree char *text = generate(&put);
    struct cm_gcfg *g = helper_gcfg(text);
    struct cm_config_wish w = {.gcfg = g, .release = "r"};
    assert_int_equal(g->count, put.count);
    assert_int_equal(cm_config_convert(&w, &r, NULL), 0);
    cm_autojson data = helper_data(r.values);
    cm_autofree char *printed = print_as_the_chart(json_object_get(data, "config"));
    read_back(printed, &got);
    size_t kept = 0;
    for (size_t i = 0; i < put.count; i++) {
        struct cm_config_row row;
        assert_true(cm_config_row(&r, i, &row));
        if (row.fate != CM_KEEP && row.fate != CM_ASK)
            continue; /* replaced by a later one: told in its row */
        kept++;
        if (!has(&got, put.list[i]))
            fail_msg("file %u: setting %zu of\n%s\nis not in\n%s", n, i, text, printed);
    }
    if (kept != got.count)
        fail_msg("file %u: %zu settings kept, %zu printed\n%s\n%s", n, kept, got.count, text, printed);
    assert_int_equal(r.kept + r.dropped + r.changed + r.secret + r.asked + r.blocked, put.count);
    cm_config_result_fini(&r);
    cm_gcfg_free(g);
    settings_fini(&put);
    settings_fini(&got);
}

static void what_goes_in_comes_out_of_the_chart_again(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= FILES; n++)
        one_file(n);
}

/* Converting what the conversion has made, as a base, adds nothing. */
static void its_own_result_as_a_base_adds_nothing(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 200; n++) {
        struct settings put = {0};
        struct cm_config_result first, again;
        seed = n;
        cm_autofree char *text = generate(&put);
        struct cm_gcfg *g = helper_gcfg(text);
        struct cm_config_wish w = {.gcfg = g, .release = "r"};
        assert_int_equal(cm_config_convert(&w, &first, NULL), 0);
        struct cm_yaml_doc *base = helper_yaml(first.values);
        const struct cm_yaml_doc *const bases[] = {base, NULL};
        w.base = bases;
        assert_int_equal(cm_config_convert(&w, &again, NULL), 0);
        cm_autojson data = helper_data(again.values);
        if (json_object_size(json_object_get(data, "config")) != 0)
            fail_msg("file %u: converted again, it adds\n%s\nto\n%s", n, again.values, first.values);
        cm_config_result_fini(&first);
        cm_config_result_fini(&again);
        cm_yaml_free(base);
        cm_gcfg_free(g);
        settings_fini(&put);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_of_the_chart_again),
        cmocka_unit_test(its_own_result_as_a_base_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
