#!/usr/bin/env python3
"""Steps that a person does: what to do is shown, the run waits (3), goes on when it is seen or attested, and a statement that is not so is
not believed. Both clocks, and every one of them interrupted."""
import os
import re
import signal
import subprocess

from rehearsal import Postgres, Tap, World, at_once, run_until_done, until

tap = Tap()
postgres = Postgres()


def edit(w, *pairs):
    with open(w.plan, encoding="utf-8") as f:
        text = f.read()
    for pattern, new in pairs:
        text, n = re.subn(pattern, lambda _, new=new: new, text, count=1, flags=re.M | re.S)
        assert n == 1, pattern
    with open(w.plan, "w", encoding="utf-8") as f:
        f.write(text)


def tool(w, name, *words):
    return subprocess.run([w.path("bin", name), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


ACCESS = (r"^access:\n.*?(?=^\w)", "access: {close: {by: hand, note: \"call 4711\"}, open: {by: hand, note: \"call 4712\"}}\n")
BACKUP = (r"^backup:.*?\n", "backup: {by: hand, note: \"RDS and EFS\"}\n")
LOGIN = (r"^  gate.login:.*?\n", "")


def waits(w, gate, words, *args):
    r = w.run(*args)
    tap.equal(r.status, 3, f"{gate}: the run waits, and --yes does not answer it", r.err)
    tap.ok(all(x in " ".join(r.err.split()) for x in words), f"{gate}: it says what to do", r.err)
    tap.equal(w.status()["gate"], gate, f"{gate}: status names it")


def whole_evening():
    with World(postgres) as w:
        edit(w, ACCESS, BACKUP, LOGIN)
        waits(w, "access.close", ["call 4711", "approve"])
        tap.equal([w.count("access.close"), w.count("service.stop")], [0, 0], "access.close: nothing is stopped before users are out")
        r = w.cli("approve", w.plan, "access.close", "--note", "done at 22:00")
        tap.equal(r.status, 0, "access.close: attested", r.err)
        r = w.run("--until", "deploy")
        tap.ok(r.status == 1 and "still answered by the old server" in " ".join(r.err.split()), "access.close: a statement that is not so is not believed",
               r.err)
        tool(w, "access", "close")
        waits(w, "backup.take", ["RDS and EFS", "restore point"])
        tap.equal(w.count("service.stop"), 1, "access.close: seen to be done, the run went on by itself")
        tap.equal(w.count("helm.upgrade"), 0, "backup.take: nothing is deployed without a restore point")
        tap.equal(w.cli("approve", w.plan, "backup.take", "--note", "snap-0815 of 22:10 CET").status, 0, "backup.take: attested with its reference")
        waits(w, "gate.login", ["/etc/hosts"])
        tap.ok("snap-0815" in open(os.path.join(w.run_dir, "state.jsonl"), encoding="utf-8").read(), "backup.take: the reference is on record")
        s = w.status()
        tap.ok(s["downtime_seconds"] > 0 and s["users_out_seconds"] >= s["downtime_seconds"], "both clocks: the service is up, users are still out", s)
        tap.equal(w.cli("approve", w.plan, "gate.login", "--note", "A. Meier logged in").status, 0, "gate.login: attested")
        waits(w, "access.open", ["call 4712"])
        out = w.status()["users_out_seconds"]
        tool(w, "access", "open")
        r = w.run()
        tap.equal(r.status, 0, "access.open: seen to be done, the run ends with 0 without a statement", r.err)
        s = w.status()
        tap.ok(s["users_out_seconds"] >= out and s["downtime_seconds"] == w.status()["downtime_seconds"], "both clocks have stopped", s)
        report = open(os.path.join(w.run_dir, "report.md"), encoding="utf-8").read()
        tap.ok("snap-0815" in report, "the report names the restore point", report[-3000:])
        tap.equal(w.violations(), [], "by hand: never two Connects")


def back_by_hand():
    with World(postgres) as w:
        edit(w, ACCESS)
        tool(w, "access", "close")
        tap.equal(w.run("--until", "deploy").status, 0, "the way back: deployed, users out by hand")
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal(r.status, 3, "the way back waits for access.open", r.err)
        tap.equal(w.count("service.start"), 1, "the old server is up by then")
        tool(w, "access", "open")
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal([r.status, w.violations()], [0, []], "opened by hand, the way back ends with 0", r.err)


def interrupted():
    """Killed at each of its waits and between them; commands that say something are asked once."""
    with World(postgres, "--build-ms", 60) as w:
        count = 0
        for at in ("access.close", "service.stop", "backup.take", "helm.upgrade", "pod.ready", "content.build", "access.open"):
            p = w.start(w.plan, "--yes")
            until(lambda at=at, p=p: w.count(at) or p.poll() is not None, pause=0.002)
            p.send_signal(signal.SIGKILL)
            p.communicate()
            count += 1
        r = run_until_done(w)
        tap.equal(r.status, 0, f"killed {count} times, behind each of its effects: the same command completes", r.err)
        tap.equal([w.count(e) for e in ("access.close", "backup.take", "access.open", "service.stop", "service.mask")], [1, 1, 1, 1, 1],
                  "commands that ended well are not run again")
        s = w.status()
        tap.ok(s["users_out_seconds"] >= s["downtime_seconds"] > 0, "both clocks count over all starts", s)
        tap.equal(w.violations(), [], "interrupted: never two Connects")


def labelled_by_command():
    """What the probe saw is of the past once the plan's own command has run: the proof is looked at anew."""
    with World(postgres) as w:
        edit(w, (r"\Z", "steps: {serviceaccounts.label: {by: command, command: [%s, label, serviceaccount, default, "
                        "connect.posit.co/service-account=true, --namespace, posit-connect]}}\n" % w.path("bin", "kubectl")))
        r = w.run()
        tap.equal([r.status, w.count("serviceaccount.label"), w.violations()], [0, 1, []],
                  "service accounts labelled by the plan's command: seen, and the run goes on", r.err)


def command_fails():
    with World(postgres) as w:
        edit(w, (r"^backup:.*?\n", f"backup: {{by: command, command: [\"{w.path('backup-once')}\"]}}\n"))
        with open(w.path("backup-once"), "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ -e {w.path('disk-is-free')} ] || {{ echo 'snapshot: no space left' >&2; exit 4; }}\necho snap-4711\n")
        os.chmod(w.path("backup-once"), 0o755)
        r = w.run()
        tap.ok(r.status == 1 and "no space left" in r.err and "status 4" in r.err, "a backup command that fails stops the run, with its words", r.err)
        tap.equal(w.count("helm.upgrade"), 0, "nothing is deployed without a restore point")
        open(w.path("disk-is-free"), "w", encoding="utf-8").close()
        r = w.run()
        tap.ok(r.status == 0 and "snap-4711" in r.err, "mended, it is run again, and its reference is shown", r.err)


try:
    at_once([lambda job=job: tap.part(job) for job in (whole_evening, back_by_hand, interrupted, labelled_by_command, command_fails)])
finally:
    postgres.stop()
tap.end()
