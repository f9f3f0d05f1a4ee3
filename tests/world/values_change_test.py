#!/usr/bin/env python3
"""Somebody changes the values while a run is on its way: another file, another order, another name, another value. Before the downtime's first
effect all is made anew and an approval of the old ones is void; behind it nothing is given to helm that hides what was changed."""
import json
import os
import re
import subprocess

from rehearsal import Postgres, Tap, World, at_once, launcher_values

tap = Tap()
CHAIN = "the same command with --accept-plan-changes"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def plan(w, pattern, to):
    text = read(w.plan)
    changed = re.sub(pattern, to, text, flags=re.M)
    assert changed != text, pattern
    write(w.plan, changed)


def flat(r):
    return " ".join(r.err.split())


def deployed(w, purpose="deploy"):
    """The values that the newest upgrade for this purpose was given, and its revision."""
    revision = [e["revision"] for e in w.effects() if e["effect"] == "helm.upgrade" and e["purpose"] == purpose][-1]
    p = subprocess.run([w.path("bin", "helm"), "--kube-context", "world", "-n", "posit-connect", "get", "values", "rstudio-connect-prod", "--revision",
                        str(revision), "-o", "json"], stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL, timeout=60)
    return json.loads(p.stdout), revision


def another_file(postgres):
    with World(postgres) as w:
        tap.equal(w.run("--until", "configure").status, 0, "a run goes as far as the configuration")
        write(w.path("more", "values.yaml"), "replicas: 2\npod: {labels: {team: data}}\nconfig: {Scheduler: {MinProcessesLimit: 3}}\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, more/values.yaml]")
        r = w.run()
        tap.equal((r.status, "more/values.yaml" in flat(r)), (9, True), "another values file is a change of the plan, and shown", r.err)
        r = w.cli(w.plan, "--accept-plan-changes")
        tap.ok(r.status == 3 and "more/values.yaml sha256" in flat(r).replace(w.dir + "/", "") and "values values.yaml sha256" in flat(r),
               f"{CHAIN}: the gate shows both files, though they have one name", r.err)
        tap.ok("Scheduler.MinProcessesLimit (afterwards 3)" in flat(r), "the temporary settings rest on it", r.err)
        r = w.run()
        given, _ = deployed(w)
        tap.equal((r.status, given.get("replicas"), given["pod"]["labels"]), (0, 2, {"team": "data"}), "helm is given it", r.err)


def an_approval_is_void(postgres):
    """The gate is passed; the run waits for a hand, and nothing of the downtime has begun."""
    with World(postgres) as w:
        plan(w, r"^  close: .*$", "  close: {by: hand}")
        r = w.run()
        tap.equal((r.status, "waiting access.close" in flat(r), w.count("service.stop")), (3, True, 0), "behind the gate it waits for a hand", r.err)
        text = read(w.path("values.yaml"))
        r = w.cli(w.plan)
        tap.ok(r.status == 3 and "waiting access.close" in flat(r), "typed again it waits for the same", r.err)
        write(w.path("values.yaml"), text.replace("config:\n", "replicas: 1\nconfig:\n", 1))
        r = w.cli(w.plan)
        tap.ok(r.status == 3 and "waiting gate.downtime" in flat(r), "with changed values the approval is void: it is asked again", r.err)
        write(w.path("values.yaml"), text)
        r = w.cli(w.plan)
        tap.ok(r.status == 3 and "gate.downtime" in flat(r), "and it stays void when they are put back", r.err)
        plan(w, r"^  values: .*$", "  values: [values.yaml, values.yaml]")
        tap.equal(w.run("--accept-plan-changes").status, 3, "approved again")


def another_order(postgres):
    with World(postgres) as w:
        write(w.path("a.yaml"), "replicas: 2\n")
        write(w.path("b.yaml"), "replicas: 3\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, a.yaml, b.yaml]")
        plan(w, r"^  close: .*$", "  close: {by: hand}")
        w.run()
        plan(w, r"^  values: .*$", "  values: [values.yaml, b.yaml, a.yaml]")
        r = w.cli(w.plan, "--accept-plan-changes")
        tap.ok("waiting gate.downtime" in flat(r), "another order of the same files makes an approval void", r.err)
        os.rename(w.path("a.yaml"), w.path("c.yaml"))
        plan(w, "b.yaml, a.yaml", "b.yaml, c.yaml")
        plan(w, r"^  close: .*$", '  close: {by: command, command: ["%s", close]}' % w.path("bin", "access"))
        r = w.run("--accept-plan-changes")
        tap.equal((r.status, deployed(w)[0]["replicas"]), (0, 2), "a renamed file at the end of the list has the last word", r.err)


def stage(w, drill):
    write(w.path("drill"), drill + "\n")


def mended_in_the_night(postgres):
    """Behind the downtime's first effect: the pods do not come up, and somebody mends the values."""
    with World(postgres) as w:
        text = read(w.path("values.yaml"))
        stage(w, "pod-never-ready")
        write(w.plan, read(w.plan) + "steps: {pods.wait: {timeout: 2s}}\n")
        r = w.run()
        config = read(os.path.join(w.run_dir, "artifacts", "values.config.yaml"))
        hidden = re.search(r"^  (Applications):\n(?:    #.*\n)*    (\w+): (.+)\n", config, flags=re.M)
        tap.ok(r.status == 1 and hidden, "the pods do not come up", r.err + config)
        section, key, was = hidden.groups()
        other = '"another"' if "true" not in was and "false" not in was else "false" if "true" in was else "true"
        write(w.path("values.yaml"), text.replace("config:\n", f"config:\n  {section}: {{{key}: {other}}}\n", 1))
        before = deployed(w)[1]
        r = w.run()
        tap.ok(r.status == 1 and f"config.{section}.{key}" in flat(r) and "--redo config.convert" in flat(r) and deployed(w)[1] == before,
               "a value that values.config.yaml would hide is refused before helm is called, with what to type", r.err)
        tap.ok("--redo config.convert makes anew" in flat(r), "which is among the next steps", r.err)
        w.end_accident()
        r = w.run("--redo", "config.convert")
        given, revision = deployed(w)
        tap.equal((r.status, str(given["config"][section][key]).lower()), (0, other.strip('"')), "made anew, the person's value is the one deployed", r.err)
        tap.ok(revision > before and w.violations() == [], "by another upgrade, and never two Connects")


def mended_without_more(postgres):
    with World(postgres) as w:
        stage(w, "pod-never-ready")
        write(w.plan, read(w.plan) + "steps: {pods.wait: {timeout: 2s}}\n")
        w.run()
        text = read(w.path("values.yaml"))
        write(w.path("values.yaml"), text.replace("pod:\n", "pod:\n  labels: {a: b}\n", 1))
        write(w.path("more.yaml"), "podDisruptionBudget: {minAvailable: 1}\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, more.yaml]")
        w.end_accident()
        r = w.run("--accept-plan-changes")
        given, _ = deployed(w)
        tap.equal((r.status, given.get("pod", {}).get("labels"), given.get("podDisruptionBudget")), (0, {"a": "b"}, {"minAvailable": 1}),
                  "what nothing hides is deployed by the same command, and another file with it", r.err)


def launcher_values_in_place(postgres):
    """Converted copies: they follow the plan's list, and a file that was changed behind the downtime's begin is not left out in silence."""
    with World(postgres, "--launcher") as w:
        tap.equal(w.run("--until", "convert").status, 0, "Launcher values are converted")
        write(w.path("more", "values.yaml"), "replicas: 2\n")
        write(w.path("less.yaml"), "replicas: 3\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, less.yaml, more/values.yaml]")
        tap.equal(w.run("--accept-plan-changes", "--until", "convert").status, 0, "two files more are accepted")
        plan(w, r"^  values: .*$", "  values: [values.yaml, more/values.yaml, less.yaml]")
        stage(w, "pod-never-ready")
        write(w.plan, read(w.plan) + "steps: {pods.wait: {timeout: 2s}}\n")
        r = w.run("--accept-plan-changes")
        tap.equal((r.status, deployed(w)[0]["replicas"]), (1, 3), "helm is given them behind the converted copy, in the plan's order", r.err)
        text = read(w.path("values.yaml"))
        write(w.path("values.yaml"), text + "podDisruptionBudget: {minAvailable: 1}\n")
        r = w.run()
        tap.ok(r.status == 1 and "is not the file that was converted" in flat(r) and "--redo values.convert" in flat(r),
               "a change in a converted file is refused while helm would get the copy of before", r.err)
        w.end_accident()
        r = w.run("--redo", "values.convert")
        given, _ = deployed(w)
        tap.equal((r.status, given.get("podDisruptionBudget"), "templateValues" in given.get("launcher", {})), (0, {"minAvailable": 1}, False),
                  "converted again it is deployed", r.err)
        tap.equal(w.violations(), [], "never with both modes at once")


def job_spec(given):
    return given["backends"]["kubernetes"]["defaultResourceJobBase"]["spec"]["template"]["spec"]


def launcher_values_on_the_way(postgres):
    """The same in a migration from a server, where config.convert makes the copy."""
    with World(postgres) as w:
        text = launcher_values(w)
        tap.equal(w.run("--until", "configure").status, 0, "a run goes as far as the configuration, with a converted copy")
        write(w.path("values.yaml"), text.replace("executionEnvironments:\n  - name:", "executionEnvironments:\n  - nam:", 1))
        r = w.run("--until", "configure")
        tap.ok(r.status == 5 and "values.yaml (converted):" in flat(r), "the next check judges the file as it is now, not the copy of before", r.err)
        write(w.path("values.yaml"), text.replace("workload: content", "workload: apps"))
        write(w.path("more.yaml"), "replicas: 1\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, more.yaml]")
        stage(w, "pod-never-ready")
        write(w.plan, read(w.plan) + "steps: {pods.wait: {timeout: 2s}}\n")
        r = w.run("--accept-plan-changes")
        tap.equal((r.status, job_spec(deployed(w)[0])["nodeSelector"]), (1, {"workload": "apps"}), "mended before the downtime, it is converted again", r.err)
        before = deployed(w)[1]
        write(w.path("values.yaml"), text.replace("workload: content", "workload: night"))
        r = w.run()
        tap.ok(r.status == 1 and "is not the file that was converted" in flat(r) and "--redo config.convert" in flat(r) and deployed(w)[1] == before,
               "a change behind the downtime's begin is refused while helm would get the copy of before", r.err)
        write(w.path("values.yaml"), text.replace("workload: content", "workload: apps"))
        write(w.path("more.yaml"), "replicas: 1\nlauncher:\n  defaultInitContainer: {imagePullPolicy: Always}\n")
        r = w.run()
        tap.ok(r.status == 1 and "more.yaml has values of the Launcher" in flat(r) and "--redo config.convert" in flat(r) and deployed(w)[1] == before,
               "values of the Launcher that come in behind it are refused, and not given to helm as they are", r.err)
        write(w.path("more.yaml"), "replicas: 2\n")
        write(w.path("late.yaml"), "podDisruptionBudget: {minAvailable: 1}\n")
        plan(w, r"^  values: .*$", "  values: [values.yaml, more.yaml, late.yaml]")
        w.end_accident()
        r = w.run("--accept-plan-changes")
        given, _ = deployed(w)
        tap.equal((r.status, given["replicas"], given["podDisruptionBudget"], job_spec(given)["nodeSelector"]), (0, 2, {"minAvailable": 1}, {"workload": "apps"}),
                  "what is none of the Launcher's goes along beside the copy", r.err)
    with World(postgres) as w:
        text = launcher_values(w)
        stage(w, "pod-never-ready")
        write(w.plan, read(w.plan) + "steps: {pods.wait: {timeout: 2s}}\n")
        w.run()
        before = deployed(w)[1]
        write(w.path("values.yaml"), text.replace("enabled: true   #", "enabled: !!bool true   #").replace("workload: content", "workload: night"))
        w.end_accident()
        r = w.run("--redo", "config.convert")
        tap.ok(r.status == 1 and "values.yaml:" in flat(r) and deployed(w)[1] == before, "what cannot be converted behind it is refused with its place", r.err)
        write(w.path("values.yaml"), text.replace("workload: content", "workload: night"))
        r = w.run("--redo", "config.convert")
        tap.equal((r.status, job_spec(deployed(w)[0])["nodeSelector"], w.violations()), (0, {"workload": "night"}, []), "converted again it is deployed", r.err)


def main():
    postgres = Postgres()
    try:
        at_once([lambda f=f: f(postgres) for f in (another_file, an_approval_is_void, another_order, mended_in_the_night, mended_without_more,
                                                    launcher_values_in_place, launcher_values_on_the_way)])
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
