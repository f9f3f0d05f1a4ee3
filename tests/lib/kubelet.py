"""A kubelet without containers, for tests/lib/cluster.py: one thread watches the pods that the scheduler has bound, one a pod plays what
its containers would do and writes its status. Logs, exec and port-forward are kwok's, on this machine.

A namespace is given a player: a function (pod) -> None that returns when the pod is over. Players here: `ready`, `stuck`, `crashing`,
`world`. What nobody plays stays Pending."""
import contextlib
import http.client
import json
import os
import socket
import struct
import threading
import time

from cluster import ApiError

LOOK_S = 0.02


class Stop(Exception):
    """The cluster ends."""


class Patient:
    """The API as a kubelet has it: while nobody answers there, it tries again."""

    def __init__(self, kubelet, api):
        self.kubelet, self.api = kubelet, api

    def __getattr__(self, name):
        call = getattr(self.api, name)

        def patiently(*args, **more):
            while True:
                try:
                    return call(*args, **more)
                except (OSError, http.client.HTTPException):
                    if self.kubelet.stopping.wait(0.2):
                        raise
        return patiently


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Pod:
    """A pod as its player sees it. Used by one thread."""

    def __init__(self, kubelet, o):
        self.kubelet, self.o = kubelet, o
        self.api = Patient(kubelet, kubelet.cluster.api("parts"))
        self.name, self.ns = o["metadata"]["name"], o["metadata"]["namespace"]
        self.path = f"/api/v1/namespaces/{self.ns}/pods/{self.name}"
        self.ending = threading.Event()    # it was deleted, or has to end
        self.gone = threading.Event()      # nobody shows it any more
        self.lines = 0
        self.served = {}

    @property
    def container(self):
        return self.o["spec"]["containers"][0]

    def status(self, status):
        with contextlib.suppress(ApiError):    # deleted meanwhile
            self.api.merge(self.path + "/status", {"status": status})

    def show(self, phase, ready=False, waiting=None, message="", restarts=0, terminated=None, last=None, conditions=()):
        """One container, running unless it waits (a reason) or is terminated (an exit status)."""
        state = {"running": {"startedAt": now()}, "waiting": None, "terminated": None}
        if waiting:
            state = {"waiting": {"reason": waiting, "message": message}, "running": None, "terminated": None}
        elif terminated is not None:
            state = {"terminated": {"exitCode": terminated, "reason": "Error" if terminated else "Completed", "finishedAt": now()}, "running": None,
                     "waiting": None}
        box = {"name": self.container["name"], "image": self.container["image"], "imageID": "", "ready": ready, "started": not waiting,
               "restartCount": restarts, "state": state}
        if last is not None:
            box["lastState"] = {"terminated": {"exitCode": last, "reason": "Error", "finishedAt": now()}}
        said = "True" if ready else "False"
        kinds = [("PodScheduled", "True"), ("Initialized", "True"), ("ContainersReady", said), ("Ready", said), *conditions]
        self.status({"phase": phase, "podIP": "10.42.0.17", "hostIP": "127.0.0.1", "startTime": self.o["metadata"]["creationTimestamp"],
                     "containerStatuses": [box],
                     "conditions": [{"type": t, "status": s, "lastTransitionTime": now()} for t, s in kinds]})

    def event(self, kind, reason, message, count=1):
        """As the kubelet's recorder does: the same again is counted."""
        name = f"{self.name}.{abs(hash((reason, message))):x}"
        at = now()
        with contextlib.suppress(ApiError):
            self.api.put("v1", "events", {
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": self.ns}, "type": kind, "reason": reason,
                "message": message, "count": count, "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "kubelet"},
                "involvedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": self.ns, "name": self.name, "uid": self.o["metadata"]["uid"]}})

    def log(self, text, previous=False):
        """The container's whole log so far, in the form that container runtimes write and kubelets read."""
        path = self.kubelet.cluster.path("logs", f"{self.ns}_{self.name}{'.previous' if previous else ''}")
        if not os.path.exists(path):
            spec = {"logs": [{"logsFile": self.kubelet.cluster.path("logs", f"{self.ns}_{self.name}"),
                              "previousLogsFile": self.kubelet.cluster.path("logs", f"{self.ns}_{self.name}.previous")}]}
            self.serve("Logs", "logs", spec)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.writelines(f"{stamp} stdout F {line}\n" for line in text.splitlines())
        os.replace(path + ".new", path)

    def exec_here(self, folder, **environment):
        """kubectl exec runs on this machine, there, with these variables."""
        self.serve("Exec", "execs", {"execs": [{"local": {"workDir": folder, "envs": [{"name": k, "value": v} for k, v in environment.items()]}}]})

    def forward(self, port):
        """kubectl port-forward leads to this port of this machine, whichever is asked for."""
        if port and self.served.get("PortForward") != port:
            self.serve("PortForward", "portforwards", {"forwards": [{"target": {"address": "127.0.0.1", "port": port}}]})
            self.served["PortForward"] = port

    def serve(self, kind, plural, spec):
        with contextlib.suppress(ApiError):
            self.api.put("kwok.x-k8s.io/v1alpha1", plural, {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "spec": spec,
                                                            "metadata": {"name": self.name, "namespace": self.ns}})

    def wait(self, seconds):
        """True: the pod has to end."""
        end = time.monotonic() + seconds
        while not self.kubelet.stopping.is_set():
            left = end - time.monotonic()
            if left <= 0 or self.ending.wait(min(left, 0.2)):
                return self.ending.is_set()
        raise Stop

    def wait_for_its_end(self):
        while not self.wait(60):
            pass

    def remove(self):
        """The API server forgets it, and so does kwok."""
        with contextlib.suppress(ApiError):
            self.api.request("DELETE", self.path + "?gracePeriodSeconds=0")
        for plural in ("logs", "execs", "portforwards"):
            with contextlib.suppress(ApiError):
                self.api.delete(f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{self.ns}/{plural}/{self.name}")


# -- players

def ready(after_s=0.05, log="started\n"):
    def play(pod):
        pod.show("Pending", waiting="ContainerCreating")
        if not pod.wait(after_s):
            pod.log(log)
            pod.show("Running", ready=True)
            pod.wait_for_its_end()
    return play


def stuck(reason, message="", events=(), log="", phase="Pending"):
    """A container that never starts: ImagePullBackOff, CreateContainerConfigError, ContainerCreating … events: (reason, message)."""
    def play(pod):
        count = 0
        while True:
            count += 1
            pod.show(phase, waiting=reason, message=message)
            if log:
                pod.log(log)
            for why, text in events:
                pod.event("Warning", why, text, count)
            if pod.wait(2):
                return
    return play


def crashing(log, code=1, events=(("BackOff", "Back-off restarting failed container"),)):
    def play(pod):
        count = 0
        while True:
            count += 1
            pod.log(log)
            pod.log(log, previous=True)
            pod.show("Running", waiting="CrashLoopBackOff", message="back-off 10s restarting failed container", restarts=count, last=code)
            for why, text in events:
                pod.event("Warning", why, text, count)
            if pod.wait(2):
                return
    return play


def never_ready(log="", events=()):
    """The container runs and its readiness probe fails."""
    def play(pod):
        count = 0
        pod.show("Running")
        while True:
            count += 1
            if log:
                pod.log(log)
            for why, text in events:
                pod.event("Warning", why, text, count)
            if pod.wait(2):
                return
    return play


def say(dir, *argv, input=""):
    """One call of a tool of the rehearsal's world (src/world/control.c), as its clients make it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(f"/proc/self/fd/{dir}/control.sock")
        words = "\0".join([argv[0], "", "/", str(len(argv) - 1), *argv[1:]]) + "\0" + input
        body = words.encode()
        s.sendall(struct.pack("=I", len(body)) + body)
        f = s.makefile("rb")
        out = b""
        while True:
            kind, n = f.read(1), f.read(4)
            if len(n) < 4:
                raise ConnectionError("the world is not running")
            n = struct.unpack("=I", n)[0]
            if kind == b"X":
                return n, out.decode()
            out += f.read(n)


def world(of):
    """The world's Connect runs in these pods: it holds database sessions, answers, crashes for the reasons it has (src/world/kubelet.c)."""
    folder = os.open(of.dir, os.O_PATH | os.O_DIRECTORY)    # its socket's path may be longer than a socket's address

    def objects(pod):
        found = []
        for root, plural, kind in (("v1", "secrets", "Secret"), ("v1", "configmaps", "ConfigMap"), ("v1", "persistentvolumeclaims", "PersistentVolumeClaim")):
            for o in pod.api.get(f"/api/{root}/namespaces/{pod.ns}/{plural}")["items"]:
                found.append({**o, "kind": kind})
        found += [{**o, "kind": "PersistentVolume"} for o in pod.api.get("/api/v1/persistentvolumes")["items"]]
        return [o for o in found if o.get("type") != "helm.sh/release.v1"]

    def play(pod):
        shown, events, log, asked = None, {}, None, False
        say(folder, "kubelet", "create", pod.name, input=json.dumps({"pod": {**pod.o, "kind": "Pod"}, "objects": objects(pod)}))
        pod.exec_here(of.dir, PATH=f"{of.dir}/bin/pod:{of.dir}/bin:{os.environ['PATH']}", CONNECT_MIGRATE_WORLD=of.dir, CONNECT_MIGRATE_POD=pod.name)
        told = time.monotonic()
        while True:
            seen = json.loads(say(folder, "kubelet", "look", pod.name)[1] or "{}")
            if not seen:
                return
            if seen["log"] and seen["log"] != log:
                log = seen["log"]
                pod.log(log)
            pod.forward(seen["port"])
            for e in seen["events"]:
                if events.get((e["reason"], e["message"])) != e["count"] and e["type"] == "Warning":
                    events[e["reason"], e["message"]] = e["count"]
                    pod.event(e["type"], e["reason"], e["message"], e["count"])
            status = json.dumps(seen["status"], sort_keys=True)
            if status != shown:
                shown = status
                pod.status(whole(seen["status"]))
            settled = status_is_settled(seen["status"])
            if pod.wait(0.2 if settled and not pod.ending.is_set() else LOOK_S) and not asked:
                asked = True
                say(folder, "kubelet", "end", pod.name)
            elif asked:
                time.sleep(LOOK_S)
            elif not settled and time.monotonic() - told > 0.5:    # what was missing may have been made meanwhile
                told = time.monotonic()
                say(folder, "kubelet", "create", pod.name, input=json.dumps({"pod": {**pod.o, "kind": "Pod"}, "objects": objects(pod)}))
    return play


def whole(status):
    """A merge patch keeps what it does not name: a state that is over has to be named."""
    boxes = [{"imageID": "", "image": "", **b, "state": {"waiting": None, "running": None, "terminated": None, **b["state"]}}
             for b in status.get("containerStatuses", [])]
    return {**status, "hostIP": "127.0.0.1", "containerStatuses": boxes}


def status_is_settled(status):
    return status.get("phase") in ("Succeeded", "Failed") or any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))


class Kubelet:
    """`with Kubelet(cluster) as k: k.play(namespace, player)`."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.players = {}
        self.pods = {}
        self.threads = []
        self.stopping = threading.Event()
        os.makedirs(cluster.path("logs"), exist_ok=True)

    def __enter__(self):
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        self.threads.append(watcher)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads[1:]:
            t.join(timeout=10)

    def play(self, ns, player):
        """From now on this is what the namespace's pods do; those that are there already go on as they are."""
        self.players[ns] = player
        for key, o in list(self.pods.items()):
            if key[0] == ns and isinstance(o, dict):
                self.begin(o)

    def watch(self):
        while not self.stopping.is_set():
            try:
                api = self.cluster.api("parts")
                for kind, o in api.watch("/api/v1/pods?fieldSelector=spec.nodeName%3Dworker-1", 3600):
                    self.look(kind, o)
                    if self.stopping.is_set():
                        return
            except (OSError, ApiError, http.client.HTTPException, ValueError):
                time.sleep(0.2)

    def look(self, kind, o):
        uid = o["metadata"]["uid"]
        key = (o["metadata"]["namespace"], uid)
        if key not in self.pods:
            self.pods[key] = o
            self.begin(o)
        pod = self.pods[key]
        if isinstance(pod, Pod) and (kind == "DELETED" or o["metadata"].get("deletionTimestamp")):
            pod.ending.set()
        elif not isinstance(pod, Pod) and o["metadata"].get("deletionTimestamp") and kind != "DELETED" and not os.environ.get("CM_CLUSTER"):
            Pod(self, o).remove()    # nobody plays it, here or in another script

    def begin(self, o):
        player = self.players.get(o["metadata"]["namespace"])
        if player is None:
            return
        pod = Pod(self, o)
        self.pods[o["metadata"]["namespace"], o["metadata"]["uid"]] = pod
        thread = threading.Thread(target=self.run, args=(pod, player), daemon=True)
        self.threads.append(thread)
        thread.start()

    def run(self, pod, player):
        try:
            player(pod)
            pod.wait_for_its_end()
        except (Stop, OSError, http.client.HTTPException):    # the cluster, or the world behind the pod, has ended
            return
        pod.remove()
