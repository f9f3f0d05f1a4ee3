/* The last screen of a run that stopped: see ending.h. What must stand there is measured first, the cause gets what is left of the
 * screen. How a run ended that came through stands in ending_done.c. */
#include <config.h>

#include "cli/ending.h"

#include <string.h>

#include "base/columns.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/ending_done.h"
#include "cli/live.h"
#include "cli/rows.h"
#include "journal/situation.h"
#include "report/report.h"

enum { TERMINAL = 80, COMMANDS = 3, CAUSE_ROWS = 4, HINT_ROWS = 5, LEAST_EVIDENCE = 2, UNWRAPPED = 1 << 20 };

static size_t width_of(const struct cm_ending *e) { return e->look.plain ? UNWRAPPED : e->look.width; }

static char *shown(const struct cm_ending *e, const char *text)
{
    cm_autofree char *masked = cm_mask(text != NULL ? text : "");
    return cm_printable(masked, e->look.utf8);
}

/* ---- what happened ---- */

/* Begun, and no end on record, though nobody is at work: the process was killed. */
static bool was_killed(const struct cm_ending *e) { return e->err == NULL && e->model != NULL && e->model->running && !e->alive; }

static const struct cm_m_step *step_in(const struct cm_m_attempt *a, enum cm_step_state one, enum cm_step_state other)
{
    for (size_t i = 0; a != NULL && i < a->step_count; i++)
        if (a->steps[i].state == one || a->steps[i].state == other)
            return &a->steps[i];
    return NULL;
}

/* The step that the run stopped in: failed or waiting, else the one that was at work (a full disk takes no step's end). */
static const struct cm_m_step *stopped_in(const struct cm_ending *e)
{
    const struct cm_m_attempt *a = e->model != NULL ? e->model->now : NULL;
    bool signal = e->status == CM_E_INTERRUPTED || e->status == CM_E_TERMINATED || was_killed(e);
    const struct cm_m_step *s = signal ? NULL : step_in(a, CM_S_FAILED, CM_S_WAITING);
    bool at_work = signal || e->status == CM_E_FAILED;
    return s == NULL && at_work ? step_in(a, CM_S_RUNNING, CM_S_RUNNING) : s;
}

static size_t stage_number(const struct cm_m_attempt *a, const char *id)
{
    for (size_t i = 0; i < a->stage_count; i++)
        if (strcmp(a->stages[i].id, id) == 0)
            return i;
    return 0;
}

/* Is the gate of the downtime still to come? Then no user has noticed anything. */
static bool before_downtime(const struct cm_model *m)
{
    const struct cm_m_step *gate =
        m != NULL && m->now != NULL && m->now->direction == CM_FORWARD ? cm_model_step(m, "gate.downtime") : NULL;
    return gate != NULL && gate->state != CM_S_DONE && m->now->freeze == 0;
}

static char *lead(const struct cm_ending *e, const struct cm_m_step *s)
{
    cm_autofree char *where = s != NULL ? cm_fmt(" in step %s (stage %zu of %zu)", s->id, stage_number(e->model->now, s->stage),
                                                 e->model->now->stage_count - 1)
                                        : cm_strdup("");
    if (was_killed(e))
        return cm_fmt("stopped%s: ", where);
    switch (e->status) {
    case CM_E_INTERRUPTED: return cm_fmt("stopped by Ctrl-C (SIGINT)%s: ", where);
    case CM_E_TERMINATED: return cm_fmt("stopped by SIGTERM%s: ", where);
    case CM_E_INTERNAL: return cm_fmt("stopped by an internal error%s: ", where);
    case CM_E_BLOCKED: return cm_strdup("not begun: ");
    case CM_E_WAITING: return cm_strdup("waiting for a person: ");
    case CM_E_FAILED:
        return cm_fmt("stopped%s%s%s: ", before_downtime(e->model) ? " before the downtime" : "",
                      before_downtime(e->model) && s != NULL ? "," : "", where);
    default: return s != NULL ? cm_fmt("stopped%s: ", where) : cm_strdup("not run: ");
    }
}

static const char *message_of(const struct cm_ending *e, const struct cm_m_step *s)
{
    if (e->err != NULL)
        return cm_err_message(e->err);
    if (was_killed(e))
        return "the run's process ended without a word: it was killed, or the machine went down";
    if (s != NULL && s->message != NULL)
        return s->message;
    return e->model != NULL && e->model->last_message != NULL ? e->model->last_message : cm_code_meaning(e->status);
}

static const char *hint_of(const struct cm_ending *e, const struct cm_m_step *s)
{
    if (was_killed(e))
        return NULL;
    const char *hint = e->err != NULL ? cm_err_hint(e->err) : s != NULL ? s->hint : NULL;
    return hint == NULL && e->status == CM_E_FAILED ? "Mend what is named above, then type the first of the commands below." : hint;
}

/* At most `most` rows; the last one says by dots that there was more. */
static void cut(struct cm_rows *r, size_t from, size_t most)
{
    if (r->count - from <= most)
        return;
    while (r->count - from > most)
        free(r->list[--r->count]);
    cm_autofree char *last = r->list[--r->count];
    cm_rows_addf(r, "%.*s ...", (int)cm_columns_span(last, TERMINAL - 6), last);
}

/* ---- evidence ---- */

static bool stands_already(const struct cm_rows *r, const char *line)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->list[i], line) == 0)
            return true;
    return false;
}

/* A line without what may differ where the same is told: blanks in front, "seen in", the time stamp. */
static const char *told_by(const char *line)
{
    const char *stamp = strstr(line, "time=\""), *quote = stamp != NULL ? strchr(stamp + 6, '"') : NULL;
    line += strspn(line, " ");
    return quote != NULL ? quote + 1 : cm_starts(line, "seen in ") ? line + strlen("seen in ") : line;
}

/* Each line once, and none that the message holds: a container that ends six times says the same six times. */
static void evidence_lines(const char *evidence, const char *message, struct cm_rows *out)
{
    CM_ROWS seen = {0};
    for (const char *at = evidence; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        cm_autofree char *line = cm_strndup(at, n);
        const char *told = told_by(line);
        if (*told != '\0' && !stands_already(&seen, told) && strstr(message, told) == NULL) {
            cm_rows_add(&seen, told);
            cm_rows_add(out, line);
        }
        at += n + (at[n] == '\n');
    }
}

static bool tells_of_failure(const char *line)
{
    static const char *const words[] = {"rror", "enied", "ailed", "efused", "annot", "nable", "ackOff"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(line, words[i]) != NULL)
            return true;
    return false;
}

static size_t rows_for(const struct cm_ending *e, const char *prefix, const char *line)
{
    CM_ROWS r = {0};
    cm_rows_wrap(&r, prefix, prefix, line, width_of(e));
    return r.count;
}

/* As many lines as fit, in their order: the first, then what to do about it, then what calls itself an error, then what tells of a
 * failure, then the others. False: some were left out. */
static bool add_evidence(const struct cm_ending *e, struct cm_rows *r, const struct cm_rows *lines, size_t room)
{
    const char *prefix = e->look.plain ? "  " : "  | ";
    cm_autofree bool *chosen = cm_alloc((lines->count + 1) * sizeof *chosen);
    size_t used = 0, count = 0, all = 0;
    for (size_t i = 0; i < lines->count; i++)
        all += rows_for(e, prefix, lines->list[i]);
    size_t most = all <= room ? room : room - 1;
    bool whole = all <= room;
    for (int pass = 0; pass < 5; pass++)
        for (size_t i = 0; i < lines->count; i++) {
            size_t n = rows_for(e, prefix, lines->list[i]);
            const char *line = lines->list[i] + strspn(lines->list[i], " ");
            bool turn = pass == 0   ? i == 0
                        : pass == 1 ? cm_starts(line, "what to do: ")
                        : pass == 2 ? cm_starts(line, "Error")
                        : pass == 3 ? tells_of_failure(line)
                                    : whole || !cm_ends(line, ":");
            if (turn && !chosen[i] && (used + n <= most || count == 0)) {
                chosen[i] = true;
                used += n;
                count++;
            }
        }
    for (size_t i = 0; i < lines->count; i++)
        if (chosen[i])
            cm_rows_wrap(r, prefix, prefix, lines->list[i], width_of(e));
    if (count < lines->count)
        cm_rows_addf(r, "%s(%zu more %s printed above)", prefix, lines->count - count,
                     lines->count - count == 1 ? "line is" : "lines are");
    return count == lines->count;
}

/* ---- the state of the world ---- */

/* Did this run reach for anything outside? Telling people and looking are no changes. */
static bool changed_something(const struct cm_model *m)
{
    for (size_t i = 0; m != NULL && i < m->intent_count; i++) {
        const struct cm_m_intent *n = &m->intents[i];
        if (n->life != CM_NOT_HAPPENED && strcmp(n->effect, "webhook") != 0 && strcmp(n->effect, "connect.verified") != 0)
            return true;
    }
    return false;
}

/* Short, for the line above the five: they say since when. */
static char *users_words(const struct cm_ending *e, const struct cm_situation *s)
{
    bool late, out = s->users_are_out || s->service_is_down;
    cm_autofree char *window = out ? cm_live_window(e->model, e->now_ms, &late) : NULL;
    if (!out)
        return cm_strdup(s->users_from_ms != 0 || s->service_from_ms != 0 ? "users are in again" : "users are not affected");
    return cm_fmt("%s%s%s", s->users_are_out ? "users are locked out" : "Connect is down for users",
                  window != NULL ? "; window: " : "", window != NULL ? window : "");
}

static void add_world(const struct cm_ending *e, struct cm_rows *r)
{
    struct cm_situation s;
    if (e->model == NULL)
        return;
    cm_situation(e->model, e->now_ms, &s);
    cm_autofree char *users = users_words(e, &s);
    const char *lost = changed_something(e->model) ? "nothing is lost, all is on record" : "nothing was changed or lost";
    cm_autofree char *head = cm_fmt("state of the world: %s; %s", lost, users);
    cm_rows_wrap(r, "", "  ", head, width_of(e));
    for (int i = 0; i < CM_SITUATION_LINES; i++)
        cm_rows_wrap(r, "  ", e->look.plain ? "" : "                ", s.line[i], width_of(e));
    cm_situation_fini(&s);
}

/* ---- what to type ---- */

static void add_commands(const struct cm_ending *e, struct cm_rows *r, size_t most)
{
    const struct cm_standing standing = {.plan_file = e->plan_file, .run_dir = e->run_dir, .alive = e->alive, .status = e->status};
    cm_autojson next = cm_next_steps_of(e->model, &standing);
    size_t i;
    json_t *step;
    json_array_foreach(next, i, step)
    {
        if (i == 0)
            cm_rows_add(r, "what to type");
        if (i >= most)
            break;
        cm_rows_addf(r, "  %s", cm_json_text(step, "command", ""));
        cm_rows_wrap(r, "      ", "      ", cm_json_text(step, "does", ""), width_of(e));
    }
}

/* The commands take what they need, but leave the cause its least: fewer where lines are long, or where the evidence is. */
static void fixed_part(const struct cm_ending *e, struct cm_rows *r, size_t wanted)
{
    for (size_t most = COMMANDS; most > 0; most--) {
        cm_rows_fini(r);
        cm_rows_add(r, "");
        add_world(e, r);
        if (e->model != NULL)
            cm_rows_add(r, "");
        add_commands(e, r, most);
        size_t left = most < COMMANDS ? CAUSE_ROWS + LEAST_EVIDENCE : wanted;
        if (cm_rows_shown(r, TERMINAL) + left <= CM_ENDING_ROWS)
            return;
    }
}

/* ---- the whole ---- */

static void paint_first(const struct cm_ending *e, struct cm_rows *r, const char *sgr)
{
    if (!e->look.colour || r->count == 0)
        return;
    char *plain = r->list[0];
    r->list[0] = cm_fmt("%s%s\033[0m", sgr, plain);
    free(plain);
}

static char *stopped_text(const struct cm_ending *e)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    const struct cm_m_step *s = stopped_in(e);
    cm_autofree char *begin = lead(e, s), *message = shown(e, message_of(e, s)), *hint = shown(e, hint_of(e, s));
    cm_autofree char *evidence = shown(e, e->err != NULL ? cm_err_evidence(e->err) : NULL);
    CM_ROWS cause = {0}, remedy = {0}, fixed = {0}, lines = {0};
    cm_autofree char *what = cm_fmt("%s%s", begin, message);
    cm_rows_wrap(&cause, "", "  ", what, width_of(e));
    cut(&cause, 0, CAUSE_ROWS);
    if (*hint != '\0')
        cm_rows_wrap(&remedy, e->look.plain ? "What to do: " : "", "", hint, width_of(e));
    evidence_lines(evidence, message, &lines);
    size_t wanted = cm_rows_shown(&cause, TERMINAL) + cm_rows_shown(&remedy, TERMINAL);
    for (size_t i = 0; i < lines.count; i++)
        wanted += rows_for(e, "  | ", lines.list[i]);
    fixed_part(e, &fixed, wanted);
    size_t others = cm_rows_shown(&cause, TERMINAL) + cm_rows_shown(&fixed, TERMINAL) + (lines.count > 0 ? LEAST_EVIDENCE : 0);
    if (!e->look.plain)
        cut(&remedy, 0, others + HINT_ROWS < CM_ENDING_ROWS ? CM_ENDING_ROWS - others : HINT_ROWS);
    size_t taken = cm_rows_shown(&cause, TERMINAL) + cm_rows_shown(&remedy, TERMINAL) + cm_rows_shown(&fixed, TERMINAL);
    size_t room = taken + LEAST_EVIDENCE < CM_ENDING_ROWS ? CM_ENDING_ROWS - taken : LEAST_EVIDENCE;
    if (e->look.plain)
        room = UNWRAPPED;
    paint_first(e, &cause, "\033[1;31m");
    size_t before = cause.count;
    bool whole = add_evidence(e, &cause, &lines, room);
    if (cause.count - before > room) {
        cut(&cause, before, room);
        whole = false;
    }
    cm_str_add(&out, "\n");
    if (!whole) {
        CM_ROWS all = {0};
        add_evidence(e, &all, &lines, UNWRAPPED);
        cm_str_add(&out, "evidence, whole:\n");
        cm_rows_print(&all, &out);
        cm_str_add(&out, "\n");
    }
    cm_rows_print(&cause, &out);
    cm_rows_print(&remedy, &out);
    cm_rows_print(&fixed, &out);
    return cm_str_take(&out);
}

char *cm_ending_text(const struct cm_ending *e)
{
    bool through = e->err == NULL && (e->status == CM_E_OK || e->status == CM_E_PARTLY || e->status == CM_E_UNSETTLED);
    return through && e->model != NULL ? cm_ending_done_text(e) : stopped_text(e);
}

char *cm_error_text(const struct cm_err *err, size_t width)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    bool utf8 = cm_locale_is_utf8();
    cm_autofree char *message = cm_mask(cm_err_message(err)), *printable = cm_printable(message, utf8);
    cm_str_addf(&out, "connect-migrate-run: %s\n", printable);
    if (cm_err_evidence(err)) {
        cm_autofree char *evidence = cm_mask(cm_err_evidence(err)), *lines = cm_printable(evidence, utf8);
        CM_ROWS rows = {0};
        cm_rows_wrap(&rows, "    | ", "    | ", lines, UNWRAPPED);
        cm_rows_print(&rows, &out);
    }
    if (cm_err_hint(err)) {
        cm_autofree char *hint = cm_mask(cm_err_hint(err)), *words = cm_printable(hint, utf8);
        CM_ROWS rows = {0};
        cm_rows_wrap(&rows, "", "", words, width);
        cm_rows_print(&rows, &out);
    }
    return cm_str_take(&out);
}
