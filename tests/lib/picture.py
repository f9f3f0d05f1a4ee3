#!/usr/bin/env python3
"""Makes the pictures of README from a real run in a rehearsal's world: doc/terminal.svg, what a terminal shows at the end of a run that
failed, and doc/report.png, the first page of the report of a run that went well. Needs tmux and chromium; nothing of the suite runs it.

In the source folder: CM_BUILD=build PYTHONPATH=tests/lib python3 tests/lib/picture.py"""
import datetime
import getpass
import html
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rehearsal import RUN, SRC  # noqa: E402

COLUMNS, ROWS, ADVANCE, LINE, MARGIN = 80, 34, 8.4, 18, 14
PALETTE = ["#45475a", "#e06c75", "#7fbf7f", "#d9b34a", "#6ca7e0", "#c48fd6", "#5fc1c1", "#d5d8df"]
BRIGHT = ["#7d8294", "#ff8a93", "#9fe09f", "#f2d272", "#93c5f7", "#dcb0ea", "#86dfdf", "#ffffff"]
GROUND, PLAIN = "#1b1d23", "#d5d8df"


def style_after(style, codes):
    """SGR, as far as terminals' programs use it: bold, faint, reverse, the sixteen colours and the 256."""
    numbers = [int(c or 0) for c in codes.split(";")]
    i = 0
    while i < len(numbers):
        n = numbers[i]
        if n == 0:
            style = {}
        elif n in (1, 2, 3, 4, 7):
            style = {**style, n: True}
        elif n == 22:
            style = {k: v for k, v in style.items() if k not in (1, 2)}
        elif 30 <= n <= 37:
            style = {**style, "color": PALETTE[n - 30]}
        elif 90 <= n <= 97:
            style = {**style, "color": BRIGHT[n - 90]}
        elif n == 39:
            style = {k: v for k, v in style.items() if k != "color"}
        elif n == 38 and numbers[i + 1:i + 2] == [5]:
            c = numbers[i + 2]
            style = {**style, "color": (PALETTE + BRIGHT)[c] if c < 16 else PLAIN}
            i += 2
        i += 1
    return style


def line_of(text, y):
    out, at, style = [], 0, {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        if part.startswith("\x1b"):
            style = style_after(style, part[2:-1])
            continue
        for word in re.finditer(r"\S(?:.*?\S)?(?=\s{2,}|\s*$)", part):
            x = MARGIN + (at + word.start()) * ADVANCE
            fill = style.get("color", PLAIN)
            more = (' font-weight="bold"' if 1 in style else "") + (' opacity="0.65"' if 2 in style else "")
            out.append(f'<text x="{x:.1f}" y="{y}" fill="{fill}" textLength="{len(word[0]) * ADVANCE:.1f}"{more}>{html.escape(word[0])}</text>')
        at += len(part)
    return out


def svg(screen):
    lines = screen.rstrip("\n").split("\n")
    height, width = 2 * MARGIN + LINE * len(lines), 2 * MARGIN + COLUMNS * ADVANCE
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" xml:space="preserve"',
           '     font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">', f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>']
    for n, text in enumerate(lines):
        out += line_of(text, MARGIN + LINE * n + 14)
    return "\n".join(out) + "\n</svg>\n"


def tmux(*words):
    return subprocess.run(["tmux", "-L", "cm-picture", "-f", "/dev/null", *words], capture_output=True, text=True, timeout=60, check=True).stdout


class World:
    """A site of two nodes, as long as the block lasts."""

    def __init__(self, folder, *options):
        self.program = os.path.abspath(RUN)
        self.env = {**os.environ, "PATH": f"{os.path.dirname(self.program)}:/usr/bin:/bin", "TERM": "xterm-256color"}
        self.process = subprocess.Popen([self.program, "rehearse", "--serve", "--dir", "acme", "--nodes", "2", *options], cwd=folder, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=self.env)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def terminal(folder):
    """The run typed into a terminal; the screen once it has come to its end."""
    with World(folder, "--drill", "helm-fails") as w:
        subprocess.run(["tmux", "-L", "cm-picture", "-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS),
                        "sh -c 'connect-migrate-run acme/plan.yaml --yes; sleep 600'"], cwd=folder, env=w.env, check=True, timeout=60)
        try:
            for _ in range(300):
                screen = tmux("capture-pane", "-e", "-p", "-t", "0")
                if "what to type" in re.sub(r"\x1b\[[0-9;]*m", "", screen):
                    break
                time.sleep(0.1)
            time.sleep(1)
            return tmux("capture-pane", "-e", "-p", "-t", "0").replace(folder, "/home/ann")
        finally:
            tmux("kill-server")


def report(folder, chromium, target):
    with World(folder, "--content", "40") as w:
        now = datetime.datetime.now(datetime.timezone.utc)
        hours = [(now + datetime.timedelta(hours=h)).strftime("%Y-%m-%dT%H:00:00Z") for h in (0, 5)]
        with open(os.path.join(folder, "acme/plan.yaml"), "a", encoding="utf-8") as f:
            f.write(f'ticket: CHG-20481\nwindow: {{start: "{hours[0]}", end: "{hours[1]}"}}\n')
        subprocess.run([w.program, "acme/plan.yaml", "--yes"], cwd=folder, check=True, capture_output=True, timeout=120, env=w.env)
    path = os.path.join(folder, "acme/plan.run/report.html")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:      # nobody's own machine belongs into a picture
        f.write(re.sub(rf"{getpass.getuser()}@{re.escape(socket.gethostname())}", "m.ito@admin1", text).replace(folder, "/home/ann"))
    subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,1000", f"--screenshot={target}",
                    f"file://{path}"], check=True, capture_output=True, timeout=120)


def main():
    for what in ("terminal", "report"):
        folder = os.path.realpath(tempfile.mkdtemp(prefix="cm-picture-"))
        os.chmod(folder, 0o755)
        try:
            if what == "terminal" and shutil.which("tmux"):
                with open(os.path.join(SRC, "doc/terminal.svg"), "w", encoding="utf-8") as f:
                    f.write(svg(terminal(folder)))
            elif what == "report" and shutil.which("chromium"):
                report(folder, "chromium", os.path.abspath(os.path.join(SRC, "doc/report.png")))
            else:
                print(f"{what}: left as it is, the program for it is not installed", file=sys.stderr)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
