#!/usr/bin/env python3
"""The whole migration on a real API server, with real helm 3 and helm 4: it ends whole, comes back whole, and leaves what it says. With helm 4
the values are such as somebody wrote for the Launcher."""
import os

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import RELEASE, Migration
from rehearsal import Postgres, Tap, launcher_values, skip_all

tap = Tap()


def forward_and_back(cluster, kubelet, postgres, helm):
    with Migration(cluster, kubelet, postgres, "--pod-ms", 200, helm=helm) as m:
        before = m.all_objects()
        own = launcher_values(m) if helm == 4 else None
        r = m.run()
        tap.equal(r.status, 0, f"helm {helm}: the migration ends with 0", r.out + r.err)
        tap.equal(m.revisions(), [(1, "superseded", "deploy"), (2, "deployed", "revert")], f"helm {helm}: one upgrade a purpose")
        tap.equal([len(m.pods()), m.count("access.open")], [1, 1], f"helm {helm}: one pod serves, users are in")
        tap.ok("MinProcessesLimit" not in m.gcfg() and "ScheduleConcurrency = 2" in m.gcfg(), f"helm {helm}: the originals are back", m.gcfg())
        if own:
            is_converted(m, own)
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal(r.status, 0, f"helm {helm}: the way back ends with 0", r.out + r.err)
        tap.equal([m.pods(), m.violations()], [[], []], f"helm {helm}: no pod is left, and there were never two Connects")
        after = m.all_objects()
        same = {k: after.get(k) for k in before}
        tap.equal(same, before, f"helm {helm}: what was there before is as it was")
        made = sorted(k for k in after if k not in before and not k.startswith("ReplicaSet/"))
        tap.equal(made, sorted([f"ConfigMap/{RELEASE}-config", f"ConfigMap/{RELEASE}-execution-environments", f"ConfigMap/{RELEASE}-prestart",
                                f"Deployment/{RELEASE}", f"Role/{RELEASE}", f"RoleBinding/{RELEASE}", f"Service/{RELEASE}",
                                f"ServiceAccount/{RELEASE}"]), f"helm {helm}: what stays is the release's, without pods")
        with open(os.path.join(m.run_dir, "report.md"), encoding="utf-8") as f:
            report = f.read()
        tap.equal([k for k in made if k.split("/")[1] not in report], [], f"helm {helm}: and the report names each of them")
        tap.equal(after.get(f"Deployment/{RELEASE}", {}).get("spec", {}).get("replicas"), 0, f"helm {helm}: it is scaled to zero")


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


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            for helm in (3, 4):
                forward_and_back(cluster, kubelet, postgres, helm)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
