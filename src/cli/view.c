/* What people see of a run: see view.h. The engine says what happens, the record's model says how it stands. */
#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/columns.h"
#include "base/hooks.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/ending.h"
#include "cli/lines.h"
#include "cli/live.h"
#include "cli/stopping.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "report/report.h"

enum { HEARTBEAT_MS = 30 * 1000, REDRAW_MS = 200, WIDEST = 160 };

struct cm_screen {
    struct cm_screen_options o;
    struct cm_view view;
    struct cm_loop *loop;
    struct cm_terminal *terminal;
    struct cm_timer *tick;
    const struct cm_model *model; /* NULL: the record is not open */
    struct cm_lines look;
    size_t stage;
    char *stage_id, *stage_title; /* not printed yet: a stage whose steps all stand stays quiet */
    char *doing;                  /* what the step at work says of its progress; not on record */
    int64_t rest_until;           /* boot: no drawing before */
    bool asking;
};

/* ---- the block ---- */

bool cm_can_draw(int fd, bool plain)
{
    const char *term = getenv("TERM");
    return isatty(fd) && !plain && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool cm_wants_colour(int fd, const char *color, bool plain)
{
    const char *no = getenv("NO_COLOR");
    if (plain || (color != NULL && strcmp(color, "never") == 0))
        return false;
    if (color != NULL && strcmp(color, "always") == 0)
        return true;
    return cm_can_draw(fd, plain) && !(no != NULL && *no != '\0');
}

static int64_t now_of(const struct cm_screen *s) { return cm_clock_wall(cm_loop_clock(s->loop)); }

static void draw(struct cm_screen *s)
{
    struct cm_live_look look = {.colour = s->look.colour, .utf8 = s->look.utf8, .plan_file = s->o.plan_file, .doing = s->doing};
    cm_autostr block = CM_STR(CM_STR_PAGE);
    cm_terminal_size(s->terminal, &look.columns, &look.rows);
    if (!s->asking)
        cm_live_text(&look, s->model, now_of(s), &block);
    cm_terminal_block(s->terminal, cm_str_text(&block));
}

static void tick(void *ctx)
{
    struct cm_screen *s = ctx;
    int64_t began = cm_loop_now_ms(s->loop);
    if (cm_terminal_is_live(s->terminal)) {
        if (began >= s->rest_until)
            draw(s);
        /* With ten thousand items the record takes its time to be summed up: never more than a fiftieth of ours. */
        s->rest_until = began >= s->rest_until ? began + 50 * (cm_loop_now_ms(s->loop) - began) : s->rest_until;
        return;
    }
    cm_autofree char *sentence = s->model != NULL ? cm_live_sentence(s->model, now_of(s)) : cm_strdup("");
    if (*sentence == '\0' || s->o.quiet || s->asking)
        return;
    cm_autofree char *line = cm_line_still(&s->look, sentence);
    cm_terminal_put(s->terminal, line);
}

/* ---- lines ---- */

static void put(struct cm_screen *s, char *taken)
{
    if (s->stage_id != NULL) {
        cm_autofree char *stage = cm_line_stage(&s->look, s->stage, s->stage_id, s->stage_title);
        cm_terminal_put(s->terminal, stage);
        free(s->stage_id);
        free(s->stage_title);
        s->stage_id = s->stage_title = NULL;
    }
    cm_terminal_put(s->terminal, taken);
    free(taken);
}

static void size_lines(struct cm_screen *s)
{
    size_t columns = 80, rows;
    if (isatty(STDERR_FILENO))
        cm_terminal_size(s->terminal, &columns, &rows);
    s->look.width = columns > WIDEST ? WIDEST : columns > 40 ? columns - 1 : 39;
}

static void on_log(void *ctx, const char *line)
{
    struct cm_screen *s = ctx;
    cm_terminal_put(s->terminal, line);
}

static void on_opened(void *ctx, const struct cm_model *model) { ((struct cm_screen *)ctx)->model = model; }

static void on_stage(void *ctx, size_t number, const char *id, const char *title)
{
    struct cm_screen *s = ctx;
    free(s->stage_id);
    free(s->stage_title);
    s->stage = number;
    s->stage_id = cm_strdup(id);
    s->stage_title = cm_strdup(title);
}

static void on_step(void *ctx, const char *id, const char *summary, enum cm_moment moment, const char *message, int64_t took_ms)
{
    struct cm_screen *s = ctx;
    cm_autofree char *took = cm_duration_text(took_ms);
    const char *text = message != NULL ? message : "";
    (void)summary;
    size_lines(s);
    if (moment != CM_BEGINS) {
        free(s->doing);
        s->doing = NULL;
    }
    if (moment == CM_ENDS_DONE && !s->o.quiet)
        put(s, cm_line_step(&s->look, "done", id, took));
    else if (moment == CM_ENDS_SKIPPED)
        put(s, cm_line_step(&s->look, "skipped", id, text));
    else if (moment == CM_ENDS_FAILED)
        put(s, cm_line_step(&s->look, "failed", id, text));
    else if (moment == CM_ENDS_WAITING)
        put(s, cm_line_step(&s->look, "waiting", id, text));
}

static void on_say(void *ctx, const char *step, const char *text)
{
    struct cm_screen *s = ctx;
    size_lines(s);
    if (!s->o.quiet)
        put(s, cm_line_said(&s->look, step, text));
}

static void on_finding(void *ctx, const char *step, enum cm_verdict verdict, const char *id, const char *seen, const char *remedy)
{
    struct cm_screen *s = ctx;
    (void)step;
    size_lines(s);
    if (!s->o.quiet || verdict != CM_OK)
        put(s, cm_line_finding(&s->look, verdict, id, seen, remedy));
}

/* Shown with the step at work. What the record knows better (builds) is taken from there. */
static void on_progress(void *ctx, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct cm_screen *s = ctx;
    const struct cm_m_step *at = s->model != NULL ? cm_model_step(s->model, step) : NULL;
    free(s->doing);
    s->doing = NULL;
    if (at == NULL || strcmp(at->action, "content.build") != 0)
        s->doing = total > 0 ? cm_fmt("%llu of %llu %s", (unsigned long long)done, (unsigned long long)total, unit)
                             : cm_fmt("%llu %s", (unsigned long long)done, unit);
}

static void on_signalled(void *ctx, int signo, int nth)
{
    struct cm_screen *s = ctx;
    cm_autofree char *command = cm_again_command(s->model, s->o.plan_file, s->o.run_dir);
    cm_autofree char *text = cm_stopping_text(s->model, signo, nth, command);
    size_lines(s);
    cm_terminal_put(s->terminal, "\n");
    cm_autofree char *line = cm_line_note(&s->look, text);
    cm_terminal_put(s->terminal, line);
}

/* ---- gates ---- */

static void on_gate(void *ctx, const struct cm_gate_spec *spec)
{
    struct cm_screen *s = ctx;
    size_lines(s);
    put(s, cm_line_gate(&s->look, spec->id, spec->title, spec->shown));
}

struct answer {
    struct cm_str text;
    bool whole, lost;
};

static void typed(void *ctx, int fd, short revents)
{
    struct answer *a = ctx;
    char buf[256];
    (void)revents;
    ssize_t n = read(fd, buf, sizeof buf);
    if (n <= 0) {
        a->lost = true;
        return;
    }
    cm_str_add_bytes(&a->text, buf, (size_t)n);
    a->whole = memchr(buf, '\n', (size_t)n) != NULL;
}

static bool answered(void *ctx)
{
    const struct answer *a = ctx;
    return a->whole || a->lost;
}

/* The loop serves on while a person thinks: locks are kept, and a signal ends the question. */
static int on_ask(void *ctx, const struct cm_gate_spec *spec, char **note)
{
    struct cm_screen *s = ctx;
    if (s->o.json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return -1;
    s->asking = true;
    draw(s);
    cm_autofree char *prompt = cm_fmt(
        spec->attest ? "    %s: say what was done or seen (empty line: not yet): " : "    %s: type yes to go on: ", spec->id);
    cm_terminal_put(s->terminal, prompt);
    struct answer a = {.text = CM_STR(CM_STR_LINE)};
    struct cm_watch *w = cm_loop_fd(s->loop, STDIN_FILENO, POLLIN, typed, &a);
    enum cm_wait got = cm_loop_until(s->loop, answered, &a, CM_NEVER);
    cm_watch_drop(w);
    s->asking = false;
    cm_autofree char *answer = cm_str_take(&a.text);
    answer[strcspn(answer, "\r\n")] = '\0';
    if (got == CM_WAIT_CANCELLED)
        return 0;
    if (a.lost)
        return -1;
    if (spec->attest && answer[0] != '\0') {
        *note = cm_strdup(answer);
        return 1;
    }
    return strcmp(answer, "yes") == 0;
}

/* ---- the end ---- */

static void end_as_json(const struct cm_screen *s, const struct cm_ending *e)
{
    cm_autojson out = cm_status_json(e->model, s->o.plan_file, s->o.run_dir, e->alive, e->now_ms);
    json_object_set_new(out, "type", json_string("result"));
    json_object_set_new(out, "status", json_integer(e->status));
    json_object_set_new(out, "meaning", json_string(cm_code_meaning(e->status)));
    if (e->err) {
        cm_autofree char *message = cm_mask(cm_err_message(e->err));
        json_object_set_new(out, "message", json_string(message));
    }
    cm_autofree char *text = json_dumps(out, JSON_COMPACT);
    printf("%s\n", text);
    fflush(stdout);
}

static void end(struct cm_screen *s, int status, const struct cm_err *err, const struct cm_model *model, bool alive)
{
    size_lines(s);
    struct cm_ending e = {.status = status,
                          .err = err,
                          .model = model,
                          .plan_file = s->o.plan_file,
                          .run_dir = s->o.run_dir,
                          .alive = alive,
                          .now_ms = now_of(s),
                          .look = s->look};
    cm_autofree char *text = cm_ending_text(&e);
    s->model = NULL;
    cm_terminal_block(s->terminal, "");
    cm_terminal_put(s->terminal, text);
    if (s->o.json)
        end_as_json(s, &e);
}

static void on_ended(void *ctx, int status, const struct cm_err *err, const struct cm_model *model)
{
    end(ctx, status, err, model, false);
}

void cm_screen_refused(struct cm_screen *s, int status, const struct cm_err *err, const struct cm_model *model, bool alive)
{
    end(s, status, err, model, alive);
}

struct cm_screen *cm_screen_new(struct cm_loop *loop, const struct cm_screen_options *o)
{
    struct cm_screen *s = cm_alloc(sizeof *s);
    s->o = *o;
    s->loop = loop;
    bool events_there = o->json && isatty(STDOUT_FILENO); /* on the same terminal */
    s->terminal = cm_terminal_new(STDERR_FILENO, cm_can_draw(STDERR_FILENO, o->plain) && !o->quiet && !events_there);
    s->look = (struct cm_lines){o->plain, cm_wants_colour(STDERR_FILENO, o->color, o->plain), cm_locale_is_utf8(), 0};
    int64_t period = cm_terminal_is_live(s->terminal) ? REDRAW_MS : cm_hook_number("CM_HEARTBEAT_MS", HEARTBEAT_MS);
    s->tick = cm_loop_timer(loop, cm_loop_now_ms(loop) + period, period, tick, s);
    s->view = (struct cm_view){.opened = on_opened,
                               .signalled = on_signalled,
                               .stage = on_stage,
                               .step = on_step,
                               .say = on_say,
                               .finding = on_finding,
                               .progress = on_progress,
                               .gate = on_gate,
                               .ask = on_ask,
                               .ended = on_ended,
                               .ctx = s};
    cm_log_to(on_log, s);
    return s;
}

const struct cm_view *cm_screen_view(struct cm_screen *s) { return &s->view; }

void cm_screen_free(struct cm_screen *s)
{
    if (!s)
        return;
    cm_log_to(NULL, NULL);
    cm_timer_drop(s->tick);
    cm_terminal_free(s->terminal);
    free(s->stage_id);
    free(s->stage_title);
    free(s->doing);
    free(s);
}
