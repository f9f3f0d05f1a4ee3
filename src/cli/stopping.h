/* cli/stopping.h: what Ctrl-C does, in words, at the moment it is pressed. */
#ifndef CM_CLI_STOPPING_H
#define CM_CLI_STOPPING_H

#include "journal/model.h"

/* After the nth SIGINT or SIGTERM: what happens to what is at work, what another one does, and what to type to go on. command: that
 * command. Without a newline at the end; caller frees. */
char *cm_stopping_text(const struct cm_model *m, int signo, int nth, const char *command);

#endif
