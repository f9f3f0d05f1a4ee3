/* check: everything that can be found out before the downtime, at once. The answer is on stdout: a table for people with what to do
 * first on top, JSON, or JUnit XML. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/wrap.h"
#include "report/report.h"

enum { COLUMN = 29, MINUTE_MS = 60000 };

/* ---- one finding ---- */

/* A group: this verdict, with or without somebody's answer or waiver. */
struct group {
    const char *verdict;
    bool settled;
    const char *title;
};

static bool settled(const json_t *f)
{
    bool fine = strcmp(cm_json_text(f, "verdict", ""), "ok") == 0;
    return !fine && (json_object_get(f, "answer") || json_object_get(f, "waiver"));
}

static char *ago(const char *at, int64_t now_ms)
{
    int64_t then = 0;
    if (!cm_time_parse(at, &then))
        return cm_strdup(at);
    cm_autofree char *when = cm_time_for_people(then, NULL);
    int64_t minutes = now_ms > then ? (now_ms - then) / MINUTE_MS : 0;
    if (minutes == 0)
        return cm_fmt("%s, just now", when);
    if (minutes < 120)
        return cm_fmt("%s, %lld min ago", when, (long long)minutes);
    if (minutes < 48 * 60)
        return cm_fmt("%s, %lld h ago", when, (long long)(minutes / 60));
    return cm_fmt("%s, %lld days ago", when, (long long)(minutes / 60 / 24));
}

/* What was said about it, or what to do; and how old it is where it was not looked at just now. */
static void print_remarks(const json_t *f, int64_t now_ms)
{
    const char *answer = cm_json_text(f, "answer", NULL), *waiver = cm_json_text(f, "waiver", NULL),
               *remedy = cm_json_text(f, "remedy", ""), *verdict = cm_json_text(f, "verdict", ""),
               *page = cm_json_text(f, "page", NULL);
    bool asks = strcmp(verdict, "blocker") == 0 || strcmp(verdict, "unknown") == 0;
    if (strcmp(verdict, "ok") != 0 && (answer || waiver || *remedy)) {
        cm_autofree char *text = answer   ? cm_fmt("answered: %s", answer)
                                 : waiver ? cm_fmt("waived: %s", waiver)
                                          : cm_fmt("→ %s", remedy);
        cm_print_entry(stdout, 2, "", COLUMN, text);
    }
    if (asks && !answer && page) {
        cm_autofree char *text = cm_fmt("see %s", page);
        cm_print_entry(stdout, 2, "", COLUMN, text);
    }
    if (cm_json_bool(f, "reused", false)) {
        cm_autofree char *when = ago(cm_json_text(f, "at", ""), now_ms);
        cm_autofree char *text = cm_fmt("(seen at %s; --fresh looks again)", when);
        cm_print_entry(stdout, 2, "", COLUMN, text);
    }
}

static size_t print_group(const json_t *findings, const struct group *g, int64_t now_ms)
{
    size_t i, n = 0;
    json_t *f;
    json_array_foreach(cm_json_loose(findings), i, f) n +=
        strcmp(cm_json_text(f, "verdict", ""), g->verdict) == 0 && settled(f) == g->settled;
    if (n)
        printf("%s (%zu)\n", g->title, n);
    json_array_foreach(cm_json_loose(findings), i, f)
    {
        if (strcmp(cm_json_text(f, "verdict", ""), g->verdict) != 0 || settled(f) != g->settled)
            continue;
        cm_print_entry(stdout, 2, cm_json_text(f, "id", ""), COLUMN, cm_json_text(f, "seen", ""));
        print_remarks(f, now_ms);
    }
    if (n)
        printf("\n");
    return n;
}

/* ---- the rest ---- */

static void print_list(const json_t *list)
{
    size_t i;
    json_t *line;
    json_array_foreach(cm_json_loose(list), i, line)
    {
        fputs("  ", stdout);
        cm_print_wrapped(stdout, json_string_value(line), 2, 4);
    }
    printf("\n");
}

static void print_since(const json_t *since, int64_t now_ms)
{
    const json_t *changes = json_object_get(since, "changes");
    if (!since)
        return;
    cm_autofree char *when = ago(cm_json_text(since, "at", ""), now_ms);
    if (json_array_size(changes) == 0) {
        printf("Nothing has changed since the last check (%s).\n\n", when);
        return;
    }
    printf("Changed since the last check (%s)\n", when);
    print_list(changes);
}

static const json_t *fact(const json_t *check, const char *name)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(check, "facts"), i,
                       f) if (strcmp(cm_json_text(f, "name", ""), name) == 0) return json_object_get(f, "value");
    return NULL;
}

static void print_basis(const json_t *check)
{
    const json_t *basis = json_object_get(fact(check, "downtime.estimate"), "basis");
    if (json_array_size(basis) == 0)
        return;
    printf("What the estimate of the downtime rests on\n");
    print_list(basis);
}

static void print_check(const json_t *check, const char *plan, int64_t now_ms)
{
    static const struct group groups[] = {
        {"blocker", false, "Blockers: seen to be wrong"},
        {"unknown", false, "Open questions: could not be decided from here"},
        {"warning", false, "Warnings"},
    };
    static const struct group rest[] = {
        {"unknown", true, "Questions that were answered"},
        {"warning", true, "Warnings that were waived"},
        {"ok", false, "In order"},
    };
    const json_t *findings = json_object_get(check, "findings");
    const char *verdict = cm_json_text(check, "verdict", "");
    size_t blockers = print_group(findings, &groups[0], now_ms), questions = print_group(findings, &groups[1], now_ms);
    print_group(findings, &groups[2], now_ms);
    print_since(json_object_get(check, "since"), now_ms);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        print_group(findings, &rest[i], now_ms);
    print_basis(check);
    if (strcmp(verdict, "ok") != 0)
        printf("What is behind a finding: `connect-migrate-run explain ID`.\n");
    if (strcmp(verdict, "blocked") == 0)
        printf("%zu blocker%s and %zu open question%s stand in the way; they are on top. Mend them, then run "
               "`connect-migrate-run check %s` again.\n",
               blockers, blockers == 1 ? "" : "s", questions, questions == 1 ? "" : "s", plan);
    else if (strcmp(verdict, "unknown") == 0)
        printf("Answer each open question with `connect-migrate-run approve %s ID --note \"what you found\"`.\n", plan);
    else
        printf("Nothing is in the way. See what will be done with `connect-migrate-run preview %s`.\n", plan);
}

/* "text" "json" "junit"; NULL: unknown, with err. */
static const char *format_of(const struct cm_invocation *in, struct cm_err **err)
{
    const char *format = cm_given_value(in, CM_O_FORMAT);
    if (cm_given_times(in, CM_O_JSON))
        return "json";
    if (!format || strcmp(format, "text") == 0 || strcmp(format, "json") == 0 || strcmp(format, "junit") == 0)
        return format ? format : "text";
    cm_fail(err, CM_E_USAGE, "--format %s: check has text, json and junit", format);
    return NULL;
}

int cm_cmd_check(const struct cm_invocation *in, struct cm_err **err)
{
    struct cm_session s;
    cm_autojson result = NULL;
    const char *format = format_of(in, err);
    if (!format || cm_session_open(&s, in, err) < 0)
        return -1;
    struct cm_view quiet = *s.setup.view;
    quiet.finding = NULL; /* the table below says them, in the order of what to do first */
    quiet.step = NULL;
    s.setup.view = &quiet;
    int status = cm_engine_check(&s.setup, &result, err);
    if (result && strcmp(format, "json") == 0) {
        cm_autofree char *text = json_dumps(result, JSON_INDENT(2));
        printf("%s\n", text);
    } else if (result && strcmp(format, "junit") == 0) {
        cm_report_junit_check(result, stdout);
    } else if (result) {
        print_check(result, in->args[0], cm_clock_wall(&cm_clock_system));
    }
    cm_session_close(&s);
    return status;
}
