/* status: where a run stands, from the record alone: it takes no lock and cuts nothing. 2 usage, 8 a temporary change is open and nobody
 * runs, 0. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/locks.h"
#include "cli/session.h"
#include "cli/wrap.h"
#include "journal/situation.h"
#include "report/report.h"

enum { STEP_INDENT = 6, MESSAGE_COLUMN = 38 };

static void print_step(const json_t *step)
{
    cm_autofree char *name = cm_fmt("%-8s %s", cm_json_text(step, "state", ""), cm_json_text(step, "id", ""));
    cm_print_entry(stdout, STEP_INDENT, name, MESSAGE_COLUMN, cm_json_text(step, "message", ""));
}

/* A stage that is done or untouched is one line; the one at hand shows its steps. */
static void print_stages(const json_t *status)
{
    size_t i, k;
    json_t *stage, *step;
    json_array_foreach(cm_json_loose(json_object_get(status, "stages")), i, stage)
    {
        const char *state = cm_json_text(stage, "state", "");
        printf("%2zu  %-8s ", i, state);
        cm_print_wrapped(stdout, cm_json_text(stage, "title", ""), 13, 13);
        if (strcmp(state, "done") == 0 || strcmp(state, "pending") == 0)
            continue;
        json_array_foreach(json_object_get(stage, "steps"), k, step) print_step(step);
    }
}

struct look {
    const struct cm_invocation *in;
    const char *run_dir, *state;
    bool live;
};

static void print_status(const struct look *l, const struct cm_model *m, int64_t now)
{
    cm_autojson status = cm_status_json(m, l->in->args[0], l->run_dir, l->live, now);
    if (cm_given_times(l->in, CM_O_JSON)) {
        cm_autofree char *text = json_dumps(status, cm_given_times(l->in, CM_O_WATCH) ? JSON_COMPACT : JSON_INDENT(2));
        printf("%s\n", text);
    } else if (!m) {
        printf("nothing was begun yet in %s\n  connect-migrate-run check %s\n", l->run_dir, l->in->args[0]);
    } else {
        printf("%s: %s%s\n\n", l->in->args[0], cm_json_text(status, "state", ""), l->live ? ", a process is at work" : "");
        print_stages(status);
        cm_print_situation(stdout, m, l->in->args[0], now);
    }
    fflush(stdout);
}

static int one_look(struct look *l, struct cm_err **err)
{
    bool absent = false;
    /* Asked before the record is read: a run that ends between the two is shown as live once more, not as stopped in the middle. */
    l->live = cm_run_is_live(l->run_dir);
    struct cm_model *m = cm_journal_read(l->state, &absent, err);
    if (!m && !absent)
        return -1;
    print_status(l, m, cm_clock_wall(&cm_clock_system));
    int code = m && !l->live && cm_model_open_changes(m, true) ? CM_E_UNSETTLED : CM_E_OK;
    cm_model_free(m);
    return code;
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Until something was recorded, the run has ended, or (on a terminal, where durations count up) a second has passed. */
static void wait_for_news(const struct look *l, bool terminal)
{
    off_t before = size_of(l->state);
    do
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    while (!terminal && size_of(l->state) == before && cm_run_is_live(l->run_dir));
}

int cm_cmd_status(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *run_dir = cm_run_dir_of(in), *state = cm_path_join(run_dir, "state.jsonl");
    struct look l = {in, run_dir, state, false};
    bool plain = cm_given_times(in, CM_O_PLAIN) || cm_given_times(in, CM_O_JSON), terminal = isatty(STDOUT_FILENO) && !plain;
    if (!cm_file_exists(in->args[0]) && !cm_file_exists(run_dir)) {
        cm_fail(err, CM_E_USAGE, "%s: there is no such plan", in->args[0]);
        cm_hint(err, "Name the plan's file; `connect-migrate-run init` prints a first one.");
        return -1;
    }
    for (;;) {
        int code = one_look(&l, err);
        if (code < 0 || !cm_given_times(in, CM_O_WATCH) || !l.live)
            return code;
        wait_for_news(&l, terminal);
        if (terminal)
            fputs("\033[H\033[2J", stdout);
        else if (!cm_given_times(in, CM_O_JSON))
            fputs("\n", stdout);
    }
}
