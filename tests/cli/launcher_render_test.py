#!/usr/bin/env python3
"""What the Launcher made of its values, and what the direct runner makes of the converted ones: the same job. The Launcher's job is rendered
by helm from the templates that the real chart gives the Launcher (files/job.tpl with its data); the direct runner's is the chart's job.yaml.
Fields are compared one by one, but for what Connect decides itself (users and groups, the command).

CM_REAL_CHART names a copy of the real chart (a folder, its dependency in charts/); without it, or without helm (CM_HELM, or the one that
tests/cluster/build.sh made, or in PATH), all is skipped. CM_LAUNCHER_FILES: how many files are made."""
import json
import os
import random
import subprocess
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, Tap, find_helm, scratch, skip_all  # noqa: E402

FILES = int(os.environ.get("CM_LAUNCHER_FILES", "20"))
CHART = os.environ.get("CM_REAL_CHART")
DECIDED = {"runAsUser", "runAsGroup", "supplementalGroups"}
TEXTS = ["a", "b c", "true", "1.10", "0644", "é", "a: b", "#x", "on", "null", "~", "- x", '"q"', "it's", "", "two\nlines\n", " lead", "trail ", "%a"]
# What the Launcher hands to the template for a job.
JOB = {"name": "n", "generateName": "g-", "user": "u", "exe": "/x", "args": ["a"], "command": "", "environment": [], "volumes": [], "volumeMounts": [],
       "placementConstraints": [], "resourceLimits": [], "config": [], "exposedPorts": [], "stdin": "", "servicePortsJson": "[]",
       "shareProcessNamespace": False, "metadata": {"job": {}, "pod": {}}, "tags": [], "workingDirectory": "", "host": "", "serviceAccountName": "",
       "instanceId": "", "container": {"image": "i", "runAsUserId": 999, "runAsGroupId": 998, "supplementalGroupIds": [5]}}
HELM = find_helm()
FOLDER = scratch("launcher")


def put(name, text):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path


def template(chart, *words):
    p = subprocess.run([HELM, "template", "connect", chart, *words], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    if p.returncode:
        raise RuntimeError(p.stderr.strip())
    return [d for d in yaml.safe_load_all(p.stdout) if d]


def data_with(manifests, key):
    return next(d["data"] for d in manifests if d["kind"] == "ConfigMap" and key in d.get("data", {}))


def launcher_job(values):
    data = data_with(template(CHART, "-f", values, "--set", "launcher.enabled=true,backends.kubernetes.enabled=false"), "job.tpl")
    put("job/Chart.yaml", "apiVersion: v2\nname: job\nversion: 0.1.0\n")
    put("job/values.yaml", yaml.safe_dump({"Job": JOB}))
    put("job/templates/_data.tpl", data["rstudio-library-templates-data.tpl"])
    put("job/templates/_job.tpl", '{{ define "job" }}' + data["job.tpl"] + "{{ end }}")
    put("job/templates/job.yaml", '{{ include "job" (dict "Job" .Values.Job) }}\n')
    return template(os.path.join(FOLDER, "job"))[0]


def fields(job, content, init, launcher):
    """All that values can say of a job; what the runner adds by itself is left out."""
    spec, pod = job["spec"], job["spec"]["template"]
    meta, inner = pod.get("metadata") or {}, pod.get("spec") or {}
    own = {"app.kubernetes.io/managed-by", "launcher-instance-id", "stdin", "user", "name", "service_ports", "user_metadata"} if launcher else set()
    container = next(c for c in inner["containers"] if c["name"] == content)
    found = {"extraContainers": [c for c in inner["containers"] if c is not container],
             "initContainers": [c for c in inner.get("initContainers") or [] if c["name"] != init],
             "volumes": [v for v in inner.get("volumes") or [] if v["name"] != "rsc-volume"],
             "volumeMounts": [m for m in container.get("volumeMounts") or [] if m["name"] != "rsc-volume"],
             "ttlSecondsAfterFinished": spec.get("ttlSecondsAfterFinished"), "enableServiceLinks": inner.get("enableServiceLinks", False)}
    for name, where in (("job", job.get("metadata") or {}), ("pod", meta)):
        for key in ("labels", "annotations"):
            found[f"{name}.{key}"] = {k: v for k, v in (where.get(key) or {}).items() if k not in own}
    for key in ("serviceAccountName", "priorityClassName", "hostAliases", "tolerations", "affinity", "nodeSelector", "imagePullSecrets"):
        found[key] = inner.get(key) or None
    for key in ("env", "imagePullPolicy", "resources"):
        found[key] = container.get(key) or None
    for name, where in (("pod", inner), ("container", container)):
        found[f"{name}.securityContext"] = {k: v for k, v in (where.get("securityContext") or {}).items() if k not in DECIDED or not launcher}
    return found


# ---- values ----

def some(chance, values, part=0.4):
    return {k: v() if callable(v) else v for k, v in values.items() if chance.random() < part}


def make(chance):
    def text():
        return chance.choice(TEXTS)

    def texts():
        return {k: text() for k in ("app.example.com/a", "team", "tier") if chance.random() < 0.5}

    def many(one, most=2):
        return [one(i) for i in range(chance.randint(0, most))]

    def context():
        return some(chance, {"runAsUser": 999, "runAsGroup": 5, "supplementalGroups": [1, 2], "fsGroup": 1000650000, "runAsNonRoot": True,
                             "seLinuxOptions": lambda: some(chance, {"level": text, "user": text}, 0.6), "sysctls": []})
    pod = some(chance, {
        "labels": texts, "annotations": texts, "nodeSelector": texts, "defaultSecurityContext": context, "securityContext": context,
        "containerSecurityContext": lambda: some(chance, {"runAsUser": 5, "privileged": False, "capabilities": {"drop": ["ALL"]}}),
        "tolerations": lambda: many(lambda i: {"key": text(), "operator": "Equal", "value": text(), "effect": "NoSchedule"}),
        "affinity": lambda: chance.choice([{}, {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}]),
        "serviceAccountName": lambda: chance.choice(["", "content"]), "priorityClassName": lambda: chance.choice(["", "high"]),
        "imagePullSecrets": lambda: many(lambda i: {"name": f"r{i}"}), "hostAliases": lambda: many(lambda i: {"ip": "10.0.0.1", "hostnames": ["a.b"]}, 1),
        "volumes": lambda: many(lambda i: {"name": f"v{i}", "configMap": {"name": text(), "defaultMode": 420}}),
        "volumeMounts": lambda: many(lambda i: {"name": f"v{i}", "mountPath": f"/m{i}", "readOnly": True}),
        "initContainers": lambda: many(lambda i: {"name": f"i{i}", "image": "x", "command": ["sh", "-c", text()]}),
        "extraContainers": lambda: many(lambda i: {"name": f"e{i}", "image": "x", "args": [text()]}),
        "env": lambda: many(lambda i: {"name": f"N{i}", "value": text()}, 3), "imagePullPolicy": lambda: chance.choice(["Always", ""]),
        "resources": lambda: some(chance, {k: {"cpu": "500m", "memory": 1073741824} for k in ("limits", "requests")}, 0.6),
        "command": lambda: chance.choice([[], ["/bin/x"]]), "enableServiceLinks": lambda: chance.random() < 0.5})
    job = some(chance, {"labels": texts, "annotations": texts, "ttlSecondsAfterFinished": lambda: chance.choice([0, 60, 86400])})
    values = {"sharedStorage": {"create": True}, "launcher": {"enabled": True, "templateValues": {"pod": pod, "job": job}}}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=chance.choice([False, None]), indent=chance.choice([2, 4]))


def differences(seed):
    values = put("before.yaml", make(random.Random(seed)))
    p = subprocess.run([RUN, "convert", "values", "--json", values], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    if p.returncode:
        return [p.stderr]
    direct = yaml.safe_load(data_with(template(CHART, "-f", put("after.yaml", json.loads(p.stdout)["result"])), "job.yaml")["job.yaml"])
    was = fields(launcher_job(values), "rs-launcher-container", "init", True)
    now = fields(direct, "connect-content", "connect-content-init", False)
    return [f"{k} was {was[k]!r} and is {now[k]!r}" for k in was if was[k] != now[k]]


def main():
    if not CHART:
        skip_all("CM_REAL_CHART names no copy of the real chart, whose Launcher templates are asked")
    if not HELM:
        skip_all("no helm: CM_HELM names one, or tests/cluster/build.sh builds it, or it is in PATH")
    tap = Tap()
    for seed in range(FILES):
        try:
            wrong = differences(seed)
        except RuntimeError as e:
            wrong = [str(e)]
        tap.ok(not wrong, f"file {seed}: the direct runner's job says what the Launcher's said", "\n".join(wrong))
    tap.end()


if __name__ == "__main__":
    main()
