#!/usr/bin/env python3
"""What the program costs its users, each figure beside one of the same run. See README.md here; `make bench` runs it."""
import datetime
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cluster  # noqa: E402
import kubelet  # noqa: E402
import migration  # noqa: E402
from rehearsal import RUN, Postgres, World  # noqa: E402

PROMISED_S = 2.0


def line(name, figure):
    print(f"{name:<52} {figure}", flush=True)


def seconds(*argv):
    begun = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - begun


def side_by_side(first, second, times=15):
    """Medians of two commands, taken in turn so that the machine's moods fall on both."""
    pairs = [(seconds(*first), seconds(*second)) for _ in range(times)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def whole_run(postgres, *options, kind=World):
    """(seconds of the run, seconds from the first stop to the record of the verified answer, seconds of the builds, how many)"""
    with kind(postgres, *options) as world:
        begun = time.monotonic()
        r = world.run(timeout=900)
        took = time.monotonic() - begun
        if r.status != 0:
            sys.exit(f"the run ended with {r.status}:\n{r.err}")
        stopped = min(at(e["at"]) for e in world.effects() if e["effect"] == "service.stop")
        verified = next(at(group["at"]) for group in world.journal() for e in group["ev"]
                        if e["type"] == "fact" and e["name"] == "connect.verified")
        build = next(step for stage in world.status()["stages"] for step in stage["steps"] if step["id"] == "content.build")
        return took, verified - stopped, at(build["ended"]) - at(build["started"]), world.count("content.build")


def downtime(postgres, where="", kind=World):
    kept = True
    for pod_ms in (20, 1000, 4000):
        down = statistics.median(whole_run(postgres, "--pod-ms", pod_ms, kind=kind)[1] for _ in range(3))
        over = down - pod_ms / 1000
        kept = kept and over <= PROMISED_S
        line(f"service down{where}, pods of {pod_ms / 1000:g} s", f"{down:.2f} s, {over:.2f} s over the pod's start (promised: at most {PROMISED_S:g} s)")
    return kept


def downtime_on_a_cluster(postgres):
    """The same on a real API server (tests/cluster), with both helms."""
    why = cluster.why_not("helm4")
    if why:
        line("service down on a real cluster", f"not measured: {why}")
        return True
    kept = True
    with cluster.Cluster() as c, kubelet.Kubelet(c) as k:
        for helm in (3, 4):
            def kind(postgres, *options, helm=helm):
                return migration.Migration(c, k, postgres, *options, helm=helm)
            kept = downtime(postgres, f" on a cluster, helm {helm}", kind) and kept
    return kept


def runs(postgres):
    took = statistics.median(whole_run(postgres, "--content", 6, "--pod-ms", 20, "--build-ms", 10)[0] for _ in range(5))
    line("a whole run of the small world", f"{took:.2f} s")
    build_ms, parallel = 100, 3
    _, _, builds, count = whole_run(postgres, "--content", 300, "--build-ms", build_ms)
    own = count * build_ms / 1000 / parallel
    line(f"rebuilding {count} items of {build_ms} ms, {parallel} side by side", f"{builds:.1f} s, {builds / own:.2f} times the builds' own {own:.1f} s")


def small_commands(postgres):
    kubectl = shutil.which("kubectl")
    if not kubectl:
        line("--help, status", "not compared: no kubectl here")
        return
    with World(postgres) as world:
        world.run()
        for name, argv in (("--help", (RUN, "--help")), ("status", (RUN, "status", world.plan))):
            ours, theirs = side_by_side(argv, (kubectl, "version", "--client"))
            line(name, f"1/{theirs / ours:.1f} of `kubectl version --client`")


def gcfg(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("[Server]\nAddress = https://connect.example.com\n")
        for i in range(lines // 10):
            f.write(f'[Section-{i}]\n' + "".join(f'Key-{k} = "value {i} {k}"\n' for k in range(9)))


def conversions(where):
    half, full = os.path.join(where, "half.gcfg"), os.path.join(where, "full.gcfg")
    gcfg(half, 50000)
    gcfg(full, 100000)
    one, two = side_by_side((RUN, "convert", "config", half), (RUN, "convert", "config", full), times=3)
    line("100,000 lines of gcfg converted", f"{two:.2f} s, {two / one:.2f} times the time of 50,000 lines")


def main():
    where = tempfile.mkdtemp(prefix="cm-bench-")
    postgres = Postgres()
    try:
        kept = all([downtime(postgres), downtime_on_a_cluster(postgres)])
        runs(postgres)
        small_commands(postgres)
        conversions(where)
    finally:
        postgres.stop()
        shutil.rmtree(where, ignore_errors=True)
    sys.exit(0 if kept else 1)


main()
