/* adapters/spawn.h: fork and exec, for the runner (process.c, process_effect.c) only.
 *
 * The child has its own session, default signal handling, the three descriptors it is given and no other. What goes wrong
 * between fork and exec comes back through a pipe, so that "no such program" is never taken for an exit status 127. */
#ifndef CM_ADAPTERS_SPAWN_H
#define CM_ADAPTERS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include <cm/err.h>
#include <cm/runner.h>

struct cm_spawn {
    int in, out, errout;       /* the child's 0, 1, 2; stay the caller's */
    bool dies_with_us;         /* PR_SET_PDEATHSIG */
    bool held;                 /* waits for cm_spawn_go; when we die or drop it before, it ends without exec */
    /* filled by cm_spawn: */
    pid_t pid;
    int hold_fd;               /* -1: not held (any more) */
    int failed_fd;             /* what happened before exec; -1: closed */
};

int cm_spawn(struct cm_spawn *s, const struct cm_cmd *cmd, struct cm_err **err);
void cm_spawn_go(struct cm_spawn *s);
void cm_spawn_close(struct cm_spawn *s);       /* the pipes; a held child ends by it */
/* 0: the program was started. -1: it was not, and why. Waits for the exec when the child has not come so far. */
int cm_spawn_started(struct cm_spawn *s, const struct cm_cmd *cmd, struct cm_err **err);
/* A descriptor that holds the command's input, at its beginning (no name anywhere); /dev/null without one. */
int cm_spawn_input(const struct cm_cmd *cmd, struct cm_err **err);
int cm_spawn_status(int wait_status);          /* exit status, or 128 + signal */

#endif
