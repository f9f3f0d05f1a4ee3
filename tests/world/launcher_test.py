#!/usr/bin/env python3
"""The Launcher's Connect changed to the direct Kubernetes runner in place: end to end, with accidents, killed and typed again, and all the
way back. And a server that moves with values that were written for the Launcher."""
import contextlib
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from looked import look, plan_text, write_plan
from rehearsal import LAUNCHER, Postgres, RUN, Tap, World, at_once, has_hooks, launcher_values, run_until_done

tap = Tap()


def launcher_world(postgres):
    return World(postgres, "--launcher")


def purposes(w):
    return [e["purpose"] for e in w.effects() if e["effect"] == "helm.upgrade"]


def release(w):
    """What the newest revision was given."""
    return w.dump()["releases"]


def gcfg(w):
    p = subprocess.run([w.path("bin", "kubectl"), "--context", "world", "-n", "posit-connect", "get", "configmaps", "-o", "json"],
                       stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL, timeout=60)
    maps = [m["data"]["rstudio-connect.gcfg"] for m in json.loads(p.stdout)["items"] if "rstudio-connect.gcfg" in m.get("data", {})]
    return maps[0] if maps else ""


def section(text, name):
    """The settings of one section of a gcfg text, by lower-case name."""
    found = re.search(rf"^\[{name}\]\n((?:.+\n)*)", text + "\n", flags=re.M)
    return {k.strip().lower(): v.strip() for k, v in (line.split("=", 1) for line in (found.group(1) if found else "").splitlines())}


def modes(w):
    text = gcfg(w)
    return [n for n in ("Launcher", "Kubernetes") if section(text, n).get("enabled") == "true"]


def flat(r):
    """What was said, without the line breaks of a narrow terminal."""
    return " ".join((r.err + " " + r.out).split())


def stage(w, drill):
    with open(w.path("drill"), "w", encoding="utf-8") as f:
        f.write(drill + "\n")


def impatient(w, step, timeout):
    """The world's plan, with less patience for one step."""
    return write_plan(w, "plan.yaml", plan_text(w) + f"steps:\n  {step}: {{timeout: {timeout}}}\n")


# ---- the whole way ----

def end_to_end(postgres):
    with launcher_world(postgres) as w:
        with open(w.path("values.yaml"), encoding="utf-8") as f:
            own = f.read()
        before, old = w.dump(), gcfg(w)
        tap.equal(modes(w), ["Launcher"], "the world begins with a Connect that uses the Launcher", old)
        seen = look(w, w.plan)
        tap.equal(seen.of("blocker", "unknown"), [], "the check finds nothing to stop at", seen)
        tap.equal((seen.verdict("runtimes.environments"), w.dump() == before), ("ok", True), "it knows the environments and changes nothing", seen)
        r = w.run()
        tap.equal((r.status, w.violations()), (0, []), "the change goes to its end, never with both modes at once", r.err)
        now = gcfg(w)
        tap.equal(modes(w), ["Kubernetes"], "Connect runs with the direct runner", now)
        tap.ok("MinProcessesLimit" not in now and "ScheduleConcurrency" not in now, "the temporary settings are absent again", now)
        tap.equal(purposes(w), ["scale", "deploy", "revert"], "by three upgrades")
        names = [e["effect"] for e in w.effects()]
        ends, begins = names.index("pod.end"), [i for i, n in enumerate(names) if n == "pod.create"][1]
        tap.ok(names.index("webhook") < ends < begins, "users were told first, and the old pod had ended before the new one began", names)
        with open(w.path("values.yaml"), encoding="utf-8") as f:
            tap.equal(f.read(), own, "the user's own file is as it was")
        copy = os.path.join(w.run_dir, "artifacts", "values.0.values.yaml")
        with open(copy, encoding="utf-8") as f:
            converted = f.read()
        tap.ok("defaultResourceJobBase" in converted and "# asked for by finance" in converted and os.stat(copy).st_mode & 0o77 == 0,
               "the converted copy is its owner's alone and has the comments", converted)
        tap.ok(all(x in flat(r) for x in ("of before are known to Connect again", "no Job of the Launcher runs")),
               "environments are compared afterwards, and leftovers are looked for", r.err)
        tap.equal([w.count("serviceaccount.label", name="default"), w.count("service.stop"), w.count("access.close")], [1, 0, 0],
                  "the content's account is labelled; nothing is done to a server that is not there")
        r = w.run()
        tap.equal((r.status, purposes(w)), (0, ["scale", "deploy", "revert"]), "typed again it does nothing more", r.err)

        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, w.violations()), (0, []), "the way back goes to its end", r.err)
        tap.equal(gcfg(w), old, "and Connect has the configuration it had, byte for byte")
        tap.equal([w.dump()[k] for k in ("serviceaccounts", "settings")], [before[k] for k in ("serviceaccounts", "settings")],
                  "labels and settings are as they were")
        tap.ok("Connect is up again as it was" in flat(r) and "old server is started" not in flat(r), "it says what it did, and nothing of an old server", r.err)
        r = w.run("--again")
        tap.equal((r.status, w.violations()), (0, []), "and forward again", r.err)


def an_environment_that_the_values_lack(postgres):
    with launcher_world(postgres) as w:
        with open(w.path("values.yaml"), encoding="utf-8") as f:
            text = f.read()
        cut = re.sub(r"  - name: ghcr.io/example/connect-content:r4.4.*?\n\n", "\n", text, flags=re.S)
        assert cut != text
        with open(w.path("values.yaml"), "w", encoding="utf-8") as f:
            f.write(cut)
        seen = look(w, w.plan)
        tap.ok(seen.verdict("runtimes.environment-not-named") == "warning" and "r4.4-py3.12 (R 4.4.3" in seen.seen("runtimes.environment-not-named"),
               "an environment that Connect knows and the values lack is a warning with its versions", seen)
        r = w.run()
        tap.ok(r.status in (0, 7) and "are not known to Connect any more" in flat(r), "and is seen to be gone afterwards", f"{r.status}\n{r.err}")


# ---- accidents ----

def a_job_that_never_ends(postgres):
    with launcher_world(postgres) as w:
        before = gcfg(w)
        stage(w, "job-never-ends")
        impatient(w, "launcher.drain", "1500ms")
        r = w.run()
        tap.equal((r.status, purposes(w)), (1, ["scale"]), "a Job of the Launcher's that never ends stops it before anything is deployed", r.err)
        tap.ok("2 content Jobs still run" in flat(r) and "get jobs" in flat(r), "and it says what runs and how to look", r.err)
        w.end_accident()
        r = w.run()
        tap.equal((r.status, w.violations(), purposes(w)), (0, [], ["scale", "deploy", "revert"]), "when it has ended the same command goes on", r.err)
    with launcher_world(postgres) as w:
        before = gcfg(w)
        stage(w, "job-never-ends")
        impatient(w, "launcher.drain", "1500ms")
        w.run()
        w.end_accident()
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, w.violations(), gcfg(w) == before), (0, [], True), "from there the way back gives Connect its replicas again", r.err)
        tap.equal(w.status().get("open", []), [], "with nothing left open")


def a_pod_that_does_not_come_up(postgres):
    with launcher_world(postgres) as w:
        before = gcfg(w)
        impatient(w, "pods.wait", "2s")
        stage(w, "pod-never-ready")
        r = w.run()
        tap.ok(r.status == 1 and "ImagePullBackOff" in flat(r), "a pod that does not come up is told with its reason", r.err)
        tap.equal(w.violations(), [], "and no two modes run")
        w.end_accident()
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, w.violations(), gcfg(w) == before), (0, [], True), "the way back leads to the Launcher's Connect", r.err)


# ---- kills ----

def kills(postgres):
    if not has_hooks():
        tap.skip("killed and typed again", "this build has no crash points")
        return
    with launcher_world(postgres) as w:
        w.run()
        lines, dump, changes = w.lines(), w.dump(), w.changes()
        w.cli("rollback", w.plan, "--yes")
        all_lines, dump_back = w.lines(), w.dump()

    def forward(n, variant):
        def job():
            with launcher_world(postgres) as w:
                w.run(env={"CM_CRASH": f"{n}:{variant}"})
                last = run_until_done(w)
                name = f"killed {variant} line {n} of {lines} and typed again: the same end"
                tap.equal((last.status, w.violations(), w.dump() == dump, w.changes() == changes), (0, [], True, True), name, last.err)
        return job

    def back(n, variant):
        def job():
            with launcher_world(postgres) as w:
                w.run()
                w.cli("rollback", w.plan, "--yes", env={"CM_CRASH": f"{n}:{variant}"})
                for _ in range(5):
                    last = w.cli("rollback", w.plan, "--yes")
                    if last.status not in (130, 143, -9):
                        break
                tap.equal((last.status, w.violations(), w.dump() == dump_back), (0, [], True),
                          f"killed {variant} line {n} of {all_lines} on the way back and typed again: the same end", last.err)
        return job

    variants = ("before", "torn", "after")
    at_once([forward(n, variants[n % 3]) for n in range(8, lines - 2, 7)] + [back(n, variants[n % 3]) for n in range(lines + 3, all_lines - 3, 11)])


# ---- from a server, with values for the Launcher ----

def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def given(w, purpose):
    """The values that the newest upgrade for this purpose was given."""
    revision = [e["revision"] for e in w.effects() if e["effect"] == "helm.upgrade" and e["purpose"] == purpose][-1]
    p = subprocess.run([w.path("bin", "helm"), "--kube-context", "world", "-n", "posit-connect", "get", "values", "rstudio-connect-prod", "--revision",
                        str(revision), "-o", "json"], stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL, timeout=60)
    return json.loads(p.stdout)


def job_spec(values):
    return values.get("backends", {}).get("kubernetes", {}).get("defaultResourceJobBase", {}).get("spec", {}).get("template", {}).get("spec", {})


def line_with(w, type, **members):
    """The number of the record's first line with such an event."""
    for n, line in enumerate(w.journal(), 1):
        if any(e["type"] == type and all(e.get(k) == v for k, v in members.items()) for e in line["ev"]):
            return n
    raise AssertionError(f"no {type} {members} on record")


def is_checked(w, before):
    seen = look(w, w.plan)
    tap.equal([seen.of("blocker"), "values.dry-run" in seen.findings], [[], True], "values for the Launcher: the checks judge what they are converted to", seen)
    tap.ok(seen.verdict("values.converted") == "ok" and "/values.yaml" in seen.seen("values.converted"), "and say so", seen)
    tap.equal([seen.verdict("runtimes.environments"), w.dump() == before, os.listdir(w.run_dir)], [None, True, ["check.json"]],
              "which changes nothing, and leaves no copy", seen)
    r = w.cli("preview", w.plan)
    tap.ok("values.0.values.yaml" in r.out and "nodeSelector" in r.out and "/proc/" not in r.out, "the preview shows the converted values", r.out)


def is_accounted_for(w, text, r):
    copy = os.path.join(w.run_dir, "artifacts", "values.0.values.yaml")
    converted = read(copy)
    tap.equal(read(w.path("values.yaml")), text, "the user's own file is as it was")
    tap.ok(all(x in converted for x in ("defaultResourceJobBase", "# asked for by finance", "enabled: false   # since 2024", "# the password never stands"))
           and os.stat(copy).st_mode & 0o77 == 0, "the copy is its owner's alone, and has the comments", converted)
    said = flat(r)
    tap.ok(all(x in said for x in (f"{w.path('values.yaml')} is converted for the direct runner", f"the copy is {copy} (0600)",
                                   "Commit it to your repository instead of the old one", "values.0.values.yaml is values.yaml, converted",
                                   f"in this order: -f {copy} -f ")), "it is said, with where the copy is and what to do with it", r.err)
    report = json.loads(read(w.run_dir, "report.json"))
    tap.equal([report["values_files"][0], report["values_converted"]], [copy, [{"file": w.path("values.yaml"), "copy": copy}]], "the report names it")
    rows = {row["setting"]: row for row in report["configuration"] if row["setting"].startswith("launcher.")}
    tap.equal(sorted(rows), ["launcher.enabled", "launcher.templateValues.job.annotations", "launcher.templateValues.pod.env",
                             "launcher.templateValues.pod.nodeSelector"], "and has a row for each of its values", rows)
    line = text[:text.index("nodeSelector")].count("\n") + 1
    tap.equal(rows["launcher.templateValues.pod.nodeSelector"]["source"], f"{w.path('values.yaml')}:{line}", "with its place")
    tap.ok(any(row["setting"].startswith("Server.") for row in report["configuration"]), "beside the settings of the old server")
    tap.ok("commit it to your repository instead of the old file" in read(w.run_dir, "report.md"), "for people too")


def from_a_server(postgres):
    with World(postgres) as w:
        text, before = launcher_values(w), w.dump()
        is_checked(w, before)
        r = w.run()
        tap.equal((r.status, w.violations(), purposes(w)), (0, [], ["deploy", "revert"]), "the migration goes to its end", r.err)
        for values in (given(w, "deploy"), given(w, "revert")):
            spec = job_spec(values)
            tap.equal([values["launcher"], spec["nodeSelector"], spec["containers"][0]["env"][0]["name"]],
                      [{"enabled": False}, {"workload": "content"}, "HTTPS_PROXY"], "helm was given the converted values", values)
        tap.equal(modes(w), ["Kubernetes"], "Connect runs with the direct runner", gcfg(w))
        is_accounted_for(w, text, r)
        lines, dump, changes = w.lines(), w.dump(), w.changes()
        at = [line_with(w, "artifact", name="values.0.values.yaml"), line_with(w, "step.end", step="config.convert", state="done"),
              line_with(w, "intent", effect="helm.upgrade")]
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, w.violations(), [w.dump()[k] for k in ("nodes", "access", "serviceaccounts")]),
                  (0, [], [before[k] for k in ("nodes", "access", "serviceaccounts")]), "the way back goes to its end", r.err)
        tap.equal(job_spec(given(w, "scale")).get("nodeSelector"), {"workload": "content"}, "the release was scaled to zero by its own values")
        r = w.run("--again")
        tap.equal((r.status, w.violations(), job_spec(given(w, "revert")).get("nodeSelector")), (0, [], {"workload": "content"}), "and forward again", r.err)

    def killed(n, variant):
        def job():
            with World(postgres) as w:
                launcher_values(w)
                w.run(env={"CM_CRASH": f"{n}:{variant}"})
                last = run_until_done(w)
                tap.equal((last.status, w.violations(), w.dump() == dump, w.changes() == changes), (0, [], True, True),
                          f"killed {variant} line {n} of {lines} and typed again: the same end", last.err)
        return job

    if has_hooks():
        at_once([killed(n, variant) for n in at for variant in ("before", "torn", "after")])
    else:
        tap.skip("killed and typed again", "this build has no crash points")


def what_nobody_can_convert(postgres):
    with World(postgres) as w:
        text = launcher_values(w, LAUNCHER.replace("enabled: true", "enabled: !!bool true"))
        line = text[:text.index("!!bool")].count("\n") + 1
        seen = look(w, w.plan)
        tap.equal([seen.of("blocker"), [i for i in seen.of("unknown") if i.startswith(("values.", "config."))]], [["values.launcher"], []],
                  "what cannot be converted safely is one blocker, and no other is made of the file as it is", seen)
        tap.ok(f"values.yaml:{line}:" in seen.seen("values.launcher"), "with its place", seen)
        r = w.run()
        tap.equal((r.status, w.changes()), (5, []), "and stands in the way at once", r.err)
    with World(postgres) as w:
        text = launcher_values(w)
        with open(w.path("values.yaml"), "w", encoding="utf-8") as f:
            f.write(text.replace("      nodeSelector:\n        workload: content\n", ""))
        with open(w.path("prod.yaml"), "w", encoding="utf-8") as f:
            f.write("launcher:\n  templateValues:\n    pod:\n      volumeMounts: [{name: share, mountPath: /share}]\n")
        write_plan(w, "plan.yaml", plan_text(w).replace("values: [values.yaml]", "values: [values.yaml, prod.yaml]"))
        seen = look(w, w.plan)
        line = text[:text.index("launcher:\n")].count("\n") + 1
        tap.ok(seen.of("blocker") == ["values.launcher-spread"] and f"values.yaml:{line}:1 and " in seen.seen("values.launcher-spread")
               and "prod.yaml:1:1" in seen.seen("values.launcher-spread"), "parts of one list in two files are a blocker with both places", seen)
        r = w.run()
        tap.equal((r.status, w.changes(), "content.inventory" in r.err), (5, [], False), "before anything is done, and any content counted", r.err)
        with open(w.path("prod.yaml"), "w", encoding="utf-8") as f:
            f.write("launcher:\n  templateValues:\n    pod:\n      nodeSelector: {workload: prod}\n")
        r = w.run()
        tap.equal((r.status, job_spec(given(w, "revert"))["nodeSelector"], job_spec(given(w, "revert"))["containers"][0]["env"][0]["name"]),
                  (0, {"workload": "prod"}, "HTTPS_PROXY"), "mended, both are converted and given in their order", r.err)
        tap.equal([os.path.basename(f) for f in json.loads(read(w.run_dir, "report.json"))["values_files"]],
                  ["values.0.values.yaml", "values.1.prod.yaml", "values.config.yaml"], "and named so")


def by_hand(postgres):
    """Somebody else deploys: what to commit is the copy."""
    with World(postgres) as w:
        launcher_values(w)
        write_plan(w, "plan.yaml", plan_text(w) + "steps: {helm.deploy: {by: hand}}\n")
        r = w.run()
        copy = os.path.join(w.run_dir, "artifacts", "values.0.values.yaml")
        shown = " ".join(r.err.split())
        tap.ok(r.status == 3 and f"{copy} sha256 " in shown and f"in place of {w.path('values.yaml')}" in shown and "takes the place of your own" in shown,
               "by hand, the converted copy is among what is to be committed, in place of the old file", r.err)


@contextlib.contextmanager
def a_folder():
    """PostgreSQL's user has to reach the world below it: it would have its data elsewhere, and leave it there."""
    with tempfile.TemporaryDirectory(prefix="cm-rehearse-") as folder:
        os.chmod(folder, 0o755)
        yield folder


def rehearsed(postgres):
    """`rehearse` with a plan of this runbook begins in such a world."""
    del postgres
    with a_folder() as folder:
        plan, values = os.path.join(folder, "mine.yaml"), os.path.join(folder, "values.yaml")
        with open(values, "w", encoding="utf-8") as f:
            f.write("replicas: 1\n")
        with open(plan, "w", encoding="utf-8") as f:
            f.write("runbook: launcher-to-kubernetes-runner\nconnect: {api_key: {env: NOT_SET_HERE}}\n"
                    "target: {context: prod, namespace: posit-connect, release: rstudio-connect-prod, values: [values.yaml]}\n")
        p = subprocess.run([RUN, "rehearse", "--dir", os.path.join(folder, "world"), plan], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
        tap.ok(p.returncode == 0 and "launcher.drain" in p.stdout, "rehearse takes a plan of this runbook", f"{p.returncode}\n{p.stdout}")


def rehearsed_below_a_key(postgres):
    """The world deploys Connect's chart itself: of values for a chart that has it as a dependency it gets those of the dependency."""
    del postgres
    with a_folder() as folder:
        plan, values, world = os.path.join(folder, "mine.yaml"), os.path.join(folder, "values.yaml"), os.path.join(folder, "world")
        with open(values, "w", encoding="utf-8") as f:
            f.write("config: {Scheduler: {MaxWaitTime: 41m}}\nhub:\n  config: {Scheduler: {MaxWaitTime: 43m}}\n")
        with open(plan, "w", encoding="utf-8") as f:
            f.write("runbook: launcher-to-kubernetes-runner\nconnect: {api_key: {env: NOT_SET_HERE}}\n"
                    "target: {context: prod, namespace: posit-connect, release: rstudio-connect-prod, values: [values.yaml], values_at: hub}\n")
        p = subprocess.run([RUN, "rehearse", "--dir", world, plan], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False, timeout=120)
        revisions = sorted(glob.glob(os.path.join(world, "cluster", "releases", "*.json")))
        with open(revisions[-1], encoding="utf-8") as f:
            newest = f.read()
        tap.ok(p.returncode == 0 and "43m" in newest and "41m" not in newest, "rehearse deploys what stands below target.values_at",
               f"{p.returncode}\n{p.stdout}\n{newest}")


def rehearsed_from_a_server(postgres):
    """With values for the Launcher, below a key and not: the world's own job base does not stand in their way."""
    del postgres

    def one(key):
        with tempfile.TemporaryDirectory(prefix="cm-rehearse-") as folder:
            plan, values, world = os.path.join(folder, "mine.yaml"), os.path.join(folder, "values.yaml"), os.path.join(folder, "world")
            with open(values, "w", encoding="utf-8") as f:
                f.write(LAUNCHER if not key else f"{key}:\n" + "".join(f"  {line}\n" for line in LAUNCHER.splitlines()))
            with open(plan, "w", encoding="utf-8") as f:
                f.write("runbook: vm-to-kubernetes\nsource: {hosts: [connect1]}\nconnect: {api_key: {env: NOT_SET_HERE}}\n"
                        "backup: {by: hand}\naccess: {close: {by: hand}, open: {by: hand}}\n"
                        "target: {context: prod, namespace: posit-connect, release: rstudio-connect-prod, values: [values.yaml]"
                        + (f", values_at: {key}" if key else "") + "}\n")
            p = subprocess.run([RUN, "rehearse", "--dir", world, plan], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, check=False, timeout=120)
            newest = read(sorted(glob.glob(os.path.join(world, "cluster", "releases", "*.json")))[-1])
            tap.ok(p.returncode == 0 and '"nodeSelector"' in newest and "templateValues" not in newest,
                   f"rehearse takes a server's plan with values for the Launcher{' below ' + key if key else ''}", f"{p.returncode}\n{p.stdout}\n{newest}")
    one(None)
    one("hub")


def main():
    postgres = Postgres()
    try:
        wanted = sys.argv[1:]
        for test in (end_to_end, an_environment_that_the_values_lack, a_job_that_never_ends, a_pod_that_does_not_come_up, kills,
                     from_a_server, what_nobody_can_convert, by_hand, rehearsed, rehearsed_below_a_key,
                     rehearsed_from_a_server):
            if not wanted or test.__name__ in wanted:
                test(postgres)
    finally:
        postgres.stop()
    tap.end()


main()
