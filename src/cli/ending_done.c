/* The last screen of a run that came through: the verdict in one line, both downtimes against the window, content, what is in force, the
 * way back and its price, what to type, where the report is, and in the last line the values files that helm gets from now on. */
#include <config.h>

#include "cli/ending_done.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/rows.h"
#include "journal/clocks.h"
#include "journal/situation.h"
#include "report/progress.h"
#include "report/report.h"

enum { USERS = 3 }; /* its line among the five */
enum { LABEL = CM_SITUATION_LABEL, UNWRAPPED = 1 << 20, TERMINAL = 80, COMMANDS = 3 };

struct screen {
    const struct cm_ending *e;
    const struct cm_model *m;
    const char *zone;
    struct cm_situation s;
    struct cm_rows rows;
};

static size_t width_of(const struct screen *c) { return c->e->look.plain ? UNWRAPPED : c->e->look.width; }

static void row(struct screen *c, const char *label, const char *fmt, ...) CM_PRINTF(3, 4);
static void row(struct screen *c, const char *label, const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    cm_autofree char *first = cm_fmt("  %-*s", LABEL, label), *rest = cm_fmt("  %*s", LABEL, "");
    cm_rows_wrap(&c->rows, first, rest, cm_str_text(&s), width_of(c));
    cm_str_fini(&s);
}

/* ---- the verdict ---- */

static const char *last_stage(const struct cm_model *m)
{
    const char *id = "";
    for (size_t i = 0; m->now != NULL && i < m->now->stage_count; i++)
        if (m->now->stages[i].ended_ms != 0)
            id = m->now->stages[i].id;
    return id;
}

static char *verdict(const struct cm_ending *e)
{
    const struct cm_model *m = e->model;
    const char *where = cm_json_text(m->plan, "target.namespace", "?");
    size_t open = cm_model_open_changes(m, true);
    if (m->now == NULL || !m->now->ended)
        return cm_fmt("stopped where --until said: stage %s is done; nothing is wrong", last_stage(m));
    if (open > 0)
        return cm_fmt("finished, but %zu temporary %s still in force and must be taken back", open,
                      open == 1 ? "change is" : "changes are");
    if (m->now->direction == CM_BACKWARD)
        return cm_strdup("taken back and verified: Connect runs on its old server again");
    if (m->now->direction == CM_FINISH)
        return cm_fmt("declared final: Connect runs in Kubernetes, and there is no way back");
    if (m->partly > 0)
        return cm_fmt("done, but %s%s", m->partly_last != NULL ? m->partly_last : "some content failed or differs",
                      m->partly > 1 ? ", and more" : "");
    return cm_fmt("done and verified: Connect runs in Kubernetes (namespace %s)", where);
}

/* ---- the clocks ---- */

static char *length(int64_t ms) { return ms < 60000 ? cm_duration_text(ms) : cm_length_text(ms); }

static char *from_to(const struct screen *c, int64_t from, int64_t to)
{
    cm_autofree char *a = cm_time_for_people(from, c->zone), *b = cm_time_for_people(to, c->zone);
    bool same_day = strncmp(a, b, 10) == 0;
    if (strlen(a) < 16 || strlen(b) < 16)
        return cm_fmt("%s to %s", a, b);
    return cm_fmt("%.*s to %s", same_day ? 5 : 16, same_day ? a + 11 : a, same_day ? b + 11 : b);
}

static const char *inside(int64_t from, int64_t to, int64_t begins, int64_t ends)
{
    if (begins == 0 && ends == 0)
        return "";
    if (begins != 0 && from < begins)
        return "; it began before the window";
    return ends != 0 && to > ends ? "; it went on after the window's end" : "; within the window";
}

static void clock_row(struct screen *c, const char *label, int64_t ms, int64_t from, int64_t to)
{
    int64_t begins = 0, ends = 0;
    if (from == 0)
        return;
    cm_window(c->m, &begins, &ends);
    int64_t until = to != 0 ? to : c->e->now_ms;
    cm_autofree char *took = length(ms), *span = from_to(c, from, until);
    row(c, label, "%s, %s%s%s", took, span, to == 0 ? " and still" : "", inside(from, until, begins, ends));
}

/* "in again since 22:33 UTC, were out for 30 min; within the window" */
static void users_row(struct screen *c)
{
    int64_t begins = 0, ends = 0, from = c->s.users_from_ms;
    cm_window(c->m, &begins, &ends);
    row(c, "users", "%s%s", c->s.line[USERS] + LABEL,
        from == 0 ? "" : inside(from, c->s.users_are_out ? c->e->now_ms : c->s.users_to_ms, begins, ends));
}

static void clocks(struct screen *c)
{
    int64_t begins = 0, ends = 0;
    clock_row(c, "service down", c->s.service_down_ms, c->s.service_from_ms, c->s.service_is_down ? 0 : c->s.service_to_ms);
    users_row(c);
    for (size_t i = 0; i < c->m->interruption_count; i++) {
        const struct cm_m_interruption *n = &c->m->interruptions[i];
        cm_autofree char *took = length(n->to_ms - n->from_ms);
        if (n->signal == NULL)
            row(c, "interrupted", "%s, %s", took, n->why);
    }
    if (c->s.users_from_ms + c->s.service_from_ms == 0 || !cm_window(c->m, &begins, &ends) || begins == 0 || ends == 0)
        return;
    cm_autofree char *span = from_to(c, begins, ends);
    row(c, "window", "%s", span);
}

/* ---- content ---- */

static long long fact(const struct cm_model *m, const char *name, const char *member)
{
    return (long long)cm_json_int(json_object_get(m->facts, name), member, 0);
}

static void content(struct screen *c)
{
    const struct cm_model *m = c->m;
    if (m->now != NULL && m->now->direction == CM_BACKWARD)
        return;
    if (json_object_get(m->facts, "content.build") != NULL) {
        long long left = fact(m, "content.build", "left");
        cm_autofree char *more = left > 0 ? cm_fmt(", %lld left to their first use", left) : cm_strdup("");
        row(c, "content", "%lld chosen items: %lld built, %lld failed, %lld needed no build, %lld gone%s",
            fact(m, "content.build", "selected"), fact(m, "content.build", "built"), fact(m, "content.build", "failed"),
            fact(m, "content.build", "skipped"), fact(m, "content.build", "gone"), more);
    }
    if (json_object_get(m->facts, "content.validation") != NULL)
        row(c, "compared", "%lld as before, %lld differ, %lld gone, %lld not visible to this API key",
            fact(m, "content.validation", "same"), fact(m, "content.validation", "differs"), fact(m, "content.validation", "gone"),
            fact(m, "content.validation", "not_visible"));
}

/* ---- the way back ---- */

static void way_back(struct screen *c)
{
    const struct cm_model *m = c->m;
    size_t open = cm_model_open_changes(m, false);
    cm_autofree char *takes = cm_way_back_length(m);
    if (m->now == NULL || m->now->direction == CM_BACKWARD)
        return;
    if (m->now->direction == CM_FINISH)
        row(c, "way back", "closed");
    else if (open == 0)
        row(c, "way back", "there is nothing to take back");
    else if (takes != NULL)
        row(c, "way back", "open: takes %s; what users did until then stays", takes);
    else
        row(c, "way back", "open: undoes %zu %s; what users did until then stays", open, open == 1 ? "change" : "changes");
}

/* ---- what to type, report, values ---- */

static void commands(struct screen *c, size_t most)
{
    const struct cm_standing standing = {
        .plan_file = c->e->plan_file, .run_dir = c->e->run_dir, .alive = c->e->alive, .status = c->e->status};
    cm_autojson next = cm_next_steps_of(c->m, &standing);
    size_t i;
    json_t *step;
    cm_rows_add(&c->rows, "");
    json_array_foreach(next, i, step)
    {
        if (i == 0)
            cm_rows_add(&c->rows, "what to type");
        if (i >= most)
            break;
        cm_rows_addf(&c->rows, "  %s", cm_json_text(step, "command", ""));
        cm_rows_wrap(&c->rows, "      ", "      ", cm_json_text(step, "does", ""), width_of(c));
    }
}

/* A copy of ours would be forgotten in the run directory, and the next upgrade would bring the Launcher back. */
static void converted(struct screen *c)
{
    const char *file;
    json_t *copy;
    json_object_foreach(json_object_get(c->m->facts, "values.files"), file, copy)
    {
        const char *given = cm_json_text(copy, "given", file);
        cm_autofree char *text = cm_fmt("%s is %s, converted for the direct runner: commit it instead of the old file",
                                        cm_path_base(given), cm_path_base(file));
        if (strcmp(given, file) != 0)
            cm_rows_wrap(&c->rows, "", "  ", text, width_of(c));
    }
}

static void files(struct screen *c)
{
    cm_autofree char *report = c->e->run_dir != NULL ? cm_path_join(c->e->run_dir, "report.html") : NULL;
    const json_t *final = json_object_get(c->m->facts, "values.final");
    bool back = c->m->now != NULL && c->m->now->direction == CM_BACKWARD;
    size_t i;
    json_t *file;
    cm_rows_add(&c->rows, "");
    if (report != NULL && access(report, R_OK) == 0)
        cm_rows_addf(&c->rows, "report: %s", report);
    if (c->e->run_dir != NULL && !back && fact(c->m, "content.build", "failed") > 0)
        cm_rows_addf(&c->rows, "items that failed: %s/artifacts/build.csv", c->e->run_dir);
    if (!json_is_array(final) || back)
        return;
    struct cm_str s = CM_STR(CM_STR_PAGE);
    json_array_foreach(cm_json_loose(final), i, file)
    {
        cm_str_add(&s, " -f ");
        cm_shell_quote(&s, json_string_value(file));
    }
    cm_rows_addf(&c->rows, "values files for helm from now on, in this order:%s", cm_str_text(&s));
    cm_str_fini(&s);
    converted(c);
}

static void compose(struct screen *c, size_t most)
{
    cm_autofree char *text = verdict(c->e), *masked = cm_mask(text);
    cm_rows_fini(&c->rows);
    cm_rows_wrap(&c->rows, "", "  ", masked, width_of(c));
    clocks(c);
    content(c);
    row(c, "old server", "%s", c->s.line[0] + LABEL);
    row(c, "new server", "%s", c->s.line[1] + LABEL);
    row(c, "in force", "%s", c->s.line[CM_SITUATION_LINES - 1] + LABEL);
    way_back(c);
    commands(c, most);
    files(c);
}

char *cm_ending_done_text(const struct cm_ending *e)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    struct screen c = {.e = e, .m = e->model, .zone = cm_json_text(e->model->plan, "window.zone", NULL)};
    cm_situation(c.m, e->now_ms, &c.s);
    for (size_t most = COMMANDS; most > 0; most--) {
        compose(&c, most);
        if (cm_rows_shown(&c.rows, TERMINAL) <= CM_ENDING_ROWS)
            break;
    }
    if (e->look.colour) {
        char *plain = c.rows.list[0];
        c.rows.list[0] = cm_fmt("%s%s\033[0m", e->status == CM_E_OK ? "\033[1;32m" : "\033[1;33m", plain);
        free(plain);
    }
    cm_str_add(&out, "\n");
    cm_rows_print(&c.rows, &out);
    cm_rows_fini(&c.rows);
    cm_situation_fini(&c.s);
    return cm_str_take(&out);
}
