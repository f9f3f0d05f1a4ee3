#!/usr/bin/env python3
"""The small world, killed at every line of its state file, before, torn and after in turn, then typed again: the same end and the
same effects as an uninterrupted run."""

from rehearsal import Postgres, Tap, World, at_once, has_hooks, run_until_done, skip_all

if not has_hooks():
    skip_all("this build has no crash points (configure with --enable-test-hooks)")

tap = Tap()
postgres = Postgres()
try:
    with World(postgres) as w:
        r = w.run()
        tap.equal(r.status, 0, "an uninterrupted run ends with 0", r.err)
        lines, dump, changes = w.lines(), w.dump(), w.changes()
    VARIANTS = ("before", "torn", "after")

    def point(n):
        variant = VARIANTS[n % 3]

        def job():
            with World(postgres) as w:
                first = w.run(env={"CM_CRASH": f"{n}:{variant}"})
                last = run_until_done(w)
                name = f"killed {variant} line {n} of {lines} and typed again"
                if last.status != 0:
                    tap.ok(False, name, f"status {last.status}\n{last.err}")
                elif w.violations():
                    tap.ok(False, name, w.violations())
                elif first.status != -9 and n <= lines - 10:
                    tap.ok(False, name, f"was not killed: status {first.status}")
                elif w.dump() != dump:
                    tap.equal(w.dump(), dump, name + ": the same world", last.err)
                else:
                    tap.equal(w.changes(), changes, name, last.err)
        return job

    at_once([point(n) for n in range(1, lines + 1)])
finally:
    postgres.stop()
tap.end()
