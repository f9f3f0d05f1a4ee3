#!/usr/bin/env python3
"""Conversions of large files: twice the size costs at most 2.3 times the instructions (counted by valgrind's cachegrind, not timed), and memory
stays below 20 times the input; of both, what the program needs for nothing at all is taken off. Skipped aloud without valgrind, and under a sanitizer."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, Tap, skip_all  # noqa: E402

LINES = int(os.environ.get("CM_SCALE_LINES", "50000"))
COUNTED = LINES // 50


def gcfg_sections(n):
    out = []
    while len(out) < n:
        out += ["[Section%d]" % len(out), "; the reason for what follows"]
        out += ['Setting%d = "a value of some length %d; quoted"' % (k, len(out)) for k in range(8)]
    return out[:n]


def gcfg_list(n):
    return ["[Authorization]"] + ["ViewerRoleMapping = a-group-of-people-%d" % i for i in range(n - 1)]


def gcfg_short(n):
    return ["[S]"] + ["key%d = v" % k for k in range(n - 1)]


def gcfg_again(n):
    """Short names that come again and again: their values are lists."""
    return ["[S]"] + ["k%d=v" % (k % 1000) for k in range(n - 1)]


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


def values_text(n):
    """Images in one text of YAML, which is written anew."""
    out = ["launcher:", "  enabled: true", "  additionalRuntimeImages: |"]
    while len(out) < n:
        out += ["    - name: r/i:%d" % len(out), "      python: {installations: [{path: /opt/python, version: 3.12}]}"]
    return out


def values_own_section(n):
    return ["replicas: 1", "config:", "  Own:", "    Setting: 'said here'"]


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


def values_of(path, line):
    """As many lines of one kind below this path; {} is a number."""
    head = ["%s%s:" % ("  " * depth, key) for depth, key in enumerate(path.split("."))]
    head.insert(1, "  enabled: true")
    return lambda n: head + ["  " * path.count(".") + "  " + line.replace("{}", str(k)) for k in range(n - len(head))]


POD = "launcher.templateValues.pod"
values_labels = values_of(POD + ".labels", "label-{}: the value of a label")
values_unknown = values_of(POD, "k{}: v")
values_unknown_keys = values_of("launcher", "k{}: v")
values_init = values_of("launcher.defaultInitContainer", "k{}: v")
values_context = values_of(POD + ".containerSecurityContext", "key-{}: some value")
values_short = values_of("launcher.additionalRuntimeImages", "- name: r/i:{}")
values_names = values_of(POD + ".env", "- name: V1")
values_launcher_settings = values_of("config.Launcher", "Setting{}: some value")


def gcfg_comments(n):
    out = []
    while len(out) < n:
        out += ["[Section%d]" % len(out)] + ["; a comment that says at length why, line %d" % k for k in range(10)] + ["Setting = value"]
    return out[:n]


def gcfg_secrets(n):
    out = []
    while len(out) < n:
        out += ['[OAuth2 "integration %d"]' % len(out), "ClientSecret = not-to-be-told-%d" % len(out)]
    return out[:n]


# What is converted, from which files (the first is the argument), with which options; and whether its work is counted as well, or only
# its memory looked at.
KINDS = [
    ("config", [gcfg_sections], [], True),
    ("config", [gcfg_list], [], False),
    ("config", [gcfg_repositories], ["--json"], False),
    ("config", [gcfg_comments], [], False),
    ("config", [gcfg_short], [], False),
    ("config", [gcfg_short, values_own_section], ["--merge"], True),
    ("config", [gcfg_again, values_own_section], ["--merge"], False),
    ("config", [gcfg_secrets], ["--json"], False),
    ("config", [gcfg_sections, gcfg_list], ["--migration"], False),
    ("config", [gcfg_sections, values_config], ["--merge"], True),
    ("config", [gcfg_sections, values_other], ["--merge"], False),
    ("values", [values_mounts], ["--diff"], True),
    ("values", [values_other], ["--json"], False),
    ("values", [values_images], [], True),
    ("values", [values_text], [], True),
    ("values", [values_profiles], ["--json"], True),
    ("values", [values_labels_by_pointer], ["--json"], True),
    ("values", [values_contexts], [], True),
    ("values", [values_one_line], [], True),
    ("values", [values_meeting], [], True),
    ("values", [values_labels], ["--json"], False),
    ("values", [values_unknown], ["--json"], False),
    ("values", [values_unknown_keys], [], True),
    ("values", [values_init], ["--json"], False),
    ("values", [values_context], [], False),
    ("values", [values_short], [], False),
    ("values", [values_names], [], False),
    ("values", [values_launcher_settings], [], False),
]


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path


def words_of(folder, what, generators, options, lines):
    files = [write(folder, name_of(g), g(lines)) for g in generators]
    return ["convert", what, files[0], *options, *files[1:]], sum(os.path.getsize(f) for f in files)


def instructions(words):
    p = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", RUN, *words], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    found = re.search(r"refs:\s+([\d,]+)", p.stderr)
    return int(found.group(1).replace(",", "")) if found and p.returncode == 0 else None


# A process is told never to have had less than the one it was forked from: a small interpreter stands between it and this one.
LAUNCHER = """import os, sys
out = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss if status == 0 else "failed")
"""


def peak_bytes(arguments):
    p = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, RUN, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return int(p.stdout) * 1024 if p.stdout.strip() != "failed" else None


def bytes_for_nothing():
    """What the program has taken when it waits for its input."""
    child = subprocess.Popen([RUN, "convert", "config", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = found = -1
    while found <= 0 or found != last:
        time.sleep(0.1)
        last = found
        with open("/proc/%d/status" % child.pid, encoding="utf-8") as f:
            found = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024
    child.communicate(b"")
    return found


def name_of(generator):
    return next(name for name, value in globals().items() if value is generator)


def main():
    linked = subprocess.run(["ldd", RUN], capture_output=True, text=True).stdout
    if not shutil.which("valgrind") or "asan" in linked:
        skip_all("no valgrind, or a build with a sanitizer")
    tap = Tap()
    own = bytes_for_nothing()
    with tempfile.TemporaryDirectory() as folder:
        nothing = {what: instructions(["convert", what, write(folder, "nothing", ["# nothing" if what == "values" else "; nothing"])])
                   for what in ("config", "values")}
        for what, generators, options, counted in KINDS:
            name = " ".join([what, *map(name_of, generators), *options])
            if counted:
                one, two = (instructions(words_of(folder, what, generators, options, n * COUNTED)[0]) for n in (1, 2))
                ratio = (two - nothing[what]) / (one - nothing[what]) if one and two else 99
                tap.ok(ratio <= 2.3, "%s: %d lines cost %.2f times what %d lines cost" % (name, 2 * COUNTED, ratio, COUNTED))
            words, size = words_of(folder, what, generators, options, LINES)
            peak = peak_bytes(words)
            times = (peak - own) / size if peak else 99
            tap.ok(times < 20, "%s: %d lines need %.1f times their size in memory" % (name, LINES, times))
    tap.end()


if __name__ == "__main__":
    main()
