/* report/parts.h: what the files of src/report hand to each other; of others only the preview (cli) includes it, to print blocks. The report is collected once, as the JSON
 * document whose shape stands in report.h; from it come the blocks (headings, lists, tables) that both Markdown and HTML print. */
#ifndef CM_REPORT_PARTS_H
#define CM_REPORT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <cm/err.h>

#include "journal/model.h"

/* What the collecting parts are given. */
struct cm_source_of_report {
    const struct cm_model *m;
    const char *run_dir;
    int64_t now_ms;
    const char *zone;                    /* of the plan's window; NULL: local */
    bool as_finished;                    /* only the report itself is open: write as if that were done */
};

/* ---- parts; new references ---- */

json_t *cm_part_stages(const struct cm_model *m, bool as_finished);    /* as in `status --json` */
json_t *cm_part_findings(const struct cm_model *m);
json_t *cm_part_content_counts(const struct cm_model *m);
json_t *cm_part_content_items(const struct cm_source_of_report *s);    /* report/content.c */
json_t *cm_part_content_images(const struct cm_model *m);             /* report/content.c */
/* report/content.c: of each GUID the newest build of the newest walk forward, {guid: {state, why, log, tries, seconds}} */
json_t *cm_part_builds(const struct cm_model *m);
json_t *cm_part_changes(const struct cm_source_of_report *s);          /* report/changes.c: the ledger with values */
json_t *cm_part_temporary(const struct cm_source_of_report *s);
json_t *cm_part_lasting(const struct cm_source_of_report *s);          /* report/changes.c: what was done and is not taken back */
json_t *cm_part_said(const struct cm_source_of_report *s);             /* report/changes.c: gates, answers, waivers */
json_t *cm_part_left_out(const struct cm_source_of_report *s);         /* report/points.c: settings that the new values lack */
json_t *cm_part_open_points(const struct cm_source_of_report *s);      /* report/points.c */
const struct cm_m_step *cm_part_failing(const struct cm_model *m);     /* the failed step of the newest walk; NULL: none */
/* report/transcript.c. *digests: {begun, approved, ran, shown}, hex or null. NULL: the record cannot be read. */
json_t *cm_part_transcript(const struct cm_source_of_report *s, json_t **digests, struct cm_err **err);
void cm_part_commands(const struct cm_source_of_report *s, json_t *out);      /* report/logs.c: appends the transcript's lines */
/* A file that the record names, from RUNDIR/artifacts; JSON, or NULL where there is none or it cannot be read. */
json_t *cm_part_artifact_json(const struct cm_source_of_report *s, const char *name);

/* ---- the whole ---- */

json_t *cm_report_collect(const struct cm_source_of_report *s, struct cm_err **err);
/* [{"title": text} {"part": text} {"heading": text} {"subheading": text} {"lead": text} {"text": text} {"list": [text]} {"pre": text}
 *  {"files": [text]} {"picture": "stages" or "builds"}
 *  {"table": {"caption": text, "head": [text], "rows": [[text]], "numbers": [column], "state": column or -1, "big": bool,
 *             "facts": true when its first column names the rows, "link": column, "urls": [text or null, a row each]}}] */
json_t *cm_report_blocks(const json_t *report);

/* ---- writers ---- */

void cm_report_markdown(const json_t *blocks, FILE *out);
void cm_report_html(const json_t *blocks, const json_t *report, FILE *out);
void cm_report_junit(const json_t *report, FILE *out);

/* Each owner's page into RUNDIR/report.owners: report/owners.c. */
int cm_owners_write(const json_t *report, const char *run_dir, struct cm_err **err);

/* ---- words ---- */

json_t *cm_word_time(int64_t ms);                        /* RFC 3339; null for 0 */
json_t *cm_word_seconds(int64_t ms);                     /* a real number */
json_t *cm_word_text(const char *text);                  /* null for NULL */
const char *cm_word_signal(const char *signal);          /* "SIGINT" of "2" or of itself */
char *cm_word_value(const json_t *v);                    /* for people: a text bare, an absent value "(absent)"; caller frees */

#endif
