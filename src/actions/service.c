/* actions/service.c: Connect's systemd unit on one node, stopped and kept from starting.
 *
 * `systemctl disable` does not keep automation from starting a unit, `mask` does. Where the unit file itself lies in
 * /etc/systemd/system, mask has no place for its link (systemctl(1)); a drop-in whose condition never holds does the same. */
#include <config.h>

#include "actions/service.h"

#include <string.h>

#include "actions/evening.h"
#include "adapters/outside.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

/* "!" and a path that always exists: the unit is skipped at each start (systemd.unit(5)). */
static const char dropin_text[] = "# Written by connect-migrate: Connect runs on Kubernetes now and must not start here.\n"
                                  "[Unit]\n"
                                  "ConditionPathExists=!/\n";

static const char *unit_name(struct cm_step *step)
{
    const char *name = cm_plan_text(cm_step_plan(step), "source.service");
    return name == NULL ? "rstudio-connect" : name;
}

const char *cm_service_dropin(struct cm_step *step)
{
    const char *name = unit_name(step);
    return cm_arena_fmt(cm_step_arena(step), "/etc/systemd/system/%s%s.d/connect-migrate.conf", name,
                        cm_ends(name, ".service") ? "" : ".service");
}

bool cm_unit_held(const struct cm_unit *u) { return strcmp(u->enabled, "masked") == 0 || u->condition; }

bool cm_unit_up(const struct cm_unit *u)
{
    static const char *const up[] = {"active", "activating", "reloading", "refreshing", "deactivating", NULL};
    for (size_t i = 0; up[i] != NULL; i++)
        if (strcmp(u->active, up[i]) == 0)
            return true;
    return u->processes > 0;
}

bool cm_unit_runs(const struct cm_unit *u) { return strcmp(u->active, "active") == 0 && u->processes != 0; }

int cm_service_runs_somewhere(struct cm_step *step, bool *any, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    *any = false;
    for (size_t i = 0; i < cm_outside_hosts(o); i++) {
        CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
        if (cm_host_unit(step, cm_outside_host(o, i), &u, err) < 0)
            return -1;
        *any = *any || cm_unit_runs(&u);
    }
    return 0;
}

static int write_dropin(struct cm_intent *intent, struct cm_host *h, struct cm_err **err)
{
    cm_autoout out = {0};
    const char *path = cm_service_dropin(cm_intent_step(intent));
    const char *const argv[] = {
        "sh", "-c", "mkdir -p \"${1%/*}\" && cat >\"$1.new\" && mv \"$1.new\" \"$1\" && systemctl daemon-reload", "sh", path, NULL};
    return cm_host_run_effect_input(intent, h, argv, dropin_text, sizeof dropin_text - 1, &out, err);
}

/* The masking is refused when the unit file itself stands where the link would go. */
static bool in_the_way(const struct cm_err *why)
{
    const char *evidence = cm_err_evidence(why), *message = cm_err_message(why);
    return (evidence != NULL && strstr(evidence, "already exists") != NULL) || strstr(message, "already exists") != NULL;
}

static int mask(struct cm_step *step, struct cm_host *h, const struct cm_unit *u, bool with_original, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autoout out = {0};
    cm_autoerr why = NULL;
    const char *name = cm_host_name(h), *how = "mask";
    bool first = with_original && cm_intent_find(step, "service.mask", name) == NULL;
    cm_autojson original = first ? json_pack("{s:s}", "unit_file", u->enabled) : NULL;
    struct cm_intent_spec spec = {.effect = "service.mask", .key = name, .original = original};
    const char *const argv[] = {"systemctl", "mask", unit_name(step), NULL};
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    if (cm_host_run_effect(intent, h, argv, &out, &why) < 0) {
        if (!in_the_way(why)) {
            struct cm_err *moved = why;
            why = NULL;
            return cm_err_move(err, moved);
        }
        how = "drop-in";
        if (write_dropin(intent, h, err) < 0)
            return -1;
    }
    return cm_intent_happened(intent, json_pack("{s:s}", "how", how), err);
}

static int stop(struct cm_step *step, struct cm_host *h, const struct cm_unit *u, bool with_original, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autoout out = {0};
    const char *name = cm_host_name(h);
    bool first = with_original && cm_intent_find(step, "service.stop", name) == NULL;
    cm_autojson original = first ? json_pack("{s:s}", "active", u->active) : NULL;
    struct cm_intent_spec spec = {.effect = "service.stop", .key = name, .original = original};
    const char *const argv[] = {"systemctl", "stop", unit_name(step), NULL};
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    if (cm_host_run_effect(intent, h, argv, &out, err) < 0)
        return -1;
    return cm_intent_happened(intent, NULL, err);
}

/* What an earlier run began on this node and the node shows as done. */
static int close_done(struct cm_step *step, const char *effect, const char *name, bool done, struct cm_err **err)
{
    for (struct cm_intent *i = cm_intent_next(step, effect, NULL); i != NULL; i = cm_intent_next(step, effect, i))
        if (done && cm_intent_is_open(i) && cm_starts(cm_intent_key(i), name) && cm_intent_happened(i, NULL, err) < 0)
            return -1;
    return 0;
}

int cm_service_hold(struct cm_step *step, struct cm_host *h, bool with_original, bool again, struct cm_err **err)
{
    CM_CLEANUP(cm_unit_fini) struct cm_unit u = {0};
    const char *name = cm_host_name(h);
    if (cm_host_unit(step, h, &u, err) < 0)
        return -1;
    if (strcmp(u.load, "not-found") == 0) {
        cm_fail(err, CM_E_FAILED, "%s has no unit %s", name, unit_name(step));
        cm_hint(err, "Give the name of Connect's systemd unit as source.service in the plan.");
        return -1;
    }
    if (again)
        cm_say(step, "%s: Connect came back (%s); it is masked and stopped again", name, u.active);
    if (close_done(step, "service.mask", name, cm_unit_held(&u), err) < 0 ||
        close_done(step, "service.stop", name, !cm_unit_up(&u), err) < 0)
        return -1;
    if (!cm_unit_held(&u) && mask(step, h, &u, with_original, err) < 0)
        return -1;
    if (cm_unit_up(&u) && stop(step, h, &u, with_original, err) < 0)
        return -1;
    return 0;
}
