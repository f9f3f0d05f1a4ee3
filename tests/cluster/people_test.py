#!/usr/bin/env python3
"""Whoever migrates with the rights of one namespace, a list of kubeconfigs, several contexts and a login by a credential plugin: everything
works that can, the rest is asked, and the token shows up nowhere. With Jobs that try the pods and pull the images."""
import json
import os
import stat

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import Migration
from rehearsal import Postgres, Tap, Watch, skip_all

TOKEN = "token-ann"
tap = Tap()


def give_rights(m, role):
    """ann may do there what this ClusterRole says, and nothing elsewhere."""
    m.api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{m.ns}/rolebindings", {
        "metadata": {"name": "ann"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ann"}]})


def login(m):
    """A plugin that says who she is, in the second of two kubeconfigs; the first leads elsewhere. Returns KUBECONFIG."""
    with open(m.path("token"), "w", encoding="utf-8") as f:
        f.write(TOKEN)
    plugin = m.path("plugin")
    with open(plugin, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nprintf \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}\' '
                f'"$(cat {m.path("token")})"\n')
    os.chmod(plugin, os.stat(plugin).st_mode | stat.S_IXUSR)
    m.cluster.kubeconfig(m.path("first.kubeconfig"), [("elsewhere", "nobody", "default")])
    m.cluster.kubeconfig(m.path("second.kubeconfig"), [("people", "ann", m.ns), ("people-default", "ann", "default")], exec_plugin=[plugin])
    text = m.plan_text().replace("  context: cluster\n", "  context: people\n")
    m.write_plan("".join(line for line in text.splitlines(True) if not line.startswith("  kubeconfig:")) + "allow: [pods, images]\n")
    return f"{m.path('first.kubeconfig')}:{m.path('second.kubeconfig')}"


def findings(m, **more):
    r = m.cli("check", m.plan, "--json", **more)
    return r, {f["id"]: f["verdict"] for f in json.loads(r.out)["findings"]}


def no_rights_at_all(m, env):
    r, found = findings(m, env=env)
    unknown = {i for i, v in found.items() if v == "unknown"}
    tap.equal(r.status, 5, "without any right check ends with 5", r.out + r.err)
    tap.ok({"cluster.pvc", "cluster.secret-forbidden", "cluster.release", "pods.rights"} <= unknown, "what may not be looked at is unknown, never ok", found)
    tap.ok(found.get("values.dry-run") == "warning", "a dry run that is forbidden refuses no manifest", found)


def one_namespace(m, env):
    give_rights(m, "admin")
    r, found = findings(m, env=env)
    tap.equal([i for i, v in found.items() if v == "blocker"], [], "with the rights of one namespace nothing blocks", r.out)
    tap.equal(sorted(i for i, v in found.items() if v == "unknown"), ["cluster.nodes", "storage.export"], "two questions are left: nodes and volume", r.out)
    tap.equal([found.get("pods.start"), found.get("pods.storage"), found.get("values.dry-run")], ["ok", "ok", "ok"], "Jobs tried pods and storage", r.out)
    tap.equal(m.api.get(f"/apis/batch/v1/namespaces/{m.ns}/jobs")["items"], [], "and were removed again")
    for question in ("storage.export", "cluster.nodes"):
        r = m.cli("approve", m.plan, question, "--note", "asked the platform team", env=env)
        tap.equal(r.status, 0, f"{question} is answered", r.err)
    with Watch([TOKEN]) as watch:
        r = m.run("-v", "-v", env=env)
    tap.equal(r.status, 0, "the migration ends with 0", r.out + r.err)
    tap.equal(watch.seen, set(), "the token was in nobody's arguments")
    back = m.cli("rollback", m.plan, "--yes", env=env)
    tap.equal([back.status, m.pods(), m.violations()], [0, [], []], "and the way back", back.out + back.err)
    told = [os.path.join(folder, name) for folder, _, names in os.walk(m.run_dir) for name in names]
    leaked = [p for p in told if TOKEN in open(p, encoding="utf-8", errors="replace").read()]
    tap.equal([leaked, TOKEN in r.out + r.err], [[], False], "the token is in no log, record or report")


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet, Migration(cluster, kubelet, postgres, "--pod-ms", 200) as m:
            env = {"KUBECONFIG": login(m)}
            no_rights_at_all(m, env)
            one_namespace(m, env)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
