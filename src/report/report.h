/* report/report.h: the report, from the journal's model and the artifacts it names, nothing else. Formats: markdown, json, html,
 * junit; all written from one collected document, so that they cannot disagree. Holds no secret: the record has none.
 *
 * That document is report.json. Times are RFC 3339 in UTC or null, lengths are seconds as real numbers:
 *   report          1, the number of this shape
 *   written, began  times; zone: the name of the zone for people (window.zone of the plan), null: local
 *   run_id, plan, ticket, runbook, resumed (how often it was taken up again)
 *   state           as in `status --json`; verdict: the same as one sentence; status: the exit status that goes with it, or null
 *   window          {start, end, zone} or null
 *   downtime        {service, users: {seconds, from, to, open, within_window: true, false or null},
 *                    interruptions: [{what, why, signal, from, to, seconds}]}; signal: the run itself was interrupted by it
 *   situation       five lines of text: old server, new server, database, users, changes in force
 *   versions        [{what, value}]
 *   said            [{what: approved, attested, answered, waived or restore point, id, who, at, note, how, title}]
 *   changes         [{effect, key, class: settle or keep, state: open, back or final, step, at, original, present, settled}]
 *   temporary       [{setting, original, set_to, state, proof, at, settled}]
 *   skipped         [{step, reason}]
 *   open_points     [text]: failures, effects in doubt, changes still to be taken back, findings that nobody
 *                   answered
 *   attempts        [{attempt, direction, runbook, result, began, ended}]
 *   stages, findings, content, next_steps    as in `status --json`
 *   configuration   the account of every setting (artifact config.account.json), or null
 *   items           [{guid, title, path, why, visits, build, build_error, before, now, result, how, cluster}]; before and now are the
 *                   HTTP status of the item's page on the old and the new server
 *   artifacts       [{name, sha256, bytes}]
 *   transcript      [{at, line, text}]; line: of the state file
 *   values_files    [path]: what helm is given from now on; empty while that is not decided */
#ifndef CM_REPORT_REPORT_H
#define CM_REPORT_REPORT_H

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
/* Write all formats into run_dir as report.md, report.json, report.html, junit.xml, each by rename. */
int cm_report_write_all(const struct cm_model *m, const char *run_dir, int64_t now_wall_ms, struct cm_err **err);
/* `status --json`, and the members "content", "downtime_seconds" … shared with the report. New reference. */
json_t *cm_status_json(const struct cm_model *m, const char *plan_file, const char *run_dir, bool alive, int64_t now_wall_ms);
/* The commands that are safe now, with what each does, for status and for every failure: [{"command","does"}]. New reference. */
json_t *cm_next_steps(const struct cm_model *m, const char *plan_file);

#endif
