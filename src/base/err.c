/* base/err.c: errors as values (include/cm/err.h). Does not print, log or exit. */
#include <config.h>

#include <cm/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"

struct cm_err {
    enum cm_code code;
    bool passing, unreached;
    char *message, *hint, *evidence;
};

static char *format(const char *fmt, va_list ap) CM_PRINTF(1, 0);

static char *format(const char *fmt, va_list ap)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    cm_str_vaddf(&s, fmt, ap);
    return cm_str_take(&s);
}

/* Takes `message`. The first cause wins. */
static int make(struct cm_err **err, enum cm_code code, bool passing, char *message)
{
    if (err == NULL || *err != NULL) {
        free(message);
        return -1;
    }
    struct cm_err *e = cm_alloc(sizeof *e);
    e->code = code;
    e->passing = passing;
    e->message = message;
    *err = e;
    return -1;
}

int cm_fail(struct cm_err **err, enum cm_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *message = format(fmt, ap);
    va_end(ap);
    return make(err, code, false, message);
}

int cm_fail_errno(struct cm_err **err, enum cm_code code, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *what = format(fmt, ap);
    va_end(ap);
    make(err, code, false, cm_fmt("%s: %s", what, strerror(saved)));
    errno = saved;
    return -1;
}

int cm_fail_passing(struct cm_err **err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *message = format(fmt, ap);
    va_end(ap);
    return make(err, CM_E_FAILED, true, message);
}

int cm_fail_unreached(struct cm_err **err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *message = format(fmt, ap);
    va_end(ap);
    if (err != NULL && *err == NULL) {
        make(err, CM_E_FAILED, true, message);
        (*err)->unreached = true;
    } else {
        free(message);
    }
    return -1;
}

int cm_wrap(struct cm_err **err, const char *fmt, ...)
{
    if (err == NULL || *err == NULL)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *before = format(fmt, ap);
    va_end(ap);
    cm_autofree char *old = (*err)->message;
    (*err)->message = cm_fmt("%s: %s", before, old);
    return -1;
}

void cm_hint(struct cm_err **err, const char *fmt, ...)
{
    if (err == NULL || *err == NULL || (*err)->hint != NULL)
        return;
    va_list ap;
    va_start(ap, fmt);
    (*err)->hint = format(fmt, ap);
    va_end(ap);
}

void cm_evidence(struct cm_err **err, const char *text)
{
    if (err == NULL || *err == NULL || text == NULL || *text == '\0')
        return;
    cm_autofree char *old = (*err)->evidence;
    if (old == NULL)
        (*err)->evidence = cm_strdup(text);
    else
        (*err)->evidence = cm_fmt("%s%s%s", old, old[strlen(old) - 1] == '\n' ? "" : "\n", text);
}

enum cm_code cm_err_code(const struct cm_err *err) { return err == NULL ? CM_E_OK : err->code; }

bool cm_err_is_passing(const struct cm_err *err) { return err != NULL && err->passing; }

bool cm_err_is_unreached(const struct cm_err *err) { return err != NULL && err->unreached; }

const char *cm_err_message(const struct cm_err *err) { return err == NULL ? "" : err->message; }

const char *cm_err_hint(const struct cm_err *err) { return err == NULL ? NULL : err->hint; }

const char *cm_err_evidence(const struct cm_err *err) { return err == NULL ? NULL : err->evidence; }

void cm_err_free(struct cm_err *err)
{
    if (err == NULL)
        return;
    free(err->message);
    free(err->hint);
    free(err->evidence);
    free(err);
}

void cm_err_clear(struct cm_err **err)
{
    if (err == NULL)
        return;
    cm_err_free(*err);
    *err = NULL;
}

int cm_err_move(struct cm_err **dst, struct cm_err *src)
{
    if (dst != NULL && *dst == NULL)
        *dst = src;
    else
        cm_err_free(src);
    return -1;
}

const char *cm_code_word(int code)
{
    switch (code) {
#define X(id, status, word, meaning)                                                                                               \
    case status: return word;
        CM_CODES(X)
#undef X
    default: return NULL;
    }
}

const char *cm_code_meaning(int code)
{
    switch (code) {
#define X(id, status, word, meaning)                                                                                               \
    case status: return meaning;
        CM_CODES(X)
#undef X
    default: return NULL;
    }
}
