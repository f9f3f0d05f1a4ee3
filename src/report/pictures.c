/* report/pictures.c: the course of the stages and the build times as inline SVG. Every fact of a picture stands in a table below it, and
 * every bar has its words: nobody needs to see colours. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "report/html.h"
#include "report/page.h"

enum { WIDTH = 960, LEFT = 190, RIGHT = 190, ROW = 24, TOP = 26, GAP = 34, SPANS_MAX = 64 };

struct span {
    int64_t from, to;
    double x; /* in a scale: where it begins */
};

/* ---- a scale of time that leaves long pauses out ---- */

struct scale {
    struct span parts[SPANS_MAX];
    size_t count;
    double per_ms;
};

static int by_beginning(const void *a, const void *b)
{
    const struct span *l = a, *r = b;
    return l->from < r->from ? -1 : l->from > r->from;
}

static double scale_x(const struct scale *s, int64_t t)
{
    size_t k = 0;
    while (k + 1 < s->count && t > s->parts[k].to && t >= s->parts[k + 1].from)
        k++;
    const struct span *p = &s->parts[k];
    t = t < p->from ? p->from : t > p->to ? p->to : t;
    return p->x + (double)(t - p->from) * s->per_ms;
}

/* A pause longer than a quarter of all work (a day between check and window) becomes a mark of fixed width. */
static struct scale scale_of(struct span *busy, size_t n)
{
    struct scale s = {.count = 0};
    int64_t work = 1, shown = 1;
    double x = LEFT;
    qsort(busy, n, sizeof *busy, by_beginning);
    for (size_t i = 0; i < n; i++)
        work += busy[i].to - busy[i].from;
    for (size_t i = 0; i < n; i++) {
        struct span *last = s.count > 0 ? &s.parts[s.count - 1] : NULL;
        if (last != NULL && (busy[i].from - last->to <= work / 4 || s.count == SPANS_MAX))
            last->to = busy[i].to > last->to ? busy[i].to : last->to;
        else
            s.parts[s.count++] = busy[i];
    }
    for (size_t i = 0; i < s.count; i++)
        shown += s.parts[i].to - s.parts[i].from;
    s.per_ms = (WIDTH - LEFT - RIGHT - GAP * (double)(s.count > 0 ? s.count - 1 : 0)) / (double)shown;
    for (size_t i = 0; i < s.count; i++) {
        s.parts[i].x = x;
        x += (double)(s.parts[i].to - s.parts[i].from) * s.per_ms + GAP;
    }
    return s;
}

/* ---- marks ---- */

static void text_at(FILE *out, double x, double y, const char *more, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, more);
    cm_html_text(out, text);
    fputs("</text>\n", out);
}

/* Its words stand behind it; RIGHT leaves room for them also behind the last one. */
static void bar(FILE *out, const struct scale *s, size_t row, const struct span *when, const char *kind, const char *words)
{
    double from = scale_x(s, when->from), to = scale_x(s, when->to), y = TOP + ROW * (double)row;
    to = to < from + 3 ? from + 3 : to;
    fprintf(out, "<rect class=\"bar%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n", kind, from, y + 4, to - from,
            ROW - 8);
    text_at(out, to + 6, y + ROW - 7, "", words);
}

static void axis(FILE *out, const struct scale *s, const char *zone, double height)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct span *p = &s->parts[i];
        cm_autofree char *at = cm_time_for_people(p->from, zone);
        double end = p->x + (double)(p->to - p->from) * s->per_ms;
        fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%.1f\"/>\n", p->x, TOP - 4, height);
        text_at(out, p->x, 14, " class=\"soft\"", at);
        if (i + 1 < s->count) {
            cm_autofree char *pause = cm_duration_text(p[1].from - p->to);
            fprintf(out, "<path class=\"grid\" stroke-dasharray=\"2 3\" d=\"M%.1f %dV%.1f\"/>\n", end + GAP / 2.0, TOP - 4, height);
            text_at(out, end + GAP / 2.0, height + 12, " class=\"soft\" text-anchor=\"middle\"", pause);
        } else {
            cm_autofree char *last = cm_time_for_people(p->to, zone);
            fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%.1f\"/>\n", end, TOP - 4, height);
            text_at(out, end, height + 12, " class=\"soft\" text-anchor=\"end\"", last);
        }
    }
}

/* ---- the stages ---- */

struct row {
    char *name, *words;
    struct span when;
    const char *kind;
};

static int64_t time_of(const json_t *j, const char *member)
{
    int64_t ms = 0;
    const char *text = cm_json_text(j, member, NULL);
    return text != NULL && cm_time_parse(text, &ms) ? ms : 0;
}

static void add_row(struct row *rows, size_t *n, const char *name, struct span when, const char *kind, const char *word)
{
    cm_autofree char *took = cm_duration_text(when.to - when.from);
    rows[(*n)++] = (struct row){cm_strdup(name), cm_fmt("%s%s%s", took, *word != '\0' ? ", " : "", word), when, kind};
}

static void stage_row(struct row *rows, size_t *n, const json_t *stage, int64_t now)
{
    struct span when = {0, 0, 0};
    const char *state = cm_page_stage_word(stage);
    bool done = strcmp(state, "done") == 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(stage, "steps"), i, step)
    {
        int64_t from = time_of(step, "started"), to = time_of(step, "ended");
        to = to == 0 ? now : to;
        if (from == 0)
            continue;
        when.from = when.from == 0 || from < when.from ? from : when.from;
        when.to = to > when.to ? to : when.to;
    }
    if (when.from != 0)
        add_row(rows, n, cm_json_text(stage, "id", ""), when,
                strcmp(state, "failed") == 0 ? " bad"
                : done                       ? ""
                                             : " open",
                done ? "" : state);
}

static void clock_row(struct row *rows, size_t *n, const json_t *report, const char *path, const char *name, int64_t now)
{
    const json_t *c = cm_json_at(report, path);
    struct span when = {time_of(c, "from"), time_of(c, "to"), 0};
    if (when.from == 0)
        return;
    bool open = when.to == 0 || cm_json_bool(c, "open", false);
    when.to = when.to == 0 ? now : when.to;
    add_row(rows, n, name, when, " clock", open ? "going on" : "");
}

static void interruption_rows(struct row *rows, size_t *n, size_t most, const json_t *report)
{
    size_t i;
    json_t *cut;
    json_array_foreach(cm_json_at(report, "downtime.interruptions"), i, cut)
    {
        struct span when = {time_of(cut, "from"), time_of(cut, "to"), 0};
        if (when.from != 0 && when.to >= when.from && *n < most)
            add_row(rows, n, "Interruption", when, " clock", "");
    }
}

static void draw(FILE *out, struct row *rows, size_t n, const char *zone)
{
    struct span busy[SPANS_MAX];
    double height = TOP + ROW * (double)n;
    for (size_t i = 0; i < n; i++)
        busy[i] = rows[i].when;
    struct scale s = scale_of(busy, n);
    fprintf(
        out,
        "<div class=\"wide\"><svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"The stages in time, each from its first start to its last end; "
        "the tables below tell of each step\">\n",
        WIDTH, height + 20);
    axis(out, &s, zone, height);
    for (size_t i = 0; i < n; i++) {
        text_at(out, LEFT - 10, TOP + ROW * (double)i + ROW - 7, " text-anchor=\"end\"", rows[i].name);
        bar(out, &s, i, &rows[i].when, rows[i].kind, rows[i].words);
    }
    fputs("</svg></div>\n", out);
}

void cm_picture_stages(FILE *out, const json_t *report)
{
    struct row rows[SPANS_MAX];
    size_t n = 0, i;
    int64_t now = time_of(report, "written");
    json_t *stage;
    clock_row(rows, &n, report, "downtime.service", "Service down", now);
    clock_row(rows, &n, report, "downtime.users", "Users out", now);
    interruption_rows(rows, &n, 12, report);
    json_array_foreach(json_object_get(report, "stages"), i, stage) if (n < SPANS_MAX) stage_row(rows, &n, stage, now);
    if (n > 0)
        draw(out, rows, n, cm_json_text(report, "zone", NULL));
    for (i = 0; i < n; i++) {
        free(rows[i].name);
        free(rows[i].words);
    }
}

/* ---- build times ---- */

static double seconds(const json_t *bar, const char *member) { return json_number_value(json_object_get(bar, member)); }

static void one_bar(FILE *out, size_t i, const json_t *b, double most, double wide)
{
    enum { HEIGHT = 160 };
    double count = (double)cm_json_int(b, "count", 0), tall = count / most * HEIGHT, x = 20 + wide * (double)i;
    cm_autofree char *number = cm_fmt("%.0f", count), *to = cm_duration_text((int64_t)(seconds(b, "to") * 1000));
    if (count > 0)
        fprintf(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", x + 3, 20 + HEIGHT - tall,
                wide - 6, tall < 1 ? 1 : tall);
    text_at(out, x + wide / 2, 15 + HEIGHT - tall, " text-anchor=\"middle\"", number);
    cm_autofree char *label = cm_fmt("< %s", to);
    text_at(out, x + wide / 2, HEIGHT + 38, " class=\"soft\" text-anchor=\"middle\"", label);
}

void cm_picture_builds(FILE *out, const json_t *report)
{
    const json_t *bars = cm_json_at(report, "build_times.bars");
    size_t n = json_array_size(bars), i;
    json_t *b;
    double most = 1;
    if (n == 0)
        return;
    json_array_foreach(bars, i, b) most = (double)cm_json_int(b, "count", 0) > most ? (double)cm_json_int(b, "count", 0) : most;
    double wide = (WIDTH - 40.0) / (double)n;
    wide = wide > 110 ? 110 : wide;
    fprintf(
        out,
        "<div class=\"wide\"><svg viewBox=\"0 0 %d 206\" role=\"img\" aria-label=\"How many builds took how long; the table below "
        "says the same\">\n",
        WIDTH);
    fprintf(out, "<path class=\"grid\" d=\"M20 180H%.1f\"/>\n", 20 + wide * (double)n);
    json_array_foreach(bars, i, b) one_bar(out, i, b, most, wide);
    fputs("</svg></div>\n", out);
}
