/* actions/source_verify.c: on the way back, the old server is up again and is the one that was left: it answers, with the same
 * version, key and content, and runs content on its own host. Reads only. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/evening.h"
#include "actions/server_verify.h"
#include "actions/source.h"
#include "base/json.h"
#include "base/mem.h"

static const char effect[] = "source.verified", key[] = "source";

static int verify_native(struct cm_connect *c, const json_t *settings, struct cm_err **err)
{
    const char *type = cm_json_text(settings, "execution_type", "native");

    if (strcmp(type, "native") == 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "Connect at %s says execution_type %s: this is not the old server", cm_connect_url(c), type);
    cm_hint(err, "Say in source.url of the plan how the old server itself is reached, past any load balancer.");
    return -1;
}

static int look(struct cm_step *step, json_t **found, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autojson settings = NULL;
    size_t total = 0;

    if (cm_source_connect(step, &c, err) < 0 || cm_verify_ping(step, c, false, err) < 0 || cm_verify_key(step, c, err) < 0 ||
        cm_connect_get_ok(step, c, "server_settings", &settings, err) < 0 || verify_native(c, settings, err) < 0 ||
        cm_verify_version(step, c, settings, err) < 0 || cm_verify_guids(step, c, &total, err) < 0)
        return -1;
    *found = json_pack("{s:s, s:I}", "version", cm_json_text(settings, "version", ""), "items", (json_int_t)total);
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET __ping__, v1/user, server_settings and v1/content of the old server");
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_intent_spec spec = {.effect = effect, .key = key};
    struct cm_intent *i;
    cm_autojson found = NULL;

    if (look(step, &found, err) < 0 || cm_intend(step, &spec, &i, err) < 0)
        return -1;
    cm_say(step, "the old server is up again: Connect %s, %lld items", cm_json_text(found, "version", "(version hidden)"),
           (long long)cm_json_int(found, "items", 0));
    return cm_intent_happened(i, json_incref(found), err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *c;

    if (cm_source_connect(step, &c, err) < 0)
        return -1;
    return cm_verify_ping(step, c, false, err);
}

const struct cm_action cm_action_source_verify = {
    .name = "source.verify",
    .summary = "Verify the old server",
    .kind = CM_EFFECT,
    .reversal = CM_CHANGES_NOTHING,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "Ping, version, the key's user, execution_type and all GUIDs of the old server; baseline.json.",
    .does = "Nothing outside.",
    .proves = "The old Connect is up, runs content on its own host, and has the content that was counted before the move.",
    .rights = "An administrator's API key.",
};
