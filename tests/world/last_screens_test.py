#!/usr/bin/env python3
"""The last screen of every drill, on a terminal of 80 columns and 25 rows: a reader who sees nothing else can say what happened, whether
something is lost, whether users are out, and what to type. Each is kept as golden text, so that a change of words is seen."""
import functools
import re
import shutil
import tempfile

import terminal
from rehearsal import RUN, Postgres, Tap, World, at_once, skip_all, until
from terminal import Terminal, golden, normal

if terminal.pyte is None:
    skip_all("python3-pyte is not installed (./bootstrap packages)")

tap = Tap()
postgres = Postgres()
# How these end depends on what comes first; their screens are held to the four answers, not to the letter.
RACES = {"service-comes-back", "helm-killed", "api-502", "pod-slow", "helm-slow", "build-forgotten", "lock-lost"}
HEADS = ("stopped", "not begun: ", "not run: ", "waiting for a person: ")


def from_head(lines):
    """The last screen begins with its verdict, which stands at the margin behind an empty line."""
    for n in range(len(lines) - 1, -1, -1):
        if lines[n].startswith(HEADS + ("done", "finished, but", "taken back", "declared final")):
            return lines[n:]
    return []


def four_answers(name, seen):
    text = "\n".join(seen)
    flat = " ".join(text.split())
    tap.ok(seen and seen[0].startswith(HEADS), f"{name}: the screen says what happened", text)
    tap.ok(re.search(r"nothing is lost|nothing was changed or lost", flat), f"{name}: the screen says whether something is lost", text)
    tap.ok(re.search(r"users are (locked out|not affected|in again)|Connect is down for users", flat),
           f"{name}: the screen says whether users are out", text)
    tap.ok(re.search(r"^what to type\n  connect-migrate-run ", text, re.M), f"{name}: the screen says what to type", text)


def drill(name):
    def job():
        folder = tempfile.mkdtemp(prefix="cm-s-", dir="/tmp")
        try:
            with World(postgres, "--drill", name, dir=folder) as w:
                t = Terminal([RUN, "plan.yaml", "--yes"], 80, 25, cwd=folder)
                status = t.end(120)
                shown = last_of(t)
                tap.ok(0 < len(shown) <= 25, f"{name}: the last screen stands on 25 rows (status {status})", "\n".join(t.everything()[-40:]))
                if status in (0, 7, 8):
                    tap.ok("values files for helm from now on" in "\n".join(shown), f"{name}: the last line names the values files", "\n".join(shown))
                else:
                    four_answers(name, shown)
                if name not in RACES:
                    golden(tap, f"last-{name if status else 'done'}", normal("\n".join([f"status {status}", *shown]), folder),
                           f"{name}: the screen is the one on record")
                tap.equal(w.violations(), [], f"{name}: never two Connects")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return job


def last_of(t):
    seen = [line for line in t.lines()]
    while seen and not seen[-1]:
        seen.pop()
    return from_head(seen)


def shown_as(w, name, argv, status, stop=False):
    """The last screen of this command is the one on record."""
    t = Terminal([RUN, *argv], 80, 25, cwd=w.dir)
    got = t.end(120)
    shown = last_of(t)
    tap.equal(got, status, f"{name}: status {status}", "\n".join(t.everything()[-30:]))
    tap.ok(0 < len(shown) <= 25, f"{name}: the last screen stands on 25 rows", "\n".join(shown))
    if stop:
        four_answers(name, shown)
    golden(tap, f"last-{name}", normal("\n".join(shown), w.dir), f"{name}: the screen is the one on record")


def both_ways_on():
    """After a run that went well: a changed plan, the way back, and the end of all ways back."""
    for name in ("rollback", "finish"):
        folder = tempfile.mkdtemp(prefix="cm-s-", dir="/tmp")
        try:
            with World(postgres, dir=folder) as w:
                w.run()
                if name == "rollback":
                    with open(w.plan, encoding="utf-8") as f:
                        plan = f.read()
                    with open(w.plan, "w", encoding="utf-8") as f:
                        f.write(plan + 'ticket: "C-1"\n')
                    shown_as(w, "plan-changed", ["plan.yaml", "--yes"], 9, stop=True)
                    with open(w.plan, "w", encoding="utf-8") as f:
                        f.write(plan)
                shown_as(w, name, [name, "plan.yaml", "--yes"], 0)
                shown_as(w, f"after-{name}", ["plan.yaml", "--yes"], 9, stop=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def another_run_and_a_kill():
    folder = tempfile.mkdtemp(prefix="cm-s-", dir="/tmp")
    try:
        with World(postgres, "--drill", "helm-slow", dir=folder) as w:
            first = w.start(w.plan, "--yes")
            until(lambda: w.count("service.stop"))
            other = Terminal([RUN, "plan.yaml", "--yes"], 80, 25, cwd=folder)
            tap.equal(other.end(), 4, "another run at work: status 4", other.text())
            four_answers("another run at work", last_of(other))
            tap.ok("status plan.yaml --watch" in "\n".join(last_of(other)), "another run at work: the first command watches it",
                   "\n".join(last_of(other)))
            first.kill()
            first.communicate()
            t = Terminal([RUN, "status", "--watch", "plan.yaml"], 80, 25, cwd=folder)
            t.end()
            four_answers("a run that was killed", last_of(t))
            tap.ok("ended without a word: it was killed" in " ".join("\n".join(last_of(t)).split()), "a run that was killed: the screen says so",
                   "\n".join(last_of(t)))
            w.end_accident()
            tap.equal(w.run().status, 0, "a run that was killed: the same command completes it")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


try:
    listed = [line.split()[0] for line in World().cli("rehearse", "--drill", "list").out.splitlines() if line.strip()]
    tap.ok(len(listed) >= 24 and RACES <= set(listed), "every drill is looked at", listed)
    at_once([functools.partial(tap.part, job) for job in (another_run_and_a_kill, both_ways_on, *map(drill, listed))])
finally:
    postgres.stop()
tap.end()
