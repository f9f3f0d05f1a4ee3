/* apikey.check: the key that the plan names is an administrator's, on the old server or (server: target) on the new one. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/source.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"

static const struct cm_param params[] = {
    {"server", CM_T_STRING, "\"source\"", "which Connect is asked: source or target"},
    {NULL, CM_T_ANY, NULL, NULL},
};

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *c = NULL;
    const char *server = json_string_value(cm_step_param(step, "server"));
    struct cm_err *why = NULL;
    struct cm_reply r = {0};
    int rc = strcmp(server, "target") == 0 ? cm_target_connect(step, &c, &why) : cm_source_connect(step, &c, &why);
    if (rc == 0)
        rc = cm_connect_get(step, c, "v1/user", &r, &why);
    if (rc < 0 && cm_cancelled(step))
        return cm_err_move(err, why);
    const char *role = cm_json_text(r.body, "user_role", "");
    if (rc < 0)
        cm_finding(step, CM_UNKNOWN, "apikey.unreachable", "Check source.url in the plan and that Connect answers there.",
                   "the key could not be tried: %s", cm_err_message(why));
    else if (r.status == 401)
        cm_finding(step, CM_BLOCKER, "apikey.refused",
                   "Make a new key as an administrator (Connect, your name, API Keys) and put it where "
                   "connect.api_key in the plan points to.",
                   "%s refuses the key", cm_connect_url(c));
    else if (r.status == 403)
        cm_finding(step, CM_BLOCKER, "apikey.not-a-user", "Use a key of an administrator's own account.",
                   "%s answers 403: the key belongs to no user", cm_connect_url(c));
    else if (r.status != 200)
        cm_finding(step, CM_UNKNOWN, "apikey.unreachable", "See whether Connect is well, then check again.", "%s answers %s",
                   cm_connect_url(c), r.problem ? r.problem : "with something else than a user");
    else if (strcmp(role, "administrator") != 0)
        cm_finding(step, CM_BLOCKER, "apikey.role", "Use the key of an administrator: caches and all content are only theirs.",
                   "the key is %s's, a %s", cm_json_text(r.body, "username", "?"), role);
    else
        cm_finding(step, CM_OK, "apikey.role", NULL, "the key is %s's, an administrator", cm_json_text(r.body, "username", "?"));
    cm_reply_fini(&r);
    cm_err_free(why);
    return 0;
}

const struct cm_action cm_action_apikey_check = {
    .name = "apikey.check",
    .summary = "The API key is an administrator's",
    .page = "https://docs.posit.co/connect/api/",
    .kind = CM_CHECK,
    .params = params,
    .apply = apply,
    .reads = "GET /v1/user with the key that connect.api_key names.",
    .does = "Nothing: it reads.",
    .proves = "The user's role is administrator.",
    .undoes = "Nothing.",
    .rights = "The key itself.",
};
