#!/usr/bin/env python3
"""Every example of README.md and of the manual that can be run without a server and a cluster is run; the plans are read by the program.

A folder stands for the reader's: prod.yaml is README's plan, helm, kubectl and ssh reach nothing. There no example may end as a wrong
command line or a wrong plan (2), as an internal error, or by a signal. What asks for a world gets a rehearsal's."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, SRC, Result, Tap  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = yaml = None

TAP = Tap()
FOLDER = tempfile.mkdtemp(prefix="cm-examples-")
ELSEWHERE = ("./bootstrap ", "autoreconf ")      # they install packages, or build: continuous integration runs them
GCFG = '[Server]\nAddress = https://connect.example.com\n[Database]\nProvider = Postgres\n[Postgres]\nURL = "postgres://connect@db.example.com/connect"\n'


def write(name, text, mode=0o644):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def shell(line, cwd=FOLDER):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG", "PG"))}
    clean.update(HOME=os.path.join(FOLDER, "home"), PATH=f"{FOLDER}/bin:{os.environ['PATH']}", CONNECT_API_KEY="not-a-key", TMPDIR=FOLDER)
    r = subprocess.run(["sh", "-e", "-c", line], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=clean, cwd=cwd, timeout=120, check=False)
    return Result(r.returncode, r.stdout, r.stderr)


# ---- what the documents show ----

def readme_blocks():
    with open(os.path.join(SRC, "README.md"), encoding="utf-8") as f:
        return [(kind, text) for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", f.read(), re.M | re.S)]


def manual_blocks(path):
    with open(path, encoding="utf-8") as f:
        blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", f.read(), re.M | re.S)
    for text in blocks:
        text = text.replace("\\e", "\\").replace("\\-", "-").replace("\\&", "")
        yield ("yaml" if re.match(r"(runbook|source):", text) else "sh"), text


def command_lines(text):
    """Whole lines, without comments; None when the block is one script (quotes over several lines, other programs)."""
    lines = [re.sub(r"\s{2,}#.*$", "", line).strip() for line in text.replace("\\\n", " ").splitlines()]
    lines = [line for line in lines if line]
    known = ("connect-migrate-run ", "build/connect-migrate-run ") + ELSEWHERE
    return lines if all(line.startswith(known) for line in lines) else None


# ---- one example ----

def fresh(plan):
    """Nobody is reached from here: a run waits for that as long as the plan's doubt says, and here it is short."""
    write("prod.yaml", plan.replace("connect: {", "connect: {doubt: [100ms], "))
    write("values.yaml", "replicas: 1\n")
    write("rstudio-connect.gcfg", GCFG)


def elsewhere(line):
    if line.startswith("autoreconf"):
        TAP.skip(line, "it builds and installs")
        return
    with open(os.path.join(SRC, "bootstrap"), encoding="utf-8") as f:
        words = re.findall(r"^([a-z|]+)\)", f.read(), re.M)
    word = line.split()[1]
    TAP.ok(word in "|".join(words).split("|"), f"{line}: bootstrap knows the word")


def one_command(line, where):
    if line.startswith(ELSEWHERE):
        elsewhere(line)
        return
    r = shell(line)
    nothing_asked = " approve " in line and re.search("is not an open question|does not wait for an answer", r.err)
    right = r.status in (0, 1, 3, 4, 5, 7, 8, 9) or nothing_asked
    TAP.ok(right and "there is no option" not in r.err, f"{where}: {line}", r)


def one_plan(text, where):
    """A plan, or a runbook, which a plan then names. `check` reads it; what it finds behind that is not the example's matter."""
    runbook = re.match(r"runbook: 1$", text, re.M)
    path = write("ours.yaml" if runbook else "example.yaml", text)
    if runbook:
        no_steps = [line for line in PLAN.splitlines() if not line.startswith(("backup:", "access:"))]      # of steps that it need not have
        path = write("example.yaml", "\n".join(no_steps).replace("vm-to-kubernetes", "./ours.yaml"))
    r = shell(f"connect-migrate-run check {path} --run-dir {FOLDER}/example.run")
    TAP.ok(r.status in (0, 5), f"{where}: the {'runbook' if runbook else 'plan'} is read", r)
    if runbook or not jsonschema:
        return
    validator = jsonschema.Draft202012Validator(yaml.safe_load(shell("connect-migrate-run schema").out))
    errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(yaml.safe_load(text))]
    TAP.equal(errors, [], f"{where}: the schema accepts the plan")


def one_script(text, where):
    """Other programs, on the record of a rehearsal: jq, head, cp."""
    first = next(line for line in text.splitlines() if line)
    program = first.split()[0]
    if not shutil.which(program):
        TAP.skip(f"{where}: {first}", f"{program} is not installed")
        return
    r = shell(text, os.path.join(WORLD, "plan.run") if program == "jq" else WORLD)
    may_be_empty = program != "jq" or "$closed" in text      # effects without an outcome: none in a whole run
    TAP.ok(r.status == 0 and (r.out or may_be_empty), f"{where}: {first}", r)


# ---- README's session in two terminals ----

def session(lines):
    """`--serve` in one terminal until Ctrl-C, the run in another; then the accident is over, and the same command again."""
    world = os.path.join(FOLDER, "world")
    serve, run = [line.replace("build/connect-migrate-run", RUN).replace("/tmp/world", world) for line in lines]
    first = subprocess.Popen(serve.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        TAP.equal(first.stdout.readline(), "ready\n", f"README: {lines[0]}")
        r = shell(run)
        TAP.ok(r.status == 1 and "helm" in r.err, f"README: {lines[1]}: the accident stops it", r)
        os.unlink(os.path.join(world, "drill"))
        r = shell(run)
        TAP.equal(r.status, 0, f"README: {lines[1]}: the accident is over", r.err)
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def readme():
    for kind, text in readme_blocks():
        if kind == "yaml":
            one_plan(text, "README")
            continue
        lines = command_lines(text)
        TAP.ok(lines, f"README: commands are found in the block of {text.splitlines()[0]}", text)
        apart = [line for line in lines or [] if "/tmp/world" in line]
        if len(apart) == 2:
            session(apart)
        for line in lines or []:
            if line not in apart:
                fresh(PLAN)
                one_command(line.replace("build/connect-migrate-run", "connect-migrate-run"), "README")


def manual():
    for path in sorted(glob.glob(os.path.join(SRC, "doc", "*.[1-8]"))):
        name, ran = os.path.basename(path), 0
        shutil.rmtree(os.path.join(FOLDER, "prod.run"), ignore_errors=True)
        for kind, text in manual_blocks(path):
            lines = command_lines(text)
            ran += 1
            if kind == "yaml":
                one_plan(text, name)
            elif not lines:
                one_script(text, name)
            for line in lines or []:
                fresh(PLAN)
                one_command(line, name)
        TAP.ok(ran > 0, f"{name} has examples")


def guide():
    """The commands of the guide are run by guide_test.py; its plans here."""
    with open(os.path.join(SRC, "doc/guide.md"), encoding="utf-8") as f:
        for text in re.findall(r"^```yaml\n(.*?)^```$", f.read(), re.M | re.S):
            one_plan(text, "guide")


def members():
    """Every member of every event in a rehearsal's record stands in state(5)."""
    with open(os.path.join(SRC, "doc/connect-migrate-state.5"), encoding="utf-8") as f:
        page = f.read()
    entries = {}
    for m in re.finditer(r"^\.It Cm (.*)\n((?:(?!\.It |\.El).*\n)*)", page, re.M):
        for name in m[1].replace(" ,", "").split():
            entries[name] = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"^\.(?:Cm|Br?q|Pq|Po).*$", m[2], re.M))))
    lost = set()
    with open(os.path.join(WORLD, "plan.run", "state.jsonl"), encoding="utf-8") as f:
        for event in (e for line in f for e in json.loads(line)["ev"]):
            lost |= {f"{event['type']}: {k}" for k in event if k != "type" and k not in entries.get(event["type"], set())}
    TAP.equal(sorted(lost), [], "state(5) names every member that a rehearsal's record has")


def inline():
    """What stands between backticks in the running text of README: the actions and commands that it names are there."""
    with open(os.path.join(SRC, "README.md"), encoding="utf-8") as f:
        named = sorted(set(re.findall(r"`(connect-migrate-run (?:explain \S+|schema))`", f.read())))
    for line in named:
        TAP.equal(shell(line).status, 0, f"README: {line}")


PLAN = next(text for kind, text in readme_blocks() if kind == "yaml")
WORLD = os.path.join(FOLDER, "papers")
try:
    for tool in ("helm", "kubectl", "ssh"):
        write(f"bin/{tool}", f'#!/bin/sh\necho "{tool}: nothing is reached from here" >&2\nexit 255\n', 0o755)
    os.symlink(RUN, os.path.join(FOLDER, "bin", "connect-migrate-run"))
    os.makedirs(os.path.join(FOLDER, "home"))
    os.chmod(FOLDER, 0o755)      # PostgreSQL's user has to reach the worlds below
    made = shell(f"connect-migrate-run rehearse --dir {WORLD}")
    TAP.equal(made.status, 0, "a rehearsal, for the examples that read a record", made.err)
    shutil.copytree(os.path.join(WORLD, "plan.run"), os.path.join(WORLD, "connect-prod.run"))
    shutil.copy(os.path.join(WORLD, "plan.yaml"), os.path.join(WORLD, "connect-prod.yaml"))
    readme()
    manual()
    inline()
    guide()
    members()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
TAP.end()
