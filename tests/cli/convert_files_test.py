#!/usr/bin/env python3
"""The conversions and the files that they read and write: standard input and output, --in-place with its backup, mode, link and limits,
--diff that patch(1) takes, --strict, --json, and what is refused without a byte written."""
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, Tap, scratch  # noqa: E402

TAP = Tap()
FOLDER = scratch("files")
BEFORE = "# ours\nsharedStorage: {create: true}\nlauncher:\n  enabled: true\n  templateValues:\n    pod:\n      # why\n      labels: {a: b}\nexecutionEnvironments: [{name: i}]\n"
GCFG = "[Server]\nAddress = https://connect.example.com\n[Database]\nProvider = postgres\n[Postgres]\nURL = postgres://c@db.example.com/c\n"


def run(*words, given=None, **more):
    return subprocess.run([RUN, "convert", *words], input=given, capture_output=True, text=True, encoding="utf-8", cwd=FOLDER, timeout=60, check=False, **more)


def put(name, text, mode=0o644):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def text_of(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8", newline="") as f:
        return f.read()


def there(name):
    return os.path.exists(os.path.join(FOLDER, name))


def files():
    return sorted(os.listdir(FOLDER))


def streams():
    put("v.yaml", BEFORE)
    plain, piped = run("values", "v.yaml"), run("values", "-", given=BEFORE)
    TAP.ok(plain.returncode == 0 and "enabled: false" in plain.stdout and "launcher.templateValues.pod.labels" in plain.stderr,
           "the result is on standard output, the account on standard error", plain)
    TAP.ok(piped.stdout == plain.stdout and "standard input:8" in piped.stderr, "a file comes from standard input as well, and is named so", piped)
    TAP.equal(run("values", "v.yaml", "--output", "-").stdout, plain.stdout, "--output - is standard output")
    config = run("config", "-", given=GCFG)
    TAP.ok(config.returncode == 0 and "Address: 'https://connect.example.com'" in config.stdout and "3 settings and variables" in config.stderr,
           "a gcfg file from standard input, with its counts", config)
    broken = run("config", "-", given="[Server]\nAddress = \"x\n")
    TAP.ok(broken.returncode == 2 and "standard input:2:11:" in broken.stderr and broken.stdout == "", "a fault in it has its place", broken)
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([RUN, "convert", "values", os.path.join(FOLDER, "v.yaml")], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    TAP.ok(r.returncode == 1 and "could not be written" in r.stderr, "standard output that takes nothing is told", r)


def outputs():
    put("v.yaml", BEFORE)
    same = run("values", "v.yaml", "--output", "v.yaml")
    TAP.ok(same.returncode == 2 and "--in-place" in same.stderr and text_of("v.yaml") == BEFORE, "--output never goes over what is converted", same)
    os.symlink("v.yaml", os.path.join(FOLDER, "link.yaml"))
    same = run("values", "v.yaml", "--output", "link.yaml")
    TAP.ok(same.returncode == 2 and text_of("v.yaml") == BEFORE, "nor by another name of it", same)
    r = run("values", "v.yaml", "--output", "new.yaml")
    TAP.ok(r.returncode == 0 and r.stdout == "" and "enabled: false" in text_of("new.yaml"), "--output writes a file and nothing to standard output", r)
    r = run("values", "v.yaml", "--diff")
    put("patched.yaml", BEFORE)
    patch = subprocess.run(["patch", "-s", os.path.join(FOLDER, "patched.yaml")], input=r.stdout, text=True, capture_output=True, check=False) if shutil.which("patch") else None
    if patch is None:
        TAP.skip("--diff is what patch takes", "patch is not installed")
    else:
        TAP.ok(patch.returncode == 0 and text_of("patched.yaml") == text_of("new.yaml"), "--diff is what patch takes", patch)
    os.unlink(os.path.join(FOLDER, "link.yaml"))


def in_place():
    put("v.yaml", BEFORE, 0o664)
    r = run("values", "v.yaml", "--in-place", umask=0o077)
    mode = stat.S_IMODE(os.stat(os.path.join(FOLDER, "v.yaml")).st_mode)
    TAP.ok(r.returncode == 0 and r.stdout == "" and text_of("v.yaml") == text_of("new.yaml"), "--in-place changes the file", r)
    TAP.ok(text_of("v.yaml.bak") == BEFORE and mode == 0o664 and stat.S_IMODE(os.stat(os.path.join(FOLDER, "v.yaml.bak")).st_mode) == 0o664,
           "keeps the old one beside it, and the mode of both", oct(mode))
    again = run("values", "v.yaml", "--in-place")
    TAP.ok(again.returncode == 0 and text_of("v.yaml.bak") == BEFORE and "stays as it is" in again.stderr, "a second time there is nothing to do", again)
    put("v.yaml", BEFORE)
    r = run("values", "v.yaml", "--in-place")
    TAP.ok(r.returncode == 2 and "v.yaml.bak is there already" in r.stderr and text_of("v.yaml") == BEFORE, "a backup is never overwritten", r)
    os.unlink(os.path.join(FOLDER, "v.yaml.bak"))
    put("real.yaml", BEFORE)
    os.symlink("real.yaml", os.path.join(FOLDER, "link.yaml"))
    r = run("values", "link.yaml", "--in-place")
    TAP.ok(r.returncode == 0 and os.path.islink(os.path.join(FOLDER, "link.yaml")) and "enabled: false" in text_of("real.yaml"), "a symbolic link is followed and stays", r)
    put("ro.yaml", BEFORE, 0o444)
    r = run("values", "ro.yaml", "--in-place")
    TAP.ok(r.returncode == 1 and "read-only" in r.stderr and text_of("ro.yaml") == BEFORE and not there("ro.yaml.bak"), "a read-only file is left alone", r)
    r = run("values", "-", "--in-place", given=BEFORE)
    TAP.ok(r.returncode == 2 and "standard input" in r.stderr, "standard input has no place", r)
    r = run("values", "v.yaml", "--in-place", "--diff")
    TAP.ok(r.returncode == 2 and text_of("v.yaml") == BEFORE, "--in-place goes with no --diff", r)


def no_space(limit):
    """A file may have only so many bytes: as on a disk that is full."""
    def before_exec():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return before_exec


def full_disk():
    for limit, what in ((10, "its backup"), (len(BEFORE) + 5, "the new file")):
        put("full.yaml", BEFORE)
        before = files()
        r = run("values", "full.yaml", "--in-place", preexec_fn=no_space(limit))
        TAP.ok(r.returncode == 1 and "cannot write" in r.stderr and text_of("full.yaml") == BEFORE and files() == before,
               f"a disk that has no room for {what}: the file is as it was, nothing lies about", f"{r}\n{files()}")
    r = run("values", "full.yaml", "--in-place")
    TAP.ok(r.returncode == 0 and text_of("full.yaml.bak") == BEFORE, "and with room the same command works", r)


def for_scripts():
    put("v.yaml", BEFORE)
    answer = json.loads(run("values", "v.yaml", "--json").stdout)
    TAP.ok(sorted(answer) == ["account", "commands", "findings", "result"] and answer["commands"], "--json of values has result, account, findings, commands", answer)
    rows = {r["setting"]: r for r in answer["account"]}
    row = rows["launcher.templateValues.pod.labels"]
    TAP.ok(sorted(row) == ["disposition", "line", "reason", "setting", "source", "target"] and row["line"] == 8 and row["source"].endswith("v.yaml:8") and
           row["target"].endswith("spec.template.metadata.labels"), "a row says where it was and where it is", row)
    put("c.gcfg", GCFG + "[SMTP]\nPassword = p\n[PAM]\nService = x\n[Server]\nSenderEmail = a;b@c.example\n")
    answer = json.loads(run("config", "c.gcfg", "--json").stdout)
    TAP.ok(sorted(answer) == ["account", "commands", "findings", "result"], "--json of config has the same", answer)
    TAP.equal({r["disposition"] for r in answer["account"]} - {"keep", "secret", "ask", "chart"}, set(), "with the words of the manual")
    TAP.ok(any(f["id"].startswith("config.cut-off") and ":12" in f["seen"] for f in answer["findings"]), "what a comment sign cuts off is told with its place", answer["findings"])
    TAP.ok("\"p\"" not in json.dumps(answer), "and no secret is in it")
    TAP.equal(run("config", "c.gcfg", "--strict").returncode, 1, "--strict ends with 1 when somebody has to look")
    put("good.gcfg", GCFG)
    TAP.equal(run("config", "good.gcfg", "--strict").returncode, 0, "and with 0 when nobody has to")
    TAP.equal((run("values", "v.yaml", "--strict").returncode, run("values", "-", "--strict", given="launcher: {enabled: true}\n").returncode), (0, 1), "values as well")


ENVIRONMENT = """\
# the unit's variables
; as systemd reads them
CONNECT_SERVER_ADDRESS="https://new.example.com"
  export HTTPS_PROXY=http://proxy:3128
NO_PROXY='localhost,.corp'
GREETING="say \\"hi\\" \\
twice"  
Environment="A=b c" CONNECT_APPLICATIONS_RUNAS=rstudio-connect
PLAIN = no variable
"""


def variables():
    put("c.gcfg", GCFG)
    put("unit.env", ENVIRONMENT)
    r = run("config", "c.gcfg", "--environment", "unit.env")
    TAP.ok(r.returncode == 2 and "unit.env:9:1: expected NAME=value" in r.stderr and r.stdout == "", "a line that is no variable is refused with its place", r)
    put("unit.env", ENVIRONMENT.replace("PLAIN = ", "PLAIN="))
    r = run("config", "c.gcfg", "--environment", "unit.env")
    for line in ("Address: 'https://new.example.com'", "RunAs: 'rstudio-connect'", "- name: HTTPS_PROXY", "value: 'localhost,.corp,.svc,.cluster.local'",
                 "value: 'say \"hi\" twice'", "- name: A\n      value: 'b c'", "- name: PLAIN\n      value: 'no variable'"):
        TAP.ok(r.returncode == 0 and line in r.stdout, f"the unit's variables are read as systemd does: {line.split(chr(10))[0]}", r.stdout + r.stderr)


REFUSED = [("two documents", "a: 1\n---\nb: 2\n", ":2:1: a second document"), ("a key that stands twice", "launcher: {}\nlauncher: {}\n", ":2:1: the key \"launcher\" stands here a second time"),
           ("a tab", "launcher:\n\tenabled: true\n", ":2:1:"), ("a template", "launcher: {{ .Values.x }}\n", ":1:11: a template"),
           ("a merge key", "x: &a {b: c}\nlauncher:\n  <<: *a\n", ":3:"), ("an explicit key", "launcher:\n  ? enabled\n  : true\n", ":2:5:"),
           ("no UTF-8", "launcher: {enabled: true} # \udcff\n", ":1:"), ("a list where a map belongs", "launcher: {enabled: true}\nbackends: [a]\n", ":2:11: backends: expected a map"),
           ("a text that the file ends in", "launcher:\n  enabled: true\n  extraTemplates:\n    a: |\n      no line end", ":4:8:"), ("a lone carriage return", "launcher:\n  enabled: true\r  namespace: x\n", ":3:3:")]


def refusals():
    for name, text, place in REFUSED:
        with open(os.path.join(FOLDER, "odd.yaml"), "wb") as f:
            f.write(text.encode("utf-8", "surrogateescape"))
        before = files()
        r = run("values", "odd.yaml", "--in-place")
        TAP.ok(r.returncode == 2 and "odd.yaml" + place in r.stderr and r.stdout == "" and files() == before, f"{name} is refused with its place, and nothing is written", r)


def an_umbrella():
    """--merge below the key that the Chart.yaml beside the file names."""
    put("c.gcfg", GCFG)
    put("v.yaml", "hub:\n  replicas: 1   # ours\nother: {a: b}\n")
    r = run("config", "c.gcfg", "--merge", "v.yaml")
    TAP.ok(r.returncode == 2 and "v.yaml:1:1: no key here is one of Connect's chart" in r.stderr, "a key that has nothing of Connect's name is no place by itself", r)
    put("Chart.yaml", "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n  - {name: rstudio-connect, version: 0.21.0, repository: 'https://c', alias: hub}\n")
    r = run("config", "c.gcfg", "--merge", "v.yaml")
    TAP.ok(r.returncode == 0 and r.stdout.startswith("hub:\n  replicas: 1   # ours\n") and "\n  config:\n    Server:\n" in r.stdout and "other: {a: b}\n" in r.stdout
           and "stand below hub in" in r.stderr, "with a Chart.yaml beside it that names it, it is", r)
    os.unlink(os.path.join(FOLDER, "Chart.yaml"))


def main():
    for part in (streams, outputs, in_place, full_disk, for_scripts, variables, refusals, an_umbrella):
        part()
    TAP.end()


if __name__ == "__main__":
    main()
