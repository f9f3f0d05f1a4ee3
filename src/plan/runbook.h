/* plan/runbook.h: the runbook file: ordered stages of ordered steps.
 *
 * Found by path (a name with '/' or ending in .yaml, relative to the plan's folder) or by id in the plans folder.
 * Checked here: shape, format number, unknown keys, unique ids. Checked by engine/resolve.h: that the actions exist, their
 * parameters, and that facts are given before they are needed. */
#ifndef CM_PLAN_RUNBOOK_H
#define CM_PLAN_RUNBOOK_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_rb_step {
    char *id, *uses;
    char *place;                 /* "vm-to-kubernetes.yaml:12:9" */
    json_t *with;                /* object as written, or NULL */
    int64_t timeout_ms;          /* -1: not said */
    int retries;                 /* -1: not said */
    char *by;                    /* NULL: not said */
};
struct cm_rb_stage { char *id, *title; struct cm_rb_step *steps; size_t count; };
struct cm_runbook { char *file, *id, *back; struct cm_rb_stage *stages; size_t count; };

struct cm_runbook *cm_runbook_load(const char *name, const char *plan_dir, const char *plans_dir, struct cm_err **err);
/* From text, for tests; `name` stands in errors. */
struct cm_runbook *cm_runbook_parse(const char *text, size_t bytes, const char *name, struct cm_err **err);
void cm_runbook_free(struct cm_runbook *r);

#endif
