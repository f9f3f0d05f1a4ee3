/* base/time.c: times and durations as text (base/time.h). Zones are read by base/zone.c, never by changing TZ. */
#include <config.h>

#include "base/time.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/zone.h"

static const int64_t longest_ms = INT64_C(10) * 366 * 86400 * 1000;

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* Units come in falling order, each at most once: "5m2h" is more likely a slip than a wish. */
bool cm_duration_parse(const char *text, int64_t *ms)
{
    int64_t total = 0;
    size_t next_unit = 0;
    const char *p = text;
    while (*p != '\0') {
        if (!isdigit((unsigned char)*p))
            return false;
        int64_t n = 0;
        for (; isdigit((unsigned char)*p); p++) {
            n = n * 10 + (*p - '0');
            if (n > longest_ms)
                return false;
        }
        size_t len = 0;
        while (isalpha((unsigned char)p[len]))
            len++;
        size_t u = next_unit;
        if (len == 0 && *p == '\0' && total == 0 && next_unit == 0)
            u = 3; /* a bare number: seconds */
        else
            while (u < sizeof units / sizeof *units && (strlen(units[u].name) != len || strncmp(units[u].name, p, len) != 0))
                u++;
        if (u == sizeof units / sizeof *units || n > longest_ms / units[u].ms)
            return false;
        total += n * units[u].ms;
        next_unit = u + 1;
        p += len;
    }
    if (p == text || total > longest_ms)
        return false;
    *ms = total;
    return true;
}

char *cm_duration_text(int64_t ms)
{
    const char *minus = ms < 0 ? "-" : "";
    uint64_t v = ms < 0 ? (uint64_t)0 - (uint64_t)ms : (uint64_t)ms;
    unsigned long long s = v / 1000;
    if (v < 1000)
        return cm_fmt("%s%llu ms", minus, (unsigned long long)v);
    if (s < 60)
        return cm_fmt("%s%llu.%llu s", minus, s, (unsigned long long)v % 1000 / 100);
    if (s < 3600)
        return cm_fmt("%s%llum %02llus", minus, s / 60, s % 60);
    if (s < 86400)
        return cm_fmt("%s%lluh %02llum %02llus", minus, s / 3600, s / 60 % 60, s % 60);
    return cm_fmt("%s%llud %02lluh %02llum", minus, s / 86400, s / 3600 % 24, s / 60 % 60);
}

static int64_t floor_seconds(int64_t ms) { return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000); }

char *cm_time_text(int64_t wall_ms)
{
    int64_t s = floor_seconds(wall_ms);
    struct tm tm = cm_civil(s);
    return cm_fmt("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                  tm.tm_sec, (int)(wall_ms - s * 1000));
}

/* Exactly `count` digits at *p. */
static bool number(const char **p, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        *value = *value * 10 + (**p - '0');
    }
    return true;
}

static bool literal(const char **p, const char *chars)
{
    if (**p == '\0' || strchr(chars, **p) == NULL)
        return false;
    (*p)++;
    return true;
}

static bool parse_date(const char **p, struct tm *tm)
{
    if (!number(p, 4, &tm->tm_year) || !literal(p, "-") || !number(p, 2, &tm->tm_mon) || !literal(p, "-") ||
        !number(p, 2, &tm->tm_mday))
        return false;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = tm->tm_year;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (y < 1900 || tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_mday < 1 || tm->tm_mday > days[tm->tm_mon - 1] ||
        (tm->tm_mon == 2 && tm->tm_mday == 29 && !leap))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon--;
    return true;
}

/* "22:00" or, with seconds, "22:00:30" (60 for a leap second). */
static bool parse_clock(const char **p, struct tm *tm, bool need_seconds)
{
    if (!number(p, 2, &tm->tm_hour) || !literal(p, ":") || !number(p, 2, &tm->tm_min))
        return false;
    if (need_seconds || **p == ':')
        if (!literal(p, ":") || !number(p, 2, &tm->tm_sec))
            return false;
    return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

static bool parse_offset(const char **p, int *seconds)
{
    *seconds = 0;
    if (literal(p, "Zz"))
        return true;
    int sign = **p == '-' ? -1 : 1, h, m;
    if (!literal(p, "+-") || !number(p, 2, &h))
        return false;
    if (**p == ':')
        (*p)++;
    if (!number(p, 2, &m) || h > 23 || m > 59)
        return false;
    *seconds = sign * (h * 3600 + m * 60);
    return true;
}

bool cm_time_parse(const char *rfc3339, int64_t *wall_ms)
{
    struct tm tm = {0};
    const char *p = rfc3339;
    int ms = 0, offset = 0;
    if (!parse_date(&p, &tm) || !literal(&p, "Tt ") || !parse_clock(&p, &tm, true))
        return false;
    if (*p == '.') {
        int scale = 100;
        if (!isdigit((unsigned char)*++p))
            return false;
        for (; isdigit((unsigned char)*p); p++, scale /= 10)
            ms += (*p - '0') * scale;
    }
    if (!parse_offset(&p, &offset) || *p != '\0')
        return false;
    *wall_ms = (cm_civil_seconds(&tm) - offset) * 1000 + ms;
    return true;
}

int cm_time_in_zone(const char *text, const char *zone, int64_t *wall_ms, struct cm_err **err)
{
    struct tm tm = {0};
    const char *p = text;
    if (!parse_date(&p, &tm) || !literal(&p, "Tt ") || !parse_clock(&p, &tm, false) || *p != '\0' || tm.tm_sec > 59) {
        cm_fail(err, CM_E_USAGE, "\"%s\" is not a time", text);
        cm_hint(err, "Write it as \"2026-12-05 22:00\" or \"2026-12-05 22:00:30\".");
        return -1;
    }
    struct cm_zone *z = cm_zone_open(zone, err);
    if (z == NULL)
        return -1;
    int64_t seconds = 0;
    bool exists = cm_zone_to_utc(z, cm_civil_seconds(&tm), &seconds);
    cm_zone_free(z);
    if (!exists) {
        cm_fail(err, CM_E_USAGE, "\"%s\" does not exist in %s: the clocks go forward over it", text,
                zone == NULL ? "the local time zone" : zone);
        return -1;
    }
    *wall_ms = seconds * 1000;
    return 0;
}

char *cm_time_for_people(int64_t wall_ms, const char *zone)
{
    int64_t s = floor_seconds(wall_ms);
    struct cm_zone *z = cm_zone_open(zone, NULL);
    int offset = 0;
    char name[16] = "UTC";
    if (z != NULL)
        cm_zone_at(z, s, &offset, name);
    cm_zone_free(z);
    struct tm tm = cm_civil(s + offset);
    return cm_fmt("%04d-%02d-%02d %02d:%02d %s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, name);
}
