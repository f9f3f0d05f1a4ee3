/* base/zone.h: time zones by name, read from the system's zone files (RFC 8536) without touching TZ: setting it in a
 * process whose resolver threads read the environment is a race. Seconds here are Unix seconds or, "local", the seconds
 * that the same clock reading would have in UTC. */
#ifndef CM_BASE_ZONE_H
#define CM_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <cm/err.h>

struct cm_zone;

/* NULL: the local zone (TZ, else /etc/localtime). NULL and CM_E_USAGE: no such zone. */
struct cm_zone *cm_zone_open(const char *name, struct cm_err **err);
void cm_zone_free(struct cm_zone *z);
/* Offset from UTC in seconds and the abbreviation in force at a Unix time. */
void cm_zone_at(const struct cm_zone *z, int64_t seconds, int *offset, char name[16]);
/* The Unix time of a local clock reading; the earlier one where it comes twice. False: the clocks jump over it. */
bool cm_zone_to_utc(const struct cm_zone *z, int64_t local_seconds, int64_t *seconds);

struct tm cm_civil(int64_t seconds);                      /* date and clock of seconds since 1970, without a zone */
int64_t cm_civil_seconds(const struct tm *tm);            /* the reverse; tm_year, tm_mon … as in struct tm */

#endif
