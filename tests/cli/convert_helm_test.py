#!/usr/bin/env python3
"""Conversions against the real helm: gcfg → values → helm template → gcfg gives the same settings, for files with hostile values; converted
Launcher values render. helm is $CM_HELM, the one in PATH, or the one of tests/cluster; the chart is a small one of our own (tests/data/chart), and also the real one
where $CM_REAL_CHART names a copy (its folder, with its dependency in charts/). Without helm the test is skipped, and says so."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cluster  # noqa: E402
from rehearsal import RUN, SRC, Tap, skip_all  # noqa: E402

BUILT = cluster.tool("helm3")
HELM = os.environ.get("CM_HELM") or shutil.which("helm") or (BUILT if os.access(BUILT, os.X_OK) else None)
CHART = os.environ.get("CM_REAL_CHART")
FILES = int(os.environ.get("CM_ROUNDTRIP_FILES", "40"))
SMALL = os.path.join(SRC, "tests", "data", "chart")

PIECES = ['"', "\\", ";", "#", " ", "\t", "'", "''", "{{", "}}", "{{ .Values.x }}", "<no value>", "<no", "yes", "on", "1e6", "1e+06", "1000000",
          "0x1F", "0644", "true", "null", "~", "- a", "a: b", "[x]", "{y}", "!tag", "&a", "*a", "%", "@", "`", "|", ">", "?", "é", "日本", "😀",
          "\u00a0", "=", "\n", "5m", "1_000", ".inf", "2024-01-01", "1:30", "${X}", "---", "...", "#c", "word", "\u2028", "\u0085", "\x7f", "\x01"]
SECTIONS = [("Server", None), ("server", None), ("Foo", None), ("Bar-1", None), ("RPackageRepository", "CRAN"), ("Foo", 'a "b" \\c'), ("LDAP", "x; y")]
KEYS = ["SenderEmail", "Alpha", "alpha", "B2", "Y", "On", "No", "Null", "Key-x"]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def generate(chance):
    lines = []
    for _ in range(chance.randint(1, 5)):
        section, sub = chance.choice(SECTIONS)
        lines.append("[%s%s]" % (section, "" if sub is None else " " + quoted(sub)))
        for _ in range(chance.randint(1, 4)):
            value = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 5)))
            lines.append("%s = %s" % (chance.choice(KEYS), quoted(value)))
    return "\n".join(lines) + "\n"


def read_gcfg(text):
    """{(section, sub, key): [values]}, by the format's grammar; one setting a line is what the generator and the chart write."""
    found, section = {}, None
    for line in text.split("\n"):
        line = line.strip(" \t")
        if line.startswith("["):
            name, _, rest = line[1:].partition(" ")
            sub = read_value(rest[: rest.rindex("]")]) if rest else None
            section = (name.rstrip("]").lower(), sub)
        elif line:
            key, _, value = line.partition("=")
            found.setdefault(section + (key.strip().lower(),), []).append(read_value(value))
    return found


def read_value(text):
    out, inside, keep, i = [], False, 0, 0
    text = text.lstrip(" \t")
    while i < len(text) and (inside or text[i] not in ";#"):
        if text[i] == "\\":
            i += 1
            out.append({"n": "\n", "t": "\t"}.get(text[i], text[i]) if inside else text[i])
            keep = len(out)
        elif text[i] == '"':
            inside = not inside
            keep = len(out)
        else:
            out.append(text[i])
            keep = len(out) if inside or text[i] not in " \t" else keep
        i += 1
    assert not inside, text
    return "".join(out[:keep])


def template(chart, values, *more):
    p = subprocess.run([HELM, "template", "test", chart, "-f", values, *more], capture_output=True, text=True, encoding="utf-8")
    return (p.stdout, None) if p.returncode == 0 else (None, p.stderr)


def rendered_gcfg(manifests):
    """The block scalar below rstudio-connect.gcfg, without its indent."""
    lines = iter(manifests.split("\n"))
    for line in lines:
        if line.strip() == "rstudio-connect.gcfg: |":
            break
    out, indent = [], None
    for line in lines:
        if line.strip() and indent is None:
            indent = len(line) - len(line.lstrip(" "))
        if line.strip() and not line.startswith(" " * (indent or 0)):
            break
        out.append(line[indent or 0:])
    return "\n".join(out)


def convert(gcfg, folder):
    path = os.path.join(folder, "a.gcfg")
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(gcfg)
    p = subprocess.run([RUN, "convert", "config", "--json", path], capture_output=True, text=True, encoding="utf-8")
    if p.returncode:
        raise RuntimeError(p.stderr)
    answer = json.loads(p.stdout)
    with open(os.path.join(folder, "values.yaml"), "w", encoding="utf-8", newline="") as f:
        f.write(answer["result"])
    return answer


def round_trip(gcfg, folder, chart, *more):
    """None, or what is wrong."""
    answer = convert(gcfg, folder)
    rows = [r for r in answer["account"] if "a.gcfg:" in r["source"]]
    source = read_gcfg(gcfg)
    if len(rows) != sum(len(v) for v in source.values()):
        return "%d rows for %d settings" % (len(rows), sum(len(v) for v in source.values()))
    manifests, problem = template(chart, os.path.join(folder, "values.yaml"), *more)
    if problem:
        return problem
    got = read_gcfg(rendered_gcfg(manifests))
    position = {}
    want = {}
    for row, (key, value) in zip(rows, [(k, v) for k, v in in_order(gcfg)]):
        position[key] = position.get(key, 0) + 1
        if row["disposition"] in ("keep", "ask") and (row["target"] or "").startswith("config."):
            want.setdefault(key, []).append(value)
    for key, values in want.items():
        if got.get(key) != values:
            return "%r: wanted %r, rendered %r" % (key, values, got.get(key))
    return None


def in_order(gcfg):
    section = None
    for line in gcfg.split("\n"):
        if line.startswith("["):
            section = list(read_gcfg(line + "\nx = 1\n"))[0][:2]
        elif line:
            key, _, value = line.partition("=")
            yield section + (key.strip().lower(),), read_value(value)


def main():
    if not HELM:
        skip_all("no helm: CM_HELM names one, it is in PATH, or tests/cluster/build.sh has built it")
    tap = Tap()
    storage = ["--set", "sharedStorage.mount=true", "--set", "sharedStorage.name=x"]
    charts = [("our own chart", SMALL, storage)]
    if CHART:
        charts.append(("the real chart", CHART, storage))
    with tempfile.TemporaryDirectory() as folder:
        for name, chart, more in charts:
            wrong = []
            for seed in range(FILES):
                gcfg = generate(random.Random(seed))
                problem = round_trip(gcfg, folder, chart, *more)
                if problem:
                    wrong.append("seed %d: %s\n%s" % (seed, problem, gcfg))
            tap.ok(not wrong, "%d generated files come out of %s as they went in" % (FILES, name), "\n".join(wrong[:3]))
        if CHART:
            for before in sorted(os.listdir(os.path.join(SRC, "tests", "data", "values"))):
                if not before.endswith(".before.yaml"):
                    continue
                values = os.path.join(folder, "converted.yaml")
                subprocess.run([RUN, "convert", "values", "--output", values, os.path.join(SRC, "tests", "data", "values", before)],
                               capture_output=True, check=True)
                _, problem = template(CHART, values)
                tap.ok(problem is None, "%s renders once converted" % before, problem or "")
        else:
            print("# the real chart is left out: CM_REAL_CHART names no copy of it")
    tap.end()


if __name__ == "__main__":
    main()
