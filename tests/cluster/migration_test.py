#!/usr/bin/env python3
"""The whole migration on a real API server, with real helm 3 and helm 4, there, back, there again and to its final end; it ends whole,
comes back whole, and leaves what it says. On the way: an API server that is away, somebody who brings the temporary settings back, and
somebody who makes the Deployment anew while the old server runs. With helm 4 the values are such as somebody wrote for the Launcher."""
import contextlib
import json
import os
import re
import subprocess

from cluster import Cluster, tool, why_not
from kubelet import Kubelet
from migration import RELEASE, Migration
from outage import Outage
from rehearsal import SRC, Postgres, Result, Tap, at_once, launcher_values, skip_all

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
MADE = sorted([f"ConfigMap/{RELEASE}-config", f"ConfigMap/{RELEASE}-execution-environments", f"ConfigMap/{RELEASE}-prestart", f"Deployment/{RELEASE}",
               f"Role/{RELEASE}", f"RoleBinding/{RELEASE}", f"Service/{RELEASE}", f"ServiceAccount/{RELEASE}"])
tap = Tap()


def flat(text):
    """Messages are wrapped to the terminal's width."""
    return " ".join(text.replace("|", " ").split())


def there(m, what):
    r = m.run()
    tap.equal(r.status, 0, f"{what}: the migration ends with 0", r.out + r.err)
    tap.equal(m.revisions(), [(1, "superseded", "deploy"), (2, "deployed", "revert")], f"{what}: one upgrade a purpose")
    tap.equal([len(m.pods()), m.count("access.open")], [1, 1], f"{what}: one pod serves, users are in")
    tap.ok("MinProcessesLimit" not in m.gcfg() and "ScheduleConcurrency = 2" in m.gcfg(), f"{what}: the originals are back", m.gcfg())


def is_back(m, before, what):
    tap.equal([m.pods(), m.status()["state"]], [[], "rolled-back"], f"{what}: no pod is left")
    after = m.all_objects()
    same = {k: after.get(k) for k in before}
    tap.equal(same, before, f"{what}: what was there before is as it was")
    made = sorted(k for k in after if k not in before and not k.startswith("ReplicaSet/"))
    tap.equal(made, MADE, f"{what}: what stays is the release's, without pods")
    tap.equal([k for k in made if k.split("/")[1] not in m.report()], [], f"{what}: and the report names each of them")
    spec = after.get(f"Deployment/{RELEASE}", {}).get("spec", {})
    tap.equal([spec.get("replicas"), spec.get("paused")], [0, True], f"{what}: it is scaled to zero, and paused")


# ---- helm 3: there, back, there again past an outage and a healer, final ----

def step_of_the_runbook(m, before, line):
    """The plan's runbook is a copy with one more step before that one."""
    with open(os.path.join(SRC, "plans", "vm-to-kubernetes.yaml"), encoding="utf-8") as f:
        text = f.read()
    text = re.sub(rf"^(      - {{uses: {re.escape(before)}[,}}].*)$", rf"      - {line}\n\1", text, count=1, flags=re.M)
    with open(m.path("runbook.yaml"), "w", encoding="utf-8") as f:
        f.write(text)
    m.write_plan(re.sub(r"^runbook: .*$", "runbook: ./runbook.yaml", m.plan_text(), flags=re.M))


def old_manifests(m):
    """The ConfigMap and the Deployment with the temporary settings, as somebody keeps them in a repository."""
    items = [m.api.get(f"/api/v1/namespaces/{m.ns}/configmaps/{RELEASE}-config"), m.api.get(f"{DEPLOYMENTS.format(m.ns)}/{RELEASE}")]
    for o in items:
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
            o["metadata"].pop(key, None)
        o.pop("status", None)
    return {"apiVersion": "v1", "kind": "List", "items": items}


def heals(m):
    m.cluster.kubectl("-n", m.ns, "apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", m.path("old.json"))


def away(m, way, what, begins, *args):
    """The API server is away for some seconds from that moment on: it is waited for, and the same run goes on. Exit status, what it said."""
    p = m.start(m.plan, "--yes", *args)
    m.cluster.wait(what, lambda: begins() or p.poll() is not None, 150)
    with way.closed():
        m.cluster.wait("a refusal", lambda: way.refused or p.poll() is not None, 60)
        with contextlib.suppress(subprocess.TimeoutExpired):
            p.wait(timeout=3)
        gone_on = p.poll() is None
    _, err = p.communicate(timeout=200)
    tap.ok(way.refused and gone_on, f"the API server is away {what}: the run waits for it", f"{way.refused} {p.returncode} {err}")
    way.refused = 0
    return Result(p.returncode, "", err)


def healed_behind_the_revert(m, way):
    """The API server is away behind the revert's upgrade, and the old manifests come back while a person logs in: that is seen before users
    are let in, and put right by the same command."""
    with open(m.path("heal"), "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\n[ -e {m.path('old.json')} ] && [ ! -e {m.path('healed')} ] || exit 0\ntouch {m.path('healed')}\n"
                f"exec {tool('kubectl')} --kubeconfig {m.cluster.path('admin.kubeconfig')} -n {m.ns} apply --server-side --force-conflicts "
                f"--field-manager=argocd-controller -f {m.path('old.json')}\n")
    os.chmod(m.path("heal"), 0o755)
    opened = m.count("access.open")
    r = away(m, way, "once the revert is sent", lambda: m.revisions()[-1][1:] == ("deployed", "revert"))
    tap.ok(r.status == 9 and "step temporary.verify" in flat(r.err), "somebody brings the temporary settings back behind the revert: it stops", r.err)
    tap.ok("Scheduler.MinProcessesLimit is in force again" in flat(r.err) and "argocd-controller" in r.err, "with which, and who", r.err)
    tap.equal(m.count("access.open"), opened, "before users are let in")
    r = m.run(timeout=200)
    tap.ok(r.status == 0 and "temporary.revert no longer holds" in flat(r.err), "off, the same command reverts them once more", r.err)
    tap.equal(["MinProcessesLimit" in m.gcfg(), len(m.pods()), m.count("access.open")], [False, 1, opened + 1], "and ends whole")


def final(m):
    """What is left over is found and settled; what is not as it was verified is refused, with what to type."""
    job = {"metadata": {"name": "connect-migrate-pull-x", "labels": {"app.kubernetes.io/managed-by": "connect-migrate"}},
           "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}}
    m.api.post(f"/apis/batch/v1/namespaces/{m.ns}/jobs", job)
    heals(m)
    r = m.cli("finish", m.plan, "--yes")
    tap.ok(r.status == 9 and "is in force again" in flat(r.err) and "argocd-controller" in r.err, "finish with temporary settings in force: refused", r.err)
    tap.ok("deploy once more" in flat(r.err) and "values.config.yaml" in r.err, "and how it is put right", r.err)
    files = [m.path("values.yaml"), os.path.join(m.run_dir, "artifacts", "values.config.yaml")]
    m.cluster.helm("-n", m.ns, "upgrade", RELEASE, m.chart, "-f", files[0], "-f", files[1])
    r = m.cli("finish", m.plan, "--yes")
    tap.equal(r.status, 0, "deployed as it says, the same command ends with 0", r.err)
    tap.ok("Job connect-migrate-pull-x was deleted" in flat(r.err) and "no Job of ours is left" in flat(r.err), "a Job that was left is taken away, then looked for",
           r.err)
    tap.equal(m.api.get(f"/apis/batch/v1/namespaces/{m.ns}/jobs")["items"], [], "and gone")
    ledger = m.status()["ledger"]
    tap.equal(sorted({e["state"] for e in ledger} - {"back"}), ["final"], "each change is taken back or declared to stay")
    account = m.api.get(f"/api/v1/namespaces/{m.ns}/serviceaccounts/default")["metadata"]["labels"]
    tap.equal([account.get("connect.posit.co/service-account"), len(m.pods())], ["true", 1], "the label that content needs stays, and the server serves")
    lines = m.lines()
    r = m.cli("finish", m.plan, "--yes")
    tap.equal([r.status, m.lines()], [0, lines], "typed again: 0, and nothing more on record", r.err)
    r = m.cli("rollback", m.plan, "--yes")
    tap.ok(r.status == 9 and "no way back any more" in flat(r.err), "and there is no way back any more", r.err)


def there_and_back_and_there(cluster, kubelet, postgres):
    with Migration(cluster, kubelet, postgres, "--pod-ms", 200, helm=3) as m:
        before = m.all_objects()
        way = Outage(m)
        step_of_the_runbook(m, "temporary.verify", f"{{uses: command.run, id: healer, with: {{run: [{m.path('heal')}]}}}}")
        with open(m.path("heal"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n")
        os.chmod(m.path("heal"), 0o755)
        there(m, "helm 3")
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal(r.status, 0, "helm 3: the way back ends with 0", r.out + r.err)
        is_back(m, before, "helm 3")
        begun = m.begun("storage.prove")
        r = away(m, way, "in storage.prove", lambda: m.begun("storage.prove") > begun, "--again", "--until", "deploy")
        tap.equal(r.status, 0, "and goes on to the stage's end", r.err)
        with open(m.path("old.json"), "w", encoding="utf-8") as f:
            json.dump(old_manifests(m), f)
        begun = m.begun("connect.verify")
        r = away(m, way, "in connect.verify", lambda: m.begun("connect.verify") > begun, "--until", "optimize", "--redo", "connect.verify")
        tap.equal(r.status, 0, "and goes on to the stage's end", r.err)
        healed_behind_the_revert(m, way)
        final(m)
        tap.equal(m.violations(), [], "helm 3: never two Connects")


# ---- helm 4: somebody makes the Deployment anew, beside the old server ----

def is_converted(m, own):
    """What helm has on record, and what the cluster has of it."""
    with open(m.path("values.yaml"), encoding="utf-8") as f:
        tap.equal(f.read(), own, "values for the Launcher stay as they are")
    for revision in (1, 2):
        given = m.release(revision)["config"]
        job = given["backends"]["kubernetes"]["defaultResourceJobBase"]
        tap.equal([given["launcher"], given["backends"]["kubernetes"]["enabled"], job["metadata"]["annotations"], job["spec"]["template"]["spec"]["nodeSelector"]],
                  [{"enabled": False}, True, {"example.com/owner": "data-science"}, {"workload": "content"}],
                  f"helm's revision {revision} has them converted for the direct runner", given)
    job = m.api.get(f"/api/v1/namespaces/{m.ns}/configmaps/{RELEASE}-config")["data"].get("job.yaml", "")
    tap.ok("workload: content" in job and "HTTPS_PROXY" in job and "[Kubernetes]" in m.gcfg(), "content's Jobs are made with them", job + m.gcfg())


def made_anew(cluster, kubelet, postgres):
    with Migration(cluster, kubelet, postgres, "--pod-ms", 200, helm=4) as m:
        before = m.all_objects()
        own = launcher_values(m)
        there(m, "helm 4")
        is_converted(m, own)
        manifest = old_manifests(m)["items"][1]
        p = m.start("rollback", m.plan, "--yes")
        cluster.wait("the old server's start", lambda: m.count("service.start") or p.poll() is not None, 150)
        cluster.kubectl("-n", m.ns, "delete", "deployment", RELEASE)
        cluster.kubectl("-n", m.ns, "create", "-f", "-", input=json.dumps(manifest))
        _, err = p.communicate(timeout=150)
        beside = len(m.violations())
        tap.ok("deleted and made anew while the old server runs; it is scaled to zero and paused at once" in flat(err),
               "the Deployment is made anew beside the old server: it is seen, and stopped at once", err)
        tap.equal(p.returncode, 9 if beside else 0, "where it had a pod by then the way back stops", err)
        tap.ok(not beside or ("kubectl-create" in err and "look at the old server's log" in flat(err)), "with who did it, and what to do", err)
        cluster.wait("its pod's end", lambda: not m.pods())
        r = m.cli("rollback", m.plan, "--yes", timeout=150)
        tap.equal(r.status, 0, "the same command ends it whole", r.err)
        is_back(m, before, "helm 4, made anew")
        tap.equal(len(m.violations()), beside, "and no other pod came up")


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            at_once([lambda part=part: tap.part(part, cluster, kubelet, postgres) for part in (there_and_back_and_there, made_anew)])
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
