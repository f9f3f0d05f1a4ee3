#!/usr/bin/env python3
"""A disk that is full when the state file is written, at different lines of a run and of its way back: nothing more is changed, it is said what
to do, the file stays readable, and once there is room the same command completes as if nothing had been."""
import os
import re
import resource
import signal

from rehearsal import Postgres, Tap, World, at_once

tap = Tap()
postgres = Postgres()
FULL_AT = (0.34, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)  # of the state file's size; nothing else of a run grows so large before the report


def full_at(size):
    """For the program alone: a file that would grow beyond this many bytes takes what fits, and then nothing."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def typed_on_a_full_disk(w, size, *words):
    p = w.start(*words, preexec_fn=full_at(size))
    err = p.communicate(timeout=120)[1]
    return p.returncode, " ".join(err.split())[-2000:]


def forward(part, calm):
    def job():
        with World(postgres) as w:
            size = int(calm["size"] * part)
            name = f"full at {int(100 * part)} % of the record"
            status, err = typed_on_a_full_disk(w, size, w.plan, "--yes")
            tap.ok(status == 1 and "cannot write" in err and "state.jsonl" in err, f"{name}: the run stops and names the file", f"{status}\n{err}")
            tap.ok("same command again" in err, f"{name}: what to type is said", err)
            tap.ok(re.search(r"stopped( before the downtime)?(,? in step [a-z.]+ \(stage \d+ of \d+\))?: cannot write", err),
                   f"{name}: where it stopped is said", err)
            before = w.changes()
            tap.equal(w.status()["state"] in ("failed", "interrupted"), True, f"{name}: the record can be read", w.status())
            again, words = typed_on_a_full_disk(w, size, w.plan, "--yes")
            tap.ok(again == 1 and "cannot" in words, f"{name}: typed again on the full disk it stops again", f"{again}\n{words}")
            tap.equal(w.changes(), before, f"{name}: and has changed nothing meanwhile")
            r = w.run()
            tap.equal((r.status, w.changes()), (0, calm["changes"]), f"{name}: with room it completes, and nothing was done twice", r.err)
            tap.equal(w.violations(), [], f"{name}: never two Connects")
    return job


def back():
    with World(postgres) as w:
        w.run("--until", "deploy")
        size = os.path.getsize(os.path.join(w.run_dir, "state.jsonl")) + 6000
        status, err = typed_on_a_full_disk(w, size, "rollback", w.plan, "--yes")
        tap.ok(status == 1 and "cannot write" in err, "the way back stops on a full disk", f"{status}\n{err}")
        r = w.cli("rollback", w.plan, "--yes")
        tap.ok(r.status == 0 and w.count("service.start") == 1, "with room it is gone to its end, and Connect was started once", r.err)
        tap.equal(w.violations(), [], "back: never two Connects")


def undisturbed():
    with World(postgres) as w:
        r = w.run()
        tap.equal(r.status, 0, "undisturbed", r.err)
        return {"size": os.path.getsize(os.path.join(w.run_dir, "state.jsonl")), "changes": w.changes()}


try:
    calm = undisturbed()
    at_once([lambda job=job: tap.part(job) for job in [forward(part, calm) for part in FULL_AT] + [back]])
finally:
    postgres.stop()
tap.end()
