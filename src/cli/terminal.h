/* cli/terminal.h: a block of lines that stands at the bottom of a terminal and is drawn anew in place, while other lines scroll above it
 * as ever: no alternate screen, no scrolling region, so what has passed stays in the scrollback. Output goes out in one write a time.
 * The size is asked for at every drawing; after a resize the old block is counted as the terminal has wrapped it. A terminal that wraps
 * its lines some time before it tells the new size (tmux) may keep a row of the old block in its scrollback.
 * Does not: know what the lines say. */
#ifndef CM_CLI_TERMINAL_H
#define CM_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct cm_terminal;

/* live false: nothing is ever drawn in place; cm_terminal_put alone writes. */
struct cm_terminal *cm_terminal_new(int fd, bool live);
void cm_terminal_free(struct cm_terminal *t);                          /* the block goes */
bool cm_terminal_is_live(const struct cm_terminal *t);
void cm_terminal_size(const struct cm_terminal *t, size_t *columns, size_t *rows);      /* 80 and 24 where it is not known */
/* Lines above the block; text ends with a newline. */
void cm_terminal_put(struct cm_terminal *t, const char *text);
/* The block is this now; "": none. */
void cm_terminal_block(struct cm_terminal *t, const char *text);

#endif
