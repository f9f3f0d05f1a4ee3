#!/usr/bin/env python3
"""doc/guide.md, the worked migration: every command in it is run, in its order, in one rehearsal's world, and what it prints is compared with
what the guide shows. Times, sizes and numbers may differ, words may not.

After a change of what the program prints, in the source folder: CM_BUILD=build PYTHONPATH=tests/lib python3 tests/cli/guide_test.py --write
A comment before a block says which lines are shown: <!-- show: REGEX [LINES]; … -->; without one, all."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, SRC, Tap  # noqa: E402

TAP = Tap()
GUIDE = os.path.join(SRC, "doc/guide.md")
FOLDER = os.path.realpath(tempfile.mkdtemp(prefix="cm-guide-"))
HOME = "/home/ann"                       # where the guide's reader sits
BLOCK = re.compile(r"(?:<!-- (?P<how>[^\n]*) -->\n)?```console\n\$ (?P<command>(?:.*\\\n)*.*)\n(?P<shown>(?:(?!```).*\n)*)```\n")


def environment():
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG", "PG", "NO_COLOR"))}
    return {**clean, "HOME": FOLDER, "PATH": f"{FOLDER}/bin:/usr/bin:/bin", "TZ": "UTC", "PWD": FOLDER, "LC_ALL": "C.UTF-8", "COLUMNS": "80"}


def excerpt(text, how):
    """The lines asked for, […] for what is left out; None and the pattern when one is not found."""
    lines = text.splitlines()
    if not how:
        return lines, None
    ended = [lines.pop()] if lines and lines[-1].startswith("(exit status ") else []
    out, at = [], 0
    for part in how.removeprefix("show: ").split("; "):
        pattern, count = re.fullmatch(r"(.*?)(?: (\d+))?", part.strip("\n")).groups()
        found = next((i for i in range(at, len(lines)) if re.search(pattern, lines[i])), None)
        if found is None:
            return None, pattern
        if found > at and out:
            out.append("[…]")
        at = min(found + int(count or 1), len(lines))
        out += lines[found:at]
    return out + (["[…]"] if at < len(lines) else []) + ended, None


def plain(text):
    """Without what is another one each time."""
    text = re.sub(r"\b[0-9a-f]{6,}\b", "HEX", text)
    text = re.sub(r"\w+@[\w.-]+", "WHO", text)
    text = re.sub(r"\d+(?:\.\d+)? ?(?:ms|s|min|m|h|d|days?|kB|MB|MiB|GB)\b", "SIZE", text)
    text = re.sub(r"SIZE(?: SIZE)+", "SIZE", text)      # 1 min 3 s
    text = re.sub(r"connect-migrate-\w{6}/", "connect-migrate-X/", text)
    text = re.sub(r"\d+", "N", text)
    return " ".join(text.split())


def shell(command):
    r = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=FOLDER, env=environment(),
                       timeout=120, check=False)
    text = r.stdout.replace(FOLDER, HOME)
    return text + (f"(exit status {r.returncode})\n" if r.returncode else "")


class World:
    """The command that goes on in the other terminal."""

    def __init__(self, command):
        self.process = subprocess.Popen(["sh", "-c", f"exec {command}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=FOLDER, env=environment())
        self.said = self.process.stdout.readline()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)


def walk(guide, write):
    """Runs the guide; gives it back with what was printed."""
    world = None

    def one(m):
        nonlocal world
        command, how = m["command"], m["how"]
        name = f"guide: {' '.join(command.split())}"
        if how == "background":
            world = World(command)
            TAP.equal(world.said, "ready\n", name)
            text, how = world.said, None
        else:
            text = shell(command)
        lines, lost = excerpt(text, how)
        if lines is None:
            TAP.ok(False, name, f"no line matches {lost!r}:\n{text}")
            return m[0]
        shown = "".join(line.rstrip() + "\n" for line in lines)
        if not write:
            TAP.equal(plain(m["shown"]), plain(shown), name, text)
        if plain(m["shown"]) == plain(shown):
            return m[0]      # another time alone is no news
        head = m[0][:m[0].index("```console")]
        return f"{head}```console\n$ {command}\n{shown}```\n"

    try:
        return BLOCK.sub(one, guide)
    finally:
        if world:
            world.end()


def main():
    with open(GUIDE, encoding="utf-8") as f:
        guide = f.read()
    write = "--write" in sys.argv
    os.makedirs(os.path.join(FOLDER, "bin"))
    os.symlink(os.path.abspath(RUN), os.path.join(FOLDER, "bin", "connect-migrate-run"))
    os.chmod(FOLDER, 0o755)      # PostgreSQL's user has to reach the world
    TAP.ok(len(BLOCK.findall(guide)) > 15 and guide.count("```console") == len(BLOCK.findall(guide)), "the guide's commands are found")
    made = walk(guide, write)
    if write and not TAP.failed:
        with open(GUIDE, "w", encoding="utf-8") as f:
            f.write(made)


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
TAP.end()
