/* values/check_job.c: what the two resource bases must not hold. Source: chart 0.21.0, templates/_helpers.tpl (rstudio-connect.jobBase)
 * and templates/configmap.yaml. Does not: validate Kubernetes' own fields (the API server's dry run does). */
#include <config.h>

#include <string.h>

#include "values/check_work.h"

static const char INIT_PATH[] = "/mnt/rstudio-connect-runtime/";

static const char *text_of(const struct cm_yaml *map, const char *key)
{
    const struct cm_yaml *n = map ? cm_yaml_get(map, key) : NULL;
    return n && n->type == CM_YAML_SCALAR ? n->text : "";
}

static void check_kind(struct cm_values_look *l, const char *path, const char *kind)
{
    cm_autofree char *full = cm_fmt("%s.kind", path);
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *node = cm_look_at(l, full, &doc);
    if (node && node->type == CM_YAML_SCALAR && strcmp(node->text, kind) != 0)
        cm_look_finding(l, doc, node, "blocker", "values.base-kind", "Remove it: the chart sets it.", "%s must be %s", full, kind);
}

static void check_mounts(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *container,
                         const char *runtime, bool init)
{
    const struct cm_yaml *mounts = cm_yaml_get(container, "volumeMounts");
    for (size_t i = 0; mounts && mounts->type == CM_YAML_LIST && i < mounts->count; i++) {
        const char *path = text_of(mounts->items[i], "mountPath"), *volume = text_of(mounts->items[i], "name");
        bool ours = strcmp(volume, "rsc-volume") == 0, reserved = strcmp(path, init ? INIT_PATH : runtime) == 0;
        if (reserved && !ours)
            cm_look_finding(l, doc, mounts->items[i], "blocker", "values.reserved-mount", "Mount it somewhere else.",
                            "%s is reserved for the runtime volume (rsc-volume)", path);
        else if (!init && !reserved && strcmp(path, "/opt/rstudio-connect/") == 0) /* the chart does not see this spelling */
            cm_look_finding(l, doc, mounts->items[i], "warning", "values.connect-mount",
                            "Remove this mount; the runtime comes by the init container now.",
                            "/opt/rstudio-connect/ is where Connect and content live in the container; this mount hides them");
        else if (!init && !reserved && strcmp(path, "/opt/rstudio-connect") == 0)
            cm_look_finding(
                l, doc, mounts->items[i], "blocker", "values.connect-mount",
                "Remove this mount; the runtime comes by the init container now.",
                "/opt/rstudio-connect is where Connect and content live in the container; nothing may be mounted over it");
    }
}

static void check_containers(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *list,
                             const char *runtime, bool init)
{
    for (size_t i = 0; list && list->type == CM_YAML_LIST && i < list->count; i++) {
        const char *name = text_of(list->items[i], "name");
        if (strcmp(name, init ? "connect-content-init" : "connect-content") == 0)
            check_mounts(l, doc, list->items[i], runtime, init);
        else if (strcmp(name, init ? "init" : "rs-launcher-container") == 0)
            cm_look_finding(l, doc, list->items[i], "warning", "values.launcher-container",
                            "Name it connect-content (or connect-content-init).",
                            "%s is the Launcher's name for this container; with the direct runner it is one more container", name);
    }
}

/* The chart adds no volume of this name where there is one: the runtime would be put into it. */
static void check_volumes(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *list)
{
    for (size_t i = 0; list && list->type == CM_YAML_LIST && i < list->count; i++)
        if (strcmp(text_of(list->items[i], "name"), "rsc-volume") == 0 && !cm_yaml_get(list->items[i], "emptyDir"))
            cm_look_finding(
                l, doc, list->items[i], "warning", "values.runtime-volume", "Give this volume another name.",
                "rsc-volume is the name of the volume that every content pod gets Connect's runtime in; this one takes its place");
}

void cm_check_job_base(struct cm_values_look *l)
{
    static const char base[] = "backends.kubernetes.defaultResourceJobBase";
    const struct cm_yaml_doc *doc, *at;
    if (!cm_look_true(l, "backends.kubernetes.enabled", true))
        return;
    check_kind(l, base, "Job");
    check_kind(l, "backends.kubernetes.defaultResourceServiceBase", "Service");
    const struct cm_yaml *template = cm_look_at(l, "backends.kubernetes.defaultResourceJobBase.spec.template", &at);
    const struct cm_yaml *spec = template && template->type == CM_YAML_MAP ? cm_yaml_get(template, "spec") : NULL;
    bool init = cm_look_true(l, "backends.kubernetes.defaultInitContainer.enabled", true);
    if (template && template->type != CM_YAML_MAP)
        cm_look_finding(l, at, template, "blocker", "values.job-template", "Remove it, or write the template's fields below it.",
                        "spec.template of the job base is no map; the chart's template breaks on it");
    if (!spec || !init)
        return;
    doc = at;
    const char *runtime = cm_look_text(l, "config.Kubernetes.ConnectRuntimeDir");
    if (!runtime || !*runtime)
        runtime = "/opt/rstudio-connect-runtime";
    check_volumes(l, doc, cm_yaml_get(spec, "volumes"));
    check_containers(l, doc, cm_yaml_get(spec, "initContainers"), runtime, true);
    check_containers(l, doc, cm_yaml_get(spec, "containers"), runtime, false);
}
