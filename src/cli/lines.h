/* cli/lines.h: one thing that happened in a run, as lines for people: in columns, or (plain) as one whole sentence a line, which is what
 * a screen reader reads well. Pure text; each function returns it with a newline at its end, caller frees. What comes from outside is
 * made printable here. */
#ifndef CM_CLI_LINES_H
#define CM_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/action.h>

struct cm_lines { bool plain, colour, utf8; size_t width; };

char *cm_line_stage(const struct cm_lines *l, size_t number, const char *id, const char *title);
/* state: "done" "skipped" "failed" "waiting" "running"; text: how long, why; "" none. */
char *cm_line_step(const struct cm_lines *l, const char *state, const char *step, const char *text);
char *cm_line_said(const struct cm_lines *l, const char *step, const char *text);
char *cm_line_finding(const struct cm_lines *l, enum cm_verdict verdict, const char *id, const char *seen, const char *remedy);
char *cm_line_gate(const struct cm_lines *l, const char *id, const char *title, const char *shown);
/* It goes on: `sentence` says what has been at work for how long. */
char *cm_line_still(const struct cm_lines *l, const char *sentence);
/* A message that belongs to no step. */
char *cm_line_note(const struct cm_lines *l, const char *text);

#endif
