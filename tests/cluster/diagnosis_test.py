#!/usr/bin/env python3
"""Why a deployment does not come up, on a real API server: the scheduler's own words, the quota's, a kubelet's, Connect's log (the other rows: tests/unit/test_diagnosis.c).
The cause is named
with its evidence and what to do; what nobody knows is shown as it is; once it is mended, the same command goes on."""
import re
import time

import kubelet
from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, skip_all

tap = Tap()


def flat(text):
    return " ".join(text.replace("|", " ").split())


def replace_pods(cluster, m):
    for name in m.pods():
        cluster.kubectl("-n", m.ns, "delete", "pod", name, "--wait=false")
    end = time.monotonic() + 30
    old = set(m.pods())
    while time.monotonic() < end and old & set(m.pods()):
        time.sleep(0.05)


def cordon(cluster, m, on):
    cluster.api().merge("/api/v1/nodes/worker-1", {"spec": {"unschedulable": on}})


def quota(cluster, m, on):
    if on:
        m.api.put("v1", "resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": m.ns},
                                           "spec": {"hard": {"pods": "0"}}})
        path = f"/api/v1/namespaces/{m.ns}/resourcequotas/none"
        cluster.wait("the quota", lambda: "hard" in m.api.get(path).get("status", {}))
    else:
        m.api.delete(f"/api/v1/namespaces/{m.ns}/resourcequotas/none")
        sets = f"/apis/apps/v1/namespaces/{m.ns}/replicasets"
        for o in m.api.get(sets)["items"]:    # its controller waits longer each time; a change makes it look at once
            m.api.merge(f"{sets}/{o['metadata']['name']}", {"metadata": {"annotations": {"looked": "again"}}})


DB = "Error: Unable to initialize the database: "
# name: (what a kubelet plays, what is done to the cluster, words of the cause, of the evidence, of the remedy; None: no cause is known)
ROWS = [
    ("an image that is not there", kubelet.stuck("ImagePullBackOff", 'Back-off pulling image "posit/connect:1"'), None, "an image cannot be pulled",
     "ImagePullBackOff", "image.tag"),
    ("another data folder", kubelet.crashing(DB + "Secret key mismatch between database and file"), None, "not the old server's", "Secret key mismatch",
     "Never run reset-secret-key"),
    ("no license", kubelet.never_ready("started", [("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 402")]), None,
     "no license that it accepts", "statuscode: 402", "license-manager status"),
    ("no room on any node", None, cordon, "no node can take the pod", "nodes are available", "nodeSelector"),
    ("a quota", None, quota, "quota is used up", "exceeded quota", "resourcequota"),
    ("a program fault", kubelet.crashing("panic: runtime error: index out of range"), None, None, "panic: runtime error", None),
]


def row(cluster, kubelet_, m, name, player, done, cause, evidence, remedy):
    if player:
        kubelet_.play(m.ns, player)
    if done:
        done(cluster, m, True)
    replace_pods(cluster, m)
    r = m.run("--until", "deploy")
    said = flat(r.err)
    tap.equal(r.status, 1, f"{name}: the step fails", r.err)
    named = len(set(re.findall("likely cause: (.{24})", said)))
    if cause:
        tap.ok(named == 1 and cause in said and remedy in said, f"{name}: the cause is named, one, with what to do", r.err)
    else:
        tap.ok(named == 0 and "no cause that is known fits" in said, f"{name}: nothing is invented", r.err)
    tap.ok(evidence in said, f"{name}: what was seen stands there", r.err)
    if done:
        done(cluster, m, False)


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as k:
            with Migration(cluster, k, postgres, player=lambda m: ROWS[0][1]) as m:
                m.write_plan(m.plan_text() + "\nsteps: {pods.wait: {timeout: 16s}}\n")
                for what in ROWS:
                    row(cluster, k, m, *what)
                k.play(m.ns, kubelet.world(m))
                replace_pods(cluster, m)
                m.write_plan(m.plan_text().replace("timeout: 16s", "timeout: 2m"))
                r = m.run("--accept-plan-changes")
                tap.equal([r.status, m.violations()], [0, []], "all is mended: the same command goes to its end", r.err)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
