/* values/config_write.c: the YAML text of the conversion: the `config` section, pod.env, and the Secret's template.
 *
 * The chart prints values without quotes (templates/_config.tpl), so a value is quoted for gcfg first and the result is a YAML
 * string; every scalar is a string, because helm would turn numbers into floats and words into booleans. Does not: decide. */
#include <config.h>

#include <string.h>

#include "values/config_work.h"
#include "values/quote.h"

static void add_value(struct cm_str *out, const char *value)
{
    cm_autofree char *gcfg = cm_gcfg_quote(value);
    cm_autofree char *yaml = cm_yaml_quote(gcfg);
    cm_str_add(out, yaml);
    cm_str_add(out, "\n");
}

void cm_config_write_group(const struct cm_config_more *m, const struct cm_config_group *g, struct cm_str *out, int indent)
{
    if (g->comment)
        cm_yaml_add_comment(out, g->comment, indent);
    if (g->note)
        cm_yaml_add_comment(out, g->note, indent);
    cm_str_addf(out, "%*s", indent, "");
    cm_yaml_add_key(out, cm_config_key(m, g));
    if (g->empty_list) {
        cm_str_add(out, ": []\n");
        return;
    }
    bool yes;
    if (g->value && g->exact && g->known->rule == CM_RULE_YAML_BOOL && cm_gcfg_bool_word(g->value, &yes)) {
        cm_str_addf(out, ": %s\n", yes ? "true" : "false"); /* templates/deployment.yaml asks for its truth */
        return;
    }
    if (g->value) {
        cm_str_add(out, ": ");
        add_value(out, g->value);
        return;
    }
    cm_str_add(out, ":\n");
    for (cm_config_at i = g->live; i != CM_NO_SETTING; i = m->next[i]) {
        cm_str_addf(out, "%*s- ", indent + 2, "");
        add_value(out, m->gcfg->list[i].value);
    }
}

void cm_config_write_section(const struct cm_config_more *m, const struct cm_config_section *s, struct cm_str *out, int indent,
                             bool with_title)
{
    bool titled = !with_title, said = false;
    for (cm_config_at j = s->first; j != CM_NO_SETTING; j = m->groups[j].next_in_section) {
        if (m->groups[j].where != CM_TO_CONFIG)
            continue;
        if (!titled) {
            if (s->comment)
                cm_yaml_add_comment(out, s->comment, indent);
            cm_str_addf(out, "%*s", indent, "");
            cm_yaml_add_key(out, s->title);
            cm_str_add(out, ":\n");
            titled = true;
        } else if (!with_title && !said && s->comment) {
            cm_yaml_add_comment(out, s->comment, indent + 2);
        }
        said = true;
        cm_config_write_group(m, &m->groups[j], out, indent + 2);
    }
}

void cm_config_write_env(const struct cm_config_more *m, struct cm_str *out, int indent)
{
    for (size_t i = 0; i < m->env_count; i++) {
        const struct cm_config_env *e = &m->env[i];
        if (e->note)
            cm_yaml_add_comment(out, e->note, indent);
        cm_str_addf(out, "%*s- name: ", indent, "");
        cm_yaml_add_key(out, e->name);
        cm_str_add(out, "\n");
        if (*e->secret_key) {
            cm_str_addf(out, "%*svalueFrom:\n%*ssecretKeyRef:\n", indent + 2, "", indent + 4, "");
            cm_str_addf(out, "%*sname: ", indent + 6, "");
            cm_yaml_add_key(out, m->secret_name);
            cm_str_addf(out, "\n%*skey: ", indent + 6, "");
            cm_yaml_add_key(out, e->secret_key);
            cm_str_add(out, "\n");
        } else {
            cm_autofree char *value = cm_yaml_quote(e->value);
            cm_str_addf(out, "%*svalue: %s\n", indent + 2, "", value);
        }
    }
}

/* helm replaces lists: the base's entries come first, then ours. */
static void write_pod_env(struct cm_config_work *w, struct cm_str *out)
{
    cm_str_add(out, "pod:\n  env:\n");
    if (w->base_env && w->base_env->type == CM_YAML_LIST && w->base_env->count) {
        cm_autojson base = cm_yaml_json(w->env_doc, w->base_env);
        struct cm_str items = CM_STR(CM_STR_BIG);
        cm_yaml_add_value(&items, base, 4);
        cm_str_addf(out, "    # from %s, since helm replaces lists whole\n%s    # added\n", w->env_file, cm_str_text(&items) + 1);
        cm_str_fini(&items);
    }
    cm_config_write_env(w->m, out, 4);
}

static void write_secrets(struct cm_config_work *w)
{
    struct cm_config_more *m = w->m;
    if (!json_array_size(m->secrets))
        return;
    struct cm_str s = CM_STR(CM_STR_BIG);
    cm_str_add(&s,
               "# Secrets of the old server's configuration. Fill in the values, apply it with kubectl apply -f, and keep this\n"
               "# file out of version control.\n"
               "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ");
    cm_yaml_add_key(&s, m->secret_name);
    cm_str_add(&s, "\ntype: Opaque\nstringData:\n");
    for (size_t i = 0; i < json_array_size(m->secrets); i++) {
        const json_t *one = json_array_get(m->secrets, i);
        cm_yaml_add_comment(&s, json_string_value(json_object_get(one, "setting")), 2);
        cm_str_add(&s, "  ");
        cm_yaml_add_key(&s, json_string_value(json_object_get(one, "key")));
        cm_str_add(&s, ": ''\n");
    }
    w->out->secrets = cm_str_take(&s);
}

void cm_config_write(struct cm_config_work *w)
{
    struct cm_config_more *m = w->m;
    struct cm_str out = CM_STR(CM_STR_BIG);
    cm_str_add(&out, "# The old server's configuration as values of the chart: only what your own values files do not say.\n");
    if (m->env_count)
        write_pod_env(w, &out);
    cm_str_add(&out, "config:\n");
    size_t before = out.len;
    for (size_t i = 0; i < m->section_count; i++)
        cm_config_write_section(m, &m->sections[i], &out, 2, true);
    if (out.len == before) {
        out.len -= strlen("\n");
        cm_str_add(&out, " {}\n");
    }
    if (m->tail)
        cm_yaml_add_comment(&out, m->tail, 2);
    w->out->values = cm_str_take(&out);
    write_secrets(w);
}
