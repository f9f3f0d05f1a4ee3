/* source.retire: the old server stays stopped and masked for good. It is proved to be so; nothing on it is deleted. A node that is not
 * reached any more may be switched off, or be gone: a person attests it. */
#include <config.h>

#include "actions/source_retire.h"

#include <cm/str.h>

#include "actions/look.h"
#include "actions/service.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/mem.h"

static const char gate[] = "gate.source-gone";

bool cm_source_is_gone(const struct cm_step *step) { return cm_gate_answer(step, gate) != NULL; }

/* Of all nodes: those where it is not stopped and masked, and those that are not reached. */
static int look(struct cm_step *step, struct cm_str *up, struct cm_str *unseen, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct cm_host *h = cm_outside_host(o, i);
        struct cm_unit u = {.processes = -1};
        cm_autoerr seen = NULL;
        if (cm_host_unit(step, h, &u, &seen) < 0) {
            if (cm_look_ends(&seen, err))
                return -1;
            cm_autofree char *words = cm_look_words(seen);
            cm_look_list(unseen, "%s", words);
        } else if (!cm_unit_held(&u) || cm_unit_up(&u)) {
            cm_look_list(up, "%s", cm_host_name(h));
        }
        cm_unit_fini(&u);
    }
    return 0;
}

static int still_up(const struct cm_str *up, struct cm_err **err)
{
    cm_fail(err, CM_E_FAILED, "Connect is not stopped and masked on %s", cm_str_text(up));
    cm_hint(err, "Stop and mask it there, find the automation that started it, then run the same command again.");
    return -1;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autostr up = CM_STR(CM_STR_LINE);
    cm_autostr unseen = CM_STR(CM_STR_LINE);
    if (look(step, &up, &unseen, err) < 0)
        return -1;
    if (up.len)
        return still_up(&up, err);
    if (!unseen.len)
        return 0;
    cm_autofree char *shown =
        cm_fmt("Not reached: %s\nIf it is switched off or gone for good, attest it; if it can come back, reach it first.\n",
               cm_str_text(&unseen));
    struct cm_gate_spec g = {.id = gate, .attest = true, .title = "the old server is switched off, or gone", .shown = shown};
    return cm_gate_pass(step, &g, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    cm_autostr up = CM_STR(CM_STR_LINE);
    cm_autostr unseen = CM_STR(CM_STR_LINE);
    if (look(step, &up, &unseen, err) < 0)
        return -1;
    if (up.len)
        return still_up(&up, err);
    if (unseen.len && !cm_source_is_gone(step) && !cm_reading(step)) {
        cm_fail(err, CM_E_WAITING, "nobody has attested that the old server is gone: %s", cm_str_text(&unseen));
        cm_hint(err, "Reach it, or attest it with `connect-migrate-run approve PLAN %s --note \"…\"`.", gate);
        return -1;
    }
    return 0;
}

const struct cm_action cm_action_source_retire = {
    .name = "source.retire",
    .summary = "The old server stays stopped and masked",
    .kind = CM_HOLD,
    .reversal = CM_CHANGES_NOTHING,
    .apply = apply,
    .verify = verify,
    .reads = "The unit and the processes on every node of the old server.",
    .does =
        "Nothing: what stopped it stays in force. Its disk, packages and configuration are left alone. Of a node that is not reached it "
        "asks whether it is gone.",
    .proves =
        "On every node the unit is inactive and masked, and no process of Connect lives; or a person attests that it is gone.",
    .undoes = "Nothing.",
    .rights = "On the nodes: to read the unit's state.",
};
