#!/usr/bin/env python3
"""Every finding and every error has its cause and its remedy, in one voice; doc/messages.md is what the sources say."""
import difflib
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import messages  # noqa: E402
from rehearsal import RUN, SRC, Tap  # noqa: E402

TAP = Tap()
FAMILIES = "access apikey cluster config content database downtime http leftovers license pods runtimes source storage target temporary values version".split()
# Literals of the same form that are no findings: facts and artifacts that a table does not name, keys of values.
OTHERS = {"license.file", "license.lic", "values.yaml", "runtimes.csv", "temporary.setting", "content.render", "content.validation", "values.final", "values.files",
          "config.convert", "config.account", "content.priority",
          "values.convert", "config.finding", "source.verified"}


def program(*words):
    return subprocess.run([RUN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)


def sources():
    for path in sorted(glob.glob(os.path.join(SRC, "src/actions/*.c")) + glob.glob(os.path.join(SRC, "src/values/*.c"))):
        if "/findings" not in path:
            with open(path, encoding="utf-8") as f:
                yield os.path.basename(path), re.sub(r"/\*.*?\*/", " ", f.read(), flags=re.S)


def known_words():
    """What looks like a finding's id and is an action, a fact, a plan's key or an effect."""
    words = {a["name"] for a in json.loads(program("explain", "--json").stdout)}
    words |= set(re.findall(r"^  ([a-z.-]+)$", "".join(program("explain", w).stdout for w in words), re.M))
    with open(os.path.join(SRC, "src/plan/table.c"), encoding="utf-8") as f:
        words |= set(re.findall(r'\.path = "([a-z_.]+)"', f.read()))
    return words | OTHERS


def ids_in_the_sources():
    not_one, found = known_words(), {}
    family = "|".join(FAMILIES)
    for name, text in sources():
        for m in re.finditer(rf'"((?:{family})\.[a-z]+(?:-[a-z]+)*)(\.%s[^"]*|\.)?"', text):
            word = m[1] + (".x" if m[2] else "")
            if m[1] not in not_one:
                found[word] = name
        for m in re.finditer(r'\bid_of\(d, (?:[^")]*\? )?"([a-z-]+)"(?: : "([a-z-]+)")?\)', text):
            found.update({f"database.{w}": name for w in m.groups() if w})
        found.update({f"config.{w}.x": name for w in re.findall(r'cm_config_id\([^"]*"([a-z-]+)"', text)})
        if name == "check_config.c":
            found.update({f"values.{w}.x": name for w in re.findall(r'\bsay\(&?\w, [^"]*"[a-z]+"[^"]*(?:"[a-z]+", )?"([a-z-]+)"', text)})
            found.update({f"values.{w}.x": name for w in re.findall(r'\bsay\(&?\w, "[a-z]+", "([a-z-]+)"', text)})
    return found


def findings():
    found = ids_in_the_sources()
    TAP.ok(len(found) > 150, "findings are found in the sources", sorted(found))
    missing = [f"{i} ({where})" for i, where in sorted(found.items()) if program("explain", i).returncode != 0]
    TAP.equal(missing, [], "every finding has its row in src/actions/findings_*.c", "add title, meaning and remedy there")
    table = messages.findings()
    used = set(found) | {re.sub(r"^[a-z]+\.", "*.", i) for i in found}
    with open(os.path.join(SRC, "src/engine/worker.c"), encoding="utf-8") as f:
        engine = f.read() + open(os.path.join(SRC, "src/engine/look.c"), encoding="utf-8").read()
    words = known_words()      # an id may also be the name of a fact or a key
    unused = [f["id"] for f in table if f["id"] not in words and f["id"].replace("*", "x") not in used and f["id"].replace("*.", '"%s.') + '"' not in engine and f["id"] != "http.*"]
    TAP.equal(unused, [], "every row is of a finding that the sources can make")
    TAP.equal(len({f["id"] for f in table}), len(table), "each id has one row")
    bad = [f["id"] for f in table if not f["title"] or f["title"].endswith(".") or not all(re.search(r"[.?]$", f[k]) and f[k][0].isupper() | (f[k][0] in "`/") for k in ("remedy",))
           or not re.search(r"\.$", f["meaning"]) or len(f["meaning"]) < 15]
    TAP.equal(bad, [], "titles are words, meanings and remedies are sentences")


def errors():
    every = list(messages.errors())
    TAP.ok(len(every) > 300, "errors are found in the sources", len(every))
    TAP.equal(sorted({e["path"] for e in every if not e["part"]}), [], "every file that makes errors belongs to a part of the catalogue (tests/lint/messages.py, PARTS)")
    open_ends = [f"{e['path']}: {e['text']}" for e in every if not messages.code_is_covered(e) and e["path"] not in GIVEN_ABOVE and re.search(r"[a-z]{3}", e["text"])]
    TAP.equal(open_ends, [], "who typed wrong, meets a lock, a change or a wait is told what to do")
    for path, above in GIVEN_ABOVE.items():
        with open(os.path.join(SRC, above), encoding="utf-8") as f:
            TAP.ok("cm_hint(" in f.read(), f"{above} says what to do about the errors of {path}")
    voice = [f"{e['path']}: {e['text']}" for e in every if re.match(r"[A-Z][a-z]+ (?!names|is|has)", e["text"]) and not re.match(OWN_NAMES, e["text"]) or re.search(r"[^.…]\.$|!", e["text"])
             or re.search(r"\b(please|error:|invalid|illegal|abort(ed)?|fatal|oops|sorry)\b", e["text"], re.I)]
    TAP.equal(voice, [], "messages begin in lower case, have no full stop, and shout at nobody")
    shout = [f"{e['path']}: {h}" for e in every for h in e["hints"] if "!" in re.sub(r"`[^`]*`|\".*?\"", "", h) or not re.match(r"[A-Z`…\"'-]|(helm|kubectl|ssh|psql|license-manager) ", h.lstrip(" ")) and len(h) > 25]
    TAP.equal(shout, [], "hints are sentences")


# Errors of these files are made deep down; what to do about them is said by the caller, which knows the file's place.
GIVEN_ABOVE = {"src/journal/apply.c": "src/journal/journal.c", "src/journal/attempt.c": "src/journal/journal.c", "src/journal/intents.c": "src/journal/journal.c",
               "src/journal/journal.c": "src/journal/journal.c", "src/base/yaml.c": "src/plan/plan.c", "src/base/file.c": "src/cli/locks.c", "src/base/time.c": "src/plan/plan.c"}
OWN_NAMES = r"(No such file|Connect|PostgreSQL|Kubernetes|Secret|Server|Database|Deployment|Postgres|Posit|Argo|Flux|HTTP|JSON|TLS|ConfigMap|Namespace|Job|API)"


def catalogue():
    with open(os.path.join(SRC, "doc/messages.md"), encoding="utf-8") as f:
        have = f.read()
    want = messages.page()
    diff = "\n".join(difflib.unified_diff(have.splitlines(), want.splitlines(), "doc/messages.md", "tests/lint/messages.py", lineterm="", n=0))
    TAP.ok(have == want, "doc/messages.md is what the sources say", f"In the source folder: CM_BUILD=BUILD python3 tests/lint/messages.py > doc/messages.md\n{diff}")
    TAP.ok(have.count("\n| `") > 150 and have.count("\n| ") > 400, "it is whole")


findings()
errors()
catalogue()
near = program("explain", "storage.lokal-disk")
TAP.ok(near.returncode == 2 and "storage.local-disk" in near.stderr, "explain names the nearest finding", near)
own = program("explain", "database.instrumentation-role")
TAP.ok(own.returncode == 0 and own.stdout.startswith("database.instrumentation-role  (finding)"), "the second database's findings are explained too", own)
TAP.end()
