/* The block at the bottom of the terminal, as text: see live.h. Lines are made in the order of their place and dropped in the order of
 * their worth when the terminal is low: what runs now and how much of the window is left are the last to go. */
#include <config.h>

#include "cli/live.h"

#include <stdarg.h>
#include <string.h>

#include "base/columns.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "journal/clocks.h"
#include "journal/situation.h"
#include "report/progress.h"

enum { NARROW = 40, LABEL = 11, LINES = 24, LATE_MS = 30 * 60 * 1000, LOG_ROWS = 4, BAR_MOST = 40 };

struct line {
    struct cm_str text;
    int worth; /* lower goes first */
};
struct block {
    const struct cm_live_look *look;
    const struct cm_model *m;
    int64_t now;
    const char *zone;
    size_t width;
    struct line lines[LINES];
    size_t count;
};

/* ---- lines ---- */

static struct cm_str *new_line(struct block *b, int worth)
{
    struct line *l = &b->lines[b->count < LINES ? b->count++ : LINES - 1];
    l->text = (struct cm_str)CM_STR(CM_STR_LINE);
    l->worth = worth;
    return &l->text;
}

static const char *colour(const struct block *b, const char *sgr) { return b->look->colour ? sgr : ""; }

/* " window     2 h 10 min left": on a narrow terminal the label goes and the value stays. */
static void field(struct block *b, int worth, const char *label, const char *sgr, const char *fmt, ...) CM_PRINTF(5, 6);
static void field(struct block *b, int worth, const char *label, const char *sgr, const char *fmt, ...)
{
    struct cm_str value = CM_STR(CM_STR_LINE), *l = new_line(b, worth);
    bool narrow = b->look->columns < NARROW;
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&value, fmt, ap);
    va_end(ap);
    cm_autofree char *safe = cm_printable(cm_str_text(&value), b->look->utf8);
    cm_str_fini(&value);
    for (char *p = safe; *p != '\0'; p++)
        *p = *p == '\n' || *p == '\t' ? ' ' : *p;
    size_t label_width = narrow ? 1 : LABEL + 1;
    cm_str_addf(l, " %-*s", narrow ? 0 : LABEL, narrow ? "" : label);
    cm_str_add(l, colour(b, sgr));
    cm_columns_clip(l, safe, b->width > label_width ? b->width - label_width : 0);
    cm_str_add(l, *sgr != '\0' ? colour(b, "\033[0m") : "");
}

/* ---- the rule on top: whose run, and what time it is ---- */

static void repeat(struct cm_str *s, const char *what, size_t times)
{
    while (times-- > 0)
        cm_str_add(s, what);
}

static void rule(struct block *b)
{
    const char *dash = b->look->utf8 ? "\u2500" : "-";
    cm_autofree char *at = cm_time_for_people(b->now, b->zone);
    cm_autofree char *clock =
        cm_fmt("%.5s:%02d%s", strlen(at) >= 16 ? at + 11 : "", (int)(b->now / 1000 % 60), strlen(at) > 16 ? at + 16 : "");
    struct cm_str *l = new_line(b, 3), name = CM_STR(CM_STR_LINE);
    size_t fixed = strlen(clock) + 8;
    const char *plan = b->look->plan_file != NULL ? b->look->plan_file : "", *base = strrchr(plan, '/');
    cm_autofree char *safe = cm_printable(base != NULL ? base + 1 : plan, b->look->utf8);
    cm_str_add(l, colour(b, "\033[2m"));
    if (b->width > fixed + 8) {
        cm_columns_clip(&name, safe, b->width - fixed);
        repeat(l, dash, 2);
        cm_str_addf(l, " %s ", cm_str_text(&name));
        repeat(l, dash, b->width - fixed - cm_columns(cm_str_text(&name), name.len) + 1);
        cm_str_addf(l, " %s ", clock);
        repeat(l, dash, 1);
    } else {
        repeat(l, dash, b->width);
    }
    cm_str_add(l, colour(b, "\033[0m"));
    cm_str_fini(&name);
}

/* ---- stages ---- */

struct mark {
    const char *wide, *ascii, *sgr;
};

static struct mark mark_of(enum cm_step_state state)
{
    switch (state) {
    case CM_S_DONE: return (struct mark){"\u2713", "+", "\033[32m"};
    case CM_S_FAILED: return (struct mark){"\u2717", "!", "\033[31m"};
    case CM_S_RUNNING: return (struct mark){"\u25b6", ">", "\033[1m"};
    case CM_S_WAITING: return (struct mark){"?", "?", "\033[33m"};
    case CM_S_SKIPPED: return (struct mark){"-", "-", ""};
    default: return (struct mark){"\u00b7", ".", "\033[2m"};
    }
}

/* Begun and not ended: it is at work, also while its checks, side by side, are not on record yet. */
static enum cm_step_state stage_state(const struct block *b, const struct cm_m_stage *g)
{
    enum cm_step_state s = cm_model_stage_state(b->m->now, g->id);
    return s == CM_S_PENDING && g->began_ms != 0 && g->ended_ms == 0 ? CM_S_RUNNING : s;
}

static char *stage_time(const struct block *b, const struct cm_m_stage *g)
{
    if (g->began_ms == 0)
        return cm_strdup("");
    int64_t ms = (g->ended_ms != 0 ? g->ended_ms : b->now) - g->began_ms;
    cm_autofree char *text = cm_length_text(ms);
    return ms < 1000 ? cm_strdup("") : cm_fmt(" %s", text);
}

/* All stages in as few lines as they take. */
static void stages(struct block *b)
{
    const struct cm_m_attempt *a = b->m->now;
    struct cm_str *l = NULL;
    size_t at = 0;
    for (size_t i = 0; i < a->stage_count; i++) {
        struct mark k = mark_of(stage_state(b, &a->stages[i]));
        cm_autofree char *took = stage_time(b, &a->stages[i]);
        cm_autofree char *printable = cm_printable(a->stages[i].id, b->look->utf8);
        cm_autostr id = CM_STR(CM_STR_LINE);
        cm_columns_clip(&id, printable, b->width - 3);
        const char *time = 3 + cm_columns(cm_str_text(&id), id.len) + strlen(took) <= b->width ? took : "";
        size_t wide = 2 + cm_columns(cm_str_text(&id), id.len) + strlen(time);
        if (l == NULL || at + 2 + wide > b->width) {
            l = new_line(b, 1);
            at = 0;
        }
        cm_str_addf(l, "%s%s%s%s %s%s", at == 0 ? " " : "  ", colour(b, k.sgr), b->look->utf8 ? k.wide : k.ascii,
                    *k.sgr != '\0' ? colour(b, "\033[0m") : "", cm_str_text(&id), time);
        at += (at == 0 ? 1 : 2) + wide;
    }
}

/* ---- now ---- */

static const struct cm_m_step *at_work(const struct cm_model *m)
{
    for (size_t i = 0; m->now != NULL && i < m->now->step_count; i++)
        if (m->now->steps[i].state == CM_S_RUNNING)
            return &m->now->steps[i];
    return NULL;
}

static const struct cm_m_stage *stage_at_work(const struct cm_model *m)
{
    for (size_t i = 0; m->now != NULL && i < m->now->stage_count; i++)
        if (m->now->stages[i].began_ms != 0 && m->now->stages[i].ended_ms == 0)
            return &m->now->stages[i];
    return NULL;
}

static const char *title_of_stage(const struct cm_model *m, const struct cm_m_step *s)
{
    for (size_t i = 0; i < m->now->stage_count; i++)
        if (strcmp(m->now->stages[i].id, s->stage) == 0)
            return m->now->stages[i].title;
    return "";
}

/* Steps that a step's beginning stands for: a try that is repeated begins anew, its first time counts. */
static int64_t ran(const struct cm_m_step *s, int64_t now) { return now > s->began_ms ? now - s->began_ms : 0; }

static void now_running(struct block *b)
{
    const struct cm_m_gate *g = cm_model_waiting_gate(b->m);
    const struct cm_m_step *s = at_work(b->m);
    const struct cm_m_stage *stage = stage_at_work(b->m);
    if (g != NULL) {
        field(b, 9, "waiting", "\033[33m", "%s: %s", g->id, g->title);
        return;
    }
    cm_autofree char *since = s != NULL       ? cm_length_text(ran(s, b->now))
                              : stage != NULL ? cm_length_text(b->now - b->m->last_ms)
                                              : NULL;
    bool more = b->look->doing != NULL;
    if (s != NULL)
        field(b, 9, "now", "\033[1m", "%s, %s%s%s%s%s", s->id, since, more ? ", " : "", more ? b->look->doing : "",
              s->tries > 1 ? ", tried again" : "", "");
    else if (stage != NULL)
        field(b, 9, "now", "\033[1m", "%s: checks side by side, %s", stage->id, since);
    if (s != NULL && b->look->columns >= NARROW)
        field(b, 2, "", "", "%s", title_of_stage(b->m, s));
}

/* ---- the window and the clocks ---- */

/* "03:00 CET" of "2026-12-06 03:00 CET", with the date where it is not today's. Caller frees. */
static char *clock_of(int64_t ms, int64_t now, const char *zone)
{
    cm_autofree char *then = cm_time_for_people(ms, zone), *today = cm_time_for_people(now, zone);
    bool near = ms - now < 12 * 3600000LL && now - ms < 12 * 3600000LL;
    return cm_strdup(strlen(then) > 11 && (near || strncmp(then, today, 10) == 0) ? then + 11 : then);
}

char *cm_live_window(const struct cm_model *m, int64_t now, bool *late)
{
    const char *zone = cm_json_text(m->plan, "window.zone", NULL);
    int64_t from, to;
    *late = false;
    if (!cm_window(m, &from, &to))
        return NULL;
    if (from != 0 && now < from) {
        cm_autofree char *in = cm_length_text(from - now), *at = clock_of(from, now, zone);
        return cm_fmt("begins in %s, at %s", in, at);
    }
    if (to == 0)
        return NULL;
    cm_autofree char *at = clock_of(to, now, zone), *span = cm_length_text(now < to ? to - now : now - to);
    *late = now > to - LATE_MS;
    return now < to ? cm_fmt("%s left, ends at %s", span, at) : cm_fmt("ended %s ago, at %s", span, at);
}

static void window(struct block *b)
{
    bool late;
    cm_autofree char *text = cm_live_window(b->m, b->now, &late);
    if (text != NULL)
        field(b, 8, "window", late ? "\033[31m" : "", "%s", text);
}

static void clocks(struct block *b, const struct cm_situation *s)
{
    cm_autofree char *service = cm_length_text(s->service_down_ms), *users = cm_length_text(s->users_out_ms);
    if (s->service_from_ms == 0 && s->users_from_ms == 0)
        return;
    field(b, 6, "downtime", "", "%s%s%s%s%s%s", s->service_from_ms != 0 ? "service " : "", s->service_from_ms != 0 ? service : "",
          s->service_from_ms == 0 ? ""
          : s->service_is_down    ? " so far"
                                  : " (up again)",
          s->service_from_ms != 0 && s->users_from_ms != 0 ? ", " : "", s->users_from_ms != 0 ? "users " : "",
          s->users_from_ms != 0 ? users : "");
}

/* ---- builds ---- */

static void bar(struct block *b, const struct cm_progress *p, size_t cells)
{
    size_t full = p->total > 0 ? p->ended * cells / p->total : 0;
    struct cm_str *l = new_line(b, 4);
    cm_str_addf(l, " %-*s", LABEL, "");
    cm_str_add(l, b->look->utf8 ? "" : "[");
    repeat(l, b->look->utf8 ? "\u2588" : "#", full);
    repeat(l, b->look->utf8 ? "\u2591" : ".", cells - full);
    cm_str_add(l, b->look->utf8 ? "" : "]");
    cm_str_addf(l, " %3zu %%", p->total > 0 ? p->ended * 100 / p->total : 0);
}

static void builds(struct block *b)
{
    struct cm_progress p;
    const struct cm_m_step *s = at_work(b->m);
    if (s == NULL || strcmp(s->action, "content.build") != 0)
        return;
    cm_progress_of_builds(b->m, b->now, &p);
    if (p.total == 0 || p.ended + p.running == 0)
        return;
    cm_autofree char *left = cm_progress_left(&p), *basis = cm_progress_basis(&p), *longest = cm_length_text(p.longest_ms);
    cm_autofree char *rate = p.per_hour >= 120 ? cm_fmt(", %.0f a minute", p.per_hour / 60)
                             : p.per_hour >= 1 ? cm_fmt(", %.0f an hour", p.per_hour)
                                               : cm_strdup("");
    cm_autofree char *failed = p.failed > 0 ? cm_fmt(", %zu failed", p.failed) : cm_strdup("");
    field(b, 7, "builds", "", "%zu of %zu ended%s, %zu running%s", p.ended, p.total, failed, p.running, rate);
    if (b->look->columns >= NARROW) {
        size_t room = b->width - LABEL - 10;
        bar(b, &p, room < BAR_MOST ? room : BAR_MOST);
    }
    field(b, 5, "left", "", "%s (%s)", left, basis);
    if (p.longest != NULL && b->look->columns >= NARROW)
        field(b, 3, "slowest", "", "%s so far: %s", longest, p.longest);
}

/* ---- the whole ---- */

/* The values of the situation's lines begin behind their label. */
static void in_force(struct block *b, const struct cm_situation *s)
{
    if (cm_model_open_changes(b->m, true) > 0)
        field(b, 5, "in force", "", "%s", s->line[CM_SITUATION_LINES - 1] + CM_SITUATION_LABEL);
}

static void drop_what_does_not_fit(struct block *b)
{
    size_t most = b->look->rows > LOG_ROWS + 2 ? b->look->rows - LOG_ROWS : 2;
    while (b->count > most) {
        size_t least = 0;
        for (size_t i = 1; i < b->count; i++)
            if (b->lines[i].worth <= b->lines[least].worth)
                least = i;
        cm_str_fini(&b->lines[least].text);
        memmove(&b->lines[least], &b->lines[least + 1], (b->count - least - 1) * sizeof *b->lines);
        b->count--;
    }
}

void cm_live_text(const struct cm_live_look *look, const struct cm_model *m, int64_t now_wall_ms, struct cm_str *out)
{
    struct block b = {.look = look, .m = m, .now = now_wall_ms, .width = look->columns > 0 ? look->columns - 1 : 0};
    cm_str_reset(out);
    if (m == NULL || m->now == NULL || b.width < 8)
        return;
    b.zone = cm_json_text(m->plan, "window.zone", NULL);
    struct cm_situation s;
    cm_situation(m, now_wall_ms, &s);
    rule(&b);
    stages(&b);
    now_running(&b);
    builds(&b);
    window(&b);
    clocks(&b, &s);
    in_force(&b, &s);
    cm_situation_fini(&s);
    drop_what_does_not_fit(&b);
    for (size_t i = 0; i < b.count; i++) {
        cm_str_addf(out, "%s%s", i > 0 ? "\n" : "", cm_str_text(&b.lines[i].text));
        cm_str_fini(&b.lines[i].text);
    }
}

static void say_builds(const struct cm_model *m, int64_t now, struct cm_str *s)
{
    struct cm_progress p;
    cm_progress_of_builds(m, now, &p);
    if (p.total == 0)
        return;
    cm_autofree char *left = cm_progress_left(&p), *basis = cm_progress_basis(&p);
    cm_str_addf(s, "; %zu of %zu builds have ended", p.ended, p.total);
    if (p.failed > 0)
        cm_str_addf(s, ", %zu of them failed", p.failed);
    cm_str_addf(s, "; time left: %s (%s)", left, basis);
}

char *cm_live_sentence(const struct cm_model *m, int64_t now)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    const struct cm_m_step *step = m == NULL || m->now == NULL ? NULL : at_work(m);
    const struct cm_m_stage *stage = m == NULL || m->now == NULL ? NULL : stage_at_work(m);
    if (step == NULL && stage == NULL)
        return cm_str_take(&s);
    struct cm_situation w;
    bool late;
    cm_situation(m, now, &w);
    cm_autofree char *since = cm_length_text(step != NULL ? ran(step, now) : now - m->last_ms),
                     *out = cm_length_text(w.users_out_ms);
    cm_autofree char *left = cm_live_window(m, now, &late);
    cm_str_addf(&s, "%s has been running for %s", step != NULL ? step->id : stage->id, since);
    if (step != NULL && strcmp(step->action, "content.build") == 0)
        say_builds(m, now, &s);
    if (w.users_are_out)
        cm_str_addf(&s, "; users have been out for %s", out);
    if (left != NULL)
        cm_str_addf(&s, "; the window: %s", left);
    cm_situation_fini(&w);
    return cm_str_take(&s);
}
