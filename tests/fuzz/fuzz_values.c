/* Hostile texts on every way into what we write: a quoted scalar, a key, a comment, a gcfg line, an edit, a unit's variable, the
 * temporary overlay, the conversion's values and its Secret manifest. What is written reads back as the same text, by libyaml and by our
 * reader; what is a secret of the source stands nowhere. The input is a text a line ("NAME=text", where \n, \r, \t, \d, \u stand for
 * characters that a line cannot hold or an editor does not show), and behind a line "===" a user's values file. The first line's first
 * letter is the way: convert, edit, gcfg (and variables), overlay, quote, or the user's file written again. */
#include <config.h>

#include "base/text.h"
#include "base/yaml.h"
#include "refusal.h"
#include "replay.h"
#include "values_reads.h"
#include "values/below.h"
#include "values/config.h"
#include "values/edit.h"
#include "values/overlay.h"
#include "values/quote.h"
#include "values/rendered.h"
#include "values/settings.h"
#include "values/variables.h"

static const char *const lines[] = { "SMTP.Password=p;w#\\", "Scheduler.MinProcessesLimit=0", "Foo.Bar= a ", "Server.Address=http://x", "Postgres.URL=u:p@h",
    "<no value>", "a: b # c", "'it''s \"x\"", "\\n\\n a", "\\ttab", "on", "1e3", "0644", "1_000", "-0.0", "1e400", "~", "\\u", "a\\ub", "\\d", "{a: b}",
    "[a, b]", "- a", "? a", "| a", "&a b", "*a", "!t a", "%a", "@a", "`a", "---", "...", "=a", "HTTP_PROXY=http://u:p@h:1", "NO_PROXY=.svc", "A=$'x'",
    "APP_TOKEN=x", "export A='b'", "Environment=\"A=b c\"", "===", "config:", "  Server: {Address: x}", "  Scheduler:", "    minprocesseslimit: 5",
    "pod:", "  env:", "  - name: A", "    value: \"\\u2028\"", "  - {name: B, value: b}", "  - [a, [b, \"\\x85 c\"]]", "rstudio-connect.gcfg: |",
    "a.b=\xc3\xa9\xe2\x80\xa8\xef\xbb\xbf", "\xff", "\xc2\x85\x7f", NULL };

enum { MOST = 6, LONGEST = 150 }; /* a key of more than 1024 characters is none to YAML, and each may become six */

struct text { char *name, *said; };    /* name NULL: none */
struct input {
    struct text list[MOST];
    size_t count;
    struct cm_yaml_doc *base;          /* NULL: none that can be read */
};

static const char marker[] = "zqZq";   /* in each secret, and nowhere else */

/* ---- the input ---- */

static char *decode(const char *from, size_t n)
{
    static const char *const codes[] = { "n\n", "r\r", "t\t", "d\x7f", "u\xe2\x80\xa8", NULL };
    struct cm_str out = CM_STR(CM_STR_BIG);
    for (size_t i = 0; i < n; i++) {
        const char *const *c = codes;
        while (*c && !(from[i] == '\\' && i + 1 < n && from[i + 1] == **c))
            c++;
        cm_str_add(&out, *c ? *c + 1 : "");
        if (!*c)
            cm_str_add_bytes(&out, from + i, 1);
        else
            i++;
    }
    return cm_str_take(&out);
}

static void add_text(struct input *in, const char *line, size_t n)
{
    size_t name = strcspn(line, "=");
    if (in->count == MOST || n > LONGEST || memchr(line, '\0', n))
        return;
    bool named = name < n && cm_utf8_valid(line, name);
    size_t from = named ? name + 1 : 0;
    in->list[in->count++] = (struct text){named ? cm_strndup(line, name) : NULL, decode(line + from, n - from)};
}

static void read_input(struct input *in, const char *data)
{
    while (*data) {
        size_t n = strcspn(data, "\n"), whole = n + (data[n] != '\0');
        if (n == 3 && strncmp(data, "===", 3) == 0) {
            in->base = cm_yaml_parse(data + whole, strlen(data + whole), "f", NULL);
            break;
        }
        add_text(in, data, n);
        data += whole;
    }
}

/* ---- each of the texts; in one file all of them, since reading is what takes the time ---- */

static bool is_text(const struct text *t) { return cm_utf8_valid(t->said, strlen(t->said)); }

static void are_quoted(const struct input *in)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    json_t *wanted = json_array();
    cm_str_add(&s, "- k: 1\n");
    json_array_append_new(wanted, json_pack("{s:i}", "k", 1));
    for (size_t i = 0; i < in->count; i++) {
        const char *text = in->list[i].said;
        cm_autofree char *quoted = cm_yaml_quote(text);
        if (!is_text(&in->list[i]))
            continue;
        cm_str_addf(&s, "- k: [%s, {%s: 1}]\n", quoted, quoted);
        cm_yaml_add_comment(&s, text, 2);
        cm_str_add(&s, "  l:\n    ");
        cm_yaml_add_key(&s, text);
        cm_str_addf(&s, ": %s\n", cm_yaml_plain_safe(text) ? text : quoted);
        cm_str_add(&s, "  m:");
        cm_autojson value = json_pack("{s:[s, [{s:s}]]}", text, text, text, text);
        cm_yaml_add_value(&s, value, 4);
        json_array_append_new(wanted, json_pack("{s:[s, {s:i}], s:{s:s}, s:O}", "k", text, text, 1, "l", text, text, "m", value));
    }
    reads_as(cm_str_text(&s), wanted);
    cm_str_fini(&s);
}

/* Where a user's file has it in one style or another. */
static void are_set(const struct input *in)
{
    static const char unix_file[] = "a: old # c\nb: 'old'\nc: \"old\"\nd: [old, b]\ne: {old: old}\nf: |\n  old\ng:\n- old\n- k: >-\n    old\n- \"old\"# c\nh: 1\n";
    static const char other_file[] = "a: old\r\nb: [\"old\", 'old']\r\nc: |\r\n  old\r\n\r\nd: >+\r\n  old\r\ne: 1\r\n";
    const char *file = in->count % 2 ? unix_file : other_file;
    cm_autoyaml doc = cm_yaml_parse(file, strlen(file), "f", NULL);
    struct cm_yaml *root = cm_yaml_root(doc);
    struct cm_edits *e = cm_edits_new(doc);
    cm_autojson changed = json_object();
    cm_autofree char *written = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i + 1 < root->count; i++) {
        const struct text *t = &in->list[i % in->count];
        struct cm_yaml *value = root->items[i];
        json_t *set = cm_yaml_json(doc, value);
        if (is_text(t) && !value->count) {
            cm_edit_set(e, value, t->said);
            json_object_set_new(changed, root->keys[i]->text, json_string(t->said));
        } else if (is_text(t) && value->type == CM_YAML_LIST) {
            cm_edit_set(e, value->items[0], t->said);
            json_array_set_new(set, 0, json_string(t->said));
            json_object_set(changed, root->keys[i]->text, set);
        }
        json_decref(set);
    }
    must(cm_edits_apply(e, changed, &written, &bytes, NULL) == 0);
    cm_edits_free(e);
}

static void are_gcfg_values(const struct input *in)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    struct cm_gcfg *g = cm_gcfg_new();
    cm_str_add(&s, "[S]\n");
    for (size_t i = 0; i < in->count; i++) {
        cm_autofree char *quoted = cm_gcfg_quote(in->list[i].said);
        must(!strstr(quoted, "<no value>") && !strchr(quoted, '\n'));
        if (is_text(&in->list[i]) && !strchr(quoted, '\r')) /* gcfg passes over these, and has no escape for them */
            cm_str_addf(&s, "k%zu = %s\n", i, quoted);
    }
    cm_str_add(&s, "l");
    must(cm_gcfg_add(g, cm_str_text(&s), s.len, "g", NULL) == 0);
    must(strcmp(cm_gcfg_get(g, "s", NULL, "L"), "true") == 0);
    for (size_t i = 0; i + 1 < g->count; i++)
        must(strcmp(g->list[i].value, in->list[strtoul(g->list[i].key + 1, NULL, 10)].said) == 0);
    cm_gcfg_free(g);
    cm_str_fini(&s);
}

static void are_rendered_as_numbers(const struct input *in)
{
    for (size_t i = 0; i < in->count; i++) {
        cm_autojson number = json_loads(in->list[i].said, JSON_DECODE_ANY, NULL);
        cm_autofree char *printed = json_is_number(number) ? cm_rendered_text(number) : NULL;
        must(!printed || strtod(printed, NULL) == json_number_value(number));
    }
}

/* ---- the unit's variables ---- */

/* The text with a backslash before these bytes. */
static char *escaped(const char *text, const char *bytes, bool no_breaks)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    for (; *text; text++) {
        cm_str_add(&s, strchr(bytes, *text) ? "\\" : "");
        cm_str_add_bytes(&s, no_breaks && *text == '\n' ? "\\n" : text, no_breaks && *text == '\n' ? 2 : 1);
    }
    return cm_str_take(&s);
}

static void are_variables(const struct input *in)
{
    struct cm_str words = CM_STR(CM_STR_BIG), file = CM_STR(CM_STR_BIG);
    struct cm_variables v = {0};
    const char *of[3 * MOST];
    size_t wanted = 0;
    for (size_t i = 0; i < in->count; i++) {
        const char *text = in->list[i].said;
        cm_autofree char *word = escaped(text, "\"\\", true), *quoted = escaped(text, "\"\\$`", false);
        cm_str_addf(&words, "  \"A=%s\" b", word);
        cm_str_addf(&file, "# c\nA=\"%s\"\n;\n", quoted);
        if (is_text(&in->list[i])) /* systemd passes over what is no text */
            of[wanted++] = text;
    }
    cm_variables_words(&v, cm_str_text(&words));
    must(v.count == wanted && cm_variables_file(&v, cm_str_text(&file), NULL, NULL) == 0 && v.count == 2 * wanted);
    must((cm_variables_file(&v, cm_str_text(&file), "f", NULL) == 0) == (wanted == in->count));
    for (size_t i = 0; i < 2 * wanted; i++)
        must(strncmp(v.items[i], "A=", 2) == 0 && strcmp(v.items[i] + 2, of[i % wanted]) == 0);
    cm_variables_fini(&v);
    cm_str_fini(&words);
    cm_str_fini(&file);
}

static void is_a_file_of_variables(const char *data)
{
    struct cm_variables v = {0};
    cm_autoerr err = NULL;
    must(cm_variables_file(&v, data, NULL, NULL) == 0);
    if (cm_variables_file(&v, data, "f", &err) != 0)
        must_be_placed(err);
    cm_variables_words(&v, data);
    for (size_t i = 0; i < v.count; i++)
        must(strspn(v.items[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strcspn(v.items[i], "=") &&
             strchr(v.items[i], '=') > v.items[i] && cm_utf8_valid(v.items[i], strlen(v.items[i])));
    cm_variables_fini(&v);
}

/* ---- the overlay ---- */

static bool is_name(const char *name, size_t n)
{
    bool good = n && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *name);
    for (size_t i = 0; i < n; i++)
        good &= name[i] && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", name[i]);
    return good;
}

static void is_below(const struct cm_yaml_doc *doc, const char *yaml, const char *key)
{
    cm_autofree char *below = cm_values_put_below(yaml, key);
    cm_autoyaml moved = cm_yaml_parse(below, strlen(below), "below", NULL);
    must(moved != NULL);
    cm_yaml_begin_at(moved, key);
    must(cm_yaml_root(moved) != NULL);
    must(same_tree(cm_yaml_root(doc), cm_yaml_root(moved)));
}

static size_t dots(const char *key)
{
    size_t n = 0;
    for (; *key; key++)
        n += *key == '.';
    return n;
}

/* As the chart prints them, in the ConfigMap among what else helm renders. */
static char *rendered(const struct cm_yaml *config)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    cm_str_add(&s, "---\nkind: Service\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  rstudio-connect.gcfg: |\n");
    for (size_t i = 0; i < config->count; i++) {
        const struct cm_yaml *title = config->keys[i], *keys = config->items[i];
        if (!is_name(title->text, title->text_bytes))
            continue;
        cm_str_addf(&s, "    [%s]\n", title->text);
        for (size_t k = 0; k < keys->count; k++)
            if (is_name(keys->keys[k]->text, keys->keys[k]->text_bytes))
                cm_str_addf(&s, "    %s = %s\n", keys->keys[k]->text, keys->items[k]->text);
    }
    cm_str_add(&s, "---\nkind: Deployment\n");
    must(!strstr(cm_str_text(&s), "<no value>"));
    cm_autofree char *manifests = cm_str_take(&s);
    char *gcfg = cm_manifest_gcfg(manifests, NULL);
    must(gcfg != NULL);
    return gcfg;
}

static void are_in_force(const json_t *settings, const json_t *originals, const char *yaml, const char *key)
{
    cm_autoyaml doc = cm_yaml_parse(yaml, strlen(yaml), "overlay", NULL);
    cm_autofree char *gcfg = rendered(cm_yaml_get(cm_yaml_root(doc), "config"));
    struct cm_gcfg *g = cm_gcfg_new();
    const char *name;
    json_t *value;
    must(cm_gcfg_add(g, gcfg, strlen(gcfg), "g", NULL) == 0);
    json_object_foreach((json_t *)(uintptr_t)settings, name, value)
    {
        const char *dot = strrchr(name, '.');
        cm_autofree char *section = cm_strndup(name, (size_t)(dot - name));
        const json_t *was = json_object_get(originals, name);
        must(json_is_true(json_object_get(was, "absent")) || json_is_string(json_object_get(was, "value")));
        if (is_name(section, strlen(section)) && is_name(dot + 1, strlen(dot + 1)))
            must(strcmp(cm_gcfg_get(g, section, NULL, dot + 1), json_string_value(value)) == 0);
    }
    cm_gcfg_free(g);
    is_below(doc, yaml, key);
}

static bool is_given(const json_t *settings, const char *name)
{
    const char *other;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)settings, other, value) if (cm_gcfg_same_name(name, other)) return true;
    return false;
}

static void are_temporary(const struct input *in)
{
    const struct cm_yaml_doc *const bases[] = {in->base, NULL};
    cm_autojson settings = json_object();
    cm_autojson originals = NULL;
    cm_autofree char *yaml = NULL;
    cm_autoerr err = NULL;
    bool good = true;
    const char *key = "a.b";
    for (size_t i = 0; i < in->count; i++) {
        const struct text *t = &in->list[i];
        const char *name = t->name ? t->name : "Scheduler.MaxProcessesLimit", *dot = strrchr(name, '.');
        if (!is_text(t) || is_given(settings, name))
            continue;
        good &= dot && dot != name && dot[1] && cm_manifest_safe(t->said);
        json_object_set_new(settings, name, json_string(t->said));
        key = dots(t->said) < 8 ? t->said : key;
    }
    must((cm_overlay_make(settings, bases, &yaml, &originals, &err) == 0) == good);
    if (good)
        are_in_force(settings, originals, yaml, key);
    else
        must(cm_err_code(err) == CM_E_USAGE && strncmp(cm_err_message(err), "temporary setting ", 18) == 0);
}

/* ---- the conversion ---- */

struct source {
    struct cm_str gcfg;
    struct cm_variables unit;
    const struct text *of[2 * MOST + 8];       /* by line of the gcfg; NULL: not a plain text of its own */
    size_t line;
};

static void add_line(struct source *s, const struct text *of, const char *text)
{
    if (s->line + 1 < sizeof s->of / sizeof *s->of)
        s->of[++s->line] = of;
    cm_str_addf(&s->gcfg, "%s\n", text);
}

static bool is_secret(const char *section, const char *key)
{
    bool exact;
    const struct cm_setting *known = cm_setting_find(section, key, &exact);
    return exact && known ? known->type == CM_V_SECRET : cm_setting_sounds_secret(key);
}

/* As a setting: of its own name where that is one, else one of these. */
static void add_setting(struct source *s, const struct text *t, size_t i)
{
    static const char *const others[] = { "Foo.Bar", "SMTP.Password", "Server.SenderEmail", "Postgres.URL", "Foo.APIToken", "Authorization.UserGroups",
                                          "LDAP.BindPassword", "OAuth2.ClientSecret", "RPackageRepository \"C\".URL", "Applications.HomeMount" };
    const char *name = t->name ? t->name : "", *dot = strchr(name, '.');
    if (!dot || !is_name(name, (size_t)(dot - name)) || !is_name(dot + 1, strlen(dot + 1))) {
        name = others[(i + strlen(t->said)) % (sizeof others / sizeof *others)];
        dot = strrchr(name, '.');
    }
    cm_autofree char *section = cm_strndup(name, (size_t)(dot - name)), *header = cm_fmt("[%s]", section);
    bool secret = is_secret(section, dot + 1), url = strcmp(dot + 1, "URL") == 0;
    cm_autofree char *said = secret ? cm_fmt("%s%s", marker, t->said) : url ? cm_fmt("postgres://u:%s%s@h/d", marker, t->said) : cm_strdup(t->said);
    cm_autofree char *quoted = cm_gcfg_quote(said), *line = cm_fmt("%s = %s", dot + 1, quoted), *comment = cm_fmt("; it was %s", said);
    if (strchr(said, '\r'))
        return;
    add_line(s, NULL, header);
    if (s->line < 2 * MOST && !strchr(said, '\n') && i % 3 == 0)
        cm_str_addf(&s->gcfg, "%s\n", comment), s->of[++s->line] = NULL;
    add_line(s, secret || url ? NULL : t, line);
}

static void add_variable(struct source *s, const struct text *t, size_t i)
{
    cm_autofree char *name = t->name && *t->name && !strpbrk(t->name, " .\\") ? cm_strdup(t->name) : cm_fmt("V%zu", i);
    bool secret = cm_setting_sounds_secret(name);
    cm_autofree char *word = escaped(t->said, "\"\\", true), *words = cm_fmt("\"%s=%s%s\"", name, secret ? marker : "", word);
    cm_variables_words(&s->unit, words);
}

static const struct cm_yaml *env_of(const struct cm_yaml *values, const char *name)
{
    const struct cm_yaml *env = cm_yaml_get(cm_yaml_get(values, "pod"), "env"), *found = NULL;
    for (size_t i = 0; env && i < env->count; i++) {
        const struct cm_yaml *own = cm_yaml_get(env->items[i], "name");
        if (own && own->type == CM_YAML_SCALAR && strcmp(own->text, name) == 0)
            found = env->items[i];
    }
    return found;
}

/* A kept setting's text is in the values, for Connect as it reads the chart's line. */
static bool is_in_config(const struct cm_yaml *values, const char *target, const char *text)
{
    const char *name = target + strlen("config."), *dot = strchr(name, '.');
    cm_autofree char *section = cm_strndup(name, (size_t)(dot - name));
    const struct cm_yaml *value = cm_yaml_get(cm_yaml_get(cm_yaml_get(values, "config"), section), dot + 1);
    if (!value)
        return false;
    bool found = false, single = value->type == CM_YAML_SCALAR;
    for (size_t i = 0; i < (single ? 1 : value->count); i++) {
        cm_autofree char *file = cm_fmt("[S]\nk = %s\n", single ? value->text : value->items[i]->text);
        struct cm_gcfg *g = cm_gcfg_new();
        must(cm_gcfg_add(g, file, strlen(file), "g", NULL) == 0 && g->count == 1);
        found |= strcmp(g->list[0].value, text) == 0;
        cm_gcfg_free(g);
    }
    return found;
}

static const char *of_unit(const struct source *s, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = s->unit.count; i > 0; i--) /* the last one counts */
        if (strncmp(s->unit.items[i - 1], name, n) == 0 && s->unit.items[i - 1][n] == '=')
            return s->unit.items[i - 1] + n + 1;
    return NULL;
}

static void look_at_row(const struct source *s, const struct cm_config_row *row, const struct cm_yaml *values, bool based)
{
    const char *variable = row->target && strncmp(row->target, "pod.env ", 8) == 0 ? row->target + 8 : NULL;
    const struct text *t = row->line && row->line <= s->line ? s->of[row->line] : NULL;
    const char *said = row->line ? (t ? t->said : NULL) : variable && !row->from_chart ? of_unit(s, variable) : NULL;
    must(!row->target || !strstr(row->target, marker));
    must((!row->reason || !strstr(row->reason, marker)) && !strstr(row->setting, marker));
    if (!said || row->fate != CM_KEEP || row->from_chart)
        return;
    if (variable) {
        const struct cm_yaml *entry = env_of(values, variable), *value = cm_yaml_get(entry, "value");
        must(based || (value && strcmp(value->text, said) == 0));
    } else if (row->target && strncmp(row->target, "config.", 7) == 0) {
        must(is_in_config(values, row->target, said) || based);
    }
}

/* The manifest: all its values are empty, and each is one that pod.env asks for. */
static void look_at_secrets(const struct cm_config_result *r, const struct cm_yaml *values)
{
    const json_t *all = cm_config_secrets(r);
    cm_autoyaml doc = r->secrets ? cm_yaml_parse(r->secrets, strlen(r->secrets), "secrets", NULL) : NULL;
    const struct cm_yaml *data = doc ? cm_yaml_get(cm_yaml_root(doc), "stringData") : NULL;
    must(!r->secrets == !json_array_size(all) && (!r->secrets || doc));
    must(!data || data->count == json_array_size(all));
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        const char *key = json_string_value(json_object_get(one, "key"));
        const struct cm_yaml *empty = cm_yaml_get(data, key), *entry = env_of(values, json_string_value(json_object_get(one, "variable")));
        const struct cm_yaml *ref = cm_yaml_get(cm_yaml_get(entry, "valueFrom"), "secretKeyRef");
        must(empty && !empty->text_bytes && ref);
        must(strcmp(cm_yaml_get(ref, "key")->text, key) == 0);
        must(strcmp(cm_yaml_get(ref, "name")->text, cm_yaml_get(cm_yaml_get(cm_yaml_root(doc), "metadata"), "name")->text) == 0);
    }
    if (r->secrets)
        agree(doc, r->secrets);
}

static void converts(const struct input *in, const struct source *s)
{
    const struct cm_yaml_doc *const bases[] = {in->base, NULL};
    const char *const base_names[] = {"f", NULL};
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_config_result r = {0};
    must(cm_gcfg_add(g, cm_str_text(&s->gcfg), s->gcfg.len, "g", NULL) == 0);
    struct cm_config_wish w = {.gcfg = g, .base = bases, .base_names = base_names, .release = "r",
                               .unit_environment = (const char *const *)s->unit.items, .rows_only = true};
    must(cm_config_convert(&w, &r, NULL) == 0);
    cm_autoyaml doc = cm_yaml_parse(r.values, strlen(r.values), "values", NULL);
    must(doc != NULL);
    if (s->line % 4 == 0) /* it takes as long as all the rest */
        agree(doc, r.values);
    struct cm_config_row row;
    for (size_t i = 0; cm_config_row(&r, i, &row); i++)
        look_at_row(s, &row, cm_yaml_root(doc), in->base != NULL);
    cm_autofree char *findings = json_dumps(r.findings, 0);
    must(findings && !strstr(findings, marker));
    must(!strstr(r.values, marker) && !(r.secrets && strstr(r.secrets, marker)));
    look_at_secrets(&r, cm_yaml_root(doc));
    is_below(doc, r.values, "a.'b'.c");
    cm_config_result_fini(&r);
    cm_gcfg_free(g);
}

/* ---- a user's own values, written again ---- */

static bool has_nul(const json_t *j)
{
    const char *key;
    json_t *value;
    size_t i;
    bool found = json_is_string(j) && strlen(json_string_value(j)) != json_string_length(j);
    json_object_foreach((json_t *)(uintptr_t)j, key, value) found |= has_nul(value);
    json_array_foreach(j, i, value) found |= has_nul(value);
    return found;
}

static void is_written_again(const struct cm_yaml_doc *base)
{
    const struct cm_yaml *root = base ? cm_yaml_root(base) : NULL;
    cm_autojson value = root ? cm_yaml_json(base, root) : json_null();
    struct cm_str s = CM_STR(CM_STR_BIG);
    if (has_nul(value))
        return;
    cm_str_add(&s, "k:");
    cm_yaml_add_value(&s, value, 2);
    reads_as(cm_str_text(&s), json_pack("{s:O}", "k", value));
    cm_str_fini(&s);
}

/* ---- the ways ---- */

static void are_converted(const struct input *in)
{
    struct source s = {.gcfg = CM_STR(CM_STR_BIG)};
    for (size_t i = 0; i < in->count; i++) {
        add_variable(&s, &in->list[i], i);
        if (is_text(&in->list[i]))
            add_setting(&s, &in->list[i], i);
    }
    converts(in, &s);
    cm_str_fini(&s.gcfg);
    cm_variables_fini(&s.unit);
}

/* One of them for each input, so that an input is a matter of a fraction of a millisecond: its first byte says which. */
static void go(const struct input *in, char way)
{
    static const char ways[] = "cegoqu";
    const char *at = way ? strchr(ways, way) : NULL;
    switch (at ? *at : ways[(unsigned char)way % 6]) {
    case 'c': are_converted(in); break;
    case 'e': are_set(in); break;
    case 'g':
        are_gcfg_values(in);
        are_rendered_as_numbers(in);
        are_variables(in);
        break;
    case 'o': are_temporary(in); break;
    case 'q': are_quoted(in); break;
    default: is_written_again(in->base); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cm_autofree char *data = cm_strndup((const char *)bytes, size);
    struct input in = {0};
    is_a_file_of_variables(data);
    read_input(&in, data + strcspn(data, "\n"));
    if (in.count && !strstr(data, marker))
        go(&in, *data);
    for (size_t i = 0; i < in.count; i++) {
        free(in.list[i].name);
        free(in.list[i].said);
    }
    cm_yaml_free(in.base);
    return 0;
}

CM_FUZZ_MAIN("values", lines)
