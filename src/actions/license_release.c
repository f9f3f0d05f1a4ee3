/* license.release: the old server's activation of a product key is given back, so that it can be used elsewhere. License files are not
 * counted (vendor's licensing page): nothing to do for them. The output says nothing of activations, so the proof is a person's. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "plan/plan.h"

static bool counted(struct cm_step *step)
{
    const char *mode = cm_plan_text(cm_step_plan(step), "license.mode");
    return mode && strcmp(mode, "key") == 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    if (!counted(step)) {
        cm_say(step, "the license is no product key: no activation to give back");
        return 0;
    }
    struct cm_gate_spec g = {
        .id = "license.release",
        .attest = true,
        .title = "the old server's license activation was given back",
        .shown =
            "On the old server: sudo /opt/rstudio-connect/bin/license-manager deactivate\nThe server's own output does not say how many "
            "activations are left; attest that it was done."};
    return cm_gate_pass(step, &g, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    if (counted(step) && !cm_reading(step) && !cm_gate_answer(step, "license.release"))
        return cm_fail(err, CM_E_WAITING,
                       "nobody has attested that the activation was given back; the gate license.release needs it");
    return 0;
}

const struct cm_action cm_action_license_release = {
    .name = "license.release",
    .summary = "The old server's license activation is given back",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "The license has to be activated again on the old server.",
    .apply = apply,
    .verify = verify,
    .reads = "license.mode of the plan.",
    .does = "With a product key: asks a person to deactivate it on the old server. With a file or a server: nothing.",
    .proves = "The person's statement, on record; license-manager's output does not count activations.",
    .undoes = "Nothing.",
    .rights = "On the old server: to run license-manager.",
};
