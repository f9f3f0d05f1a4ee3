/* actions/service.h: Connect's systemd unit on the nodes of the old server, stopped and kept from starting. Used by service.stop,
 * service.start and by the interlock, when a unit came back. */
#ifndef CM_ACTIONS_SERVICE_H
#define CM_ACTIONS_SERVICE_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/host.h"

/* Cannot be started by `systemctl start`: masked, or held by our drop-in. */
bool cm_unit_held(const struct cm_unit *u);
/* Runs, or is about to, or a process of Connect lives. */
bool cm_unit_up(const struct cm_unit *u);
/* Runs, with a process. */
bool cm_unit_runs(const struct cm_unit *u);
/* On any node of the old server: its sessions are then its own, and no reason to wait or to refuse. */
int cm_service_runs_somewhere(struct cm_step *step, bool *any, struct cm_err **err);
/* Mask (or the drop-in), then stop, each as an effect on record, each only when needed. with_original: the first time, the state
 * found goes to the ledger. `again`: one more time in this step. */
int cm_service_hold(struct cm_step *step, struct cm_host *h, bool with_original, bool again, struct cm_err **err);
/* Unmask, or take the drop-in away, as an effect on record. */
int cm_service_unmask(struct cm_step *step, struct cm_host *h, const struct cm_unit *u, struct cm_err **err);
/* Where the drop-in lies; arena string. */
const char *cm_service_dropin(struct cm_step *step);

#endif
