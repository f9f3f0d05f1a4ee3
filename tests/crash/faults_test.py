#!/usr/bin/env python3
"""Each promise broken on purpose (CM_FAULT) must be seen by what the other tests look at: a world that differs, an effect too many,
two Connects, a claim without proof. A fault that nothing shows would mean that a promise is not tested."""
import json
import os
import signal
import subprocess

from rehearsal import RUN, Postgres, Tap, World, at_once, has_hooks, run_until_done, skip_all, until

if not has_hooks():
    skip_all("this build has no faults (configure with --enable-test-hooks)")

tap = Tap()
postgres = Postgres()


def intents_of(w):
    return [(line["seq"], ev) for line in w.journal() for ev in line["ev"] if ev["type"] == "intent"]


def line_of(w, effect):
    return next(seq for seq, ev in intents_of(w) if ev["effect"] == effect)


def healthy():
    with World(postgres) as w:
        r = w.run()
        assert r.status == 0, r.err
        return {"dump": w.dump(), "changes": w.changes(), "helm": line_of(w, "helm.upgrade"), "stop": line_of(w, "service.stop"),
                "mask": line_of(w, "service.mask")}


def effect_without_intent(fault):
    """Killed at many lines: nothing may have reached the outside that is not on record."""
    unknown = []

    def point(n):
        def job():
            with World(postgres) as w:
                w.run(env={"CM_CRASH": f"{n}:before", **({"CM_FAULT": fault} if fault else {})})
                known = {ev["effect"] for _, ev in intents_of(w)} if os.path.exists(w.run_dir + "/state.jsonl") else set()
                done = {e["effect"] for e in w.effects()}
                unknown.extend(e for e in ("service.stop", "service.mask", "marker.write", "helm.upgrade", "content.build") if e in done and e not in known)
        return job

    # Around each line that holds an intent, as this very program writes them: the fault puts more into a line.
    with World(postgres) as w:
        w.run(env={"CM_FAULT": fault} if fault else None)
        lines = {seq for seq, ev in intents_of(w) if ev["effect"] != "content.build"}
    at_once([point(n) for n in sorted({line + by for line in lines for by in (-1, 0, 1)})])
    return unknown


def done_without_proof(fault):
    """wrong-storage: storage.prove must not be done while the marker is not seen in the pod."""
    with World(postgres, "--drill", "wrong-storage") as w:
        w.run(env={"CM_FAULT": fault} if fault else None)
        events = [ev for line in w.journal() for ev in line["ev"]]
        return [ev for ev in events if ev["type"] == "step.end" and ev["step"] == "storage.prove" and ev["state"] == "done"]


def probes_again(fault):
    """Killed after the intent of a helm upgrade that had reached the cluster: typed again, there is one upgrade of the purpose."""
    with World(postgres) as w:
        w.run(env={"CM_CRASH": f"{good['helm'] + 2}:before"})
        run_until_done(w, env={"CM_FAULT": fault} if fault else None)
        deploys = w.count("helm.upgrade", purpose="deploy")
        log = os.path.join(w.run_dir, "logs", "helm.deploy.log")
        text = open(log, encoding="utf-8").read() if os.path.exists(log) else ""
        return deploys != 1 or text.count("probe:") < 2


def original_kept(fault):
    """Killed after the mask's line: the original on record stays what it was before anything changed, in every later record."""
    with World(postgres) as w:
        w.run(env={"CM_CRASH": f"{good['mask'] + 1}:after"})
        run_until_done(w, env={"CM_FAULT": fault} if fault else None)
        originals = [json.dumps(ev.get("original"), sort_keys=True) for _, ev in intents_of(w) if ev["effect"] == "service.mask"]
        return len(originals) != 1


def words_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            return f.read().split("\0")
    except OSError:
        return []


def helm_child(w):
    """The pid on record of the helm that deploys; None before it is helm: until then it is a fork of ours, held at a pipe."""
    if not os.path.exists(w.run_dir + "/state.jsonl"):
        return None
    events = [ev for line in w.journal() for ev in line["ev"] if ev["type"] in ("intent", "note")]
    ours = {ev["id"] for ev in events if ev["type"] == "intent" and ev["effect"] == "helm.upgrade"}
    pid = next((ev["note"]["child"]["pid"] for ev in events if ev["type"] == "note" and ev["intent"] in ours and "child" in ev["note"]), None)
    return pid if pid and "upgrade" in words_of(pid) else None


def orphan_waited_for(fault):
    """helm still runs when the program is typed again: the second start waits for it and does not send its own."""
    with World(postgres, "--drill", "helm-slow") as w, open(w.path("second.err"), "w+", encoding="utf-8") as said:
        first = w.start(w.plan, "--yes")
        helm = until(lambda: helm_child(w))
        os.kill(helm, signal.SIGSTOP)    # it takes as long as this test needs
        first.send_signal(signal.SIGKILL)
        first.communicate()
        w.end_accident()
        env = {**os.environ, **({"CM_FAULT": fault} if fault else {})}
        second = subprocess.Popen([RUN, w.plan, "--yes"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=env)

        def waits():
            said.seek(0)
            return "which an earlier run started" in " ".join(said.read().split())

        until(lambda: waits() or second.poll() is not None)
        waited = waits()
        os.kill(helm, signal.SIGCONT)
        status = second.wait(timeout=120)
        return status != 0 or not waited or w.count("helm.upgrade", purpose="deploy") != 1


def two_connects(fault):
    """A session of another Connect stays on the database: no pod may be created."""
    with World(postgres, "--drill", "session-stays") as w:
        text = open(w.plan, encoding="utf-8").read()
        with open(w.plan, "w", encoding="utf-8") as f:
            f.write(text + "\nsteps: {database.quiesce: {skip: \"left out on purpose\"}}\n")
        w.run(env={"CM_FAULT": fault} if fault else None, timeout=60)
        return w.count("pod.create") > 0


try:
    good = healthy()
    for fault, look in (("intent-not-synced", effect_without_intent), ("done-before-verify", done_without_proof),
                        ("no-probe-on-resume", probes_again), ("original-read-twice", original_kept),
                        ("orphan-not-waited-for", orphan_waited_for), ("interlock-left-out", two_connects)):
        tap.ok(not look(None), f"whole: {look.__doc__.splitlines()[0]}")
        tap.ok(look(fault), f"with the fault {fault} this is seen")
finally:
    postgres.stop()
tap.end()
