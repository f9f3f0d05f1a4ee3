/* actions/environments_compare.c: environments.compare: the execution environments that the running Connect knows (/v1/environments) against
 * those that the values name, before it changes its runner; and again against what it knows afterwards.
 *
 * The Launcher's environments may have come from settings that the direct runner does not read (customRuntimeYaml,
 * additionalRuntimeImages), or from its API. An environment is known by its image's name. What of it stays in Connect's database is not
 * documented, so one that the values do not name is a warning before, and seen to be there or gone afterwards. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/look.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"

static const struct cm_param params[] = {
    {"after", CM_T_BOOL, "false", "compare with what was known before the change, not with the values"},
    {NULL, CM_T_ANY, NULL, NULL},
};

/* "ghcr.io/example/content:r4.4 (R 4.4.3, Python 3.12.11)" */
static void describe(struct cm_str *list, const json_t *environment)
{
    static const char *const languages[][2] = {{"r", "R"}, {"python", "Python"}, {"quarto", "Quarto"}};
    cm_autostr versions = CM_STR(512);
    size_t i;
    const json_t *one;
    for (size_t k = 0; k < 3; k++)
        json_array_foreach(json_object_get(json_object_get(environment, languages[k][0]), "installations"), i, one)
            cm_look_list(&versions, "%s %s", languages[k][1], cm_json_text(one, "version", "?"));
    cm_look_list(list, "%s%s%s%s", cm_json_text(environment, "name", "?"), versions.len ? " (" : "", cm_str_text(&versions),
                 versions.len ? ")" : "");
}

static bool named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcmp(cm_json_text(one, "name", ""), name) == 0)
            return true;
    }
    return false;
}

/* Those of `had` that `has` lacks; *n: how many. */
static void missing(const json_t *had, const json_t *has, struct cm_str *list, size_t *n)
{
    size_t i;
    const json_t *one;
    json_array_foreach(had, i, one)
    {
        if (strcmp(cm_json_text(one, "cluster_name", "Kubernetes"), "Kubernetes") != 0 || named(has, cm_json_text(one, "name", "")))
            continue;
        describe(list, one);
        (*n)++;
    }
}

static void say(struct cm_step *step, const json_t *had, const json_t *has, bool after)
{
    cm_autostr list = CM_STR(4096);
    size_t n = 0;
    missing(had, has, &list, &n);
    if (n == 0)
        cm_finding(step, CM_OK, "runtimes.environments", NULL,
                   after ? "the %zu execution environments of before are known to Connect again"
                         : "the %zu execution environments that Connect knows are named in the values",
                   json_array_size(had));
    else if (after)
        cm_finding(
            step, CM_WARNING, "runtimes.environment-gone",
            "Add them under executionEnvironments in the values and upgrade the release, or make them by Connect's API; content that "
            "was tied to one of them cannot start.",
            "%zu execution environments of before are not known to Connect any more: %s", n, cm_str_text(&list));
    else
        cm_finding(
            step, CM_WARNING, "runtimes.environment-not-named",
            "Add them under executionEnvironments in the values, unless nothing needs them any more; they are looked for again after "
            "the change.",
            "%zu execution environments that Connect knows are not named in the values: %s", n, cm_str_text(&list));
}

/* Name, cluster and versions; the rest of an environment may be long. */
static json_t *essence(const json_t *environments)
{
    static const char *const members[] = {"name", "cluster_name", "matching", "r", "python", "quarto"};
    json_t *all = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(environments, i, one)
    {
        json_t *kept = json_object();
        for (size_t k = 0; k < sizeof members / sizeof *members; k++)
            if (json_object_get(one, members[k]))
                json_object_set(kept, members[k], json_object_get(one, members[k]));
        json_array_append_new(all, kept);
    }
    return all;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autojson known = NULL;
    cm_autoerr seen = NULL;
    bool after = json_is_true(cm_step_param(step, "after"));
    if (cm_target_connect(step, &c, &seen) < 0 || cm_connect_get_ok(step, c, "v1/environments", &known, &seen) < 0)
        return cm_look_failed(step, "runtimes.environments-unknown", "the execution environments that Connect knows",
                              "Look at them in Connect, compare them with executionEnvironments in the values, and attest it.",
                              &seen, err);
    if (after) {
        const json_t *before = cm_fact(step, "environments.before");
        if (before)
            say(step, before, known, true);
        return 0;
    }
    say(step, known, json_object_get(cm_look_values(step), "executionEnvironments"), false);
    return cm_fact_set(step, "environments.before", essence(known), err);
}

const struct cm_action cm_action_environments_compare = {
    .name = "environments.compare",
    .summary = "Compare the execution environments that Connect knows with those it will have",
    .page = "https://docs.posit.co/connect/admin/appendix/off-host/execution-environments/",
    .kind = CM_CHECK,
    .params = params,
    .apply = apply,
    .reads = "/v1/environments of the running Connect; executionEnvironments of the values.",
    .does = "Nothing: it reads.",
    .proves =
        "Each environment that content may be tied to is named in the values, or said to be missing; afterwards, that each is there.",
    .undoes = "Nothing.",
    .rights = "An administrator's API key; port-forward, or target.url.",
};
