#!/usr/bin/env python3
"""Beginnings that are not the usual one: the way back before the old server was stopped, and a start just after a kill, while the database
still knows the session of the process that is no more."""
import fcntl
import json
import os
import subprocess
import time

from rehearsal import Postgres, Tap, World

LOCK = (1668115815, 1)    # src/adapters/postgres.c
tap = Tap()
postgres = Postgres()


def rollback_before_the_stop():
    with World(postgres) as w:
        tap.equal(w.run("--until", "configure").status, 0, "until configure: 0")
        r = w.cli("rollback", w.plan, "--yes", timeout=60)
        tap.equal(r.status, 0, "rollback before the old server was stopped does not wait for its own sessions", r.out + r.err)
        tap.equal([w.count("service.stop"), w.count("helm.upgrade"), w.violations()], [0, 0, []], "it stopped nothing and deployed nothing")


def hold_the_lock(w, name):
    """A session with this name that has the lock; ended by its kill()."""
    with open(w.path("world.json"), encoding="utf-8") as f:
        database = json.load(f)["database"]
    env = {**os.environ, "PGAPPNAME": name, "PGUSER": "super", "PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGDATABASE": database["core"]}
    p = subprocess.Popen(["psql", "-qAtX"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    p.stdin.write("SELECT pg_advisory_lock(%d, %d), 'held';\n" % LOCK)
    p.stdin.flush()
    assert "held" in p.stdout.readline()
    return p


def start_after_a_kill():
    gone = subprocess.Popen(["true"])
    gone.wait()
    with World(postgres) as w:
        w.run("--until", "configure")
        w.run("--until", "configure")    # a second start's first event says who it is
        who = next(e["who"] for line in w.journal() for e in line["ev"] if e.get("who"))
        holder = hold_the_lock(w, f"connect-migrate {who} {gone.pid}")
        run = w.start(w.plan, "--yes")
        time.sleep(1)
        tap.equal(run.poll(), None, "the lock of a process that has ended is waited for")
        holder.kill()
        holder.communicate()
        out, err = run.communicate(timeout=60)
        tap.equal(run.returncode, 0, "and taken when the server gives it back", out + err)
    with World(postgres) as w:
        holder = hold_the_lock(w, f"connect-migrate {who} {os.getpid()}")
        r = w.run()
        tap.equal(r.status, 4, "the lock of a process that lives is refused at once", r.out + r.err)
        holder.kill()
        holder.communicate()


def run_directory_held(w, pid):
    """The lock of the run directory, held here as by a run with that pid; close() gives it back."""
    f = open(os.path.join(w.run_dir, "lock"), "w", encoding="utf-8")
    fcntl.flock(f, fcntl.LOCK_EX)
    with open(f"/proc/{os.getpid()}/stat", encoding="utf-8") as stat, open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as boot:
        start = int(stat.read().rsplit(")", 1)[1].split()[19]) if pid == os.getpid() else 1
        json.dump({"pid": pid, "start": start, "boot": boot.read().strip(), "who": "ann@here", "since": "2026-01-01T00:00:00.000Z", "command": "p"}, f)
    f.flush()
    return f


def workers_of_a_killed_run():
    """A killed run's workers have its lock until they notice its end."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with World(postgres) as w:
        w.run("--until", "configure")
        held = run_directory_held(w, gone.pid)
        run = w.start(w.plan, "--yes")
        time.sleep(1)
        tap.equal(run.poll(), None, "the run directory of a run that was killed is waited for")
        held.close()
        out, err = run.communicate(timeout=60)
        tap.equal(run.returncode, 0, "and taken when its workers have ended", out + err)
        held = run_directory_held(w, os.getpid())
        r = w.run()
        tap.equal(r.status, 4, "the run directory of a run that lives is refused at once", r.out + r.err)
        held.close()


try:
    rollback_before_the_stop()
    workers_of_a_killed_run()
    start_after_a_kill()
finally:
    postgres.stop()
tap.end()
