/* report/report.h: the report, from the journal's model, the artifacts it names and the steps' logs, nothing else. Formats: markdown, json, html,
 * junit; all written from one collected document, so that they cannot disagree. Holds no secret: the record has none,
 * and the logs are masked when they are written.
 *
 * That document is report.json; doc/report.schema.json documents its shape, and a test holds them in step. Times in it are RFC 3339 in
 * UTC or null, lengths are seconds as real numbers. Beside the formats stand the owners' pages, report.owners/NAME.html: each holds one
 * owner's items and no other's. */
#ifndef CM_REPORT_REPORT_H
#define CM_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <cm/err.h>

#include "journal/model.h"

/* run_dir: for artifacts and for reading the events again; NULL: neither. While only report.write is open, it is written as if that
 * were done already. CM_E_USAGE for an unknown format. */
int cm_report_render(const struct cm_model *m, const char *run_dir, const char *format, int64_t now_wall_ms, FILE *out,
                     struct cm_err **err);
/* check.json as JUnit XML: a suite of its findings; a blocker or an unknown that nobody answered is a failure. */
void cm_report_junit_check(const json_t *check, FILE *out);
/* Write all formats into run_dir as report.md, report.json, report.html, junit.xml, and report.owners, each by rename. */
int cm_report_write_all(const struct cm_model *m, const char *run_dir, int64_t now_wall_ms, struct cm_err **err);
/* `status --json`, and the members "content", "downtime_seconds" … shared with the report. New reference. */
json_t *cm_status_json(const struct cm_model *m, const char *plan_file, const char *run_dir, bool alive, int64_t now_wall_ms);
struct cm_standing {
    const char *plan_file, *run_dir;     /* run_dir: is named where it is not the plan's own; NULL: it is */
    bool alive;                          /* a process is at work */
    bool ended;                          /* judge as if the newest attempt had ended */
    int status;                          /* what the command at hand ends with, where that is not on record; -1: the record's */
};
/* The commands that are safe now, with what each does, for status and for every failure: [{"command","does"}], the likeliest first.
 * New reference. */
json_t *cm_next_steps_of(const struct cm_model *m, const struct cm_standing *s);
/* The command that goes on: "connect-migrate-run rollback prod.yaml". m NULL: forward. Caller frees. */
char *cm_again_command(const struct cm_model *m, const char *plan_file, const char *run_dir);

#endif
