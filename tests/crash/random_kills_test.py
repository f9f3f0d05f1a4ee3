#!/usr/bin/env python3
"""kill -9 at random moments of a larger world, forward and on the way back: nothing twice, nothing lost, two Connects never."""
import random
import signal
import subprocess

from rehearsal import Postgres, Tap, World, run_until_done

SEED = 20261205
KILLS = 30

tap = Tap()
postgres = Postgres()
rng = random.Random(SEED)


def killed_at_random(w, kills, *args):
    n = 0
    while n < kills:
        p = w.start(*args)
        try:
            p.communicate(timeout=rng.uniform(0.02, 0.5))
            if p.returncode == 0:
                return n
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
            p.communicate()
            n += 1
    return n


def once_each(w, name):
    built = [e["guid"] for e in w.effects() if e["effect"] == "content.build"]
    tap.equal(len(built), len(set(built)), f"{name}: no item is built twice")
    caches = [(e["language"], e["version"], e["image_name"]) for e in w.effects() if e["effect"] == "cache.delete"]
    tap.equal(len(caches), len(set(caches)), f"{name}: every cache is deleted once")
    tap.equal(w.violations(), [], f"{name}: never two Connects")


try:
    with World(postgres, "--content", 60, "--build-ms", 60) as w:
        kills = killed_at_random(w, KILLS, w.plan, "--yes")
        r = run_until_done(w)
        tap.equal(r.status, 0, f"forward, killed {kills} times: ends with 0", r.err)
        once_each(w, "forward")
        tap.equal(w.count("service.stop"), 1, "forward: one stop")
        for purpose in ("deploy", "revert"):
            tap.equal(w.count("helm.upgrade", purpose=purpose), 1, f"forward: one helm upgrade to {purpose}")
        s = w.status()
        tap.ok(not [e for e in s["ledger"] if e["class"] == "settle" and e["state"] == "open"], "forward: no temporary change is left", s["ledger"])

    with World(postgres, "--content", 30, "--build-ms", 40) as w:
        killed_at_random(w, 6, w.plan, "--yes", "--until", "deploy")
        r = run_until_done(w, "--until", "deploy")
        tap.equal(r.status, 0, "half-way: deployed", r.err)
        killed_at_random(w, 10, "rollback", w.plan, "--yes")
        for _ in range(20):
            r = w.cli("rollback", w.plan, "--yes")
            if r.status not in (130, 143, -9):
                break
        tap.equal(r.status, 0, "the way back, killed and typed again: ends with 0", r.err)
        tap.equal(w.violations(), [], "the way back: never two Connects")
        tap.equal(w.status()["state"], "rolled-back", "the way back: status says so")
        tap.equal(w.run().status, 9, "afterwards going forward needs --again")
        r = w.run("--again")
        tap.equal(r.status, 0, "--again ends with 0", r.err)
        tap.equal(w.violations(), [], "again: never two Connects")
finally:
    postgres.stop()
tap.end()
