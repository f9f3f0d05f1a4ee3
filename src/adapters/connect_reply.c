/* adapters/connect_reply.c: the meaning of Connect's answers, and the sentences that say it.
 *
 * Error objects and codes: Posit's API reference ({"code","error","payload"}; a 404 whose body has no code is an endpoint
 * that this version does not have). 402 is answered to every request while there is no valid license. */
#include <config.h>

#include "adapters/connect_reply.h"

#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"

static const struct {
    long status;
    const char *words;
} phrases[] = {
    {400, "Bad Request"},       {401, "Unauthorized"},        {402, "Payment Required"},      {403, "Forbidden"},
    {404, "Not Found"},         {405, "Method Not Allowed"},  {408, "Request Timeout"},       {409, "Conflict"},
    {413, "Content Too Large"}, {429, "Too Many Requests"},   {500, "Internal Server Error"}, {501, "Not Implemented"},
    {502, "Bad Gateway"},       {503, "Service Unavailable"}, {504, "Gateway Timeout"},
};

static const char *phrase(long status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].words;
    return "";
}

/* What stands between says: nobody behind it (502 to 504), or too much at once (429). */
static bool is_between(long status) { return status == 429 || status == 502 || status == 503 || status == 504; }

void cm_reply_fini(struct cm_reply *r)
{
    if (r == NULL)
        return;
    json_decref(r->body);
    free(r->problem);
    free(r->location);
    free(r->text);
    memset(r, 0, sizeof *r);
    r->code = -1;
}

void cm_reply_from(const struct cm_http_answer *a, struct cm_reply *r)
{
    memset(r, 0, sizeof *r);
    r->status = a->status;
    r->sent = a->sent;
    r->code = -1;
    r->location = cm_strdup(a->location);
    if (a->server_date != NULL) {
        time_t date = curl_getdate(a->server_date, NULL);
        r->server_ms = date > 0 ? (int64_t)date * 1000 : 0;
    }
    if (a->status == 0) {
        r->problem = cm_strdup(a->problem != NULL ? a->problem : "no answer");
        return;
    }
    if (a->body != NULL && a->body_bytes > 0)
        r->body = json_loadb(a->body, a->body_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const json_t *code = json_is_object(r->body) ? json_object_get(r->body, "code") : NULL;
    if (a->status >= 400 && json_is_integer(code))
        r->code = (int)json_integer_value(code);
    r->answered = !is_between(a->status) || r->code >= 0;
    if (a->status < 400)
        return;
    if (r->code >= 0)
        r->problem = cm_fmt("%d: %s", r->code, cm_json_text(r->body, "error", "(no text)"));
    else
        r->problem = cm_fmt("%ld %s", a->status, phrase(a->status));
}

bool cm_reply_passes(const struct cm_reply *r) { return r->status == 0 || !r->answered; }

static void hint_401(const struct cm_connect *c, struct cm_err **err)
{
    if (cm_connect_is_forwarded(c)) /* its address ends with us, and its keys are those of the database that was moved */
        cm_hint(
            err,
            "Put an administrator's API key of the old server where the plan's connect.api_key points (the new server knows the same "
            "keys), then run the same command again. To make one on the new server: `kubectl port-forward svc/NAME 3939:80` (`kubectl get svc` names it) "
            "and http://127.0.0.1:3939.");
    else
        cm_hint(err, "Make a new API key for an administrator at %s and put it where the plan's connect.api_key points.",
                cm_connect_url(c));
}

int cm_reply_fail(const struct cm_reply *r, const struct cm_connect *c, const char *what, struct cm_err **err)
{
    const char *problem = r->problem != NULL ? r->problem : "an unexpected answer";

    if (cm_reply_passes(r))
        return cm_fail_unreached(err, "%s at %s: %s", what, cm_connect_url(c), problem);
    switch (r->status) {
    case 401:
        cm_fail(err, CM_E_FAILED, "%s does not take the API key (%s)", cm_connect_url(c), problem);
        hint_401(c, err);
        return -1;
    case 402:
        cm_fail(err, CM_E_FAILED, "Connect at %s has no valid license (it answers 402 to everything)", cm_connect_url(c));
        cm_hint(err, "See `license-manager status` there, and the license named in the values.");
        return -1;
    case 403:
        cm_fail(err, CM_E_FAILED, "%s at %s is not allowed with this API key (%s)", what, cm_connect_url(c), problem);
        cm_hint(err, "The key must be an administrator's.");
        return -1;
    case 404:
        if (r->code < 0) {
            cm_fail(err, CM_E_FAILED, "%s does not exist at %s: this Connect is too old for it, or the URL is not Connect's", what,
                    cm_connect_url(c));
            cm_hint(err, "Open %s/__ping__ : it must answer {}.", cm_connect_url(c));
            return -1;
        }
        break;
    case 500: return cm_fail_passing(err, "%s at %s: %s", what, cm_connect_url(c), problem);
    default: break;
    }
    return cm_fail(err, CM_E_FAILED, "%s at %s: %s (status %ld)", what, cm_connect_url(c), problem, r->status);
}
