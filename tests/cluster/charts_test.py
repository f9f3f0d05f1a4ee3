#!/usr/bin/env python3
"""Where the chart comes from: a folder, an archive, its address, a repository, a registry; the version pinned, not pinned, not there, lost; a
repository that is not reached or wants a login. With helm 3 and 4, whole migrations and the way back."""
import json
import os
import re
import subprocess

from charts import Shop
from cluster import Cluster, tool, why_not
from kubelet import Kubelet
from migration import CHART, Migration
from rehearsal import Postgres, Tap, skip_all

tap = Tap()
PASSWORD = "chart-password-1"


class Charts(Migration):
    """Its helm has repositories and registries of its own, and says --plain-http to registries, as an administrator's script may."""

    def up(self):
        super().up()
        self.real = tool(f"helm{self.helm}")
        with open(self.path("my-helm"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\ncase \"$1 $*\" in show*oci://*|template*oci://*|upgrade*oci://*|pull*oci://*) set -- \"$@\" --plain-http;; esac\n"
                    f"printf '%s\\n' \"$*\" >>{self.path('helm-calls')}\nexec {self.real} \"$@\"\n")
        os.chmod(self.path("my-helm"), 0o755)
        self.write_plan(self.plan_text().replace(f'helm: "{self.real}"', "helm: ./my-helm"))
        self.good = self.plan_text()

    @property
    def env(self):
        return {"HELM_CONFIG_HOME": self.path("helm"), "HELM_CACHE_HOME": self.path("helm-cache"), "HELM_DATA_HOME": self.path("helm-data")}

    def by_helm(self, *args, input=None):
        return subprocess.run([self.real, *args], env={**os.environ, **self.env}, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=True)

    def chart_is(self, chart, version=None, helm=None):
        text = re.sub(r"^  chart: .*\n  chart_version: .*\n", f"  chart: {chart}\n" + (f'  chart_version: "{version}"\n' if version else ""), self.good,
                      flags=re.M)
        self.write_plan(text if helm is None else text.replace("helm: ./my-helm", f'helm: "{helm}"'))

    def findings(self):
        r = self.cli("check", self.plan, "--json", env=self.env)
        return r, {f["id"]: f for f in json.loads(r.out)["findings"]}

    def found(self, name):
        r, found = self.findings()
        one = found.get(name, {"verdict": "-", "seen": r.err, "remedy": ""})
        return one["verdict"], f"{one['seen']} | {one.get('remedy')}", r

    def calls(self, word):
        with open(self.path("helm-calls"), encoding="utf-8") as f:
            return [line for line in f if line.startswith(word)]


def is_good(m, name):
    r, found = m.findings()
    bad = {i: f["seen"] for i, f in found.items() if f["verdict"] not in ("ok", "warning") and not f.get("answer")}
    tap.equal([r.status, bad, found["version.same"]["verdict"], found["values.template"]["verdict"], found["values.dry-run"]["verdict"]],
              [0, {}, "ok", "ok", "ok"], f"helm {m.helm}: {name}: every check that looks at the chart is well")
    r = m.cli("preview", m.plan, env=m.env)
    tap.ok(r.status == 0 and "+kind: Deployment" in r.out.replace("+ ", "+") or "rstudio-connect.gcfg" in r.out,
           f"helm {m.helm}: {name}: the preview renders it", r.out[-2000:] + r.err)


def there_and_back(m, name):
    r = m.run(env=m.env)
    tap.equal(r.status, 0, f"helm {m.helm}: {name}: the migration ends with 0", r.err)
    tap.equal(m.revisions(), [(1, "superseded", "deploy"), (2, "deployed", "revert")], f"helm {m.helm}: {name}: one upgrade a purpose")
    r = m.cli("rollback", m.plan, "--yes", env=m.env)
    tap.equal([r.status, m.pods(), m.violations()], [0, [], []], f"helm {m.helm}: {name}: and back", r.out + r.err)


def versions_of_the_release(m):
    return [m.release(n)["chart"]["metadata"]["version"] for n, _, _ in m.revisions()]


def beside_the_plan(m, shop):
    """Folder and archive, relative to the plan and not to where it is typed."""
    os.link(os.path.join(shop.folder, "rstudio-connect-0.21.0.tgz"), m.path("rstudio-connect-0.21.0.tgz"))
    m.chart_is("./rstudio-connect-0.21.0.tgz", "0.20.13")
    verdict, words, r = m.found("cluster.chart")
    tap.ok((r.status, verdict) == (5, "blocker") and "0.20.13" in words and "is version 0.21.0" in words,
           "an archive of another version than the plan pins is a blocker: helm would take it", words)
    m.chart_is("./nothing.tgz")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "relative to the plan" in words, "an archive that is not there", words)
    m.chart_is("rstudio-connect-0.21.0.tgz", "0.21.0")
    is_good(m, "an archive")
    there_and_back(m, "an archive")


def from_a_repository(m, shop):
    m.chart_is("shop/rstudio-connect", "0.21.0")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "helm repo add" in words, "a repository that helm does not know: what to type", words)
    m.by_helm("repo", "add", "shop", shop.url)
    is_good(m, "a repository, the version pinned")
    m.chart_is("shop/rstudio-connect", "0.21.7")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "the index has 0.21.0, 0.20.13" in words and "helm repo update" in words,
           "a version that is not there: the nearest that are", words)
    m.chart_is("shop/rstudio-conect", "0.21.0")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "did you mean shop/rstudio-connect?" in words, "a chart that is not there: the nearest name", words)
    m.chart_is("shop/rstudio-connect")
    r = m.run("--until", "deploy", env=m.env)
    kept = os.path.join(m.run_dir, "artifacts", "rstudio-connect-0.21.0.tgz")
    tap.ok(os.path.exists(kept) and all(kept in c for c in m.calls("upgrade")) and m.calls("upgrade"), "the chart is kept, and helm given that one",
           m.calls("upgrade"))
    tap.ok(r.status == 0 and "shop/rstudio-connect 0.21.0, the newest" in " ".join(r.err.split()), "no version pinned: the gate shows the newest", r.err)
    shop.pack(CHART, "0.21.1")
    shop.index()
    m.by_helm("repo", "update")
    r = m.run(env=m.env)
    tap.equal([r.status, versions_of_the_release(m)], [0, ["0.21.0", "0.21.0"]],
              "one that is published meanwhile does not come with the settings' way back", r.err)
    with open(os.path.join(m.run_dir, "report.json"), encoding="utf-8") as f:
        tap.ok("--version 0.21.0" in json.load(f)["helm_upgrade"], "the report's command names the version that was deployed")
    shop.forget("0.21.0")
    m.by_helm("repo", "update")
    asked = len(shop.asked)
    r = m.cli("rollback", m.plan, "--yes", env=m.env)
    tap.equal([r.status, m.pods(), m.violations(), shop.asked[asked:]], [0, [], [], []],
              "an index that lost the version, or a network that is gone, does not hold up the way back", r.err)


def from_a_registry(m, shop):
    chart = f"{shop.oci}/rstudio-connect"
    m.chart_is(chart, "0.21.0", helm=m.real)
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "unknown" and "--plain-http" in words and "tools.helm" in words, "a registry without TLS: what helm wants for it", words)
    m.chart_is(chart, "0.19.9")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "0.21.0 is the newest there" in words, f"helm {m.helm}: a version that the registry has not: the newest", words)
    m.chart_is(chart, "0.21.0")
    is_good(m, "a registry")
    there_and_back(m, "a registry")


def behind_a_login(m, shop):
    with Shop(shop.folder, f"joe:{PASSWORD}") as closed:
        closed.manifests, closed.blobs = shop.manifests, shop.blobs
        m.chart_is(f"{closed.url}/rstudio-connect-0.21.0.tgz", "0.21.0")
        verdict, words, r = m.found("cluster.chart")
        tap.ok(verdict == "unknown" and "helm repo add NAME URL" in words, "an archive that wants a login", words)
        m.chart_is(f"{closed.oci}/rstudio-connect", "0.21.0")
        verdict, words, r = m.found("cluster.chart")
        tap.ok(verdict == "unknown" and "helm registry login" in words, "a registry that wants one", words)
        m.by_helm("repo", "add", "closed", closed.url, "--username", "joe", "--password-stdin", input=PASSWORD)
        m.chart_is("closed/rstudio-connect", "0.21.0")
        is_good(m, "a repository behind a login")
        m.chart_is(closed.url.replace("//", f"//joe:{PASSWORD}@") + "/rstudio-connect-0.21.0.tgz")
        r = m.cli("check", m.plan, env=m.env)
        tap.ok(r.status == 2 and "log in with" in " ".join(r.err.split()), "a password in the address is refused", r.err)
        told = [os.path.join(folder, name) for folder, _, names in os.walk(m.run_dir) for name in names] + [m.path("helm-calls")]
        leaked = [p for p in told if PASSWORD in open(p, encoding="utf-8", errors="replace").read()]
        tap.equal([leaked, PASSWORD in r.out + r.err], [[], False], "no password in any argument, log or message")
        m.chart_is("closed/rstudio-connect", "0.21.0")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict in ("unknown", "ok") and "cluster was not reached" not in words, "a repository that is not reached is not taken for the cluster", words)
    if verdict == "unknown":
        tap.ok("helm pull" in words, "and how to do without the network", words)


def an_address(m, shop):
    m.chart_is(f"{shop.url}/rstudio-connect-0.20.13.tgz", "0.21.0")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "is version 0.20.13" in words, "an address of another version than is pinned", words)
    m.chart_is(f"{shop.url}/rstudio-connect-9.9.9.tgz")
    verdict, words, r = m.found("cluster.chart")
    tap.ok(verdict == "blocker" and "404" in words, "an address that leads to nothing", words)
    m.chart_is(f"{shop.url}/rstudio-connect-0.21.0.tgz", "0.21.0")
    is_good(m, "an address")


def main():
    why = why_not("helm4")
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Cluster() as cluster, Kubelet(cluster) as kubelet:
            def there(helm, *parts):
                with Charts(cluster, kubelet, postgres, "--pod-ms", 50, helm=helm) as m, Shop(m.path("shop")) as shop:
                    for version in ("0.20.13", "0.21.0"):
                        shop.pack(CHART, version)
                    shop.index()
                    for part in parts:
                        part(m, shop)

            there(3, an_address, beside_the_plan)
            there(4, behind_a_login, from_a_registry)
            there(3, from_a_registry)
            there(4, from_a_repository)
    finally:
        postgres.stop()
    tap.end()


if __name__ == "__main__":
    main()
