#!/usr/bin/env python3
"""Completion on the command line: what the program offers is what its tables say, and bash, zsh and fish, the real ones, make the words of
it. bash and zsh are typed into through a terminal; fish is asked by its own `complete -C`."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import BUILD, RUN, SRC, Tap  # noqa: E402

TAP = Tap()
FOLDER = tempfile.mkdtemp(prefix="cm-completion-")
SCRIPTS = os.path.join(SRC, "completion")
PLAN = """\
source: {hosts: [connect1]}
target: {context: prod, namespace: posit-connect, release: rsc, values: [values.yaml]}
"""
RUNBOOK = "runbook: 1\nid: ours\nstages:\n  - id: before\n    title: Before\n    steps:\n      - {uses: http.check, id: ticket-system, with: {url: 'https://x'}}\n"
CHECK = {"findings": [{"id": "license.activations", "verdict": "unknown", "seen": "cannot be read\nfrom here"},
                      {"id": "database.rights", "verdict": "unknown", "seen": "x"},
                      {"id": "source.odbc", "verdict": "warning", "seen": "ODBC is used"}, {"id": "storage.reached", "verdict": "ok", "seen": "x"}],
         "answers": [{"id": "database.rights", "note": "seen"}]}
# What is typed behind the program's name, and the line that it becomes.
TYPED = [
    ("prev", "preview "), ("convert con", "convert config "), ("check --jso", "check --json "), ("status --color al", "status --color always "),
    ("status --color=al", "status --color=always "), ("rehearse --drill helm-f", "rehearse --drill helm-fails "),
    ("prod.yaml --until opt", "prod.yaml --until optimize "), ("ours.yaml --skip tick", "ours.yaml --skip ticket-system "),
    ("rollback prod.yaml --until dra", "rollback prod.yaml --until drain "), ("explain caches.cl", "explain caches.clear "),
    ("approve prod.yaml lic", "approve prod.yaml license.activations "), ("prod.yaml --waive so", "prod.yaml --waive source.odbc "),
    ("check pro", "check prod.yaml "), ("pro", "prod.yaml "), ("report --format ju", "report --format junit "), ("check my", r"check my\ plan.yaml "),
    (r"my\ plan.yaml --until rev", r"my\ plan.yaml --until revert "), ("report prod.yaml --output note", "report prod.yaml --output notes.txt "),
    ("report prod.yaml --output=note", "report prod.yaml --output=notes.txt "), ("check ~/at", "check ~/at-home.yaml "),
    ("~/at-home.yaml --until val", "~/at-home.yaml --until validate "),
]


def put(name, text):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def environment():
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG", "BASH_", "ZDOTDIR", "XDG_"))}
    return {**clean, "HOME": os.path.join(FOLDER, "home"), "PATH": f"{FOLDER}/bin:/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null",
            "ZDOTDIR": os.path.join(FOLDER, "home"), "XDG_CONFIG_HOME": os.path.join(FOLDER, "home/.config"), "XDG_DATA_HOME": os.path.join(FOLDER, "home/.data")}


def program(*words):
    return subprocess.run([RUN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=FOLDER, env=environment(), timeout=60, check=False)


def offered(*words):
    """The words, without what they are."""
    return [line.split("\t")[0] for line in program("__complete", *words).stdout.splitlines()]


# ---- what the program offers ----

def commands():
    lines = [line for line in program("--help").stdout.splitlines() if re.match(r"  [a-z]", line) and not line.startswith("  connect-migrate-run")]
    return [re.split(r"  +| PLAN| FILE| \[", line.strip())[0] for line in lines]


def by_the_tables():
    names = commands()
    TAP.equal(offered(""), [*dict.fromkeys(n.split()[0] for n in names), ":plans"], "first come the commands, or a plan")
    for name in names:
        want = re.findall(r"^ +(?:-\w, +)?(--[a-z-]+)", program(*name.split(), "--help").stdout, re.M)
        TAP.equal(sorted(offered(*name.split(), "--")), sorted(want), f"{name}: its options, and no others")
    want = re.findall(r"^ +(?:-\w, +)?(--[a-z-]+)", program("x.yaml", "--help").stdout, re.M)
    TAP.equal(sorted(offered("x.yaml", "--")), sorted(want), "a plan is run: the options of a run")
    actions = [line.split()[0] for line in program("explain").stdout.splitlines() if line and not line.startswith(" ")]
    TAP.equal([a for a in actions if a not in offered("explain", "")], [], "explain: every action")
    drills = [line.split("\t")[0] for line in program("rehearse", "--drill", "list").stdout.splitlines()]
    TAP.equal(offered("rehearse", "--drill", ""), ["list", *drills], "rehearse --drill: every accident")
    said = {}
    for command in ("check", "preview", "report"):
        found = re.search(r"--format FORMAT +(.*(?:\n {9,}.*)*)", program(command, "--help").stdout)
        said[command] = " ".join(found[1].split()) if found else ""
    TAP.ok(all(said.values()) and len(set(said.values())) == 3, "each command's help names its own formats", said)
    for command in said:
        TAP.equal(offered(command, "prod.yaml", "--format", ""), re.findall(r"\w+", said[command]), f"{command} --format: what the help says")


def every_word_is_known():
    with open(os.path.join(SRC, "src/cli/completion.c"), encoding="utf-8") as f:
        known = set(re.findall(r'\{"([A-Z]+)", ', f.read()))
    with open(os.path.join(SRC, "src/cli/options.c"), encoding="utf-8") as f:
        tables = f.read()
    words = set(re.findall(r'\{CM_O_\w+, "[a-z-]+", [^,]+, "([A-Z]+)"', tables)) | {w for line in re.findall(r'^    \{"[a-z ]+", "([A-Z \[\]]+)"', tables, re.M) for w in re.findall("[A-Z]+", line)}
    TAP.ok(len(words) > 10, "arguments have words for people", words)
    TAP.equal(sorted(words - known), [], "completion knows what every argument is")


def ids():
    TAP.equal(offered("prod.yaml", "--until", "")[:3], ["prerequisites", "analyze", "prioritize"], "--until: the stages of the plan's runbook")
    TAP.equal(offered("ours.yaml", "--until", ""), ["before"], "also of a runbook of one's own")
    TAP.equal(offered("ours.yaml", "--redo", ""), ["ticket-system"], "--redo: its steps")
    TAP.ok("gate.rollback" in offered("rollback", "prod.yaml", "--skip", ""), "rollback: the way back's steps")
    TAP.equal(offered("finish", "prod.yaml", "--until", ""), ["confirm", "settle", "report"], "finish: its stages")
    TAP.equal(offered("--until", "opt"), ["optimize"], "before the plan is typed: the usual migration")
    TAP.equal(offered("broken.yaml", "--until", "opt"), ["optimize"], "a plan that cannot be read: the usual migration")
    TAP.equal(offered("approve", "prod.yaml", ""), ["license.activations"], "approve: what waits for an answer, and not what was answered")
    TAP.equal(offered("approve", "prod.yaml", "--run-dir", "elsewhere.run", ""), [], "by the run directory that is said")
    TAP.equal(offered("approve", "--run-dir=prod.run", "other.yaml", ""), ["license.activations"], "in both spellings")
    TAP.equal(offered("prod.yaml", "--waive", ""), ["source.odbc"], "--waive: the warnings")
    TAP.equal(program("__complete", "approve", "prod.yaml", "lic").stdout, "license.activations\tcannot be read\n", "with what was seen, on one line")
    TAP.equal(offered("status", "a.yaml", ""), [], "nothing where nothing more belongs")
    TAP.equal(offered("prod.yaml", "--reason", ""), [], "nothing where only a person knows")
    TAP.equal(offered("check", "--", "--js"), [":plans"], "behind -- there is no option")
    for words in ([], ["--="], ["-"], ["--until="], ["\n"], ["convert", "x", ""], ["x" * 100000]):
        r = program("__complete", *words)
        TAP.ok(r.returncode == 0 and r.stderr == "", f"nothing strange is a failure: {str(words)[:20]}", r)
    began = time.monotonic()
    for _ in range(10):
        offered("prod.yaml", "--until", "")
    TAP.ok(time.monotonic() - began < 10, f"it is quick ({(time.monotonic() - began) * 100:.0f} ms each)")


# ---- the shells ----

class Terminal:
    """A shell that is typed into."""

    def __init__(self, argv, setup):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(FOLDER)
            os.execve(argv[0], argv, environment())
        self.seen = ""
        self.type(setup + "\n")
        self.type("echo re''ady\n")
        self.wait_for("ready\r\n")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, text, limit=60):
        end = time.monotonic() + limit
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        found = text in self.seen
        before, _, self.seen = self.seen.partition(text) if found else ("", "", self.seen)
        return found, before

    def completed(self, typed, n):
        """The line after a Tab: the shell prints it itself, between marks that are not in what is echoed."""
        self.type(f"connect-migrate-run {typed}\t\x01show {n} \x05\n")
        found, _ = self.wait_for(f"<{n}:")
        return self.wait_for(":>")[1] if found else f"nothing: {self.seen[-2000:]!r}"

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def typed_into(name, argv, setup):
    t = Terminal(argv, setup)
    try:
        for n, (typed, want) in enumerate(TYPED):
            got = t.completed(typed, n)
            TAP.equal(got, f"connect-migrate-run {want.rstrip()}", f"{name}: {typed} and Tab")
    finally:
        t.end()


SHOW = ("show() { local n=$1 w out=; shift; for w; do w=${w/#$HOME/'~'}; out+=\" ${w// /\\\\ }\"; done; printf '<%s:%s:''>\\n' $n \"${out# }\"; }")


def in_bash():
    setup = ("PS1='$ '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; "
             f"{SHOW}; . '{SCRIPTS}/connect-migrate-run'")
    typed_into("bash", [shutil.which("bash"), "--norc", "--noprofile", "-i"], setup)


def in_zsh():
    setup = (f"PS1='$ '; unsetopt beep prompt_sp; bindkey -e; fpath=('{SCRIPTS}' $fpath); autoload -U compinit; compinit -D -u; {SHOW}")
    typed_into("zsh", [shutil.which("zsh"), "-f", "-i"], setup)


def in_fish():
    fish = shutil.which("fish")
    lines = "\n".join(f"echo '<{n}'; complete -C {json.dumps('connect-migrate-run ' + typed)}" for n, (typed, _) in enumerate(TYPED))
    r = subprocess.run([fish, "--no-config", "-c", f"source '{SCRIPTS}/connect-migrate-run.fish'\n{lines}"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                       cwd=FOLDER, env=environment(), timeout=120, check=False)
    parts = re.split(r"^<\d+\n", r.stdout, flags=re.M)[1:]
    for (typed, want), part in zip(TYPED, parts):
        words = [line.split("\t")[0] for line in part.splitlines()]
        last = re.split(r"(?<!\\) ", want.strip())[-1]
        TAP.ok(last in words or last.replace("\\ ", " ") in words, f"fish: {typed} and Tab", f"want {last!r}, got {words}\n{r.stderr}")
    TAP.equal(len(parts), len(TYPED), "fish: each was answered", r.stderr)


def installed():
    """Each goes where its shell looks for it, named as the shell wants it."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    goals = ["install-dist_bashcompDATA", "install-dist_zshcompDATA", "install-dist_fishcompDATA"]
    there = os.path.join(FOLDER, "root")
    r = subprocess.run(["make", "-s", *goals, f"DESTDIR={there}", "prefix=/usr", "datarootdir=/usr/share"], cwd=BUILD, env=env, capture_output=True, text=True,
                       timeout=120, check=False)
    got = sorted(os.path.relpath(os.path.join(d, f), there) for d, _, files in os.walk(there) for f in files)
    TAP.equal(got, ["usr/share/bash-completion/completions/connect-migrate-run", "usr/share/fish/vendor_completions.d/connect-migrate-run.fish",
                    "usr/share/zsh/site-functions/_connect-migrate-run"], "make install puts them where the shells look", r.stdout + r.stderr)


def main():
    os.makedirs(os.path.join(FOLDER, "bin"))
    os.symlink(RUN, os.path.join(FOLDER, "bin", "connect-migrate-run"))
    for name in ("prod.yaml", "my plan.yaml", "home/at-home.yaml", "other.yaml"):
        put(name, PLAN)
    put("ours.yaml", "runbook: ./own-runbook.yaml\n" + PLAN)
    put("own-runbook.yaml", RUNBOOK)
    put("broken.yaml", "a: [\n")
    put("prod.txt", "")
    put("notes.txt", "")
    put("prod.run/check.json", json.dumps(CHECK))
    os.makedirs(os.path.join(FOLDER, "elsewhere.run"))
    by_the_tables()
    every_word_is_known()
    ids()
    installed()
    for name, run in (("bash", in_bash), ("zsh", in_zsh), ("fish", in_fish)):
        if shutil.which(name):
            run()
        else:
            TAP.skip(f"completion in {name}", f"{name} is not installed")


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
TAP.end()
