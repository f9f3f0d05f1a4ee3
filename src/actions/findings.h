/* actions/findings.h: what each finding means, by its id: for `explain`, doc/messages.md and completion. What was seen, where, and what
 * to do about it in that very case the finding itself says; here stands what is behind it.
 *
 * The level is not in the table: one id can be in order in one place and a blocker in another. tests/lint/messages_test.py holds that
 * every id in the sources has its row. */
#ifndef CM_ACTIONS_FINDINGS_H
#define CM_ACTIONS_FINDINGS_H

#include <stddef.h>

struct cm_finding_text {
    const char *id;          /* "storage.local-disk"; a '*' stands for what is told apart: a setting, a GUID */
    const char *title;       /* a few words, no full stop */
    const char *meaning;     /* sentences: why it matters */
    const char *remedy;      /* a sentence: what to do */
};
struct cm_finding_family { const char *name, *title; const struct cm_finding_text *rows; };      /* rows are ended by id NULL */
extern const struct cm_finding_family cm_finding_families[];                                      /* ended by name NULL */

/* The row of an id as people see it ("values.number.Server.Port", "database.instrumentation-role"); NULL: there is none. */
const struct cm_finding_text *cm_finding_find(const char *id);
/* All ids of the table, NULL-ended; caller frees the list, not the ids. */
const char **cm_finding_ids(void);

extern const struct cm_finding_text cm_findings_server[], cm_findings_storage[], cm_findings_database[], cm_findings_license[],
    cm_findings_content[], cm_findings_access[], cm_findings_cluster[], cm_findings_pods[], cm_findings_config[], cm_findings_values[],
    cm_findings_other[];

#endif
