#!/usr/bin/env python3
"""Connect's real chart on the tests' cluster, where CM_REAL_CHART names a copy of it (a folder with its dependency in charts/, or an
archive): a migration with it, and one whose values are the upgrade guide's example, converted (CM_SEEDS, or ../shared/seeds, has the guide)."""
import json
import os
import re
import subprocess

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import RUN, SRC, Postgres, Tap, skip_all

CHART = os.environ.get("CM_REAL_CHART", "")
GUIDE = os.path.join(os.environ.get("CM_SEEDS", os.path.join(SRC, "..", "shared", "seeds")), "upgrade-to-direct-kubernetes-runner.txt")
tap = Tap()


def there_and_back(m, name):
    r = m.run()
    tap.equal(r.status, 0, f"{name}: the migration ends with 0", r.out + r.err)
    tap.equal(m.revisions(), [(1, "superseded", "deploy"), (2, "deployed", "revert")], f"{name}: one upgrade a purpose")
    tap.ok(not re.search(r"MinProcessesLimit|\[Launcher\]\n\w", m.gcfg()), f"{name}: nothing temporary and no Launcher in the configuration", m.gcfg())
    job = m.api.get(f"/api/v1/namespaces/{m.ns}/configmaps/rstudio-connect-prod-config")["data"].get("job.yaml", "")
    r = m.cli("rollback", m.plan, "--yes")
    tap.equal([r.status, m.pods(), m.violations()], [0, [], []], f"{name}: and back, never two Connects", r.out + r.err)
    return job


def guides_values():
    with open(GUIDE, encoding="utf-8") as f:
        guide = f.read()
    return guide[guide.index("values.yaml (launcher)\n") + len("values.yaml (launcher)\n"):guide.index("\nAfter (direct Kubernetes runner):")]


def with_converted_values(cluster, kubelet, postgres, helm):
    with Migration(cluster, kubelet, postgres, "--pod-ms", 200, helm=helm, chart=CHART) as m:
        with open(m.path("launcher.yaml"), "w", encoding="utf-8") as f:
            f.write(guides_values().replace("my-release-rstudio-connect-shared-storage", "connect-data"))
        p = subprocess.run([RUN, "convert", "values", "--output", m.path("converted.yaml"), m.path("launcher.yaml")], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, check=False)
        tap.equal(p.returncode, 0, "the guide's example converts", p.stderr)
        # The world's values name their own base for Jobs; the guide's is the one to see.
        with open(m.path("values.yaml"), encoding="utf-8") as f:
            text = f.read()
        base = text[text.index("    defaultResourceJobBase:"):text.index("launcher:")]
        with open(m.path("values.yaml"), "w", encoding="utf-8") as f:
            f.write(text.replace(base, "\n"))
        m.write_plan(m.plan_text().replace("  values: [values.yaml]\n", "  values: [converted.yaml, values.yaml]\n"))
        for kind, name, body in (("secrets", "app-secrets", {"stringData": {"database-url": "postgres://x"}}),
                                 ("secrets", "registry-credentials", {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": '{"auths":{}}'}}),
                                 ("configmaps", "content-config", {"data": {"a": "b"}}), ("serviceaccounts", "connect-content-sa", {})):
            m.api.put("v1", kind, {"metadata": {"name": name, "namespace": m.ns}, **body})
        job = there_and_back(m, f"converted values, helm {helm}")
        tap.ok(all(s in job for s in ("connect-content-sa", "app-secrets", "log-forwarder", "wait-for-db")), "content's Jobs have what the guide's values gave them",
               json.dumps(job))


def main():
    why = why_not("helm4")
    if not CHART:
        skip_all("CM_REAL_CHART names no copy of Connect's chart")
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            for helm in (3, 4):
                with Migration(cluster, kubelet, postgres, "--pod-ms", 200, helm=helm, chart=CHART) as m:
                    there_and_back(m, f"the real chart, helm {helm}")
            if os.path.exists(GUIDE):
                with_converted_values(cluster, kubelet, postgres, 3)
            else:
                tap.skip("values of the upgrade guide, converted", f"{GUIDE} is not there; CM_SEEDS names its folder")
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
