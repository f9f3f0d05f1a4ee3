#!/usr/bin/env python3
"""The release between deploy and revert, when others lay hands on it: refused with who, when and what to type, and how it goes on; what is
shown ahead; and that taking the temporary settings back changes nothing else."""
import os
import shlex
import subprocess

from rehearsal import Postgres, Tap, World, at_once

tap = Tap()
postgres = Postgres()
RELEASE = "rstudio-connect-prod"


def helm(w, *words):
    p = subprocess.run([w.path("bin", "helm"), *words, "--namespace", "posit-connect"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, check=False)
    return p.returncode, p.stdout


def flat(text):
    """Messages are wrapped to the terminal's width."""
    return " ".join(text.replace("|", " ").split())


def upgrade(w):
    return helm(w, "upgrade", "--install", RELEASE, "rstudio/rstudio-connect", "--version", "0.21.0", "--values", w.path("values.yaml"), "--values",
                os.path.join(w.run_dir, "artifacts", "values.config.yaml"))


def agree(w, note):
    with open(w.plan, encoding="utf-8") as f:
        text = f.read()
    tap.ok("\ngates:" in text, "the world's plan has gates to add to", text)
    with open(w.plan, "w", encoding="utf-8") as f:
        f.write(text.replace("\ngates:", f"\ngates:\n  release.foreign: {{note: \"{note}\"}}", 1))


def label_pods(w):
    with open(w.path("values.yaml"), encoding="utf-8") as f:
        text = f.read()
    with open(w.path("values.yaml"), "w", encoding="utf-8") as f:
        f.write(text.replace("\npod:\n", "\npod:\n  labels: {team: data}\n", 1))


def others_upgrade():
    with World(postgres) as w:
        r = w.run("--until", "optimize")
        tap.equal(r.status, 0, "others upgrade: deployed and built first", r.err)
        status, said = upgrade(w)
        tap.equal(status, 0, "somebody upgrades the release with helm", said)
        r = w.run()
        tap.equal(r.status, 9, "others upgrade: the revert is refused", r.err)
        tap.ok("revision 2 of release" in flat(r.err) and "not ours" in flat(r.err), "it says which revision", r.err)
        tap.ok("helm history" in flat(r.err) and "helm get values" in flat(r.err) and "--revision 2" in flat(r.err), "it says where to look", r.err)
        tap.ok('release.foreign: {note: "revision 2: agreed by NAME"}' in flat(r.err), "it says how to go on", r.err)
        before = w.count("helm.upgrade")
        agree(w, "revision 1: an older leave")
        r = w.run("--accept-plan-changes")
        tap.equal((r.status, w.count("helm.upgrade")), (9, before), "a leave for another revision is none", r.err)
        with open(w.plan, encoding="utf-8") as f:
            text = f.read()
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text.replace("revision 1: an older leave", "revision 2: agreed by A. Meier"))
        r = w.run("--accept-plan-changes")
        tap.equal(r.status, 0, "agreed by its number, the run goes to its end", r.err)
        tap.equal(w.violations(), [], "others upgrade: never two Connects")


def others_uninstall():
    with World(postgres) as w:
        tap.equal(w.run("--until", "deploy").status, 0, "others uninstall: deployed first")
        tap.equal(helm(w, "uninstall", RELEASE)[0], 0, "somebody uninstalls the release")
        r = w.run()
        tap.ok(r.status != 0 and w.count("helm.upgrade") == 1, "it is not deployed again unasked", r.err)
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, w.violations()), (0, []), "the way back is open all the same", r.err)


def values_edited_between():
    with World(postgres) as w:
        tap.equal(w.run("--until", "optimize").status, 0, "values edited: built first")
        label_pods(w)
        r = w.run()
        tap.equal(r.status, 0, "values edited between deploy and revert are deployed with the revert", r.err)
        found = [e for line in w.journal() for e in line["ev"] if e["type"] == "finding" and e["id"] == "temporary.drift"]
        tap.ok(len(found) == 1 and "spec.template.metadata.labels" in found[0]["seen"], "and what they change beside the settings is on record", found)


def overlay_edited():
    with World(postgres) as w:
        tap.equal(w.run("--until", "optimize").status, 0, "overlay edited: built first")
        overlay = os.path.join(w.run_dir, "artifacts", "values.temporary.yaml")
        with open(overlay, encoding="utf-8") as f:
            good = f.read()
        with open(overlay, "a", encoding="utf-8") as f:
            f.write("\nreplicas: 2\n")
        r = w.run()
        tap.ok(r.status == 1 and "spec.replicas" in r.err, "an overlay that does more than the settings is not taken away, and what it does is named",
               r.err)
        tap.equal(w.count("helm.upgrade"), 1, "nothing was sent")
        with open(overlay, "w", encoding="utf-8") as f:
            f.write(good)
        tap.equal(w.run().status, 0, "mended, the same command completes")


def shown_ahead():
    with World(postgres) as w:
        r = w.cli("preview", w.plan)
        tap.ok("+++ what would be deployed" in r.out and "+# Deployment rstudio-connect-prod" in r.out, "preview shows the rendered objects", r.out)
        tap.ok("+++ rstudio-connect.gcfg as it would be" in r.out, "preview shows the configuration", r.out)
        tap.ok("+++ without them" in r.out and "-    MinProcessesLimit = 0" in r.out, "preview shows what the revert changes", r.out)
        tap.equal(w.run("--until", "deploy").status, 0, "shown ahead: deployed")
        label_pods(w)
        r = w.cli("preview", w.plan)
        again = r.out[r.out.index("temporary.revert"):]
        tap.ok("--- what is deployed" in again and "-    MinProcessesLimit = 0" in again and "+        team: data" in again,
               "once deployed, the revert is shown against what is deployed", again)


def typed(r):
    """The commands under "what to type", as words for World.cli."""
    tail = r.err[r.err.rindex("what to type"):]
    return [shlex.split(line)[1:] for line in tail.splitlines() if line.startswith("  connect-migrate-run ")]


def the_wrong_folder(mend):
    """The first command on the screen is right for a mended volume and for mended values, which helm deploys."""
    with World(postgres, "--drill", "wrong-storage") as w:
        r = w.run()
        first = typed(r)[0]
        tap.equal((r.status, first), (1, [w.plan, "--redo", "helm.deploy", "--redo", "pods.wait"]), f"the wrong folder, {mend.__name__}: what to type", r.err)
        tap.ok("/.connect-migrate ..." not in r.err and "on connect1 it was written to" in flat(r.err), "both places are named whole", r.err)
        again = w.cli(*first, "--yes")
        tap.equal((again.status, w.count("helm.upgrade")), (1, 1), "nothing mended: the same stop, and helm is not called", again.err)
        w.end_accident()
        mend(w)
        r = w.cli(*first, "--yes")
        deployed = 2 if mend is label_pods else 1
        tap.equal((r.status, w.count("helm.upgrade")), (0, deployed + 1), "mended: it comes through, and helm deployed what was changed", r.err)


def volume_mended():
    the_wrong_folder(nothing_in_the_values)


def nothing_in_the_values(_w):
    """What was wrong was outside of them."""


def values_mended():
    the_wrong_folder(label_pods)


def back_over_others():
    with World(postgres, "--drill", "foreign-helm") as w:
        r = w.run()
        tap.equal(typed(r), [[w.plan, "--accept-plan-changes"], ["rollback", w.plan]], "over somebody else's revision: both commands", r.err)
        tap.ok("revision 2, by somebody else, over our revision 1" in flat(r.err), "whose revision runs is told", r.err)
        tap.ok("needs that line in the plan too" in flat(r.err), "the way back says what it needs", r.err)
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, typed(r)[0]), (9, ["rollback", w.plan]), "without it the way back stops, and can be typed again", r.err)
        agree(w, "revision 2: agreed by A")
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal(r.status, 0, "with it the way back is gone", r.err)
        tap.ok("in force nothing; every change was taken back" in flat(r.err), "and nothing is left", r.err)
        tap.equal(w.violations(), [], "back over others: never two Connects")


try:
    at_once([lambda job=job: tap.part(job) for job in (others_upgrade, others_uninstall, values_edited_between, overlay_edited, shown_ahead, volume_mended,
                                      values_mended, back_over_others)])
finally:
    postgres.stop()
tap.end()
