/* cli/ending.h: the last screen of a run: what happened, whether something is lost, whether users are out, and what to type. Its last
 * lines alone must do for a reader who has never seen the program: a stop takes 24 lines of 80 columns at most, so that they stand on
 * the smallest terminal together with the prompt; evidence that does not fit is printed whole before them. Pure text. */
#ifndef CM_CLI_ENDING_H
#define CM_CLI_ENDING_H

#include <stdint.h>

#include <cm/err.h>

#include "cli/lines.h"
#include "journal/model.h"

enum { CM_ENDING_ROWS = 24 };

struct cm_ending {
    int status;                          /* the exit status */
    const struct cm_err *err;            /* what stopped it; NULL: the record says (or nothing did) */
    const struct cm_model *model;        /* NULL: nothing is on record */
    const char *plan_file, *run_dir;
    bool alive;                          /* another process is at work on it */
    int64_t now_ms;                      /* wall */
    struct cm_lines look;
};

char *cm_ending_text(const struct cm_ending *e);          /* caller frees */
/* One error with its evidence and hint, as it stands at the end of a command that has no run to speak of. Caller frees. */
char *cm_error_text(const struct cm_err *err, size_t width);

#endif
