/* cli/session.h: what the commands that work on a plan share: the plan, the loop, the outside, the locks, the screen and the engine's
 * setup, made in that order and undone in reverse. Nothing outside is touched by making it. */
#ifndef CM_CLI_SESSION_H
#define CM_CLI_SESSION_H

#include "cli/options.h"
#include "cli/view.h"
#include "engine/engine.h"

struct cm_locks;

struct cm_session {
    struct cm_loop *loop;
    struct cm_plan *plan;
    struct cm_outside *outside;
    struct cm_locks *locks;
    struct cm_screen *screen;
    struct cm_reporter reporter;
    char *run_dir, *plans_dir, *command;
    struct cm_said_reason *skips, *waives;
    const char **redo;
    struct cm_engine_setup setup;
};

/* in->args[0] is the plan. */
int cm_session_open(struct cm_session *s, const struct cm_invocation *in, struct cm_err **err);
void cm_session_close(struct cm_session *s);
/* The run directory of a plan, by --run-dir or by the plan's name, without reading the plan; caller frees. */
char *cm_run_dir_of(const struct cm_invocation *in);

#endif
