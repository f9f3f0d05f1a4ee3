/* What a refusal owes to who reads it: the file, the line and the column, found before anything was edited. */
#ifndef CM_TESTS_FUZZ_REFUSAL_H
#define CM_TESTS_FUZZ_REFUSAL_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cm/err.h>

#define must(good) ((good) ? (void)0 : abort())

static inline void must_be_placed(const struct cm_err *err)
{
    char *end = NULL;
    const char *message = cm_err_message(err); /* "f:LINE:COLUMN: …" */
    must(cm_err_code(err) == CM_E_USAGE && strncmp(message, "f:", 2) == 0);
    must(strtoul(message + 2, &end, 10) != 0 && *end == ':');
    must(strtoul(end + 1, &end, 10) != 0 && strncmp(end, ": ", 2) == 0);
}

/* A conversion or a merge looks before it edits: an edit that overlaps another, or whose result does not read as it should, is a fault of ours. */
static inline void must_be_a_refusal(const struct cm_err *err)
{
    must_be_placed(err);
    must(strstr(cm_err_message(err), ": cannot be edited safely:") == NULL);
}

#endif
