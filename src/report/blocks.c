/* report/blocks.c: the report for people, as headings, paragraphs, lists and tables. Markdown and HTML print these and nothing else, so
 * they say the same. Times carry their zone, numbers their unit. */
#include <config.h>

#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "report/page.h"
#include "report/parts.h"

/* ---- small words ---- */

char *cm_page_when(const struct cm_page *p, const json_t *at)
{
    int64_t ms;
    if (!json_is_string(at) || !cm_time_parse(json_string_value(at), &ms))
        return cm_strdup("");
    return cm_time_for_people(ms, p->zone);
}

/* With seconds: what happened one after the other is told apart. */
char *cm_page_when_exactly(const struct cm_page *p, const json_t *at)
{
    int64_t ms;
    cm_autofree char *text = cm_page_when(p, at);
    if (strlen(text) < 16 || !cm_time_parse(json_string_value(at), &ms))
        return cm_strdup(text);
    return cm_fmt("%.16s:%02d%s", text, (int)(ms / 1000 % 60), text + 16);
}

/* The record has the login and the machine, which is no person's name. */
char *cm_page_who(const char *who)
{
    const char *at = strrchr(who, '@');
    return at == NULL || at == who || at[1] == '\0' ? cm_strdup(who) : cm_fmt("login %.*s on %s", (int)(at - who), who, at + 1);
}

char *cm_page_took(const json_t *seconds) { return cm_duration_text((int64_t)(json_number_value(seconds) * 1000.0 + 0.5)); }

char *cm_page_count(size_t n, const char *one, const char *many) { return cm_fmt("%zu %s", n, n == 1 ? one : many); }

const char *cm_page_stage_word(const json_t *stage)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(stage, "steps"), i,
                       step) if (strcmp(cm_json_text(step, "state", ""), "failed") == 0) return "failed";
    return cm_json_text(stage, "state", "");
}

/* ---- blocks ---- */

void cm_page_say(struct cm_page *p, const char *kind, const char *fmt, ...)
{
    va_list ap;
    cm_autostr s = CM_STR(CM_STR_PAGE);
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    json_array_append_new(p->blocks, json_pack("{s:s}", kind, cm_str_text(&s)));
}

json_t *cm_page_table(struct cm_page *p, const char *caption, const char *const *head)
{
    json_t *t = json_pack("{s:s, s:o, s:[], s:[], s:i, s:b}", "caption", caption, "head", cm_json_strings(head), "rows", "numbers",
                          "state", -1, "big", 0);
    json_array_append_new(p->blocks, json_pack("{s:o}", "table", t));
    return t;
}

void cm_page_row(json_t *table, ...)
{
    va_list ap;
    json_t *cells = json_array();
    va_start(ap, table);
    for (const char *cell = va_arg(ap, const char *); cell != NULL; cell = va_arg(ap, const char *))
        json_array_append_new(cells, json_string(cell));
    va_end(ap);
    json_array_append_new(json_object_get(table, "rows"), cells);
}

void cm_page_number(json_t *table, int column) { json_array_append_new(json_object_get(table, "numbers"), json_integer(column)); }

void cm_page_state(json_t *table, int column) { json_object_set_new(table, "state", json_integer(column)); }

void cm_page_big(json_t *table) { json_object_set_new(table, "big", json_true()); }

void cm_page_list(struct cm_page *p, const json_t *texts)
{
    json_array_append_new(p->blocks, json_pack("{s:O}", "list", cm_json_loose(texts)));
}

bool cm_page_none(struct cm_page *p, const json_t *items, const char *text)
{
    if (json_array_size(items) > 0)
        return false;
    cm_page_say(p, "text", "%s", text);
    return true;
}

/* ---- the whole ---- */

/* The last line of the report: what helm must be given from now on. */
static void values_files(struct cm_page *p)
{
    const json_t *files = json_object_get(p->report, "values_files");
    size_t i;
    json_t *c;
    bool back = strcmp(cm_json_text(p->report, "state", ""), "rolled-back") == 0;
    cm_page_say(p, "heading", "Values files to use from now on");
    if (!cm_page_none(p, files,
                      back ? "None: Connect runs on its old server."
                           : "Not decided yet: the temporary settings have not been reverted by this run."))
        json_array_append_new(p->blocks, json_pack("{s:O}", "files", cm_json_loose(files)));
    json_array_foreach(cm_json_loose(json_object_get(p->report, "values_converted")), i, c)
        cm_page_say(p, "text", "%s is %s, converted for the direct runner: commit it to your repository instead of the old file.",
                    cm_json_text(c, "copy", ""), cm_json_text(c, "file", ""));
}

json_t *cm_report_blocks(const json_t *report)
{
    struct cm_page p = {json_array(), report, cm_json_text(report, "zone", NULL)};
    cm_page_say(&p, "title", "Migration report: %s", cm_json_text(report, "plan", ""));
    cm_page_ticket(&p);
    cm_page_technical(&p);
    values_files(&p);
    return p.blocks;
}
