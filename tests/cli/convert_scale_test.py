#!/usr/bin/env python3
"""Conversions of large files: twice the size costs at most 2.3 times the instructions (counted by valgrind's callgrind, not timed), and memory
stays below 20 times the input (plus what the program needs for nothing at all). Skipped aloud without valgrind, and under a sanitizer."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, Tap, skip_all  # noqa: E402

LINES = int(os.environ.get("CM_SCALE_LINES", "100000"))
COUNTED = LINES // 10


def gcfg_sections(n):
    out = []
    while len(out) < n:
        out += ["[Section%d]" % len(out), "; the reason for what follows"]
        out += ['Setting%d = "a value of some length %d; quoted"' % (k, len(out)) for k in range(8)]
    return out[:n]


def gcfg_list(n):
    return ["[Authorization]"] + ["ViewerRoleMapping = a-group-of-people-%d" % i for i in range(n - 1)]


def gcfg_repositories(n):
    out = []
    while len(out) < n:
        out += ['[RPackageRepository "repository %d"]' % len(out), "URL = https://packages.example.com/repository/%d/latest" % len(out)]
    return out[:n]


def values_mounts(n):
    out = ["launcher:", "  enabled: true", "  templateValues:", "    pod:", "      volumeMounts:"]
    while len(out) < n:
        out += ["      - name: a-volume-with-a-name-%d" % len(out), "        mountPath: /mnt/some/folder/%d # where it goes" % len(out)]
    return out[:n]


def values_other(n):
    out = ["launcher:", "  enabled: true", "  templateValues:", "    pod:", "      serviceAccountName: content", "extraObjects:"]
    while len(out) < n:
        out += ['  - name: "an object of the user, number %d"' % len(out), "    data: a line of text that stays as it is %d" % len(out),
                "    # a comment that stays as well"]
    return out[:n]


KINDS = [("config", gcfg_sections), ("config", gcfg_list), ("config", gcfg_repositories), ("values", values_mounts), ("values", values_other)]


def write(folder, lines):
    path = os.path.join(folder, "input")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path


def instructions(what, path):
    p = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", RUN, "convert", what, path],
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    found = re.search(r"refs:\s+([\d,]+)", p.stderr)
    return int(found.group(1).replace(",", "")) if found and p.returncode == 0 else None


def peak_bytes(arguments):
    """The child's own peak; wait4 tells it for this child alone."""
    child = subprocess.Popen([RUN] + arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return usage.ru_maxrss * 1024 if status == 0 else None


def main():
    linked = subprocess.run(["ldd", RUN], capture_output=True, text=True).stdout
    if not shutil.which("valgrind") or "asan" in linked:
        skip_all("no valgrind, or a build with a sanitizer")
    tap = Tap()
    own = peak_bytes(["--version"])
    with tempfile.TemporaryDirectory() as folder:
        for what, generate in KINDS:
            one = instructions(what, write(folder, generate(COUNTED)))
            two = instructions(what, write(folder, generate(2 * COUNTED)))
            ratio = two / one if one and two else 0
            tap.ok(one and two and ratio <= 2.3, "%s: %d lines cost %.2f times what %d lines cost" % (generate.__name__, 2 * COUNTED, ratio, COUNTED))
            path = write(folder, generate(LINES))
            peak = peak_bytes(["convert", what, path])
            times = (peak - own) / os.path.getsize(path) if peak else 99
            tap.ok(times < 20, "%s: %d lines need %.1f times their size in memory" % (generate.__name__, LINES, times))
    tap.end()


if __name__ == "__main__":
    main()
