"""A migration onto the tests' cluster: the rehearsal's world has the old server, the database and Connect itself; helm, kubectl and the
cluster are real. The world's Connect runs behind the cluster's pods (tests/lib/kubelet.py)."""
import base64
import contextlib
import gzip
import json
import os
import re

import kubelet
from cluster import BIN, tool
from rehearsal import SRC, World

CHART = os.path.join(SRC, "tests", "data", "chart")
RELEASE = "rstudio-connect-prod"


class Migration(World):
    """A world whose plan leads to this cluster. `with Migration(cluster, kubelet, postgres, "--pod-ms", 300) as m: m.run()`."""

    def __init__(self, cluster, kubelet, postgres, *options, helm=3, chart=CHART, player=None):
        super().__init__(postgres, *options)
        self.cluster, self.kubelet, self.helm, self.chart, self.player = cluster, kubelet, helm, chart, player
        self.ns = None

    def up(self):
        super().up()
        if self.ns:
            return
        self.ns = self.cluster.namespace()
        self.api = self.cluster.api()
        self.values()
        self.rewrite_plan()
        self.objects()
        self.kubelet.play(self.ns, self.player(self) if self.player else kubelet.world(self))

    @property
    def data_dir(self):
        """The same path on the old server, in the pod and on this machine."""
        return self.path("vm", "var", "lib", "rstudio-connect")

    def values(self):
        with open(self.path("values.yaml"), encoding="utf-8") as f:
            text = f.read()
        text = text.replace("  name: connect-data\n", f"  name: connect-data\n  path: {self.data_dir}\n")
        text = text.replace("  Server:\n", f"  Server:\n    DataDir: {self.data_dir}\n")
        with open(self.path("values.yaml"), "w", encoding="utf-8") as f:
            f.write(text)

    def rewrite_plan(self):
        text = self.plan_text()
        text = re.sub(r"^tools: .*$", f'tools: {{helm: "{tool(f"helm{self.helm}")}", kubectl: "{tool("kubectl")}"}}', text, flags=re.M)
        text = text.replace("  context: world\n", f"  context: cluster\n  kubeconfig: {self.cluster.path('admin.kubeconfig')}\n")
        text = text.replace("  namespace: posit-connect\n", f"  namespace: {self.ns}\n")
        text = re.sub(r"^  chart: .*$", f"  chart: {self.chart}", text, flags=re.M)
        self.write_plan(text)

    def plan_text(self):
        with open(self.plan, encoding="utf-8") as f:
            return f.read()

    def write_plan(self, text):
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(text)

    def objects(self):
        """What an administrator has prepared: the Secrets, and the claim of the old server's folder."""
        with open(self.path("cluster", "objects.json"), encoding="utf-8") as f:
            made = json.load(f)
        volume = f"connect-data-{self.ns}"
        for o in made:
            if o["kind"] == "Secret":
                o["metadata"] = {"name": o["metadata"]["name"], "namespace": self.ns}
                self.api.put("v1", "secrets", o)
            elif o["kind"] == "PersistentVolume":
                o["metadata"] = {"name": volume}
                o["spec"]["claimRef"]["namespace"] = self.ns
                self.api.put("v1", "persistentvolumes", {k: v for k, v in o.items() if k != "status"})
            elif o["kind"] == "PersistentVolumeClaim":
                o["metadata"] = {"name": o["metadata"]["name"], "namespace": self.ns}
                o["spec"] |= {"volumeName": volume, "storageClassName": ""}
                self.api.put("v1", "persistentvolumeclaims", {k: v for k, v in o.items() if k != "status"})
        claim = f"/api/v1/namespaces/{self.ns}/persistentvolumeclaims/connect-data"
        self.cluster.wait("the claim", lambda: self.api.get(claim).get("status", {}).get("phase") == "Bound")

    # -- what became of it

    def revisions(self):
        """The release's records, oldest first: (revision, status, purpose)."""
        out = []
        for s in self.api.get(f"/api/v1/namespaces/{self.ns}/secrets?labelSelector=owner%3Dhelm")["items"]:
            labels = s["metadata"]["labels"]
            out.append((int(labels["version"]), labels["status"], labels.get("connect-migrate/purpose", "")))
        return sorted(out)

    def pods(self):
        return [p["metadata"]["name"] for p in self.api.get(f"/api/v1/namespaces/{self.ns}/pods")["items"]]

    def gcfg(self):
        return self.api.get(f"/api/v1/namespaces/{self.ns}/configmaps/{RELEASE}-config")["data"]["rstudio-connect.gcfg"]

    def release(self, revision):
        """helm's own record of a revision: its values and manifest."""
        s = self.api.get(f"/api/v1/namespaces/{self.ns}/secrets/sh.helm.release.v1.{RELEASE}.v{revision}")
        return json.loads(gzip.decompress(base64.b64decode(base64.b64decode(s["data"]["release"]))))

    def all_objects(self):
        """Everything in the namespace that is not somebody's child, an event or a record of helm's: {"Kind/name": object without what
        the server writes}. What the tests' kubelet keeps there is left out."""
        out = {}
        kinds = [k for k in self.cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").stdout.split()
                 if not k.startswith("events") and ".metrics." not in k and not k.endswith(".kwok.x-k8s.io")]
        for o in json.loads(self.cluster.kubectl("-n", self.ns, "get", ",".join(kinds), "-o", "json").stdout)["items"]:
            if o["metadata"].get("ownerReferences") or o.get("type") == "helm.sh/release.v1":
                continue
            for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
                o["metadata"].pop(key, None)
            o.pop("status", None)
            out[f"{o['kind']}/{o['metadata']['name']}"] = o
        return out

    def begun(self, step):
        """How often a step was begun, by the record."""
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.run_dir, "state.jsonl"), encoding="utf-8") as f:
            return sum(1 for line in f if line.endswith("\n") for e in json.loads(line)["ev"] if e["type"] == "step.begin" and e["step"] == step)
        return 0

    def report(self):
        with open(os.path.join(self.run_dir, "report.md"), encoding="utf-8") as f:
            return f.read()


def tools_folder():
    return BIN
