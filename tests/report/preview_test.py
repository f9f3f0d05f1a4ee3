#!/usr/bin/env python3
"""The preview for a change board: what is approved, what can be taken back and at what cost, who does what; and that looking changes nothing."""
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]
import browser  # noqa: E402
from pages import a_page_is_whole_in_itself, markdown_tables_are_even, read  # noqa: E402
from rehearsal import Postgres, Tap, World  # noqa: E402

TAP = Tap()
REVERSALS = {"changes nothing", "reversible", "reversible at a cost", "not reversible"}
HOSTILE = "</script><script>alert(1)</script> | `x` <b>"


def preview(world, *options):
    r = world.cli("preview", world.plan, *options)
    if r.status != 0:
        TAP.ok(False, f"preview {' '.join(options)} ends well", r.err)
    return r.out


def steps_of(document):
    return [s for stage in document["stages"] for s in stage["steps"]]


def every_step_says_what_it_means(world):
    document = json.loads(preview(world, "--json"))
    steps = steps_of(document)
    bad = [s["id"] for s in steps if s["reversal"] not in REVERSALS or s["by"] not in ("tool", "hand", "command") or not isinstance(s["limit_ms"], int)]
    TAP.ok(len(steps) > 30 and not bad, "every step says by whom, within what time, and whether it can be taken back", bad)
    by = {s["id"]: s for s in steps}
    TAP.equal([by[x]["reversal"] for x in ("storage.check", "serviceaccounts.label", "helm.deploy", "downtime.announce")],
              ["changes nothing", "reversible", "reversible at a cost", "not reversible"], "the severities are those of the actions")
    silent = [s["id"] for s in steps if s["reversal"] in ("reversible at a cost", "not reversible") and not s["cost"]]
    TAP.equal(silent, [], "what costs something says what")
    TAP.equal((by["access.close"]["by"], by["helm.deploy"]["by"]), ("command", "tool"), "who does a step is what the plan says")
    actions = json.loads(world.cli("explain", "--json").out)
    unsaid = [a["name"] for a in actions if a["reversal"] not in REVERSALS]
    TAP.ok(len(actions) > 40 and not unsaid, "every action that changes something says whether it can be taken back", unsaid)
    return document


def digests_follow_what_they_are_of(world, first):
    again = json.loads(preview(world, "--json"))
    gate = {g["gate"]: g["digest"] for g in first["approve"]}
    TAP.equal(({g["gate"]: g["digest"] for g in again["approve"]}, again["plan_digest"]), (gate, first["plan_digest"]), "the same plan gives the same digests")
    values = world.path("values.yaml")
    old = read(values)
    with open(values, "a", encoding="utf-8") as f:
        f.write("\n# one line more\n")
    other = json.loads(preview(world, "--json"))
    with open(values, "w", encoding="utf-8") as f:
        f.write(old)
    changed = {g["gate"] for g in other["approve"] if g["digest"] != gate[g["gate"]]}
    TAP.equal(changed, {"gate.downtime"}, "other values give another digest at the gate of the downtime, and only there")
    TAP.ok("\nplan digest   " + first["plan_digest"] in preview(world), "the terminal shows the plan's digest, too")


def pages_for_the_board(world, document, folder):
    html, markdown = preview(world, "--format", "html"), preview(world, "--format", "markdown")
    path = os.path.join(folder, "preview.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(html)
    page = a_page_is_whole_in_itself(TAP, path, "the preview")
    said = "".join(page.words)
    missing = [s["id"] for s in steps_of(document) if s["id"] not in said or s["id"] not in markdown]
    TAP.equal(missing, [], "every step stands on the page and in the Markdown")
    wanted = [document["plan_digest"], *(g["digest"] for g in document["approve"]), "approve ", "helm upgrade", "ScheduleConcurrency = 0", HOSTILE]
    TAP.equal([w for w in wanted if w not in said], [], "the page has the digests, the commands, the differences and the ticket")
    markdown_tables_are_even(TAP, markdown, "the preview as Markdown")
    TAP.ok(markdown.startswith("# Preview of the migration: ") and "### What cannot be taken back" in markdown and "| downtime.announce |" in markdown,
           "the Markdown names what cannot be taken back", markdown[:500])
    return path


def opens(path):
    if browser.missing():
        TAP.skip("the preview opens in Chromium", f"{browser.missing()} is not installed")
        return
    b = browser.Browser()
    try:
        b.open(path)
        errors = b.errors()
        TAP.ok(not errors, "the preview opens without an error in the console", "\n".join(errors))
        b.run("window.box = document.querySelectorAll('.big')[0]; box.id = 'first'")
        TAP.ok(b.run("return box.querySelectorAll('thead button').length === 3 && document.querySelectorAll('details').length > 0"),
               "what is done can be sorted, and long differences are folded")
    finally:
        b.stop()


def looking_changes_nothing(world, before):
    TAP.equal((world.changes(), os.path.exists(os.path.join(world.run_dir, "state.jsonl"))), (before, False), "a preview changes nothing and begins no run")


def after_a_run(world, document):
    r = world.run()
    begun = next(e for g in world.journal() for e in g["ev"] if e["type"] == "run.begin")
    TAP.equal((r.status, begun["plan_digest"]), (0, document["plan_digest"]), "the digest that was shown is the one of the plan that is run", r.err)
    report = json.loads(read(world.run_dir, "report.json"))
    TAP.equal(report["plan_digests"]["approved"], document["plan_digest"], "the report names that digest as the approved one")


def formats_are_told_apart(world):
    own = {c: world.cli(c, "--help").out for c in ("preview", "report")}
    line = {c: next(x for x in own[c].splitlines() if "--format FORMAT" in x) for c in own}
    TAP.ok("junit" not in line["preview"] and "text, html, markdown" in line["preview"] and "text" not in line["report"] and "junit" in line["report"],
           "preview's and report's help each name their own formats", line)
    r = world.cli("preview", world.plan, "--format", "junit")
    TAP.equal(r.status, 2, "preview refuses a format it does not have", r.err)


def main():
    folder, postgres = tempfile.mkdtemp(prefix="cm-preview-"), Postgres()
    try:
        with World(postgres, "--content", 8) as w:
            with open(w.plan, "a", encoding="utf-8") as f:
                f.write(f"\nticket: {json.dumps(HOSTILE)}\n")
            before = w.changes()
            document = every_step_says_what_it_means(w)
            digests_follow_what_they_are_of(w, document)
            path = pages_for_the_board(w, document, folder)
            looking_changes_nothing(w, before)
            opens(path)
            formats_are_told_apart(w)
            after_a_run(w, document)
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    TAP.end()


main()
