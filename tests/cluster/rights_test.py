#!/usr/bin/env python3
"""Logins to the cluster as administrators have them: several contexts, a list of kubeconfigs, an exec credential plugin, a pod's own account, a
user of one namespace. A token stands in no argument, log or message."""
import json
import os
import select
import shutil
import socket
import subprocess
import threading

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import RUN, Postgres, Tap, Watch, skip_all

tap = Tap()
TOKENS = ["token-admin", "token-ann"]


def no_token(m, seen, r, name):
    leaked = set(seen) | {t for t in TOKENS if t in r.out + r.err}
    for folder, _, files in os.walk(m.run_dir):
        for f in files:
            with open(os.path.join(folder, f), encoding="utf-8", errors="replace") as text:
                body = text.read()
            leaked |= {t for t in TOKENS if t in body}
    tap.equal(leaked, set(), f"{name}: no token in any argument, log or message")


def plugin(m):
    """An exec credential plugin: prints the token's file, as cloud logins do."""
    with open(m.path("admin.token"), "w", encoding="utf-8") as f:
        f.write("token-admin")
    os.chmod(m.path("admin.token"), 0o600)
    path = m.path("login-plugin")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nread t <{m.path('admin.token')}\n"
                'printf \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}\\n\' "$t"\n')
    os.chmod(path, 0o755)
    return path


def contexts(cluster, kubelet_, postgres):
    """KUBECONFIG is a list; the context stands in its second file and is not the current one; its user logs in by a plugin."""
    with Migration(cluster, kubelet_, postgres) as m:
        first = cluster.kubeconfig(m.path("first.kubeconfig"), [("office", "ann", "default")])
        second = cluster.kubeconfig(m.path("second.kubeconfig"), [("cluster", "admin", m.ns)], exec_plugin=[plugin(m)])
        text = m.plan_text().replace(f"  kubeconfig: {cluster.path('admin.kubeconfig')}\n", "").replace(f"  namespace: {m.ns}\n", "")
        m.write_plan(text)
        with Watch(TOKENS) as watch:
            r = m.run(env={"KUBECONFIG": f"{first}:{second}"})
        tap.equal(r.status, 0, "a list of kubeconfigs, another current context, a plugin's login: the whole migration", r.err)
        tap.equal([len(m.pods()), m.revisions()[-1][1]], [1, "deployed"], "in the context's own namespace")
        no_token(m, watch.seen, r, "a plugin's login")
        os.unlink(m.path("admin.token"))
        r = m.cli("rollback", m.plan, "--yes", env={"KUBECONFIG": f"{first}:{second}"})
        tap.ok(r.status in (1, 3) and m.count("service.start") == 0, "a login that has expired: nothing is started", r.err)
        tap.ok("log in to the cluster again" in " ".join(r.err.split()).lower() or "credentials" in r.err, "and it says to log in again", r.err)


class Proxy(threading.Thread):
    """Leads CONNECT requests on, as a company's proxy does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked = 0

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.lead, args=(client,), daemon=True).start()

    def lead(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            got = client.recv(4096)
            if not got:
                return
            head += got
        self.asked += 1
        host, port = head.split()[1].decode().rsplit(":", 1)
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            other = {client: server, server: client}
            while True:
                for side in select.select(list(other), [], [])[0]:
                    got = side.recv(65536)
                    if not got:
                        return
                    other[side].sendall(got)


def forms(cluster, kubelet_, postgres):
    """Paths relative to the kubeconfig, a token's file, a proxy; and logins that do not work: one question each, and nothing taken for a refusal."""
    proxy = Proxy()
    proxy.start()
    with Migration(cluster, kubelet_, postgres) as m:
        good = m.plan_text()
        os.makedirs(m.path("kube", "certificates"))
        shutil.copy(cluster.path("ca.crt"), m.path("kube", "certificates", "ca.crt"))
        with open(m.path("kube", "token"), "w", encoding="utf-8") as f:
            f.write("token-admin")

        def kubeconfig(user, **more):
            with open(cluster.path("admin.kubeconfig"), encoding="utf-8") as f:
                config = json.load(f)
            config["clusters"][0]["cluster"] |= {"certificate-authority": "certificates/ca.crt", **more}
            config["users"][0]["user"] = user
            with open(m.path("kube", "config"), "w", encoding="utf-8") as f:
                json.dump(config, f)
            m.write_plan(good.replace(cluster.path("admin.kubeconfig"), m.path("kube", "config")))

        def stands_in_the_way():
            r = m.cli("check", m.plan, "--json", "--fresh")
            found = {f["id"]: f for f in json.loads(r.out)["findings"] if f["verdict"] in ("blocker", "unknown") and not f.get("answer")}
            return r.status, sorted(found), " ".join(f["seen"] + " " + f["remedy"] for f in found.values())

        kubeconfig({"tokenFile": "token"}, **{"proxy-url": proxy.url})
        status, found, words = stands_in_the_way()
        tap.ok((status, found) == (0, []) and proxy.asked > 0, "relative paths, a token's file and a proxy: all is looked at", words)
        asks = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable", "command": m.path("asks")}
        with open(m.path("asks"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nprintf 'Password: ' >&2; read -r word || exit 9\n")
        os.chmod(m.path("asks"), 0o755)
        for name, user, more, say in (("a plugin that asks a person", {"exec": asks}, {}, "Log in to the cluster again"),
                                      ("a plugin that is not installed", {"exec": {**asks, "command": "/nowhere/login"}}, {}, "Log in to the cluster again"),
                                      ("a token that is not good any more", {"token": "token-old"}, {}, "Log in to the cluster again"),
                                      ("a proxy that is not there", {"tokenFile": "token"}, {"proxy-url": "http://127.0.0.1:9"}, "was not reached")):
            kubeconfig(user, **more)
            status, found, words = stands_in_the_way()
            tap.ok((status, found) == (5, ["cluster.unreachable"]) and say in words, f"{name}: one question", f"{found} {words}")
        m.write_plan(good.replace(cluster.path("admin.kubeconfig"), m.path("kube", "nowhere")))
        status, found, words = stands_in_the_way()
        tap.ok((status, found) == (5, ["cluster.unreachable"]) and "nowhere" in words, "a kubeconfig that is not there: one question", f"{found} {words}")


OWN = [("", ["pods", "pods/log", "pods/exec", "pods/portforward", "services", "configmaps", "secrets", "serviceaccounts", "persistentvolumeclaims",
             "events", "pods/attach"]),
       ("apps", ["deployments", "replicasets"]), ("batch", ["jobs"]), ("discovery.k8s.io", ["endpointslices"]),
       ("rbac.authorization.k8s.io", ["roles", "rolebindings"]), ("networking.k8s.io", ["ingresses"]), ("policy", ["poddisruptionbudgets"])]


def give(m, groups, name="everything-here"):
    rules = [{"apiGroups": [g], "resources": r, "verbs": ["*"]} for g, r in groups]
    api = "rbac.authorization.k8s.io/v1"
    m.api.put(api, "roles", {"apiVersion": api, "kind": "Role", "metadata": {"name": name, "namespace": m.ns}, "rules": rules})
    m.api.put(api, "rolebindings", {"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": name, "namespace": m.ns},
                                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                                    "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}]})


def as_ann(cluster, m):
    path = cluster.kubeconfig(m.path("ann.kubeconfig"), [("cluster", "ann", m.ns)])
    m.write_plan(m.plan_text().replace(cluster.path("admin.kubeconfig"), path))


def answers(m, r):
    """Attest what the check could not see, as a person would who asked around."""
    return [line.split()[1] for line in r.err.splitlines() if line.strip().startswith("unknown") and len(line.split()) > 1]


def namespace_only(cluster, kubelet_, postgres):
    """Rights in one namespace and nothing beyond it: all that can be done is done, the rest is unknown and said."""
    with Migration(cluster, kubelet_, postgres) as m:
        as_ann(cluster, m)
        r = m.cli("check", m.plan)
        tap.equal(r.status, 5, "no rights at all: the check says so", r.out)
        tap.ok("this login may not" in " ".join(r.out.split()), "and which are missing", r.out)
        give(m, OWN)
        r = m.cli("check", m.plan, "--json")
        said = r.out
        tap.ok("cluster.rights" in said and "may not be listed" in said, "a user of one namespace: nodes and volumes are unknown, and said", said[-3000:])
        tap.ok('"blocker"' not in said.replace(" ", "").replace('"verdict":"blocker"', '"blocker"'), "and nothing of it is a blocker", said[-3000:])
        for _ in range(8):    # each open question is answered by somebody who asked around
            r = m.run("--until", "deploy")
            waits = [w.strip("`.,") for line in r.err.splitlines() for w in line.split() if "." in w]
            if r.status != 3 and r.status != 5:
                break
            ids = {i for i in waits if i.split(".")[0] in ("cluster", "storage", "access", "interlock", "values", "version", "source", "pods")}
            for i in sorted(ids):
                m.cli("approve", m.plan, i, "--note", "asked the platform team")
        r = m.run()
        tap.equal(r.status, 0, "the questions answered, the migration ends with 0", r.err)
        r = m.cli("rollback", m.plan, "--yes")
        tap.equal([r.status, m.violations()], [0, []], "and so does the way back", r.err)


def without_some(cluster, kubelet_, postgres):
    """No right to label service accounts, nor to create Jobs for pulling images: a command for somebody who has it, and no harm."""
    with Migration(cluster, kubelet_, postgres) as m:
        as_ann(cluster, m)
        m.write_plan(m.plan_text() + "\nallow: [images]\nsteps: {serviceaccounts.label: {timeout: 2m}}\n")
        give(m, OWN)
        give_less(m)
        until_waiting(m, "serviceaccounts.label")
        r = m.run()
        tap.ok("cluster.rights-by-hand" in r.err or r.status == 3, "it was warned of before the downtime", r.err)
        line = "label serviceaccount default connect.posit.co/service-account=true"
        tap.ok(r.status == 3 and line in " ".join(r.err.split()), "without the right to label: the command for somebody who has it", r.err)
        tap.ok("is not pulled ahead" in " ".join(open(os.path.join(m.run_dir, "logs", "images.pull.log"), encoding="utf-8").read().split()),
               "without the right to create Jobs: no image is pulled ahead, and that is said")
        cluster.kubectl("-n", m.ns, "label", "serviceaccount", "default", "connect.posit.co/service-account=true")
        r = m.run()
        tap.equal(r.status, 0, "labelled by somebody else, the same command ends with 0", r.err)


def give_less(m):
    """All of the namespace but patching service accounts and creating Jobs."""
    rules = [{"apiGroups": [g], "resources": [x for x in r if x not in ("serviceaccounts", "jobs")], "verbs": ["*"]} for g, r in OWN]
    rules += [{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch", "create", "delete", "update"]},
              {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "delete"]},
              {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["*", "escalate", "bind"]}]
    api = "rbac.authorization.k8s.io/v1"
    m.api.put(api, "roles", {"apiVersion": api, "kind": "Role", "metadata": {"name": "everything-here", "namespace": m.ns},
                             "rules": [r for r in rules if r["resources"]]})


def until_waiting(m, gate):
    """Answer what can only be asked of people, until the run waits at this gate."""
    for _ in range(8):
        r = m.run()
        if r.status not in (3, 5) or gate in r.err:
            return
        for line in r.err.splitlines():
            for w in line.split():
                i = w.strip("`.,")
                if "." in i and i.split(".")[0] in ("cluster", "storage", "access", "interlock", "values", "version", "source", "pods"):
                    m.cli("approve", m.plan, i, "--note", "asked the platform team")


def in_a_pod(cluster, kubelet_, postgres):
    """No kubeconfig at all: the account that Kubernetes mounts into a pod."""
    if os.geteuid() != 0 or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        tap.skip("in a pod: its own account is used", "a mount namespace of our own cannot be had here")
        return
    with Migration(cluster, kubelet_, postgres) as m:
        text = m.plan_text().replace(f"  kubeconfig: {cluster.path('admin.kubeconfig')}\n", "").replace("  context: cluster\n", "")
        m.write_plan(text.replace(f"  namespace: {m.ns}\n", ""))
        account = "/var/run/secrets/kubernetes.io/serviceaccount"
        script = (f"mount -t tmpfs none /var/run && mkdir -p {account} && printf token-admin >{account}/token && cp {cluster.path('ca.crt')} "
                  f"{account}/ca.crt && printf {m.ns} >{account}/namespace && exec {RUN} check {m.plan}")
        env = {k: v for k, v in os.environ.items() if k != "KUBECONFIG"}
        env |= {"HOME": m.path("nowhere"), "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.ports["api"])}
        p = subprocess.run(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, timeout=120,
                           check=False)
        tap.ok(p.returncode == 0 and f"namespace {m.ns}" in " ".join(p.stdout.split()), "in a pod: its own account is used", p.stdout + p.stderr)
        tap.ok("token-admin" not in p.stdout + p.stderr, "in a pod: its token is not shown")


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as k:
            for part in (contexts, forms, namespace_only, without_some, in_a_pod):
                tap.part(part, cluster, k, postgres)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
