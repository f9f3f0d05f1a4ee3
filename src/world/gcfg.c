/* world/gcfg.c: how the world's Connect reads its configuration: go-gcfg's grammar (measured with gcfg v1.2.3): names are
 * case-insensitive but for subsections, comments begin with ; or # outside quotes, quotes may open anywhere, a backslash outside
 * quotes may only stand before a double quote or a line's end. An own reader: the program under test has another. */
#include <config.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "world/world.h"

struct reader {
    const char *at;
    int line;
    char *problem;
};

static bool refuse(struct reader *r, const char *why)
{
    if (r->problem == NULL)
        r->problem = cm_fmt("%d: %s", r->line, why);
    return false;
}

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

static void skip_line(struct reader *r)
{
    while (*r->at != '\0' && *r->at != '\n')
        r->at++;
}

static bool read_name(struct reader *r, struct cm_str *name)
{
    if (!isalpha((unsigned char)*r->at))
        return refuse(r, "expected section name or variable name");
    for (; isalnum((unsigned char)*r->at) || *r->at == '-'; r->at++) {
        char c = (char)tolower((unsigned char)*r->at);
        cm_str_add_bytes(name, &c, 1);
    }
    return true;
}

static bool read_quoted(struct reader *r, struct cm_str *out)
{
    for (r->at++; *r->at != '"'; r->at++) {
        char c = *r->at;
        if (c == '\0' || c == '\n')
            return refuse(r, "string not terminated");
        if (c == '\\') {
            static const char from[] = "nt\"\\", to[] = "\n\t\"\\";
            const char *found = strchr(from, *++r->at);
            if (*r->at == '\0' || found == NULL)
                return refuse(r, "unknown escape sequence");
            c = to[found - from];
        }
        cm_str_add_bytes(out, &c, 1);
    }
    r->at++;
    return true;
}

static bool read_value(struct reader *r, struct cm_str *out)
{
    size_t keep = 0; /* up to here blanks at the end are the value's own */
    skip_blanks(r);
    while (*r->at != '\0' && *r->at != '\n' && *r->at != ';' && *r->at != '#') {
        if (*r->at == '"') {
            if (!read_quoted(r, out))
                return false;
            keep = out->len;
        } else if (*r->at == '\\') {
            if (r->at[1] == '"') {
                cm_str_add(out, "\"");
                r->at += 2;
            } else if (r->at[1] == '\n' || (r->at[1] == '\r' && r->at[2] == '\n')) {
                r->at += r->at[1] == '\r' ? 3 : 2;
                r->line++;
            } else {
                return refuse(r, "unquoted '\\' must be followed by new line or double quote");
            }
            keep = out->len;
        } else {
            if (*r->at != '\r')
                cm_str_add_bytes(out, r->at, 1);
            if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r')
                keep = out->len;
            r->at++;
        }
    }
    if (out->data != NULL && keep < out->len) {
        out->len = keep;
        out->data[keep] = '\0';
    }
    skip_line(r);
    return true;
}

static bool read_header(struct reader *r, struct cm_str *section)
{
    cm_str_reset(section);
    r->at++;
    skip_blanks(r);
    if (!read_name(r, section))
        return false;
    skip_blanks(r);
    if (*r->at == '"') {
        cm_str_add(section, " \"");
        if (!read_quoted(r, section))
            return false;
        cm_str_add(section, "\"");
        skip_blanks(r);
    }
    if (*r->at != ']')
        return refuse(r, "expected subsection name or right bracket");
    r->at++;
    skip_blanks(r);
    if (*r->at != '\0' && *r->at != '\n' && *r->at != ';' && *r->at != '#')
        return refuse(r, "expected EOL, EOF, or comment");
    skip_line(r);
    return true;
}

static bool read_variable(struct reader *r, const char *section, json_t *into)
{
    cm_autostr name = CM_STR(CM_STR_LINE);
    cm_autostr value = CM_STR(CM_STR_PAGE);
    bool blank = true;
    if (section[0] == '\0')
        return refuse(r, "variable before any section");
    cm_str_addf(&name, "%s.", section);
    if (!read_name(r, &name))
        return false;
    skip_blanks(r);
    if (*r->at == '=') {
        blank = false;
        r->at++;
        if (!read_value(r, &value))
            return false;
    } else if (*r->at != '\0' && *r->at != '\n' && *r->at != ';' && *r->at != '#') {
        return refuse(r, "expected '='");
    } else {
        skip_line(r);
    }
    json_t *list = json_object_get(into, cm_str_text(&name));
    if (list == NULL || blank) {
        list = json_array();
        json_object_set_new(into, cm_str_text(&name), list);
    }
    json_array_append_new(list, json_string(blank ? "true" : cm_str_text(&value)));
    return true;
}

json_t *gcfg_read(const char *text, char **problem)
{
    struct reader r = {text, 1, NULL};
    cm_autostr section = CM_STR(CM_STR_LINE);
    json_t *into = json_object();
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    while (r.problem == NULL) {
        skip_blanks(&r);
        if (*r.at == '\0')
            break;
        if (*r.at == '[')
            read_header(&r, &section);
        else if (*r.at == ';' || *r.at == '#')
            skip_line(&r);
        else if (*r.at != '\n')
            read_variable(&r, cm_str_text(&section), into);
        if (r.problem == NULL && *r.at == '\n') {
            r.at++;
            r.line++;
        }
    }
    if (r.problem != NULL) {
        *problem = r.problem;
        json_decref(into);
        return NULL;
    }
    return into;
}

const char *gcfg_last(const json_t *read, const char *key)
{
    const json_t *list = json_object_get(read, key);
    size_t n = json_array_size(list);
    return n > 0 ? json_string_value(json_array_get(list, n - 1)) : NULL;
}

json_t *vm_gcfg(struct world *w)
{
    cm_autofree char *path = world_path(w, "vm/etc/rstudio-connect/rstudio-connect.gcfg");
    cm_autofree char *text = NULL;
    cm_autofree char *problem = NULL;
    size_t n = 0;
    json_t *read = NULL;
    if (cm_file_read(path, CM_STR_PAGE, &text, &n, NULL) == 0)
        read = gcfg_read(text, &problem);
    return read != NULL ? read : json_object();
}
