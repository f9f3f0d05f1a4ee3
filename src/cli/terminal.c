/* The block at the bottom, drawn in place: see terminal.h. Only cursor-up, carriage return and erase-below are used (ECMA-48), which
 * every terminal, tmux and screen know. */
#include <config.h>

#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/columns.h"
#include "base/mem.h"

struct cm_terminal {
    int fd;
    bool live;
    char *block;    /* what stands there; NULL: nothing */
    size_t columns; /* when it was drawn */
};

struct cm_terminal *cm_terminal_new(int fd, bool live)
{
    struct cm_terminal *t = cm_alloc(sizeof *t);
    t->fd = fd;
    t->live = live;
    return t;
}

bool cm_terminal_is_live(const struct cm_terminal *t) { return t->live; }

void cm_terminal_size(const struct cm_terminal *t, size_t *columns, size_t *rows)
{
    struct winsize w = {0};
    bool known = ioctl(t->fd, TIOCGWINSZ, &w) == 0;
    *columns = known && w.ws_col > 0 ? w.ws_col : 80;
    *rows = known && w.ws_row > 0 ? w.ws_row : 24;
}

/* A terminal that is gone must not end the run; one that is full is waited for, but not for ever. */
static void write_all(int fd, const char *text, size_t n)
{
    enum { PATIENCE_MS = 1000 };
    while (n > 0) {
        ssize_t put = write(fd, text, n);
        if (put < 0 && errno == EAGAIN && poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, PATIENCE_MS) > 0)
            continue;
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        text += put;
        n -= (size_t)put;
    }
}

/* Columns that a line takes, without its colours. */
static size_t shown_columns(const char *line, size_t bytes)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i < bytes;) {
        if (line[i] != '\033') {
            i++;
            continue;
        }
        n += cm_columns(line + from, i - from);
        while (i < bytes && line[i] != 'm')
            i++;
        from = ++i;
    }
    return n + (from < bytes ? cm_columns(line + from, bytes - from) : 0);
}

/* Rows that the block takes now: where the terminal has become narrower it has wrapped the lines. */
static size_t rows_of(const char *block, size_t columns)
{
    size_t rows = 0;
    for (const char *at = block; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        size_t wide = shown_columns(at, strcspn(at, "\n"));
        rows += wide == 0 ? 1 : (wide + columns - 1) / columns;
    }
    return rows;
}

static void add_erase(struct cm_terminal *t, struct cm_str *out, size_t columns)
{
    if (t->block == NULL)
        return;
    size_t rows = rows_of(t->block, columns);
    cm_str_add(out, "\r");
    if (rows > 1)
        cm_str_addf(out, "\033[%zuA", rows - 1);
    cm_str_add(out, "\033[J");
}

void cm_terminal_put(struct cm_terminal *t, const char *text)
{
    struct cm_str out = CM_STR(CM_STR_BIG);
    size_t columns, rows;
    cm_terminal_size(t, &columns, &rows);
    add_erase(t, &out, columns);
    cm_str_add(&out, text);
    cm_str_add(&out, t->block != NULL ? t->block : "");
    write_all(t->fd, cm_str_text(&out), out.len);
    cm_str_fini(&out);
}

void cm_terminal_block(struct cm_terminal *t, const char *text)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    size_t columns, rows;
    cm_terminal_size(t, &columns, &rows);
    bool same = t->block != NULL && strcmp(t->block, text) == 0 && columns == t->columns;
    if (!t->live || same || (t->block == NULL && *text == '\0'))
        return;
    add_erase(t, &out, columns);
    cm_str_add(&out, text);
    write_all(t->fd, cm_str_text(&out), out.len);
    cm_str_fini(&out);
    free(t->block);
    t->block = *text != '\0' ? cm_strdup(text) : NULL;
    t->columns = columns;
}

void cm_terminal_free(struct cm_terminal *t)
{
    if (t == NULL)
        return;
    cm_terminal_block(t, "");
    free(t->block);
    free(t);
}
