/* The parts of a run put together: see session.h. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "actions/registry.h"
#include "actions/values_given.h"
#include "adapters/outside.h"
#include "adapters/process.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/find.h"
#include "cli/locks.h"
#include "cli/session.h"
#include "report/report.h"

/* report.write: the record is read again, so that the report is made of what is durable. */
static int write_report(void *ctx, struct cm_step *step, struct cm_err **err)
{
    struct cm_session *s = ctx;
    cm_autofree char *path = cm_path_join(s->run_dir, "state.jsonl");
    bool absent = false;
    (void)step;
    struct cm_model *m = cm_journal_read(path, &absent, err);
    if (!m)
        return -1;
    int rc = cm_report_write_all(m, s->run_dir, cm_clock_wall(cm_loop_clock(s->loop)), err);
    cm_model_free(m);
    return rc;
}

static void print_event(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms)
{
    (void)ctx;
    (void)seq;
    (void)at_ms;
    cm_autofree char *text = json_dumps(event, JSON_COMPACT);
    printf("%s\n", text);
    fflush(stdout);
}

char *cm_run_dir_of(const struct cm_invocation *in)
{
    const char *given = cm_given_value(in, CM_O_RUN_DIR);
    if (given)
        return cm_path_absolute(given);
    cm_autofree char *path = cm_path_absolute(in->args[0]);
    size_t n = strlen(path);
    n -= cm_ends(path, ".yaml") ? 5 : cm_ends(path, ".yml") ? 4 : 0;
    return cm_fmt("%.*s.run", (int)n, path);
}

static void take_options(struct cm_session *s, const struct cm_invocation *in)
{
    struct cm_engine_setup *u = &s->setup;
    s->skips = cm_alloc((in->given_count + 1) * sizeof *s->skips);
    s->waives = cm_alloc((in->given_count + 1) * sizeof *s->waives);
    s->redo = cm_alloc((in->given_count + 1) * sizeof *s->redo);
    for (size_t i = 0; i < in->given_count; i++) {
        if (in->given[i].id == CM_O_SKIP)
            s->skips[u->skip_count++] = (struct cm_said_reason){in->given[i].value, cm_given_reason(in, i)};
        else if (in->given[i].id == CM_O_WAIVE)
            s->waives[u->waive_count++] = (struct cm_said_reason){in->given[i].value, cm_given_reason(in, i)};
        else if (in->given[i].id == CM_O_REDO)
            s->redo[u->redo_count++] = in->given[i].value;
    }
    u->skips = s->skips;
    u->waives = s->waives;
    u->redo = s->redo;
    u->yes = cm_given_times(in, CM_O_YES) > 0;
    u->again = cm_given_times(in, CM_O_AGAIN) > 0;
    u->accept_plan_changes = cm_given_times(in, CM_O_ACCEPT) > 0;
    u->fresh = cm_given_times(in, CM_O_FRESH) > 0;
    u->until = cm_given_value(in, CM_O_UNTIL);
    if (cm_given_times(in, CM_O_JSON))
        u->event = print_event;
}

static int is_text(const char *word, struct cm_err **err)
{
    if (!word || cm_utf8_valid(word, strlen(word)))
        return 0;
    cm_fail(err, CM_E_USAGE, "%s: this is no UTF-8, and goes on record, which is", word);
    cm_hint(err, "Rename the file or folder, or type in a terminal whose locale is UTF-8 (`locale charmap` shows it).");
    return -1;
}

/* Notes, reasons, and the paths of plan and run directory stand in the record. */
static int can_go_on_record(const struct cm_session *s, const struct cm_invocation *in, struct cm_err **err)
{
    int rc = is_text(cm_plan_dir(s->plan), err);
    rc = rc == 0 ? is_text(s->run_dir, err) : rc;
    for (size_t i = 0; i < in->arg_count && rc == 0; i++)
        rc = is_text(in->args[i], err);
    for (size_t i = 0; i < in->given_count && rc == 0; i++)
        rc = is_text(in->given[i].value, err);
    return rc;
}

int cm_session_open(struct cm_session *s, const struct cm_invocation *in, struct cm_err **err)
{
    *s = (struct cm_session){0};
    s->loop = cm_loop_new(&cm_clock_system);
    s->run_dir = cm_run_dir_of(in);
    s->plan = cm_plan_load(in->args[0], err);
    if (s->plan && can_go_on_record(s, in, err) == 0)
        s->outside = cm_outside_new(s->loop, s->plan, err);
    if (!s->outside) {
        cm_session_close(s);
        return -1;
    }
    cm_values_given_begin(s->outside);
    s->plans_dir = cm_find_plans();
    bool forward = in->command == &cm_commands[0];
    s->command = cm_fmt("%s%s%s", forward ? "" : in->command->name, forward ? "" : " ", in->args[0]);
    s->locks = cm_locks_new(s->loop, s->plan, s->outside, s->run_dir, s->command);
    s->reporter = (struct cm_reporter){write_report, s};
    struct cm_screen_options look = {.plan_file = in->args[0],
                                     .run_dir = s->run_dir,
                                     .json = cm_given_times(in, CM_O_JSON) > 0,
                                     .plain = cm_given_times(in, CM_O_PLAIN) > 0,
                                     .color = cm_given_value(in, CM_O_COLOR),
                                     .quiet = cm_given_times(in, CM_O_QUIET) > 0};
    s->screen = cm_screen_new(s->loop, &look);
    s->setup = (struct cm_engine_setup){.loop = s->loop,
                                        .plan = s->plan,
                                        .actions = cm_actions,
                                        .outside = s->outside,
                                        .outside_after_fork = cm_outside_after_fork,
                                        .escalate = cm_run_escalate,
                                        .reporter = &s->reporter,
                                        .view = cm_screen_view(s->screen),
                                        .run_dir = s->run_dir,
                                        .plans_dir = s->plans_dir,
                                        .program_version = PACKAGE_VERSION};
    s->setup.locks = cm_locks_list(s->locks, &s->setup.lock_count);
    take_options(s, in);
    return 0;
}

void cm_session_close(struct cm_session *s)
{
    cm_screen_free(s->screen);
    cm_locks_free(s->locks);
    cm_outside_free(s->outside);
    cm_plan_free(s->plan);
    cm_loop_free(s->loop);
    free(s->run_dir);
    free(s->plans_dir);
    free(s->command);
    free(s->skips);
    free(s->waives);
    free(s->redo);
}
