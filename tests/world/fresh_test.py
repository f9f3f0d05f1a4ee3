#!/usr/bin/env python3
"""How old what was found is: the facts of check.json have an age and the digests of their sources, a check shows what has changed since the
last one, a slow pass is good for an hour and says so, everything is looked at again before the downtime; answers and waivers stand in
check.json, in the record and in the report; how long it will take, and whether the window is long enough."""
import datetime
import json
import os
import re
import shutil
import xml.etree.ElementTree as ET

from rehearsal import Postgres, Tap, World, edit

tap = Tap()
postgres = Postgres()


def append(path, text):
    with open(path, "a", encoding="utf-8") as f:
        f.write(text)


def checked(w, *options):
    r = w.cli("check", w.plan, "--json", *options)
    return r, json.loads(r.out) if r.out.startswith("{") else {}


def finding(check, name):
    return next((f for f in check.get("findings", []) if f["id"] == name), None)


def fact(check, name):
    return next((f for f in check.get("facts", []) if f["name"] == name), None)


def wrapped(w, name, script):
    path, real = w.path("bin", name), w.path("bin", f"{name}.real")
    if not os.path.lexists(real):
        os.rename(path, real)
        os.symlink(os.path.realpath(real), w.path("real-" + name))
    os.makedirs(w.path("tools"), exist_ok=True)
    if not os.path.lexists(w.path("tools", name)):
        os.symlink(os.path.realpath(real), w.path("tools", name))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nREAL={w.path('tools', name)}\nexport CONNECT_MIGRATE_WORLD={w.dir}\n{script}\nexec \"$REAL\" \"$@\"\n")
    os.chmod(path, 0o755)


def facts_have_an_age_and_sources():
    with World(postgres) as w:
        _, c = checked(w)
        now = datetime.datetime.now(datetime.timezone.utc)
        for f in c["facts"]:
            at = datetime.datetime.fromisoformat(f["at"].replace("Z", "+00:00"))
            if abs((now - at).total_seconds()) > 60 or f["age_s"] > 60 or not re.fullmatch("[0-9a-f]{64}", f["sources"]["answer"]):
                tap.ok(False, "every fact has a time, an age and the digest of its answer", f)
                break
        else:
            tap.ok(len(c["facts"]) >= 8, "every fact has a time, an age and the digest of its answer", c["facts"])
        files = {k for s in c["steps"] for k in s["sources"]}
        tap.ok(w.path("values.yaml") in files and "the configuration of the old server" in files, "and the files it was read from", files)
        tap.ok(all(f["at"] for f in c["findings"]), "every finding says when it was seen", c["findings"])
        tap.ok(all(f.get("page", "").startswith("https://") for f in c["findings"] if f["verdict"] != "ok"),
               "every finding that asks for something names a page to read", [f["id"] for f in c["findings"] if not f.get("page")])


def changes_since_the_last_check():
    with World(postgres) as w:
        _, first = checked(w)
        tap.ok("since" not in first, "the first check has nothing to compare with")
        _, second = checked(w)
        tap.equal(second["since"]["changes"], [], "checked again: nothing has changed")
        tap.equal(second["since"]["at"], first["at"], "and it says since when")
        r = w.cli("check", w.plan)
        tap.ok("Nothing has changed since the last check" in r.out, "people read so too", r.out)
        edit(w.path("values.yaml"), r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: our-own")
        os.rename(w.path("vm/var/lib/rstudio-connect/db/secret.key"), w.path("key"))
        append(w.path("vm/etc/rstudio-connect/rstudio-connect.gcfg"), "\n; a comment\n")
        r = w.cli("check", w.plan)
        tap.equal(r.status, 5, "a key that is gone is a blocker", r.out)
        for words in (w.path("values.yaml"), "the configuration of the old server has changed", "version.custom-tag",
                      "storage.secret-key: was ok, is blocker"):
            tap.ok(words in " ".join(r.out.split()).replace("- ", "-") or words in r.out, f"the differences name {words}", r.out)
        os.rename(w.path("key"), w.path("vm/var/lib/rstudio-connect/db/secret.key"))
        _, mended = checked(w)
        tap.ok(any(c.startswith("storage.secret-key: was blocker, is ok") for c in mended["since"]["changes"]), "mended is a difference too",
               mended["since"])


def the_gate_shows_them():
    with World(postgres) as w:
        checked(w)
        edit(w.path("values.yaml"), r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: our-own")
        r = w.cli(w.plan)
        text = " ".join(r.err.split())
        tap.equal(r.status, 3, "without --yes it waits at the gate", r.err)
        tap.ok("changed since the check of" in text and "new: version.custom-tag" in text, "the gate shows what differs from the last check", r.err)
        tap.ok("service down" in text and "users out" in text and "the pod's start" in text, "and how long it will take, with its basis", r.err)
        tap.equal(w.cli("approve", w.plan, "gate.downtime").status, 0, "it is approved")
        checked(w)
        r = w.cli(w.plan)
        tap.equal(r.status, 3, "after a check that found another picture the approval of the old one is void", r.err)
        tap.equal(w.cli("approve", w.plan, "gate.downtime").status, 0, "approved again")
        checked(w)
        r = w.cli(w.plan)
        tap.equal(r.status, 0, "a further check that finds the same voids nothing", r.err)
    with World(postgres) as w:
        checked(w)
        os.rename(w.path("vm/var/lib/rstudio-connect/db/secret.key"), w.path("key"))
        r = w.run()
        tap.equal((r.status, w.count("service.stop")), (5, 0), "what broke since the check stops the run before the downtime", r.err)


def slow_passes():
    with World(postgres) as w:
        wrapped(w, "license-manager", f"echo x >> {w.path('asked')}\nsleep 3.2")
        asked = lambda: os.path.getsize(w.path("asked")) if os.path.exists(w.path("asked")) else 0
        _, first = checked(w)
        n = asked()
        tap.ok(n > 0 and not finding(first, "license.active").get("reused"), "a slow check is carried out")
        _, second = checked(w)
        tap.equal(asked(), n, "within the hour it is not asked again")
        tap.ok(finding(second, "license.active").get("reused") and finding(second, "license.active")["at"] == finding(first, "license.active")["at"],
               "and says when it was really seen", finding(second, "license.active"))
        r = w.cli("check", w.plan)
        tap.ok("--fresh looks again" in " ".join(r.out.split()), "people read so too", r.out)
        checked(w, "--fresh")
        tap.ok(asked() > n, "--fresh asks again")
        n = asked()
        append(w.path("values.yaml"), "# changed\n")
        _, c = checked(w)
        tap.ok(not finding(c, "license.active").get("reused") or asked() == n, "a check that read the changed file is not taken over")
        with open(os.path.join(w.run_dir, "check.json"), encoding="utf-8") as f:
            old = json.load(f)
        for s in old["steps"]:
            s["at"] = "2026-01-01T00:00:00.000Z"
        with open(os.path.join(w.run_dir, "check.json"), "w", encoding="utf-8") as f:
            json.dump(old, f)
        n = asked()
        checked(w)
        tap.ok(asked() > n, "an old pass is not taken over")
        append(w.plan, "ticket: CHG-1\n")
        n = asked()
        checked(w)
        tap.ok(asked() > n, "nor one of another plan")
        n = asked()
        r = w.run()
        tap.ok(r.status == 0 and asked() > n, "a run looks at everything again", r.err)


def answers_and_waivers():
    with World(postgres) as w:
        wrapped(w, "kubectl", "case \" $* \" in *' get pv '*) echo '{\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":\"x\"},"
                "\"spec\":{\"nfs\":{\"server\":\"alias.example.com\",\"path\":\"/export/connect\"}}}'; exit;; esac")
        r, c = checked(w)
        unknown = [f["id"] for f in c["findings"] if f["verdict"] == "unknown"]
        tap.ok(r.status == 5 and unknown, "an export of another name is an open question", c.get("findings"))
        r = w.cli("approve", w.plan, unknown[0])
        tap.equal(r.status, 2, "an answer needs a note", r.err)
        for name in unknown:
            r = w.cli("approve", w.plan, name, "--note", "seen on the customer page")
            tap.equal(r.status, 0, f"{name} is answered", r.err)
        r = w.cli("check", w.plan, "--waive", "source.odcb", "--reason", "x")
        tap.ok("not kept" in r.err and "source.odbc" in r.err, "a slip in the id of a waiver is said with the nearest", r.err)
        r = w.cli("check", w.plan, "--waive", "source.odbc")
        tap.equal(r.status, 2, "a waiver needs a reason", r.err)
        r = w.cli("check", w.plan, "--waive", "source.odbc", "--reason", "no content uses it")
        tap.equal(r.status, 0, "answered and waived: nothing is in the way", r.out)
        tap.ok("seen on the customer page" in r.out and "no content uses it" in r.out, "both are shown", r.out)
        with open(os.path.join(w.run_dir, "check.json"), encoding="utf-8") as f:
            c = json.load(f)
        tap.ok([a["note"] for a in c["answers"]] and [x["reason"] for x in c["waivers"]] == ["no content uses it"], "both stand in check.json", c["waivers"])
        r = w.run()
        tap.equal(r.status, 0, "a run takes them over", r.err)
        events = [e for line in w.journal() for e in line["ev"]]
        tap.ok(any(e["type"] == "answer" and e["id"] == unknown[0] and e["note"] == "seen on the customer page" for e in events) and
               any(e["type"] == "waiver" and e["id"] == "source.odbc" and e["reason"] == "no content uses it" for e in events),
               "both are journalled", [e for e in events if e["type"] in ("answer", "waiver")])
        with open(os.path.join(w.run_dir, "report.md"), encoding="utf-8") as f:
            report = f.read()
        tap.ok("seen on the customer page" in report and "no content uses it" in report, "both stand in the report")


def junit_and_json():
    with World(postgres) as w:
        r = w.cli("check", w.plan, "--format", "junit")
        suites = ET.fromstring(r.out)
        cases = suites.findall("./testsuite/testcase")
        tap.ok(r.status == 0 and len(cases) > 20 and not suites.findall(".//failure"), "JUnit: a case for each finding, none failed", r.out)
        os.unlink(w.path("vm/var/lib/rstudio-connect/db/secret.key"))
        r = w.cli("check", w.plan, "--format", "junit")
        failed = [c.get("name") for c in ET.fromstring(r.out).findall("./testsuite/testcase") if c.find("failure") is not None]
        tap.equal((r.status, failed), (5, ["storage.secret-key"]), "JUnit: a blocker is a failure", r.out)
        r = w.cli("check", w.plan, "--format", "yaml")
        tap.ok(r.status == 2 and "junit" in r.err, "JUnit: an unknown format names those there are", r.err)


def window(w, hours, zone="UTC"):
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    end = start + datetime.timedelta(hours=hours)
    append(w.plan, f"window: {{start: \"{start:%Y-%m-%d %H:%M}\", end: \"{end:%Y-%m-%d %H:%M}\", zone: {zone}}}\n")
    return end


def how_long():
    with World(postgres) as w:
        end = window(w, 0.1)
        r, c = checked(w)
        f = finding(c, "downtime.window")
        tap.ok(f and f["verdict"] == "warning" and "window" in f["seen"], "a window that is too short is warned of", c.get("findings"))
        tap.equal(r.status, 0, "and does not block", r.err)
        estimate = fact(c, "downtime.estimate")["value"]
        tap.ok(any("the last builds of" in b and "41" in b for b in estimate["basis"]), "the basis names each item's last build", estimate["basis"])
        tap.ok(any("files" in b for b in estimate["basis"]), "and the files that were counted", estimate["basis"])
        back_by = datetime.datetime.fromtimestamp(estimate["back_by_ms"] / 1000, datetime.timezone.utc)
        tap.ok(datetime.timedelta(0) < end - back_by < datetime.timedelta(hours=2), "it names the latest time for a way back", back_by)
        r = w.cli("preview", w.plan)
        tap.ok("service down" in r.out and "the last builds of" in r.out, "the preview shows it", r.out[-3000:])
    with World(postgres) as w:
        window(w, 24)
        _, c = checked(w)
        tap.ok(finding(c, "downtime.window") is None and finding(c, "downtime.estimate")["verdict"] == "ok", "a long window is in order")
    with World(postgres) as w:
        r = w.run()
        tap.equal(r.status, 0, "a run", r.err)
        with World(postgres) as other:
            shutil.copytree(w.run_dir, other.path("staging.run"))
            _, c = checked(other)
            estimate = fact(c, "downtime.estimate")["value"]
            tap.ok(any("measured in staging.run" in b for b in estimate["basis"]), "an earlier run beside it is a basis", estimate["basis"])
            with open(other.path("staging.run", "state.jsonl"), "r+b") as f:
                f.seek(2000)
                f.write(b"damage")
            r, c = checked(other)
            tap.ok(r.status == 0 and not any("staging.run" in b for b in fact(c, "downtime.estimate")["value"]["basis"]),
                   "one that cannot be read is passed over", r.err)


try:
    for part in (facts_have_an_age_and_sources, changes_since_the_last_check, the_gate_shows_them, slow_passes, answers_and_waivers, junit_and_json,
                 how_long):
        tap.part(part)
finally:
    postgres.stop()
tap.end()
