/* What people see of a run: see view.h. The reader is tired: what is, since when, and what to type. */
#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/view.h"
#include "cli/wrap.h"
#include "journal/situation.h"
#include "report/report.h"

enum { HEARTBEAT_MS = 30 * 1000, REDRAW_MS = 100, STEP_COLUMN = 22, TEXT_COLUMN = 4 + 8 + 1 + STEP_COLUMN + 1, GATE_COLUMN = 13 };

struct cm_screen {
    struct cm_screen_options o;
    struct cm_view view;
    const struct cm_loop *loop;
    bool terminal, colour;
    bool drawn; /* a rewritten line stands on the terminal */
    int64_t last_progress;
    char stage[160]; /* title not printed yet: a stage whose steps all stand stays quiet */
    bool stage_shown;
};

/* ---- colour, never the only signal ---- */

static const char *paint(const struct cm_screen *s, const char *word)
{
    if (!s->colour)
        return "";
    if (strcmp(word, "done") == 0 || strcmp(word, "ok") == 0)
        return "\033[32m";
    if (strcmp(word, "warning") == 0 || strcmp(word, "unknown") == 0 || strcmp(word, "waiting") == 0)
        return "\033[33m";
    if (strcmp(word, "failed") == 0 || strcmp(word, "blocker") == 0)
        return "\033[31m";
    return "";
}

static void wipe_line(struct cm_screen *s)
{
    if (s->drawn)
        fputs("\r\033[K", stderr);
    s->drawn = false;
}

static void line(struct cm_screen *s, const char *word, const char *what, const char *text)
{
    wipe_line(s);
    if (!s->stage_shown && s->stage[0])
        fprintf(stderr, "%s\n", s->stage);
    s->stage_shown = true;
    size_t wide = strlen(what) > STEP_COLUMN ? strlen(what) : STEP_COLUMN;
    fprintf(stderr, "    %s%-8s%s %-*s ", paint(s, word), word, *paint(s, word) ? "\033[0m" : "", STEP_COLUMN, what);
    cm_print_wrapped(stderr, text, TEXT_COLUMN + wide - STEP_COLUMN, TEXT_COLUMN);
}

/* ---- stages and steps ---- */

static void on_stage(void *ctx, size_t number, const char *id, const char *title)
{
    struct cm_screen *s = ctx;
    snprintf(s->stage, sizeof s->stage, "%2zu  %s  (%s)", number, title, id);
    s->stage_shown = false;
}

static void on_step(void *ctx, const char *id, const char *summary, enum cm_moment moment, const char *message, int64_t took_ms)
{
    struct cm_screen *s = ctx;
    cm_autofree char *took = cm_duration_text(took_ms);
    switch (moment) {
    case CM_BEGINS:
        if (s->terminal) {
            wipe_line(s);
            fprintf(stderr, "    running  %-*s %s", STEP_COLUMN, id, summary);
            s->drawn = true;
        }
        break;
    case CM_STANDS: break;
    case CM_ENDS_DONE:
        if (!s->o.quiet)
            line(s, "done", id, took);
        break;
    case CM_ENDS_SKIPPED: line(s, "skipped", id, message ? message : ""); break;
    case CM_ENDS_FAILED: line(s, "failed", id, message ? message : ""); break;
    case CM_ENDS_WAITING: line(s, "waiting", id, message ? message : ""); break;
    }
}

static void on_say(void *ctx, const char *step, const char *text)
{
    struct cm_screen *s = ctx;
    if (!s->o.quiet)
        line(s, "", step, text);
}

static void on_finding(void *ctx, const char *step, enum cm_verdict verdict, const char *id, const char *seen, const char *remedy)
{
    struct cm_screen *s = ctx;
    (void)step;
    if (s->o.quiet && verdict == CM_OK)
        return;
    line(s, cm_verdict_word(verdict), id, seen);
    if (verdict != CM_OK && remedy && *remedy) {
        fprintf(stderr, "%*s", TEXT_COLUMN, "");
        cm_print_wrapped(stderr, remedy, TEXT_COLUMN, TEXT_COLUMN);
    }
}

static void on_progress(void *ctx, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct cm_screen *s = ctx;
    int64_t now = cm_loop_now_ms(s->loop);
    if (now - s->last_progress < (s->terminal ? REDRAW_MS : HEARTBEAT_MS))
        return;
    bool first = s->last_progress == 0;
    s->last_progress = now;
    cm_autofree char *text = cm_fmt("%llu of %llu %s", (unsigned long long)done, (unsigned long long)total, unit);
    if (s->terminal) {
        wipe_line(s);
        fprintf(stderr, "    running  %-*s %s", STEP_COLUMN, step, text);
        s->drawn = true;
    } else if (!first) {
        line(s, "running", step, text);
    }
}

/* ---- gates ---- */

static void on_gate(void *ctx, const struct cm_gate_spec *spec)
{
    struct cm_screen *s = ctx;
    line(s, "gate", spec->id, spec->title);
    cm_autofree char *shown = cm_mask(spec->shown ? spec->shown : "");
    size_t n = strlen(shown);
    if (n > 0 && shown[n - 1] == '\n')
        shown[n - 1] = '\0';
    fprintf(stderr, "%*s", GATE_COLUMN, "");
    cm_print_wrapped(stderr, shown, GATE_COLUMN, GATE_COLUMN);
}

/* A signal must end the question: the read waits in short polls, and a lost terminal answers "no terminal". */
static int on_ask(void *ctx, const struct cm_gate_spec *spec, char **note)
{
    struct cm_screen *s = ctx;
    if (s->o.json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return -1;
    wipe_line(s);
    fprintf(stderr,
            spec->attest ? "    %s: say what was done or seen (empty line: not yet): " : "    %s: type yes to go on: ", spec->id);
    char answer[1024];
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&p, 1, 200) == 0)
        if (cm_loop_cancelled(s->loop))
            return 0;
    if (cm_loop_cancelled(s->loop))
        return 0;
    if (!fgets(answer, sizeof answer, stdin))
        return -1;
    answer[strcspn(answer, "\r\n")] = '\0';
    if (spec->attest && answer[0]) {
        *note = cm_strdup(answer);
        return 1;
    }
    return strcmp(answer, "yes") == 0;
}

/* ---- the end ---- */

void cm_print_error(const struct cm_err *err)
{
    cm_autofree char *message = cm_mask(cm_err_message(err));
    fprintf(stderr, "connect-migrate-run: %s\n", message);
    if (cm_err_evidence(err)) {
        cm_autofree char *evidence = cm_mask(cm_err_evidence(err));
        for (char *at = evidence, *nl; *at; at = nl + 1) {
            nl = strchr(at, '\n');
            fprintf(stderr, "    | %.*s\n", nl ? (int)(nl - at) : (int)strlen(at), at);
            if (!nl)
                break;
        }
    }
    if (cm_err_hint(err)) {
        cm_autofree char *hint = cm_mask(cm_err_hint(err));
        fprintf(stderr, "%s\n", hint);
    }
}

void cm_print_situation(FILE *out, const struct cm_model *model, const char *plan_file, int64_t now_wall_ms)
{
    struct cm_situation now;
    cm_situation(model, now_wall_ms, &now);
    fputs("\nstate of the world\n", out);
    for (int i = 0; i < CM_SITUATION_LINES; i++)
        fprintf(out, "  %s\n", now.line[i]);
    cm_situation_fini(&now);
    cm_autojson next = cm_next_steps(model, plan_file);
    size_t i;
    json_t *step;
    if (json_array_size(next))
        fputs("\nwhat to type\n", out);
    json_array_foreach(next, i, step)
    {
        fprintf(out, "  %s\n      ", cm_json_text(step, "command", ""));
        cm_print_wrapped(out, cm_json_text(step, "does", ""), 6, 6);
    }
}

static void end_as_json(const struct cm_screen *s, int status, const struct cm_err *err, const struct cm_model *model, int64_t now)
{
    cm_autojson out = cm_status_json(model, s->o.plan_file, s->o.run_dir, false, now);
    json_object_set_new(out, "type", json_string("result"));
    json_object_set_new(out, "status", json_integer(status));
    json_object_set_new(out, "meaning", json_string(cm_code_meaning(status)));
    if (err) {
        cm_autofree char *message = cm_mask(cm_err_message(err));
        json_object_set_new(out, "message", json_string(message));
    }
    cm_autofree char *text = json_dumps(out, JSON_COMPACT);
    printf("%s\n", text);
    fflush(stdout);
}

static void on_ended(void *ctx, int status, const struct cm_err *err, const struct cm_model *model)
{
    struct cm_screen *s = ctx;
    int64_t now = cm_clock_wall(cm_loop_clock(s->loop));
    wipe_line(s);
    fputs("\n", stderr);
    if (err)
        cm_print_error(err);
    else
        fprintf(stderr, "%s\n", cm_code_meaning(status));
    cm_print_situation(stderr, model, s->o.plan_file, now);
    cm_autofree char *report = cm_fmt("%s/report.html", s->o.run_dir);
    if (!err && access(report, R_OK) == 0)
        fprintf(stderr, "\nreport: %s\n", report);
    if (s->o.json)
        end_as_json(s, status, err, model, now);
}

struct cm_screen *cm_screen_new(const struct cm_loop *loop, const struct cm_screen_options *o)
{
    struct cm_screen *s = cm_alloc(sizeof *s);
    const char *color = o->color ? o->color : "auto", *no = getenv("NO_COLOR"), *term = getenv("TERM");
    s->o = *o;
    s->loop = loop;
    s->terminal = isatty(STDERR_FILENO) && !o->plain && term && strcmp(term, "dumb") != 0;
    s->colour = strcmp(color, "always") == 0 || (strcmp(color, "auto") == 0 && s->terminal && !(no && *no));
    s->view = (struct cm_view){.stage = on_stage,
                               .step = on_step,
                               .say = on_say,
                               .finding = on_finding,
                               .progress = on_progress,
                               .gate = on_gate,
                               .ask = on_ask,
                               .ended = on_ended,
                               .ctx = s};
    return s;
}

const struct cm_view *cm_screen_view(struct cm_screen *s) { return &s->view; }

void cm_screen_free(struct cm_screen *s)
{
    if (!s)
        return;
    wipe_line(s);
    free(s);
}
