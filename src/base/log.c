/* base/log.c: messages to people on stderr (base/log.h). What is masked stands in base/mask.c. */
#include <config.h>

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Set once by cli from -v and -q; read by everything that has no context to carry it. */
static enum cm_level shown = CM_NORMAL;

/* As above: set by cli while it draws on the terminal. */
static struct {
    void (*put)(void *ctx, const char *line);
    void *ctx;
} elsewhere;

void cm_log_to(void (*put)(void *ctx, const char *line), void *ctx)
{
    elsewhere.put = put;
    elsewhere.ctx = ctx;
}

void cm_log_level(enum cm_level level) { shown = level; }

void cm_log(enum cm_level level, const char *fmt, ...)
{
    if (level > shown)
        return;
    struct cm_str s = CM_STR(CM_STR_PAGE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    cm_autofree char *masked = cm_mask(cm_str_text(&s));
    cm_str_reset(&s);
    cm_str_add(&s, masked);
    cm_str_add(&s, "\n");
    if (elsewhere.put != NULL) {
        elsewhere.put(elsewhere.ctx, cm_str_text(&s));
        cm_str_fini(&s);
        return;
    }
    /* One write, so that lines of workers and of ours do not mix. A closed terminal must not end the run. */
    ssize_t ignored = write(STDERR_FILENO, cm_str_text(&s), s.len);
    (void)ignored;
    cm_str_fini(&s);
}
