#!/usr/bin/env python3
"""How long the service is down: from the old server's stop to the first verified answer of the new one, with pods that take t seconds, in
the world and on a real cluster. A table, no verdict on a time: the machine may be busy. CM_POD_S names the seconds (0.2 3)."""
import calendar
import os
import time

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, World

SECONDS = [float(s) for s in os.environ.get("CM_POD_S", "0.2 3").split()]
tap = Tap()


def moment(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + text[19:-1])


def down_for(w):
    """Seconds from the effect on the unit to the record that connect.verify is done; and what the steps in between took."""
    stop = next(moment(e["at"]) for e in w.effects() if e["effect"] == "service.stop")
    steps = []
    for line in w.journal():
        for e in line["ev"]:
            if e["type"] == "step.end":
                steps.append((e["step"], moment(line["at"])))
                if e["step"] == "connect.verify":
                    since = [("", stop)] + [s for s in steps if s[1] > stop]
                    return moment(line["at"]) - stop, {b[0]: b[1] - a[1] for a, b in zip(since, since[1:])}
    return None, {}


def row(name, w, t):
    r = w.run("--until", "deploy", timeout=180)
    tap.equal(r.status, 0, f"{name}, pods take {t:g} s: deployed", r.out + r.err)
    took, steps = down_for(w)
    if took is not None:
        parts = ", ".join(f"{step} {s:.2f}" for step, s in steps.items())
        print(f"# {name:8} pods take {t:5.1f} s: down for {took:5.2f} s = t + {took - t:.2f} s ({parts})")


def main():
    postgres = Postgres()
    try:
        for t in SECONDS:
            with World(postgres, "--pod-ms", int(t * 1000)) as w:
                row("world", w, t)
        why = why_not("helm4")
        if why:
            tap.skip("the same on a real cluster", why)
        else:
            with Cluster() as cluster, Kubelet(cluster) as kubelet:
                for helm in (3, 4):
                    for t in SECONDS:
                        with Migration(cluster, kubelet, postgres, "--pod-ms", int(t * 1000), helm=helm) as m:
                            row(f"helm {helm}", m, t)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
