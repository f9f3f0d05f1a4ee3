#!/usr/bin/env python3
"""Connect's chart as a dependency of the administrator's own, under an alias: the values stand below that key, and so must ours. They are
deployed as somebody wrote them for the Launcher."""
import json
import os
import shutil

from cluster import Cluster, why_not
from kubelet import Kubelet
from migration import CHART, RELEASE, Migration
from rehearsal import Postgres, Tap, launcher_values, skip_all

tap = Tap()
FULLNAME = f"{RELEASE}-hub"


class Umbrella(Migration):
    """The plan's chart is a folder beside it; its own values stand at the top of the file, and look like Connect's."""

    def up(self):
        super().up()
        if not os.path.exists(self.path("umbrella")):
            self.umbrella()

    def umbrella(self):
        os.makedirs(self.path("umbrella", "templates"))
        shutil.copytree(CHART, self.path("umbrella", "charts", "rstudio-connect"))
        self.put("umbrella/Chart.yaml", "apiVersion: v2\nname: platform\nversion: 1.2.3\nappVersion: 9.9.9\ndependencies:\n"
                 "  - {name: rstudio-connect, version: 0.21.0, repository: \"https://charts.example.com\", alias: hub, condition: hub.enabled}\n")
        self.put("umbrella/templates/note.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note, namespace: {{ .Release.Namespace }}}\n"
                 "data: {replicas: {{ .Values.replicas | quote }}}\n")
        with open(self.path("values.yaml"), encoding="utf-8") as f:
            below = "".join(f"  {line}" if line.strip() else line for line in f)
        self.put("values.yaml", "replicas: 3\nconfig:\n  Scheduler: {MinProcessesLimit: 77}\nhub:\n  enabled: true\n" + below)
        self.write_plan(self.plan_text().replace(f"  chart: {self.chart}\n", "  chart: ./umbrella\n"))

    def put(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def get(self, kind, name):
        return json.loads(self.cluster.kubectl("-n", self.ns, "get", kind, name, "-o", "json").stdout)

    def gcfg(self):
        return self.get("configmap", f"{FULLNAME}-config")["data"]["rstudio-connect.gcfg"]

    def artifact(self, name):
        with open(os.path.join(self.run_dir, "artifacts", name), encoding="utf-8") as f:
            return f.read()

    def findings(self):
        """{id: finding} of a check, and its exit status."""
        r = self.cli("check", self.plan, "--json")
        with open(os.path.join(self.run_dir, "check.json"), encoding="utf-8") as f:
            return r, {one["id"]: one for one in json.load(f)["findings"]}


def the_plan_is_checked(m):
    good = m.plan_text()
    r, found = m.findings()
    tap.equal(r.status, 0, "the check finds nothing against it", r.out + r.err)
    tap.ok("stand below hub" in found["values.umbrella"]["seen"], "the key is told from the Chart.yaml", str(found["values.umbrella"]))
    tap.ok("2026.08.0" in found["version.same"]["seen"], "the version is the dependency's and not the umbrella's", str(found.get("version.same")))
    m.write_plan(good.replace("  chart: ./umbrella\n", "  chart: ./umbrella\n  values_at: rstudio-connect\n"))
    r, found = m.findings()
    tap.equal([r.status, found["values.umbrella"]["verdict"]], [5, "blocker"], "a key that is none of the dependency's is a blocker", r.out + r.err)
    m.write_plan(good)


def it_goes_there(m):
    launcher_values(m, indent="  ")
    r = m.run()
    tap.equal(r.status, 0, "the migration of an umbrella ends with 0", r.out + r.err)
    tap.equal(m.revisions(), [(1, "superseded", "deploy"), (2, "deployed", "revert")], "one upgrade a purpose")
    tap.ok("\nhub:\n  config:\n" in m.artifact("values.temporary.yaml"), "the temporary settings stand below the key", m.artifact("values.temporary.yaml"))
    tap.ok("\nhub:\n" in m.artifact("values.config.yaml"), "so does the configuration", m.artifact("values.config.yaml"))
    given, back = m.release(1), m.release(2)
    hub = given["config"]["hub"]
    tap.equal([hub["launcher"], hub["backends"]["kubernetes"]["defaultResourceJobBase"]["spec"]["template"]["spec"]["nodeSelector"],
               "launcher" in given["config"]], [{"enabled": False}, {"workload": "content"}, False], "the Launcher's values are converted below the key", hub)
    tap.ok("\n  backends:\n" in m.artifact("values.0.values.yaml"), "in the copy that helm is given", m.artifact("values.0.values.yaml"))
    tap.equal(given["config"]["hub"]["config"]["Scheduler"]["MinProcessesLimit"], "0", "they were given to the dependency")
    tap.equal([r["config"]["config"] for r in (given, back)], [{"Scheduler": {"MinProcessesLimit": 77}}] * 2, "nothing of ours stands at the top")
    tap.ok("MinProcessesLimit = 0\n" in given["manifest"], "they were in force")
    tap.ok("MinProcessesLimit" not in m.gcfg() and "ScheduleConcurrency = 2" in m.gcfg(), "the originals are back, an absent one is absent", m.gcfg())
    labels = m.get("deployment", FULLNAME)["spec"]["selector"]["matchLabels"]
    tap.equal([labels["app.kubernetes.io/name"], len(m.pods())], ["hub", 1], "one pod serves, by the alias' names")


def it_comes_back(m):
    r = m.cli("rollback", m.plan, "--yes")
    tap.equal([r.status, m.pods(), m.violations()], [0, [], []], "the way back ends with 0, with no pod and never two Connects", r.out + r.err)
    tap.equal(m.get("deployment", FULLNAME)["spec"]["replicas"], 0, "Connect is scaled to zero by the release's values")
    tap.equal(m.get("configmap", "note")["data"]["replicas"], "3", "what else the umbrella deploys is as it was")


def main():
    why = why_not()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            with Umbrella(cluster, kubelet, postgres, "--pod-ms", 200) as m:
                the_plan_is_checked(m)
                it_goes_there(m)
                it_comes_back(m)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
