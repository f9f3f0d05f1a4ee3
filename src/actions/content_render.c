/* actions/content_render.c: rendering runs a document's code with all it does (it may write and send mail), so it is done only for
 * what the plan names, once each, and never sent again when in doubt.
 *
 * The requests are those of Posit's own clients (applications/GUID/variants, variants/ID/render: not part of the documented v1
 * API, so a server that lacks them is told, not feared). */
#include <config.h>

#include "actions/content_render.h"

#include <string.h>

#include <cm/str.h>

#include "adapters/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const char effect[] = "content.render";

static int close_as(struct cm_intent *i, const char *state, const char *why, struct cm_err **err)
{
    return cm_intent_close(i, CM_HAPPENED, json_pack("{s:s, s:s}", "state", state, "error", why != NULL ? why : ""), err);
}

/* The id of the default variant as text; caller frees. NULL with err; *gone: there is no such content. */
static char *default_variant(struct cm_step *step, struct cm_connect *c, const char *guid, bool *gone, struct cm_err **err)
{
    cm_autofree char *escaped = cm_http_escape(guid);
    cm_autofree char *path = cm_fmt("applications/%s/variants", escaped);
    cm_autoreply r;

    *gone = false;
    if (cm_connect_get(step, c, path, &r, err) < 0)
        return NULL;
    if (r.status == 404 && r.code >= 0)
        *gone = true;
    if (r.status != 200) {
        cm_reply_fail(&r, c, "the variants of a document", err);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(r.body); i++) {
        const json_t *v = json_array_get(r.body, i), *id = json_object_get(v, "id");
        if (!cm_json_bool(v, "is_default", false))
            continue;
        return json_is_integer(id) ? cm_fmt("%lld", (long long)json_integer_value(id)) : cm_strdup(json_string_value(id));
    }
    cm_fail(err, CM_E_FAILED, "content %s has no default variant to render", guid);
    return NULL;
}

static int follow(struct cm_step *step, struct cm_connect *c, struct cm_intent *i, struct cm_err **err)
{
    const char *task = cm_json_text(cm_intent_noted(i), "task", "");
    cm_autojson ended = NULL;
    bool forgotten;

    if (cm_connect_task(step, c, task, &ended, &forgotten, err) < 0)
        return -1;
    if (forgotten)
        return close_as(i, "unknown", "the server has forgotten the task", err);
    if (cm_json_int(ended, "code", 1) == 0)
        return close_as(i, "rendered", NULL, err);
    return close_as(i, "failed", cm_json_text(ended, "error", "no reason given"), err);
}

static int send(struct cm_step *step, struct cm_connect *c, struct cm_intent *i, const char *variant, struct cm_err **err)
{
    cm_autofree char *path = cm_fmt("variants/%s/render", variant);
    cm_autojson body = json_object();
    cm_autoreply r;

    if (cm_connect_change(i, c, "POST", path, body, &r, err) < 0)
        return -1;
    if (!r.answered && !r.sent) {
        cm_fail_passing(err, "rendering cannot be asked for: %s", r.problem);
        (void)cm_intent_close(i, CM_NOT_HAPPENED, NULL, NULL);
        return -1;
    }
    const json_t *id = json_object_get(r.body, "id");
    cm_autofree char *task =
        json_is_integer(id) ? cm_fmt("%lld", (long long)json_integer_value(id)) : cm_strdup(json_string_value(id));
    if (r.status == 200 && task != NULL) {
        if (cm_intent_note(i, json_pack("{s:s}", "task", task), err) < 0)
            return -1;
        return follow(step, c, i, err);
    }
    return close_as(i, r.answered ? "failed" : "unknown", r.problem != NULL ? r.problem : "an unexpected answer", err);
}

static int render(struct cm_step *step, struct cm_connect *c, const char *guid, struct cm_err **err)
{
    struct cm_intent *i = cm_intent_find(step, effect, guid);
    cm_autoerr why = NULL;
    bool gone;

    if (i != NULL && cm_intent_life(i) == CM_NOTED)
        return follow(step, c, i, err);
    if (i != NULL && cm_intent_life(i) < CM_HAPPENED)
        return close_as(i, "unknown", "sent, and interrupted before an answer came; it is not sent a second time", err);
    if (i != NULL && cm_intent_life(i) == CM_HAPPENED)
        return 0;
    cm_autofree char *variant = default_variant(step, c, guid, &gone, &why);
    if (variant == NULL && (cm_err_is_passing(why) || cm_cancelled(step))) {
        cm_err_move(err, why);
        why = NULL;
        return -1;
    }
    struct cm_intent_spec spec = {.effect = effect, .key = guid};
    if (cm_intend(step, &spec, &i, err) < 0)
        return -1;
    if (variant == NULL)
        return close_as(i, gone ? "gone" : "failed", cm_err_message(why), err);
    return send(step, c, i, variant, err);
}

int cm_render_all(struct cm_step *step, struct cm_connect *c, struct cm_err **err)
{
    const json_t *guids = cm_plan_get(cm_step_plan(step), "content.render");

    for (size_t i = 0; i < json_array_size(guids); i++) {
        cm_progress(step, i, json_array_size(guids), "renderings");
        if (render(step, c, json_string_value(json_array_get(guids, i)), err) < 0)
            return -1;
    }
    return 0;
}

const char *cm_render_state(struct cm_step *step, const char *guid, const char **error)
{
    struct cm_intent *i = cm_intent_find(step, effect, guid);

    *error = "";
    if (i == NULL)
        return NULL;
    *error = cm_json_text(cm_intent_result(i), "error", "");
    return cm_json_text(cm_intent_result(i), "state", "unknown");
}
