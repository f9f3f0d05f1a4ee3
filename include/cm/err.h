/* cm/err.h: errors as values.
 *
 * A function that can fail returns int 0/-1 (or a pointer/NULL) and takes `struct cm_err **err` as its last
 * parameter. The error is made where it is seen, wrapped on the way up, printed once, by cli. Its code is the
 * exit status. `err` may be NULL where the caller only wants to know that it failed.
 *
 * Does not: print, log, exit. */
#ifndef CM_ERR_H
#define CM_ERR_H

#include <stdbool.h>

#if defined(__GNUC__)
#define CM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CM_WARN_UNUSED __attribute__((warn_unused_result))
#define CM_CLEANUP(fn) __attribute__((cleanup(fn)))
#define CM_UNUSED __attribute__((unused))
#endif

/* Exit statuses, strongest first where several apply (the manual's EXIT STATUS is printed from this table). */
#define CM_CODES(X)                                                                                          \
    X(CM_E_INTERRUPTED, 130, "interrupted", "interrupted by SIGINT; run the same command again to go on")    \
    X(CM_E_TERMINATED, 143, "terminated", "interrupted by SIGTERM; run the same command again to go on")     \
    X(CM_E_INTERNAL, 6, "internal", "an internal error; nothing that is on record is lost")                  \
    X(CM_E_CHANGED, 9, "changed",                                                                            \
      "plan, state or target changed, the state file is damaged, or another direction is open")              \
    X(CM_E_LOCKED, 4, "locked", "another run holds a lock")                                                  \
    X(CM_E_USAGE, 2, "usage", "the command line or the plan is wrong; nothing was done")                     \
    X(CM_E_BLOCKED, 5, "blocked",                                                                            \
      "blockers, or (check) unknowns that nobody has answered; nothing was changed")                         \
    X(CM_E_FAILED, 1, "failed", "a step failed; mend the cause and run again")                               \
    X(CM_E_WAITING, 3, "waiting", "waits for a gate or for a hand")                                          \
    X(CM_E_UNSETTLED, 8, "unsettled", "finished, but a temporary change has not been taken back")            \
    X(CM_E_PARTLY, 7, "partly", "done, but some content failed or differs")                                  \
    X(CM_E_OK, 0, "ok", "done and verified")

enum cm_code {
#define X(id, status, word, meaning) id = status,
    CM_CODES(X)
#undef X
};

struct cm_err;

/* Make an error; each returns -1. The message is lower case, without a full stop. An error already in *err is
 * kept as it is (the first cause wins). */
int cm_fail(struct cm_err **err, enum cm_code code, const char *fmt, ...) CM_PRINTF(3, 4);
/* As cm_fail, with ": " and strerror(errno) behind. */
int cm_fail_errno(struct cm_err **err, enum cm_code code, const char *fmt, ...) CM_PRINTF(3, 4);
/* CM_E_FAILED that may pass by itself (a 502, a lost connection): the only errors that `retries` repeats. */
int cm_fail_passing(struct cm_err **err, const char *fmt, ...) CM_PRINTF(2, 3);
/* The same, where nobody was reached at all (a cluster, a node, a database, a Connect that is away): the engine tries for a while,
 * whatever `retries` says, since such things come back by themselves. */
int cm_fail_unreached(struct cm_err **err, const char *fmt, ...) CM_PRINTF(2, 3);
/* Put "text: " before the message; returns -1. */
int cm_wrap(struct cm_err **err, const char *fmt, ...) CM_PRINTF(2, 3);
/* A sentence that says what to do or type. The first hint set is kept. */
void cm_hint(struct cm_err **err, const char *fmt, ...) CM_PRINTF(2, 3);
/* Lines seen outside that prove the cause (last lines of a tool, the API's words). Copied; appended. */
void cm_evidence(struct cm_err **err, const char *text);

enum cm_code cm_err_code(const struct cm_err *err);     /* CM_E_OK for NULL */
bool cm_err_is_passing(const struct cm_err *err);
bool cm_err_is_unreached(const struct cm_err *err);     /* is passing, too */
const char *cm_err_message(const struct cm_err *err);   /* "" for NULL; lives as long as err */
const char *cm_err_hint(const struct cm_err *err);      /* NULL when there is none */
const char *cm_err_evidence(const struct cm_err *err);  /* NULL when there is none */
void cm_err_free(struct cm_err *err);
/* Free *err and set it to NULL, to try something else. */
void cm_err_clear(struct cm_err **err);
/* Hand src over to *dst (frees src when *dst already holds one); returns -1. */
int cm_err_move(struct cm_err **dst, struct cm_err *src);

/* "locked" for CM_E_LOCKED … and its meaning, for the manual and for JSON. NULL for an unknown status. */
const char *cm_code_word(int code);
const char *cm_code_meaning(int code);

static inline void cm_err_cleanup(struct cm_err **e) { cm_err_free(*e); }
#define cm_autoerr CM_CLEANUP(cm_err_cleanup) struct cm_err *

#endif
