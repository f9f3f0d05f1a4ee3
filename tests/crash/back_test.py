#!/usr/bin/env python3
"""The way back, forward again, and the end, each dying at one journal line after the other, before, torn and after it: typed again they go on,
and what they leave is what an uninterrupted one leaves."""

from rehearsal import Postgres, Tap, World, at_once, has_hooks, skip_all

tap = Tap()
MODES = ("after", "before", "torn")


def dies_on_and_on(w, *words):
    """Each start dies a line further than the one before it; the status and the number of starts."""
    for n in range(1, 120):
        r = w.cli(*words, env={"CM_CRASH": f"{w.lines() + n}:{MODES[n % 3]}"})
        if r.status not in (-9, -6, 137, 134):
            return r, n
    return r, n



def back_and_forward():
    with World(postgres) as calm, World(postgres) as w:
        for world in (calm, w):
            r = world.run("--until", "optimize")
            tap.equal(r.status, 0, "the way back: built first", r.err)
        tap.equal(calm.cli("rollback", calm.plan, "--yes").status, 0, "the way back, undisturbed")
        r, starts = dies_on_and_on(w, "rollback", w.plan, "--yes")
        tap.ok(r.status == 0 and starts > 5, f"the way back dies at {starts - 1} different lines and completes", r.err)
        for effect in ("service.start", "service.unmask", "marker.remove", "access.open", "serviceaccount.unlabel"):
            tap.equal(w.count(effect), calm.count(effect), f"{effect} happened as often as undisturbed")
        r = w.cli(w.plan, "--yes")
        tap.equal(r.status, 9, "going forward has to be said", r.err)
        r = w.run("--again")
        tap.equal(r.status, 0, "forward again: to the end", r.err)
        tap.equal(w.violations() + calm.violations(), [], "back and forward: never two Connects")


def the_end():
    with World(postgres) as calm, World(postgres) as w:
        for world in (calm, w):
            tap.equal(world.run().status, 0, "finish: migrated first")
        tap.equal(calm.cli("finish", calm.plan, "--yes").status, 0, "finish, undisturbed")
        r, starts = dies_on_and_on(w, "finish", w.plan, "--yes")
        tap.ok(r.status == 0 and starts > 3, f"finish dies at {starts - 1} different lines and completes", r.err)
        tap.equal(w.status()["state"], "final", "and it is final")
        tap.equal(sorted(e["effect"] for e in w.effects() if e["effect"] == "cache.delete"),
                  sorted(e["effect"] for e in calm.effects() if e["effect"] == "cache.delete"), "each cache was deleted once")
        tap.equal([x for x in w.status()["ledger"] if x["state"] == "open"], [x for x in calm.status()["ledger"] if x["state"] == "open"],
                  "what is settled is what is settled undisturbed")
        tap.equal(w.violations(), [], "finish: never two Connects")


if not has_hooks():
    skip_all("built without --enable-test-hooks")
postgres = Postgres()
try:
    at_once([lambda job=job: tap.part(job) for job in (back_and_forward, the_end)])
finally:
    postgres.stop()
tap.end()
