/* explain: an action as its table entry says it, or a finding by its id. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "actions/findings.h"
#include "actions/registry.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/wrap.h"

static void paragraph(const char *title, const char *text)
{
    if (!text || !*text)
        return;
    printf("\n%s\n  ", title);
    cm_print_wrapped(stdout, text, 2, 2);
}

static void print_param(const struct cm_param *p)
{
    cm_autofree char *name = cm_fmt("%s (%s)", p->name, cm_type_word(p->type));
    int length = (int)strlen(p->help) - cm_ends(p->help, ".");
    cm_autofree char *text = cm_fmt("%.*s; %s%s", length, p->help, p->def ? "default " : "required", p->def ? p->def : "");
    cm_print_entry(stdout, 2, name, 26, text);
}

static void print_action(const struct cm_action *a)
{
    printf("%s  (%s)\n  ", a->name, cm_kind_word(a->kind));
    cm_print_wrapped(stdout, a->summary, 2, 2);
    paragraph("reads", a->reads);
    paragraph("does", a->does);
    paragraph("proves", a->proves);
    bool changes = a->kind == CM_TRIAL || a->kind == CM_EFFECT || a->kind == CM_HOLD;
    paragraph("undoes", a->undoes ? a->undoes : changes ? "Nothing." : "Nothing: it changes nothing outside.");
    cm_autofree char *back = cm_fmt("%s%s%s", cm_reversal_word(cm_reversal_of(a)), a->cost ? ": " : "", a->cost ? a->cost : "");
    paragraph("can it be taken back", back);
    paragraph("least rights", a->rights);
    if (a->page)
        paragraph("to read on", a->page);
    if (a->params && a->params->name)
        printf("\nparameters (with:)\n");
    for (const struct cm_param *p = a->params; p && p->name; p++)
        print_param(p);
    for (const char *const *n = a->needs; n && *n; n++)
        printf("%s  %s\n", n == a->needs ? "\nneeds from earlier steps\n" : "", *n);
    for (const char *const *g = a->gives; g && *g; g++)
        printf("%s  %s\n", g == a->gives ? "\ngives to later steps\n" : "", *g);
}

static json_t *action_json(const struct cm_action *a)
{
    json_t *params = json_array();
    for (const struct cm_param *p = a->params; p && p->name; p++)
        json_array_append_new(params, json_pack("{s:s, s:s, s:s?, s:s}", "name", p->name, "type", cm_type_word(p->type), "default",
                                                p->def, "help", p->help));
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:s?, s:o}", "name", a->name, "kind",
                     cm_kind_word(a->kind), "summary", a->summary, "reads", a->reads, "does", a->does, "proves", a->proves,
                     "undoes", a->undoes, "rights", a->rights, "reversal", cm_reversal_word(cm_reversal_of(a)), "cost", a->cost,
                     "params", params);
}

static void print_json(const json_t *value)
{
    cm_autofree char *text = json_dumps(value, JSON_INDENT(2));
    printf("%s\n", text);
}

/* ---- findings ---- */

static json_t *finding_json(const struct cm_finding_text *t)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "id", t->id, "title", t->title, "meaning", t->meaning, "remedy", t->remedy);
}

static void print_finding(const struct cm_finding_text *t, const char *id)
{
    printf("%s  (finding)\n  ", id);
    cm_print_wrapped(stdout, t->title, 2, 2);
    paragraph("means", t->meaning);
    paragraph("what to do", t->remedy);
    printf("\nWhat was seen, and where, the finding itself says: `connect-migrate-run check PLAN`.\n");
}

static void list_findings(bool json)
{
    cm_autojson all = json_array();
    for (const struct cm_finding_family *f = cm_finding_families; f->name; f++) {
        if (!json)
            printf("%s%s\n", f == cm_finding_families ? "" : "\n", f->title);
        for (const struct cm_finding_text *t = f->rows; t->id; t++) {
            json_array_append_new(all, finding_json(t));
            json_object_set_new(json_array_get(all, json_array_size(all) - 1), "family", json_string(f->title));
            if (!json)
                cm_print_entry(stdout, 2, t->id, 34, t->title);
        }
    }
    if (json)
        print_json(all);
}

/* ---- actions ---- */

static const struct cm_action *find_action(const char *name)
{
    for (size_t i = 0; cm_actions[i]; i++)
        if (strcmp(cm_actions[i]->name, name) == 0)
            return cm_actions[i];
    return NULL;
}

static int unknown(const char *name, struct cm_err **err)
{
    cm_autofree const char **ids = cm_finding_ids();
    const char *actions[128] = {0};
    for (size_t i = 0; cm_actions[i] && i < 127; i++)
        actions[i] = cm_actions[i]->name;
    const char *near = cm_nearest(name, actions);
    near = near ? near : cm_nearest(name, ids);
    cm_fail(err, CM_E_USAGE, "there is no action and no finding \"%s\"%s%s", name, near ? "; did you mean " : "", near ? near : "");
    cm_hint(err, "`connect-migrate-run explain` lists all actions, `connect-migrate-run explain findings` all findings.");
    return -1;
}

static int explain_one(const struct cm_invocation *in, struct cm_err **err)
{
    const char *name = in->args[0];
    const struct cm_action *action = find_action(name);
    const struct cm_finding_text *finding = action ? NULL : cm_finding_find(name);
    bool json = cm_given_times(in, CM_O_JSON) > 0;
    cm_autojson o = !json ? NULL : action ? action_json(action) : finding ? finding_json(finding) : NULL;
    if (strcmp(name, "findings") == 0)
        list_findings(json);
    else if (!action && !finding)
        return unknown(name, err);
    else if (json)
        print_json(o);
    else if (action)
        print_action(action);
    else
        print_finding(finding, name);
    return 0;
}

int cm_cmd_explain(const struct cm_invocation *in, struct cm_err **err)
{
    if (in->arg_count)
        return explain_one(in, err);
    cm_autojson all = json_array();
    for (size_t i = 0; cm_actions[i]; i++) {
        json_array_append_new(all, action_json(cm_actions[i]));
        if (!cm_given_times(in, CM_O_JSON))
            printf("%-24s %-8s %s\n", cm_actions[i]->name, cm_kind_word(cm_actions[i]->kind), cm_actions[i]->summary);
    }
    if (cm_given_times(in, CM_O_JSON))
        print_json(all);
    return 0;
}
