/* actions/downtime_announce.c: users are told of the downtime, or it is said that they were not. A message goes to the webhook of the
 * plan; the banners of Connect (public_warning, logged_in_warning) are read and the text a person should publish there is shown:
 * there is no API for them.
 *
 * The webhook gets {"text": …}, which Slack, Mattermost and Teams' incoming hooks take. Its address is a secret. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "actions/source.h"
#include "adapters/http.h"
#include "adapters/outside.h"
#include "adapters/secrets.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "plan/plan.h"

enum { WEBHOOK_MS = 20000 };
static const char effect[] = "webhook", key[] = "downtime";

/* What users should read; caller frees. */
static char *announcement(struct cm_step *step)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const char *zone = cm_plan_text(plan, "window.zone"), *ticket = cm_plan_text(plan, "ticket");
    cm_autofree char *url = cm_source_public_url(step, NULL);
    cm_autostr out = CM_STR(CM_STR_LINE);
    int64_t start, end;

    bool moves = cm_outside_hosts(cm_step_outside(step)) > 0;
    cm_str_addf(&out, "Posit Connect%s%s%s is being %s and will not be available", url != NULL ? " (" : "", url != NULL ? url : "",
                url != NULL ? ")" : "", moves ? "moved" : "changed");
    if (cm_plan_time(plan, "window.start", &start) && cm_plan_time(plan, "window.end", &end)) {
        cm_autofree char *from = cm_time_for_people(start, zone), *to = cm_time_for_people(end, zone);
        cm_str_addf(&out, " from %s to %s", from, to);
    } else {
        cm_str_add(&out, " for a while, beginning soon");
    }
    cm_str_add(&out, ". Please save your work and do not publish in that time. The address stays the same.");
    if (ticket != NULL)
        cm_str_addf(&out, " Ticket: %s.", ticket);
    return cm_str_take(&out);
}

static bool has_webhook(struct cm_step *step) { return cm_plan_get(cm_step_plan(step), "notify.webhook") != NULL; }

/* ---- the webhook ---- */

static int post(struct cm_step *step, struct cm_intent *i, const struct cm_secret *url, const char *text, struct cm_err **err)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    cm_autojson body = json_pack("{s:s}", "text", text);
    cm_autofree char *bytes = json_dumps(body, JSON_COMPACT);
    struct cm_http_request q = {.method = "POST",
                                .url = cm_secret_reveal(url),
                                .headers = headers,
                                .body = bytes,
                                .body_bytes = strlen(bytes),
                                .timeout_ms = WEBHOOK_MS,
                                .body_max_bytes = (size_t)1 << 20};
    CM_CLEANUP(cm_http_answer_fini) struct cm_http_answer a = {0};

    if (cm_http_do(cm_outside_http(cm_step_outside(step)), &q, &a, err) < 0)
        return -1;
    if (a.status >= 200 && a.status < 300)
        return cm_intent_close(i, CM_HAPPENED, json_pack("{s:I}", "status", (json_int_t)a.status), err);
    if (a.status == 0)
        cm_fail_passing(err, "the webhook does not answer: %s", a.problem);
    else
        cm_fail_passing(err, "the webhook answers %ld", a.status);
    cm_hint(
        err,
        "Look at the address behind notify.webhook, or tell the users another way and add `--skip %s --reason TEXT` to the command.",
        cm_step_id(step));
    bool doubt = a.status == 0 && a.sent;
    (void)cm_intent_close(i, doubt ? CM_IN_DOUBT : CM_NOT_HAPPENED, json_pack("{s:I}", "status", (json_int_t)a.status), NULL);
    return -1;
}

/* A message that may have arrived is sent again: twice told is better than not told. The record says so. */
static int announce(struct cm_step *step, const char *text, struct cm_err **err)
{
    struct cm_secret *url = NULL;
    struct cm_intent *i = cm_intent_find(step, effect, key);
    cm_autojson detail = json_pack("{s:s}", "text", text);
    struct cm_intent_spec spec = {.effect = effect, .key = key, .detail = detail};

    if (i != NULL && cm_intent_life(i) == CM_HAPPENED)
        return 0;
    if (cm_secret_resolve(cm_step_loop(step), cm_plan_get(cm_step_plan(step), "notify.webhook"), "notify.webhook", &url, err) < 0)
        return -1;
    if (i != NULL && cm_intent_life(i) < CM_HAPPENED &&
        cm_intent_close(i, CM_NOT_HAPPENED, json_pack("{s:s}", "why", "not known to have arrived; sent again"), err) < 0) {
        cm_secret_free(url);
        return -1;
    }
    int got = cm_intend(step, &spec, &i, err) < 0 ? -1 : post(step, i, url, text, err);
    cm_secret_free(url);
    return got;
}

/* ---- the banners ---- */

static int read_banners(struct cm_step *step, const char *text, bool told, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autojson settings = NULL;
    cm_autoerr why = NULL;

    if (cm_content_server(step, &c, err) < 0)
        return -1;
    if (cm_connect_get_ok(step, c, "server_settings", &settings, &why) < 0) {
        if (cm_cancelled(step)) {
            struct cm_err *moved = why;
            why = NULL;
            return cm_err_move(err, moved);
        }
        cm_say(step, "whether the server shows a warning cannot be read: %s", cm_err_message(why));
    }
    const char *all = cm_json_text(settings, "public_warning", ""), *inside = cm_json_text(settings, "logged_in_warning", "");
    bool shown = *all != '\0' || *inside != '\0';
    if (!told && !shown)
        cm_finding(step, CM_WARNING, "downtime.not-announced",
                   "Publish the text above as Server.PublicWarning and Server.LoggedInWarning, or give notify.webhook.",
                   "users were not told: no webhook is given, and the server shows no warning");
    if (shown)
        cm_say(step, "the server shows users: %s", *all != '\0' ? all : inside);
    else
        cm_say(step, "a text for Server.PublicWarning and Server.LoggedInWarning: %s", text);
    return cm_fact_set(step, "downtime.announced",
                       json_pack("{s:b, s:b, s:s, s:s, s:s}", "webhook", told, "banner", shown, "public_warning", all,
                                 "logged_in_warning", inside, "text", text),
                       err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *text = announcement(step);
    bool hook = has_webhook(step);

    if (hook && announce(step, text, err) < 0)
        return -1;
    return read_banners(step, text, hook, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_intent *i = cm_intent_find(step, effect, key);

    if (!has_webhook(step) || (i != NULL && cm_intent_life(i) == CM_HAPPENED))
        return 0;
    return cm_fail_passing(err, "the webhook has not taken the announcement");
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *text = announcement(step);

    (void)err;
    if (has_webhook(step))
        cm_will(step, "request", "POST to notify.webhook: %s", text);
    cm_will(step, "note", "for Server.PublicWarning and Server.LoggedInWarning: %s", text);
    return 0;
}

static const struct cm_param params[] = {CM_PARAM_SERVER("source"), {NULL, CM_T_ANY, NULL, NULL}};
static const char *const facts_given[] = {"downtime.announced", NULL};

const struct cm_action cm_action_downtime_announce = {
    .name = "downtime.announce",
    .summary = "Tell users of the downtime",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_EFFECT,
    .reversal = CM_NOT_REVERSIBLE,
    .cost = "A message that was sent stays sent; tell users again when the downtime does not come.",
    .params = params,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "public_warning and logged_in_warning of the server.",
    .does = "One POST to notify.webhook, where one is given; shows the text for Connect's own banners, which have no API.",
    .proves = "The webhook answered with a 2xx; not that anybody read it.",
    .rights = "None beyond the webhook's address.",
};
