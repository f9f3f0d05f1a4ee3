"""A real Kubernetes for the test scripts: etcd, API server, controller manager, scheduler, and kwok for logs, exec and port-forward.

All on 127.0.0.1 and free ports, each a child of this script, ended by its own process object. Pods need somebody who plays the
kubelet: tests/lib/kubelet.py. What the programs are and how they are built: tests/cluster/README.md."""
import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time

from rehearsal import SRC, free_port, scratch

NODE = "worker-1"
CONTROLLERS = ["deployment-controller", "replicaset-controller", "job-controller", "serviceaccount-controller", "namespace-controller",
               "garbage-collector-controller", "clusterrole-aggregation-controller", "persistentvolume-binder-controller", "endpointslice-controller", "resourcequota-controller"]
NEEDED = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl", "helm3"]


def bin_folder():
    said = os.environ.get("CM_CLUSTER_BIN")
    return said or subprocess.run(["sh", os.path.join(SRC, "tests", "cluster", "build.sh"), "where"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.strip()


BIN = bin_folder()


def tool(name):
    return os.path.join(BIN, name)


def why_not(*names):
    """Why the cluster cannot be had here; "" when it can. Also these tools are needed then."""
    missing = [n for n in [*NEEDED, *names] if not os.access(tool(n), os.X_OK)]
    if missing:
        return f"{', '.join(missing)} not built: run tests/cluster/build.sh (Go 1.26 and the Go module proxy)"
    return "" if shutil.which("openssl") else "openssl is not installed"


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status


class Api:
    """Requests to the API server, as one user. Each thread needs its own."""

    def __init__(self, port, ca, token):
        self.port, self.token = port, token
        self.context = ssl.create_default_context(cafile=ca)
        self.connection = None

    def connect(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)

    def headers(self, kind="application/json"):
        return {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"}

    def request(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body) if body is not None else None
        for last in (False, True):
            try:
                self.connection = self.connection or self.connect()
                self.connection.request(method, path, data, self.headers(kind))
                answer = self.connection.getresponse()
                text = answer.read().decode()
                break
            except (OSError, http.client.HTTPException):
                self.connection = None    # a connection that the server closed meanwhile
                if last:
                    raise
        if answer.status >= 300:
            raise ApiError(answer.status, text)
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body):
        return self.request("POST", path, body)

    def delete(self, path, **options):
        return self.request("DELETE", path, options or None)

    def merge(self, path, body):
        return self.request("PATCH", path, body, "application/merge-patch+json")

    def put(self, api, plural, o):
        """Make it, or replace what is there."""
        ns = o["metadata"].get("namespace")
        root = "/api/v1" if api == "v1" else f"/apis/{api}"
        path = f"{root}/namespaces/{ns}/{plural}" if ns else f"{root}/{plural}"
        try:
            return self.post(path, o)
        except ApiError as e:
            if e.status != 409:
                raise
            return self.merge(f"{path}/{o['metadata']['name']}", o)

    def watch(self, path, seconds):
        """Events as they come, at most that long: (type, object)."""
        connection = self.connect(timeout=seconds + 5)
        try:
            join = "&" if "?" in path else "?"
            connection.request("GET", f"{path}{join}watch=1&timeoutSeconds={seconds}", headers=self.headers())
            answer = connection.getresponse()
            if answer.status >= 300:
                raise ApiError(answer.status, answer.read().decode())
            for line in answer:
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()


class Cluster:
    """Up from the beginning of a `with` to its end. CM_CLUSTER=DIR uses one that `python3 tests/lib/cluster.py serve DIR` keeps up."""

    def __init__(self, dir=None):
        self.dir = dir or os.environ.get("CM_CLUSTER") or scratch("cluster")
        self.own = not (dir or os.environ.get("CM_CLUSTER"))
        self.processes = []
        self.numbers = itertools.count(1)
        self.ports = {}

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def __enter__(self):
        if os.environ.get("CM_CLUSTER") == self.dir:
            with open(self.path("ports.json"), encoding="utf-8") as f:
                self.ports = json.load(f)
            return self
        begun = time.monotonic()
        for last in (False, False, True):
            try:
                self.up()
                break
            except RuntimeError as e:    # somebody took a port between finding it and using it
                self.end_processes()
                if last:
                    self.down()
                    raise
                print(f"# the cluster did not come up and is started again: {str(e).splitlines()[0]}")
                shutil.rmtree(self.path("etcd"), ignore_errors=True)
            except BaseException:
                self.down()
                raise
        print(f"# the cluster was up after {time.monotonic() - begun:.1f} s")
        sys.stdout.flush()
        return self

    def __exit__(self, *_):
        self.down()

    # -- what it is made of

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.dir)

    def keys(self):
        self.openssl("genrsa", "-out", "accounts.key", "2048")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=tests", "-keyout",
                     "ca.key", "-out", "ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key",
                     "-out", "server.csr")
        with open(self.path("server.ext"), "w", encoding="utf-8") as f:
            f.write("subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                     "server.ext", "-out", "server.crt")

    def users(self):
        """ann has no rights but those that a test gives her."""
        with open(self.path("tokens.csv"), "w", encoding="utf-8") as f:
            f.write('token-admin,admin,1,"system:masters"\ntoken-parts,parts,2,"system:masters"\ntoken-ann,ann,3,"people"\n')
        for user in ("admin", "parts", "ann"):
            self.kubeconfig(self.path(f"{user}.kubeconfig"), [("cluster", user, "default")])

    def kubeconfig(self, path, contexts, exec_plugin=None):
        """contexts: (name, user, namespace); the first is the current one. exec_plugin: argv of a credential plugin in place of tokens."""
        users = sorted({u for _, u, _ in contexts})
        said = {"apiVersion": "client.authentication.k8s.io/v1", "command": exec_plugin[0], "args": exec_plugin[1:],
                "interactiveMode": "Never"} if exec_plugin else None
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": contexts[0][0],
            "clusters": [{"name": "tests", "cluster": {"server": self.url(), "certificate-authority": self.path("ca.crt")}}],
            "users": [{"name": u, "user": {"exec": said} if said else {"token": f"token-{u}"}} for u in users],
            "contexts": [{"name": n, "context": {"cluster": "tests", "user": u, "namespace": ns}} for n, u, ns in contexts]}
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        os.chmod(path, 0o600)
        return path

    def url(self):
        return f"https://127.0.0.1:{self.ports['api']}"

    def start(self, name, *args):
        log = open(self.path(f"{name}.log"), "wb")
        p = subprocess.Popen([tool(name), *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                             env={"PATH": os.environ["PATH"], "HOME": self.dir, "GOMAXPROCS": "2"})
        log.close()
        self.processes.append((name, p))
        return p

    def wait(self, what, good, seconds=90):
        end = time.monotonic() + seconds
        last = None
        while time.monotonic() < end:
            for name, p in self.processes:
                if p.poll() is not None:
                    raise RuntimeError(f"{name} ended with {p.returncode}:\n{self.tail(name)}")
            try:
                got = good()
                if got:
                    return got
            except (OSError, http.client.HTTPException, ApiError) as e:
                last = e
            time.sleep(0.05)
        raise RuntimeError(f"{what}: not within {seconds} s; {last}")

    def tail(self, name, lines=12):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def up(self):
        os.makedirs(self.dir, exist_ok=True)
        for name in ("etcd", "peer", "api", "kubelet", "controllers", "scheduler"):
            self.ports[name] = free_port()
        with open(self.path("ports.json"), "w", encoding="utf-8") as f:
            json.dump(self.ports, f)
        self.keys()
        self.users()
        self.start_api()
        api = self.api("parts")
        self.wait("the API server", lambda: api.get("/readyz"))
        kubeconfig = ["--kubeconfig", self.path("parts.kubeconfig")]
        self.start("kube-controller-manager", *kubeconfig, "--controllers", ",".join(CONTROLLERS), "--leader-elect=false", "--secure-port",
                   str(self.ports["controllers"]), "--bind-address=127.0.0.1", "--service-account-private-key-file", self.path("accounts.key"),
                   "--root-ca-file", self.path("ca.crt"), "--cert-dir", self.dir, "--min-resync-period=1h", "--concurrent-gc-syncs=2")
        self.start("kube-scheduler", *kubeconfig, "--leader-elect=false", "--secure-port", str(self.ports["scheduler"]), "--bind-address=127.0.0.1",
                   "--cert-dir", self.dir)
        self.node(api)
        self.wait("the service accounts", lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default"))

    def start_api(self):
        etcd = f"http://127.0.0.1:{self.ports['etcd']}"
        peer = f"http://127.0.0.1:{self.ports['peer']}"
        self.start("etcd", "--data-dir", self.path("etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peer,
                   "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--unsafe-no-fsync", "--log-level", "error")
        self.start("kube-apiserver", "--etcd-servers", etcd, "--secure-port", str(self.ports["api"]), "--bind-address=127.0.0.1",
                   "--advertise-address=127.0.0.1", "--tls-cert-file", self.path("server.crt"), "--tls-private-key-file", self.path("server.key"),
                   "--token-auth-file", self.path("tokens.csv"), "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
                   "--service-cluster-ip-range=10.96.0.0/16", "--service-account-issuer=https://kubernetes.default.svc",
                   "--service-account-key-file", self.path("accounts.key"), "--service-account-signing-key-file", self.path("accounts.key"),
                   "--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true", "--cert-dir", self.dir,
                   "--default-watch-cache-size=50", "--delete-collection-workers=2")

    def node(self, api):
        """One node; its kubelet's port is kwok's."""
        for kind, plural in (("Exec", "execs"), ("Logs", "logs"), ("PortForward", "portforwards")):
            schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {
                    "name": f"{plural}.kwok.x-k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, tests only"}},
                "spec": {"group": "kwok.x-k8s.io", "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "listKind": f"{kind}List"},
                         "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
                                       "subresources": {"status": {}}}]}})
        api.post("/api/v1/nodes", {"metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE}}})
        size = {"cpu": "32", "memory": "128Gi", "pods": "500", "ephemeral-storage": "500Gi"}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        api.merge(f"/api/v1/nodes/{NODE}/status", {"status": {
            "capacity": size, "allocatable": size, "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.ports["kubelet"]}},
            "nodeInfo": {"kubeletVersion": "v1.36.3", "osImage": "Debian GNU/Linux 12", "architecture": "amd64", "operatingSystem": "linux",
                         "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "containerRuntimeVersion": "", "kubeProxyVersion": ""},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready", "lastHeartbeatTime": now,
                            "lastTransitionTime": now}]}})
        with contextlib.suppress(ApiError):    # the taint of a new node
            api.merge(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})
        with open(self.path("kwok.yaml"), "w", encoding="utf-8") as f:    # kwok wants a stage; this one never begins
            f.write("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: none}\nspec:\n  resourceRef: {apiGroup: v1, kind: Node}\n"
                    "  selector: {matchLabels: {never: begins}}\n  next: {statusTemplate: '{}'}\n")
        self.start("kwok", "--config", self.path("kwok.yaml"), "--kubeconfig", self.path("parts.kubeconfig"), "--manage-single-node", "none",
                   "--enable-crds", "Exec,Logs,PortForward", "--server-address", f"127.0.0.1:{self.ports['kubelet']}", "--tls-cert-file",
                   self.path("server.crt"), "--tls-private-key-file", self.path("server.key"))

    def end_processes(self):
        """Nothing here is worth an orderly end: the API server would wait a minute for open watches."""
        for _, p in self.processes:
            p.kill()
        for _, p in self.processes:
            p.wait()
        self.processes = []

    def down(self):
        self.end_processes()
        if self.own and not os.environ.get("CM_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    # -- for the tests

    def api(self, user="admin"):
        return Api(self.ports["api"], self.path("ca.crt"), f"token-{user}")

    def namespace(self, name=None):
        """A new one, with its service account; one for each test."""
        name = name or f"test-{os.getpid()}-{next(self.numbers)}"
        api = self.api()
        with contextlib.suppress(ApiError):
            api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        self.wait(f"namespace {name}", lambda: api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
        return name

    def kubectl(self, *args, user="admin", input=None, check=True):
        return self.run("kubectl", *args, user=user, input=input, check=check)

    def helm(self, *args, user="admin", version=3, check=True):
        return self.run(f"helm{version}", *args, user=user, check=check)

    def run(self, name, *args, user="admin", input=None, check=True):
        p = subprocess.run([tool(name), "--kubeconfig", self.path(f"{user}.kubeconfig"), *args], input=input, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=120, env={**os.environ, "HOME": self.dir})
        if check and p.returncode != 0:
            raise RuntimeError(f"{name} {' '.join(args)}: {p.returncode}\n{p.stdout}{p.stderr}")
        return p


def serve(dir):
    """A cluster to play with, or for several test scripts: CM_CLUSTER=DIR."""
    os.environ.pop("CM_CLUSTER", None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Cluster(dir) as c:
        print(f"export CM_CLUSTER={dir} KUBECONFIG={c.path('admin.kubeconfig')} PATH={BIN}:$PATH", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                signal.pause()


if __name__ == "__main__" and sys.argv[1:2] == ["serve"] and len(sys.argv) == 3:
    serve(os.path.abspath(sys.argv[2]))
