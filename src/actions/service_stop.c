/* actions/service_stop.c: service.stop: Connect is stopped and masked on every node of the old server, and stays so. */
#include <config.h>

#include <string.h>

#include "actions/evening.h"
#include "actions/service.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

enum { END_MS = 120000 }; /* processes may end a while after systemctl stop came back */

static const char *unit_name(struct cm_step *step) { return cm_plan_text(cm_step_plan(step), "source.service"); }

/* Up, or on its way up: not what is still ending after a stop. */
static bool is_started(const struct cm_unit *u)
{
    return cm_unit_up(u) && strcmp(u->active, "deactivating") != 0 && strcmp(u->active, "inactive") != 0 &&
           strcmp(u->active, "failed") != 0;
}

static int judge(const struct cm_host *h, const struct cm_unit *u, struct cm_err **err)
{
    if (is_started(u)) {
        cm_fail(err, CM_E_FAILED, "Connect runs on %s: its unit is %s", cm_host_name(h), u->active);
        cm_hint(err, "Somebody started it. Run the same command again: it is masked and stopped again.");
        return -1;
    }
    if (cm_unit_up(u))
        return cm_fail_passing(err, "Connect still ends on %s: unit %s, %d processes", cm_host_name(h), u->active,
                               u->processes < 0 ? 0 : u->processes);
    if (!cm_unit_held(u)) {
        cm_fail(err, CM_E_FAILED, "the unit on %s is %s and not masked: anything may start it", cm_host_name(h), u->enabled);
        cm_hint(err, "Somebody unmasked it. Run the same command again: it is masked again.");
        return -1;
    }
    if (u->processes < 0) {
        cm_fail(err, CM_E_FAILED, "the processes on %s cannot be seen", cm_host_name(h));
        cm_hint(err, "Install pgrep (procps) there, or let the login see all processes (source.become).");
        return -1;
    }
    return 0;
}

static int node_is_down(struct cm_step *step, struct cm_host *h, struct cm_err **err)
{
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    return cm_host_unit(step, h, &u, err) < 0 ? -1 : judge(h, &u, err);
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    *answer = cm_effect_open(step, "service.mask") || cm_effect_open(step, "service.stop") ? CM_NEEDED : CM_DONE;
    for (size_t i = 0; i < cm_outside_hosts(o) && *answer == CM_DONE; i++) {
        CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
        if (cm_host_unit(step, cm_outside_host(o, i), &u, err) < 0)
            return -1;
        if (cm_unit_up(&u) || !cm_unit_held(&u) || u.processes < 0)
            *answer = CM_NEEDED;
    }
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    (void)err;
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        const char *const mask[] = {"systemctl", "mask", unit_name(step), NULL};
        const char *const stop[] = {"systemctl", "stop", unit_name(step), NULL};
        cm_autofree char *a = cm_host_by_hand(cm_outside_host(o, i), mask), *b = cm_host_by_hand(cm_outside_host(o, i), stop);
        cm_will(step, "command", "%s", a);
        cm_will(step, "command", "%s", b);
    }
    return 0;
}

struct down {
    struct cm_step *step;
    struct cm_host *host;
};

/* It was stopped and runs again: once more it is masked and stopped, and the step fails, since something works against it. */
static int came_back(struct cm_step *step, struct cm_host *h, struct cm_err **err)
{
    if (cm_service_hold(step, h, false, true, err) < 0)
        return -1;
    cm_fail(err, CM_E_FAILED, "Connect came back on %s after it was masked and stopped; it was stopped again", cm_host_name(h));
    cm_hint(err,
            "Find the automation that starts it (Ansible, Puppet, cron, a monitoring agent) and switch it off, then run the same "
            "command again.");
    return -1;
}

static int is_down(void *ctx, struct cm_err **err)
{
    struct down *d = ctx;
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    if (cm_host_unit(d->step, d->host, &u, err) < 0)
        return -1;
    if (is_started(&u))
        return came_back(d->step, d->host, err);
    return judge(d->host, &u, err) < 0 ? -1 : 1;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++)
        if (cm_service_hold(step, cm_outside_host(o, i), true, false, err) < 0)
            return -1;
    int64_t limit = cm_loop_now_ms(cm_step_loop(step)) + END_MS, deadline = cm_step_deadline(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        struct down d = {step, cm_outside_host(o, i)};
        if (cm_wait_until(step, is_down, &d, limit < deadline ? limit : deadline, 10, 1000, err) < 0)
            return -1;
    }
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++)
        if (node_is_down(step, cm_outside_host(o, i), err) < 0)
            return -1;
    return 0;
}

/* ---- undo ---- */

static struct cm_host *host_of(struct cm_step *step, const char *key)
{
    struct cm_outside *o = cm_step_outside(step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++)
        if (strcmp(cm_host_name(cm_outside_host(o, i)), key) == 0)
            return cm_outside_host(o, i);
    return NULL;
}

int cm_service_unmask(struct cm_step *step, struct cm_host *h, const struct cm_unit *u, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autoout out = {0};
    struct cm_intent_spec spec = {.effect = "service.unmask", .key = cm_host_name(h)};
    const char *const unmask[] = {"systemctl", "unmask", unit_name(step), NULL};
    const char *const drop[] = {"sh",
                                "-c",
                                "rm -f \"$1\" && { rmdir \"${1%/*}\" 2>/dev/null || true; } && systemctl daemon-reload",
                                "sh",
                                cm_service_dropin(step),
                                NULL};
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    if (strcmp(u->enabled, "masked") == 0 && cm_host_run_effect(intent, h, unmask, &out, err) < 0)
        return -1;
    if (u->condition) {
        cm_out_fini(&out);
        if (cm_host_run_effect(intent, h, drop, &out, err) < 0)
            return -1;
    }
    return cm_intent_happened(intent, NULL, err);
}

static int undo_mask(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0}, after = {0};
    struct cm_host *h = host_of(step, change->key);
    const char *was = cm_json_text(change->original, "unit_file", "");
    if (h == NULL)
        return cm_fail(err, CM_E_FAILED, "%s is no node of the plan", change->key);
    if (strcmp(was, "masked") == 0)
        return 0;
    if (cm_host_unit(step, h, &u, err) < 0)
        return -1;
    if (cm_unit_held(&u) && cm_service_unmask(step, h, &u, err) < 0)
        return -1;
    if (cm_host_unit(step, h, &after, err) < 0)
        return -1;
    if (cm_unit_held(&after))
        return cm_fail(err, CM_E_FAILED, "the unit on %s is still masked", change->key);
    if (*was != '\0' && strcmp(was, after.enabled) != 0)
        cm_say(step, "%s: the unit was %s before and is %s now", change->key, was, after.enabled);
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    if (strcmp(change->effect, "service.mask") == 0)
        return undo_mask(step, change, err);
    const char *was = cm_json_text(change->original, "active", "active");
    return strcmp(was, "failed") == 0 || strcmp(was, "inactive") == 0 ? 0 : 1; /* service.start starts it */
}

const struct cm_action cm_action_service_stop = {
    .name = "service.stop",
    .summary = "Stop Connect on every node of the old server and keep it from starting",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "The service is down until the old server is started again, which takes as long as its start.",
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "the unit's state and Connect's processes on every node, by systemctl and pgrep there",
    .does = "On every node: systemctl mask, then systemctl stop. Where the unit file lies in /etc/systemd/system, which cannot be "
            "masked, a drop-in with a condition that never holds is put beside it.",
    .proves = "asked on the node itself: the unit is inactive and masked, and no process of Connect lives",
    .undoes = "the unit is unmasked; service.start starts it",
    .rights = "on every node, as root: systemctl mask, unmask, stop, start and daemon-reload of this unit",
};
