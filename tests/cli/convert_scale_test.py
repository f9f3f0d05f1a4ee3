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
COUNTED = LINES // 25


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
    out = ["x-mount: &mount {name: shared, mountPath: /mnt/shared}", "launcher:", "  enabled: true", "  templateValues:", "    pod:", "      volumeMounts:"]
    while len(out) < n:
        out += ["      - *mount"] if len(out) % 5 == 0 else ["      - name: a-volume-with-a-name-%d" % len(out), "        mountPath: /mnt/some/folder/%d # where it goes" % len(out)]
    return out[:n]


def values_other(n):
    out = ["launcher:", "  enabled: true", "  templateValues:", "    pod:", "      serviceAccountName: content", "extraObjects:"]
    while len(out) < n:
        out += ['  - name: "an object of the user, number %d"' % len(out), "    data: a line of text that stays as it is %d" % len(out),
                "    # a comment that stays as well"]
    return out[:n]


def values_config(n):
    """A file that has a config section, and something in each second section of gcfg_sections."""
    out = ["replicas: 1", "config:"]
    while len(out) < n:
        out += ["  Section%d:" % ((len(out) - 2) // 2 * 20), "    Own: 'said here' # and why"]
    return out[:n]


def values_profiles(n):
    out = ["launcher:", "  enabled: true", "  launcherKubernetesProfilesConf:", "    '*':", "      job-json-overrides:"]
    while len(out) < n:
        out += ["        - target: /spec/template/spec/tolerations/-", "          name: t%d" % len(out), "          json: {key: k%d}" % len(out)]
    return out


def values_images(n):
    out = ["launcher:", "  enabled: true", "  additionalRuntimeImages:"]
    while len(out) < n:
        out += ["    - name: registry.example.com/content:%d # why" % len(out), "      python:", "        installations:",
                "          - {path: /opt/python/3.12.1/bin/python, version: 3.12.1}"]
    return out[:3 + (n - 3) // 8 * 4] + ["executionEnvironments:"] + [line[2:].replace("/content:", "/other:") for line in out[3:3 + (n - 3) // 8 * 4]]


def values_labels_by_pointer(n):
    out = ["launcher:", "  enabled: true", "  launcherKubernetesProfilesConf:", "    '*':", "      job-json-overrides:"]
    while len(out) < n:
        out += ["        - target: /metadata/labels/label-%d" % len(out), "          json: the value of this label"]
    return out


def values_contexts(n):
    """Two contexts that are merged, key by key."""
    out = ["launcher:", "  enabled: true", "  templateValues:", "    pod:"]
    for name in ("defaultSecurityContext", "securityContext"):
        out += ["      %s:" % name] + ["        key-%d: {of: %s}" % (k, name) for k in range(n // 2)]
    return out


def values_one_line(n):
    """As many entries as others have lines, on one line."""
    entries = ", ".join("{name: VARIABLE_%d, value: some value %d}" % (k, k) for k in range(n // 2))
    return ["launcher: {enabled: true, templateValues: {pod: {env: [%s]}}}" % entries]


def values_meeting(n):
    """Ours meets what stands there already, of which each second key is the same."""
    ours = ["        label-%d: from the Launcher" % k for k in range(n // 2)]
    there = ["          label-%d: there already" % (2 * k) for k in range(n // 2)]
    return (["launcher:", "  enabled: true", "  templateValues:", "    job:", "      labels:"] + ours +
            ["backends:", "  kubernetes:", "    defaultResourceJobBase:", "      metadata:", "        labels:"] + there)


# What is converted, from which files (the first is the argument), with which options. Where each line is a value that is made anew or has
# something said of it (WORK_ONLY), what is said is longer than the line: there only the work is looked at.
WORK_ONLY = [values_profiles, values_labels_by_pointer, values_contexts, values_one_line, values_meeting]
KINDS = [
    ("config", [gcfg_sections], []),
    ("config", [gcfg_list], []),
    ("config", [gcfg_repositories], []),
    ("config", [gcfg_sections, values_config], ["--merge"]),
    ("config", [gcfg_sections, values_other], ["--merge"]),
    ("values", [values_mounts], []),
    ("values", [values_other], []),
    ("values", [values_images], []),
    ("values", [values_profiles], []),
    ("values", [values_labels_by_pointer], []),
    ("values", [values_contexts], []),
    ("values", [values_one_line], []),
    ("values", [values_meeting], []),
    ("values", [values_mounts], ["--diff"]),
    ("values", [values_other], ["--diff"]),
]


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path


def words_of(folder, what, generators, options, lines):
    files = [write(folder, g.__name__, g(lines)) for g in generators]
    return ["convert", what, files[0], *options, *files[1:]], sum(os.path.getsize(f) for f in files)


def instructions(words):
    p = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", RUN, *words], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, errors="replace", check=False)
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
        for what, generators, options in KINDS:
            name = " ".join([what, *(g.__name__ for g in generators), *options])
            one = instructions(words_of(folder, what, generators, options, COUNTED)[0])
            two = instructions(words_of(folder, what, generators, options, 2 * COUNTED)[0])
            ratio = two / one if one and two else 0
            tap.ok(one and two and ratio <= 2.3, "%s: %d lines cost %.2f times what %d lines cost" % (name, 2 * COUNTED, ratio, COUNTED))
            if generators[0] in WORK_ONLY:
                continue
            words, size = words_of(folder, what, generators, options, LINES)
            peak = peak_bytes(words)
            times = (peak - own) / size if peak else 99
            tap.ok(times < 20, "%s: %d lines need %.1f times their size in memory" % (name, LINES, times))
    tap.end()


if __name__ == "__main__":
    main()
