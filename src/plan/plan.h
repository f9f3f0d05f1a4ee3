/* plan/plan.h: the user's plan file: read, checked, derived values filled in, in normal form.
 *
 * Every key stands in one table (plan/table.c: path, type, default, range, help), which feeds the reader, the unknown-key
 * check with the nearest name, the JSON Schema (plan/schema.h), `explain` and the manual. All problems are said at once, as
 * file:line:column. The normal form is a JSON object with every key that has a value, derived or said; durations are
 * integers in ms, sizes in bytes. It never holds a secret: secrets are references, {env:}, {file:} or {command:}, resolved
 * by adapters/secrets.h when they are used. Relative paths in a plan are relative to the plan's folder; the normal form
 * has them absolute.
 *
 * Does not: know actions (the `with` of a step is checked by engine/resolve.h), read the server. */
#ifndef CM_PLAN_PLAN_H
#define CM_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_plan;

/* Load a plan. CM_E_USAGE with all problems. */
struct cm_plan *cm_plan_load(const char *path, struct cm_err **err);
void cm_plan_free(struct cm_plan *p);

const char *cm_plan_file(const struct cm_plan *p);            /* as given */
const char *cm_plan_dir(const struct cm_plan *p);             /* absolute folder of the plan */
char *cm_plan_run_dir(const struct cm_plan *p);               /* "/…/connect-prod.run"; caller frees */
const json_t *cm_plan_normal(const struct cm_plan *p);        /* whole; borrowed */
/* By dotted path; NULL: no value. Step ids have dots: use cm_plan_step. */
const json_t *cm_plan_get(const struct cm_plan *p, const char *path);
const char *cm_plan_text(const struct cm_plan *p, const char *path);                    /* NULL: no value */
int64_t cm_plan_int(const struct cm_plan *p, const char *path, int64_t otherwise);      /* durations in ms */
/* A time of the plan (window.start, window.end, content.build.revert_by) in wall ms, by the window's zone. False: no value. */
bool cm_plan_time(const struct cm_plan *p, const char *path, int64_t *wall_ms);
/* The dotted key below which the values files hold the values of Connect's chart, for a chart that has it as a dependency (target.values_at,
 * where that is a key and no address). NULL: at the top. */
const char *cm_plan_values_key(const struct cm_plan *p);
/* The same by a Chart.yaml: the alias or name of its one dependency rstudio-connect; caller frees. NULL: there is none. *several (may be
 * NULL): how many there are. */
char *cm_plan_dependency_key(const json_t *chart, size_t *several);
/* The same of the Chart.yaml in a folder; no such file: NULL and 0. */
char *cm_plan_folder_key(const char *folder, size_t *several);
/* Where a value came from: "connect-prod.yaml:4:12", "default", "derived: KUBECONFIG". NULL: no value. */
const char *cm_plan_origin(const struct cm_plan *p, const char *path);
/* The settings of one step: {by, command, note, skip, timeout, retries, on_failure, with}, from `steps`, and from the short
 * forms `backup` (backup.take), `access.close`, `access.open`. NULL: the plan says nothing of it. */
const json_t *cm_plan_step(const struct cm_plan *p, const char *step_id);
/* file:line:column of a step's entry, for errors of its `with`; "" where there is none. */
const char *cm_plan_step_place(const struct cm_plan *p, const char *step_id);
const char *cm_plan_stage_skip(const struct cm_plan *p, const char *stage_id);          /* the reason; NULL: not skipped */
/* An answer given ahead under `gates`: its note; NULL: none. */
const char *cm_plan_gate_note(const struct cm_plan *p, const char *gate_id);
/* Would the plan's table take this YAML text as the value of the key at `path`? For what is written into a plan for people. */
bool cm_plan_fits(const char *path, const char *yaml);
/* The digest of the normal form (64 hex digits; caller frees). */
char *cm_plan_digest(const json_t *normal);
/* The differences between two normal forms, a line each ("target.namespace: posit → connect"); caller frees; "": none. */
char *cm_plan_diff(const json_t *before, const json_t *after);

#endif
