/* explain: an action as its table entry says it. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "actions/registry.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/wrap.h"

static const char *const types[] = {"text", "true or false", "number", "duration", "list", "map", "any"};

static void paragraph(const char *title, const char *text)
{
    if (!text || !*text)
        return;
    printf("\n%s\n  ", title);
    cm_print_wrapped(stdout, text, 2, 2);
}

static void print_param(const struct cm_param *p)
{
    cm_autofree char *name = cm_fmt("%s (%s)", p->name, types[p->type]);
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
        json_array_append_new(params, json_pack("{s:s, s:s, s:s?, s:s}", "name", p->name, "type", types[p->type], "default", p->def,
                                                "help", p->help));
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:o}", "name", a->name, "kind", cm_kind_word(a->kind),
                     "summary", a->summary, "reads", a->reads, "does", a->does, "proves", a->proves, "undoes", a->undoes, "rights",
                     a->rights, "params", params);
}

static int explain_one(const struct cm_invocation *in, struct cm_err **err)
{
    const char *names[128] = {0};
    for (size_t i = 0; cm_actions[i] && i < 127; i++) {
        names[i] = cm_actions[i]->name;
        if (strcmp(names[i], in->args[0]) != 0)
            continue;
        if (cm_given_times(in, CM_O_JSON)) {
            cm_autojson o = action_json(cm_actions[i]);
            cm_autofree char *text = json_dumps(o, JSON_INDENT(2));
            printf("%s\n", text);
        } else {
            print_action(cm_actions[i]);
        }
        return 0;
    }
    const char *near = cm_nearest(in->args[0], names);
    cm_fail(err, CM_E_USAGE, "there is no action \"%s\"%s%s", in->args[0], near ? "; did you mean " : "", near ? near : "");
    cm_hint(err, "`connect-migrate-run explain` lists all.");
    return -1;
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
    if (cm_given_times(in, CM_O_JSON)) {
        cm_autofree char *text = json_dumps(all, JSON_INDENT(2));
        printf("%s\n", text);
    }
    return 0;
}
