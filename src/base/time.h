/* base/time.h: times and durations as text. */
#ifndef CM_BASE_TIME_H
#define CM_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/clock.h>
#include <cm/err.h>

/* "90s" "10m" "2h30m" "1500ms" "90d"; a bare number is seconds. In ms. false: not a duration, negative or over 10 years. */
bool cm_duration_parse(const char *text, int64_t *ms);
char *cm_duration_text(int64_t ms);                     /* "1h 02m 03s", "4.2 s", "80 ms"; caller frees */
/* RFC 3339 UTC with ms, "2026-12-05T21:00:00.123Z"; caller frees. */
char *cm_time_text(int64_t wall_ms);
bool cm_time_parse(const char *rfc3339, int64_t *wall_ms);      /* any offset, fractions optional */
/* "2026-12-05 22:00[:30]" in an IANA zone (NULL: the local one). -1: not a time, or no such zone (named in err). */
int cm_time_in_zone(const char *text, const char *zone, int64_t *wall_ms, struct cm_err **err);
char *cm_time_for_people(int64_t wall_ms, const char *zone);    /* "2026-12-05 22:00 CET"; NULL zone: local; caller frees */

#endif
