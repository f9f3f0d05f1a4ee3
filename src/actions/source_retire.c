/* source.retire: the old server stays stopped and masked for good. It is proved to be so; nothing on it is deleted. */
#include <config.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/service.h"
#include "adapters/host.h"
#include "adapters/outside.h"

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct cm_host *h = cm_outside_host(o, i);
        struct cm_unit u = {.processes = -1};
        int rc = cm_host_unit(step, h, &u, err);
        bool good = rc == 0 && cm_unit_held(&u) && !cm_unit_up(&u);
        cm_unit_fini(&u);
        if (rc < 0)
            return -1;
        if (!good) {
            cm_fail(err, CM_E_FAILED, "Connect is not stopped and masked on %s", cm_host_name(h));
            cm_hint(err, "Stop and mask it there, find the automation that started it, then run the same command again.");
            return -1;
        }
    }
    return 0;
}

const struct cm_action cm_action_source_retire = {
    .name = "source.retire",
    .summary = "The old server stays stopped and masked",
    .kind = CM_HOLD,
    .reversal = CM_CHANGES_NOTHING,
    .verify = verify,
    .reads = "The unit and the processes on every node of the old server.",
    .does = "Nothing: what stopped it stays in force. Its disk, packages and configuration are left alone.",
    .proves = "On every node the unit is inactive and masked, and no process of Connect lives.",
    .undoes = "Nothing.",
    .rights = "On the nodes: to read the unit's state.",
};
