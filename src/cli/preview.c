/* The preview as a list of stages, steps and what each would do: see preview.h. */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/preview.h"

struct cm_preview {
    enum cm_preview_format format;
    struct cm_view view;
    json_t *all;   /* {"plan", "stages": [{"id", "title", "steps": [{"id", "summary", "state", "does": [{"kind", "text"}]}]}]} */
    json_t *steps; /* of the stage at hand; borrowed */
    json_t *does;  /* of the step at hand; borrowed */
};

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
    p->does = json_array();
    json_t *step = json_pack("{s:s, s:s, s:s, s:o}", "id", id, "summary", summary, "state", state, "does", p->does);
    if (message)
        json_object_set_new(step, "reason", json_string(message));
    json_array_append_new(p->steps, step);
}

static void on_will(void *ctx, const char *step, const char *kind, const char *text)
{
    struct cm_preview *p = ctx;
    (void)step;
    if (p->does)
        json_array_append_new(p->does, json_pack("{s:s, s:s}", "kind", kind, "text", text));
}

struct cm_preview *cm_preview_new(enum cm_preview_format format, const char *plan)
{
    struct cm_preview *p = cm_alloc(sizeof *p);
    p->format = format;
    p->all = json_pack("{s:s, s:[]}", "plan", plan, "stages");
    p->view = (struct cm_view){.stage = on_stage, .step = on_step, .will = on_will, .ctx = p};
    return p;
}

const struct cm_view *cm_preview_view(struct cm_preview *p) { return &p->view; }

static void put_escaped(FILE *out, const char *text, enum cm_preview_format format)
{
    for (; *text; text++) {
        const char *as = NULL;
        if (format == CM_PREVIEW_HTML)
            as = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (as)
            fputs(as, out);
        else
            fputc(*text, out);
    }
}

/* Several lines (a difference) stand indented below, or in a block of their own. */
static void print_deed(const json_t *deed, enum cm_preview_format format, FILE *out)
{
    const char *kind = cm_json_text(deed, "kind", ""), *text = cm_json_text(deed, "text", "");
    bool block = strchr(text, '\n') != NULL;
    if (format == CM_PREVIEW_HTML)
        fprintf(out, "<li><span class=\"kind\">%s</span> <%s>", kind, block ? "pre" : "code");
    else if (format == CM_PREVIEW_MARKDOWN)
        fprintf(out, block ? "  - %s\n\n```\n" : "  - %s: ``", kind);
    else
        fprintf(out, "      %-8s ", kind);
    for (const char *at = text, *nl; format == CM_PREVIEW_TEXT && (nl = strchr(at, '\n')); at = nl + 1) {
        fprintf(out, "%.*s\n               ", (int)(nl - at), at);
        text = nl + 1;
    }
    put_escaped(out, text, format);
    fputs(format == CM_PREVIEW_HTML       ? (block ? "</pre></li>\n" : "</code></li>\n")
          : format == CM_PREVIEW_MARKDOWN ? (block ? "\n```\n" : "``\n")
                                          : "\n",
          out);
}

static void print_step(const json_t *step, enum cm_preview_format format, FILE *out)
{
    const char *id = cm_json_text(step, "id", ""), *summary = cm_json_text(step, "summary", ""),
               *state = cm_json_text(step, "state", "");
    bool open = strcmp(state, "open") == 0;
    size_t i;
    json_t *deed;
    if (format == CM_PREVIEW_HTML)
        fprintf(out, "<li><strong>%s</strong> %s%s<ul>\n", id, summary,
                open                         ? ""
                : strcmp(state, "done") == 0 ? " (done)"
                                             : " (skipped)");
    else if (format == CM_PREVIEW_MARKDOWN)
        fprintf(out, "- **%s** %s%s%s%s\n", id, summary, open ? "" : " (", open ? "" : state, open ? "" : ")");
    else
        fprintf(out, "    %-8s %-22s %s\n", open ? "" : state, id, summary);
    json_array_foreach(json_object_get(step, "does"), i, deed) print_deed(deed, format, out);
    if (format == CM_PREVIEW_HTML)
        fputs("</ul></li>\n", out);
}

void cm_preview_print(struct cm_preview *p, FILE *out)
{
    size_t i, k;
    json_t *stage, *step;
    if (p->format == CM_PREVIEW_JSON) {
        cm_autofree char *text = json_dumps(p->all, JSON_INDENT(2));
        fprintf(out, "%s\n", text);
        return;
    }
    if (p->format == CM_PREVIEW_HTML)
        fputs(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Preview</title><style>body{font:15px/1.5 system-ui,sans-serif;"
            "max-width:60rem;margin:2rem auto;padding:0 1rem}pre,code{font-size:13px}pre{overflow:auto}.kind{color:#666}"
            "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.kind{color:#999}}</style>\n",
            out);
    json_array_foreach(json_object_get(p->all, "stages"), i, stage)
    {
        const char *title = cm_json_text(stage, "title", "");
        if (p->format == CM_PREVIEW_HTML)
            fprintf(out, "<h2>%zu. %s</h2><ul>\n", i, title);
        else
            fprintf(out, p->format == CM_PREVIEW_MARKDOWN ? "\n## %zu. %s\n\n" : "\n%2zu  %s\n", i, title);
        json_array_foreach(json_object_get(stage, "steps"), k, step) print_step(step, p->format, out);
        if (p->format == CM_PREVIEW_HTML)
            fputs("</ul>\n", out);
    }
    if (p->format == CM_PREVIEW_HTML)
        fputs("</html>\n", out);
}

void cm_preview_free(struct cm_preview *p)
{
    json_decref(p->all);
    free(p);
}
