#!/usr/bin/env python3
"""The short-lived Jobs on a real API server: pods.check with the plan's leave and without, images.pull. A policy, Pod Security, a quota, a limit, a
missing right, a pod that hangs, a kill in the middle: each is said as what it is, and every object is gone afterwards."""
import json
import os
import signal
import time

from cluster import Cluster, why_not
import kubelet
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, skip_all

tap = Tap()
ADMISSION = "admissionregistration.k8s.io/v1"


class Trials(Migration):
    def up(self):
        super().up()
        if "allow:" not in self.plan_text():
            self.write_plan(self.plan_text().replace("  pods.not-tried: {note: \"the world's images are known\"}\n", "") + "allow: [pods]\n")

    def leave(self, words):
        text = "".join(line for line in self.plan_text().splitlines(True) if not line.startswith(("allow:", "steps:")))
        self.write_plan(text + words)

    def jobs(self):
        return [j["metadata"]["name"] for j in self.api.get(f"/apis/batch/v1/namespaces/{self.ns}/jobs")["items"]]

    def findings(self, *options):
        r = self.cli("check", self.plan, "--json", "--fresh", *options)
        return r, {f["id"]: f for f in json.loads(r.out)["findings"]}

    def found(self, *names):
        """The verdicts of these, and what all of them say."""
        r, found = self.findings()
        ones = [found.get(n, {"verdict": "-", "seen": ""}) for n in names]
        return [o["verdict"] for o in ones], " ".join(o["seen"] for o in ones), r, found

    def security(self, level):
        """Pod Security of the namespace; None: none."""
        self.api.merge(f"/api/v1/namespaces/{self.ns}", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}})


def runs_on(pod):
    pod.show("Running")
    pod.wait_for_its_end()


def kill(m, *words):
    """Started, and killed once a Job of it is there."""
    p = m.start(*words, start_new_session=True)
    m.cluster.wait("a Job", m.jobs)
    os.killpg(p.pid, signal.SIGKILL)
    p.communicate()


def blockers(found):
    return sorted(i for i, f in found.items() if f["verdict"] == "blocker")


def policy(m, name, resources, expression, message, probe="Job"):
    """A policy that holds in the test's namespace alone; what undoes it."""
    groups = [{"apiGroups": [g], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": r} for g, r in resources]
    m.api.put(ADMISSION, "validatingadmissionpolicies", {
        "apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": groups}, "validations": [{"expression": expression, "message": message}]}})
    m.api.put(ADMISSION, "validatingadmissionpolicybindings", {
        "apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"],
                 "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": m.ns}}}}})
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "elsewhere/x"}]}
    o = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": pod} if probe == "Pod" else {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "probe"}, "spec": {"template": {"spec": pod}}}

    def holds():
        return m.cluster.kubectl("-n", m.ns, "create", "--dry-run=server", "-f", "-", input=json.dumps(o), check=False).returncode != 0

    def undo():
        for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            m.api.delete(f"/apis/{ADMISSION}/{plural}/{name}")
        m.cluster.wait("the policy's end", lambda: not holds())
    m.cluster.wait("the policy", holds)
    return undo


def one_cause_is_one_blocker(m):
    undo = policy(m, f"registry-{m.ns}", [("apps", ["deployments"]), ("batch", ["jobs"])],
                  "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example.com/'))", "images come from registry.example.com only")
    for words, how in (("allow: [pods]\n", "with leave"), ("", "without leave")):
        m.leave(words)
        verdicts, seen, r, found = m.found("values.dry-run", "pods.admission")
        tap.equal([r.status, blockers(found), verdicts], [5, ["values.dry-run"], ["blocker", "warning"]],
                  f"a policy against all of the release is one blocker, {how}", seen)
        tap.ok(seen.count("images come from registry.example.com only") >= 2, "and its words are shown", seen)
    undo()
    undo = policy(m, f"jobs-{m.ns}", [("batch", ["jobs"])], "false", "no Jobs on this cluster")
    verdicts, seen, r, found = m.found("pods.admission")
    tap.equal([r.status, blockers(found)], [5, ["pods.admission"]], "one against Jobs alone is a blocker of its own", seen)
    tap.equal(m.jobs(), [], "no Job is left")
    undo()
    with open(m.path("values.yaml"), encoding="utf-8") as f:
        text = f.read()
    with open(m.path("values.yaml"), "w", encoding="utf-8") as f:
        f.write(text.replace("config:\n", "config:\n  Kubernetes: {Enabled: false}\n", 1))
    verdicts, seen, r, found = m.found("values.template")
    tap.equal([blockers(found), verdicts], [["values.kubernetes-enabled"], ["warning"]], "what a rule of the chart has said helm only confirms", seen)


def pod_security(m):
    m.security("restricted")
    for words, how in (("allow: [pods]\n", "with leave"), ("", "without leave")):
        m.leave(words)
        began = time.monotonic()
        verdicts, seen, r, _ = m.found("pods.admission")
        tap.ok(verdicts == ["blocker"] and "violates PodSecurity" in seen and "restricted" in seen, f"Pod Security refuses content's pods: said, {how}",
               f"{seen}\n{r.out[-1500:]}")
        tap.ok(time.monotonic() - began < 45, "without waiting for a pod that does not come", time.monotonic() - began)
    tap.equal(m.jobs(), [], "no Job is left")


def limits(m):
    quota = f"/api/v1/namespaces/{m.ns}/resourcequotas/none"
    m.api.put("v1", "resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": m.ns},
                                       "spec": {"hard": {"pods": "0"}}})
    m.cluster.wait("the quota", lambda: m.api.get(quota).get("status", {}).get("hard"))
    for words, how in (("", "without leave"), ("allow: [pods]\nsteps: {pods.check: {timeout: 12s}}\n", "with leave")):
        m.leave(words)
        verdicts, seen, r, found = m.found("pods.waiting")
        tap.ok(verdicts == ["unknown"] and "exceeded quota: none" in seen, f"a quota that is used up is a question, {how}", f"{seen}\n{r.out[-1500:]}")
    tap.equal([m.jobs(), [i for i in found if i.endswith((".failed", ".hung"))]], [[], []], "within its limit, and no Job is left")
    m.api.delete(quota)
    m.api.put("v1", "limitranges", {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": m.ns},
                                    "spec": {"limits": [{"type": "Pod", "max": {"memory": "1Mi"}}]}})
    for words, how in (("", "without leave"), ("allow: [pods]\n", "with leave")):
        m.leave(words)
        verdicts, seen, r, _ = m.found("pods.admission")
        tap.ok(verdicts == ["blocker"] and "memory" in seen, f"a limit that content's pods exceed is a blocker, {how}", f"{seen}\n{r.out[-1500:]}")
    tap.equal(m.jobs(), [], "no Job is left")


def hung(m):
    m.kubelet.play(m.ns, runs_on)
    m.leave("allow: [pods]\nsteps: {pods.check: {timeout: 8s}}\n")
    verdicts, seen, r, _ = m.found("pods.waiting")
    tap.ok(verdicts == ["unknown"] and "did not end in time" in seen, "a pod that hangs is a question", f"{seen}\n{r.out[-1500:]}")
    tap.equal(m.jobs(), [], "and its Job is gone within the step's limit")
    m.leave("allow: [pods]\n")
    kill(m, "check", m.plan)
    tap.ok(m.jobs(), "killed in the middle its Job is left")
    m.kubelet.play(m.ns, kubelet.world(m))
    verdicts, _, r, _ = m.found("pods.start")
    tap.equal([verdicts, m.jobs()], [["ok"], []], "the next check tries again, and takes away what was left", r.out[-1500:])


def images(m):
    """images.pull is harmless when pods are refused, and its Jobs are removed after a kill, also when the leave was taken back."""
    m.write_plan(m.plan_text().replace("gates:\n", "gates:\n  pods.not-tried: {note: \"known\"}\n"))
    m.leave("allow: [images]\nsteps: {images.pull: {timeout: 20s}}\n")
    m.run("--until", "temporary")
    m.kubelet.play(m.ns, runs_on)
    kill(m, m.plan, "--yes")
    tap.ok([j for j in m.jobs() if "connect-migrate-pull" in j], "killed while an image is pulled, a Job is left")
    m.kubelet.play(m.ns, kubelet.world(m))
    m.leave("")
    r = m.run("--accept-plan-changes")
    tap.equal([r.status, m.jobs(), m.violations()], [0, [], []], "the leave taken back, the next start removes it and goes on to its end", r.err)


def images_refused(m):
    m.write_plan(m.plan_text().replace("gates:\n", "gates:\n  pods.not-tried: {note: \"known\"}\n"))
    m.leave("allow: [images]\nsteps: {images.pull: {timeout: 20s}}\n")
    undo = policy(m, f"pull-{m.ns}", [("", ["pods"])], "!object.metadata.name.startsWith('connect-migrate-pull') && object.metadata.name != 'probe'",
                  "no pulling ahead", probe="Pod")
    r = m.run()
    with open(os.path.join(m.run_dir, "logs", "images.pull.log"), encoding="utf-8") as f:
        log = f.read()
    tap.ok(r.status == 0 and "no pulling ahead" in log, "pods that are refused hold nothing up, and that is said", f"{r.status} {log[-1500:]}{r.err[-1500:]}")
    tap.equal(m.jobs(), [], "no Job is left")
    undo()


def content_elsewhere(m):
    """backends.kubernetes.namespace: Jobs are tried there, accounts labelled there, and a Role of another namespace is no refusal."""
    there = m.cluster.namespace()
    with open(m.path("values.yaml"), encoding="utf-8") as f:
        text = f.read()
    with open(m.path("values.yaml"), "w", encoding="utf-8") as f:
        f.write(text.replace("  kubernetes:\n", f"  kubernetes:\n    namespace: {there}\n", 1))
    claim = m.api.get(f"/api/v1/namespaces/{m.ns}/persistentvolumeclaims/connect-data")
    volume = m.api.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
    name = f"connect-data-{there}"
    m.api.put("v1", "persistentvolumes", {"metadata": {"name": name}, "spec": {**volume["spec"], "claimRef": {"namespace": there, "name": "connect-data"}}})
    m.api.put("v1", "persistentvolumeclaims", {"metadata": {"name": "connect-data", "namespace": there}, "spec": {**claim["spec"], "volumeName": name}})
    m.cluster.wait("the claim there", lambda: m.api.get(f"/api/v1/namespaces/{there}/persistentvolumeclaims/connect-data").get("status", {}).get("phase") == "Bound")
    m.kubelet.play(there, kubelet.world(m))
    m.api.put("v1", "resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": there}, "spec": {"hard": {"pods": "0"}}})
    m.cluster.wait("the quota", lambda: m.api.get(f"/api/v1/namespaces/{there}/resourcequotas/none").get("status", {}).get("hard"))
    m.leave("allow: [pods]\nsteps: {pods.check: {timeout: 12s}}\n")
    verdicts, seen, r, found = m.found("pods.waiting", "values.dry-run")
    tap.ok(verdicts == ["unknown", "ok"] and "exceeded quota" in seen, "content's namespace has its own quota: its Jobs are tried there", f"{seen}\n{r.out[-1500:]}")
    m.api.delete(f"/api/v1/namespaces/{there}/resourcequotas/none")
    m.leave("allow: [pods]\n")
    r = m.cli("preview", m.plan)
    tap.ok(f"label serviceaccount default connect.posit.co/service-account=true --namespace {there}" in " ".join(r.out.split()),
           "the preview names the account there", r.out[-3000:])
    r = m.run()
    account = f"/api/v1/namespaces/{there}/serviceaccounts/default"
    labels = m.api.get(account)["metadata"].get("labels", {})
    jobs = m.api.get(f"/apis/batch/v1/namespaces/{there}/jobs")["items"]
    tap.equal([r.status, labels.get("connect.posit.co/service-account"), jobs], [0, "true", []], "the migration ends with 0, the account is labelled there", r.err)
    r = m.cli("rollback", m.plan, "--yes")
    tap.equal([r.status, "connect.posit.co/service-account" in m.api.get(account)["metadata"].get("labels", {}), m.violations()], [0, False, []],
              "and the way back takes the label away", r.err)


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as k:
            parts = (one_cause_is_one_blocker, pod_security, limits, hung, images, images_refused, content_elsewhere)
            for part in parts:
                with Trials(cluster, k, postgres, "--pod-ms", 50) as m:
                    tap.part(part, m)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
