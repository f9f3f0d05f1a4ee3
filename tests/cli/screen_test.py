#!/usr/bin/env python3
"""What people see while a run is at work, through real pseudo-terminals: the block at the bottom, its sizes and colours, status --watch
from a second terminal, Ctrl-C, and what is written where there is no terminal."""
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import terminal
from rehearsal import RUN, Postgres, Tap, World, at_once, has_hooks, skip_all
from terminal import Terminal, golden, normal

if terminal.pyte is None:
    skip_all("python3-pyte is not installed (./bootstrap packages)")

tap = Tap()
ESCAPE = b"\x1b"
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
RULE = "\u2500\u2500 plan.yaml "
BOX = re.compile("[\u2500-\u259f\u2713\u25b6]")


@contextlib.contextmanager
def world(*options):
    """A world in a folder whose name is always as long, since lines are wrapped by what stands in them."""
    folder = tempfile.mkdtemp(prefix="cm-s-", dir="/tmp")
    try:
        with World(postgres, *options, dir=folder) as w:
            yield w
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(w, *more, columns=80, rows=24, env=None):
    return Terminal([RUN, "plan.yaml", "--yes", *more], columns, rows, env=env, cwd=w.dir)


def watch(w, *more, columns=80, rows=24):
    return Terminal([RUN, "status", "--watch", "plan.yaml", *more], columns, rows, cwd=w.dir)


def block(text):
    """From the rule to the end of the screen."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith(("\u2500\u2500 plan", "-- plan"))]
    return "\n".join(lines[starts[-1]:]).rstrip("\n") if starts else ""


def still(text):
    """A block without what changes while one looks: times, and how long a stage has taken."""
    text = normal(block(text))
    text = re.sub(r"(prerequisites|analyze|prioritize|license|configure|temporary|deploy|optimize) LENGTH", r"\1", text)
    text = re.sub(r"^[\u2500-]+ plan.yaml .*$", "RULE plan.yaml HH:MM UTC", text, flags=re.M)
    return text


def at_helm(text):
    return "now        helm.deploy" in text and "3 temporary settings" in text


# ---- the block, its sizes and colours ----

def sizes():
    with world("--drill", "helm-slow") as w:
        t = run(w)
        tap.ok(t.wait(at_helm), "80 columns: the step running now stands in the block", t.text())
        golden(tap, "live-80", still(t.text()), "80 columns: the block is the one on record")
        tap.ok(COLOUR.search(t.raw), "a terminal gets colours", t.raw[-300:])
        tap.ok(b"\x1b[?1049h" not in t.raw, "the alternate screen is not used: what has passed stays in the scrollback")
        t.resize(200, 50)
        tap.ok(t.wait(lambda text: len(text.splitlines()[0]) <= 200 and any(len(x) > 190 for x in block(text).splitlines()[:1])),
               "made wider in the middle, the block takes the width", t.text())
        golden(tap, "live-200", still(t.text()), "200 columns: the block is the one on record")
        tap.equal(t.text().count(RULE), 1, "after a resize the block stands there once", t.text())
        w.end_accident()    # helm is quick again
        tap.equal(t.end(), 0, "the run ends well", t.text())
        everything = "\n".join(t.everything())
        tap.equal(everything.count(RULE), 0, "at the end the block is gone, also from the scrollback", everything[-3000:])
        done = [line for line in everything.splitlines() if re.match(r"    done +service\.stop ", line)]
        tap.equal(len(done), 1, "finished lines stay, each once", everything[-3000:])


def narrow_and_without_colour():
    with world("--drill", "helm-slow") as w:
        t = run(w, columns=36, rows=20, env={"NO_COLOR": "1"})
        tap.ok(t.wait(lambda text: "helm.deploy, " in block(text) and "3 temporary settings" in block(text)), "36 columns: the step running now is still there", t.text())
        golden(tap, "live-36", still(t.text()), "36 columns: the block is the one on record")
        tap.ok(not COLOUR.search(t.raw), "NO_COLOR: no colour", COLOUR.findall(t.raw)[:3])
        w.end_accident()
        tap.equal(t.end(), 0, "the run ends well", t.text())


def ascii_only():
    with world("--drill", "helm-slow") as w:
        t = run(w, "--color", "never", env={"LC_ALL": "C"})
        tap.ok(t.wait(at_helm), "a locale without UTF-8: the block comes", t.text())
        golden(tap, "live-ascii", still(t.text()), "a locale without UTF-8: the block is the one on record, in ASCII")
        tap.ok(all(b < 128 for b in t.raw), "no byte of it is not ASCII")
        tap.ok(not COLOUR.search(t.raw), "--color never: no colour")
        w.end_accident()
        tap.equal(t.end(), 0, "the run ends well", t.text())


def dumb_and_plain():
    with world() as w:
        t = run(w, env={"TERM": "dumb"})
        tap.equal(t.end(), 0, "TERM=dumb: the run ends well")
        tap.ok(ESCAPE not in t.raw, "TERM=dumb: not one escape sequence", t.raw[-300:])
    with world() as w:
        t = run(w, "--plain", columns=200, rows=60)
        tap.equal(t.end(), 0, "--plain: the run ends well")
        text = t.raw.decode()
        tap.ok(ESCAPE not in t.raw and not BOX.search(text), "--plain: no escape sequence, no drawn character", text[-500:])
        tap.ok("Step service.stop is done after " in text and re.search(r"Stage 6, deploy: Coordinate downtime and deploy\.\r\n", text),
               "--plain: whole sentences", text[-3000:])
        findings = [line for line in text.splitlines() if line.startswith("Finding ")]
        tap.ok(findings and all(line.endswith((".", "?", "!")) for line in findings), "--plain: a finding is one line and ends as a sentence",
               "\n".join(findings))


def shrunk_in_tmux():
    tmux = shutil.which("tmux")
    if not tmux:
        tap.skip("tmux: made narrower, the block is drawn anew and the lines above stay", "tmux is not installed")
        return
    with world("--drill", "helm-slow") as w:
        socket = w.path("tmux")
        command = [tmux, "-S", socket, "-f", "/dev/null"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
        env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        env.pop("TMUX", None)
        script = f"{RUN} {w.plan} --yes; echo ended $?; sleep 60"
        subprocess.run([*command, "new-session", "-d", "-x", "100", "-y", "30", script], env=env, **quiet)
        try:
            def screen(*more):
                return subprocess.run([*command, "capture-pane", "-p", *more], env=env, **quiet).stdout

            def until(seen, limit=60):
                end = time.monotonic() + limit
                while time.monotonic() < end and not seen(screen()):
                    time.sleep(0.05)
                return screen()
            tap.ok(at_helm(until(at_helm)), "tmux: the block stands there", screen())
            subprocess.run([*command, "set-option", "-g", "window-size", "manual"], env=env, **quiet)
            subprocess.run([*command, "resize-window", "-x", "60", "-y", "30"], env=env, **quiet)
            now = until(lambda text: block(text) and max(len(x) for x in block(text).splitlines()) < 60 and at_helm(text))
            tap.equal(now.count(RULE), 1, "tmux: made narrower, the block stands there once", now)
            golden(tap, "live-tmux-60", still(now), "tmux, 60 columns: the block is the one on record")
            w.end_accident()
            until(lambda text: "ended 0" in text)
            all_of_it = screen("-S", "-2000")
            tap.equal(len(re.findall(r"^    done +storage\.mark ", all_of_it, re.M)), 1, "tmux: the scrollback holds finished lines once", all_of_it)
            # That no row of the block stays behind is not asked: tmux wraps its lines at once and tells the new size a quarter of a second
            # later, and what is drawn in between cannot know (cli/terminal.h).
        finally:
            subprocess.run([*command, "kill-server"], env=env, **quiet)


# ---- builds, a second terminal, Ctrl-C ----

def builds_and_watch():
    with world("--content", "60", "--build-ms", "2500") as w:
        t = run(w)
        building = lambda text: re.search(r"builds +[3-9] of \d+ ended, 3 running", text)
        tap.ok(t.wait(building, 90), "builds are counted, with a bar, what is left and the slowest", t.text())
        seen = block(t.text())
        tap.ok(re.search(r"^ +[\u2588\u2591]{40} +\d+ %$", seen, re.M), "the bar", seen)
        tap.ok(re.search(r"^ left +.*\(\d+ builds took [\d.]+ s on average, 3 at a time\)$", seen, re.M), "what is left, with its basis", seen)
        tap.ok(re.search(r"^ slowest +\d+ s so far: \w+", seen, re.M), "the slowest running now", seen)

        second, plain = watch(w), watch(w, "--plain")
        tap.ok(second.wait(lambda text: "builds" in block(text)), "status --watch shows the builds from a second terminal", second.text())
        t.wait(lambda _: False, 0.3)
        mine, theirs = ([re.sub(r"\d+", "N", x) for x in still(x.text()).splitlines() if not re.match(r" slowest| +[\u2588\u2591]", x)] for x in (t, second))
        tap.equal(theirs, mine, "status --watch shows the very same block")
        tap.ok(plain.wait(lambda text: "content.build has been running for" in " ".join(text.split())), "status --watch --plain says it in a sentence",
               plain.text())
        second.send(b"\x03")
        tap.equal(second.end(), 130, "Ctrl-C in the second terminal ends the watch", second.text())
        tap.ok("no longer watched; the run goes on by itself" in second.text(), "and says that the run goes on", second.text())

        third = watch(w)
        tap.ok(third.wait(lambda text: "content.build" in block(text)), "the run is still at work", third.text())
        t.send(b"\x03")
        tap.equal(t.end(), 130, "Ctrl-C in the run's own terminal: status 130", t.text())
        said = " ".join("\n".join(t.everything()).split())
        tap.ok(re.search(r"Ctrl-C: no new build is begun; the \d under way go on in Connect and are picked up again\. Nothing is lost: all is "
                         r"on record\. To go on, type: connect-migrate-run plan\.yaml", said), "Ctrl-C says at once what happens next", said[-1500:])
        golden(tap, "last-ctrl-c", normal("\n".join(x for x in t.lines()[[n for n, x in enumerate(t.lines()) if x.startswith("stopped by")][-1]:]), w.dir),
               "the last screen after Ctrl-C is the one on record")
        tap.equal(third.end(), 8, "a watch ends by itself with the run; temporary settings are in force: status 8", third.text())
        tap.ok("stopped by Ctrl-C" in third.text() and "what to type" in third.text(), "and shows the run's last screen", third.text())
        plain.end()


def ctrl_c_at_a_question():
    with world() as w:
        t = Terminal([RUN, "plan.yaml"], cwd=w.dir)
        tap.ok(t.wait(lambda text: "gate.downtime: type yes to go on:" in text), "without --yes the gate asks", t.text())
        t.send(b"\x03")
        tap.equal(t.end(), 130, "Ctrl-C at the question ends the run at once, with status 130", t.text())
        tap.equal([e for e in w.effects() if e["effect"] in ("service.stop", "access.close")], [], "and nothing was done")
        again = Terminal([RUN, "plan.yaml"], cwd=w.dir)
        tap.ok(again.wait(lambda text: "gate.downtime: type yes to go on:" in text), "the same command asks again", again.text())
        again.send(b"yes\n")
        tap.equal(again.end(), 0, "yes goes on to the end", again.text())


def ctrl_c_while_helm_works():
    with world("--drill", "helm-slow") as w:
        t = run(w)
        tap.ok(t.wait(at_helm), "helm is at work", t.text())
        t.wait(lambda _: False, 1)
        t.send(b"\x03")
        tap.ok(t.wait(lambda text: "helm is left to end by itself, then the run stops (step helm.deploy). Again: helm is asked to end" in " ".join(text.split()), 5),
               "Ctrl-C while helm works says that helm is waited for, and what a second one does", t.text())
        w.end_accident()
        tap.equal(t.end(), 130, "and so it ends", t.text())
        tap.equal(w.run().status, 0, "the same command completes the migration")


# ---- no terminal ----

def no_terminal():
    if not has_hooks():
        tap.skip("the heartbeat without a terminal", "built without --enable-test-hooks")
        return
    with world("--drill", "helm-slow") as w:
        r = w.run(env={"CM_HEARTBEAT_MS": "300"})
        beats = [line for line in r.err.splitlines() if "helm.deploy has been running for" in line]
        tap.ok(len(beats) >= 3, "without a terminal a heartbeat says what is at work", r.err[-2000:])
        tap.ok("\x1b" not in r.err and not BOX.search(r.err), "and nothing is drawn")
        tap.equal(r.out, "", "stdout carries no progress")
    with world("--drill", "helm-slow") as w:
        r = w.run("--json", "--plain", env={"CM_HEARTBEAT_MS": "300"})
        tap.ok("Still at work: helm.deploy has been running for" in r.err, "--plain: the heartbeat is a sentence", r.err[-2000:])
        events = [json.loads(line) for line in r.out.splitlines()]
        tap.ok(events[0]["type"] == "run.begin" and events[-1]["type"] == "result", "--json: every line of stdout is an event, the last the result")


def killed_while_the_report_was_written():
    if not has_hooks():
        tap.skip("killed while the report was written: report and status say the same", "built without --enable-test-hooks")
        return
    with world() as w:
        tap.equal(w.run("--until", "validate").status, 0, "only the report is left")
        report = os.path.join(w.run_dir, "report.json")
        for ahead in range(2, 8):    # the first line that is not written although the report is
            status = w.run(env={"CM_CRASH": f"{w.lines() + ahead}:before"}).status
            if status == -signal.SIGKILL and os.path.exists(report):
                break
        tap.equal(status, -signal.SIGKILL, "killed before the end of the report's step is on record")
        with open(report, encoding="utf-8") as f:
            written = json.load(f)
        status = w.status()
        tap.equal((written["state"], status["state"]), ("done", "done"), "killed while the report was written: report and status say the same")
        tap.ok("the only thing that is left" in status["next_steps"][0]["does"], "and the first command writes it", status["next_steps"])
        tap.equal(w.cli("finish", w.plan, "--yes").status, 0, "what is done may be declared final")


def failed_content_needs_redo():
    with world("--drill", "build-fails") as w:
        tap.equal(w.run().status, 7, "one item cannot be built: status 7")
        w.end_accident()
        same = w.run()
        tap.equal(same.status, 7, "the cause is gone, the same command alone changes nothing")
        tap.ok("plan.yaml --redo content.build\n" in same.err and "users stay in; optional" in same.err, "and the screen says so, with the command that does",
               same.err[-2000:])
        tap.equal(w.run("--redo", "content.build").status, 0, "that command builds it")


postgres = Postgres()
try:
    at_once([functools.partial(tap.part, test) for test in
             (builds_and_watch, sizes, narrow_and_without_colour, ascii_only, shrunk_in_tmux, ctrl_c_while_helm_works, no_terminal, dumb_and_plain,
              ctrl_c_at_a_question, killed_while_the_report_was_written, failed_content_needs_redo)])
finally:
    postgres.stop()
tap.end()
