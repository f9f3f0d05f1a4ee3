/* ledger.settle: the changes not yet taken back, newest first: each undone by the action that made it, with that action's own proof
 * (entries: all, the way back), or those that were kept declared to stay (entries: final, finish). */
#include <config.h>

#include <string.h>

#include <cm/action.h>

static const struct cm_param params[] = {
    {"entries", CM_T_STRING, "\"all\"", "all: take every change back; final: declare the kept ones to stay"},
    {NULL, CM_T_ANY, NULL, NULL},
};

static bool is_final(const struct cm_step *step) { return strcmp(json_string_value(cm_step_param(step, "entries")), "final") == 0; }

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct cm_change c;
    (void)err;
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent)
        cm_will(step, "note", "%s %s %s", is_final(step) ? (c.settle ? "take back" : "declare to stay:") : "take back", c.effect,
                c.key);
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent) {
        if (is_final(step) && !c.settle) {
            if (cm_ledger_final(step, c.intent, err) < 0)
                return -1;
            continue;
        }
        int rc = cm_ledger_undo(step, &c, err);
        if (rc < 0)
            return -1;
        cm_step_log(step, "%s %s: %s", c.effect, c.key, rc == 0 ? "taken back" : "left to a later step");
    }
    return 0;
}

/* A hold: while the way back goes on, cluster.drained may have to scale the release once more, and that is a change as well. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent)
        if (c.settle || (!is_final(step) && strcmp(c.effect, "helm.upgrade") == 0))
            return cm_fail(err, CM_E_FAILED, "%s %s is still not taken back", c.effect, c.key);
    return 0;
}

const struct cm_action cm_action_ledger_settle = {
    .name = "ledger.settle",
    .summary = "Settle the changes that are still in force",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost =
        "What it takes back would have to be made again; what `finish` declares to stay is no longer taken back by this program.",
    .params = params,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "The record: every change with an original that has not been taken back.",
    .does = "Undoes each by the action that made it, newest first; with entries: final, declares the kept ones to stay.",
    .proves = "Each undo proves that the original is back; no temporary change is left.",
    .undoes = "Nothing: it is the way back itself.",
    .rights = "Those of the actions that made the changes.",
};
