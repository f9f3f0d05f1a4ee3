/* actions/http_check.c: http.check, for people's own steps: a URL answers with a status. Sends no key, follows redirects within the
 * origin only, changes nothing. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "adapters/http.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static int64_t limit(struct cm_step *step)
{
    int64_t wanted = json_integer_value(cm_step_param(step, "timeout"));
    int64_t left = cm_step_deadline(step);

    left = left == CM_NEVER ? wanted : left - cm_loop_now_ms(cm_step_loop(step));
    return left < 1 ? 1 : left < wanted ? left : wanted;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const char *url = json_string_value(cm_step_param(step, "url"));
    long wanted = (long)json_integer_value(cm_step_param(step, "status"));
    struct cm_http_request q = {.method = "GET",
                                .url = url,
                                .timeout_ms = limit(step),
                                .body_max_bytes = (size_t)1 << 20,
                                .ca_file = cm_plan_text(cm_step_plan(step), "connect.ca_file")};
    CM_CLEANUP(cm_http_answer_fini) struct cm_http_answer a = {0};
    cm_autofree char *id = cm_fmt("http.%s", cm_step_id(step));

    if (cm_http_do(cm_outside_http(cm_step_outside(step)), &q, &a, err) < 0)
        return -1;
    if (a.status == wanted)
        cm_finding(step, CM_OK, id, NULL, "%s answers %ld", url, a.status);
    else if (a.status == 0)
        cm_finding(step, CM_UNKNOWN, id, "See whether it can be reached from here.", "%s does not answer: %s", url, a.problem);
    else
        cm_finding(step, CM_BLOCKER, id, "Mend what stands behind it, or the status this step expects.", "%s answers %ld, not %ld",
                   url, a.status, wanted);
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET %s", json_string_value(cm_step_param(step, "url")));
    return 0;
}

static const struct cm_param params[] = {
    {"url", CM_T_STRING, NULL, "The address to ask."},
    {"status", CM_T_INT, "200", "The HTTP status that is right."},
    {"timeout", CM_T_DURATION, "\"10s\"", "How long to wait for the answer."},
    {NULL, CM_T_ANY, NULL, NULL},
};

const struct cm_action cm_action_http_check = {
    .name = "http.check",
    .summary = "Check that an address answers",
    .kind = CM_CHECK,
    .params = params,
    .preview = preview,
    .apply = apply,
    .reads = "One GET of the URL given, without a key.",
    .does = "A finding: ok, another status is a blocker, no answer is unknown.",
    .rights = "None.",
};
