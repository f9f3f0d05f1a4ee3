/* journal/line.h: one line of the state file: its bytes, its check sum, and reading a file line by line.
 *
 * {"seq":N,"at":"…Z","up":N,"ev":[…],"crc":"xxxxxxxx"}\n with the members in this order. crc: CRC-32 over the 8 digits of the
 * line before (00000000 at first) and this line's bytes before `,"crc"`. Does not know what events mean (model.h). */
#ifndef CM_JOURNAL_LINE_H
#define CM_JOURNAL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

enum { CM_CRC_DIGITS = 8 };

struct cm_line {
    uint64_t seq;
    int64_t at_ms, up_ms;
    json_t *root, *ev;                   /* ev lives in root */
};

/* The line with its newline; caller frees. `crc` holds the digits of the line before and then this line's. NULL: the events hold
 * what JSON cannot say. */
char *cm_line_make(uint64_t seq, int64_t at_ms, int64_t up_ms, const json_t *events, char crc[CM_CRC_DIGITS + 1], size_t *bytes);
/* Read a line without its newline. False: damaged, *why says how; crc is left as it was. root is the caller's. */
bool cm_line_read(const char *text, size_t n, char crc[CM_CRC_DIGITS + 1], struct cm_line *out, const char **why);

/* The lines of a file as it is now: what a living run appends meanwhile is not looked at, so that half a line in flight is never
 * taken for damage in the middle. */
struct cm_lines { int fd; off_t left; char *data; size_t begin, end, cap; };
int cm_lines_init(struct cm_lines *l, int fd);                       /* fd stays the caller's. -1: errno */
/* 1: a line (without newline; *whole false: it has none), 0: the end, -1: errno. *text lives until the next call. */
int cm_lines_next(struct cm_lines *l, const char **text, size_t *n, bool *whole);
void cm_lines_fini(struct cm_lines *l);

#endif
