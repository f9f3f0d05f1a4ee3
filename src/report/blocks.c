/* report/blocks.c: the report for people, as headings, paragraphs, lists and tables. Markdown and HTML print these and nothing else, so
 * they say the same. Times carry their zone, numbers their unit. */
#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "report/parts.h"

struct page {
    json_t *blocks;
    const json_t *report;
    const char *zone;
};

/* ---- small words; all callers free ---- */

static char *when(const struct page *p, const json_t *at)
{
    int64_t ms;
    if (!json_is_string(at) || !cm_time_parse(json_string_value(at), &ms))
        return cm_strdup("");
    return cm_time_for_people(ms, p->zone);
}

/* With seconds: what happened one after the other is told apart. */
static char *when_exactly(const struct page *p, const json_t *at)
{
    int64_t ms;
    cm_autofree char *text = when(p, at);
    if (strlen(text) < 16 || !cm_time_parse(json_string_value(at), &ms))
        return cm_strdup(text);
    return cm_fmt("%.16s:%02d%s", text, (int)(ms / 1000 % 60), text + 16);
}

static char *took(const json_t *seconds) { return cm_duration_text((int64_t)(json_number_value(seconds) * 1000.0 + 0.5)); }

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }

/* ---- blocks ---- */

static void block(struct page *p, const char *kind, const char *fmt, ...) CM_PRINTF(3, 4);
static void block(struct page *p, const char *kind, const char *fmt, ...)
{
    va_list ap;
    cm_autostr s = CM_STR(CM_STR_PAGE);
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    json_array_append_new(p->blocks, json_pack("{s:s}", kind, cm_str_text(&s)));
}

static json_t *table(struct page *p, const char *const *head)
{
    json_t *rows = json_array();
    json_array_append_new(p->blocks, json_pack("{s:{s:o, s:O}}", "table", "head", cm_json_strings(head), "rows", rows));
    json_decref(rows); /* the block holds it */
    return rows;
}

/* Cells are texts, ended by NULL. */
static void row(json_t *rows, ...)
{
    va_list ap;
    json_t *cells = json_array();
    va_start(ap, rows);
    for (const char *cell = va_arg(ap, const char *); cell != NULL; cell = va_arg(ap, const char *))
        json_array_append_new(cells, json_string(cell));
    va_end(ap);
    json_array_append_new(rows, cells);
}

static void list(struct page *p, const json_t *texts) { json_array_append_new(p->blocks, json_pack("{s:O}", "list", texts)); }

static bool none(struct page *p, const json_t *items, const char *text)
{
    if (json_array_size(items) > 0)
        return false;
    block(p, "text", "%s", text);
    return true;
}

/* ---- sections ---- */

static void head(struct page *p)
{
    cm_autofree char *written = when(p, json_object_get(p->report, "written"));
    block(p, "title", "Migration report: %s", text_of(p->report, "plan"));
    block(p, "lead", "%s", text_of(p->report, "verdict"));
    block(p, "text", "Runbook %s, run %s%s%s. Written %s.", text_of(p->report, "runbook"), text_of(p->report, "run_id"),
          *text_of(p->report, "ticket") != '\0' ? ", ticket " : "", text_of(p->report, "ticket"), written);
    cm_autostr lines = CM_STR(CM_STR_LINE);
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(p->report, "situation"), i, line)
        cm_str_addf(&lines, "%s%s", i > 0 ? "\n" : "", json_string_value(line));
    block(p, "pre", "%s", cm_str_text(&lines));
}

static void clock_row(const struct page *p, json_t *rows, const char *name, const json_t *clock)
{
    cm_autofree char *from = when_exactly(p, json_object_get(clock, "from"));
    cm_autofree char *to = when_exactly(p, json_object_get(clock, "to"));
    cm_autofree char *length = took(json_object_get(clock, "seconds"));
    const json_t *inside = json_object_get(clock, "within_window");
    bool open = json_is_true(json_object_get(clock, "open")), begun = *from != '\0';
    row(rows, name, begun ? length : "not begun", from, open ? "not ended" : to,
        json_is_null(inside)   ? ""
        : json_is_true(inside) ? "inside"
                               : "OUTSIDE",
        NULL);
}

static void downtime(struct page *p)
{
    static const char *const columns[] = {"Clock", "Length", "From", "To", "Window", NULL};
    static const char *const cuts[] = {"Interruption", "Length", "From", "To", "Why", NULL};
    const json_t *d = json_object_get(p->report, "downtime"), *window = json_object_get(p->report, "window");
    json_t *cut, *rows;
    size_t i;
    block(p, "heading", "Downtime");
    if (json_is_object(window)) {
        cm_autofree char *from = when(p, json_object_get(window, "start"));
        cm_autofree char *to = when(p, json_object_get(window, "end"));
        block(p, "text", "Maintenance window: %s to %s.", from, to);
    } else {
        block(p, "text", "The plan names no maintenance window.");
    }
    rows = table(p, columns);
    clock_row(p, rows, "Service down", json_object_get(d, "service"));
    clock_row(p, rows, "Users out", json_object_get(d, "users"));
    if (json_array_size(json_object_get(d, "interruptions")) == 0)
        return;
    rows = table(p, cuts);
    json_array_foreach(json_object_get(d, "interruptions"), i, cut)
    {
        cm_autofree char *from = when_exactly(p, json_object_get(cut, "from"));
        cm_autofree char *to = when_exactly(p, json_object_get(cut, "to"));
        cm_autofree char *length = took(json_object_get(cut, "seconds"));
        const char *signal = cm_json_text(cut, "signal", NULL);
        row(rows, signal != NULL ? "the run itself" : text_of(cut, "what"), length, from, to,
            signal != NULL ? signal : text_of(cut, "why"), NULL);
    }
}

static void open_points(struct page *p)
{
    const json_t *points = json_object_get(p->report, "open_points");
    block(p, "heading", "Open points");
    if (!none(p, points, "None."))
        list(p, points);
}

static void changes(struct page *p)
{
    static const char *const columns[] = {"Change", "On", "Before", "Now", "State", "Changed", "Settled", NULL};
    const json_t *all = json_object_get(p->report, "changes");
    json_t *c, *rows;
    size_t i;
    block(p, "heading", "Changes");
    if (none(p, all, "Nothing was changed that would have to be taken back."))
        return;
    rows = table(p, columns);
    json_array_foreach(all, i, c)
    {
        cm_autofree char *before = cm_word_value(json_object_get(c, "original"));
        cm_autofree char *at = when(p, json_object_get(c, "at"));
        cm_autofree char *settled = when(p, json_object_get(c, "settled"));
        bool must = strcmp(text_of(c, "class"), "settle") == 0 && strcmp(text_of(c, "state"), "open") == 0;
        row(rows, text_of(c, "effect"), text_of(c, "key"), before, text_of(c, "present"),
            must ? "open: must be taken back" : text_of(c, "state"), at, settled, NULL);
    }
}

static void temporary(struct page *p)
{
    static const char *const columns[] = {"Setting", "Original", "Set to", "Proof", "Back since", NULL};
    const json_t *all = json_object_get(p->report, "temporary");
    json_t *t, *rows;
    size_t i;
    block(p, "heading", "Temporary settings");
    if (none(p, all, "None was set."))
        return;
    rows = table(p, columns);
    json_array_foreach(all, i, t)
    {
        cm_autofree char *original = cm_word_value(json_object_get(t, "original"));
        cm_autofree char *set_to = cm_word_value(json_object_get(t, "set_to"));
        cm_autofree char *settled = when(p, json_object_get(t, "settled"));
        row(rows, text_of(t, "setting"), original, json_is_null(json_object_get(t, "set_to")) ? "" : set_to, text_of(t, "proof"),
            settled, NULL);
    }
}

static void said(struct page *p)
{
    static const char *const columns[] = {"What", "Id", "By", "When", "How", "Note", NULL};
    const json_t *all = json_object_get(p->report, "said");
    json_t *s, *rows;
    size_t i;
    block(p, "heading", "Who said what");
    if (none(p, all, "Nobody was asked."))
        return;
    rows = table(p, columns);
    json_array_foreach(all, i, s)
    {
        cm_autofree char *at = when(p, json_object_get(s, "at"));
        const char *note = text_of(s, "note");
        row(rows, text_of(s, "what"), text_of(s, "id"), text_of(s, "who"), at, text_of(s, "how"),
            *note != '\0' ? note : text_of(s, "title"), NULL);
    }
}

static void pairs(struct page *p, const char *heading, const char *member, const char *const *columns, const char *left,
                  const char *right, const char *empty)
{
    const json_t *all = json_object_get(p->report, member);
    json_t *one, *rows;
    size_t i;
    block(p, "heading", "%s", heading);
    if (none(p, all, empty))
        return;
    rows = table(p, columns);
    json_array_foreach(all, i, one) row(rows, text_of(one, left), text_of(one, right), NULL);
}

static void step_rows(const struct page *p, json_t *rows, const json_t *stage)
{
    json_t *step;
    size_t i;
    json_array_foreach(json_object_get(stage, "steps"), i, step)
    {
        cm_autofree char *started = when(p, json_object_get(step, "started"));
        cm_autofree char *length = took(json_object_get(step, "seconds"));
        cm_autofree char *tries = cm_fmt("%" PRId64, cm_json_int(step, "attempts", 0));
        row(rows, text_of(step, "id"), text_of(step, "state"), text_of(step, "by"), started, *started != '\0' ? length : "", tries,
            text_of(step, "message"), NULL);
    }
}

static void stages(struct page *p)
{
    static const char *const columns[] = {"Step", "State", "By", "Started", "Took", "Tries", "Message", NULL};
    json_t *stage;
    size_t i;
    block(p, "heading", "Stages");
    json_array_foreach(json_object_get(p->report, "stages"), i, stage)
    {
        block(p, "subheading", "%zu %s: %s (%s)", i, text_of(stage, "id"), text_of(stage, "title"), text_of(stage, "state"));
        step_rows(p, table(p, columns), stage);
    }
}

/* What needs somebody first. */
static void findings(struct page *p)
{
    static const char *const columns[] = {"Verdict", "Id", "Seen", "What to do", NULL};
    static const char *const order[] = {"blocker", "unknown", "warning", "ok"};
    const json_t *all = json_object_get(p->report, "findings");
    json_t *f, *rows;
    size_t i;
    block(p, "heading", "Findings");
    if (none(p, all, "None."))
        return;
    rows = table(p, columns);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
        json_array_foreach(all, i, f) if (strcmp(text_of(f, "verdict"), order[k]) == 0)
            row(rows, order[k], text_of(f, "id"), text_of(f, "seen"), text_of(f, "remedy"), NULL);
}

static void configuration(struct page *p)
{
    static const char *const columns[] = {"Source", "Setting", "Becomes", "Disposition", "Reason", NULL};
    const json_t *all = json_object_get(p->report, "configuration");
    json_t *r, *rows;
    size_t i;
    if (!json_is_array(all))
        return;
    block(p, "heading", "Configuration");
    rows = table(p, columns);
    json_array_foreach(all, i, r) row(rows, text_of(r, "source"), text_of(r, "setting"), text_of(r, "target"),
                                      text_of(r, "disposition"), text_of(r, "reason"), NULL);
}

static char *number(const json_t *item, const char *member)
{
    const json_t *n = json_object_get(item, member);
    return json_is_integer(n) ? cm_fmt("%" PRId64, (int64_t)json_integer_value(n)) : cm_strdup("");
}

static void content(struct page *p)
{
    static const char *const columns[] = {"Title",      "GUID",   "Visits", "Chosen because", "Build", "Answer before",
                                          "Answer now", "Result", NULL};
    const json_t *c = json_object_get(p->report, "content"), *items = json_object_get(p->report, "items");
    json_t *item, *rows;
    size_t i;
    block(p, "heading", "Content");
    block(p, "text", "%" PRId64 " items selected: %" PRId64 " built, %" PRId64 " failed, %" PRId64 " skipped, %" PRId64 " gone.",
          cm_json_int(c, "selected", 0), cm_json_int(c, "built", 0), cm_json_int(c, "failed", 0), cm_json_int(c, "skipped", 0),
          cm_json_int(c, "gone", 0));
    if (json_array_size(items) == 0)
        return;
    rows = table(p, columns);
    json_array_foreach(items, i, item)
    {
        cm_autofree char *visits = number(item, "visits");
        cm_autofree char *before = number(item, "before");
        cm_autofree char *now = number(item, "now");
        const char *why = cm_json_text(item, "build_error", NULL), *how = cm_json_text(item, "how", NULL);
        cm_autofree char *build = why == NULL ? cm_strdup(text_of(item, "build")) : cm_fmt("%s: %s", text_of(item, "build"), why);
        cm_autofree char *result =
            how == NULL ? cm_strdup(text_of(item, "result")) : cm_fmt("%s: %s", text_of(item, "result"), how);
        row(rows, text_of(item, "title"), text_of(item, "guid"), visits, text_of(item, "why"), build, before, now, result, NULL);
    }
}

static void transcript(struct page *p)
{
    static const char *const columns[] = {"When", "What", NULL};
    const json_t *all = json_object_get(p->report, "transcript");
    json_t *line, *rows;
    size_t i;
    block(p, "heading", "Transcript");
    if (none(p, all, "There is none."))
        return;
    rows = table(p, columns);
    json_array_foreach(all, i, line)
    {
        cm_autofree char *at = when_exactly(p, json_object_get(line, "at"));
        row(rows, at, text_of(line, "text"), NULL);
    }
}

/* The last line of the report: what helm must be given from now on. */
static void values_files(struct page *p)
{
    const json_t *files = json_object_get(p->report, "values_files");
    block(p, "heading", "Values files to use from now on");
    bool back = strcmp(text_of(p->report, "state"), "rolled-back") == 0;
    if (!none(p, files,
              back ? "None: Connect runs on its old server."
                   : "Not decided yet: the temporary settings have not been reverted by this run."))
        json_array_append_new(p->blocks, json_pack("{s:O}", "files", files));
}

json_t *cm_report_blocks(const json_t *report)
{
    static const char *const versions[] = {"What", "Version", NULL};
    static const char *const steps[] = {"Step", "Reason", NULL};
    static const char *const commands[] = {"Command", "What it does", NULL};
    struct page p = {json_array(), report, cm_json_text(report, "zone", NULL)};
    head(&p);
    downtime(&p);
    open_points(&p);
    pairs(&p, "What can be typed now", "next_steps", commands, "command", "does", "Nothing.");
    pairs(&p, "Versions", "versions", versions, "what", "value", "None is known.");
    said(&p);
    temporary(&p);
    changes(&p);
    pairs(&p, "Skipped steps", "skipped", steps, "step", "reason", "None.");
    findings(&p);
    stages(&p);
    content(&p);
    configuration(&p);
    transcript(&p);
    values_files(&p);
    return p.blocks;
}
