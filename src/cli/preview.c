/* The preview as a list of stages, steps and what each would do: see preview.h. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/preview.h"
#include "plan/plan.h"
#include "report/html.h"
#include "report/parts.h"

struct cm_preview {
    enum cm_preview_format format;
    struct cm_view view;
    const char *plan_file;
    json_t *all;   /* see preview.h */
    json_t *steps; /* of the stage at hand; borrowed */
    json_t *step;  /* the one at hand; borrowed */
};

/* ---- collecting ---- */

static void on_stage(void *ctx, size_t number, const char *id, const char *title)
{
    struct cm_preview *p = ctx;
    (void)number;
    p->steps = json_array();
    json_array_append_new(json_object_get(p->all, "stages"),
                          json_pack("{s:s, s:s, s:o}", "id", id, "title", title, "steps", p->steps));
}

static void on_step(void *ctx, const char *id, const char *summary, enum cm_moment moment, const char *message, int64_t took_ms)
{
    struct cm_preview *p = ctx;
    const char *state = moment == CM_STANDS ? "done" : moment == CM_ENDS_SKIPPED ? "skipped" : "open";
    (void)took_ms;
    p->step = json_pack("{s:s, s:s, s:s, s:[]}", "id", id, "summary", summary, "state", state, "does");
    if (message)
        json_object_set_new(p->step, "reason", json_string(message));
    json_array_append_new(p->steps, p->step);
}

static void on_will(void *ctx, const char *step, const char *kind, const char *text)
{
    struct cm_preview *p = ctx;
    (void)step;
    if (p->step)
        json_array_append_new(json_object_get(p->step, "does"), json_pack("{s:s, s:s}", "kind", kind, "text", text));
}

static void on_detail(void *ctx, const char *step, const json_t *detail)
{
    struct cm_preview *p = ctx;
    const char *gate = cm_json_text(detail, "gate", NULL);
    (void)step;
    if (!gate) {
        json_object_update(p->step, cm_json_loose(detail));
        return;
    }
    cm_autojson one = json_deep_copy(detail);
    cm_autofree char *command = cm_fmt("connect-migrate-run approve %s %s%s", p->plan_file, gate,
                                       cm_json_bool(detail, "attest", false) ? " --note \"what was seen, when, by whom\"" : "");
    json_object_set_new(one, "command", json_string(command));
    json_array_append(json_object_get(p->all, "approve"), one);
}

/* ---- the head ---- */

static void set_text(json_t *o, const char *name, const char *text)
{
    json_object_set_new(o, name, text ? json_string(text) : json_null());
}

static json_t *head(const struct cm_plan *plan)
{
    cm_autofree char *digest = cm_plan_digest(cm_plan_normal(plan));
    json_t *all =
        json_pack("{s:s, s:s, s:[], s:[], s:{}}", "plan", cm_plan_file(plan), "plan_digest", digest, "stages", "approve", "window");
    static const char *const texts[] = {"runbook", "ticket", "contact"}, *const edges[] = {"start", "end", "zone"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        set_text(all, texts[i], cm_plan_text(plan, texts[i]));
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        cm_autofree char *path = cm_fmt("window.%s", edges[i]);
        set_text(json_object_get(all, "window"), edges[i], cm_plan_text(plan, path));
    }
    const char *context = cm_plan_text(plan, "target.context"), *space = cm_plan_text(plan, "target.namespace");
    const char *release = cm_plan_text(plan, "target.release");
    cm_autofree char *target = release ? cm_fmt("release %s, namespace %s, context %s", release, space ? space : "(default)",
                                                context ? context : "(default)")
                                       : NULL;
    set_text(all, "target", target);
    const json_t *hosts = cm_plan_get(plan, "source.hosts");
    json_object_set_new(all, "source", hosts ? json_deep_copy(hosts) : json_array());
    return all;
}

struct cm_preview *cm_preview_new(enum cm_preview_format format, const struct cm_plan *plan)
{
    struct cm_preview *p = cm_alloc(sizeof *p);
    p->format = format;
    p->plan_file = cm_plan_file(plan);
    p->all = head(plan);
    p->view = (struct cm_view){.stage = on_stage, .step = on_step, .will = on_will, .detail = on_detail, .ctx = p};
    return p;
}

const struct cm_view *cm_preview_view(struct cm_preview *p) { return &p->view; }

/* ---- as text ---- */

/* Several lines (a difference) stand indented below. */
static void print_deed(const char *kind, const char *text, FILE *out)
{
    fprintf(out, "      %-8s ", kind);
    for (const char *nl; (nl = strchr(text, '\n')); text = nl + 1)
        fprintf(out, "%.*s\n               ", (int)(nl - text), text);
    fprintf(out, "%s\n", text);
}

static void print_step(const json_t *step, FILE *out)
{
    const char *state = cm_json_text(step, "state", ""), *reversal = cm_json_text(step, "reversal", "");
    bool open = strcmp(state, "open") == 0;
    size_t i;
    json_t *deed;
    fprintf(out, "    %-8s %-22s %s\n", open ? "" : state, cm_json_text(step, "id", ""), cm_json_text(step, "summary", ""));
    json_array_foreach(json_object_get(step, "does"), i, deed)
        print_deed(cm_json_text(deed, "kind", ""), cm_json_text(deed, "text", ""), out);
    if (open && strcmp(reversal, "changes nothing") != 0 && *reversal) {
        const char *cost = cm_json_text(step, "cost", NULL);
        cm_autofree char *text = cm_fmt("%s%s%s", reversal, cost ? ": " : "", cost ? cost : "");
        print_deed("undo", text, out);
    }
}

static void print_text(const json_t *all, FILE *out)
{
    size_t i, k;
    json_t *stage, *step, *gate;
    json_array_foreach(json_object_get(all, "stages"), i, stage)
    {
        fprintf(out, "\n%2zu  %s\n", i, cm_json_text(stage, "title", ""));
        json_array_foreach(json_object_get(stage, "steps"), k, step) print_step(step, out);
    }
    fprintf(out, "\nplan digest   %s\n", cm_json_text(all, "plan_digest", ""));
    json_array_foreach(json_object_get(all, "approve"), i, gate)
        fprintf(out, "%-13s %s\n              %s\n", cm_json_text(gate, "gate", ""), cm_json_text(gate, "digest", ""),
                cm_json_text(gate, "command", ""));
}

/* ---- as it was asked for ---- */

void cm_preview_print(struct cm_preview *p, FILE *out)
{
    if (p->format == CM_PREVIEW_TEXT) {
        print_text(p->all, out);
        return;
    }
    if (p->format == CM_PREVIEW_JSON) {
        cm_autofree char *text = json_dumps(p->all, JSON_INDENT(2));
        fprintf(out, "%s\n", text);
        return;
    }
    cm_autojson blocks = cm_preview_blocks(p->all);
    cm_autofree char *title = cm_fmt("Preview of the migration: %s", p->plan_file);
    if (p->format == CM_PREVIEW_HTML)
        cm_html_document(out, title, blocks, "", true, NULL);
    else
        cm_report_markdown(blocks, out);
}

void cm_preview_free(struct cm_preview *p)
{
    json_decref(p->all);
    free(p);
}
