/* actions/server_verify.c: a Connect that came up is the Connect that was there before: it answers, the key works, the content is
 * the same. Source of the API's rules: Posit's API reference; a missing license is answered with 402 to everything. */
#include <config.h>

#include "actions/server_verify.h"

#include <string.h>

#include <cm/str.h>

#include "actions/content.h"
#include "actions/evening.h"
#include "actions/interlock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { PING_EVERY_MS = 100, PING_FIRST_MS = 10, NAMED_MAX = 10 };

struct ping {
    struct cm_step *step;
    struct cm_connect *connect;
    long status;
};

static int answers(void *ctx, struct cm_err **err)
{
    struct ping *p = ctx;

    if (cm_connect_ping(p->step, p->connect, &p->status, err) < 0)
        return -1;
    if (cm_connect_untrusted(p->connect) != NULL) {
        cm_fail(err, CM_E_FAILED, "the certificate at %s is not trusted: %s", cm_connect_url(p->connect),
                cm_connect_untrusted(p->connect));
        cm_hint(
            err,
            "Name the authority that signed it in the plan (`connect: {ca_file: FILE}`), or correct the name in the address, then run the "
            "same command again with --accept-plan-changes.");
        return -1;
    }
    if (p->status != 402)
        return p->status == 200;
    cm_fail(err, CM_E_FAILED, "Connect at %s has no valid license (it answers 402 to everything)", cm_connect_url(p->connect));
    cm_hint(err, "See `license-manager status` there, and the license that the configuration or the values name.");
    return -1;
}

int cm_verify_ping(struct cm_step *step, struct cm_connect *c, bool guarded, struct cm_err **err)
{
    struct ping p = {.step = step, .connect = c};
    int got = guarded ? cm_interlock_wait(step, answers, &p, PING_EVERY_MS, err)
                      : cm_wait_until(step, answers, &p, cm_step_deadline(step), PING_FIRST_MS, PING_EVERY_MS, err);

    if (got < 0)
        return -1;
    /* cm_interlock_wait says 0 when ready, cm_wait_until 1: what was seen last decides */
    if (p.status == 200)
        return 0;
    if (p.status == 0)
        return cm_fail_passing(err, "nobody answers at %s within the step's limit", cm_connect_url(c));
    return cm_fail_passing(err, "%s/__ping__ answers %ld instead of 200", cm_connect_url(c), p.status);
}

int cm_verify_key(struct cm_step *step, struct cm_connect *c, struct cm_err **err)
{
    cm_autojson user = NULL;

    if (cm_connect_get_ok(step, c, "v1/user", &user, err) < 0)
        return -1;
    const char *role = cm_json_text(user, "user_role", "");
    if (strcmp(role, "administrator") == 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "the API key belongs to %s, who is %s at %s, no administrator",
            cm_json_text(user, "username", "somebody"), *role != '\0' ? role : "without a role", cm_connect_url(c));
    cm_hint(err, "Put an administrator's key where the plan's connect.api_key points.");
    return -1;
}

int cm_verify_version(struct cm_step *step, struct cm_connect *c, const json_t *settings, struct cm_err **err)
{
    const json_t *baseline = cm_fact(step, "content.baseline");
    const char *before = cm_json_text(baseline, "version", ""), *now = cm_json_text(settings, "version", "");

    if (*before == '\0' || *now == '\0' || strcmp(cm_json_text(baseline, "server", ""), "source") != 0)
        return 0;
    cm_autofree char *a = cm_version_find(before), *b = cm_version_find(now);
    if (strcmp(a != NULL ? a : before, b != NULL ? b : now) == 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "%s runs Connect %s, the content was counted on Connect %s", cm_connect_url(c), now, before);
    cm_hint(err, "Both servers must run the same version: set versionOverride or the image's tag in the values, then run again.");
    return -1;
}

/* ---- content ---- */

static int read_baseline(struct cm_step *step, json_t **out, struct cm_err **err)
{
    const char *path = cm_artifact_path(step, "baseline.json");
    json_error_t fault;

    *out = path != NULL ? json_load_file(path, 0, &fault) : NULL;
    if (path == NULL || *out != NULL)
        return 0;
    return cm_fail(err, CM_E_FAILED, "%s cannot be read: %s", path, fault.text);
}

/* How many of the baseline's GUIDs are not there now; the first few by name. Both lists are sorted. */
static size_t missing(const json_t *before, const struct cm_guids *now, struct cm_str *names)
{
    size_t n = 0, at = 0;

    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *guid = json_string_value(json_array_get(before, i));
        while (at < now->count && strcmp(now->list[at], guid) < 0)
            at++;
        if (at < now->count && strcmp(now->list[at], guid) == 0)
            continue;
        if (n++ < NAMED_MAX)
            cm_str_addf(names, "%s%s", names->len > 0 ? ", " : "", guid);
    }
    if (n > NAMED_MAX)
        cm_str_addf(names, " and %zu more", n - NAMED_MAX);
    return n;
}

static int judge_missing(struct cm_step *step, struct cm_connect *c, size_t lost, size_t total, const char *names,
                         struct cm_err **err)
{
    if (lost == total) {
        cm_fail(err, CM_E_FAILED, "none of the %zu items counted before is at %s: this is another database", total,
                cm_connect_url(c));
        cm_hint(err, "Compare Postgres.URL of the values with the old server's.");
        return -1;
    }
    if (cm_finding_answer(step, "content.missing") != NULL)
        return 0;
    cm_finding(step, CM_UNKNOWN, "content.missing", "Approve content.missing with a note if they were deleted on purpose.",
               "%zu of %zu items counted before are not at %s: %s", lost, total, cm_connect_url(c), names);
    cm_fail(err, CM_E_FAILED, "%zu of %zu items counted before the change are missing at %s: %s", lost, total, cm_connect_url(c),
            names);
    cm_hint(err, "If they were deleted on purpose since: connect-migrate-run approve PLAN content.missing --note TEXT, then run "
                 "again.");
    return -1;
}

int cm_verify_guids(struct cm_step *step, struct cm_connect *c, size_t *total, struct cm_err **err)
{
    CM_CLEANUP(cm_guids_fini) struct cm_guids now = {0};
    cm_autojson baseline = NULL;
    cm_autostr names = CM_STR(CM_STR_LINE);

    if (read_baseline(step, &baseline, err) < 0 || cm_guids_get(step, c, &now, err) < 0)
        return -1;
    *total = now.count;
    if (baseline == NULL || strcmp(cm_json_text(baseline, "guids_sha256", ""), now.sha256) == 0)
        return 0;
    const json_t *before = json_object_get(baseline, "guids");
    size_t lost = missing(before, &now, &names), had = json_array_size(before);
    if (lost > 0 && judge_missing(step, c, lost, had, cm_str_text(&names), err) < 0)
        return -1;
    if (now.count + lost > had)
        cm_say(step, "%zu items were added since the content was counted", now.count + lost - had);
    return 0;
}
