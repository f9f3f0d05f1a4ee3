/* actions/caches_clear.c: runtime caches are deleted by the API, one intent each, and their tasks followed to the end.
 *
 * Caches belong to an image name: "Local" ones are dead weight in the cluster but are what makes the way back fast, so they stay
 * until `finish`. A deletion that was sent and not answered is settled by looking at the list: the cache is there, or not.
 * Shapes and codes: Posit's API reference (system/caches/runtime; 194: runtime cache management is disabled). */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

static const char effect[] = "cache.delete", list_path[] = "v1/system/caches/runtime";
enum { CODE_NO_SUCH = 4, CODE_DISABLED = 194, SENT_MOST = 3 };

struct clearing {
    struct cm_step *step;
    struct cm_connect *connect;
    const char *which;
    size_t kept, failed;
    struct cm_str failures;
};

static const char *which(struct cm_step *step)
{
    const char *said = json_string_value(cm_step_param(step, "clear"));

    if (said == NULL)
        said = cm_plan_text(cm_step_plan(step), "content.caches.clear");
    return said != NULL ? said : "kubernetes";
}

static bool is_local(const json_t *cache)
{
    const char *image = cm_json_text(cache, "image_name", "");

    return *image == '\0' || strcmp(image, "Local") == 0;
}

static bool meant(const struct clearing *c, const json_t *cache)
{
    if (strcmp(c->which, "all") == 0)
        return true;
    return strcmp(c->which, "local") == 0 ? is_local(cache) : strcmp(c->which, "kubernetes") == 0 && !is_local(cache);
}

static char *key_of(const json_t *cache)
{
    return cm_fmt("%s/%s/%s", cm_json_text(cache, "language", ""), cm_json_text(cache, "version", ""),
                  cm_json_text(cache, "image_name", ""));
}

/* The list; *caches NULL: the server does not manage caches (it said so). */
static int list(struct clearing *c, json_t **caches, struct cm_err **err)
{
    cm_autoreply r;

    *caches = NULL;
    if (cm_connect_get(c->step, c->connect, list_path, &r, err) < 0)
        return -1;
    if (r.status == 400 && r.code == CODE_DISABLED)
        return 0;
    if (r.status != 200)
        return cm_reply_fail(&r, c->connect, "the list of runtime caches", err);
    json_t *found = json_is_array(r.body) ? r.body : json_object_get(r.body, "caches");
    if (!json_is_array(found) && !json_is_object(r.body)) { /* a proxy's page: "none is listed" would be taken for "deleted" */
        cm_fail_passing(err, "the list of runtime caches at %s is not answered with JSON", cm_connect_url(c->connect));
        cm_hint(err, "A login page or a proxy may stand before Connect there.");
        return -1;
    }
    *caches = json_is_array(found) ? json_incref(found) : json_array();
    return 0;
}

static int is_listed(struct clearing *c, const char *key, bool *listed, struct cm_err **err)
{
    cm_autojson caches = NULL;

    *listed = false;
    if (list(c, &caches, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(caches); i++) {
        cm_autofree char *k = key_of(json_array_get(caches, i));
        *listed = *listed || strcmp(k, key) == 0;
    }
    return 0;
}

/* ---- one cache ---- */

static int happened(struct cm_intent *i, const char *state, struct cm_err **err)
{
    return cm_intent_close(i, CM_HAPPENED, json_pack("{s:s}", "state", state), err);
}

static int not_happened(struct clearing *c, struct cm_intent *i, const char *why, struct cm_err **err)
{
    c->failed++;
    cm_str_addf(&c->failures, "%s: %s\n", cm_intent_key(i), why);
    return cm_intent_close(i, CM_NOT_HAPPENED, json_pack("{s:s}", "error", why), err);
}

/* In doubt: the list decides, looked at again after each pause of connect.doubt. */
static int settle(struct clearing *c, struct cm_intent *i, bool *open, struct cm_err **err)
{
    const json_t *doubt = cm_plan_get(cm_step_plan(c->step), "connect.doubt");
    cm_autofree char *key = key_of(cm_intent_detail(i));

    *open = false;
    for (size_t n = 0;; n++) {
        bool listed;
        if (is_listed(c, key, &listed, err) < 0)
            return -1;
        if (!listed)
            return happened(i, "deleted", err);
        if (n == json_array_size(doubt))
            break;
        if (cm_pause(c->step, json_integer_value(json_array_get(doubt, n)), err) < 0)
            return -1;
    }
    *open = true; /* still there: the request was not carried out, and may be sent again */
    return cm_intent_close(i, CM_NOT_HAPPENED, json_pack("{s:s}", "why", "the cache is still listed"), err);
}

static int follow(struct clearing *c, struct cm_intent *i, bool *open, struct cm_err **err)
{
    cm_autojson task = NULL;
    bool forgotten;

    *open = false;
    if (cm_connect_task(c->step, c->connect, cm_json_text(cm_intent_noted(i), "task", ""), &task, &forgotten, err) < 0)
        return -1;
    if (forgotten)
        return settle(c, i, open, err);
    if (cm_json_int(task, "code", 1) == 0)
        return happened(i, "deleted", err);
    return not_happened(c, i, cm_json_text(task, "error", "the task failed"), err);
}

static int send(struct clearing *c, struct cm_intent *i, const json_t *cache, bool *open, struct cm_err **err)
{
    cm_autojson body =
        json_pack("{s:s, s:s, s:s, s:b}", "language", cm_json_text(cache, "language", ""), "version",
                  cm_json_text(cache, "version", ""), "image_name", cm_json_text(cache, "image_name", ""), "dry_run", 0);
    cm_autoreply r;

    *open = false;
    if (cm_connect_change(i, c->connect, "DELETE", list_path, body, &r, err) < 0)
        return -1;
    const char *task = cm_json_text(r.body, "task_id", NULL);
    if (r.status == 200 && task != NULL)
        return cm_intent_note(i, json_pack("{s:s}", "task", task), err) < 0 ? -1 : follow(c, i, open, err);
    if (r.status == 404 && r.code == CODE_NO_SUCH)
        return happened(i, "gone", err);
    if (!r.answered && !r.sent)
        return not_happened(c, i, r.problem, err);
    if (!r.answered || r.status == 200) {
        if (cm_intent_close(i, CM_IN_DOUBT, json_pack("{s:s}", "problem", r.problem != NULL ? r.problem : "no task"), err) < 0)
            return -1;
        return settle(c, i, open, err);
    }
    return not_happened(c, i, r.problem != NULL ? r.problem : "an unexpected answer", err);
}

/* A cache that is listed although its deletion is on record has filled itself anew: it gets a record of its own. */
static int delete_one(struct clearing *c, const json_t *cache, struct cm_err **err)
{
    cm_autofree char *key = key_of(cache);
    struct cm_intent_spec spec = {.effect = effect, .key = key, .detail = cache};
    struct cm_intent *i;
    bool open = true;

    for (int n = 0; open && n < SENT_MOST; n++)
        if (cm_intend_again(c->step, &spec, &i, err) < 0 || send(c, i, cache, &open, err) < 0)
            return -1;
    if (open) {
        c->failed++;
        cm_str_addf(&c->failures, "%s: sent %d times and still listed\n", key, SENT_MOST);
    }
    return 0;
}

/* What an earlier try left open: a task to follow, or a doubt to settle. */
static int settle_open(struct clearing *c, struct cm_err **err)
{
    for (struct cm_intent *i = cm_intent_next(c->step, effect, NULL); i != NULL; i = cm_intent_next(c->step, effect, i)) {
        bool open;
        if (!cm_intent_is_open(i))
            continue;
        bool task = cm_json_text(cm_intent_noted(i), "task", NULL) != NULL;
        if ((task ? follow(c, i, &open, err) : settle(c, i, &open, err)) < 0)
            return -1;
    }
    return 0;
}

/* ---- all ---- */

static int refuse_native(struct clearing *c, struct cm_err **err)
{
    cm_autojson settings = NULL;

    if (cm_connect_get_ok(c->step, c->connect, "server_settings", &settings, err) < 0)
        return -1;
    if (strcmp(cm_json_text(settings, "execution_type", ""), "native") != 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "Connect at %s runs content on its own host: its caches are in use", cm_connect_url(c->connect));
    cm_hint(err, "This step belongs behind helm.deploy and connect.verify.");
    return -1;
}

static int clear(struct clearing *c, const json_t *caches, struct cm_err **err)
{
    size_t total = json_array_size(caches);

    for (size_t i = 0; i < total; i++) {
        const json_t *cache = json_array_get(caches, i);
        cm_progress(c->step, i, total, "caches");
        if (!meant(c, cache))
            c->kept++;
        else if (delete_one(c, cache, err) < 0)
            return -1;
    }
    return 0;
}

static int tell(struct clearing *c, struct cm_err **err)
{
    size_t deleted = 0;

    if (c->failed > 0) {
        cm_fail_passing(err, "%zu runtime caches could not be deleted", c->failed);
        cm_evidence(err, cm_str_text(&c->failures));
        cm_hint(
            err,
            "Look at what Connect names (a file in use, its owner), then run the same command again; or leave these caches where "
            "they are, with `--skip %s --reason TEXT`: content then uses them as they are.",
            cm_step_id(c->step));
        return -1;
    }
    for (struct cm_intent *i = cm_intent_next(c->step, effect, NULL); i != NULL; i = cm_intent_next(c->step, effect, i))
        deleted += cm_intent_life(i) == CM_HAPPENED;
    cm_say(c->step, "%zu runtime caches deleted, %zu kept", deleted, c->kept);
    return cm_fact_set(c->step, "caches.clear",
                       json_pack("{s:s, s:I, s:I}", "clear", c->which, "deleted", (json_int_t)deleted, "kept", (json_int_t)c->kept),
                       err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct clearing c = {.step = step, .which = which(step), .failures = CM_STR(CM_STR_LINE)};
    cm_autojson caches = NULL;
    int got = -1;

    if (strcmp(c.which, "none") == 0) {
        cm_say(step, "runtime caches are left as they are, as the plan says");
        return cm_fact_set(step, "caches.clear", json_pack("{s:s}", "clear", "none"), err);
    }
    if (cm_target_connect(step, &c.connect, err) == 0 && refuse_native(&c, err) == 0 && settle_open(&c, err) == 0 &&
        list(&c, &caches, err) == 0) {
        if (caches == NULL) {
            cm_say(step, "runtime caches are not cleared: the server's management of them is disabled");
            got = cm_fact_set(step, "caches.clear", json_pack("{s:s, s:s}", "clear", c.which, "skipped", "disabled"), err);
        } else {
            got = clear(&c, caches, err) == 0 ? tell(&c, err) : -1;
        }
    }
    cm_str_fini(&c.failures);
    return got;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct clearing c = {.step = step, .which = which(step)};
    cm_autojson caches = NULL;
    size_t left = 0;

    if (strcmp(c.which, "none") == 0)
        return 0;
    if (cm_target_connect(step, &c.connect, err) < 0 || list(&c, &caches, err) < 0)
        return -1;
    for (struct cm_intent *i = cm_intent_next(step, effect, NULL); i != NULL; i = cm_intent_next(step, effect, i))
        for (size_t k = 0; k < json_array_size(caches); k++) {
            cm_autofree char *listed = key_of(json_array_get(caches, k)), *asked = key_of(cm_intent_detail(i));
            left += strcmp(listed, asked) == 0;
        }
    return left == 0 ? 0 : cm_fail_passing(err, "%zu runtime caches are still listed after their deletion", left);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    if (strcmp(which(step), "none") == 0)
        cm_will(step, "note", "runtime caches are left as they are");
    else
        cm_will(step, "request", "DELETE %s for each cache listed then (%s)", list_path, which(step));
    return 0;
}

static const struct cm_param params[] = {
    {"clear", CM_T_STRING, "null", "Which caches: kubernetes, all, none or local; content.caches.clear of the plan when not said."},
    {NULL, CM_T_ANY, NULL, NULL},
};
static const char *const facts_given[] = {"caches.clear", NULL};

const struct cm_action cm_action_caches_clear = {
    .name = "caches.clear",
    .summary = "Clear runtime caches",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "A deleted cache is not put back: content that used it installs its packages again.",
    .params = params,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "The list of runtime caches of the new server.",
    .does = "Deletes those of Kubernetes images by default; caches named Local stay for the way back until `finish`.",
    .proves = "Each deletion's task ended well and the cache is no longer listed.",
    .undoes = "Nothing: a cache fills itself again.",
    .rights = "An administrator's API key; Connect 2023.05 or later.",
};
