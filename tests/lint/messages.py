#!/usr/bin/env python3
"""Prints doc/messages.md: what the program says when something is not as it should be, and what to do. Findings come from the program's own
table (`explain findings --json`), errors from the calls in the sources that make them: cm_fail and its kin, with the cm_hint behind them.

In the source folder: CM_BUILD=build python3 tests/lint/messages.py > doc/messages.md"""
import functools
import glob
import json
import os
import re
import subprocess
import sys

SRC = os.environ.get("CM_SRC", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("CM_BUILD", os.getcwd())

# The parts in the order of the catalogue: title, files, what one does when the message itself says no more.
PARTS = [
    ("The command line", ["src/cli/options.c", "src/cli/cmd_*.c", "src/cli/main.c", "src/cli/session.c", "src/cli/*.c"],
     "Type `connect-migrate-run COMMAND --help`."),
    ("The plan and the runbook", ["src/plan/*.c", "src/engine/resolve*.c", "src/base/yaml*.c", "src/base/time.c", "src/base/zone.c"],
     "Mend the plan at the place that is named; `connect-migrate-run schema` prints every key."),
    ("The record, the locks and the gates", ["src/journal/*.c", "src/engine/*.c", "src/base/file.c"],
     "Type `connect-migrate-run status PLAN`: it says where things stand and what is safe to type."),
    ("The old server", ["src/adapters/host*.c", "src/adapters/storage.c", "src/adapters/license.c", "src/actions/service*.c", "src/actions/source*.c", "src/actions/storage*.c",
                        "src/actions/license*.c", "src/actions/server_verify.c", "src/actions/backup_take.c", "src/actions/volume.c"],
     "Try by hand what is named, with `ssh NODE`, mend it, and type the same command again."),
    ("The database", ["src/adapters/postgres.c", "src/adapters/pg_*.c", "src/actions/database*.c", "src/actions/interlock*.c"],
     "Try `psql` with the same address and role, mend it, and type the same command again."),
    ("The cluster, helm and the release", ["src/adapters/helm*.c", "src/adapters/kube*.c", "src/adapters/tunnel.c", "src/actions/cluster*.c", "src/actions/helm*.c", "src/actions/pods*.c", "src/actions/release*.c",
                                           "src/actions/target*.c", "src/actions/serviceaccounts*.c", "src/actions/deployer*.c", "src/actions/images*.c", "src/actions/launcher*.c",
                                           "src/actions/temporary*.c"],
     "Try the named command by hand (`helm history`, `kubectl get events`), mend it, and type the same command again."),
    ("Connect's API and the network", ["src/adapters/connect*.c", "src/adapters/http*.c", "src/adapters/json_split.c", "src/adapters/certificate.c", "src/actions/connect*.c", "src/actions/access*.c",
                                       "src/actions/apikey*.c", "src/actions/http*.c", "src/actions/downtime*.c", "src/actions/version*.c"],
     "See whether Connect answers at the address that is named, then type the same command again."),
    ("Content", ["src/actions/content*.c", "src/actions/caches*.c", "src/actions/runtimes*.c", "src/actions/build*.c"],
     "Look at the item's log in Connect; the report names each item. The same command goes on with what is left."),
    ("Values and settings", ["src/values/*.c", "src/actions/config*.c", "src/actions/values*.c"],
     "Mend the file at the place that is named, then type the same command again."),
    ("Commands, files and secrets on this machine", ["src/adapters/*.c", "src/base/*.c", "src/report/*.c"],
     "Mend what the message names, then type the same command again."),
    ("Other steps", ["src/actions/*.c"], "Mend what the message names, then type the same command again."),
]
PASSING = ("cm_fail_passing", "cm_fail_unreached")
CODES = {"FAILED": 1, "USAGE": 2, "WAITING": 3, "LOCKED": 4, "BLOCKED": 5, "INTERNAL": 6, "PARTLY": 7, "UNSETTLED": 8, "CHANGED": 9, "INTERRUPTED": 130, "TERMINATED": 143}
# A message that tells by itself what is right, or whose place in a file is told.
TELLS = re.compile(r"did you mean|expected|knows|: [a-z ]+ has [a-z]+, |needs|belongs|takes |goes with|%s:%zu:%zu|write it|use ")


def calls(text, names):
    """(position, function, arguments) of each call; arguments as written, whitespace folded."""
    for m in re.finditer(rf"\b({names})\s*\(", text):
        i, depth, quoted = m.end(), 1, False
        while depth and i < len(text):
            c = text[i]
            if quoted and c == "\\":
                i += 2
                continue
            if c == '"':
                quoted = not quoted
            elif not quoted:
                depth += (c == "(") - (c == ")")
            i += 1
        yield m.start(), m[1], re.sub(r"\s+", " ", text[m.end():i - 1])


def texts(args):
    """The alternatives of the call's format: one, or those of a ?: in its place."""
    joined = re.sub(r'" (?:PRI\w+ )?"', "", args)
    out, at = [], re.search(r'"', joined)
    if not at:
        return []
    # the format ends at the first comma behind it that is in no parentheses and no text
    i, quoted, depth = at.start(), False, 0
    while i < len(joined):
        c = joined[i]
        if quoted and c == "\\":
            i += 2
            continue
        if c == '"':
            quoted = not quoted
        elif not quoted:
            depth += (c == "(") - (c == ")")
            if c == "," and depth <= 0:
                break
        i += 1
    for m in re.finditer(r'"((?:[^"\\]|\\.)*)"', joined[at.start():i]):
        out.append(m[1])
    return out


def readable(text):
    """A format as people meet it: … for what is filled in."""
    text = re.sub(r"%(?:[-0#+ ]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[a-zA-Z])", "…", text)
    text = text.replace("%%", "%").replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")
    return re.sub(r"…(?:…)+", "…", text).strip()


@functools.lru_cache(maxsize=None)
def part_of(path):
    for title, patterns, remedy in PARTS:
        if any(path in glob.glob(os.path.join(SRC, p)) for p in patterns):
            return title, remedy
    return None


def functions(text):
    yield from (m[1] for m in re.finditer(r"^\{\n(.*?)^\}", text, re.M | re.S))


def errors():
    """Each error: part, path, code word, message, hints in its function behind it."""
    for path in sorted(glob.glob(os.path.join(SRC, "src/*/*.c"))):
        if "/world/" in path or path.endswith("/manual.c"):
            continue
        with open(path, encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", " ", f.read(), flags=re.S)
        for body in functions(text):
            hints = [(p, [readable(t) for t in texts(a)]) for p, _, a in calls(body, "cm_hint")]
            made = list(calls(body, "cm_fail|cm_fail_errno|cm_fail_passing|cm_fail_unreached"))
            for k, (p, name, args) in enumerate(made):
                code = "FAILED" if name in PASSING else (re.search(r"CM_E_(\w+)", args) or ["", "FAILED"])[1]
                end = made[k + 1][0] if k + 1 < len(made) else len(body)
                own = [found for at, found in hints if p < at < end] or [found for at, found in hints if at > p][:1]      # one hint may serve several errors
                behind = [t for found in own for t in found][:2]
                for raw in texts(args):
                    yield {"part": part_of(path), "path": os.path.relpath(path, SRC), "code": code, "raw": raw, "text": readable(raw) + (": …" if name == "cm_fail_errno" else ""),
                           "hints": behind, "passing": name in PASSING}


def code_is_covered(e):
    """Wrong typing, a changed world, a held lock, a wait: there a person must be told what to type."""
    return e["code"] not in ("USAGE", "CHANGED", "LOCKED", "BLOCKED", "WAITING") or e["hints"] or TELLS.search(e["raw"])


def cell(text):
    return re.sub(r"([*<|])(?![^`]*`)", r"\\\1", text).replace("|", "\\|") if "`" not in text else text.replace("|", "\\|")


def findings():
    r = subprocess.run([os.path.join(BUILD, "connect-migrate-run"), "explain", "findings", "--json"], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(r.stdout)


def page():
    out = ["# What the program says, and what to do", "",
           "Two lists: **findings**, by their ids, which checks make before the downtime; and **errors**, by the part they come from. Search for the words that you",
           "read; … stands for what is filled in. The same can be asked: `connect-migrate-run explain storage.local-disk`. Made by `tests/lint/messages.py` from the program's",
           "own tables and sources; do not edit.", "",
           "A finding is *in order*, a *warning* (a person may decide: `--waive ID --reason TEXT`), a *blocker* (seen to be wrong, and it must be mended) or a *question*",
           "(it could not be decided from here: `connect-migrate-run approve PLAN ID --note TEXT`). The level is told with the finding.", "", "## Findings"]
    family = None
    for f in findings():
        if f["family"] != family:
            family = f["family"]
            out += ["", f"### {family}", "", "| id | what it is | why it matters | what to do |", "|---|---|---|---|"]
        out.append(f"| `{f['id']}` | {cell(f['title'])} | {cell(f['meaning'])} | {cell(f['remedy'])} |")
    out += ["", "## Errors", "",
            "After a step has failed the program shows the cause, the last lines of the tool that failed, the state of the world in five lines, and the commands that are safe now.",
            "What is on record is never lost, and typing the same command again is always right once the cause is mended. The number is the exit status", "(`connect-migrate-run(1)`); *passing* errors are tried again by themselves where the step has `retries`; where nobody was reached, for 60 s in any case."]
    every = list(errors())
    for title, _, remedy in PARTS:
        rows = {}
        for e in every:
            words = re.sub(r"[…:;,.()\"'`\s]", "", e["text"])
            if not e["part"] or e["part"][0] != title or len(words) < 6 or e["code"] in ("INTERNAL", "INTERRUPTED", "TERMINATED"):
                continue
            status = f"{CODES[e['code']]}{', passing' if e['passing'] else ''}"
            rows.setdefault((e["text"], status), " ".join(e["hints"]))
        if rows:
            out += ["", f"### {title}", "", f"Where nothing else is said: {remedy}", "", "| message | exit | what to do |", "|---|---|---|"]
            out += [f"| {cell(text)} | {status} | {cell(hint)} |" for (text, status), hint in sorted(rows.items(), key=lambda r: re.sub(r"^[^a-z]*", "", r[0][0].lower()))]
    out += ["", "### Internal errors", "",
            "Exit status 6. The program found a contradiction in itself, or memory ran out. Nothing that is on record is lost: type the same command again. If it comes back,",
            "keep the run directory and report it.", ""]
    return "\n".join(out)


if __name__ == "__main__":
    sys.stdout.write(page())
