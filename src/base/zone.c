/* base/zone.c: time zones by name (base/zone.h).
 *
 * Formats: TZif (RFC 8536), version 2 or later for 64-bit times and for the footer, which holds the rule for all times after
 * the last transition (POSIX TZ string, with RFC 8536's extensions: quoted names, hours up to 167). */
#include <config.h>

#include "base/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

/* When a rule's switch takes place: Mm.w.d, Jn or n, at `time` seconds of that day. */
struct switch_day {
    char kind;
    int month, week, day;
    int time;
};

struct rule {
    char name[16], summer_name[16];
    int offset, summer_offset; /* east of UTC */
    bool has_summer;
    struct switch_day begin, end;
};

struct kind {
    int offset;
    char name[16];
};

struct cm_zone {
    size_t count; /* transitions */
    int64_t *at;
    unsigned char *index; /* into kinds */
    size_t kind_count;
    struct kind *kinds;
    size_t first; /* the kind before the first transition */
    bool has_rule;
    struct rule rule;
};

/* ---- the calendar ---- */

/* Days since 1970-01-01, proleptic Gregorian. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t cm_civil_seconds(const struct tm *tm)
{
    return ((days_of((int64_t)tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday) * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 +
           tm->tm_sec;
}

struct tm cm_civil(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    return tm;
}

/* ---- the POSIX TZ string ---- */

static bool rule_name(const char **p, char out[16])
{
    const char *s = *p;
    bool quoted = *s == '<';
    size_t n = 0;
    if (quoted)
        s++;
    while (quoted ? *s != '>' && *s != '\0' : isalpha((unsigned char)*s) != 0) {
        if (n < 15)
            out[n++] = *s;
        s++;
    }
    out[n] = '\0';
    if (quoted && *s++ != '>')
        return false;
    *p = s;
    return n >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool rule_time(const char **p, int *seconds)
{
    const char *s = *p;
    int sign = *s == '-' ? -1 : 1, scale = 3600, total = 0;
    if (*s == '-' || *s == '+')
        s++;
    for (; scale > 0; scale /= 60) {
        if (!isdigit((unsigned char)*s))
            return false;
        int n = 0;
        for (; isdigit((unsigned char)*s) && n < 1000; s++)
            n = n * 10 + (*s - '0');
        total += n * scale;
        if (*s != ':')
            break;
        s++;
    }
    *p = s;
    *seconds = sign * total;
    return true;
}

static bool rule_int(const char **p, char before, int *value)
{
    const char *s = *p;
    if (before != '\0' && *s++ != before)
        return false;
    if (!isdigit((unsigned char)*s))
        return false;
    *value = 0;
    for (; isdigit((unsigned char)*s) && *value < 1000; s++)
        *value = *value * 10 + (*s - '0');
    *p = s;
    return true;
}

static bool rule_day(const char **p, struct switch_day *d)
{
    if (*(*p)++ != ',')
        return false;
    d->kind = **p == 'M' || **p == 'J' ? *(*p)++ : 'n';
    if (d->kind == 'M') {
        if (!rule_int(p, '\0', &d->month) || !rule_int(p, '.', &d->week) || !rule_int(p, '.', &d->day) || d->month < 1 ||
            d->month > 12 || d->week < 1 || d->week > 5 || d->day > 6)
            return false;
    } else if (!rule_int(p, '\0', &d->day)) {
        return false;
    }
    d->time = 7200;
    if (**p != '/')
        return true;
    (*p)++;
    return rule_time(p, &d->time);
}

static bool parse_rule(const char *text, struct rule *r)
{
    const char *p = text;
    int west;
    memset(r, 0, sizeof *r);
    if (!rule_name(&p, r->name) || !rule_time(&p, &west))
        return false;
    r->offset = -west;
    if (*p == '\0')
        return true;
    if (!rule_name(&p, r->summer_name))
        return false;
    r->summer_offset = r->offset + 3600;
    if (*p != ',' && *p != '\0') {
        if (!rule_time(&p, &west))
            return false;
        r->summer_offset = -west;
    }
    if (*p == '\0')
        p = ",M3.2.0,M11.1.0"; /* what the C library takes when nothing is said */
    r->has_summer = rule_day(&p, &r->begin) && rule_day(&p, &r->end) && *p == '\0';
    return r->has_summer;
}

/* Local seconds of a rule's switch in a year. */
static int64_t switch_at(const struct switch_day *d, int64_t year)
{
    int64_t day;
    if (d->kind == 'M') {
        int64_t first = days_of(year, d->month, 1);
        int64_t next = d->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, d->month + 1, 1);
        int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
        day = first + (d->day - weekday + 7) % 7 + (int64_t)(d->week - 1) * 7;
        if (day >= next)
            day -= 7;
    } else {
        day = days_of(year, 1, 1) + d->day;
        if (d->kind == 'J') { /* 1..365, the 29th of February is never counted */
            bool leap = days_of(year, 3, 1) - days_of(year, 2, 1) == 29;
            day += leap && d->day >= 60 ? 0 : -1;
        }
    }
    return day * 86400 + d->time;
}

static void rule_at(const struct rule *r, int64_t seconds, int *offset, char name[16])
{
    bool summer = false;
    if (r->has_summer) {
        int64_t year = cm_civil(seconds + r->offset).tm_year + INT64_C(1900);
        int64_t begin = switch_at(&r->begin, year) - r->offset, end = switch_at(&r->end, year) - r->summer_offset;
        summer = begin < end ? seconds >= begin && seconds < end : seconds >= begin || seconds < end;
    }
    *offset = summer ? r->summer_offset : r->offset;
    memcpy(name, summer ? r->summer_name : r->name, 16);
}

/* ---- TZif ---- */

static int64_t big_endian(const unsigned char *p, int bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(const unsigned char *p, const unsigned char *end, struct counts *c)
{
    if (end - p < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    size_t *const fields[] = {&c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars};
    for (size_t i = 0; i < 6; i++) {
        int64_t n = big_endian(p + 20 + 4 * i, 4);
        if (n < 0 || n > 1000000)
            return false;
        *fields[i] = (size_t)n;
    }
    return c->type > 0 && c->type <= 256;
}

static size_t body_bytes(const struct counts *c, size_t time_bytes)
{
    return c->time * (time_bytes + 1) + c->type * 6 + c->chars + c->leap * (time_bytes + 4) + c->isstd + c->isut;
}

static bool read_body(struct cm_zone *z, const unsigned char *p, const struct counts *c, int time_bytes)
{
    const unsigned char *index = p + c->time * (size_t)time_bytes, *types = index + c->time;
    const char *chars = (const char *)types + c->type * 6;
    z->count = c->time;
    z->at = cm_alloc(c->time * sizeof *z->at);
    z->index = cm_alloc(c->time);
    z->kind_count = c->type;
    z->kinds = cm_alloc(c->type * sizeof *z->kinds);
    for (size_t i = 0; i < c->time; i++) {
        z->at[i] = big_endian(p + i * (size_t)time_bytes, time_bytes);
        z->index[i] = index[i];
        if (index[i] >= c->type)
            return false;
    }
    for (size_t i = 0; i < c->type; i++) {
        size_t from = types[i * 6 + 5];
        if (from >= c->chars)
            return false;
        z->kinds[i].offset = (int)big_endian(types + i * 6, 4);
        size_t n = strnlen(chars + from, c->chars - from);
        memcpy(z->kinds[i].name, chars + from, n < 15 ? n : 15);
    }
    return true;
}

static bool read_tzif(struct cm_zone *z, const unsigned char *p, size_t bytes)
{
    const unsigned char *end = p + bytes;
    struct counts c;
    if (!read_header(p, end, &c) || body_bytes(&c, 4) > (size_t)(end - p) - 44)
        return false;
    if (p[4] < '2')
        return read_body(z, p + 44, &c, 4);
    p += 44 + body_bytes(&c, 4);
    if (!read_header(p, end, &c) || body_bytes(&c, 8) > (size_t)(end - p) - 44)
        return false;
    if (!read_body(z, p + 44, &c, 8))
        return false;
    p += 44 + body_bytes(&c, 8);
    if (p < end && *p == '\n') {
        const unsigned char *stop = memchr(p + 1, '\n', (size_t)(end - p) - 1);
        if (stop != NULL && stop > p + 1) {
            cm_autofree char *footer = cm_strndup((const char *)p + 1, (size_t)(stop - p) - 1);
            z->has_rule = parse_rule(footer, &z->rule);
        }
    }
    return true;
}

static bool load_zone_file(struct cm_zone *z, const char *path)
{
    cm_autofree char *data = NULL;
    size_t bytes = 0;
    if (cm_file_read(path, 1 << 20, &data, &bytes, NULL) != 0)
        return false;
    return read_tzif(z, (const unsigned char *)data, bytes);
}

static bool load_named(struct cm_zone *z, const char *name)
{
    if (name[0] == '/')
        return load_zone_file(z, name);
    if (name[0] == '\0' || strstr(name, "..") != NULL)
        return false;
    static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"};
    const char *own = getenv("TZDIR");
    for (size_t i = 0; i <= sizeof folders / sizeof *folders; i++) {
        const char *folder = i == 0 ? own : folders[i - 1];
        if (folder == NULL)
            continue;
        cm_autofree char *path = cm_path_join(folder, name);
        if (load_zone_file(z, path))
            return true;
    }
    return false;
}

static void load_local(struct cm_zone *z)
{
    const char *tz = getenv("TZ");
    if (tz != NULL && *tz == ':')
        tz++;
    if (tz == NULL ? load_zone_file(z, "/etc/localtime") : load_named(z, tz))
        return;
    z->has_rule = parse_rule(tz != NULL && *tz != '\0' ? tz : "UTC0", &z->rule) || parse_rule("UTC0", &z->rule);
}

struct cm_zone *cm_zone_open(const char *name, struct cm_err **err)
{
    struct cm_zone *z = cm_alloc(sizeof *z);
    if (name == NULL) {
        load_local(z);
    } else if (strcmp(name, "UTC") == 0) {
        z->has_rule = parse_rule("UTC0", &z->rule); /* also where no zone files are installed */
    } else if (!load_named(z, name)) {
        cm_zone_free(z);
        cm_fail(err, CM_E_USAGE, "no time zone \"%s\" is known here", name);
        cm_hint(err, "Give an IANA name such as \"Europe/Berlin\"; the ones known here stand in /usr/share/zoneinfo (package "
                     "tzdata).");
        return NULL;
    }
    if (z->kind_count == 0 && !z->has_rule)
        z->has_rule = parse_rule("UTC0", &z->rule);
    return z;
}

void cm_zone_free(struct cm_zone *z)
{
    if (z == NULL)
        return;
    free(z->at);
    free(z->index);
    free(z->kinds);
    free(z);
}

void cm_zone_at(const struct cm_zone *z, int64_t seconds, int *offset, char name[16])
{
    if (z->kind_count == 0 || (z->has_rule && (z->count == 0 || seconds >= z->at[z->count - 1]))) {
        rule_at(&z->rule, seconds, offset, name);
        return;
    }
    size_t low = 0, high = z->count; /* the number of transitions at or before `seconds` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    const struct kind *k = &z->kinds[low == 0 ? z->first : z->index[low - 1]];
    *offset = k->offset;
    memcpy(name, k->name, 16);
}

bool cm_zone_to_utc(const struct cm_zone *z, int64_t local_seconds, int64_t *seconds)
{
    /* The offsets a day before and after are all that can be in force around the reading; the larger one gives the
     * earlier time. */
    int before, after;
    char name[16];
    cm_zone_at(z, local_seconds - 86400, &before, name);
    cm_zone_at(z, local_seconds + 86400, &after, name);
    const int tries[] = {before > after ? before : after, before > after ? after : before};
    for (size_t i = 0; i < 2; i++) {
        int offset;
        cm_zone_at(z, local_seconds - tries[i], &offset, name);
        if (offset == tries[i]) {
            *seconds = local_seconds - tries[i];
            return true;
        }
    }
    return false;
}
