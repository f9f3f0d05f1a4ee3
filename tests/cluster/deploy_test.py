#!/usr/bin/env python3
"""The deployment on a real API server with helm 3 and helm 4: killed in the middle, two helms at once, an administrator's own upgrade, another
deployer that heals, a deployment done by others, a port-forward whose pod is replaced."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

from cluster import Cluster, tool, why_not
from kubelet import Kubelet
from migration import RELEASE, Migration
from rehearsal import Postgres, Tap, skip_all

tap = Tap()


def records(m):
    return m.api.get(f"/api/v1/namespaces/{m.ns}/secrets?labelSelector=owner%3Dhelm")["items"]


def flat(text):
    """Messages are wrapped to the terminal's width."""
    return " ".join(text.replace("|", " ").split())


def until(what, good, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = good()
        if got:
            return got
        time.sleep(0.02)
    raise RuntimeError(f"{what}: not within {seconds} s")


def wrapped_helm(m, body):
    """The plan's helm is a script around the real one; $REAL is it."""
    path = m.path("helm-wrapped")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nREAL={tool(f'helm{m.helm}')}\nDIR={m.dir}\n{body}\nexec $REAL \"$@\"\n")
    os.chmod(path, 0o755)
    m.write_plan(m.plan_text().replace(f'helm: "{tool(f"helm{m.helm}")}"', f'helm: "{path}"'))


def killed_in_the_middle(cluster, kubelet_, postgres, helm):
    """helm is killed by -9 as soon as its record is pending; its release is freed, and the upgrade sent again."""
    with Migration(cluster, kubelet_, postgres, helm=helm) as m:
        wrapped_helm(m, 'case $1 in upgrade) [ -e $DIR/killed ] || { $REAL "$@" & p=$!; while kill -0 $p 2>/dev/null; do '
                        f'if {tool("kubectl")} --kubeconfig {cluster.path("admin.kubeconfig")} -n {m.ns} get secrets -l owner=helm,status=pending-install '
                        '-o name | grep -q helm; then kill -9 $p; touch $DIR/killed; fi; done; wait $p; exit $?; };; esac')
        r = m.run("--until", "deploy")
        tap.equal(r.status, 0, f"helm {helm} killed while pending: the same run goes on", r.err)
        if os.path.exists(m.path("killed")):
            tap.ok("its record is deleted" in flat(r.err), f"helm {helm}: the pending record was freed, and that was said", r.err)
        else:
            tap.skip(f"helm {helm}: the pending record was freed", "helm was quicker than the kill")
        tap.equal([len(m.pods()), [s for _, s, _ in m.revisions()][-1]], [1, "deployed"], f"helm {helm}: one pod, and the newest revision is deployed")
        tap.equal(m.violations(), [], f"helm {helm}: never two Connects")


def two_helms(cluster, kubelet_, postgres):
    """An administrator's helm is at work: ours is refused, and theirs is left to end; then it goes on by their leave."""
    with Migration(cluster, kubelet_, postgres) as m:
        tap.equal(m.run("--until", "optimize").status, 0, "two helms: built first")
        newest = m.release(1)
        pending = [s for s in records(m) if s["metadata"]["labels"]["version"] == "1"][0]
        pending["metadata"] = {"name": f"sh.helm.release.v1.{RELEASE}.v2", "namespace": m.ns,
                               "labels": {**pending["metadata"]["labels"], "version": "2", "status": "pending-upgrade"}}
        m.api.put("v1", "secrets", pending)
        r = m.run()
        tap.equal(r.status, 9, "an upgrade of somebody else is pending: refused", r.err)
        tap.ok("revision 2 of release" in flat(r.err) and "pending-upgrade" in r.err and "delete secrets" in flat(r.err), "with which, and what to type", r.err)
        tap.equal(len(records(m)), 2, "their record is not touched")
        m.api.delete(f"/api/v1/namespaces/{m.ns}/secrets/sh.helm.release.v1.{RELEASE}.v2")
        tap.ok(newest["info"]["status"] in ("deployed", "superseded"), "the revision before is whole", newest["info"])
        p = cluster.helm("-n", m.ns, "upgrade", RELEASE, m.chart, "--reuse-values", "--set", "pod.labels.team=data", check=False)
        tap.equal(p.returncode, 0, "an administrator upgrades by helm between deploy and revert", p.stderr)
        r = m.run()
        tap.equal(r.status, 9, "an administrator's upgrade: refused", r.err)
        tap.ok("written by helm" in flat(r.err).lower() and f"helm3 get values {RELEASE} --revision 2" in flat(r.err),
               "by whom, which, where to look", r.err)
        text = m.plan_text()
        m.write_plan(text.replace("\ngates:", '\ngates:\n  release.foreign: {note: "revision 2: agreed by A. Meier"}', 1))
        r = m.run("--accept-plan-changes")
        tap.equal(r.status, 0, "agreed by its number: to the end", r.err)
        tap.ok("MinProcessesLimit" not in m.gcfg(), "and the originals are back", m.gcfg())
        tap.equal(m.violations(), [], "two helms: never two Connects")


class Healer(threading.Thread):
    """An Argo CD that heals: it applies its own manifests every second, as long as it is not suspended."""

    def __init__(self, m, objects):
        super().__init__(daemon=True)
        self.m, self.objects = m, objects
        self.stop = threading.Event()
        self.times = 0

    def run(self):
        while not self.stop.wait(1):
            subprocess.run([tool("kubectl"), "--kubeconfig", self.m.cluster.path("admin.kubeconfig"), "-n", self.m.ns, "apply", "--server-side",
                            "--force-conflicts", "--field-manager=argocd-controller", "-f", "-"], input=json.dumps(self.objects), text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            self.times += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join(timeout=60)


def old_manifests(m, replicas=1):
    """What is in the cluster now, as somebody keeps it in a repository."""
    items = []
    for path in (f"/api/v1/namespaces/{m.ns}/configmaps/{RELEASE}-config", f"/apis/apps/v1/namespaces/{m.ns}/deployments/{RELEASE}"):
        o = m.api.get(path)
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
            o["metadata"].pop(key, None)
        o["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
        o.pop("status", None)
        if o["kind"] == "Deployment":
            o["spec"]["replicas"] = replicas
            o["spec"]["template"]["metadata"]["annotations"]["checksum/config"] = "0123456789"
        items.append(o)
    return {"apiVersion": "v1", "kind": "List", "items": items}


def healed(cluster, kubelet_, postgres):
    """A loop that applies the old manifests every second: forward and back there are no two Connects, no endless fight, a clear message."""
    with Migration(cluster, kubelet_, postgres) as m:
        tap.equal(m.run("--until", "optimize").status, 0, "healed: built first")
        with Healer(m, old_manifests(m)) as healer:
            until("the healer", lambda: healer.times > 1)
            before = len(m.revisions())
            begun = time.monotonic()
            r = m.cli("rollback", m.plan, "--yes", timeout=100)
            took = time.monotonic() - begun
            tap.equal(r.status, 9, "healed while scaled to zero: the way back stops", r.err)
            tap.ok("somebody else changes the Deployment" in flat(r.err) and "argocd-controller" in r.err, "the message names who", r.err)
            tap.ok("suspend" in r.err and took < 90, f"and what to do, soon ({took:.0f} s)", r.err)
            tap.ok(len(m.revisions()) - before <= 2, "no endless fight: an upgrade or two", m.revisions())
            tap.equal(m.violations(), [], "the old server was not started beside the pod")
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal(r.status, 0, "the healer is off: the same command completes", r.err)
        tap.equal([m.pods(), m.violations()], [[], []], "and there were never two Connects")


def deployers(api):
    """The kinds of Argo CD and Flux, as far as a cluster needs to know them."""
    for group, version, kind, plural in (("argoproj.io", "v1alpha1", "Application", "applications"),
                                         ("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases")):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "listKind": f"{kind}List", "singular": kind.lower()},
                     "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}})
    return {"Argo CD": ("argoproj.io/v1alpha1", "applications", "Application"), "Flux": ("helm.toolkit.fluxcd.io/v2", "helmreleases", "HelmRelease")}


def suspended(cluster, kubelet_, postgres):
    """Real objects of Argo CD and Flux: synchronising by themselves they are a blocker before the downtime, and the way back suspends them."""
    api = cluster.api()
    kinds = deployers(api)
    for who, (version, plural, kind) in kinds.items():
        with Migration(cluster, kubelet_, postgres) as m:
            spec = {"destination": {"namespace": m.ns}, "source": {"helm": {"releaseName": RELEASE}}, "syncPolicy": {"automated": {"selfHeal": True}}}
            if who == "Flux":
                spec = {"releaseName": RELEASE, "chart": {"spec": {"chart": "rstudio-connect"}}}
            path = f"/apis/{version}/namespaces/{m.ns}/{plural}"
            cluster.wait(plural, lambda p=path: api.get(p))
            api.post(path, {"apiVersion": version, "kind": kind, "metadata": {"name": "our-connect" if who == "Argo CD" else RELEASE}, "spec": spec})
            name = "our-connect" if who == "Argo CD" else RELEASE
            r = m.cli("check", m.plan)
            tap.equal(r.status, 5, f"{who}: synchronising by itself is a blocker", r.out)
            tap.ok("cluster.auto-sync" in r.out and name in flat(r.out), f"{who}: with its name and what switches it off", r.out)
            off = {"spec": {"syncPolicy": {"automated": None}}} if who == "Argo CD" else {"spec": {"suspend": True}}
            on = {"spec": {"syncPolicy": {"automated": {"selfHeal": True}}}} if who == "Argo CD" else {"spec": {"suspend": False}}
            api.merge(f"{path}/{name}", off)
            r = m.run("--until", "deploy")
            tap.equal(r.status, 0, f"{who}: switched off, the run deploys", r.err)
            api.merge(f"{path}/{name}", on)    # somebody was too early
            r = m.cli("rollback", m.plan, "--yes")
            tap.equal(r.status, 0, f"{who}: the way back ends with 0", r.err)
            o = api.get(f"{path}/{name}")
            is_off = (o["metadata"].get("annotations", {}).get("argocd.argoproj.io/skip-reconcile") == "true" if who == "Argo CD"
                      else o["spec"].get("suspend") is True)
            tap.ok(is_off, f"{who}: it was suspended in its own way", o)
            tap.ok("stays suspended" in flat(r.err), f"{who}: and that it stays so is said", r.err)
            tap.equal(m.violations(), [], f"{who}: never two Connects")


def deployed_by_others(cluster, kubelet_, postgres):
    """helm.deploy by hand, played by `helm template | kubectl apply`, as Argo CD does it: no record of helm's."""
    with Migration(cluster, kubelet_, postgres) as m:
        m.write_plan(m.plan_text() + "\nsteps: {helm.deploy: {by: hand, note: \"repository platform/connect\"}}\n")
        r = m.run()
        tap.equal(r.status, 3, "by hand: the run waits", r.err)
        artifacts = os.path.join(m.run_dir, "artifacts")
        shown = [os.path.join(artifacts, n) for n in ("values.config.yaml", "values.temporary.yaml")]
        tap.ok(all(p in flat(r.err) for p in shown) and "platform/connect" in r.err, "it shows the files to commit", r.err)
        ledger = [(e["effect"], e["state"]) for e in m.status()["ledger"]]
        tap.ok(any(e == "temporary.setting" for e, _ in ledger), "the originals are on record before", ledger)

        def sync(*more):
            words = [tool("helm3"), "template", RELEASE, m.chart, "-n", m.ns, "--values", m.path("values.yaml")]
            for path in more:
                words += ["--values", path]
            made = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
            cluster.kubectl("-n", m.ns, "apply", "-f", "-", input=made)

        sync(*shown)
        r = m.run("--until", "optimize")
        tap.equal(r.status, 0, "deployed by others, the same command sees it and goes on", r.err)
        tap.equal(records(m), [], "helm has no record of it")
        r = m.run()
        tap.equal(r.status, 3, "the revert waits for a hand, too", r.err)
        tap.ok("Take values.temporary.yaml out" in flat(r.err), "and says what to take out", r.err)
        sync(shown[0])
        r = m.run()
        tap.equal(r.status, 0, "reverted by others: to the end", r.err)
        tap.ok("MinProcessesLimit" not in m.gcfg(), "the originals are back", m.gcfg())
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal(r.status, 3, "the way back waits for a hand to scale to zero", r.err)
        tap.ok("scale deployment" in flat(r.err), "with the command", r.err)
        cluster.kubectl("-n", m.ns, "scale", "deployment", RELEASE, "--replicas=0")
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal(r.status, 0, "scaled by a hand: the way back completes", r.err)
        tap.equal([m.pods(), m.violations()], [[], []], "by others: never two Connects")


def forwards(cluster):
    """The port-forwards to this cluster that live: {pid: words}."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "port-forward" in words and any(cluster.dir in w for w in words):
            found[int(pid)] = words
    return found


def port_forward(cluster, kubelet_, postgres):
    """Supervised: on loopback, at a chosen port, past every proxy; it comes back when its pod is replaced, and is gone when we are."""
    with Migration(cluster, kubelet_, postgres, "--build-ms", 400, "--content", 24) as m:
        tap.equal(m.run("--until", "deploy").status, 0, "port-forward: deployed")
        tap.equal(forwards(cluster), {}, "none is left behind by a run that ended")
        nobody = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY")}
        p = m.start(m.plan, "--yes", "--until", "optimize", env=nobody)
        until("the first build", lambda: m.count("content.build") or p.poll() is not None)
        first = forwards(cluster)
        tap.equal(len(first), 1, "one is open while content is built, past the proxy", first)
        words = " ".join(next(iter(first.values())))
        tap.ok("--address 127.0.0.1" in words and f"svc/{RELEASE}" in words, "on loopback, to the service", words)
        p.send_signal(signal.SIGKILL)
        p.communicate()
        until("the end of the port-forward", lambda: not forwards(cluster), 20)
        tap.ok(True, "we are killed: it is gone")
        built = m.count("content.build")
        p = m.start(m.plan, "--yes", "--until", "optimize", env=nobody)
        until("more builds", lambda: m.count("content.build") > built or p.poll() is not None)
        until("its port", lambda: forwards(cluster))
        old = m.pods()
        for pod in old:
            cluster.kubectl("-n", m.ns, "delete", "pod", pod, "--wait=false")
        until("another pod", lambda: m.pods() and not set(m.pods()) & set(old))
        _, err = p.communicate(timeout=150)
        tap.ok(p.returncode in (0, 7), "its pod is replaced while content is built: the run goes on through the new one", err)
        tap.equal(m.violations(), [], "port-forward: never two Connects")
        tap.equal(forwards(cluster), {}, "and none is left")


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    parts = {"killed": lambda c, k: [killed_in_the_middle(c, k, postgres, helm) for helm in (3, 4)], "two": lambda c, k: two_helms(c, k, postgres),
             "healed": lambda c, k: healed(c, k, postgres), "suspended": lambda c, k: suspended(c, k, postgres),
             "forward": lambda c, k: port_forward(c, k, postgres), "others": lambda c, k: deployed_by_others(c, k, postgres)}
    try:
        with Cluster() as cluster, Kubelet(cluster) as k:
            if not sys.argv[1:]:
                tap.skip("a healer while the way back drains", "between two of its writes the way back can still go on, and then stops at a proof: "
                         "run this script with the word healed")
            for name in sys.argv[1:] or [p for p in parts if p != "healed"]:
                try:
                    parts[name](cluster, k)
                except Exception as e:  # a test that breaks is a failed test, and hides no other
                    import traceback
                    tap.ok(False, f"{name} runs to its end", "".join(traceback.format_exception(e)))
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
