/* adapters/license.c: license-manager's output, told apart without knowing all of its versions.
 *
 * The forms are those of the vendor's public documents: sections headed "-- … license status --", lines "Key: value", and a
 * sentence in the floating section. Everything not understood is kept in `sections` for people to read. Product keys are masked
 * before they are stored. Does not run license-manager, does not judge days against a plan (actions/license_check.c). */
#include <config.h>

#include "adapters/license.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct reader {
    json_t *sections;
    json_t *values;  /* of the section being read; borrowed */
    char kind[32];   /* "file", "local", "floating", "" */
    bool not_in_use; /* the known floating sentence was there */
    struct cm_str floating;
};

/* Terminals get colours from some versions, and service logs carry CR. */
static char *plain_text(const char *text)
{
    char *out = cm_alloc(strlen(text) + 1), *to = out;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    for (; *text; text++) {
        if (*text == '\033' && text[1] == '[') {
            text += 2;
            while (*text && !isalpha((unsigned char)*text))
                text++;
            if (!*text)
                break;
        } else if (*text != '\r') {
            *to++ = *text;
        }
    }
    *to = '\0';
    return out;
}

static char *trimmed(const char *from, size_t n)
{
    while (n && isspace((unsigned char)*from))
        from++, n--;
    while (n && isspace((unsigned char)from[n - 1]))
        n--;
    return cm_strndup(from, n);
}

static bool contains_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (; *text; text++)
        if (strncasecmp(text, word, n) == 0)
            return true;
    return false;
}

static void begin_section(struct reader *r, const char *title, const char *kind)
{
    json_t *section = json_object();
    r->values = json_object();
    json_object_set_new(section, "section", json_string(title));
    json_object_set_new(section, "kind", json_string(kind));
    json_object_set_new(section, "values", r->values);
    json_array_append_new(r->sections, section);
    snprintf(r->kind, sizeof r->kind, "%s", kind);
}

/* "-- License file status --": at least two dashes on both sides. */
static bool section_header(struct reader *r, const char *line)
{
    size_t n = strlen(line);
    if (n < 5 || strncmp(line, "--", 2) != 0 || strcmp(line + n - 2, "--") != 0)
        return false;
    size_t from = strspn(line, "-"), to = n;
    while (to > from && line[to - 1] == '-')
        to--;
    cm_autofree char *title = trimmed(line + from, to - from);
    const char *kind = contains_word(title, "floating") || contains_word(title, "server") ? "floating"
                       : contains_word(title, "file")                                     ? "file"
                       : contains_word(title, "local")                                    ? "local"
                                                                                          : "";
    begin_section(r, title, kind);
    return true;
}

/* Keys compare as lower case with '-' between words, however a version spells them. */
static bool key_of_line(const char *line, char *key, size_t size, const char **value)
{
    const char *colon = strchr(line, ':');
    if (!colon || !isalpha((unsigned char)*line))
        return false;
    if (colon[1] != '\0' && !isspace((unsigned char)colon[1]))
        return false;
    size_t n = (size_t)(colon - line);
    while (n && line[n - 1] == ' ')
        n--;
    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (!isalnum(c) && c != '-' && c != '_' && c != ' ')
            return false;
        key[i] = (char)(c == '_' || c == ' ' ? '-' : tolower(c));
    }
    key[n] = '\0';
    *value = colon + 1;
    return true;
}

static void keep_value(struct reader *r, const char *key, const char *raw)
{
    if (!r->values || (strcmp(key, "status") == 0 && json_object_get(r->values, "status")))
        begin_section(r, "", r->values ? r->kind : "");
    cm_autofree char *text = trimmed(raw, strlen(raw));
    bool is_key = cm_ends(key, "key") && strcmp(key, "has-key") != 0;
    cm_autofree char *masked = is_key && *text ? cm_strdup("***") : cm_mask(text);
    json_object_set_new(r->values, key, json_string(masked));
}

static void read_line(struct reader *r, const char *line)
{
    char key[48];
    const char *value;
    if (*line == '\0' || section_header(r, line))
        return;
    bool known_sentence = contains_word(line, "license server not in use");
    if (known_sentence) {
        r->not_in_use = true;
        return;
    }
    bool in_floating = strcmp(r->kind, "floating") == 0;
    if (key_of_line(line, key, sizeof key, &value)) {
        keep_value(r, key, value);
        if (!in_floating)
            return;
    }
    if (!in_floating)
        return;
    cm_autofree char *masked = cm_mask(line);
    if (r->floating.len)
        cm_str_add(&r->floating, "\n");
    cm_str_add(&r->floating, masked);
}

static enum cm_tri tri_of(const char *text)
{
    static const char *const yes[] = {"1", "true", "yes", "enabled", "on", NULL};
    static const char *const no[] = {"0", "false", "no", "disabled", "off", NULL};
    for (size_t i = 0; text && yes[i]; i++)
        if (strcasecmp(text, yes[i]) == 0)
            return CM_YES;
    for (size_t i = 0; text && no[i]; i++)
        if (strcasecmp(text, no[i]) == 0)
            return CM_NO;
    return CM_NOT_SAID;
}

static const char *value_of(const json_t *section, const char *key)
{
    return json_string_value(json_object_get(json_object_get(section, "values"), key));
}

/* -1: not said, or in words ("Perpetual"). A negative number means that it ended. */
static long days_of(const json_t *section)
{
    const char *text = value_of(section, "days-left");
    if (!text || !*text)
        return -1;
    char *end;
    errno = 0;
    long days = strtol(text, &end, 10);
    if (errno != 0 || end == text || (*end != '\0' && !isspace((unsigned char)*end)))
        return -1;
    return days < 0 ? 0 : days;
}

enum rank { NO_STATUS, BAD, STRANGE, TRIAL, ACTIVE };

static bool begins_with_one_of(const char *text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (strncasecmp(text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* Only words that are known to mean it make it bad: a status that nobody knows yet, or a trial whose days are not said, is strange,
 * which is a question and no fault. */
static enum rank rank_of_status(const char *status, long days)
{
    static const char *const active[] = {"activated", "active", NULL}, *const trial[] = {"evaluation", "trial", NULL},
                             *const bad[] = {"expired",     "deactivated", "not activated", "not-activated",
                                             "unactivated", "inactive",    "unlicensed",    "no license",
                                             "none",        "invalid",     "revoked",       "suspended",
                                             "disabled",    "blocked",     "missing",       NULL};
    if (begins_with_one_of(status, active))
        return ACTIVE;
    if (begins_with_one_of(status, bad))
        return BAD;
    if (!begins_with_one_of(status, trial))
        return STRANGE;
    return days > 0 ? TRIAL : days == 0 ? BAD : STRANGE;
}

/* How good a section's license is. */
static enum rank rank_of(const json_t *section)
{
    const char *status = value_of(section, "status");
    return status ? rank_of_status(status, days_of(section)) : NO_STATUS;
}

enum cm_tri cm_license_is_good(const char *status, long days)
{
    enum rank rank = rank_of_status(status, days);
    return rank >= TRIAL ? CM_YES : rank == BAD ? CM_NO : CM_NOT_SAID;
}

/* The sections that count say the same, or it is not said. */
static enum cm_tri off_host_of(const json_t *sections, enum rank rank)
{
    enum cm_tri all = CM_NOT_SAID;
    size_t i;
    const json_t *section;
    json_array_foreach(sections, i, section)
    {
        if (rank_of(section) != rank)
            continue;
        enum cm_tri one = tri_of(value_of(section, "enable-launcher"));
        if (one == CM_NOT_SAID)
            continue;
        if (all != CM_NOT_SAID && all != one)
            return CM_NOT_SAID;
        all = one;
    }
    return all;
}

static void decide(struct cm_license *out)
{
    enum rank best = NO_STATUS;
    const json_t *chosen = NULL, *section;
    size_t i;
    json_array_foreach(out->sections, i, section)
    {
        enum rank rank = rank_of(section);
        if (rank > best)
            best = rank, chosen = section;
    }
    out->days_left = -1;
    out->off_host = CM_NOT_SAID;
    if (!chosen)
        return;
    out->understood = best != STRANGE;
    out->good = best >= TRIAL;
    out->off_host = off_host_of(out->sections, best);
    out->days_left = days_of(chosen);
    snprintf(out->status, sizeof out->status, "%s", value_of(chosen, "status"));
    const char *kind = json_string_value(json_object_get(chosen, "kind"));
    if (kind && *kind == '\0' && value_of(chosen, "license-file"))
        kind = "file";
    snprintf(out->source, sizeof out->source, "%s", kind ? kind : "");
    const char *ends = value_of(chosen, "expiration");
    snprintf(out->expiration, sizeof out->expiration, "%s", ends ? ends : "");
}

void cm_license_parse(const char *text, struct cm_license *out)
{
    memset(out, 0, sizeof *out);
    struct reader r = {.sections = json_array(), .floating = CM_STR(4096)};
    cm_autofree char *plain = plain_text(text ? text : "");
    for (const char *at = plain; *at;) {
        const char *end = strchr(at, '\n');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        cm_autofree char *line = trimmed(at, n);
        read_line(&r, line);
        at += n + (end ? 1 : 0);
    }
    out->sections = r.sections;
    decide(out);
    out->understood = out->understood || (r.not_in_use && *out->status == '\0');
    out->floating_in_use = r.floating.len > 0;
    out->floating_text = r.floating.len ? cm_str_take(&r.floating) : NULL;
    cm_str_fini(&r.floating);
}

void cm_license_fini(struct cm_license *l)
{
    json_decref(l->sections);
    free(l->floating_text);
    memset(l, 0, sizeof *l);
}
