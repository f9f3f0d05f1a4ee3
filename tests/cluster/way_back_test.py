#!/usr/bin/env python3
"""The way back on a real cluster, begun behind any step and interrupted in any of its own: Ctrl-C as a terminal gives it, to the whole
process group, forward and back. The same command then ends it whole, the namespace holds what it held, and forward again goes through.

CM_EVERY_STEP=1 begins it behind every step and interrupts it in every step; else two pairs are taken."""
import os
import signal
import time

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import RELEASE, Migration
from rehearsal import Postgres, Tap, at_once, skip_all

FORWARD = ["access.close", "storage.mark", "service.stop", "database.quiesce", "backup.take", "serviceaccounts.label", "helm.deploy", "pods.wait",
           "storage.prove", "connect.verify", "caches.clear", "content.build", "temporary.revert", "content.validate", "gate.login",
           "temporary.verify", "access.open", "report.write"]
BACK = ["gate.rollback", "access.close", "deployer.suspend", "release.scale", "cluster.drained", "ledger.settle", "service.start", "source.verify",
        "access.open", "cluster.stays", "report.write"]
FEW = [("helm.deploy", "cluster.drained"), ("temporary.revert", "service.start")]
tap = Tap()


def ctrl_c(m, step, *args):
    """A start of the program, and Ctrl-C as soon as it begins that step: exit status, whether it was still there, what it said."""
    had = m.begun(step)
    p = m.start(*args, start_new_session=True)
    end = time.monotonic() + 100
    while p.poll() is None and m.begun(step) == had and time.monotonic() < end:
        time.sleep(0.002)
    hit = p.poll() is None
    if hit:
        os.killpg(p.pid, signal.SIGINT)
    _, err = p.communicate(timeout=100)
    return p.returncode, hit, err


def given_up(cluster, kubelet, postgres, stop_in, interrupt_in, helm):
    what = f"given up in {stop_in}, interrupted in {interrupt_in}, helm {helm}"
    with Migration(cluster, kubelet, postgres, "--pod-ms", 150, helm=helm) as m:
        before = m.all_objects()
        status, hit, err = ctrl_c(m, stop_in, m.plan, "--yes")
        tap.ok(status == 130 or (status == 0 and stop_in == FORWARD[-1]), f"{what}: Ctrl-C ends the run, and is no failure of the step",
               f"{status} {hit} {err}")
        status, hit, err = ctrl_c(m, interrupt_in, "rollback", m.plan, "--yes")
        tap.ok(status == 130 or (status == 0 and interrupt_in == BACK[-1]), f"{what}: so it does on the way back", f"{status} {hit} {err}")
        r = m.cli("rollback", m.plan, "--yes", timeout=200)
        tap.equal([r.status, m.status()["state"], m.pods()], [0, "rolled-back", []], f"{what}: the same command ends it whole", r.err)
        after = m.all_objects()
        tap.equal({k: after.get(k) for k in before}, before, f"{what}: what the namespace held it holds")
        made = [k for k in after if k not in before]
        tap.equal([k for k in made if k.split("/")[1] not in m.report()], [], f"{what}: the report names what stays of the release")
        r = m.run("--again", timeout=200)
        tap.equal([r.status, len(m.pods()), "MinProcessesLimit" in m.gcfg()], [0, 1, False], f"{what}: forward again, to the end", r.err)
        again = m.all_objects()
        tap.ok(not again[f"Deployment/{RELEASE}"]["spec"].get("paused") and set(made) <= set(again), f"{what}: nothing of the way back is left", sorted(again))
        tap.equal(m.violations(), [], f"{what}: never two Connects")


def every_pair():
    n = max(len(FORWARD), len(BACK))
    return [(FORWARD[i % len(FORWARD)], BACK[i % len(BACK)]) for i in range(n)]


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    pairs = every_pair() if os.environ.get("CM_EVERY_STEP") else FEW
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            at_once([lambda i=i, pair=pair: tap.part(given_up, cluster, kubelet, postgres, *pair, 3 + i % 2) for i, pair in enumerate(pairs)])
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
