#!/usr/bin/env python3
"""The tests' Kubernetes itself: it is real, the tools agree with it, and nothing of it is left behind."""
import os
import subprocess
import sys

from cluster import Cluster, tool, why_not
from rehearsal import Tap, skip_all


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    tap = Tap()
    with Cluster() as c:
        ns = c.namespace()
        pids = [p.pid for _, p in c.processes]
        versions = c.kubectl("version").stdout
        tap.ok(versions.count("v1.36.") == 2, "kubectl and the API server know their versions", versions)
        for major in (3, 4):
            p = c.helm("-n", ns, "list", version=major, check=False)
            tap.ok(p.returncode == 0, f"helm {major} reaches the cluster", p.stderr)
            p = subprocess.run([tool(f"helm{major}"), "version", "--short"], stdout=subprocess.PIPE, text=True, check=False)
            tap.ok(p.stdout.startswith(f"v{major}."), f"helm {major} says its version", p.stdout)
        p = c.kubectl("-n", ns, "get", "pods", user="ann", check=False)
        tap.ok(p.returncode != 0 and "Forbidden" in p.stderr, "a user without rights is refused", p.stdout + p.stderr)
    alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    tap.equal(alive, [], "the cluster's programs end with the script")
    tap.end()


if __name__ == "__main__":
    sys.exit(main())
