/* report/logs.c: what each step asked and did, from its log (RUNDIR/logs/STEP.log): every command, request and SQL statement with its
 * result and its time. The logs are masked when they are written; their form: a time, a space, a text; lines of a command's output begin
 * with "1> " or "2> ", and a line without a time goes on with the text before it. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "report/parts.h"

enum { LOG_MAX_BYTES = 32 << 20, TIME_LENGTH = 24, OUTPUT_MAX = 64 << 10 };

/* ---- one entry ---- */

struct entry {
    char at[TIME_LENGTH + 1];
    struct cm_str text, output;
};

/* "12 ms" at the end of a text is cut off and becomes seconds; -1: there is none. */
static double cut_time(char *text)
{
    char *comma = strrchr(text, ','), *end;
    if (comma == NULL || !cm_ends(text, " ms"))
        return -1;
    long long ms = strtoll(comma + 1, &end, 10);
    if (strcmp(end, " ms") != 0)
        return -1;
    *comma = '\0';
    return (double)ms / 1000.0;
}

static bool is_request(const char *text)
{
    static const char *const methods[] = {"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (cm_starts(text, methods[i]))
            return true;
    return false;
}

/* What the record tells already: what a probe said, and findings ("ok storage.mount: …"). */
static bool told_elsewhere(const char *text)
{
    static const char *const verdicts[] = {"ok ", "warning ", "blocker ", "unknown "};
    if (cm_starts(text, "probe: "))
        return true;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const char *id = text + strlen(verdicts[i]);
        if (cm_starts(text, verdicts[i]) && strcspn(id, ". :") < strcspn(id, " :") && id[strcspn(id, " :")] == ':')
            return true;
    }
    return false;
}

/* The last ": status N" (a command or a request) or ": N rows", ": failed" (SQL) parts what was asked from what came of it. */
static char *find_result(char *text, const char *kind)
{
    char *last = NULL;
    const char *mark = strcmp(kind, "sql") == 0 ? ": " : ": status ";
    for (char *at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark))
        last = at;
    if (last == NULL && strcmp(kind, "sql") != 0)
        last = strstr(text, ": no answer");
    if (last == NULL && cm_ends(text, ": not started"))
        last = text + strlen(text) - strlen(": not started");
    return last;
}

static void end_entry(struct entry *e, const char *step, json_t *out)
{
    cm_autofree char *text = cm_str_take(&e->text), *output = cm_str_take(&e->output);
    if (*e->at != '\0' && *text != '\0' && !told_elsewhere(text)) {
        const char *kind = is_request(text) ? "request" : cm_starts(text, "SQL ") ? "sql" : "command";
        char *result = find_result(text, kind);
        double seconds = result != NULL ? cut_time(result) : -1;
        if (result != NULL) {
            *result = '\0';
            result += strlen(": ");
        } else {
            kind = "note";
        }
        const char *plain = strcmp(kind, "sql") == 0 ? text + strlen("SQL ") : text;
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:n}", "at", e->at, "step", step, "kind", kind,
                                             "text", plain, "result", cm_word_text(result), "seconds",
                                             seconds < 0 ? json_null() : json_real(seconds), "output",
                                             cm_word_text(*output != '\0' ? output : NULL), "line"));
    }
    *e->at = '\0';
}

/* ---- one log ---- */

static void take_line(struct entry *e, const char *line, const char *step, json_t *out)
{
    int64_t ms;
    char at[TIME_LENGTH + 1] = "";
    if (strlen(line) > TIME_LENGTH && line[TIME_LENGTH] == ' ')
        memcpy(at, line, TIME_LENGTH);
    if (*at == '\0' || !cm_time_parse(at, &ms)) {
        cm_str_addf(&e->text, "\n%s", line);
        return;
    }
    const char *text = line + TIME_LENGTH + 1;
    if (cm_starts(text, "1> ") || cm_starts(text, "2> ")) {
        cm_str_addf(&e->output, "%s%s", e->output.len > 0 ? "\n" : "", text + 3);
        return;
    }
    end_entry(e, step, out);
    memcpy(e->at, at, sizeof at);
    cm_str_add(&e->text, text);
}

static void tell_log(char *text, const char *step, json_t *out)
{
    struct entry e = {.text = CM_STR(CM_STR_PAGE), .output = CM_STR(OUTPUT_MAX)};
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (cm_utf8_valid(line, strlen(line)))
            take_line(&e, line, step, out);
    }
    end_entry(&e, step, out);
    cm_str_fini(&e.text);
    cm_str_fini(&e.output);
}

static void tell_step(const struct cm_source_of_report *s, const char *step, json_t *out)
{
    cm_autofree char *name = cm_fmt("logs/%s.log", step), *path = cm_path_join(s->run_dir, name), *text = NULL;
    size_t n;
    if (strchr(step, '/') != NULL || !cm_file_exists(path))
        return;
    if (cm_file_read(path, LOG_MAX_BYTES, &text, &n, NULL) != 0) {
        cm_autofree char *why = cm_fmt("%s is too long to be shown here, or cannot be read", name), *at = cm_time_text(s->now_ms);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n}", "at", at, "step", step, "kind", "note",
                                             "text", why, "result", "seconds", "output", "line"));
        return;
    }
    tell_log(text, step, out);
}

void cm_part_commands(const struct cm_source_of_report *s, json_t *out)
{
    cm_autojson told = json_object();
    for (size_t k = 0; s->run_dir != NULL && k < s->m->attempt_count; k++)
        for (size_t i = 0; i < s->m->attempts[k].step_count; i++) {
            const char *step = s->m->attempts[k].steps[i].id;
            if (json_object_get(told, step) == NULL)
                tell_step(s, step, out);
            json_object_set_new(told, step, json_true());
        }
}
