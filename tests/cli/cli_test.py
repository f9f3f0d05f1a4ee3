#!/usr/bin/env python3
"""The command line as people and scripts meet it: usage errors, help, version, explain, a plan with a typo, exit statuses."""
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, SRC, Result, Tap  # noqa: E402

COMMANDS = ["check", "preview", "status", "approve", "rollback", "finish", "report", "convert config", "convert values", "init", "explain",
            "schema", "rehearse"]
GOOD = """\
source: {hosts: [connect1]}
target: {context: prod, namespace: posit-connect, release: rsc, values: [values.yaml]}
"""
TAP = Tap()
FOLDER = tempfile.mkdtemp(prefix="cm-cli-")


def run(*words, env=None, cwd=FOLDER, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG", "NO_COLOR"))}
    clean.update({"HOME": "/nonexistent", **(env or {})})
    r = subprocess.run([RUN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=clean, cwd=cwd, timeout=60, check=False,
                       **more)
    return Result(r.returncode, r.stdout, r.stderr)


def plan(text, name="prod.yaml"):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def says(r, status, *parts, out=None):
    """The status, all parts in stderr, nothing on stdout unless it is asked for."""
    return r.status == status and all(p in r.err for p in parts) and (r.out == "" if out is None else out in r.out)


def usage_errors():
    for name, words, parts in [
            ("nothing at all", [], ["a plan or a command is needed"]),
            ("an unknown command", ["chekc", "prod.yaml"], ["neither a command nor a plan", "`check`"]),
            ("the word run", ["run", "prod.yaml"], ["`connect-migrate-run PLAN`"]),
            ("an unknown option", ["prod.yaml", "--unitl", "deploy"], ["there is no option --unitl", "--until"]),
            ("an option of another command", ["check", "prod.yaml", "--yes"], ["does not belong to `check`"]),
            ("a value that is missing", ["prod.yaml", "--until"], ["--until needs STAGE"]),
            ("a value that is too much", ["prod.yaml", "--yes=no"], ["--yes takes no value"]),
            ("a word too many", ["status", "a.yaml", "b.yaml"], ["one too many"]),
            ("a missing plan", ["check"], ["`check` needs PLAN"]),
            ("a missing gate", ["approve", "prod.yaml"], ["PLAN GATE"]),
            ("a skip without a reason", ["prod.yaml", "--skip", "backup.take"], ["needs --reason"]),
            ("a colour that is none", ["status", "x.yaml", "--color=blue"], ["auto, always and never"]),
            ("half of convert", ["convert"], ["needs config or values"]),
            ("an unknown format", ["preview", "prod.yaml", "--format", "pdf"], ["--format pdf"]),
            ("a plan that is not there", ["check", "nowhere.yaml"], ["nowhere.yaml"]),
            ("a plan to run that is not there", ["./nowhere.yaml"], ["nowhere.yaml"])]:
        r = run(*words)
        lines = r.err.splitlines()
        good = says(r, 2, *parts) and lines and lines[0].startswith("connect-migrate-run: ") and not lines[0].endswith(".")
        TAP.ok(good, f"usage: {name} exits 2 and says so", r)


def help_and_version():
    r = run("--help")
    TAP.ok(r.status == 0 and r.err == "" and all(c in r.out for c in COMMANDS), "--help names every command", r)
    TAP.ok(run("-h").out == r.out, "-h is --help")
    wide = [line for line in r.out.splitlines() if len(line) > 80]
    for c in COMMANDS:
        own = run(*c.split(), "--help")
        wide += [line for line in own.out.splitlines() if len(line) > 80]
        TAP.ok(own.status == 0 and own.err == "" and f"connect-migrate-run {c} " in own.out, f"{c} --help", own)
    TAP.equal(wide, [], "help fits into 80 columns")
    TAP.ok("--until" in run("prod.yaml", "--help").out, "PLAN --help shows the options of a run")
    v = run("--version")
    TAP.ok(v.status == 0 and v.out.startswith("connect-migrate-run ") and len(v.out.split()) == 2, "--version", v)
    began = time.monotonic()
    for _ in range(10):
        run("--version")
    took = time.monotonic() - began
    TAP.ok(took < 5, f"--version is quick ({took * 100:.0f} ms each)")


def explaining():
    everything = run("explain")
    names = [line.split()[0] for line in everything.out.splitlines()]
    changing = [line.split()[0] for line in everything.out.splitlines() if line.split()[1] in ("effect", "hold", "trial")]
    TAP.ok(everything.status == 0 and "helm.deploy" in names and len(names) == len(set(names)), "explain lists every action once", everything)
    for name in names:
        r = run("explain", name)
        wide = [line for line in r.out.splitlines() if len(line) > 80]
        asked = ["reads", "does", "undoes", "least rights", *(["proves"] if name in changing else [])]
        parts = [p for p in asked if f"\n{p}\n" not in r.out]
        TAP.ok(r.status == 0 and name in r.out and not parts, f"explain {name} says what has to be said", f"missing: {parts}\n{r.out}{r.err}")
        TAP.equal(wide, [], f"explain {name} fits into 80 columns")
    listed = json.loads(run("explain", "--json").out)
    TAP.equal([a["name"] for a in listed], names, "explain --json lists the same")
    TAP.ok(says(run("explain", "helm.deply"), 2, "there is no action and no finding \"helm.deply\"", "helm.deploy"), "explain names the nearest action")


def plans_with_faults():
    path = plan("sorce: {hosts: [a]}\ntarget: {context: p, namespace: n, release: r, values: [v]}\n")
    for command in ([], ["check"], ["preview"], ["rollback"], ["finish"]):
        r = run(*command, path)
        TAP.ok(says(r, 2, f"{path}:1:1: ", "unknown key \"sorce\"", "did you mean \"source\"?", "source.hosts is missing"),
               f"a typo in the plan is told with its place by {' '.join(command) or 'a run'}", r)
    TAP.ok(not os.path.exists(path.replace(".yaml", ".run")), "a wrong plan makes no run directory")
    r = run("check", plan(GOOD + "connect: {api_key: s3cr3tvalue}\n"))
    TAP.ok(says(r, 2, "connect.api_key") and "s3cr3tvalue" not in r.err, "a secret in the plan is refused and not shown", r)
    r = run("check", plan("a: [\n"))
    TAP.ok(says(r, 2, "prod.yaml:"), "YAML that is none is told with its place", r)
    r = run("check", plan(GOOD + "runbook: vm-to-kubernets\n"))
    TAP.ok(says(r, 2, "vm-to-kubernets", "vm-to-kubernetes"), "an unknown runbook names the nearest", r)
    r = run("check", plan(GOOD + "steps: {helm.deply: {timeout: 1m}}\n"))
    TAP.ok(says(r, 2, "prod.yaml:3:9", "helm.deply", "helm.deploy"), "a step that is in no runbook is told with its place", r)
    r = run("check", plan(GOOD + "steps: {database.check: {with: {no-such-thing: 1}}}\n"))
    TAP.ok(says(r, 2, "prod.yaml:3:9", "no-such-thing"), "an unknown parameter is told with its place", r)
    r = run(plan(GOOD), "--until", "dploy")
    TAP.ok(says(r, 2, "--until dploy", "deploy"), "--until names the nearest stage", r)
    r = run(plan(GOOD), "--skip", "helm.deply", "--reason", "x")
    TAP.ok(says(r, 2, "--skip helm.deply", "helm.deploy"), "--skip names the nearest step", r)


def nothing_begun():
    path = plan(GOOD, "fresh.yaml")
    r = run("status", path)
    TAP.ok(r.status == 0 and "nothing was begun" in r.out and "check" in r.out, "status before anything began", r)
    s = run("status", path, "--json")
    TAP.ok(s.status == 0 and json.loads(s.out)["state"] == "new", "status --json before anything began", s)
    TAP.ok(says(run("report", path), 2, "nothing was begun"), "report before anything began")
    TAP.ok(not os.path.exists(os.path.join(FOLDER, "fresh.run")), "status and report make no run directory")
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([RUN, "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    TAP.ok(r.returncode == 1, "an answer that cannot be written is a failure", r)


def words_that_cannot_go_on_record():
    """The record is JSON: what is no UTF-8 is refused before anything is made, not in the middle of a run."""
    folder = os.path.join(os.fsencode(FOLDER), b"M\xfcnchen")
    os.mkdir(folder)
    shutil.copy(plan(GOOD, "plan.yaml"), os.path.join(folder, b"plan.yaml"))

    def refused(what, *words, **more):
        r = subprocess.run([RUN, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, **more)
        TAP.ok(r.returncode == 2 and b"is no UTF-8" in r.stderr and b"Rename" in r.stderr, what, f"{r.returncode}\n{r.stderr!r}")

    path = os.path.join(folder, b"plan.yaml")
    refused("a run in a folder of another encoding is refused", path)
    refused("so is a check", "check", path)
    refused("also where the path does not show it", "check", "plan.yaml", cwd=folder)
    refused("and a run directory of that kind", "check", plan(GOOD), "--run-dir", path)
    refused("and a note", "approve", plan(GOOD), "gate.login", "--note", b"gepr\xfcft")
    TAP.equal(os.listdir(folder), [b"plan.yaml"], "nothing was made there")


def shipped_runbooks():
    nowhere = "tools: {helm: /bin/false, kubectl: /bin/false}\n"
    path = plan(GOOD.replace("hosts:", "shell: [/bin/false], hosts:") + nowhere, "runbooks.yaml")
    for command in ("rollback", "finish"):
        r = run(command, path)
        TAP.ok(says(r, 2, "nothing was begun"), f"the runbook of {command} fits the actions", r)
    launcher = plan("runbook: launcher-to-kubernetes-runner\nconnect: {api_key: {file: nowhere}}\n" + GOOD.splitlines()[1] + "\n" + nowhere,
                    "launcher.yaml")
    r = run("check", launcher)
    TAP.ok(r.status == 5 and "launcher-to-kubernetes-runner.yaml:" not in r.err, "the runbook of the Launcher's migration fits the actions", r)


def myself():
    """How a run says in its lock who holds it: a process that does not say since when it lives is taken for one that has ended."""
    with open("/proc/self/stat", encoding="utf-8") as f:
        start = int(f.read().rpartition(")")[2].split()[19])
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as f:
        return {"pid": os.getpid(), "start": start, "boot": f.read().strip()}


def a_held_lock():
    path = plan(GOOD, "held.yaml")
    folder = os.path.join(FOLDER, "held.run")
    os.mkdir(folder, 0o700)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        json.dump({**myself(), "who": "ann@laptop", "since": "2026-12-05T21:00:00.000Z", "command": "prod.yaml"}, f)
        f.flush()
        r = run(path, "--yes")
    TAP.ok(says(r, 4, "ann@laptop", str(os.getpid()), "2026-12-05T21:00:00.000Z"), "a held run directory exits 4 and names the holder", r)
    TAP.equal(sorted(os.listdir(folder)), ["artifacts", "lock", "logs"], "and nothing is written there")


def standard_descriptors():
    script = f"exec '{RUN}' --version >&-"
    r = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    TAP.ok(r.returncode == 0, "a closed standard output does no harm", r)
    reader = subprocess.run(["sh", "-c", f"'{RUN}' schema | head -c 1"], capture_output=True, text=True, check=False, timeout=60)
    TAP.ok(reader.stdout == "{" and "Broken pipe" not in reader.stderr, "a reader that leaves early does no harm", reader)


def main():
    try:
        usage_errors()
        help_and_version()
        explaining()
        plans_with_faults()
        nothing_begun()
        words_that_cannot_go_on_record()
        shipped_runbooks()
        a_held_lock()
        standard_descriptors()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    TAP.end()


if __name__ == "__main__":
    assert os.path.isdir(SRC)
    main()
