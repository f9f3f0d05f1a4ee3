/* status: where a run stands, from the record alone: it takes no lock and cuts nothing. 2 usage, 8 a temporary change is open and nobody
 * runs, 0. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/locks.h"
#include "cli/session.h"
#include "cli/watch.h"
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

/* The five lines, and the commands that are safe now. */
static void print_world(const struct cm_model *m, const json_t *status, int64_t now)
{
    struct cm_situation s;
    size_t i;
    json_t *step;
    cm_situation(m, now, &s);
    fputs("\nstate of the world\n", stdout);
    for (int k = 0; k < CM_SITUATION_LINES; k++)
        printf("  %s\n", s.line[k]);
    cm_situation_fini(&s);
    json_array_foreach(json_object_get(status, "next_steps"), i, step)
    {
        printf("%s  %s\n      ", i == 0 ? "\nwhat to type\n" : "", cm_json_text(step, "command", ""));
        cm_print_wrapped(stdout, cm_json_text(step, "does", ""), 6, 6);
    }
}

static void print_status(const struct cm_invocation *in, const char *run_dir, const struct cm_model *m, bool live)
{
    int64_t now = cm_clock_wall(&cm_clock_system);
    cm_autojson status = cm_status_json(m, in->args[0], run_dir, live, now);
    if (cm_given_times(in, CM_O_JSON)) {
        cm_autofree char *text = json_dumps(status, JSON_INDENT(2));
        printf("%s\n", text);
    } else if (!m) {
        printf("nothing was begun yet in %s\n  connect-migrate-run check %s\n", run_dir, in->args[0]);
    } else {
        printf("%s: %s%s\n\n", in->args[0], cm_json_text(status, "state", ""), live ? ", a process is at work" : "");
        print_stages(status);
        print_world(m, status, now);
    }
}

int cm_cmd_status(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *run_dir = cm_run_dir_of(in), *state = cm_path_join(run_dir, "state.jsonl");
    if (!cm_file_exists(in->args[0]) && !cm_file_exists(run_dir)) {
        cm_fail(err, CM_E_USAGE, "%s: there is no such plan", in->args[0]);
        cm_hint(err, "Name the plan's file; `connect-migrate-run init` prints a first one.");
        return -1;
    }
    if (cm_given_times(in, CM_O_WATCH))
        return cm_watch_run(in, run_dir, err);
    bool absent = false;
    /* Asked before the record is read: a run that ends between the two is shown as live once more, not as stopped in the middle. */
    bool live = cm_run_is_live(run_dir);
    struct cm_model *m = cm_journal_read(state, &absent, err);
    if (!m && !absent)
        return -1;
    print_status(in, run_dir, m, live);
    int code = m && !live && cm_model_open_changes(m, true) ? CM_E_UNSETTLED : CM_E_OK;
    cm_model_free(m);
    return code;
}
