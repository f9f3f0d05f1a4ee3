#!/usr/bin/env python3
"""Where port-forward is forbidden: the new server is asked by its public name, at its ingress' address, through TLS with a CA of the house. What
is forbidden is said with what to write into the plan, and the same evening goes on from there."""
import os
import socket
import ssl
import threading

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, free_port, skip_all

NAME = "connect.example.com"
CORE = ["pods", "pods/log", "pods/exec", "services", "configmaps", "secrets", "serviceaccounts", "persistentvolumeclaims", "persistentvolumes",
        "events", "nodes", "namespaces", "endpoints", "replicationcontrollers", "resourcequotas", "limitranges"]
tap = Tap()


class Front:
    """An ingress: TLS on a port of its own, every byte handed on to the pod that serves now."""

    def __init__(self, cluster, kubelet_, ns):
        self.kubelet, self.ns = kubelet_, ns
        with open(cluster.path("front.ext"), "w", encoding="utf-8") as f:
            f.write(f"subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n")
        cluster.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={NAME}", "-keyout", "front.key", "-out",
                        "front.csr")
        cluster.openssl("x509", "-req", "-in", "front.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "front.ext",
                        "-out", "front.crt")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cluster.path("front.crt"), cluster.path("front.key"))
        self.port, self.served = free_port(), 0
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def pod_port(self):
        ports = [p.served["PortForward"] for (ns, _), p in self.kubelet.pods.items()
                 if ns == self.ns and "PortForward" in getattr(p, "served", {}) and not p.ending.is_set()]
        return ports[-1] if ports else None

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as s, socket.create_connection(("127.0.0.1", self.pod_port() or 1)) as pod:
                self.served += 1
                threading.Thread(target=pump, args=(pod, s), daemon=True).start()
                pump(s, pod)
        except OSError:
            raw.close()

    def close(self):
        self.listener.close()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, ValueError):
        pass


def without_port_forward(m):
    """ann may do everything but open a port-forward."""
    api = "rbac.authorization.k8s.io/v1"
    groups = ["apps", "batch", "discovery.k8s.io", "rbac.authorization.k8s.io", "networking.k8s.io", "policy", "storage.k8s.io", "authorization.k8s.io"]
    rules = [{"apiGroups": [""], "resources": CORE, "verbs": ["*"]}, {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]
    m.api.put(api, "clusterroles", {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": "no-forward"}, "rules": rules})
    m.api.put(api, "clusterrolebindings", {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": "no-forward"},
                                           "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "no-forward"},
                                           "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}]})
    path = m.cluster.kubeconfig(m.path("ann.kubeconfig"), [("cluster", "ann", m.ns)])
    m.write_plan(m.plan_text().replace(m.cluster.path("admin.kubeconfig"), path))


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet_, Migration(cluster, kubelet_, postgres, "--pod-ms", 200) as m:
            without_port_forward(m)
            r = m.cli("check", m.plan, "--json")
            tap.ok("portforward" in r.out, "check names the right that is missing", r.out[-2000:])
            r = m.run()
            words = " ".join(r.err.split())
            tap.ok(r.status in (1, 3, 5) and "target.url" in words, "what is forbidden is said, and what to write into the plan", r.err)
            front = Front(cluster, kubelet_, m.ns)
            text = m.plan_text().replace("  url: port-forward\n", f"  url: https://{NAME}:{front.port}\n  resolve: 127.0.0.1\n")
            m.write_plan(text)
            r = m.run("--accept-plan-changes")
            words = " ".join(r.err.split())
            tap.ok(r.status == 1 and "certificate" in words.lower() and "ca_file" in words, "a CA that is not known: it says what to write into the plan", r.err)
            m.write_plan(text.replace("connect:\n", f"connect:\n  ca_file: {cluster.path('ca.crt')}\n"))
            r = m.run("--accept-plan-changes")
            tap.equal([r.status, m.violations(), m.count("service.stop")], [0, [], 1], "by the public name, with the house's CA, it ends whole", r.err)
            tap.ok(front.served > 0, "the front was asked", front.served)
            logs = "".join(open(os.path.join(m.run_dir, "logs", f), encoding="utf-8", errors="replace").read() for f in os.listdir(os.path.join(m.run_dir, "logs")))
            tap.ok(logs.count(" port-forward ") <= 4, "and no further port-forward was tried", logs.count(" port-forward "))
            front.close()
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
