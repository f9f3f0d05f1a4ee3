/* values/check_config.c: what the chart prints of `config` and what Connect then reads. The chart prints values bare: a number from a
 * million on becomes 1e+06, a ';' or '#' cuts a value off, a null makes an empty value, a map is garbage. Sources: rstudio-library
 * templates/_config.tpl; helm's merging; gcfg's grammar. Does not: know which settings exist (that is Connect's to refuse). */
#include <config.h>

#include <string.h>

#include "values/check_work.h"
#include "values/config.h"
#include "values/quote.h"
#include "values/rendered.h"
#include "values/settings.h"

struct place {
    struct cm_values_look *l;
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *node;
    const char *setting;
    bool counts;
};

static void say(const struct place *p, const char *verdict, const char *word, const char *seen, const char *remedy)
{
    cm_autofree char *id = cm_fmt("values.%s.%s", word, p->setting);
    for (char *c = id; *c; c++)
        if (strchr(" \"'", *c))
            *c = '-';
    cm_look_finding(p->l, p->doc, p->node, verdict, id, remedy, "config.%s: %s", p->setting, seen);
}

/* Read what the chart prints as Connect does: is it the value that stands in the file? */
static void check_text(const struct place *p, const char *printed)
{
    cm_autofree char *line = cm_fmt("[S]\nK = %s\n", printed);
    struct cm_gcfg *g = cm_gcfg_new();
    cm_autoerr why = NULL;
    if (!cm_manifest_safe(printed) || strchr(printed, '\n'))
        say(p, "blocker", "line-break",
            "a line break or control character; the chart prints values bare, and the rest becomes a line of its own",
            "Write it in gcfg's quotes inside YAML's: '\"one\\ntwo\"'.");
    else if (cm_gcfg_add(g, line, strlen(line), "", &why) != 0)
        say(p, "blocker", "unreadable",
            "Connect cannot read the value as the chart prints it: a quote that is not closed, or a bare backslash",
            "Write it in gcfg's quotes inside YAML's: '\"C:\\\\x\"'.");
    else if (strpbrk(printed, ";#") && g->list[0].comment)
        say(p, "warning", "cut-off", "everything from ';' or '#' on is a comment to Connect: the value is cut off there",
            "Write it in gcfg's quotes inside YAML's: '\"a; b\"'.");
    cm_gcfg_free(g);
}

static void check_number(const struct place *p, const json_t *value)
{
    cm_autofree char *printed = cm_rendered_text(value);
    if (strchr(printed, 'e')) {
        cm_autofree char *seen = cm_fmt("helm prints this number as %s, which Connect reads as no number", printed);
        say(p, p->counts ? "blocker" : "warning", "number", seen, "Write the number in quotes.");
    } else if (p->node->type == CM_YAML_SCALAR && strcmp(printed, p->node->text) != 0) {
        cm_autofree char *seen = cm_fmt("%s is printed as %s", p->node->text, printed);
        say(p, "warning", "number", seen, "Write it in quotes, if it is to stay as it is.");
    }
}

static bool chart_has(const char *section, const char *key)
{
    cm_autofree char *title = NULL;
    for (const struct cm_chart_default *d = cm_chart_defaults; d->section; d++) {
        free(title);
        title = d->sub ? cm_fmt("%s \"%s\"", d->section, d->sub) : cm_strdup(d->section);
        if (strcmp(title, section) == 0 && (!key || strcmp(d->key, key) == 0))
            return true;
    }
    return !key && (strcmp(section, "Launcher") == 0 || strcmp(section, "Kubernetes") == 0);
}

static void check_value(struct place p, const char *section, const char *key)
{
    cm_autojson value = cm_yaml_json(p.doc, p.node);
    if (json_is_null(value) && !chart_has(section, key))
        say(&p, "warning", "empty", "null: the chart prints an empty value here, which Connect refuses for numbers and switches",
            "Remove the line; a default comes back by its absence.");
    else if (json_is_object(value))
        say(&p, "blocker", "map", "a map; the chart would print it as map[…]", "Write one value, or a list.");
    else if (json_is_number(value))
        check_number(&p, value);
    else if (json_is_string(value))
        check_text(&p, json_string_value(value));
    for (size_t i = 0; p.node->type == CM_YAML_LIST && i < p.node->count; i++) {
        cm_autojson item = cm_yaml_json(p.doc, p.node->items[i]);
        struct place q = {p.l, p.doc, p.node->items[i], p.setting, p.counts};
        if (json_is_string(item))
            check_text(&q, json_string_value(item));
        else if (json_is_number(item))
            check_number(&q, item);
    }
}

/* A secret in `config` ends in a ConfigMap, in clear. */
static void check_secret(const struct place *p, const char *section, const char *key)
{
    bool exact;
    const struct cm_setting *known = cm_setting_find(section, key, &exact);
    const char *text = p->node->type == CM_YAML_SCALAR ? p->node->text : "";
    const char *user = strstr(text, "://"), *at = user ? strrchr(user, '@') : NULL;
    bool in_url = at && memchr(user + 3, ':', (size_t)(at - user - 3));
    if (*text && (in_url || (exact ? known->type == CM_V_SECRET : cm_setting_sounds_secret(key))))
        say(p, "warning", "secret", "a secret that ends in a ConfigMap, in clear",
            "Give it by pod.env with valueFrom.secretKeyRef.");
}

static bool is_number(const char *section, const char *key)
{
    bool exact;
    const struct cm_setting *known = cm_setting_find(section, key, &exact);
    return exact && (known->type == CM_V_INT || known->type == CM_V_BYTES || known->type == CM_V_DURATION);
}

static void check_section(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *title,
                          const struct cm_yaml *keys)
{
    const char *spelled_section, *spelled_key;
    struct place p = {l, doc, title, title->text, false};
    size_t plain = strcspn(title->text, " \"");
    cm_autofree char *section = cm_strndup(title->text, plain);
    cm_setting_spelling(section, "", &spelled_section, &spelled_key);
    if (!title->text[plain] && strcmp(spelled_section, section) != 0) {
        cm_autofree char *seen =
            cm_fmt("helm does not merge this with the section %s; Connect reads both, and the later one wins", spelled_section);
        cm_autofree char *remedy = cm_fmt("Spell it %s.", spelled_section);
        say(&p, "warning", "spelling", seen, remedy);
    }
    if (keys->type != CM_YAML_MAP) {
        if (keys->type == CM_YAML_LIST || keys->text_bytes)
            say(&p, "blocker", "section", "a section must be a map; the chart's template breaks on it", "Write settings below it.");
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        const char *key = keys->keys[i]->text;
        struct place q = {l, doc, keys->items[i]->type == CM_YAML_ALIAS ? keys->items[i]->target : keys->items[i],
                          cm_arena_fmt(l->arena, "%s.%s", title->text, key), is_number(section, key)};
        check_value(q, title->text, key);
        check_secret(&q, section, key);
        cm_setting_spelling(section, key, &spelled_section, &spelled_key);
        if (strcmp(spelled_key, key) != 0 && chart_has(spelled_section, spelled_key)) {
            cm_autofree char *seen = cm_fmt("helm does not merge this with the chart's %s; Connect reads both", spelled_key);
            cm_autofree char *remedy = cm_fmt("Spell it %s.", spelled_key);
            q.node = keys->keys[i];
            say(&q, "warning", "spelling", seen, remedy);
        }
    }
}

void cm_check_config(struct cm_values_look *l)
{
    for (size_t d = 0; d < l->count; d++) {
        const struct cm_yaml *root = cm_values_root(l->docs[d]), *config = root ? cm_yaml_get(root, "config") : NULL;
        for (size_t i = 0; config && config->type == CM_YAML_MAP && i < config->count; i++)
            check_section(l, l->docs[d], config->keys[i], config->items[i]);
        if (config && config->type == CM_YAML_SCALAR)
            cm_look_finding(l, l->docs[d], config, "blocker", "values.config", "Remove it, or write sections below it.",
                            "config is empty: helm then takes all of the chart's own settings away");
    }
}
