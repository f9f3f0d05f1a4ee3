/* status --watch: see watch.h. Everything goes to stdout, since it is the answer. What only the run's own process knows (what a step
 * says beside the record) is not seen from here. */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/columns.h"
#include "base/file.h"
#include "base/hooks.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/ending.h"
#include "cli/lines.h"
#include "cli/live.h"
#include "cli/locks.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "journal/follow.h"
#include "report/report.h"

enum { LOOK_MS = 250, HEARTBEAT_MS = 30 * 1000, WIDEST = 160 };

struct watch {
    const struct cm_invocation *in;
    const char *run_dir;
    struct cm_loop *loop;
    struct cm_follow *follow;
    struct cm_terminal *terminal;
    struct cm_lines look;
    bool json, begun; /* begun: what was on record before is read; from now on lines are printed */
    bool over;
    int signo;
    int64_t next_beat;
    struct cm_err *fault;
};

static int64_t now_of(const struct watch *w) { return cm_clock_wall(cm_loop_clock(w->loop)); }

/* ---- lines, from the record's events ---- */

static void put(struct watch *w, char *taken)
{
    cm_terminal_put(w->terminal, taken);
    free(taken);
}

static void stage_line(struct watch *w, const char *id)
{
    const struct cm_model *m = cm_follow_model(w->follow);
    for (size_t i = 0; m != NULL && m->now != NULL && i < m->now->stage_count; i++)
        if (strcmp(m->now->stages[i].id, id) == 0)
            put(w, cm_line_stage(&w->look, i, id, m->now->stages[i].title));
}

static void step_line(struct watch *w, const json_t *e)
{
    const char *state = cm_json_text(e, "state", ""), *step = cm_json_text(e, "step", "");
    cm_autofree char *took = cm_duration_text(cm_json_int(e, "took_ms", 0));
    if (strcmp(state, "pending") != 0)
        put(w, cm_line_step(&w->look, state, step, strcmp(state, "done") == 0 ? took : cm_json_text(e, "message", "")));
}

static void finding_line(struct watch *w, const json_t *e)
{
    enum cm_verdict v = cm_verdict_of(cm_json_text(e, "verdict", ""));
    if (v != CM_OK)
        put(w, cm_line_finding(&w->look, v, cm_json_text(e, "id", ""), cm_json_text(e, "seen", ""), cm_json_text(e, "remedy", "")));
}

static void each(void *ctx, const json_t *e, uint64_t seq, int64_t at_ms)
{
    struct watch *w = ctx;
    const char *type = cm_json_text(e, "type", "");
    (void)seq;
    (void)at_ms;
    if (!w->begun || w->json)
        return;
    if (strcmp(type, "stage.begin") == 0)
        stage_line(w, cm_json_text(e, "stage", ""));
    else if (strcmp(type, "step.end") == 0)
        step_line(w, e);
    else if (strcmp(type, "step.skip") == 0)
        put(w, cm_line_step(&w->look, "skipped", cm_json_text(e, "step", ""), cm_json_text(e, "reason", "")));
    else if (strcmp(type, "finding") == 0)
        finding_line(w, e);
    else if (strcmp(type, "gate.wait") == 0)
        put(w, cm_line_gate(&w->look, cm_json_text(e, "gate", ""), cm_json_text(e, "title", ""), cm_json_text(e, "shown", "")));
}

/* ---- looking ---- */

static void size_lines(struct watch *w)
{
    size_t columns = 80, rows;
    if (isatty(STDOUT_FILENO))
        cm_terminal_size(w->terminal, &columns, &rows);
    w->look.width = columns > WIDEST ? WIDEST : columns > 40 ? columns - 1 : 39;
}

static void print_json(const struct watch *w, bool live)
{
    cm_autojson status = cm_status_json(cm_follow_model(w->follow), w->in->args[0], w->run_dir, live, now_of(w));
    cm_autofree char *text = json_dumps(status, JSON_COMPACT);
    printf("%s\n", text);
    fflush(stdout);
}

static void draw(struct watch *w)
{
    struct cm_live_look look = {.colour = w->look.colour, .utf8 = w->look.utf8, .plan_file = w->in->args[0]};
    cm_autostr block = CM_STR(CM_STR_PAGE);
    cm_terminal_size(w->terminal, &look.columns, &look.rows);
    cm_live_text(&look, cm_follow_model(w->follow), now_of(w), &block);
    cm_terminal_block(w->terminal, cm_str_text(&block));
}

static void beat(struct watch *w)
{
    int64_t now = cm_loop_now_ms(w->loop);
    if (w->json || cm_terminal_is_live(w->terminal) || now < w->next_beat)
        return;
    cm_autofree char *sentence = cm_live_sentence(cm_follow_model(w->follow), now_of(w));
    if (*sentence != '\0')
        put(w, cm_line_still(&w->look, sentence));
    w->next_beat = now + cm_hook_number("CM_HEARTBEAT_MS", HEARTBEAT_MS);
}

static void look(void *ctx)
{
    struct watch *w = ctx;
    /* Asked before the record is read: a run that ends between the two is seen to be over at the next look, with its last lines. */
    bool live = cm_run_is_live(w->run_dir);
    size_lines(w);
    int news = cm_follow_read(w->follow, &w->fault);
    if (w->json && (news > 0 || !live || !w->begun))
        print_json(w, live);
    w->begun = true;
    w->over = news < 0 || !live;
    if (w->over || w->json)
        return;
    draw(w);
    beat(w);
}

static bool over(void *ctx) { return ((struct watch *)ctx)->over; }

static void got_signal(void *ctx, int signo)
{
    struct watch *w = ctx;
    w->signo = signo;
    cm_loop_cancel(w->loop);
}

static void say_the_end(struct watch *w)
{
    const struct cm_model *m = cm_follow_model(w->follow);
    struct cm_ending e = {.status = m != NULL && m->running ? CM_E_FAILED
                                    : m != NULL             ? m->last_status
                                                            : CM_E_OK,
                          .model = m,
                          .plan_file = w->in->args[0],
                          .run_dir = w->run_dir,
                          .now_ms = now_of(w),
                          .look = w->look};
    cm_terminal_block(w->terminal, "");
    if (m == NULL) {
        put(w, cm_fmt("nothing was begun yet in %s\n  connect-migrate-run check %s\n", w->run_dir, w->in->args[0]));
        return;
    }
    put(w, cm_ending_text(&e));
}

static void watch_init(struct watch *w, const struct cm_invocation *in, const char *run_dir)
{
    bool plain = cm_given_times(in, CM_O_PLAIN) > 0;
    *w = (struct watch){.in = in, .run_dir = run_dir, .json = cm_given_times(in, CM_O_JSON) > 0};
    cm_autofree char *state = cm_path_join(run_dir, "state.jsonl");
    w->loop = cm_loop_new(&cm_clock_system);
    w->follow = cm_follow_new(state, each, w);
    w->terminal = cm_terminal_new(STDOUT_FILENO, cm_can_draw(STDOUT_FILENO, plain) && !w->json);
    w->look =
        (struct cm_lines){plain, cm_wants_colour(STDOUT_FILENO, cm_given_value(in, CM_O_COLOR), plain), cm_locale_is_utf8(), 0};
    w->next_beat = cm_loop_now_ms(w->loop);
}

int cm_watch_run(const struct cm_invocation *in, const char *run_dir, struct cm_err **err)
{
    struct watch w;
    watch_init(&w, in, run_dir);
    cm_loop_signals(w.loop, got_signal, &w);
    look(&w);
    struct cm_timer *t = cm_loop_timer(w.loop, cm_loop_now_ms(w.loop) + LOOK_MS, LOOK_MS, look, &w);
    cm_loop_until(w.loop, over, &w, CM_NEVER);
    cm_timer_drop(t);
    cm_loop_signals(w.loop, NULL, NULL);
    const struct cm_model *m = cm_follow_model(w.follow);
    int status = m != NULL && cm_model_open_changes(m, true) ? CM_E_UNSETTLED : CM_E_OK;
    if (w.fault != NULL)
        status = cm_err_move(err, w.fault);
    else if (w.signo != 0)
        status = w.signo == SIGTERM ? CM_E_TERMINATED : CM_E_INTERRUPTED;
    cm_terminal_block(w.terminal, "");
    if (w.signo != 0 && !w.json)
        put(&w, cm_fmt("\nno longer watched; the run goes on by itself\n"));
    else if (w.fault == NULL && !w.json)
        say_the_end(&w);
    cm_terminal_free(w.terminal);
    cm_follow_free(w.follow);
    cm_loop_free(w.loop);
    return status;
}
