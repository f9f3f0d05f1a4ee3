#!/usr/bin/env python3
"""Killed with -9 at random moments on a real cluster, forward and on the way back: the same command ends it whole. CM_SEED says which
moments, CM_KILLS how many in each direction (20)."""
import os
import random
import subprocess

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, at_once, skip_all

KILLS = int(os.environ.get("CM_KILLS", "20"))
EACH = 5        # kills of one migration
tap = Tap()


def killed_often(m, chance, *args):
    """The same command until it ends by itself: its status, and when it was killed."""
    killed = []
    while True:
        with open(m.path("output.txt"), "wb") as out:
            p = subprocess.Popen([m.program, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                moment = chance.uniform(0.05, 1.0) ** 1.5 * m.longest if len(killed) < EACH else 150
                p.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                if len(killed) == EACH:
                    return -999, killed, m.output()
                killed.append(round(moment, 2))
                continue
        return p.returncode, killed, m.output()


class Often(Migration):
    program = os.path.join(os.environ.get("CM_BUILD", "."), "connect-migrate-run")
    longest = 5.0

    def output(self):
        with open(self.path("output.txt"), encoding="utf-8", errors="replace") as f:
            return f.read()[-6000:]


def one(cluster, kubelet, postgres, seed, helm):
    chance = random.Random(seed)
    with Often(cluster, kubelet, postgres, "--pod-ms", 300, helm=helm) as m:
        before = m.all_objects()
        status, killed, text = killed_often(m, chance, m.plan, "--yes")
        what = f"helm {helm}, seed {seed}, killed after {killed} s"
        tap.equal(status, 0, f"{what}: ends whole", text)
        tap.equal([(r, p) for r, _, p in m.revisions()], [(1, "deploy"), (2, "revert")], f"{what}: one upgrade a purpose", text)
        tap.equal(m.violations(), [], f"{what}: never two Connects")
        tap.equal([m.count(e) for e in ("service.stop", "backup.take", "access.close", "access.open")], [1, 1, 1, 1], f"{what}: each effect once")
        m.longest = 2.5
        status, back, text = killed_often(m, chance, "rollback", m.plan, "--yes")
        what = f"helm {helm}, seed {seed}, rollback killed after {back} s"
        tap.equal(status, 0, f"{what}: ends whole", text)
        tap.equal([m.pods(), m.violations()], [[], []], f"{what}: no pod, never two Connects")
        after = m.all_objects()
        tap.equal({k: after.get(k) for k in before}, before, f"{what}: what was there before is as it was")
        return len(killed), len(back)


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    first = int(os.environ.get("CM_SEED", "1"))
    counted = []
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            jobs = [lambda s=s: counted.append(one(cluster, kubelet, postgres, s, 3 + s % 2)) for s in range(first, first + max(1, KILLS // EACH))]
            at_once(jobs)
    finally:
        postgres.stop()
    print(f"# killed {sum(c[0] for c in counted)} times forward, {sum(c[1] for c in counted)} times on the way back")
    tap.end()


if __name__ == "__main__":
    main()
