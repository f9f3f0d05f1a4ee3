/* Environment variables as systemd reads them: see variables.h. */
#include <config.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "values/variables.h"

/* What is no text is no variable to systemd either (systemd.exec(5)); in a values file it could not stand. */
static bool add(struct cm_variables *v, char *taken)
{
    if (!cm_utf8_valid(taken, strlen(taken))) {
        cm_wipe(taken, strlen(taken));
        free(taken);
        return false;
    }
    v->items = cm_grow(v->items, &v->cap, v->count + 2, sizeof *v->items);
    v->items[v->count++] = taken;
    v->items[v->count] = NULL;
    return true;
}

/* The bytes of the name that stands here before a '='; 0: none that systemd takes. */
static size_t name_bytes(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return at[n] == '=' && !isdigit((unsigned char)*at) ? n : 0;
}

void cm_variables_fini(struct cm_variables *v)
{
    for (size_t i = 0; i < v->count; i++) {
        cm_wipe(v->items[i], strlen(v->items[i]));
        free(v->items[i]);
    }
    free(v->items);
    *v = (struct cm_variables){0};
}

void cm_variables_words(struct cm_variables *v, const char *at)
{
    while (*at) {
        cm_autostr word = CM_STR(CM_STR_BIG);
        char quote = 0;
        while (*at == ' ')
            at++;
        if (*at == '\0')
            break;
        for (; *at && (quote || *at != ' '); at++) {
            if (!quote && *at == '$' && at[1] == '\'')
                continue;
            if (!quote && (*at == '"' || *at == '\''))
                quote = *at;
            else if (quote && *at == quote)
                quote = 0;
            else if (*at == '\\' && at[1])
                cm_str_add_bytes(&word, *++at == 'n' ? "\n" : at, 1);
            else
                cm_str_add_bytes(&word, at, 1);
        }
        if (name_bytes(cm_str_text(&word)))
            add(v, cm_strdup(cm_str_text(&word)));
    }
}

/* The value, up to its line's end, which a backslash or quotes may put off. Returns where the next line begins. */
static const char *read_value(const char *at, struct cm_str *value)
{
    char quote = 0;
    size_t solid = value->len;
    at += strspn(at, " \t");
    for (; *at && (quote || *at != '\n'); at++) {
        if (*at == quote || (!quote && (*at == '"' || *at == '\''))) {
            quote = quote ? 0 : *at;
            solid = value->len;
        } else if (*at == '\\' && at[1] && quote != '\'' && (!quote || strchr("\"\\`$\n", at[1]))) {
            if (*++at != '\n')
                cm_str_add_bytes(value, at, 1);
            solid = value->len;
        } else if (*at != '\r' || quote) {
            cm_str_add_bytes(value, at, 1);
            solid = quote || !strchr(" \t", *at) ? value->len : solid;
        }
    }
    value->len = solid;
    if (value->data)
        value->data[solid] = '\0';
    return *at ? at + 1 : at;
}

enum seen { GOOD, NO_VARIABLE, NO_TEXT };

static const char *read_line(struct cm_variables *v, const char *line, bool strict, enum seen *seen)
{
    const char *at = line + strspn(line, " \t\r");
    size_t rest = strcspn(line, "\n");
    const char *next = line + rest + (line[rest] ? 1 : 0);
    *seen = GOOD;
    if (at >= line + rest || *at == '#' || *at == ';')
        return next;
    if (strict && cm_starts(at, "Environment=")) {
        cm_autofree char *words = cm_strndup(at + 12, (size_t)(line + rest - at) - 12);
        *seen = cm_utf8_valid(words, strlen(words)) ? GOOD : NO_TEXT;
        cm_variables_words(v, words);
        cm_wipe(words, strlen(words));
        return next;
    }
    if (strict && cm_starts(at, "export "))
        at += strlen("export ");
    size_t name = name_bytes(at);
    if (!name) {
        *seen = NO_VARIABLE;
        return next;
    }
    struct cm_str one = CM_STR(CM_STR_BIG);
    cm_str_add_bytes(&one, at, name + 1);
    next = read_value(at + name + 1, &one);
    *seen = add(v, cm_str_take(&one)) ? GOOD : NO_TEXT;
    return next;
}

int cm_variables_file(struct cm_variables *v, const char *text, const char *name, struct cm_err **err)
{
    size_t number = 1;
    for (const char *at = text; *at;) {
        enum seen seen;
        const char *next = read_line(v, at, name != NULL, &seen);
        if (seen == NO_TEXT && name) {
            cm_fail(err, CM_E_USAGE, "%s:%zu:1: the variable that begins here is not valid UTF-8", name, number);
            cm_hint(err, "Convert the file, for instance with iconv -f latin1 -t utf-8.");
            return -1;
        }
        if (seen == NO_VARIABLE && name) {
            cm_fail(err, CM_E_USAGE, "%s:%zu:%zu: expected NAME=value", name, number, strspn(at, " \t") + 1);
            cm_hint(err,
                    "Lines like CONNECT_SERVER_ADDRESS=https://…, or what `systemctl show -p Environment rstudio-connect` prints.");
            return -1;
        }
        for (; at < next; at++)
            number += *at == '\n';
    }
    return 0;
}
