/* actions/access.c: access.close and access.open: who answers under the public name. The change itself is the network team's
 * (a maintenance page, DNS, a load balancer), so it is done by hand or by the plan's command; the proof is ours.
 *
 * Connect says by execution_type of /__api__/server_settings how it runs content: "native" on a server of its own. Whether it says so
 * without a key is not certain; then it is asked with the key, and where that says nothing either, it is told by elimination: the
 * server that is down cannot be the one that answers. What stays undecided is never taken for the right one, nor for closed. */
#include <config.h>

#include <string.h>

#include "actions/evening.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/connect.h"
#include "adapters/http.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

enum who { NOBODY, PAGE, OLD, NEW, CONNECT }; /* CONNECT: one that does not say how it runs content */
enum { ASK_MS = 5000, ANSWER_MAX = 1 << 20 };

struct answer {
    enum who who;
    long status;
    char *problem, *url, peer[64];
};

static void answer_fini(struct answer *a)
{
    free(a->problem);
    free(a->url);
}

/* One request, no key, no repeats: a maintenance page is an answer here. */
static int ask(struct cm_step *step, const char *base, const char *path, struct cm_http_answer *a, struct cm_err **err)
{
    const struct cm_plan *plan = cm_step_plan(step);
    bool slash = cm_ends(base, "/");
    cm_autofree char *url = cm_fmt("%.*s%s", (int)(strlen(base) - (slash ? 1 : 0)), base, path);
    struct cm_http_request r = {.method = "GET",
                                .url = url,
                                .ca_file = cm_plan_text(plan, "connect.ca_file"),
                                .timeout_ms = ASK_MS,
                                .body_max_bytes = ANSWER_MAX};
    return cm_http_do(cm_outside_http(cm_step_outside(step)), &r, a, err);
}

static enum who which(struct cm_step *step, const json_t *settings)
{
    const char *type = cm_json_text(settings, "execution_type", NULL), *host = cm_json_text(settings, "hostname", "");
    if (!json_is_object(settings) ||
        (type == NULL && *host == '\0' && cm_json_at(settings, "version") == NULL && cm_json_at(settings, "about") == NULL))
        return PAGE;
    if (cm_starts(host, cm_target_fullname(step)))
        return NEW;
    return type == NULL ? CONNECT : strcmp(type, "native") == 0 ? OLD : NEW;
}

/* An error of Connect's API: {"code", "error"}. Maintenance pages have other bodies. */
static bool is_api_error(const json_t *body)
{
    return json_is_integer(json_object_get(body, "code")) && json_is_string(json_object_get(body, "error"));
}

/* Its health, which needs no key: {} in JSON. */
static int answers_ping(struct cm_step *step, const char *url, bool *yes, struct cm_err **err)
{
    CM_CLEANUP(cm_http_answer_fini) struct cm_http_answer a = {0};
    if (ask(step, url, "/__ping__", &a, err) < 0)
        return -1;
    cm_autojson body = a.status == 200 && a.body ? cm_json_parse(a.body, a.body_bytes, "__ping__", NULL) : NULL;
    *yes = json_is_object(body) || a.status == 402;
    return 0;
}

/* With the key, to an address that is known to be a Connect's. */
static int ask_with_key(struct cm_step *step, const char *url, enum who *who, struct cm_err **err)
{
    struct cm_connect *c = cm_connect_new(cm_step_outside(step), url, false);
    cm_autoreply r = {0};
    cm_autoerr seen = NULL;
    int rc = cm_connect_get(step, c, "server_settings", &r, &seen);
    if (rc == 0 && r.status == 200 && which(step, r.body) != PAGE)
        *who = which(step, r.body);
    cm_connect_free(c);
    if (rc < 0 && cm_cancelled(step)) {
        struct cm_err *moved = seen;
        seen = NULL;
        return cm_err_move(err, moved);
    }
    return 0;
}

/* Which server can it be? One that is down does not answer. */
static int by_elimination(struct cm_step *step, enum who *who, struct cm_err **err)
{
    bool old_up = false;
    int64_t first_pod = 0;
    cm_autofree char *url = cm_outside_hosts(cm_step_outside(step)) > 0 ? cm_source_url(step, NULL) : NULL;
    if (url && answers_ping(step, url, &old_up, err) < 0)
        return -1;
    if (cm_target_first_pod(step, &first_pod, NULL) < 0)
        return 0;
    if (old_up && first_pod == 0)
        *who = OLD;
    else if (!old_up && first_pod != 0)
        *who = NEW;
    return 0;
}

static int find_out(struct cm_step *step, struct answer *a, struct cm_err **err)
{
    bool pings = false;
    if (a->who == PAGE && answers_ping(step, a->url, &pings, err) < 0)
        return -1;
    if (pings)
        a->who = CONNECT;
    if (a->who == CONNECT && ask_with_key(step, a->url, &a->who, err) < 0)
        return -1;
    return a->who == CONNECT ? by_elimination(step, &a->who, err) : 0;
}

static int look(struct cm_step *step, struct answer *out, struct cm_err **err)
{
    CM_CLEANUP(cm_http_answer_fini) struct cm_http_answer a = {0};
    out->url = cm_source_public_url(step, err);
    if (out->url == NULL || ask(step, out->url, "/__api__/server_settings", &a, err) < 0)
        return -1;
    out->status = a.status;
    out->problem = cm_strdup(a.problem);
    memcpy(out->peer, a.peer, sizeof out->peer);
    if (a.status == 0) {
        out->who = NOBODY;
        return 0;
    }
    cm_autojson settings = a.body == NULL ? NULL : cm_json_parse(a.body, a.body_bytes, "server_settings", NULL);
    out->who = a.status == 200 || a.status == 402 ? which(step, settings) : PAGE;
    if (a.status == 402 || is_api_error(settings))
        out->who = CONNECT; /* its own answer without a license, or to somebody without a key */
    return find_out(step, out, err);
}

static const char *in_words(enum who w)
{
    static const char *const words[] = {"nobody", "something that is not Connect", "the old server", "the new server",
                                        "a Connect that does not say which one it is"};
    return words[w];
}

/* ---- access.close ---- */

static bool closed(const struct answer *a) { return a->who == NOBODY || a->who == PAGE; }

static int close_probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    CM_CLEANUP(answer_fini) struct answer a = {0};
    *answer = CM_NEEDED;
    if (look(step, &a, err) < 0)
        return -1;
    *answer = closed(&a) ? CM_DONE : CM_NEEDED;
    return 0;
}

static int by_whom(struct cm_step *step, const char *what, const char *key, struct cm_err **err)
{
    (void)step;
    cm_fail(err, CM_E_USAGE, "%s: the tool cannot do this by itself", what);
    cm_hint(err, "Put `%s: {by: hand}` or `%s: {by: command, command: [...]}` into the plan.", key, key);
    return -1;
}

static int close_apply(struct cm_step *step, struct cm_err **err)
{
    return by_whom(step, "users are kept out by the network", "access.close", err);
}

static int preview_of(struct cm_step *step, const char *what)
{
    const json_t *how = cm_plan_step(cm_step_plan(step), cm_step_id(step));
    size_t i, n = json_array_size(json_object_get(how, "command"));
    if (n == 0) {
        cm_will(step, "gate", "a person %s (approve PLAN %s)", what, cm_step_id(step));
        return 0;
    }
    const char **argv = cm_arena_alloc(cm_step_arena(step), (n + 1) * sizeof *argv);
    for (i = 0; i < n; i++)
        argv[i] = json_string_value(json_array_get(json_object_get(how, "command"), i));
    cm_autofree char *line = cm_shell_join(argv);
    cm_will(step, "command", "%s", line);
    return 0;
}

static int close_preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    return preview_of(step, "keeps users and publishers out");
}

struct wanted {
    struct cm_step *step;
    enum who who;
    struct answer last;
};

static int is_closed(void *ctx, struct cm_err **err)
{
    struct wanted *w = ctx;
    answer_fini(&w->last);
    w->last = (struct answer){0};
    return look(w->step, &w->last, err) < 0 ? -1 : closed(&w->last);
}

static int64_t patience(struct cm_step *step) { return cm_target_limit(step, json_integer_value(cm_step_param(step, "wait"))); }

static int close_verify(struct cm_step *step, struct cm_err **err)
{
    struct wanted w = {.step = step};
    int rc = cm_wait_until(step, is_closed, &w, patience(step), 20, 2000, err);
    CM_CLEANUP(answer_fini) struct answer last = w.last;
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    cm_fail(err, CM_E_FAILED, "%s is still answered by %s", last.url, in_words(last.who));
    cm_hint(err, "Keep users out (a maintenance page at the load balancer, the firewall), then run the same command again.");
    return -1;
}

/* It comes back when users are let in, not before. */
static int close_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    (void)step;
    (void)change;
    (void)err;
    return 1;
}

static const struct cm_param params[] = {
    {"wait", CM_T_DURATION, "\"60s\"", "how long the change may take until it is seen under the public name"},
    {NULL, CM_T_ANY, NULL, NULL},
};

const struct cm_action cm_action_access_close = {
    .name = "access.close",
    .summary = "Keep users and publishers out",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "Users are out until access is opened again.",
    .params = params,
    .probe = close_probe,
    .preview = close_preview,
    .apply = close_apply,
    .verify = close_verify,
    .undo = close_undo,
    .reads = "who answers GET /__ping__ and /__api__/server_settings under the public name",
    .does = "Keep users and publishers out: let the public name lead to a maintenance page, or to nothing.",
    .proves = "under the public name no Connect answers any more",
    .undoes = "access.open lets users in again",
    .rights = "those of the plan's command",
};

/* ---- access.open ---- */

/* After a rollback the old server is meant to answer, else the new one. */
static int expected(struct cm_step *step, enum who *who, struct cm_err **err)
{
    struct cm_change c;
    *who = NEW;
    if (cm_ledger_next(step, "service.stop", 0, &c) || cm_ledger_next(step, "service.mask", 0, &c) ||
        cm_outside_hosts(cm_step_outside(step)) == 0)
        return 0;
    CM_CLEANUP(cm_http_answer_fini) struct cm_http_answer a = {0};
    cm_autofree char *url = cm_source_url(step, err);
    if (url == NULL || ask(step, url, "/__ping__", &a, err) < 0)
        return -1;
    *who = a.status == 200 ? OLD : NEW;
    return 0;
}

static bool opened(const struct answer *a, enum who want) { return a->who == want; }

static int open_probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    CM_CLEANUP(answer_fini) struct answer a = {0};
    enum who want;
    *answer = CM_NEEDED;
    if (expected(step, &want, err) < 0 || look(step, &a, err) < 0)
        return -1;
    *answer = a.who == want ? CM_DONE : CM_NEEDED;
    return 0;
}

static int open_preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    return preview_of(step, "lets the public name lead to the server and users in");
}

static int open_apply(struct cm_step *step, struct cm_err **err)
{
    return by_whom(step, "users are let in by the network", "access.open", err);
}

static int is_open(void *ctx, struct cm_err **err)
{
    struct wanted *w = ctx;
    answer_fini(&w->last);
    w->last = (struct answer){0};
    return look(w->step, &w->last, err) < 0 ? -1 : opened(&w->last, w->who);
}

static int open_verify(struct cm_step *step, struct cm_err **err)
{
    struct wanted w = {.step = step};
    if (expected(step, &w.who, err) < 0)
        return -1;
    int rc = cm_wait_until(step, is_open, &w, patience(step), 20, 2000, err);
    CM_CLEANUP(answer_fini) struct answer last = w.last;
    if (rc < 0)
        return -1;
    if (rc == 0) {
        cm_fail(err, CM_E_FAILED, "%s is answered by %s%s%s%s, not by %s", last.url, in_words(last.who), last.problem ? " (" : "",
                last.problem ? last.problem : "", last.problem ? ")" : "", in_words(w.who));
        cm_hint(err,
                "Let the public name lead there (DNS, load balancer, Ingress); old DNS answers live for their TTL. Then run the "
                "same command again.");
        return -1;
    }
    return cm_reading(step) ? 0 : cm_ledger_back_all(step, "access.close", NULL, err);
}

const struct cm_action cm_action_access_open = {
    .name = "access.open",
    .summary = "Let users and publishers in",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "From here on users work on the new server; after a way back what they did stays, in database and data folder.",
    .params = params,
    .probe = open_probe,
    .preview = open_preview,
    .apply = open_apply,
    .verify = open_verify,
    .reads =
        "who answers GET /__ping__ and /__api__/server_settings under the public name, with the key where it says nothing without",
    .does =
        "Let users and publishers in: let the public name lead to the server that serves now (the new one; after a rollback the "
        "old one).",
    .proves = "under the public name the right server answers, told by its execution_type, or by the other one being down",
    .undoes = "nothing: access.close keeps users out again",
    .rights = "those of the plan's command",
};
