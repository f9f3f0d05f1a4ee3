/* cli/ending_done.h: the last screen of a run that came through, or to where --until said. */
#ifndef CM_CLI_ENDING_DONE_H
#define CM_CLI_ENDING_DONE_H

#include "cli/ending.h"

char *cm_ending_done_text(const struct cm_ending *e);          /* e->model is not NULL; caller frees */

#endif
