#!/usr/bin/env python3
"""What users and scripts rely on, seen from outside: check and preview change nothing, two at once, typos, signals, secrets, selection,
mended values, status and report."""
import hashlib
import os
import re
import shutil
import signal

from rehearsal import Postgres, Tap, Watch, World, scratch, until

tap = Tap()
postgres = Postgres()


def tree(*roots):
    """Every file below with the digest of its bytes."""
    out = {}
    for root in roots:
        for folder, _, files in os.walk(root):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    out[path] = hashlib.sha256(f.read()).hexdigest()
    return out


def picture(w):
    return tree(w.path("vm"), w.path("cluster")), w.effects(), w.dump()


def reading_changes_nothing():
    with World(postgres) as w:
        before = picture(w)
        r = w.cli("check", w.plan)
        tap.equal(r.status, 0, "check: a healthy world has no blocker and no open question", r.out + r.err)
        tap.equal(picture(w), before, "check changes nothing outside")
        tap.equal(sorted(os.listdir(w.run_dir)), ["check.json"], "check writes check.json and nothing else")
        r = w.cli("preview", w.plan)
        tap.equal(r.status, 0, "preview ends with 0", r.err)
        tap.ok("helm upgrade --install" in r.out and "systemctl" in r.out, "preview shows the commands", r.out)
        tap.equal(picture(w), before, "preview changes nothing outside")
        tap.equal(sorted(os.listdir(w.run_dir)), ["check.json"], "preview writes nothing")
        for secret in secrets_of(w):
            tap.ok(secret not in r.out + r.err, "preview shows no secret")


def secrets_of(w):
    """The API key, and every canary that the world put where secrets are."""
    found = {open(w.path("secrets", "api-key"), encoding="utf-8").read().strip()}
    for folder, _, files in os.walk(w.path("vm")):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                text = f.read()
            found |= set(re.findall(r"CANARY-[A-Za-z0-9-]+", text)) | set(re.findall(r"\b[A-Z0-9]{4}(?:-[A-Z0-9]{4}){6}\b", text))
    return sorted(found)


def secrets_stay_secret():
    with World(postgres) as w:
        secrets = secrets_of(w)
        tap.ok(len(secrets) >= 4, "the world has secrets to lose", secrets)
        with Watch(secrets, pause=0) as watch:
            r = w.run("-v", "-v")
        out, err = r.out, r.err
        tap.equal(r.status, 0, "a run with -v -v ends with 0", err)
        tap.equal(watch.seen, set(), "no secret in any process's arguments")
        tap.equal({s for s in secrets if s in out + err}, set(), "no secret in the output")
        leaked = set()
        for folder, _, files in os.walk(w.run_dir):
            for name in files:
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                    text = f.read()
                leaked |= {(name, s) for s in secrets if s in text}
        tap.equal(leaked, set(), "no secret in any file of the run directory")
        for command in (["status", w.plan], ["status", w.plan, "--json"], ["report", w.plan]):
            r = w.cli(*command)
            tap.equal({s for s in secrets if s in r.out + r.err}, set(), f"no secret in `{command[0]}`")


def the_whole_run():
    with World(postgres) as w:
        before = w.dump()
        r = w.run()
        tap.equal(r.status, 0, "the small world: exit 0", r.err)
        s = w.status()
        tap.equal(s["state"], "done", "status says done")
        tap.equal([x["state"] for x in s["stages"]], ["done"] * 11, "all eleven stages are done", s["stages"])
        tap.equal(w.violations(), [], "never two Connects")
        for effect in ("access.close", "service.stop", "service.mask", "backup.take", "marker.write", "marker.remove", "access.open"):
            tap.equal(w.count(effect), 1, f"{effect} happened once")
        tap.equal(s["gate"], None, "no gate waits")
        tap.ok(s["downtime_seconds"] > 0 and s["users_out_seconds"] >= s["downtime_seconds"], "both clocks ran", (s["downtime_seconds"], s["users_out_seconds"]))
        for name in ("report.html", "report.md", "report.json", "junit.xml"):
            tap.ok(os.path.getsize(os.path.join(w.run_dir, name)) > 500, f"{name} is there")
        tap.ok(not os.path.exists(w.path("vm/var/lib/rstudio-connect/.connect-migrate")), "the marker is gone")
        mode = os.stat(w.run_dir).st_mode & 0o777
        tap.equal(mode, 0o700, "the run directory is private")
        after = w.dump()
        tap.ok(before != after, "the dump sees the difference")
        lines = w.lines()
        r = w.run()
        tap.equal((r.status, w.lines()), (0, lines), "typed again when all is done: 0, and nothing more on record", r.err)
        tap.equal(w.cli("finish", w.plan, "--yes").status, 0, "finish ends with 0")
        tap.equal(w.status()["state"], "final", "status says final")
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal(r.status, 9, "after finish there is no way back", r.err)


def calls(w, step):
    """The kubectl and helm commands in a step's log."""
    with open(os.path.join(w.run_dir, "logs", f"{step}.log"), encoding="utf-8") as f:
        lines = [line.split(" ", 1)[1] for line in f]
    return [line for line in lines if re.match(r"\S*/(kubectl|helm) ", line)]


def nothing_is_asked_twice():
    """While the service is down each process counts: what is there is asked for once, and again only behind what changes it."""
    with World(postgres) as w:
        tap.equal(w.run().status, 0, "a run: exit 0")
        asked = {step: calls(w, step) for step in ("serviceaccounts.label", "helm.deploy", "pods.wait", "storage.prove")}
        tap.equal([len(asked[s]) for s in ("serviceaccounts.label", "helm.deploy", "storage.prove")], [3, 3, 1],
                  "accounts: a look, the label, a look; release: the records, the upgrade, the records; storage: in the pod", asked)
        pods = asked["pods.wait"]
        tap.equal(sum(" get manifest " in line for line in pods), 1, "what was deployed is read once", pods)
        last = max(i for i, line in enumerate(pods) if " get deployments/" in line)
        tap.ok(len([x for x in pods[last + 1:] if " get manifest " not in x]) <= 1, "behind the look that saw the pod ready nothing is asked but which images run", pods)
        order = [e["effect"] for e in w.effects()]
        tap.ok(order.index("marker.write") < order.index("serviceaccount.label") < order.index("service.stop"),
               "service accounts are labelled behind the claim and before the stop", order)


def two_at_once():
    with World(postgres, "--build-ms", 400, "--content", 20) as w:
        p = w.start(w.plan, "--yes")
        until(lambda: w.count("content.build") or p.poll() is not None)
        r = w.run()
        tap.equal(r.status, 4, "a second run in the same folder: 4", r.err)
        tap.ok(str(p.pid) in r.err, "it names the first", r.err)
        elsewhere = scratch("elsewhere")
        r = w.run("--run-dir", os.path.join(elsewhere, "run"))
        tap.equal(r.status, 4, "a second run in another folder: 4", r.err)
        tap.ok(str(p.pid) in r.err or "connect-migrate" in r.err, "it names the first", r.err)
        shutil.rmtree(elsewhere)
        r = w.cli("approve", w.plan, "gate.login", "--note", "x")
        tap.equal(r.status, 4, "approve while a run is live: 4", r.err)
        _, err = p.communicate()
        tap.equal(p.returncode, 0, "the first is not disturbed", err)


def typos():
    with World(postgres) as w:
        text = open(w.plan, encoding="utf-8").read()

        def with_plan(new):
            with open(w.plan, "w", encoding="utf-8") as f:
                f.write(new)
            return w.run()

        r = with_plan(text.replace("target:", "targte:"))
        tap.equal(r.status, 2, "a typo in a key: 2", r.err)
        tap.ok(re.search(r"plan\.yaml:\d+:\d+: .*targte.*target", r.err), "line, column and the nearest name", r.err)
        r = with_plan(text + "\nsteps: {helm.deplyo: {timeout: 10m}}\n")
        tap.ok(r.status == 2 and "helm.deploy" in r.err, "a typo in a step's name: 2 and the nearest name", r.err)
        r = with_plan(text + "\nwindow: {start: \"yesterday\"}\nticket: [1]\n")
        tap.ok(r.status == 2 and len(re.findall(r"plan\.yaml:\d+:\d+", r.err)) >= 2, "all problems at once", r.err)
        tap.ok(not os.path.exists(w.run_dir), "nothing was begun")
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text)
        r = w.run("--untill", "deploy")
        tap.ok(r.status == 2 and "--until" in r.err, "a typo in an option: 2 and the nearest name", r.err)
        r = w.run("--until", "deplyo")
        tap.ok(r.status == 2 and "deploy" in r.err, "a typo in a stage: 2 and the nearest name", r.err)


def signals():
    with World(postgres, "--build-ms", 300, "--content", 20) as w:
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            p = w.start(w.plan, "--yes")
            had = w.count("content.build")
            until(lambda had=had, p=p: w.count("content.build") > had or p.poll() is not None)
            p.send_signal(number)
            _, err = p.communicate(timeout=60)
            tap.equal(p.returncode, status, f"{signal.Signals(number).name} ends with {status}", err)
            tap.ok("what to type" in err, "and says what to type", err)
            tap.equal(w.status()["state"], "interrupted", "status says interrupted")
        had = w.lines()
        p = w.start(w.plan, "--yes")
        until(lambda: w.lines() > had or p.poll() is not None)    # it writes its first line: it has begun
        p.send_signal(signal.SIGHUP)
        _, err = p.communicate(timeout=120)
        tap.equal(p.returncode, 0, "the run goes on after SIGHUP, and the next start went on", err)
        built = [e["guid"] for e in w.effects() if e["effect"] == "content.build"]
        tap.equal(len(built), len(set(built)), "no item was built twice")


def values_mended():
    with World(postgres) as w:
        values = w.path("values.yaml")
        good = open(values, encoding="utf-8").read()
        r = w.run("--until", "temporary")
        tap.equal(r.status, 0, "--until temporary ends with 0", r.err)
        tap.equal([x["state"] for x in w.status()["stages"]][:6], ["done"] * 6, "stages 0 to 5 are done")
        with open(w.path("drill"), "w", encoding="utf-8") as f:
            f.write("helm-fails\n")
        r = w.run()
        tap.equal(r.status, 1, "helm fails: 1", r.err)
        w.end_accident()
        with open(values, "w", encoding="utf-8") as f:
            f.write(good + "\n# mended at night\nreplicas: 1\n")
        r = w.run()
        tap.equal(r.status, 0, "values mended after a failed deploy are used without any flag", r.err)


def changed_plan():
    with World(postgres) as w:
        w.run("--until", "analyze")
        text = open(w.plan, encoding="utf-8").read()
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text + "\nticket: CHG-1\n")
        r = w.run()
        tap.ok(r.status == 9 and "--accept-plan-changes" in r.err and "CHG-1" in r.err, "a changed plan: 9, the difference, the flag", r.err)
        tap.equal(w.run("--accept-plan-changes").status, 0, "accepted, it goes on")
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text.replace("rstudio-connect-prod", "other-release"))
        r = w.run("--accept-plan-changes")
        tap.equal(r.status, 9, "another release is refused, also with the flag", r.err)


def gates():
    with World(postgres) as w:
        r = w.cli(w.plan)
        tap.equal(r.status, 3, "without --yes and without a terminal: 3", r.err)
        tap.ok("approve" in r.err and "gate.downtime" in r.err, "it names the command", r.err)
        tap.equal(w.status()["gate"], "gate.downtime", "status names the gate")
        tap.equal(w.effects(), [e for e in w.effects() if e["effect"] in ("webhook", "image.pull")], "nothing has begun")
        r = w.cli("approve", w.plan, "gate.downtim")
        tap.ok(r.status == 2 and "gate.downtime" in r.err, "a typo in the gate: 2 and the nearest name", r.err)
        tap.equal(w.cli("approve", w.plan, "gate.downtime").status, 0, "approve ends with 0")
        r = w.cli(w.plan)
        tap.equal(r.status, 0, "then the run goes to its end", r.err)


def thought_again():
    """A way back or a finish that was typed and not yet said go to: nothing of it is done, and it can be given up."""
    with World(postgres) as w:
        tap.equal(w.run().status, 0, "a migration that is done")
        effects = w.effects()
        tap.equal(w.cli("rollback", w.plan).status, 3, "a rollback waits for its go")
        r = w.cli(w.plan)
        tap.ok(r.status == 9 and "rollback is open" in r.err and "--again" in r.err, "forward is refused, with how to give it up", r.err)
        tap.ok([w.plan, "--again"] == [n["command"].split()[-2:] for n in w.status()["next_steps"] if "--again" in n["command"]][0],
               "status has that command too", w.status()["next_steps"])
        r = w.run("--again")
        tap.ok(r.status == 0 and "rollback that waited for its go is given up" in r.err, "given up, the migration is done as before", r.err)
        tap.equal(w.cli("finish", w.plan).status, 3, "a finish waits for its go")
        tap.equal(w.effects(), effects, "and nothing was changed by any of it")
        r = w.cli("rollback", w.plan, "--yes")
        tap.ok(r.status == 0 and "finish that waited for its go is given up" in r.err, "a rollback takes its place: the way back is still there", r.err)
        tap.equal((w.violations(), w.status()["state"]), ([], "rolled-back"), "and goes to its end")
        tap.equal(w.cli("finish", w.plan).status, 9, "which cannot be finished")
    with World(postgres) as w:
        w.run()
        w.cli("finish", w.plan)
        tap.equal(w.cli("approve", w.plan, "gate.final").status, 0, "somebody says go to a finish")
        r = w.cli("rollback", w.plan, "--yes")
        tap.ok(r.status == 9 and "a finish is open" in r.err, "then there is no way back", r.err)
        tap.equal(w.run("--again").status, 9, "and it cannot be given up")


def own_runbook():
    with World(postgres) as w:
        text = open(w.plan, encoding="utf-8").read()
        book = open(os.path.join(os.environ["CM_SRC"], "plans", "vm-to-kubernetes.yaml"), encoding="utf-8").read()
        touched = w.path("touched")
        own = book.replace("id: vm-to-kubernetes", "id: ours").replace(
            "      - {uses: downtime.announce, timeout: 60s, retries: 2}\n",
            f"      - {{uses: command.run, id: pager, timeout: 10s, with: {{check: [test, -e, {touched}], run: [touch, {touched}]}}}}\n")

        def with_book(new):
            with open(w.path("ours.yaml"), "w", encoding="utf-8") as f:
                f.write(new)
            return w.run()

        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text.replace("runbook: vm-to-kubernetes", "runbook: ./ours.yaml"))
        r = with_book(own.replace("      - {uses: config.convert, timeout: 2m}\n", "      - {uses: config.convrt, timeout: 2m}\n"))
        tap.ok(r.status == 2 and "config.convert" in r.err and re.search(r"ours\.yaml:\d+:\d+", r.err), "an unknown action: its place and the nearest name", r.err)
        moved = own.replace("      - {uses: pods.wait, timeout: 20m}\n", "").replace(
            "      - {uses: access.close, timeout: 10m}\n", "      - {uses: pods.wait, timeout: 20m}\n      - {uses: access.close, timeout: 10m}\n")
        r = with_book(moved)
        tap.ok(r.status == 2 and "pods.wait" in r.err, "an impossible order is refused when loaded", r.err)
        unguarded = own
        for line in ("      - {uses: service.stop, timeout: 10m}\n", "      - {uses: database.quiesce, timeout: 5m}\n"):
            unguarded = unguarded.replace(line, "")
        r = with_book(unguarded)
        tap.ok(r.status not in (0, 7), "without the steps that stop the old server it does not end well", r.err)
        tap.equal((w.count("pod.create"), w.violations()), (0, []), "and no second Connect comes up")
        shutil.rmtree(w.run_dir)
        w.cli("rollback", w.plan, "--yes")
    with World(postgres) as w:
        text = open(w.plan, encoding="utf-8").read()
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text.replace("runbook: vm-to-kubernetes", "runbook: ./ours.yaml"))
        own2 = own.replace(touched, w.path("touched"))
        with open(w.path("ours.yaml"), "w", encoding="utf-8") as f:
            f.write(own2)
        r = w.run()
        tap.equal(r.status, 0, "an own step in an own runbook, another left out", r.err)
        tap.ok(os.path.exists(w.path("touched")), "the own step ran")


def several_nodes():
    with World(postgres, "--nodes", 3) as w:
        r = w.run()
        tap.equal(r.status, 0, "three nodes: exit 0", r.err)
        tap.equal((w.count("service.stop"), w.count("service.mask")), (3, 3), "each is stopped and masked once")
        tap.equal(w.violations(), [], "three nodes: never two Connects")


try:
    for part in (reading_changes_nothing, the_whole_run, nothing_is_asked_twice, secrets_stay_secret, two_at_once, typos, signals, values_mended, changed_plan, gates, thought_again,
                 own_runbook, several_nodes):
        tap.part(part)
finally:
    postgres.stop()
tap.end()
