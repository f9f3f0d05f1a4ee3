/* actions/content_lists.c: reading and writing the lists of content: priority.csv, which a person may have edited in a
 * spreadsheet, and inventory.jsonl. CSV by RFC 4180; spreadsheets of some countries write ';' between the fields.
 *
 * Does not: ask a server (content_pages.c does), choose what is on a list. */
#include <config.h>

#include "actions/content.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "adapters/outside.h"
#include "actions/source.h"
#include "actions/target.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { FIELDS_MAX = 32, CSV_BYTES_MAX = 64 << 20 };

void cm_items_fini(struct cm_items *i)
{
    for (size_t n = 0; n < i->count; n++) {
        free(i->list[n].guid);
        free(i->list[n].path);
        free(i->list[n].title);
        free(i->list[n].why);
    }
    free(i->list);
    memset(i, 0, sizeof *i);
}

void cm_csv_field(FILE *f, const char *text)
{
    if (text == NULL)
        return;
    bool formula = cm_csv_formula(text);
    if (strpbrk(text, ",;\"\r\n") == NULL && *text != ' ' && !formula) {
        fputs(text, f);
        return;
    }
    fputs(formula ? "\"'" : "\"", f);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            fputc('"', f);
        fputc(*p, f);
    }
    fputc('"', f);
}

/* ---- reading CSV ---- */

struct csv {
    const char *at, *end, *name;
    size_t line;
    char separator;
    char *fields[FIELDS_MAX];
    size_t count;
};

static void drop_fields(struct csv *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->fields[i]);
    c->count = 0;
}

static int read_quoted(struct csv *c, struct cm_str *out, struct cm_err **err)
{
    size_t began = c->line;

    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at == '"') {
            if (c->at + 1 == c->end || c->at[1] != '"') {
                c->at++;
                return 0;
            }
            c->at++;
        } else if (*c->at == '\n') {
            c->line++;
        }
        cm_str_add_bytes(out, c->at, 1);
    }
    cm_fail(err, CM_E_FAILED, "%s:%zu: a quote is not closed", c->name, began);
    cm_hint(err, "Mend the line, or delete the file to have it made anew.");
    return -1;
}

static int read_field(struct csv *c, struct cm_err **err)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);

    while (c->at < c->end && *c->at == ' ')
        c->at++;
    if (c->at < c->end && *c->at == '"' && read_quoted(c, &out, err) < 0)
        return -1;
    for (; c->at < c->end && *c->at != c->separator && *c->at != '\n'; c->at++)
        if (*c->at != '\r')
            cm_str_add_bytes(&out, c->at, 1);
    if (c->count == FIELDS_MAX)
        return cm_fail(err, CM_E_FAILED, "%s:%zu: more than %d fields", c->name, c->line, FIELDS_MAX);
    const char *text = cm_str_text(&out);
    bool guarded = *text == '\'' && cm_csv_formula(text + 1);
    c->fields[c->count++] = cm_strdup(text + guarded);
    return 0;
}

/* 1: a record in fields; 0: the end; -1. */
static int read_record(struct csv *c, struct cm_err **err)
{
    drop_fields(c);
    if (c->at == c->end)
        return 0;
    for (;;) {
        if (read_field(c, err) < 0)
            return -1;
        if (c->at == c->end)
            return 1;
        char stop = *c->at++;
        if (stop == '\n') {
            c->line++;
            return 1;
        }
    }
}

static int column(const struct csv *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcasecmp(c->fields[i], name) == 0)
            return (int)i;
    return -1;
}

static const char *field(const struct csv *c, int at) { return at >= 0 && (size_t)at < c->count ? c->fields[at] : ""; }

static bool is_blank(const struct csv *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->fields[i][strspn(c->fields[i], " \t")] != '\0')
            return false;
    return true;
}

/* Letters, digits and '-': it becomes part of a URL. */
static bool is_guid(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-')
            return false;
    return n >= 4 && n <= 64;
}

struct columns {
    int guid, path, title, visits, why;
};

static int add_record(const struct csv *c, const struct columns *k, size_t line, json_t *seen, struct cm_items *out,
                      struct cm_err **err)
{
    const char *guid = field(c, k->guid);

    if (!is_guid(guid)) {
        cm_fail(err, CM_E_FAILED, "%s:%zu: \"%s\" is no GUID", c->name, line, guid);
        cm_hint(err, "Mend the line, or delete the file to have it made anew.");
        return -1;
    }
    if (json_object_get(seen, guid) != NULL)
        return 0;
    (void)json_object_set_new(seen, guid, json_true());
    struct cm_item *i = &out->list[out->count++];
    i->guid = cm_strdup(guid);
    i->path = cm_strdup(field(c, k->path));
    i->title = cm_strdup(field(c, k->title));
    i->why = cm_strdup(field(c, k->why));
    i->visits = strtol(field(c, k->visits), NULL, 10);
    return 0;
}

static int read_columns(struct csv *c, struct columns *k, struct cm_err **err)
{
    if (read_record(c, err) < 0)
        return -1;
    *k = (struct columns){column(c, "guid"), column(c, "path"), column(c, "title"), column(c, "visits"), column(c, "why")};
    if (k->guid >= 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "%s:1: the first line names no column \"guid\"", c->name);
    cm_hint(err, "Its first line is: guid,path,title,visits,why");
    return -1;
}

int cm_items_parse(const char *text, size_t bytes, const char *name, struct cm_items *out, struct cm_err **err)
{
    struct csv c = {.at = text, .end = text + bytes, .name = name, .line = 1, .separator = ','};
    cm_autojson seen = json_object();
    struct columns k = {-1, -1, -1, -1, -1};
    size_t cap = 0;
    int got = 0;

    memset(out, 0, sizeof *out);
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        c.at += 3;
    const char *line_end = memchr(c.at, '\n', (size_t)(c.end - c.at));
    size_t head = (size_t)((line_end != NULL ? line_end : c.end) - c.at);
    if (memchr(c.at, ';', head) != NULL && memchr(c.at, ',', head) == NULL)
        c.separator = ';';
    if (read_columns(&c, &k, err) < 0)
        got = -1;
    while (got == 0) {
        size_t line = c.line;
        int more = read_record(&c, err);
        if (more <= 0) {
            got = more;
            break;
        }
        if (is_blank(&c))
            continue;
        out->list = cm_grow(out->list, &cap, out->count + 1, sizeof *out->list);
        got = add_record(&c, &k, line, seen, out, err);
    }
    drop_fields(&c);
    if (got < 0)
        cm_items_fini(out);
    return got;
}

int cm_items_read(struct cm_step *step, struct cm_items *out, struct cm_err **err)
{
    const char *path = cm_artifact_path(step, "priority.csv");
    cm_autofree char *text = NULL;
    size_t bytes = 0;

    memset(out, 0, sizeof *out);
    if (path == NULL) {
        cm_fail(err, CM_E_FAILED, "there is no priority list yet");
        cm_hint(err, "The step content.prioritize makes it; it comes before this one.");
        return -1;
    }
    if (cm_file_read(path, CSV_BYTES_MAX, &text, &bytes, err) < 0)
        return cm_wrap(err, "the priority list");
    return cm_items_parse(text, bytes, path, out, err);
}

/* ---- inventory.jsonl ---- */

int cm_inventory_each(struct cm_step *step, int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx,
                      struct cm_err **err)
{
    const char *path = cm_artifact_path(step, "inventory.jsonl");
    cm_autofree char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    int got = 0;

    if (path == NULL) {
        cm_fail(err, CM_E_FAILED, "there is no inventory of content yet");
        cm_hint(err, "The step content.inventory makes it; it comes before this one.");
        return -1;
    }
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return cm_fail_errno(err, CM_E_FAILED, "%s", path);
    while (got == 0 && (n = getline(&line, &cap, f)) > 0) {
        cm_autojson item = cm_json_parse(line, (size_t)n, "inventory.jsonl", err);
        number++;
        got = item != NULL ? each(ctx, item, err) : cm_wrap(err, "%s:%zu", path, number);
    }
    fclose(f);
    return got;
}

/* ---- which server ---- */

int cm_content_server(struct cm_step *step, struct cm_connect **out, struct cm_err **err)
{
    const char *which = json_string_value(cm_step_param(step, "server"));

    if (which == NULL || strcmp(which, "source") == 0)
        return cm_source_connect(step, out, err);
    if (strcmp(which, "target") == 0)
        return cm_target_connect(step, out, err);
    cm_fail(err, CM_E_USAGE, "server of %s is \"%s\"", cm_step_id(step), which);
    cm_hint(err, "It is source (the old server) or target (the new one).");
    return -1;
}
