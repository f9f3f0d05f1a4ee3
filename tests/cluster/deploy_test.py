#!/usr/bin/env python3
"""The deployment on a real API server with helm 3 and helm 4: killed in the middle, two helms at once, an administrator's own upgrade, another
deployer that heals, a deployment done by others, a port-forward whose pod is replaced."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from cluster import Cluster, tool, why_not
from kubelet import Kubelet
from migration import RELEASE, Migration
from rehearsal import Postgres, Result, Tap, skip_all

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


class Hanging:
    """An admission webhook for the namespace's ConfigMaps that never answers: helm waits, its record made and its objects not."""

    def __init__(self, m):
        self.m, self.name = m, f"hangs-{m.ns}"

    def __enter__(self):
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.m.api.put("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": self.name},
            "webhooks": [{"name": "hangs.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Ignore", "timeoutSeconds": 30,
                          "clientConfig": {"url": f"https://127.0.0.1:{self.silent.getsockname()[1]}/"},
                          "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.m.ns}},
                          "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]}]})
        time.sleep(0.5)    # until the API server has heard of it
        return self

    def __exit__(self, *_):
        self.m.api.delete(f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{self.name}")
        self.silent.close()


def killed_in_the_middle(cluster, kubelet_, postgres, helm):
    """helm dies by -9 in its first revision, pending-install: once with the run, which then is typed again, once alone. Each time its
    record is freed and the upgrade sent again."""
    with Migration(cluster, kubelet_, postgres, helm=helm) as m:
        wrapped_helm(m, '[ $1 = upgrade ] && { echo $$ >$DIR/helm.pid; touch $DIR/here; while [ ! -e $DIR/go ]; do sleep 0.05; done; }')
        for alone in (False, True):
            p = m.start(m.plan, "--yes", "--until", "deploy")
            until("helm", lambda p=p: os.path.exists(m.path("here")) or p.poll() is not None, 100)
            with Hanging(m):
                open(m.path("go"), "w", encoding="utf-8").close()
                until("its record", lambda p=p: m.revisions() or p.poll() is not None)
                tap.equal([s for _, s, _ in m.revisions()], ["pending-install"], f"helm {helm} is at work on the first revision")
                if not alone:
                    p.kill()
                    p.communicate()
                with open(m.path("helm.pid"), encoding="utf-8") as f:
                    os.kill(int(f.read()), signal.SIGKILL)
            if not alone:
                os.unlink(m.path("go"))
                os.unlink(m.path("here"))
                r = m.cli("status", m.plan)
                tap.ok("its outcome is not known yet" in flat(r.out), f"helm {helm} killed with the run: status does not say more than is known", r.out)
        _, err = p.communicate(timeout=150)
        tap.equal(p.returncode, 0, f"helm {helm} killed while pending, with the run and without: it goes on", err)
        tap.equal(flat(err).count("pending-install, ours, and no helm works on it any more: its record is deleted"), 2,
                  f"helm {helm}: each time the pending record was freed, and that was said", err)
        tap.equal([m.revisions(), len(m.pods())], [[(1, "deployed", "deploy")], 1], f"helm {helm}: one revision, one pod")
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
    """Somebody who applies his own manifests again and again, on the server as Argo CD does or as `kubectl apply` does."""

    def __init__(self, m, objects, every=1.0, manager="argocd-controller"):
        super().__init__(daemon=True)
        self.m, self.objects, self.every = m, objects, every
        self.words = ["--server-side", "--force-conflicts", f"--field-manager={manager}"] if manager else []
        self.stop = threading.Event()
        self.times = 0

    def run(self):
        while not self.stop.wait(self.every):
            subprocess.run([tool("kubectl"), "--kubeconfig", self.m.cluster.path("admin.kubeconfig"), "-n", self.m.ns, "apply", *self.words, "-f", "-"],
                           input=json.dumps(self.objects), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
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
            o["spec"].pop("replicas", None)
            o["spec"] |= {"replicas": replicas} if replicas is not None else {}
        items.append(o)
    return {"apiVersion": "v1", "kind": "List", "items": items}


def stops_and_says_who(m, what, who, begun, r, revisions):
    took = time.monotonic() - begun
    tap.equal(r.status, 9, f"{what}: it stops", r.err)
    tap.ok("somebody else changes the" in flat(r.err) and who in r.err, f"{what}: the message names who", r.err)
    tap.ok("suspend that" in flat(r.err) and took < 90, f"{what}: and what to do, soon ({took:.0f} s)", r.err)
    tap.ok(len(m.revisions()) - revisions <= 3, f"{what}: no endless fight", m.revisions())
    tap.equal(m.violations(), [], f"{what}: never two Connects")


def healed_forward(cluster, kubelet_, postgres, helm):
    """A loop that applies the old manifests every second: no endless fight, a clear message; and once it is off the same command goes on."""
    with Migration(cluster, kubelet_, postgres, helm=helm) as m:
        tap.equal(m.run("--until", "optimize").status, 0, f"healed, helm {helm}: built first")
        old = old_manifests(m)
        what = f"healed, helm {helm}, while the settings are reverted"
        n, begun = len(m.revisions()), time.monotonic()
        with Healer(m, old):
            r = m.run()
        stops_and_says_who(m, what, "argocd-controller", begun, r, n)
        r = m.run()
        tap.equal([r.status, "MinProcessesLimit" in m.gcfg()], [0, False], f"{what}: off, the same command completes", r.err)
        what = f"healed, helm {helm}, before the way back"
        n, begun = len(m.revisions()), time.monotonic()
        with Healer(m, old) as healer:
            until("the healer", lambda: healer.times > 1)
            r = m.cli("rollback", m.plan, "--yes", timeout=100)
        stops_and_says_who(m, what, "argocd-controller", begun, r, n)
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal([r.status, m.pods(), m.violations()], [0, [], []], f"{what}: off, the same command completes", r.err)


def healed_back(cluster, kubelet_, postgres, helm):
    """The same at the moments of the way back when nobody looks: no two Connects, and it goes on from wherever it stopped."""
    with Migration(cluster, kubelet_, postgres, helm=helm) as m:
        tap.equal(m.run("--until", "optimize").status, 0, f"healed, helm {helm}: built first")
        old = old_manifests(m)
        what = f"healed, helm {helm}, by kubectl apply while the way back drains"
        n, begun = len(m.revisions()), time.monotonic()
        p = m.start("rollback", m.plan, "--yes")
        until("scaled to zero", lambda: m.revisions()[-1][1:] == ("deployed", "scale") and len(m.revisions()) > n or p.poll() is not None)
        with Healer(m, old, 0.3, manager=None):
            _, err = p.communicate(timeout=100)
        stops_and_says_who(m, what, "kubectl-client-side-apply", begun, Result(p.returncode, "", err), n)
        what = f"healed, helm {helm}, while nothing ran"
        with Healer(m, old, 0.1) as healer:
            until("the healer", lambda: healer.times > 1)
        p = m.start("rollback", m.plan, "--yes")
        until("the old server", lambda: m.count("service.start") or p.poll() is not None)
        with Healer(m, old, 0.1) as healer:
            _, err = p.communicate(timeout=100)
            until("the healer after the old server's start", lambda: healer.times > 2)
            time.sleep(0.5)    # for a pod to come, if one does
        tap.equal(p.returncode, 0, f"{what}: the way back completes", err)
        tap.equal([m.pods(), m.violations()], [[], []], f"{what}, and after the old server's start: never two Connects, and no pod")
        what = f"healed, helm {helm}, forward again"
        r = m.run("--again")
        tap.equal([r.status, len(m.pods()), m.violations()], [0, 1, []], f"{what}: the Deployment is resumed, its pod serves", r.err)


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


def port_forward_to_nobody(cluster, kubelet_, postgres):
    """The pod goes while every request waits for its answer, and kubectl says nothing: requests wait up to 40 s, and users wait with them."""
    with Migration(cluster, kubelet_, postgres, "--build-ms", 1500, "--pod-ms", 800) as m:
        tap.equal(m.run("--until", "deploy").status, 0, "nobody behind the port-forward: deployed")
        p = m.start(m.plan, "--yes", "--until", "optimize")
        until("a build", lambda: m.count("content.build") or p.poll() is not None)
        time.sleep(0.4)
        for pod in m.pods():
            cluster.kubectl("-n", m.ns, "delete", "pod", pod, "--wait=false")
        begun = time.monotonic()
        _, err = p.communicate(timeout=150)
        took = time.monotonic() - begun
        tap.ok(p.returncode == 0 and took < 38, f"it is opened again before the requests' limit ({took:.0f} s)", err)
        built = [e["guid"] for e in m.effects() if e["effect"] == "content.build"]
        tap.equal(len(built), len(set(built)), "what was being built is followed on the new pod, and built once", built)


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    parts = {"killed": [(killed_in_the_middle, 3), (killed_in_the_middle, 4)], "two": [(two_helms,)],
             "healed": [(healed_forward, 4), (healed_back, 3)], "suspended": [(suspended,)], "forward": [(port_forward,), (port_forward_to_nobody,)],
             "others": [(deployed_by_others,)]}
    try:
        with Cluster() as cluster, Kubelet(cluster) as k:
            for name in sys.argv[1:] or parts:
                for part, *words in parts[name]:
                    tap.part(part, cluster, k, postgres, *words)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
