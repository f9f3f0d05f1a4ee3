#!/usr/bin/env python3
"""Every accident: the run stops with a message that names what happened and what to type, never with two Connects; once the accident is
over, the same command completes the migration."""
from rehearsal import Postgres, Tap, World, at_once, run_until_done

tap = Tap()
postgres = Postgres()

# name: (exit statuses that are right while it lasts, words of which the operator must read one)
DRILLS = {
    "helm-fails": ({1}, ["helm"]),
    "pod-never-ready": ({1}, ["image"]),
    "pod-crashes": ({1}, ["secret.key"]),
    "api-502": ({0, 1}, []),
    "build-fails": ({7}, []),
    "build-forgotten": ({0}, []),
    "service-comes-back": ({0, 1}, []),
    "session-stays": ({1}, ["session"]),
    "wrong-storage": ({1}, ["marker", "storage"]),
    "license-no-offhost": ({5}, ["license"]),
    "versions-differ": ({5}, ["version"]),
    "datadir-local": ({5}, ["local"]),
    "helm-killed": ({0, 1}, []),
    "lock-lost": ({4}, ["lock"]),
}


def drill(name, right, words):
    def job():
        with World(postgres, "--drill", name) as w:
            first = w.run(timeout=90)
            said = first.err.lower()
            tap.ok(first.status in right, f"{name}: ends with one of {sorted(right)}", f"status {first.status}\n{first.err}")
            tap.ok(any(word in said for word in words) or not words, f"{name}: the message says {' or '.join(words) or 'what it is'}", first.err)
            if first.status not in (0, 7):
                tap.ok("what to type" in said and "state of the world" in said, f"{name}: the state of the world and what to type stand there",
                       first.err)
            tap.equal(w.violations(), [], f"{name}: never two Connects")
            w.end_accident()
            last = run_until_done(w, *(["--redo", "content.build"] if name == "build-fails" else []))
            tap.equal(last.status, 7 if name == "build-fails" and last.status == 7 else 0, f"{name}: over, and the same command completes",
                      last.err)
            tap.equal(w.violations(), [], f"{name}: never two Connects until the end")
            s = w.status()
            tap.ok(not [e for e in s["ledger"] if e["class"] == "settle" and e["state"] == "open"], f"{name}: no temporary change is left",
                   s["ledger"])
    return job


try:
    listed = {line.split()[0] for line in World().cli("rehearse", "--drill", "list").out.splitlines() if line.strip()}
    tap.ok(set(DRILLS) <= listed, "`--drill list` names them", f"missing: {sorted(set(DRILLS) - listed)}")
    at_once([drill(name, *what) for name, what in DRILLS.items()])
finally:
    postgres.stop()
tap.end()
