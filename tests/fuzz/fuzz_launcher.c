/* Any bytes as values for the Launcher: refused with their place, or converted (the proof is part of it) so that the second time changes
 * nothing, what says that nothing changed is the same bytes, and the checks of values read the result. The file's bytes choose what else
 * is said: the key that the values stand below, the chart's version, whether the Launcher was on. */
#include <config.h>

#include "base/yaml.h"
#include "replay.h"
#include "refusal.h"
#include "values/launcher.h"

static const char *const lines[] = { "launcher:", "enabled: true", "enabled: false # no more", "templateValues:", "pod:", "job:", "service:", "type: NodePort",
    "labels:", "labels: {a: b}", "annotations:", "a.b/c: \"d\"", "volumes:", "- name: data", "emptyDir: {}", "volumeMounts:", "- {name: data, mountPath: /d}",
    "mountPath: /mnt", "env:", "- name: A", "value: \"1\"", "tolerations: []", "nodeSelector:", "serviceAccountName: content", "imagePullSecrets:",
    "extraContainers:", "- name: side", "image: x", "securityContext:", "securityContext: {runAsUser: 1, fsGroup: 2}", "defaultSecurityContext:", "fsGroup: 1",
    "containerSecurityContext: {readOnlyRootFilesystem: true}", "command: [a]", "resources: {limits: {cpu: 1}}", "ttlSecondsAfterFinished: 5",
    "namespace: ns", "defaultInitContainer:", "contentInitContainer:", "repository: r/rstudio-connect-content-init", "tag: t", "tagPrefix: p",
    "customRuntimeYaml: base", "customRuntimeYaml: |", "customRuntimeYaml:", "images:", "- name: i", "additionalRuntimeImages:", "executionEnvironments:",
    "executionEnvironments: []", "launcherKubernetesProfilesConf:", "'*':", "job-json-overrides:", "- target: /spec/template/spec/tolerations/-",
    "- target: /spec/template/spec/containers/0/env/-", "- target: /metadata/labels/a~1b", "json: {key: k}", "json: v", "default-cpus: 1",
    "useTemplates: true", "extraTemplates: {}", "config:", "config: {Launcher: {Enabled: true}}", "Launcher:", "Enabled: true", "KubernetesNamespace: n",
    "KubernetesDefaultServiceAccount: s", "DataDirPVCName: p", "DataDir: /d", "Kubernetes:", "backends:", "kubernetes:", "backends: {}",
    "backends: {kubernetes: {enabled: false}}", "defaultResourceJobBase:", "defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content}]}}}}",
    "spec:", "template:", "metadata:", "containers:", "- name: connect-content", "image:", "rstudio-connect:", "# a comment", "", "---", "text: |", "text: >-",
    "a line of text", "- a", "- - b", "- # c", "? a", ": b", "\"two words\": x", "<<: *a", "base: &a {b: c}", "list: [a, b]", "a: \"b", " c\"", NULL };

static void check(const char *text)
{
    const char *const names[] = {"f", NULL}, *const texts[] = {text, NULL};
    json_t *findings = cm_values_check(names, texts, NULL, "2026.08.0", NULL);
    must(findings != NULL);
    json_decref(findings);
}

static void convert(const struct cm_launcher_wish *w)
{
    struct cm_launcher_result r, again;
    cm_autoerr err = NULL;
    if (cm_launcher_convert(w, &r, &err) != 0) {
        must_be_a_refusal(err);
        return;
    }
    must(r.changed || (r.bytes == w->bytes && memcmp(r.text, w->text, w->bytes) == 0));
    if (r.changed) { /* else it would be the same once more */
        struct cm_launcher_wish second = *w;
        second.text = r.text;
        second.bytes = r.bytes;
        if (w->was == CM_LAUNCHER_WAS_ON) /* what all files say together: it is off now */
            second.was = CM_LAUNCHER_WAS_OFF;
        must(cm_launcher_convert(&second, &again, NULL) == 0);
        must(again.bytes == r.bytes && memcmp(again.text, r.text, r.bytes) == 0);
        must(!again.changed);
        cm_launcher_result_fini(&again);
    }
    if ((r.changed || !w->at) && !memchr(r.text, '\0', r.bytes)) {
        cm_autofree char *text = cm_strndup(r.text, r.bytes);
        check(text);
    }
    cm_launcher_result_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const versions[] = {"0.7.0", "0.20.0", "0.20.1", "not a version"}, *const keys[] = {"a", "rstudio-connect", "a.b", "config"};
    uint32_t sum = (uint32_t)size;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    struct cm_launcher_wish w = {.text = (const char *)data, .bytes = size, .name = "f"};
    convert(&w);
    w.chart_version = versions[sum % 4];
    w.was = sum / 4 % 3 == 0 ? CM_LAUNCHER_NOT_KNOWN : sum / 4 % 3 == 1 ? CM_LAUNCHER_WAS_ON : CM_LAUNCHER_WAS_OFF;
    w.at = keys[sum / 16 % 4];
    convert(&w);
    return 0;
}

CM_FUZZ_MAIN("edit", lines) /* the same files as for the edits */
