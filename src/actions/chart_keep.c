/* actions/chart_keep.c: see the header. `helm pull` writes NAME-VERSION.tgz into a folder that is empty before. */
#include <config.h>

#include "actions/chart_keep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions/release_hand.h"
#include "adapters/helm.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

enum { ARCHIVE_MOST = 64 << 20 };

/* Is what is on record the chart that the plan names now? */
static bool stands(struct cm_step *step, const json_t *fact)
{
    const char *wanted = cm_plan_text(cm_step_plan(step), "target.chart_version");
    return strcmp(cm_json_text(fact, "chart", ""), cm_plan_text(cm_step_plan(step), "target.chart")) == 0 &&
           strcmp(cm_json_text(fact, "wanted", ""), wanted == NULL ? "" : wanted) == 0;
}

/* The one archive in a folder; NULL: there is none. Caller frees. */
static char *archive_in(const char *folder)
{
    char *found = NULL;
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && found == NULL && (e = readdir(d)) != NULL;)
        if (cm_ends(e->d_name, ".tgz"))
            found = cm_strdup(e->d_name);
    if (d != NULL)
        closedir(d);
    return found;
}

static int keep_file(struct cm_step *step, const char *path, const char *name, struct cm_err **err)
{
    cm_autofree char *bytes = NULL;
    size_t n = 0;
    FILE *out = NULL;
    if (cm_file_read(path, ARCHIVE_MOST, &bytes, &n, err) < 0 || cm_artifact_begin(step, name, &out, err) < 0)
        return -1;
    if (fwrite(bytes, 1, n, out) == n)
        return cm_artifact_keep(step, out, err);
    cm_artifact_drop(step, out);
    return cm_fail_errno(err, CM_E_FAILED, "%s could not be written", name);
}

/* *name: the artifact; caller frees. */
static int fetch(struct cm_step *step, char **name, struct cm_err **err)
{
    cm_autofree char *folder = cm_fmt("%s/chart-XXXXXX", cm_step_log_dir(step));
    if (mkdtemp(folder) == NULL)
        return cm_fail_errno(err, CM_E_FAILED, "%s", folder);
    int rc = cm_helm_pull(step, folder, err);
    *name = rc == 0 ? archive_in(folder) : NULL;
    cm_autofree char *path = *name == NULL ? NULL : cm_path_join(folder, *name);
    if (rc == 0)
        rc = path == NULL ? cm_fail(err, CM_E_FAILED, "helm pull left no archive") : keep_file(step, path, *name, err);
    if (path != NULL)
        (void)unlink(path);
    (void)rmdir(folder);
    return rc;
}

int cm_chart_keep(struct cm_step *step, const json_t **kept, struct cm_err **err)
{
    const json_t *fact = cm_fact(step, CM_FACT_CHART);
    const char *wanted = cm_plan_text(cm_step_plan(step), "target.chart_version");
    cm_autojson chart = NULL;
    cm_autofree char *name = NULL;
    cm_autoerr why = NULL;
    *kept = NULL;
    if (!cm_helm_is_elsewhere(step) || cm_release_by_others(step))
        return 0;
    if (stands(step, fact)) {
        *kept = fact;
        return 0;
    }
    if (cm_helm_chart(step, &chart, err) < 0)
        return -1;
    json_t *now = json_pack("{s:s, s:s, s:s}", "chart", cm_plan_text(cm_step_plan(step), "target.chart"), "version",
                            cm_json_text(chart, "version", "?"), "wanted", wanted == NULL ? "" : wanted);
    *kept = now;
    if (cm_reading(step) || cm_step_log_dir(step) == NULL) {
        *kept = cm_arena_json(cm_step_arena(step), now);
        return 0;
    }
    if (fetch(step, &name, &why) == 0)
        json_object_set_new(now, "file", json_string(name));
    else if (cm_cancelled(step))
        return json_decref(now), cm_err_move(err, why), why = NULL, -1;
    else
        cm_say(step, "the chart could not be kept here, so that it must be to be had until the end: %s", cm_err_message(why));
    if (cm_fact_set(step, CM_FACT_CHART, now, err) < 0)
        return -1;
    *kept = cm_fact(step, CM_FACT_CHART);
    return 0;
}
