/* engine/resolve.h: a runbook, the plan's say on its steps and the action table made into the list that is walked.
 *
 * Checked here, all problems at once with their places: that actions exist (nearest name), parameters (names, types,
 * defaults), that facts are given by an earlier step before they are needed, that a plan names only steps and stages that
 * exist in its runbook, the way back or finish. */
#ifndef CM_ENGINE_RESOLVE_H
#define CM_ENGINE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/action.h>

#include "journal/model.h"
#include "plan/plan.h"

enum cm_by { CM_BY_TOOL, CM_BY_HAND, CM_BY_COMMAND };

struct cm_rstep {
    char *id;
    const struct cm_action *action;
    size_t stage;                    /* index */
    json_t *params;                  /* typed, defaulted; durations in ms */
    int64_t timeout_ms;
    int retries;
    enum cm_by by;
    const json_t *command;           /* by: command; borrowed from the plan */
    const char *note;                /* plan's; NULL */
    const char *skip;                /* reason, by the plan; NULL */
    bool warn_only;                  /* on_failure: warn */
};
struct cm_rstage { char *id, *title; };
struct cm_resolved {
    char *id, *back;
    struct cm_rstage *stages; size_t stage_count;
    struct cm_rstep *steps; size_t step_count;
    size_t gate;                     /* index of the step with id gate.downtime; SIZE_MAX: none */
    json_t *normal;                  /* normal form for the journal */
};

struct cm_resolved *cm_resolve(const struct cm_plan *plan, enum cm_direction direction, const char *plans_dir,
                               const struct cm_action *const *actions, struct cm_err **err);
void cm_resolved_free(struct cm_resolved *r);
const char *cm_by_word(enum cm_by by);

#endif
