/* check: everything that can be found out before the downtime, at once. The answer is on stdout: a table for people, or JSON. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/wrap.h"

enum { COLUMN = 29 };

/* What was said about it, or what to do. */
static void print_remark(const json_t *f, const char *verdict)
{
    const char *answer = cm_json_text(f, "answer", NULL), *waiver = cm_json_text(f, "waiver", NULL),
               *remedy = cm_json_text(f, "remedy", "");
    if (!answer && !waiver && (strcmp(verdict, "ok") == 0 || !*remedy))
        return;
    cm_autofree char *text = answer   ? cm_fmt("answered: %s", answer)
                             : waiver ? cm_fmt("waived: %s", waiver)
                                      : cm_fmt("→ %s", remedy);
    cm_print_entry(stdout, 2, "", COLUMN, text);
}

static void print_group(const json_t *findings, const char *verdict, const char *title)
{
    size_t i, n = 0;
    json_t *f;
    json_array_foreach(cm_json_loose(findings), i, f)
    {
        if (strcmp(cm_json_text(f, "verdict", ""), verdict) != 0)
            continue;
        if (n++ == 0)
            printf("%s\n", title);
        cm_print_entry(stdout, 2, cm_json_text(f, "id", ""), COLUMN, cm_json_text(f, "seen", ""));
        print_remark(f, verdict);
    }
    if (n)
        printf("\n");
}

static void print_check(const json_t *check, const char *plan)
{
    const json_t *findings = json_object_get(check, "findings");
    const char *verdict = cm_json_text(check, "verdict", "");
    print_group(findings, "blocker", "Blockers: seen to be wrong");
    print_group(findings, "unknown", "Open questions: could not be decided from here");
    print_group(findings, "warning", "Warnings");
    print_group(findings, "ok", "In order");
    if (strcmp(verdict, "blocked") == 0)
        printf("Mend the blockers, then run `connect-migrate-run check %s` again.\n", plan);
    else if (strcmp(verdict, "unknown") == 0)
        printf("Answer each open question with `connect-migrate-run approve %s ID --note \"what you found\"`.\n", plan);
    else
        printf("Nothing is in the way. See what will be done with `connect-migrate-run preview %s`.\n", plan);
}

int cm_cmd_check(const struct cm_invocation *in, struct cm_err **err)
{
    struct cm_session s;
    cm_autojson result = NULL;
    if (cm_session_open(&s, in, err) < 0)
        return -1;
    struct cm_view quiet = *s.setup.view;
    quiet.finding = NULL; /* the table below says them, in the order of what to do first */
    quiet.step = NULL;
    s.setup.view = &quiet;
    int status = cm_engine_check(&s.setup, &result, err);
    if (result && cm_given_times(in, CM_O_JSON)) {
        cm_autofree char *text = json_dumps(result, JSON_INDENT(2));
        printf("%s\n", text);
    } else if (result) {
        print_check(result, in->args[0]);
    }
    cm_session_close(&s);
    return status;
}
