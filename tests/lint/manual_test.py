#!/usr/bin/env python3
"""The manual against the program's tables: what connect-migrate-manual prints is what doc/ holds, and it is a page that groff takes.

After a change of a table, or of a doc/*.in, type in the source folder: BUILD/connect-migrate-manual PAGE > doc/FILE."""
import difflib
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import BUILD, RUN, SRC, Tap  # noqa: E402

MANUAL = os.path.join(BUILD, "connect-migrate-manual")
DOC = os.path.join(SRC, "doc")
PAGES = {"run.1": "connect-migrate-run.1", "plan.5": "connect-migrate-plan.5", "reference.md": "reference.md"}
tap = Tap()


def text_of(name):
    with open(os.path.join(DOC, name), encoding="utf-8") as f:
        return f.read()


def printed(*words):
    r = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return r.stdout if r.returncode == 0 and not r.stderr else f"status {r.returncode}\n{r.stderr}"


def in_step():
    for page, name in PAGES.items():
        want, have = printed(MANUAL, page, DOC), text_of(name)
        diff = "\n".join(difflib.unified_diff(have.splitlines(), want.splitlines(), f"doc/{name}", f"connect-migrate-manual {page}", lineterm="", n=1))
        tap.ok(have == want, f"doc/{name} is what the tables say",
               f"In the source folder: {MANUAL} {page} > doc/{name}\n{diff}")
    r = subprocess.run([MANUAL, "no-such-page"], capture_output=True, text=True, timeout=60, check=False)
    tap.equal((r.returncode, r.stdout), (2, ""), "another page is refused")


def whole():
    """By another way than the generator's: what the program says of itself stands in the manual."""
    page = text_of("connect-migrate-run.1").replace("\\-", "-")
    commands = [line.split("  ")[1].split(" PLAN")[0].split(" FILE")[0].split(" [")[0] for line in printed(RUN, "--help").splitlines()
                if re.match(r"  [a-z]", line) and not line.startswith("  connect-migrate-run")]
    options = set()
    for command in commands:
        options |= set(re.findall(r"^ +(?:-\w, +)?--([a-z-]+)", printed(RUN, *command.split(), "--help"), re.M))
    options |= set(re.findall(r"^ +(?:-\w, +)?--([a-z-]+)", printed(RUN, "--help"), re.M))
    tap.ok(len(commands) > 10 and len(options) > 30, "there are commands and options", f"{commands}\n{options}")
    tap.equal([c for c in commands if f".It Cm {c}" not in page], [], "every command of --help is in the manual")
    tap.equal(sorted(o for o in options if not re.search(rf"^\.It .*Fl -{o}( |$)", page, re.M)), [], "every option of --help is in the manual")
    actions = [line.split()[0] for line in printed(RUN, "explain").splitlines()]
    reference = text_of("reference.md")
    tap.ok(len(actions) > 40, "there are actions", actions)
    tap.equal([a for a in actions if f"\n## {a}\n" not in reference], [], "every action of `explain` is in the reference")


def taken_by_groff():
    pages = sorted(glob.glob(os.path.join(DOC, "*.[1-8]")))
    for path in pages:
        name = os.path.basename(path)
        if shutil.which("groff"):
            r = subprocess.run(["groff", "-mdoc", "-Tutf8", "-ww", "-z", path], capture_output=True, text=True, timeout=60, check=False)
            tap.equal((r.returncode, r.stderr), (0, ""), f"groff takes doc/{name} without a warning")
        else:
            tap.skip(f"groff takes doc/{name} without a warning", "groff is not installed")
        own = re.findall(r"^\.Xr (connect-migrate-\S+) (\d)", text_of(name), re.M)
        tap.equal([x for x in own if not os.path.exists(os.path.join(DOC, ".".join(x)))], [], f"doc/{name} leads to pages that are there")


in_step()
whole()
taken_by_groff()
tap.end()
