/* actions/connect_verify.c: the new server is up and is the one that was meant: it answers, with the same version, key and content,
 * runs content off-host, and has the temporary settings in force. The end of the service's downtime.
 *
 * Reads only; one record (effect connect.verified, nothing to take back) marks the moment. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/release_heal.h"
#include "actions/evening.h"
#include "actions/server_verify.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const char effect[] = "connect.verified", key[] = "target";

/* execution_type is "native" where content runs beside Connect; what else it can say is Connect's business. */
static int verify_off_host(struct cm_connect *c, const json_t *settings, struct cm_err **err)
{
    const char *type = cm_json_text(settings, "execution_type", NULL);

    if (type == NULL || strcmp(type, "native") != 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "Connect at %s runs content on its own host (execution_type native)", cm_connect_url(c));
    cm_hint(err, "Look for backends.kubernetes.enabled in the values; the rendered rstudio-connect.gcfg must have [Kubernetes] "
                 "Enabled = true.");
    return -1;
}

/* The one temporary setting that the API shows. */
static int verify_in_force(struct cm_step *step, struct cm_connect *c, struct cm_err **err)
{
    const json_t *settings = cm_plan_get(cm_step_plan(step), "temporary"), *meant = NULL, *value;
    const char *name;
    cm_autojson scheduler = NULL;

    json_object_foreach((json_t *)(uintptr_t)settings, name, value) if (strcasecmp(name, "Scheduler.MinProcessesLimit") == 0)
        meant = value;
    if (meant == NULL)
        return 0;
    int64_t wanted = json_is_string(meant) ? strtoll(json_string_value(meant), NULL, 10) : json_integer_value(meant);
    if (cm_connect_get_ok(step, c, "server_settings/scheduler", &scheduler, err) < 0)
        return -1;
    int64_t now = cm_json_int(scheduler, "min_processes_limit", -1);
    if (now == wanted)
        return 0;
    cm_fail(err, CM_E_FAILED, "the temporary setting Scheduler.MinProcessesLimit is %lld at %s, not %lld", (long long)now,
            cm_connect_url(c), (long long)wanted);
    cm_hint(err, "Was the release deployed with artifacts/values.temporary.yaml as its last values file? See `helm get values`.");
    return cm_heal_blame(step, err);
}

static int look(struct cm_step *step, json_t **found, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autojson settings = NULL;
    size_t total = 0;

    if (cm_target_connect(step, &c, err) < 0 || cm_verify_ping(step, c, true, err) < 0 || cm_verify_key(step, c, err) < 0 ||
        cm_connect_get_ok(step, c, "server_settings", &settings, err) < 0 || cm_verify_version(step, c, settings, err) < 0 ||
        verify_off_host(c, settings, err) < 0 || cm_verify_guids(step, c, &total, err) < 0 || verify_in_force(step, c, err) < 0)
        return -1;
    *found = json_pack("{s:s, s:s, s:I}", "version", cm_json_text(settings, "version", ""), "execution_type",
                       cm_json_text(settings, "execution_type", ""), "items", (json_int_t)total);
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET __ping__, v1/user, server_settings, server_settings/scheduler and v1/content of the new server");
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_intent_spec spec = {.effect = effect, .key = key};
    struct cm_intent *i;
    cm_autojson found = NULL;

    if (look(step, &found, err) < 0 || cm_intend(step, &spec, &i, err) < 0)
        return -1;
    cm_say(step, "the new server is up: Connect %s, %lld items", cm_json_text(found, "version", "(version hidden)"),
           (long long)cm_json_int(found, "items", 0));
    if (cm_intent_happened(i, json_incref(found), err) < 0)
        return -1;
    return cm_fact_set(step, "connect.verified", json_incref(found), err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *c;

    if (cm_target_connect(step, &c, err) < 0)
        return -1;
    return cm_verify_ping(step, c, false, err);
}

static const char *const facts_given[] = {"connect.verified", NULL};

const struct cm_action cm_action_connect_verify = {
    .name = "connect.verify",
    .summary = "Verify the new server",
    .kind = CM_EFFECT,
    .reversal = CM_CHANGES_NOTHING,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads =
        "Ping, version, the key's user, execution_type, all GUIDs, min_processes_limit of the new server; under the interlock.",
    .does = "Nothing outside; marks the end of the service's downtime.",
    .proves = "The new Connect runs content off-host, on the same database, with the temporary settings in force.",
    .rights = "An administrator's API key.",
};
