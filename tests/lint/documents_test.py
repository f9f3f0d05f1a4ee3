#!/usr/bin/env python3
"""What the documents name is there: files and folders, functions and macros, pictures, other pages; and doc/connect-migrate-state.5 names
every event and every member that the reader of the record asks for."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import SRC, Tap  # noqa: E402

TAP = Tap()
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(os.path.relpath(p, SRC) for p in glob.glob(os.path.join(SRC, "doc/*.md")))]
PATH = re.compile(r"(?:include/cm|src|tests|doc|plans|completion|m4|build-aux)/[\w./*{},-]*|[A-Z]\w+\.(?:md|am|ac)|bootstrap|LICENSE")
# Made by a build or a run, or the reader's own.
ELSEWHERE = re.compile(r"build/|\.run/|<|NAME|\.sh$|PLAN|DIR/")


def text_of(path):
    with open(os.path.join(SRC, path), encoding="utf-8") as f:
        return f.read()


def sources():
    return "".join(text_of(os.path.relpath(p, SRC)) for pattern in ("src/*/*.[ch]", "include/cm/*.h", "tests/*/*.py", "tests/*/*.[ch]") for p in glob.glob(os.path.join(SRC, pattern)))


def exists(name):
    """A path, with {a,b} and *; without an ending also a family of files."""
    for one in expand(name):
        if not glob.glob(os.path.join(SRC, one)) and not glob.glob(os.path.join(SRC, one + ".*")):
            return False
    return True


def expand(name):
    m = re.search(r"\{([^}]*)\}", name)
    if not m:
        return [name]
    return [e for part in m[1].split(",") for e in expand(name[:m.start()] + part + name[m.end():])]


def named_things():
    every = sources()
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.M | re.S)
        if page in ("doc/messages.md", "doc/reference.md"):
            continue
        words = re.findall(r"`([^`\n]+)`", text)
        paths = [w for w in words if PATH.fullmatch(w) and not ELSEWHERE.search(w)]
        TAP.equal([p for p in paths if not exists(p)], [], f"{page}: the files that it names are there")
        bare = [w for w in words if re.fullmatch(r"[\w-]+\.(?:c|h|py)", w)]
        TAP.equal([b for b in bare if not glob.glob(os.path.join(SRC, "*", "*", b)) + glob.glob(os.path.join(SRC, "*", "*", "*", b))], [], f"{page}: so are sources named without their folder")
        names = {n for w in words for n in re.findall(r"\b(?:cm_|CM_)\w+\b", w) if not n.endswith("_")}
        TAP.equal(sorted(n for n in names if not re.search(rf"\b{n}\b", every)), [], f"{page}: the functions and macros that it names are there")
        links = [x for x in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in x]
        TAP.equal([x for x in links if not os.path.exists(os.path.join(SRC, os.path.dirname(page), x))], [], f"{page}: what it links to is there")


def in_six_lines():
    """CONTRIBUTING: each chapter that adds something has at most six steps."""
    chapters = re.split(r"^## ", text_of("CONTRIBUTING.md"), flags=re.M)[1:]
    steps = {c.splitlines()[0]: len(re.findall(r"^\d\. ", c, re.M)) for c in chapters}
    adding = {k: n for k, n in steps.items() if re.match(r"An? ", k)}
    TAP.ok({"An action", "An option", "A plan key", "A check", "A drill"} <= set(adding), "CONTRIBUTING: an action, an option, a plan key, a check, a drill", adding)
    TAP.equal({k: n for k, n in adding.items() if not 3 <= n <= 6}, {}, "each in at most six steps")


def events():
    page = text_of("doc/connect-migrate-state.5")
    page = page[page.index(".Sh EVENTS"):page.index(".Sh FILES")]
    entries = {}
    for m in re.finditer(r"^\.It Cm (.*)\n((?:(?!\.It |\.El).*\n)*)", page, re.M):
        for name in m[1].replace(" ,", "").split():
            entries[name] = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"^\.(?:Cm|Br?q|Pq|Po).*$", m[2], re.M))))
    table = re.search(r"static const struct event events\[\] = \{\n(.*?)^\};", text_of("src/journal/apply.c"), re.M | re.S)[1]
    known = {m[1]: re.findall(r'\{"(\w+)", ', m[2]) for m in re.finditer(r'\{"([a-z.]+)", \w+, \{(.*)\}\},', table)}
    TAP.ok(len(known) > 20, "events are found in the sources", known)
    TAP.equal(sorted(set(known) ^ set(entries)), [], "state(5) has every event, and no other")
    lost = [f"{event}: {member}" for event, members in known.items() for member in members if member not in entries.get(event, set())]
    TAP.equal(lost, [], "with each member that must be there")


named_things()
in_six_lines()
events()
TAP.end()
