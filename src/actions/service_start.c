/* actions/service_start.c: service.start: Connect starts again on its old server, once nothing of it runs in the cluster. */
#include <config.h>

#include <string.h>

#include "actions/cluster_drained.h"
#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release_fence.h"
#include "actions/service.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

/* Was it up before the migration? A node that was down then stays down; without a record, all are started. */
static bool wanted(struct cm_step *step, const char *host)
{
    struct cm_change c;
    bool any = false;
    for (uint64_t after = 0; cm_ledger_next(step, "service.stop", after, &c); after = c.intent) {
        any = true;
        if (strcmp(c.key, host) == 0)
            return true;
    }
    return !any || cm_intent_find(step, "service.start", host) != NULL;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    *answer = cm_effect_open(step, "service.start") || cm_effect_open(step, "service.unmask") ? CM_NEEDED : CM_DONE;
    for (size_t i = 0; i < cm_outside_hosts(o) && *answer == CM_DONE; i++) {
        CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
        struct cm_host *h = cm_outside_host(o, i);
        if (cm_host_unit(step, h, &u, err) < 0)
            return -1;
        if (wanted(step, cm_host_name(h)) && !cm_unit_runs(&u))
            *answer = CM_NEEDED;
    }
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    const char *unit = cm_plan_text(cm_step_plan(step), "source.service");
    (void)err;
    cm_will(step, "note", "first: no pod of the release, no content Job and no session of Connect may be there");
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        const char *const unmask[] = {"systemctl", "unmask", unit, NULL};
        const char *const start[] = {"systemctl", "start", unit, NULL};
        cm_autofree char *a = cm_host_by_hand(cm_outside_host(o, i), unmask), *b = cm_host_by_hand(cm_outside_host(o, i), start);
        cm_will(step, "command", "%s", a);
        cm_will(step, "command", "%s", b);
    }
    return 0;
}

static int start_one(struct cm_step *step, struct cm_host *h, struct cm_err **err)
{
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    struct cm_intent *intent = NULL;
    cm_autoout out = {0};
    const char *const argv[] = {"systemctl", "start", cm_plan_text(cm_step_plan(step), "source.service"), NULL};
    struct cm_intent_spec spec = {.effect = "service.start", .key = cm_host_name(h)};
    if (cm_host_unit(step, h, &u, err) < 0)
        return -1;
    struct cm_intent *old = cm_intent_find(step, "service.start", cm_host_name(h));
    if (cm_unit_runs(&u) && !cm_intent_is_open(old))
        return 0;
    if (cm_unit_held(&u) && cm_service_unmask(step, h, &u, err) < 0)
        return -1;
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    if (!cm_unit_runs(&u) && cm_host_run_effect(intent, h, argv, &out, err) < 0) {
        cm_hint(err, "Look there with `journalctl -u %s -n 50`, mend it, then run the same command again.", argv[2]);
        return -1;
    }
    return cm_intent_happened(intent, NULL, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    bool any;
    if (cm_service_runs_somewhere(step, &any, err) < 0)
        return -1;
    if ((any ? cm_interlock_reverse_pods(step, err) : cm_interlock_reverse(step, err)) < 0 || cm_cluster_drained(step, err) < 0)
        return -1;
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct cm_host *h = cm_outside_host(o, i);
        if (wanted(step, cm_host_name(h)) && start_one(step, h, err) < 0)
            return -1;
    }
    return cm_fence_keep(step, err); /* somebody may have made the Deployment anew between that look and the start */
}

struct started {
    struct cm_step *step;
    struct cm_host *host;
};

static int is_started(void *ctx, struct cm_err **err)
{
    struct started *s = ctx;
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    if (cm_host_unit(s->step, s->host, &u, err) < 0)
        return -1;
    if (cm_unit_runs(&u))
        return 1;
    if (strcmp(u.active, "failed") == 0)
        return cm_fail(err, CM_E_FAILED, "the unit on %s has failed", cm_host_name(s->host));
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct started s = {step, cm_outside_host(o, i)};
        const char *name = cm_host_name(s.host);
        if (!wanted(step, name))
            continue;
        int rc = cm_wait_until(step, is_started, &s, cm_step_deadline(step), 10, 1000, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return cm_fail(err, CM_E_FAILED, "Connect did not become active on %s in time", name);
    }
    if (cm_reading(step))
        return 0;
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
        const char *name = cm_host_name(cm_outside_host(o, i));
        if (cm_host_unit(step, cm_outside_host(o, i), &u, err) < 0)
            return -1;
        if (cm_unit_runs(&u) && cm_ledger_back_all(step, "service.stop", name, err) < 0)
            return -1;
        if (!cm_unit_held(&u) && cm_ledger_back_all(step, "service.mask", name, err) < 0)
            return -1;
    }
    return 0;
}

const struct cm_action cm_action_service_start = {
    .name = "service.start",
    .summary = "Start Connect on its old server",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "The old server has to be stopped again.",
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "pods, content Jobs, sessions in both databases; the unit's state on every node",
    .does = "Once no pod of the release, no content Job and no session of Connect is left: on every node systemctl unmask and "
            "systemctl start.",
    .proves = "asked on the node itself: the unit is active and its process lives",
    .undoes = "nothing",
    .rights = "on every node, as root: systemctl unmask and start of this unit; to list pods and Jobs in the namespace",
};
