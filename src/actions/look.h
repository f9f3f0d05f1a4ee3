/* actions/look.h: what the check actions share: scripts on the server that answer in several parts, errors that become
 * findings, and settings of the new server's values.
 *
 * A script that begins with CM_LOOK_SHELL says `text NAME "$value"` and `file NAME PATH`; each part comes as a line
 * "@@ NAME BYTES", that many bytes, and a newline, so that no content can be taken for a separator. What a shell's start-up
 * files print in between is skipped. Does not: emit findings of its own choice, change anything anywhere. */
#ifndef CM_ACTIONS_LOOK_H
#define CM_ACTIONS_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/action.h>
#include <cm/str.h>

/* LC_ALL=C makes ${#2} count bytes. `file` hands over at most 4 MiB. */
#define CM_LOOK_SHELL                                                                                                    \
    "LC_ALL=C; export LC_ALL\n"                                                                                          \
    "text() { printf '@@ %s %d\\n%s\\n' \"$1\" \"${#2}\" \"$2\"; }\n"                                                      \
    "file() { n=$(head -c 4194304 <\"$2\" | wc -c) && printf '@@ %s %d\\n' \"$1\" \"$n\" && head -c \"$n\" <\"$2\" && echo; }\n"

struct cm_part { char name[24]; const char *body; size_t bytes; };       /* body: inside the output, not NUL-terminated */

/* The next part of a script's output; *at is moved on. false: no more. */
bool cm_part_next(const char **at, const char *end, struct cm_part *out);
/* The first part of that name as text, without a trailing newline; caller frees; NULL: there is none. */
char *cm_part_text(const char *output, size_t bytes, const char *name);

/* Could not look: an unknown finding with the error's words, its hint as the remedy (else `remedy`), and 0. A cancelled step or
 * an internal error is no finding: handed on, -1. Takes *seen. */
int cm_look_failed(struct cm_step *step, const char *id, const char *what, const char *remedy, struct cm_err **seen,
                   struct cm_err **err);
/* As above, but only judges: true when the error must be handed on (it was moved to *err). */
bool cm_look_ends(struct cm_err **seen, struct cm_err **err);
/* One line of an error for people: the message and the last line of its evidence; caller frees. */
char *cm_look_words(const struct cm_err *seen);

/* A member whatever its case; the last one in sorted order wins, as in the rendered file. NULL: none. */
const json_t *cm_look_member(const json_t *object, const char *name);
/* config.SECTION.KEY of merged values, whatever its case; NULL: not given. */
const json_t *cm_look_config(const json_t *values, const char *section, const char *key);
/* The new server's base values merged; NULL when they cannot be read (values.check says so). Borrowed. */
const json_t *cm_look_values(struct cm_step *step);
/* Each document of `helm template`'s output as JSON; documents that cannot be read are left out. each borrows it. */
void cm_look_manifests(const char *manifests, void (*each)(void *ctx, const json_t *object), void *ctx);
/* Is PATH inside FOLDER, or the same? Both absolute, without a trailing slash. */
bool cm_look_inside(const char *path, const char *folder);
/* Append ", text" (or text alone when empty): lists in a sentence. */
void cm_look_list(struct cm_str *list, const char *fmt, ...) CM_PRINTF(2, 3);
/* Host of a URL, lower case, without user, port and brackets; caller frees; NULL: none. */
char *cm_look_url_host(const char *url);

#endif
