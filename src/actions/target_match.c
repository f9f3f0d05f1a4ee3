/* actions/target_match.c: how a line is matched with the table of causes (target_causes.c), and which lines of a log count at all.
 *
 * A program says much that ends well: requests that were refused, warnings, things that it tries again. Only what it says of itself as
 * wrong, and what it did not live long after, is taken for a cause. */
#include <config.h>

#include "actions/target_causes.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "base/mem.h"

enum { LAST_WORDS = 8 }; /* lines: a stack's, or those with which a program wraps its error on the way out */
enum { MATCHES_MOST = 64 };

/* ---- a line and a row ---- */

static const char *end_of(const char *line) { return line + strcspn(line, "\n"); }

/* Where `sign` stands in at..end, in letters of any case. */
static const char *find(const char *at, const char *end, const char *sign)
{
    size_t n = strlen(sign);
    for (; n > 0 && at + n <= end; at++)
        if (strncasecmp(at, sign, n) == 0)
            return at;
    return NULL;
}

/* A sign of "{data}" is that folder. */
static bool stands(const char *at, const char *end, const char *sign, const char *data_dir)
{
    return find(at, end, strcmp(sign, "{data}") == 0 ? data_dir : sign) != NULL;
}

static bool one_of(const char *const *signs, const char *at, const char *end)
{
    for (size_t i = 0; signs[i] != NULL; i++)
        if (find(at, end, signs[i]) != NULL)
            return true;
    return false;
}

static bool fits(const struct cm_cause *c, enum cm_sight of, const char *line, const char *data_dir, const char **evidence,
                 size_t *bytes)
{
    const char *end = end_of(line);
    if ((c->seen_in & of) == 0 || !stands(line, end, c->sign, data_dir) || one_of(c->unless, line, end))
        return false;
    for (int n = 0; c->also[0] != NULL && !one_of(c->also, line, end); n++) {
        if (n == c->behind || *end == '\0')
            return false;
        line = end + 1;
        end = end_of(line);
    }
    *evidence = line;
    *bytes = (size_t)(end - line);
    return true;
}

const struct cm_cause *cm_cause_of(enum cm_sight of, const char *line, const char *data_dir, const char **evidence, size_t *bytes)
{
    for (const struct cm_cause *c = cm_causes; c->id != NULL; c++)
        if (fits(c, of, line, data_dir, evidence, bytes))
            return c;
    return NULL;
}

/* ---- how bad a line is ---- */

static enum cm_weight weight_of_word(const char *word, size_t n)
{
    static const struct {
        const char *word;
        enum cm_weight weight;
    } words[] = {{"trace", CM_WEIGHT_PASSING},  {"debug", CM_WEIGHT_PASSING},  {"info", CM_WEIGHT_PASSING},
                 {"notice", CM_WEIGHT_PASSING}, {"warn", CM_WEIGHT_WARNING},   {"warning", CM_WEIGHT_WARNING},
                 {"err", CM_WEIGHT_ERROR},      {"error", CM_WEIGHT_ERROR},    {"fatal", CM_WEIGHT_FATAL},
                 {"panic", CM_WEIGHT_FATAL},    {"critical", CM_WEIGHT_FATAL}, {"dpanic", CM_WEIGHT_FATAL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && strncasecmp(word, words[i].word, n) == 0)
            return words[i].weight;
    return CM_WEIGHT_NONE;
}

/* level=info, "level":"info" */
static enum cm_weight named_weight(const char *line, const char *end)
{
    static const char *const keys[] = {"level=", "\"level\":", "\"severity\":", "severity=", "lvl=", "\"lvl\":", NULL};
    for (size_t i = 0; keys[i] != NULL; i++) {
        const char *at = find(line, end, keys[i]);
        if (at == NULL)
            continue;
        at += strlen(keys[i]);
        at += strspn(at, " \"'");
        size_t n = 0;
        while (isalpha((unsigned char)at[n]))
            n++;
        return weight_of_word(at, n);
    }
    return CM_WEIGHT_NONE;
}

/* A word that is a level by its form: capitals, brackets, or a colon behind it; "error" alone may be of a sentence. */
static enum cm_weight spoken_weight(const char *line, const char *end)
{
    enum { WORDS = 6 };
    const char *at = line;
    for (int i = 0; i < WORDS && at < end; i++) {
        at += strspn(at, " \t");
        bool formed = *at == '[' || *at == '(';
        at += formed;
        size_t n = 0, capitals = 0;
        for (; at + n < end && isalpha((unsigned char)at[n]); n++)
            capitals += isupper((unsigned char)at[n]) != 0;
        formed = formed || capitals == n || (at + n < end && (at[n] == ':' || at[n] == ']'));
        enum cm_weight w = n > 0 && formed ? weight_of_word(at, n) : CM_WEIGHT_NONE;
        if (w != CM_WEIGHT_NONE)
            return w;
        at += strcspn(at, " \t\n");
    }
    return find(line, line + (end - line > 12 ? 12 : end - line), "fatal error:") != NULL ? CM_WEIGHT_FATAL : CM_WEIGHT_NONE;
}

/* "E1129 21:04:05.000000 ..." */
static enum cm_weight klog_weight(const char *line)
{
    static const char letters[] = "IWEF";
    static const enum cm_weight weights[] = {CM_WEIGHT_PASSING, CM_WEIGHT_WARNING, CM_WEIGHT_ERROR, CM_WEIGHT_FATAL};
    const char *at = *line == '\0' ? NULL : strchr(letters, *line);
    return at != NULL && strspn(line + 1, "0123456789") == 4 && line[5] == ' ' ? weights[at - letters] : CM_WEIGHT_NONE;
}

enum cm_weight cm_line_weight(const char *line)
{
    static const char *const again[] = {"retry", "try again", "trying again", "ignored", "ignoring", "deprecat", NULL};
    const char *end = end_of(line);
    enum cm_weight w = named_weight(line, end);
    w = w != CM_WEIGHT_NONE ? w : klog_weight(line);
    w = w != CM_WEIGHT_NONE ? w : spoken_weight(line, end);
    if (w < CM_WEIGHT_ERROR && find(line, end, " HTTP/") != NULL)
        return CM_WEIGHT_PASSING; /* somebody's request */
    for (size_t i = 0; w != CM_WEIGHT_PASSING && w != CM_WEIGHT_FATAL && again[i] != NULL; i++)
        if (find(line, end, again[i]) != NULL)
            return CM_WEIGHT_WARNING;
    return w;
}

/* ---- a log ---- */

/* Quotes inside of a JSON or logfmt text are written \": the rows know them as they are said. */
static char *unquoted(const char *log)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    for (const char *at = log; *at != '\0'; at++) {
        if (at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        cm_str_add_bytes(&out, at, 1);
    }
    return cm_str_take(&out);
}

struct match {
    const struct cm_cause *cause;
    const char *line;
    size_t bytes;
    int at;
    bool warning;
};

bool cm_log_causes(const char *log, const char *data_dir, bool ended,
                   void (*tell)(void *ctx, const struct cm_cause *c, const char *line, size_t bytes), void *ctx)
{
    cm_autofree char *text = unquoted(log);
    struct match found[MATCHES_MOST];
    size_t count = 0;
    int at = 0, worst = -1, over = -1;
    for (const char *line = text; *line != '\0'; at++) {
        enum cm_weight w = cm_line_weight(line);
        struct match m = {.at = at, .warning = w == CM_WEIGHT_WARNING};
        m.cause = w == CM_WEIGHT_PASSING ? NULL : cm_cause_of(CM_SIGHT_LOG, line, data_dir, &m.line, &m.bytes);
        if (m.cause != NULL) {
            if (count == MATCHES_MOST)
                memmove(found, found + 1, --count * sizeof *found);
            found[count++] = m;
        }
        worst = w >= CM_WEIGHT_ERROR ? at : worst;
        over = w == CM_WEIGHT_FATAL && m.cause == NULL ? at : over;
        line = end_of(line);
        line += *line == '\n';
    }
    bool told = false;
    for (size_t i = 0; i < count; i++) {
        if ((found[i].warning && worst > found[i].at) || (ended && over > found[i].at + LAST_WORDS))
            continue;
        tell(ctx, found[i].cause, found[i].line, found[i].bytes);
        told = true;
    }
    return !told && over >= 0;
}
