#!/usr/bin/env python3
"""What the checks see: a healthy world has nothing to complain of, every fault staged is seen with its place and what to do, twelve at once
are twelve findings, what cannot be told is no blocker, and nothing is changed by looking."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from rehearsal import Postgres, Tap, World, as_server_user, edit, free_port, scratch, server_binary, until

tap = Tap()
postgres = Postgres()

RUNBOOK = """runbook: 1
id: checks
stages:
  - id: prerequisites
    title: Checks
    steps:
      - {uses: database.check, timeout: 30s}
      - {uses: storage.check, timeout: 30s}
      - {uses: version.check, timeout: 30s}
      - {uses: cluster.check, timeout: 30s}
      - {uses: source.inventory, timeout: 30s}
      - {uses: access.check, timeout: 30s}
      - {uses: license.check, timeout: 30s}
      - {uses: pods.check, timeout: 60s}
"""


class Checked(World):
    """A world with a plan of the checks alone, and the means to stage faults."""

    def __enter__(self):
        super().__enter__()
        with open(self.path("checks.yaml"), "w", encoding="utf-8") as f:
            f.write(RUNBOOK)
        with open(self.path("plan.yaml"), encoding="utf-8") as f:
            text = f.read()
        text = re.sub(r"^runbook:.*$", "runbook: ./checks.yaml", text, flags=re.M)
        text = re.sub(r"^(backup|notify):.*\n", "", text, flags=re.M)
        text = re.sub(r"^(access|content|gates):\n(  .*\n)+", "", text, flags=re.M)
        text += 'gates: {pods.not-tried: {note: "tried by hand"}}\n'
        self.check_plan = self.path("check.yaml")
        with open(self.check_plan, "w", encoding="utf-8") as f:
            f.write(text)
        self.gcfg = self.path("vm/etc/rstudio-connect/rstudio-connect.gcfg")
        self.values = self.path("values.yaml")
        self.data = self.path("vm/var/lib/rstudio-connect")
        return self

    def check(self, plan=None, **more):
        began = time.monotonic()
        r = self.cli("check", plan or self.check_plan, "--json", "--fresh", **more)
        took = time.monotonic() - began
        try:
            findings = {f["id"]: f for f in json.loads(r.out)["findings"]}
        except (ValueError, KeyError):
            findings = {}
        return Looked(r, findings, took)

    def wrapped(self, name, script):
        """Put a shell script in the place of one of the world's tools; "$REAL" is the tool."""
        path, real = self.path("bin", name), self.path("real", name)
        os.makedirs(self.path("real"), exist_ok=True)
        if not os.path.lexists(real):
            os.symlink(os.path.realpath(path), real)
            os.rename(path, self.path("real", f"{name}.kept"))
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nREAL={real}\nexport CONNECT_MIGRATE_WORLD={self.dir}\n{script}\n")
        os.chmod(path, 0o755)


class Looked:
    def __init__(self, result, findings, took):
        self.result, self.findings, self.took = result, findings, took

    def of(self, *verdicts):
        return sorted(i for i, f in self.findings.items() if f["verdict"] in verdicts and not ("answer" in f and f["verdict"] == "unknown"))

    def __str__(self):
        return "\n".join(f"{f['verdict']:8} {i}: {f['seen']}  → {f['remedy']}" for i, f in sorted(self.findings.items())) + "\n" + self.result.err


def sees(looked, verdict, finding, words, name):
    f = looked.findings.get(finding)
    good = f is not None and f["verdict"] == verdict and all(w in f["seen"] + " " + f["remedy"] for w in words)
    tap.ok(good, f"{name}: {verdict} {finding}", f"wanted the words {words}\n{looked}")
    if verdict in ("blocker", "unknown"):
        tap.ok(f is not None and len(f["remedy"]) > 20, f"{name}: says what to do", looked)


# ---- a healthy world ----

def healthy():
    with Checked(postgres, "--nodes", 2) as w:
        before, effects = w.dump(), w.effects()
        seen = w.check()
        tap.ok(len(seen.findings) > 20, "the checks say what they saw", seen)
        tap.equal(seen.of("blocker", "unknown"), [], "a healthy world has no blocker and no open question", seen)
        tap.equal(seen.result.status, 0, "and the check ends with 0", seen)
        tap.equal(seen.findings.get("pods.not-tried", {}).get("verdict"), "unknown", "what no pod has tried is not called ok", seen)
        for part in ("database", "storage", "version", "cluster", "source", "access", "license"):
            tap.ok(any(i.startswith(part + ".") for i in seen.of("ok")), f"{part}: says what was found to be good", seen)
        tap.equal([i for i in seen.of("warning") if not i.startswith("source.")], [], "nothing but the server's own extras is warned of", seen)
        tap.ok("CANARY" not in seen.result.out + seen.result.err, "no secret is shown", seen)
        tap.equal(w.dump(), before, "nothing was changed by looking")
        tap.equal(w.effects(), effects, "no request to change anything was sent")
        tap.ok(seen.took < 5, "it is quick", f"{seen.took:.1f} s")


# ---- faults, one at a time in one world: staged, seen, mended ----

def drill(name):
    def stage(w):
        with open(w.path("drill"), "w", encoding="utf-8") as f:
            f.write(name)
    return stage


def change(what, old, new):
    return lambda w: edit(getattr(w, what), old, new, 1)


def move_key(w):
    os.makedirs(w.path("elsewhere"))
    shutil.move(os.path.join(w.data, "db", "secret.key"), w.path("elsewhere", "secret.key"))
    edit(w.gcfg, r"^Provider = postgres$", f"Provider = postgres\nDir = {w.path('elsewhere')}")


def second_license(w):
    with open(os.path.join(w.data, "old.lic"), "w", encoding="utf-8") as f:
        f.write("x")


def local_packages(w):
    os.makedirs(w.path("packages"))
    os.symlink(w.path("packages"), os.path.join(w.data, "python-environments-2"))


def old_license_text(w):
    w.wrapped("license-manager", "\"$REAL\" \"$@\" | sed 's/^Status: Activated/Status: Expired/'")


def strange_license(w):
    w.wrapped("license-manager", "echo 'all is well with your entitlement'")


def pvc_missing(w):
    edit(w.values, r"^  name: connect-data$", "  name: connect-datum")


def secret_key_missing(w):
    edit(w.values, r"key: password$", "key: passwort")


def kubectl(script):
    return lambda w: w.wrapped("kubectl", script)


def ingress(text):
    def stage(w):
        with open(w.values, "a", encoding="utf-8") as f:
            f.write("\ningress:\n  enabled: true\n" + text)
    return stage


NGINX = """  ingressClassName: nginx
  hosts: [{host: HOST, paths: [/]}]
"""

# Where the reviews are refused all at once, each right is asked for by itself.
NO = ("case \" $* \" in *' create -f - -o json '*) echo 'Error from server (Forbidden): not here' >&2; exit 1;;\n"
      "WHAT) echo no; exit 1;; esac\nexec \"$REAL\" \"$@\"")
# Of the reviews, the one of this verb and resource, answered by the API server with no.
NO_REVIEW = ("case \" $* \" in WHAT) \"$REAL\" \"$@\" | jq 'if .spec.resourceAttributes | .verb == \"create\" and .resource == \"jobs\" or "
             ".verb == \"escalate\" then .status.allowed = false else . end'; exit;; esac\nexec \"$REAL\" \"$@\"")


def own_rbac(w):
    with open(w.values, "a", encoding="utf-8") as f:
        f.write("\nrbac: {create: false, serviceAccount: {create: false, name: connect}}\n")


PENDING = ("case \" $* \" in *' owner=helm,'*) cat <<'E'\n"
           '{"kind":"List","items":[{"metadata":{"name":"sh.helm.release.v1.rstudio-connect-prod.v3","labels":{"owner":"helm",'
           '"name":"rstudio-connect-prod","status":"pending-upgrade","version":"3","modifiedAt":"1790000000"}}}]}\n'
           "E\nexit;; esac\nexec \"$REAL\" \"$@\"")
ARGO = ("case \" $* \" in *' get deployment rstudio-connect-prod '*) cat <<'E'\n"
        '{"kind":"Deployment","metadata":{"name":"rstudio-connect-prod","annotations":{"argocd.argoproj.io/tracking-id":"connect:apps"}}}\n'
        "E\nexit;; esac\nexec \"$REAL\" \"$@\"")


def forbid(kind):
    return (f"case \" $* \" in *' get {kind} '*) echo 'Error from server (Forbidden): {kind} is forbidden: User \"ann\" cannot get' >&2; exit 1;; "
            "esac\nexec \"$REAL\" \"$@\"")


def pv(spec):
    return ("case \" $* \" in *' get pv '*) echo '{\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":\"x\"},\"spec\":" + spec + "}'; exit;; esac\n"
            "exec \"$REAL\" \"$@\"")


RESTRICTED = ("case \" $* \" in *' get namespace '*) echo '{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"posit-connect\",\"labels\":"
              "{\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}'; exit;; *' --dry-run=server '*) t=$(cat); case $t in *'\"kind\":\"Pod\"'*) "
              "echo 'Error from server (Forbidden): error when creating \"STDIN\": pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": "
              "allowPrivilegeEscalation != false' >&2; exit 1;; esac; printf '%s' \"$t\" | \"$REAL\" \"$@\"; exit;; esac\nexec \"$REAL\" \"$@\"")


NO_JOBS = ("case \" $* \" in *' create '*|*' --dry-run=server '*) t=$(cat); case $t in *'\"kind\":\"Job\"'*) echo 'Error from server (Forbidden): error when "
           "creating \"STDIN\": admission webhook \"policy.example.com\" denied the request: images must come from registry.example.com' >&2; exit 1;; "
           "esac; printf '%s' \"$t\" | \"$REAL\" \"$@\"; exit;; esac\nexec \"$REAL\" \"$@\"")


def append(path, text):
    with open(path, "a", encoding="utf-8") as f:
        f.write(text)


FAULTS = [
    ("sqlite", change("gcfg", r"^Provider = postgres$", "Provider = sqlite"), "blocker", "database.sqlite", ["rstudio-connect.gcfg:", "migrate"]),
    ("no provider", change("gcfg", r"^Provider = postgres$", "; none"), "blocker", "database.sqlite", ["not set"]),
    ("a database on the server itself", lambda w: (edit(w.gcfg, r"@db.example.com", "@localhost"), edit(w.values, r"@db.example.com", "@127.0.0.1")),
     "blocker", "database.localhost", ["127.0.0.1", "values"]),
    ("a wrong password", change("gcfg", r"^Password = CANARY-DB.*$", "Password = wrong-one"), "blocker", "database.password", ["connect", "refused"]),
    ("an encrypted password", change("gcfg", r"^Password = CANARY-DB.*$", "Password = " + "QUJD" * 20), "unknown", "database.password",
     ["encrypted", "database: {password"]),
    ("no such database", change("gcfg", r"/connect(_?\w*)\?sslmode", r"/nothing_here?sslmode"), "blocker", "database.missing", ["nothing_here"]),
    ("no such role", lambda w: edit(w.gcfg, r"://connect@", "://nobody_here@"), "blocker", "database.password", ["nobody_here"]),
    ("a local disk", drill("datadir-local"), "blocker", "storage.local-disk", ["ext4", "network file system"]),
    ("no data folder", change("gcfg", r"^DataDir = .*$", "DataDir = /nowhere/connect"), "blocker", "storage.datadir", ["/nowhere/connect"]),
    ("no key", lambda w: os.unlink(os.path.join(w.data, "db", "secret.key")), "blocker", "storage.secret-key", ["secret.key", "reset-secret-key"]),
    ("a key outside of the data", move_key, "blocker", "storage.secret-key", ["Database.Dir", "install -m 0600"]),
    ("a second license file", second_license, "warning", "storage.license-file", ["old.lic"]),
    ("a folder that lies elsewhere", local_packages, "warning", "storage.elsewhere", ["python-environments-2"]),
    ("other versions", drill("versions-differ"), "blocker", "version.differs", ["2026.08.0", "chart_version"]),
    ("an image of another version", change("values", r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: 2026.05.0-ubuntu-24.04"),
     "blocker", "version.differs", ["2026.05.0", "image.tag"]),
    ("a custom image", change("values", r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: our-own"), "warning",
     "version.custom-tag", ["our-own"]),
    ("no claim", pvc_missing, "blocker", "cluster.pvc", ["connect-datum", "posit-connect"]),
    ("a Secret without the key", secret_key_missing, "blocker", "cluster.secret", ["passwort", "connect-database", "pod.env"]),
    ("no right to exec", drill("rights-missing"), "blocker", "cluster.rights", ["pods/exec", "by: hand"]),
    ("a Role that may not be given", kubectl(NO.replace("WHAT", "*' can-i create jobs.batch'*|*' can-i escalate '*")), "blocker",
     "cluster.rights-to-grant", ["create jobs.batch", "rbac: {create: false}"]),
    ("a Role that may not be given, by reviews", kubectl(NO_REVIEW.replace("WHAT", "*' create -f - -o json '*")), "blocker",
     "cluster.rights-to-grant", ["create jobs.batch", "rbac: {create: false}"]),
    ("an account without rights, by reviews", lambda w: (own_rbac(w), w.wrapped("kubectl", NO_REVIEW.replace("WHAT", "*' create -f - -o json '*--as=*|*' create -f - -o json '*' --as '*"))),
     "blocker", "cluster.account-rights", ["system:serviceaccount:posit-connect:connect", "create jobs.batch"]),
    ("an account without rights", lambda w: (own_rbac(w), w.wrapped("kubectl", NO.replace("WHAT", "*' can-i create jobs.batch '*--as=*"))), "blocker",
     "cluster.account-rights", ["system:serviceaccount:posit-connect:connect", "create jobs.batch"]),
    ("a pending release", kubectl(PENDING), "blocker", "cluster.pending", ["pending-upgrade", "delete", "v3"]),
    ("Argo CD", kubectl(ARGO), "unknown", "cluster.other-deployer", ["Argo CD", "connect:apps"]),
    ("no namespace", kubectl("case \" $* \" in *' get namespace '*) echo 'Error from server (NotFound): namespaces \"x\" not found' >&2; exit 1;; esac\n"
                             "exec \"$REAL\" \"$@\""), "blocker", "cluster.namespace", ["create namespace"]),
    ("a disk for a volume", kubectl(pv('{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"vol-1"}}')), "blocker", "storage.export", ["disk"]),
    ("another export", kubectl(pv('{"nfs":{"server":"nfs2.example.com","path":"/other"}}')), "unknown", "storage.export",
     ["nfs2.example.com:/other", "nfs.example.com:/export/connect"]),
    ("an expired license", old_license_text, "warning", "license.inactive", ["Expired"]),
    ("no off-host license", drill("license-no-offhost"), "blocker", "license.off-host", ["off-host"]),
    ("an Ingress for another name", ingress(NGINX.replace("HOST", "other.example.com")), "warning", "access.ingress",
     ["other.example.com", "connect.example.com"]),
    ("an Ingress that lets nobody publish", ingress(NGINX.replace("HOST", "connect.example.com")), "warning", "access.body-limit",
     ["proxy-body-size"]),
    ("an Ingress without TLS", ingress(NGINX.replace("HOST", "connect.example.com")), "warning", "access.tls", ["ingress.tls"]),
    ("an address of the machine itself", lambda w: (edit(w.gcfg, r"^Address = .*$", "Address = http://localhost:3939"),
                                                    edit(w.values, r"^    Address: .*$", "    Address: http://localhost:3939")),
     "warning", "access.address", ["localhost"]),
    ("a Job that is refused", kubectl(NO_JOBS), "blocker", "pods.admission", ["registry.example.com"]),
    ("a chart version that is not there", lambda w: w.wrapped("helm", "case $1 in show|template) echo 'Error: chart \"rstudio-connect\" matching 0.99.0 not "
     "found in rstudio index: no chart version found for rstudio-connect-0.99.0' >&2; exit 1;; esac\nexec \"$REAL\" \"$@\""), "blocker", "cluster.chart",
     ["0.21.0", "helm search repo"]),
    ("a repository that does not answer", lambda w: w.wrapped("helm", "case $1 in show|template) echo 'Error: looks like \"https://helm.rstudio.com\" is "
     "not a valid chart repository or cannot be reached: Get \"https://helm.rstudio.com/index.yaml\": dial tcp: i/o timeout' >&2; exit 1;; esac\n"
     "exec \"$REAL\" \"$@\""), "unknown", "cluster.chart", ["cannot be reached"]),
    ("a pod larger than every node", lambda w: append(w.values, "\nresources: {requests: {enabled: true, cpu: '64', memory: 512Gi}}\n"), "warning",
     "cluster.room", ["64 cores", "512 GiB", "largest"]),
    ("nodes that are full", lambda w: (append(w.values, "\nresources: {requests: {enabled: true, cpu: '1', memory: 2Gi}}\n"), w.wrapped("kubectl", "case \" $* \" in *' --all-namespaces '*) echo '{\"kind\":\"List\",\"items\":[{\"spec\":{\"nodeName\":\"worker-1\","
     "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"100\",\"memory\":\"900Gi\"}}}]}}]}'; exit;; esac\nexec \"$REAL\" \"$@\"")),
     "warning", "cluster.room", ["no ready node has that much left"]),
    ("a node selector that fits no node", lambda w: append(w.values, "\nnodeSelector: {disk: ssd}\n"), "warning", "cluster.nodes", ["nodeSelector"]),
    ("a namespace that admits no such pod", kubectl(RESTRICTED), "blocker", "cluster.pod-security", ["violates PodSecurity", "securityContext"]),
    ("an Ingress without a class", ingress("  hosts: [{host: connect.example.com, paths: [/]}]\n"), "warning", "access.ingress-class",
     ["no default", "ingressClassName"]),
    ("a name that nobody knows", change("check_plan", r"^  url: port-forward$", "  url: port-forward\n  resolve: no-such-name.invalid"), "warning",
     "access.resolve", ["no-such-name.invalid"]),
    ("a helm too old", lambda w: w.wrapped("helm", "case $1 in version) echo v3.12.0; exit;; esac\nexec \"$REAL\" \"$@\""), "blocker", "cluster.helm",
     ["3.12", "3.13"]),
]


def restore(w, kept):
    w.end_accident()
    for name, content in kept["files"].items():
        with open(name, "w", encoding="utf-8") as f:
            f.write(content)
    shutil.rmtree(w.data)
    shutil.copytree(kept["data"], w.data, symlinks=True)
    for gone in ("elsewhere", "packages"):
        shutil.rmtree(w.path(gone), ignore_errors=True)
    for tool in os.listdir(w.path("real")) if os.path.isdir(w.path("real")) else []:
        if tool.endswith(".kept"):
            os.replace(w.path("real", tool), w.path("bin", tool[:-5]))
        else:
            os.unlink(w.path("real", tool))


def keep(w):
    kept = {"files": {}, "data": w.path("kept-data")}
    for name in (w.gcfg, w.values, w.check_plan):
        with open(name, encoding="utf-8") as f:
            kept["files"][name] = f.read()
    shutil.copytree(w.data, kept["data"], symlinks=True)
    return kept


def faults():
    with Checked() as w:                     # its own server, which asks for passwords
        kept = keep(w)
        for name, stage, verdict, finding, words in FAULTS:
            stage(w)
            seen = w.check()
            sees(seen, verdict, finding, words, name)
            if verdict in ("blocker", "unknown"):
                tap.equal(seen.result.status, 5, f"{name}: the check ends with 5", seen)
            restore(w, kept)
        seen = w.check()
        tap.equal(seen.of("blocker", "unknown"), [], "all mended: nothing is in the way", seen)


def twelve_at_once():
    with Checked() as w:                     # its own server, which asks for passwords
        kept = keep(w)
        drill("license-no-offhost")(w)
        edit(w.gcfg, r"@db.example.com", "@localhost")
        edit(w.values, r"@db.example.com", "@localhost")
        edit(w.gcfg, r"^Password = CANARY-DB.*$", "Password = wrong-one")
        move_key(w)
        second_license(w)
        local_packages(w)
        edit(w.values, r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: 2026.05.0-ubuntu-24.04")
        pvc_missing(w)
        secret_key_missing(w)
        edit(w.values, r"^  Server:\n    Address: .*$", "  Server:\n    Address: https://other.example.com")
        w.wrapped("kubectl", PENDING)
        w.wrapped("helm", "case $1 in version) echo v3.12.0; exit;; esac\nexec \"$REAL\" \"$@\"")
        want = ["access.address", "cluster.helm", "cluster.pending", "cluster.pvc", "cluster.secret", "database.localhost", "database.password",
                "license.off-host", "storage.elsewhere", "storage.license-file", "storage.secret-key", "version.differs"]
        seen = w.check()
        missing = [i for i in want if i not in seen.of("blocker", "warning", "unknown")]
        tap.equal(missing, [], "twelve faults at once: all twelve in one check", seen)
        restore(w, kept)
        tap.equal(w.check().of("blocker", "unknown"), [], "mended: green again")


# ---- what administrators curse at is no blocker ----

def create_by_chart(w):
    edit(w.values, r"^  create: false\n  mount: true\n  name: connect-data$", "  create: true\n  mount: true\n  name: connect-made-by-chart")


FALSE_ALARMS = [
    ("the chart creates the claim", create_by_chart),
    ("EFS over TLS", kubectl(pv('{"csi":{"driver":"efs.csi.aws.com","volumeHandle":"fs-0123"}}'))),
    ("an access point", kubectl(pv('{"csi":{"driver":"efs.csi.aws.com","volumeHandle":"fs-0123::fsap-1"}}'))),
    ("a custom tag", change("values", r"^  repository: posit/connect$", "  repository: posit/connect\n  tag: our-own")),
    ("volumes may not be read", kubectl(forbid("pv"))),
    ("nobody may be impersonated", lambda w: (own_rbac(w), w.wrapped("kubectl", "case \" $* \" in *--as=*) echo 'Error from server (Forbidden): users "
     "\"x\" is forbidden: cannot impersonate' >&2; exit 1;; esac\nexec \"$REAL\" \"$@\""))),
    ("nodes may not be listed", kubectl(forbid("nodes"))),
    ("namespaces may not be read", kubectl(forbid("namespace"))),
    ("Secrets may not be read", kubectl(forbid("secret"))),
    ("claims may not be read", kubectl(forbid("pvc"))),
    ("a license near its end", lambda w: w.wrapped("license-manager", "\"$REAL\" \"$@\" | sed 's/^Days-Left: .*/Days-Left: 9/'")),
    ("a license text of another form", strange_license),
    ("a monitoring session", drill("session-stays")),
    ("no license-manager", lambda w: w.wrapped("license-manager", "exit 127")),
    ("no version in the answer", lambda w: w.wrapped("connect", "echo 'Posit Connect'")),
]


def false_alarms():
    with Checked(postgres) as w:
        kept = keep(w)
        for name, stage in FALSE_ALARMS:
            stage(w)
            seen = w.check()
            tap.ok(seen.findings, f"{name}: the check ends with findings", seen)
            tap.equal(seen.of("blocker"), [], f"{name}: is no blocker", seen)
            restore(w, kept)


# ---- nothing reachable ----

def nothing_reachable():
    with Checked(postgres) as w:
        drill("host-unreachable")(w)
        w.wrapped("kubectl", "echo 'Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout' >&2; exit 1")
        edit(w.check_plan, r"^(  url: )\"http://127.0.0.1:\d+\"$", r'\g<1>"http://127.0.0.1:1"')
        seen = w.check()
        questions = seen.of("unknown")
        tap.equal(seen.of("blocker"), [], "nothing reachable: no blocker", seen)
        for part in ("database", "storage", "cluster", "license", "source"):
            of_part = [i for i in questions if i.startswith(part + ".")]
            tap.equal(len(of_part), 1, f"nothing reachable: one open question on {part}, no follow-ups ({of_part})", seen)
        tap.ok(len(questions) <= 9, "nothing reachable: no stack of follow-ups", seen)
        tap.equal(seen.result.status, 5, "nothing reachable: the check ends with 5", seen)
        tap.ok(seen.took < 20, "nothing reachable: it ends within its limits", f"{seen.took:.1f} s")


# ---- databases of all kinds ----

class Silent:
    """A server that accepts and never answers."""

    def __enter__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(8)
        self.port = self.socket.getsockname()[1]
        self.kept = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def accept(self):
        try:
            while True:
                self.kept.append(self.socket.accept())
        except OSError:
            pass

    def __exit__(self, *_):
        self.socket.close()
        for one, _ in self.kept:
            one.close()


def psql(port, *sql):
    command = [server_binary("psql") or "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "super", "-d", "postgres", "-q"]
    for one in sql:
        command += ["-c", one]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode


class Standby:
    """A standby of a server of its own, in recovery."""

    def __enter__(self):
        self.dir = scratch("standby")
        self.who = as_server_user()
        if self.who:
            os.chown(self.dir, self.who["user"], self.who["group"])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.dir, **self.who}
        data = os.path.join(self.dir, "data")
        self.port = free_port()
        common = ["-D", data, "-c", f"port={self.port}", "-c", f"unix_socket_directories={self.dir}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        subprocess.run([server_binary("initdb"), "-D", data, "-U", "super", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], check=True, **quiet)
        run = [server_binary("postgres"), *common]
        p = self.up(run, quiet)
        for sql in ("CREATE ROLE connect LOGIN", "CREATE DATABASE connect OWNER connect"):
            self.sql(sql)
        p.terminate()
        p.wait(timeout=30)
        open(os.path.join(data, "standby.signal"), "w", encoding="utf-8").close()
        if self.who:
            os.chown(os.path.join(data, "standby.signal"), self.who["user"], self.who["group"])
        self.process = self.up(run, quiet)
        return self

    def up(self, run, quiet):
        p = subprocess.Popen(run, **quiet)
        for _ in range(600):
            if self.sql("SELECT 1") == 0:
                return p
            time.sleep(0.02)
        raise RuntimeError("the standby did not come up")

    def sql(self, text):
        return psql(self.port, text)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.dir, ignore_errors=True)


def databases():
    with Checked() as w:                     # its own server, which asks for passwords
        kept = keep(w)
        port = r"^database: \{.*\}$"
        with Silent() as s:
            edit(w.check_plan, port, f"database: {{hostaddr: 127.0.0.1, port: {s.port}}}")
            seen = w.check()
            sees(seen, "unknown", "database.unreachable", ["does not answer"], "a database that accepts and never answers")
            tap.ok("database.instrumentation-unreachable" not in seen.findings, "a silent server is asked once for both databases", seen)
            tap.ok(seen.took < 25, "a silent database does not hold the check up", f"{seen.took:.1f} s")
            restore(w, kept)
        edit(w.check_plan, port, "database: {hostaddr: 127.0.0.1, port: 1}")
        seen = w.check()
        sees(seen, "unknown", "database.unreachable", ["hostaddr"], "a database that is not there")
        restore(w, kept)
        edit(w.gcfg, r"sslmode=disable", "sslmode=require")
        seen = w.check()
        sees(seen, "unknown", "database.tls", ["TLS"], "TLS that the server does not have")
        restore(w, kept)
        psql(postgres.port, "CREATE ROLE connect LOGIN", "CREATE DATABASE connect", "CREATE DATABASE connect_metrics")
        edit(w.check_plan, port, f"database: {{hostaddr: 127.0.0.1, port: {postgres.port}}}")
        seen = w.check()
        sees(seen, "unknown", "database.not-in-use", ["no session", "hostaddr"], "another server of the same name")
        sees(seen, "warning", "database.create", ["GRANT CREATE"], "a role without rights")
        psql(postgres.port, "ALTER ROLE connect CONNECTION LIMIT 0")
        sees(w.check(), "unknown", "database.full", ["max_connections"], "no free connection")
        psql(postgres.port, "ALTER ROLE connect CONNECTION LIMIT 3")
        sees(w.check(), "warning", "database.connections", ["only 3"], "a low limit")
        restore(w, kept)
        with Standby() as s:
            edit(w.check_plan, port, f"database: {{hostaddr: 127.0.0.1, port: {s.port}}}")
            edit(w.gcfg, r"/connect\w*\?sslmode", "/connect?sslmode")
            seen = w.check()
            sees(seen, "blocker", "database.recovery", ["standby"], "a standby in recovery")
            restore(w, kept)


# ---- from a pod, with the plan's leave ----

POD_FAULTS = [
    ("no way to the database", drill("pods-no-database"), "unknown", "pods.database", ["db.example.com:5432", "NetworkPolicy"]),
    ("certificates that images do not know", drill("pods-untrusted"), "warning", "pods.trust", ["connect.example.com:443", "SSL_CERT_FILE"]),
    ("a copy of the data folder with the same key", drill("wrong-storage"), "blocker", "pods.copy", ["connect-data", "another"]),
    ("a runtime that is not in the image", lambda w: os.rename(w.path("cluster/image/opt/R/4.5.1"), w.path("cluster/image/opt/R/gone")),
     "warning", "pods.runtimes", ["/opt/R/4.5.1", "executionEnvironments"]),
    ("a Job that is refused", kubectl(NO_JOBS), "blocker", "pods.admission", ["registry.example.com"]),
    ("no right to make Jobs", kubectl("case \" $* \" in *' create '*-f*) echo 'Error from server (Forbidden): jobs.batch is forbidden: User \"ann\" "
                                      "cannot create resource \"jobs\" in API group \"batch\"' >&2; exit 1;; esac\nexec \"$REAL\" \"$@\""),
     "unknown", "pods.rights", ["cannot create", "attest"]),
]


def nothing_left(w, name):
    made, gone = w.count("job.create"), w.count("job.delete")
    left = [f for f in os.listdir(w.data) if f.startswith(".connect-migrate")]
    tap.equal((made - gone, left), (0, []), f"{name}: no Job and no file is left")


def from_a_pod():
    with Checked(postgres) as w:
        with open(w.check_plan, "a", encoding="utf-8") as f:
            f.write("allow: [pods]\n")
        kept = keep(w)
        before = w.dump()
        seen = w.check()
        tap.equal((seen.result.status, seen.of("blocker", "unknown")), (0, []), "from a pod: a healthy world has no blocker and no question", seen)
        for good in ("pods.start", "pods.storage", "pods.visibility"):
            tap.ok(good in seen.of("ok"), f"from a pod: {good} is proved", seen)
        tap.ok("both ways" in seen.findings["pods.visibility"]["seen"], "from a pod: files are seen both ways", seen)
        sees(seen, "warning", "pods.drivers", ["Oracle"], "from a pod: drivers that images lack")
        tap.equal(w.dump(), before, "from a pod: nothing is changed for good")
        nothing_left(w, "from a pod")
        for name, stage, verdict, finding, words in POD_FAULTS:
            stage(w)
            seen = w.check()
            sees(seen, verdict, finding, words, "from a pod: " + name)
            restore(w, kept)
            if os.path.isdir(w.path("cluster/image/opt/R/gone")):
                os.rename(w.path("cluster/image/opt/R/gone"), w.path("cluster/image/opt/R/4.5.1"))
            nothing_left(w, "from a pod: " + name)
        late_files(w)
        restore(w, kept)
        p = w.start("check", w.check_plan)
        until(lambda: w.count("job.create") > w.count("job.delete") or p.poll() is not None)
        p.kill()
        p.communicate()
        seen = w.check()
        tap.equal(seen.of("blocker", "unknown"), [], "from a pod: killed in the middle, the next check finds its way", seen)
        nothing_left(w, "from a pod: killed in the middle")


def late_files(w):
    """Two folders in which each other's files turn up after some seconds, as with a cached directory."""
    edit(w.check_plan, r"^  doubt: .*$", "  doubt: [1s, 1s, 2s]")
    drill("wrong-storage")(w)
    there, here = w.path("vm/export-copy"), w.data
    stop = threading.Event()

    def carry():
        while not stop.is_set():
            for a, b, name in ((here, there, ".connect-migrate-trial"), (there, here, ".connect-migrate-trial-pod")):
                with contextlib.suppress(OSError):
                    if time.time() - os.stat(os.path.join(a, name)).st_mtime > 6:
                        with open(os.path.join(a, name), encoding="utf-8") as f, open(os.path.join(b, name), "w", encoding="utf-8") as g:
                            g.write(f.read())
            stop.wait(0.1)

    thread = threading.Thread(target=carry)
    thread.start()
    seen = w.check()
    stop.set()
    thread.join()
    sees(seen, "warning", "pods.late", ["saw the server's file"], "from a pod: files that are seen late")


# ---- slow peers, and what is sent to the database ----

def limits(w, seconds):
    steps = ["database.check", "storage.check", "version.check", "cluster.check", "values.check", "apikey.check", "source.inventory", "access.check",
             "pods.check", "license.check"]
    append(w.plan, "steps: {" + ", ".join(f"{s}: {{timeout: {seconds}s}}" for s in steps) + "}\n")


def slowest(looked):
    return max(s["took_ms"] for s in json.loads(looked.result.out)["steps"]) / 1000


def slow_peers():
    with Checked(postgres) as w, Silent() as s:
        edit(w.plan, r"^(  url: )\"http://127.0.0.1:\d+\"$", rf'\g<1>"http://127.0.0.1:{s.port}"')
        seen = w.check(w.plan)
        tap.ok(seen.took < slowest(seen) + 3, "a Connect that never answers: the whole takes no longer than its slowest part",
               f"{seen.took:.1f} s, the slowest part {slowest(seen):.1f} s\n{seen}")
        tap.equal(seen.of("blocker"), [], "a Connect that never answers: no blocker", seen)
    with Checked(postgres) as w, Silent() as s:
        limits(w, 8)
        for tool in ("kubectl", "helm", "node-shell"):
            w.wrapped(tool, "exec sleep 600")
        edit(w.plan, r"^database: .*$", f"database: {{hostaddr: 127.0.0.1, port: {s.port}}}")
        edit(w.plan, r"^(  url: )\"http://127.0.0.1:\d+\"$", r'\g<1>"http://127.0.0.1:1"')
        seen = w.check(w.plan)
        tap.ok(seen.took < 20, "everything hangs: it ends within its limits", f"{seen.took:.1f} s\n{seen}")
        tap.equal(sorted(seen.of("unknown")),
                  ["access.unknown", "access.unreachable", "apikey.unreachable", "cluster.helm", "cluster.unreachable", "content.inventory.failed",
                   "database.unreachable", "license.unreachable", "source.unreachable", "storage.unreachable", "version.unknown"],
                  "everything hangs: each look that failed is told once, by its own name, no stack of follow-ups", seen)
        tap.equal((seen.of("blocker"), seen.result.status), ([], 5), "everything hangs: no blocker, and 5", seen)
        tap.ok(all(len(f["remedy"]) > 20 for f in seen.findings.values() if f["verdict"] == "unknown"), "everything hangs: each says what to do", seen)


READS = re.compile(r"(select|show|begin|start transaction|set|commit|rollback|end|discard|deallocate)\b", re.I)


def only_reads():
    logged = Postgres()
    with open(os.path.join(logged.dir, "statements"), "wb") as log:
        args = logged.process.args
        logged.process.send_signal(signal.SIGINT)
        logged.process.wait(timeout=60)
        logged.process = subprocess.Popen([*args, "-c", "log_statement=all", "-c", "log_line_prefix=%u|", "-c", "log_destination=stderr"],
                                          stdout=subprocess.DEVNULL, stderr=log, cwd=logged.dir, **as_server_user())
        until(lambda: psql(logged.port, "SELECT 1") == 0)
    try:
        with Checked(logged) as w:
            role = re.search(r"postgres://([^@]*)@", open(w.gcfg, encoding="utf-8").read()).group(1)
            with open(os.path.join(logged.dir, "statements"), encoding="utf-8", errors="replace") as f:
                f.read()
                seen = w.check(w.plan)
                said = re.findall(rf"^{role}\|LOG:  (?:statement|execute [^:]*): (.*)", f.read(), re.M)
            tap.ok(len(said) > 3 and seen.findings, "the statement log has what the check asked of the database", said)
            tap.equal([x for x in said if not READS.match(x.strip())], [], "the check sends the database reads only")
    finally:
        logged.stop()


# ---- which image each runtime gets ----

def items_by_image(looked):
    """{image: items}, as runtimes.images tells it."""
    told = looked.findings["runtimes.images"]["seen"].split("by image: ", 1)[1]
    return {image: sum(int(n) for n in re.findall(r"\((\d+)[,)]", rest))
            for image, rest in (part.split(": ", 1) for part in told.split("; "))}


def runtimes_by_image():
    with Checked(postgres, "--content", 40) as w:
        new, old = "ghcr.io/example/connect-content:r4.5-py3.13", "ghcr.io/example/connect-content:r4.4-py3.12"
        before = items_by_image(w.check(w.plan))
        tap.equal(sorted(before), [old, new], "each runtime in use is told with its image")
        for matching in re.findall(r"matching: any", open(w.values, encoding="utf-8").read()):
            edit(w.values, matching, "matching: exact", 1)
        seen = w.check(w.plan)
        after = items_by_image(seen)
        tap.ok(after.get("no image", 0) > 0, "what fits no image is told first", seen)
        tap.equal(sum(after.values()), sum(before.values()), "no item is lost from the table", seen)
        told = re.match(r"items that fit no image: (\d+) \(([^)]*)\)", seen.findings["runtimes.no-image"]["seen"])
        tap.ok(told and int(told.group(1)) == after["no image"] == sum(int(n) for n in re.findall(r" (\d+)", told.group(2))),
               "and how many of which owner", seen)


TESTS = [healthy, runtimes_by_image, slow_peers, only_reads, from_a_pod, faults, twelve_at_once, false_alarms, nothing_reachable, databases]

try:
    for test in TESTS:
        if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
            test()
finally:
    postgres.stop()
tap.end()
