/* cli/watch.h: status --watch: a run seen from another terminal: the same lines and the same block as on its own, read from its state
 * file, until the run has ended. Takes no lock, changes nothing, and Ctrl-C ends only the watching. */
#ifndef CM_CLI_WATCH_H
#define CM_CLI_WATCH_H

#include <cm/err.h>

#include "cli/options.h"

/* The exit status of `status`, 130 after Ctrl-C, or -1 with an error. */
int cm_watch_run(const struct cm_invocation *in, const char *run_dir, struct cm_err **err);

#endif
