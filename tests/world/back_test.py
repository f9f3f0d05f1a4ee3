#!/usr/bin/env python3
"""The way back and the end: Connect is on its server again, verified, with its data untouched and nothing of it running in the cluster, from
whatever point it was given up and however often it was interrupted; and `finish` settles each leftover with proof or attestation."""
import hashlib
import json
import os
import random
import re
import signal
import subprocess

from rehearsal import Postgres, Tap, World, at_once, edit, server_binary, until

tap = Tap()
postgres = Postgres()


# ---- what must be as it was ----

def databases(w):
    with open(w.path("vm/etc/rstudio-connect/rstudio-connect.gcfg"), encoding="utf-8") as f:
        return sorted(set(re.findall(r"postgres://[^@]*@[^/]*/([\w-]+)", f.read())))


def sql(name, text):
    subprocess.run([server_binary("psql") or "psql", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "super", "-d", name, "-q", "-c", text], check=True,
                   stdout=subprocess.DEVNULL)


def data(w):
    """A digest of every file of the data folder with owner and mode, and of a dump of each database."""
    out = {}
    for folder, folders, files in os.walk(w.path("vm/var/lib/rstudio-connect")):
        for name in folders + files:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            body = open(path, "rb").read() if os.path.isfile(path) else b""
            out[path] = (s.st_uid, s.st_gid, s.st_mode, hashlib.sha256(body).hexdigest())
    for name in databases(w):
        p = subprocess.run([server_binary("pg_dump"), "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "super", name], stdout=subprocess.PIPE, check=True)
        lines = [l for l in p.stdout.splitlines() if not l.startswith((b"\\restrict", b"\\unrestrict"))]
        out[name] = hashlib.sha256(b"\n".join(lines)).hexdigest()
    return out


def fill(w):
    for name in databases(w):
        sql(name, "create table bundles as select n, md5(n::text) as sum from generate_series(1, 500) n")


def is_back(w, before, name):
    d = w.dump()
    tap.equal({(n["active"], n["enabled"]) for n in d["nodes"].values()}, {("active", "enabled")}, f"{name}: the service is up on every node")
    tap.equal(d["access"], "vm", f"{name}: users are with the old server")
    tap.equal((d["pods"], d["objects"].get("Job", [])), ([], []), f"{name}: nothing of Connect runs in the cluster")
    tap.equal(d["marker"], False, f"{name}: no marker is left")
    labels = {k for one in d["serviceaccounts"].values() for k in one}
    tap.ok("connect.posit.co/service-account" not in labels, f"{name}: no label is left", d["serviceaccounts"])
    now = data(w)
    tap.equal({k for k in before if before[k] != now.get(k)} | (set(now) - set(before)), set(), f"{name}: data folder and databases are untouched")
    tap.equal(w.violations(), [], f"{name}: never two Connects")
    s = w.status()
    tap.equal((s["state"], [e for e in s["ledger"] if e["state"] == "open"]), ("rolled-back", []), f"{name}: every change is taken back, on record")


# ---- the whole way ----

def the_way_back():
    with World(postgres, "--nodes", 2) as w:
        fill(w)
        before = data(w)
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal(r.status, 2, "before anything was begun there is no way back", r.err)
        tap.equal(w.run().status, 0, "there")
        r = w.cli("rollback", w.plan)
        tap.equal((r.status, w.dump()["access"]), (3, "pod"), "the way back asks first, and changes nothing before", r.err)
        r = w.cli(w.plan, "--yes")
        tap.equal(r.status, 9, "while it is open, going forward is refused", r.err)
        tap.ok("rollback" in r.err, "and says what to type", r.err)
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal(r.status, 0, "and back", r.err)
        is_back(w, before, "there and back")
        verified = [e for line in w.journal() for e in line["ev"] if e["type"] == "step.end" and e.get("step") == "source.verify"]
        tap.ok(verified and verified[-1]["state"] == "done", "the old server was verified", verified)
        n = w.lines()
        tap.equal((w.cli("rollback", w.plan, "--yes").status, w.lines()), (0, n), "typed again: 0, and nothing more on record")
        subprocess.run([w.path("bin/kubectl"), "scale", "deployment", "rstudio-connect-prod", "--replicas=1", "--namespace", "posit-connect"], check=True,
                       stdout=subprocess.DEVNULL)
        tap.equal((w.dump()["pods"], w.violations()), ([], []), "who scales the release up then gets no pod beside the old server")
        with open(os.path.join(w.run_dir, "report.json"), encoding="utf-8") as f:
            tap.ok("deployment.pause" in f.read(), "why not stands in the report")
        tap.equal(w.cli("finish", w.plan, "--yes").status, 9, "a migration that was rolled back has nothing to finish")
        r = w.run()
        tap.ok(r.status == 9 and "--again" in r.err, "forward again only with --again", r.err)
        r = w.run("--again")
        tap.equal((r.status, w.violations()), (0, []), "with --again it goes there once more", r.err)
        tap.equal(w.cli("rollback", w.plan, "--yes").status, 0, "and back once more")
        is_back(w, before, "twice there and back")


# ---- given up anywhere, interrupted anywhere ----

GIVEN_UP_AT = ["access.close", "service.mask", "service.stop", "backup.take", "serviceaccount.label", "helm.upgrade", "pod.ready", "content.build"]


def given_up(point, seed):
    def job():
        chance = random.Random(seed)
        with World(postgres, "--build-ms", 40, "--pod-ms", 60) as w:
            fill(w)
            before = data(w)
            p = w.start(w.plan, "--yes")
            until(lambda: w.count(point) or p.poll() is not None)
            p.kill()
            p.communicate()
            cut = 0
            for _ in range(4):
                p = w.start("rollback", w.plan, "--yes")
                lines, more = w.lines(), chance.randint(1, 12)
                until(lambda: w.lines() >= lines + more or p.poll() is not None)
                p.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
                p.communicate()
                cut += p.returncode != 0
            r = w.cli("rollback", w.plan, "--yes")
            name = f"given up at {point}, the way back cut {cut} times"
            tap.equal(r.status, 0, f"{name}: ends with 0", r.err)
            is_back(w, before, name)
    return job


def accidents():
    with World(postgres) as w:
        fill(w)
        before = data(w)
        w.run()
        with open(w.plan, "a", encoding="utf-8") as f:
            f.write("steps: {cluster.drained: {timeout: 4s}, service.start: {timeout: 4s}}\n")
        with open(w.path("drill"), "w", encoding="utf-8") as f:
            f.write("session-stays")
        r = w.cli("rollback", w.plan, "--yes")
        tap.equal((r.status, {n["active"] for n in w.dump()["nodes"].values()}), (1, {"inactive"}),
                  "while a session of Connect stays in the database the old server is not started", r.err)
        tap.ok("session" in r.err and "what to type" in r.err, "and it says why and what to type", r.err)
        w.end_accident()
        tap.equal(w.cli("rollback", w.plan, "--yes").status, 0, "once it is gone the same command completes")
        is_back(w, before, "a session that stayed")
    with World(postgres) as w:
        fill(w)
        before = data(w)
        w.run()
        with open(w.path("drill"), "w", encoding="utf-8") as f:
            f.write("host-unreachable")
        r = w.cli("rollback", w.plan, "--yes", timeout=200)
        tap.ok(r.status not in (0, 8) and "connect1" in r.err, "an old server that is not reached stops the way back, named", r.err)
        w.end_accident()
        tap.equal(w.cli("rollback", w.plan, "--yes").status, 0, "once it is reached the same command completes")
        is_back(w, before, "a server that was not reached")
    for drill in ("settings-reduced", "settings-need-key"):
        with World(postgres, "--drill", drill) as w:
            fill(w)
            before = data(w)
            tap.equal(w.run().status, 0, f"{drill}: there")
            tap.equal(w.cli("rollback", w.plan, "--yes").status, 0, f"{drill}: and back")
            is_back(w, before, f"{drill}")


# ---- finish ----

def shell(w, line):
    subprocess.run([w.path("bin/node-shell"), "connect1", line], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def our_job(w, name):
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "posit-connect",
                                                                 "labels": {"app.kubernetes.io/managed-by": "connect-migrate"}},
           "spec": {"template": {"spec": {"containers": [{"name": "x", "image": "x", "command": ["true"]}]}}}}
    subprocess.run([w.path("bin/kubectl"), "create", "-f", "-", "--namespace", "posit-connect"], input=json.dumps(job), text=True, check=True,
                   stdout=subprocess.DEVNULL)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def is_final(w, name):
    d, s = w.dump(), w.status()
    tap.equal({(n["active"], n["enabled"]) for n in d["nodes"].values()}, {("inactive", "masked")}, f"{name}: the old server stays stopped and masked")
    tap.equal([c for c in d["caches"] if c["image_name"] == "Local"], [], f"{name}: caches of the old server are gone")
    tap.equal((d["objects"].get("Job", []), d["marker"]), ([], False), f"{name}: no Job and no marker is left")
    tap.equal((s["state"], {e["state"] for e in s["ledger"]} - {"back", "final"}), ("final", set()), f"{name}: every change is settled, on record")
    tap.equal((len(d["pods"]), d["access"], w.violations()), (1, "pod", []), f"{name}: the new server serves")


def finish_settles():
    with World(postgres, "--nodes", 2) as w:
        folder = w.path("vm/var/lib/rstudio-connect")
        r = w.cli("finish", w.plan, "--yes")
        tap.equal(r.status, 2, "before anything was begun there is nothing to finish", r.err)
        w.run("--until", "deploy")
        tap.equal(w.cli("finish", w.plan, "--yes").status, 9, "a migration that is not done cannot be finished")
        tap.equal(w.run().status, 0, "done")
        r = w.cli("finish", w.plan)
        tap.equal(r.status, 3, "finish asks first", r.err)
        shell(w, "systemctl unmask rstudio-connect")
        r = w.cli("finish", w.plan, "--yes")
        tap.ok(r.status == 1 and "connect1" in r.err and "mask" in r.err, "an old server that was unmasked stops it, named", r.err)
        shell(w, "systemctl mask rstudio-connect")
        our_job(w, "connect-migrate-check-old")
        write(os.path.join(folder, ".connect-migrate-trial"), "x\n")
        write(os.path.join(folder, ".connect-migrate"), json.dumps({"run": "someone-else", "host": "elsewhere"}))
        r = w.cli("finish", w.plan, "--yes")
        tap.ok(r.status == 3 and "leftovers.marker" in r.err, "another run's marker is a person's to judge", r.err)
        tap.ok(not os.path.exists(os.path.join(folder, ".connect-migrate-trial")), "files of a trial are taken away")
        tap.ok(os.path.exists(os.path.join(folder, ".connect-migrate")), "the other run's marker is not touched")
        os.unlink(os.path.join(folder, ".connect-migrate"))
        tap.equal(w.cli("approve", w.plan, "leftovers.marker", "--note", "an old trial of ours, removed").status, 0, "a person answers")
        r = w.cli("finish", w.plan, "--yes")
        tap.equal(r.status, 0, "then it ends with 0", r.err)
        is_final(w, "finish")
        report = open(os.path.join(w.run_dir, "report.md"), encoding="utf-8").read()
        tap.ok("an old trial of ours, removed" in report, "the attestation stands in the report")
        tap.equal(w.cli("rollback", w.plan, "--yes").status, 9, "after it there is no way back")


def finish_attested():
    with World(postgres) as w:
        w.run()
        edit(w.plan, r"^license: \{mode: file\}$", "license: {mode: key}")
        with open(w.path("drill"), "w", encoding="utf-8") as f:
            f.write("host-unreachable")
        r = w.cli("finish", w.plan, "--yes", "--accept-plan-changes", timeout=200)
        tap.ok(r.status == 3 and "license.release" in r.err, "a product key's activation is given back by a person", r.err)
        r = w.cli("approve", w.plan, "license.release")
        tap.equal(r.status, 2, "with a note", r.err)
        w.cli("approve", w.plan, "license.release", "--note", "deactivated at 10:12, A. Meier")
        r = w.cli("finish", w.plan, "--yes", timeout=200)
        tap.ok(r.status == 3 and "gate.source-gone" in r.err, "an old server that is not reached has to be attested as gone", r.err)
        w.cli("approve", w.plan, "gate.source-gone", "--note", "the VM was deleted, CHG-7")
        r = w.cli("finish", w.plan, "--yes", timeout=200)
        tap.equal(r.status, 0, "attested: it ends with 0", r.err)
        w.end_accident()
        is_final(w, "attested")


def finish_cut(seed):
    def job():
        chance = random.Random(seed)
        with World(postgres) as w:
            w.run()
            our_job(w, "connect-migrate-check-old")
            for _ in range(5):
                p = w.start("finish", w.plan, "--yes")
                lines, more = w.lines(), chance.randint(1, 6)
                until(lambda: w.lines() >= lines + more or p.poll() is not None)
                p.kill()
                p.communicate()
            r = w.cli("finish", w.plan, "--yes")
            tap.equal(r.status, 0, f"finish, killed at random points ({seed}): ends with 0", r.err)
            is_final(w, f"finish, killed at random points ({seed})")
    return job


try:
    seed = int(os.environ.get("CM_SEED", "1"))
    for part in (the_way_back, accidents, finish_settles, finish_attested,
                 lambda: at_once([given_up(point, seed + n) for n, point in enumerate(GIVEN_UP_AT)] + [finish_cut(seed + n) for n in range(2)])):
        tap.part(part)
finally:
    postgres.stop()
tap.end()
