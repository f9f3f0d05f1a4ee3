/* actions/version_check.c: version.check: the old server and the new one run the same version of Connect.
 *
 * The database belongs to one version; a newer server changes it for good. The old server is asked for its binary on every node
 * and for its settings over HTTP (which Server.HideVersion may hide); the new one's version is what the chart would render:
 * image.tag, else versionOverride, else the chart's appVersion. A tag without a version in it proves nothing. */
#include <config.h>

#include <string.h>

#include "actions/chart_versions.h"
#include "actions/look.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/connect.h"
#include "adapters/helm.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

#define RUNNER_SINCE "2026.04.0"       /* the direct Kubernetes runner (chart README) */
#define SUBPATH_SINCE "2026.08.0"      /* Kubernetes.DataDirPVCSubPath */
#define ENVIRONMENTS_SINCE "2026.03.0" /* ExecutionEnvironments.ConfigFilePath */

struct versions {
    struct cm_step *step;
    char *binary, *running;  /* of the old server; NULL: not known; owned */
    char *target;            /* of the new one; owned */
    const char *target_from; /* "image.tag" … */
    char *init;              /* versionOverride or appVersion: the runner's init image; owned */
    struct cm_str nodes, problems;
    bool nodes_differ;
    const char *hint; /* arena */
};

static void versions_fini(struct versions *v)
{
    free(v->binary);
    free(v->running);
    free(v->target);
    free(v->init);
    cm_str_fini(&v->nodes);
    cm_str_fini(&v->problems);
}

static void problem(struct versions *v, const struct cm_err *seen)
{
    cm_autofree char *words = cm_look_words(seen);
    if (!v->hint && cm_err_hint(seen))
        v->hint = cm_arena_strdup(cm_step_arena(v->step), cm_err_hint(seen));
    cm_look_list(&v->problems, "%s", words);
}

/* ---- the old server ---- */

static int ask_node(struct versions *v, struct cm_host *host, struct cm_err **err)
{
    /* Older releases named the program rstudio-connect. */
    static const char command[] = "PATH=\"$PATH:/opt/rstudio-connect/bin\"; connect --version 2>/dev/null || "
                                  "rstudio-connect --version";
    const char *const argv[] = {"sh", "-c", command, NULL};
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_host_run(v->step, host, false, argv, &out, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        problem(v, seen);
        return 0;
    }
    char *found = cm_version_find(out.out);
    if (!found) {
        cm_look_list(&v->problems, "%s: no version in the answer of `connect --version`", cm_host_name(host));
        return 0;
    }
    cm_look_list(&v->nodes, "%s: %s", cm_host_name(host), found);
    if (v->binary && cm_version_compare(v->binary, found) != 0)
        v->nodes_differ = true;
    if (v->binary)
        free(found);
    else
        v->binary = found;
    return 0;
}

static int ask_server(struct versions *v, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autoerr seen = NULL;
    cm_autojson settings = NULL;
    long status = 0;
    if (cm_source_connect(v->step, &c, &seen) < 0 || cm_connect_ping(v->step, c, &status, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (status != 200 || cm_connect_get_ok(v->step, c, "server_settings", &settings, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    v->running = cm_version_find(cm_json_text(settings, "version", ""));
    if (!v->running)
        v->running = cm_version_find(cm_json_text(settings, "about", ""));
    if (cm_json_bool(settings, "deprecated_settings", false))
        cm_finding(
            v->step, CM_WARNING, "version.deprecated-settings",
            "Look into the server's log at its last start for their names, and drop them before the configuration is converted.",
            "the server says that its configuration holds deprecated settings");
    return 0;
}

/* ---- the new one ---- */

static void from_values(struct versions *v, const json_t *values, const char *app_version)
{
    const char *override = cm_json_text(values, "versionOverride", ""), *tag = cm_json_text(values, "image.tag", "");
    const char *base = *override ? override : app_version;
    char *in_tag = *tag ? cm_version_find(tag) : NULL;
    v->init = base ? cm_version_find(base) : NULL;
    if (in_tag) {
        v->target = in_tag;
        v->target_from = "image.tag";
    } else if (*tag) {
        cm_finding(v->step, CM_WARNING, "version.custom-tag",
                   "Make sure that this image holds the old server's version; the run compares it once the pod answers.",
                   "image.tag is '%s', from which no version can be told", tag);
    } else if (v->init) {
        v->target = cm_strdup(v->init);
        v->target_from = *override ? "versionOverride" : "the chart's appVersion";
    }
    if (in_tag && v->init && cm_version_compare(in_tag, v->init) != 0)
        cm_finding(v->step, CM_WARNING, "version.tag",
                   cm_arena_fmt(cm_step_arena(v->step),
                                "Say `versionOverride: \"%s\"` in the values instead of image.tag alone; it "
                                "sets the init image of content too.",
                                in_tag),
                   "image.tag is for %s, but the init image that content gets is %s's", in_tag, v->init);
}

static int ask_chart(struct versions *v, struct cm_err **err)
{
    cm_autojson chart = NULL;
    cm_autoerr seen = NULL;
    const json_t *values = cm_look_values(v->step);
    const char *app = NULL;
    if (cm_target_chart(v->step, &chart, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_step_log(v->step, "the chart's version of Connect is not known: %s", cm_err_message(seen)); /* cluster.check says why */
    } else {
        app = cm_json_text(chart, "appVersion", NULL);
    }
    from_values(v, values, app);
    return 0;
}

/* ---- verdicts ---- */

static const char *advice(struct versions *v, const char *source)
{
    const char *chart = cm_chart_for(source);
    if (cm_version_compare(source, RUNNER_SINCE) < 0)
        return cm_arena_fmt(cm_step_arena(v->step), "Upgrade the old server to the version of the chart first (%s or later).",
                            RUNNER_SINCE);
    const char *below = cm_plan_values_key(cm_step_plan(v->step));
    if (chart && below)
        return cm_arena_fmt(
            cm_step_arena(v->step),
            "Take version \"%s\" of Connect's chart as the dependency of yours, which deploys %s, or upgrade the old "
            "server to %s first.",
            chart, source, v->target);
    if (chart)
        return cm_arena_fmt(cm_step_arena(v->step),
                            "Say `target: {chart_version: \"%s\"}` in the plan, which deploys %s, or upgrade "
                            "the old server to %s first.",
                            chart, source, v->target);
    return cm_arena_fmt(cm_step_arena(v->step),
                        "Say `versionOverride: \"%s\"`%s%s in the values, or upgrade the old server to %s first.", source,
                        below ? " below " : "", below ? below : "", v->target);
}

static void compare(struct versions *v, const char *source)
{
    if (!source && !v->target) {
        cm_finding(v->step, CM_UNKNOWN, "version.unknown",
                   v->hint ? v->hint : "Run `connect --version` on the server and attest it.",
                   "neither server's version could be told: %s", cm_str_text(&v->problems));
    } else if (!source) {
        cm_finding(v->step, CM_UNKNOWN, "version.unknown",
                   v->hint ? v->hint : "Run /opt/rstudio-connect/bin/connect --version on the server, compare, and attest it.",
                   "the old server's version could not be told (the new one runs %s): %s", v->target,
                   v->problems.len ? cm_str_text(&v->problems) : "it hides it");
    } else if (v->target && cm_version_compare(source, v->target) != 0) {
        cm_finding(v->step, CM_BLOCKER, "version.differs", advice(v, source),
                   "the old server runs %s, the new one would run %s (%s); both must be the same", source, v->target,
                   v->target_from);
    } else if (v->target) {
        cm_finding(v->step, CM_OK, "version.same", NULL, "both servers run %s (%s)", source, v->target_from);
    }
}

static void judge_old(struct versions *v)
{
    if (v->nodes_differ)
        cm_finding(v->step, CM_BLOCKER, "version.nodes", "Upgrade all nodes to one version, and restart Connect on them.",
                   "the nodes have different versions installed: %s", cm_str_text(&v->nodes));
    else if (v->binary && v->running && cm_version_compare(v->binary, v->running) != 0)
        cm_finding(v->step, CM_WARNING, "version.restart",
                   "Restart Connect on the old server before the migration, and see that it "
                   "comes up.",
                   "%s is installed, but %s is running: it was upgraded and not restarted", v->binary, v->running);
}

static void judge_features(struct versions *v)
{
    const json_t *values = cm_look_values(v->step), *environments = json_object_get(values, "executionEnvironments");
    const char *target = v->target;
    if (!target)
        return;
    if (cm_version_compare(target, RUNNER_SINCE) < 0)
        cm_finding(v->step, CM_BLOCKER, "version.runner", "Upgrade the old server first, then use the chart of that version.",
                   "Connect %s has no direct Kubernetes runner; it came with %s", target, RUNNER_SINCE);
    if (*cm_json_text(values, "sharedStorage.subPath", "") && cm_version_compare(target, SUBPATH_SINCE) < 0)
        cm_finding(v->step, CM_BLOCKER, "version.sub-path", "Upgrade to it first, or make a volume whose path is that folder.",
                   "sharedStorage.subPath needs Connect %s; %s would start, and content would not", SUBPATH_SINCE, target);
    if (json_array_size(environments) > 0 && cm_version_compare(target, ENVIRONMENTS_SINCE) < 0)
        cm_finding(v->step, CM_BLOCKER, "version.environments", "Upgrade to it first.",
                   "executionEnvironments need Connect %s; the new server runs %s", ENVIRONMENTS_SINCE, target);
}

static int look(struct versions *v, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(v->step);
    for (size_t i = 0; i < cm_outside_hosts(o); i++)
        if (ask_node(v, cm_outside_host(o, i), err) < 0)
            return -1;
    if (ask_server(v, err) < 0 || ask_chart(v, err) < 0)
        return -1;
    const char *source = v->running ? v->running : v->binary;
    compare(v, source);
    judge_old(v);
    judge_features(v);
    return source ? cm_fact_set(v->step, "source.version", json_string(source), err) : 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct versions v = {.step = step, .nodes = CM_STR(1024), .problems = CM_STR(1024)};
    int rc = look(&v, err);
    versions_fini(&v);
    return rc;
}

static const char *const gives[] = {"source.version", NULL};

const struct cm_action cm_action_version_check = {
    .name = "version.check",
    .summary = "Compare the versions of Connect: nodes, running server, chart, image",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_CHECK,
    .gives = gives,
    .apply = apply,
    .reads =
        "`connect --version` on every node, the running server's settings, `helm show chart`, image.tag and versionOverride of the "
        "values.",
    .does = "Nothing.",
    .proves = "That both servers run the same version, and that it has what the values use; the pod's own answer is compared again "
              "after the deployment.",
    .rights = "Running the connect program on the nodes; access to the chart's repository.",
};
