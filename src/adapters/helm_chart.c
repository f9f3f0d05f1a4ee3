/* adapters/helm_chart.c: the chart: from a repository that helm knows, a registry (oci://), an address, a folder or an archive; which version
 * of it, and what helm's words mean when it cannot be had.
 *
 * helm (pkg/action, ChartPathOptions.LocateChart) looks at no --version where the chart is a path or an address; helm 4 says on stdout which
 * chart it pulled from a registry, before the answer. Does not: log in anywhere. */
#include <config.h>

#include "adapters/helm.h"

#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "adapters/argv.h"
#include "adapters/helm_internal.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "plan/plan.h"

static const char *chart(struct cm_step *step) { return cm_plan_text(cm_step_plan(step), "target.chart"); }

static bool is_path(const char *name) { return *name == '/'; } /* the plan's reader makes paths absolute */

bool cm_helm_takes_version(struct cm_step *step)
{
    const char *name = chart(step);
    return !is_path(name) && (cm_starts(name, "oci://") || strstr(name, "://") == NULL);
}

bool cm_helm_is_elsewhere(struct cm_step *step) { return !is_path(chart(step)); }

/* What was agreed to at the gate; NULL: nothing yet, or the plan names another chart since. */
static const json_t *agreed(struct cm_step *step)
{
    const json_t *fact = cm_fact(step, CM_FACT_CHART);
    const char *wanted = cm_plan_text(cm_step_plan(step), "target.chart_version");
    bool same = strcmp(cm_json_text(fact, "chart", ""), chart(step)) == 0 &&
                strcmp(cm_json_text(fact, "wanted", ""), wanted == NULL ? "" : wanted) == 0;
    return same ? fact : NULL;
}

void cm_helm_add_chart(struct cm_step *step, struct cm_argv *a)
{
    const json_t *fact = agreed(step);
    const char *file = cm_json_text(fact, "file", NULL), *path = file == NULL ? NULL : cm_artifact_path(step, file);
    cm_argv_add(a, path != NULL ? path : chart(step));
}

void cm_helm_add_version(struct cm_step *step, struct cm_argv *a)
{
    const json_t *fact = agreed(step);
    const char *said = cm_plan_text(cm_step_plan(step), "target.chart_version");
    if (said == NULL && cm_helm_takes_version(step))
        said = cm_json_text(fact, "version", NULL);
    if (cm_json_text(fact, "file", NULL) == NULL)
        cm_argv_add2(a, "--version", said);
}

int cm_helm_pull(struct cm_step *step, const char *folder, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_argv_add_tool(&a, cm_plan_get(cm_step_plan(step), "tools.helm"), "helm");
    cm_argv_add(&a, "pull");
    cm_argv_add(&a, chart(step));
    cm_argv_add2(&a, "--version", cm_plan_text(cm_step_plan(step), "target.chart_version"));
    cm_argv_add2(&a, "--destination", folder);
    if (cm_helm_read(step, &a, &out, "keeping the chart", err) < 0)
        return -1;
    return out.status == 0 ? 0 : cm_helm_failed(step, &out, "keeping the chart", err);
}

const char *cm_helm_answer(const char *out)
{
    while (cm_starts(out, "Pulled: ") || cm_starts(out, "Digest: ")) {
        out += strcspn(out, "\n");
        out += *out == '\n';
    }
    return out;
}

/* ---- what there is ---- */

static int show(struct cm_step *step, bool newest, struct cm_out *out, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_argv_add_tool(&a, cm_plan_get(cm_step_plan(step), "tools.helm"), "helm");
    cm_argv_add(&a, "show");
    cm_argv_add(&a, "chart");
    if (newest) {
        cm_argv_add(&a, chart(step));
    } else {
        cm_helm_add_chart(step, &a);
        cm_helm_add_version(step, &a);
    }
    return cm_helm_read(step, &a, out, "asking for the chart", err);
}

static json_t *described(const char *text, struct cm_err **err)
{
    text = cm_helm_answer(text);
    cm_autoyaml doc = cm_yaml_parse(text, strlen(text), "Chart.yaml", err);
    if (doc == NULL)
        return NULL;
    json_t *said = cm_yaml_root(doc) == NULL ? NULL : cm_yaml_json(doc, cm_yaml_root(doc));
    if (json_is_object(said))
        return said;
    json_decref(said);
    cm_fail(err, CM_E_FAILED, "asking for the chart: helm did not print a chart's description");
    return NULL;
}

int cm_helm_chart(struct cm_step *step, json_t **said, struct cm_err **err)
{
    cm_autoout out = {0};
    *said = NULL;
    if (show(step, false, &out, err) < 0)
        return -1;
    if (out.status != 0)
        return cm_helm_failed(step, &out, "asking for the chart", err);
    *said = described(out.out, err);
    return *said == NULL ? -1 : 0;
}

/* A registry's newest; its list is not to be had from helm. */
static char *newest_of_registry(struct cm_step *step)
{
    cm_autoout out = {0};
    if (show(step, true, &out, NULL) < 0 || out.status != 0)
        return cm_strdup("");
    cm_autojson said = described(out.out, NULL);
    const char *version = cm_json_text(said, "version", "");
    return *version == '\0' ? cm_strdup("") : cm_fmt("%s is the newest there", version);
}

static json_t *search(struct cm_step *step, const char *name, bool versions)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_argv_add_tool(&a, cm_plan_get(cm_step_plan(step), "tools.helm"), "helm");
    cm_argv_add(&a, "search");
    cm_argv_add2(&a, "repo", name);
    if (versions)
        cm_argv_add(&a, "--versions");
    cm_argv_add2(&a, "-o", "json");
    if (cm_helm_read(step, &a, &out, "asking what the repository has", NULL) < 0 || out.status != 0)
        return json_array();
    json_t *list = cm_json_parse(out.out, out.out_bytes, "helm search repo", NULL);
    if (json_is_array(list))
        return list;
    json_decref(list);
    return json_array();
}

/* Newest first, as helm prints them: the few around the one that is wanted. */
static char *versions_around(const json_t *list, const char *name, const char *wanted)
{
    enum { MOST = 3 };
    cm_autostr out = CM_STR(CM_STR_LINE);
    const json_t *one;
    const char *newest = NULL;
    size_t i, n = 0;
    json_array_foreach(list, i, one)
    {
        const char *version = cm_json_text(one, "version", "");
        if (strcmp(cm_json_text(one, "name", ""), name) != 0)
            continue;
        newest = newest == NULL ? version : newest;
        if (n < MOST && (wanted == NULL || cm_version_compare(version, wanted) <= 0))
            cm_str_addf(&out, "%s%s", n++ == 0 ? "" : ", ", version);
    }
    if (newest == NULL)
        return cm_strdup("");
    return n == 0 || cm_starts(cm_str_text(&out), newest)
               ? cm_fmt("the index has %s", n == 0 ? newest : cm_str_text(&out))
               : cm_fmt("the index has %s and %s, the newest", cm_str_text(&out), newest);
}

static char *nearest_chart(const json_t *list, const char *name)
{
    size_t n = json_array_size(list), i;
    const json_t *one;
    const char **names = cm_alloc((n + 1) * sizeof(char *));
    json_array_foreach(list, i, one) { names[i] = cm_json_text(one, "name", ""); }
    const char *near = cm_nearest(name, names);
    char *words = near == NULL ? cm_strdup("") : cm_fmt("did you mean %s?", near);
    free(names);
    return words;
}

char *cm_helm_instead(struct cm_step *step)
{
    const char *name = chart(step), *slash = strrchr(name, '/');
    if (cm_starts(name, "oci://"))
        return newest_of_registry(step);
    if (!cm_helm_takes_version(step) || slash == NULL)
        return cm_strdup("");
    cm_autojson versions = search(step, name, true);
    char *words = versions_around(versions, name, cm_plan_text(cm_step_plan(step), "target.chart_version"));
    if (*words != '\0')
        return words;
    free(words);
    cm_autofree char *repository = cm_fmt("%.*s", (int)(slash - name + 1), name);
    cm_autojson all = search(step, repository, false);
    return nearest_chart(all, name);
}

/* ---- what helm's words mean ---- */

enum way { ABSENT, LOGIN, NETWORK, WAY };
static const struct {
    const char *words, *also; /* both stand in what helm says; also NULL: only the first */
    enum way way;
    const char *hint;
} troubles[] = {
    {"no chart version found", NULL, ABSENT, NULL},
    {"no chart name found", NULL, ABSENT, NULL},
    {"\"FetchReference\"", ": not found", ABSENT, NULL},
    {"/tags/list", "404", ABSENT, NULL},
    {"failed to fetch", "404", ABSENT, "Correct the address in target.chart."},
    {"path \"", "not found", ABSENT, "Correct the path in target.chart; it is relative to the plan."},
    {"Error: repo ", "not found", ABSENT,
     "Add the chart's repository: `helm repo add rstudio https://helm.rstudio.com` and `helm repo update`, or with its own name and address."},
    {"Chart.yaml", "missing", ABSENT, "target.chart is the folder, or the archive, that holds the Chart.yaml."},
    {"missing in charts/", NULL, ABSENT, "Run `helm dependency build` in the folder of the chart."},
    {"failed to fetch", "401", LOGIN, NULL},
    {"failed to fetch", "403", LOGIN, NULL},
    {"\"FetchReference\"", "credential not found", LOGIN, NULL},
    {"\"FetchReference\"", "401", LOGIN, NULL},
    {"\"FetchReference\"", "403", LOGIN, NULL},
    {"\"FetchReference\"", "denied", LOGIN, NULL},
    {"/tags/list", "credential not found", LOGIN, NULL},
    {"/tags/list", "401", LOGIN, NULL},
    {"/tags/list", "403", LOGIN, NULL},
    {"does not look like a TLS handshake", NULL, WAY,
     "This registry speaks plain HTTP, for which helm wants --plain-http: name a script that adds it under tools.helm in the plan, or save "
     "the chart with `helm pull` and name the archive in target.chart."},
    {"server gave HTTP response to HTTPS client", NULL, WAY,
     "This registry speaks plain HTTP, for which helm wants --plain-http: name a script that adds it under tools.helm in the plan, or save "
     "the chart with `helm pull` and name the archive in target.chart."},
    {".tgz", "x509:", WAY, "helm trusts the system's authorities; another one is named by the variable SSL_CERT_FILE."},
    {"\"FetchReference\"", "x509:", WAY,
     "helm trusts the system's authorities; another one is named by the variable SSL_CERT_FILE."},
    {"/tags/list", "x509:", WAY, "helm trusts the system's authorities; another one is named by the variable SSL_CERT_FILE."},
    {"is not a valid chart repository", NULL, NETWORK, NULL},
    {"\"FetchReference\"", NULL, NETWORK, NULL},
    {"/tags/list", NULL, NETWORK, NULL},
    {"failed to fetch", NULL, NETWORK, NULL},
    {"failed to download", NULL, NETWORK, NULL},
    {"Error: Get \"", ".tgz", NETWORK, NULL},
};

static const char *hint_for(enum way way)
{
    switch (way) {
    case ABSENT:
        return "Run `helm repo update`; see `helm search repo rstudio-connect --versions` for what there is, and correct target.chart or "
               "target.chart_version in the plan.";
    case LOGIN:
        return "Log in to where the chart comes from, as you usually do: `helm registry login HOST`, or `helm repo add NAME URL "
               "--username USER --password-stdin`.";
    default:
        return "Look whether this machine reaches the chart's repository (a proxy: HTTPS_PROXY). An archive made by `helm pull` and named in "
               "target.chart needs no network.";
    }
}

enum cm_helm_trouble cm_helm_chart_trouble(const char *words, const char **hint)
{
    for (size_t i = 0; words != NULL && i < sizeof troubles / sizeof *troubles; i++) {
        if (strstr(words, troubles[i].words) == NULL || (troubles[i].also != NULL && strstr(words, troubles[i].also) == NULL))
            continue;
        *hint = troubles[i].hint != NULL ? troubles[i].hint : hint_for(troubles[i].way);
        return troubles[i].way == ABSENT ? CM_HT_ABSENT : troubles[i].way == NETWORK ? CM_HT_PASSING : CM_HT_OTHER;
    }
    *hint = NULL;
    return CM_HT_NONE;
}

bool cm_helm_chart_is_absent(const struct cm_err *why)
{
    const char *hint;
    return cm_err_evidence(why) != NULL && cm_helm_chart_trouble(cm_err_evidence(why), &hint) == CM_HT_ABSENT;
}
