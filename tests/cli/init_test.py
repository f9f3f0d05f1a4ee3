#!/usr/bin/env python3
"""`init`: what it finds, what it asks, and that it neither writes nor tells a secret. helm and ssh are stand-ins on PATH that note how they
are called; kubeconfig, gcfg and values are files."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, Result, Tap  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = yaml = None

TAP = Tap()
ROOT = tempfile.mkdtemp(prefix="cm-init-")
SECRETS = {"CONNECT_API_KEY": "kkkSECRETkkk", "PGPASSWORD": "pppSECRETppp"}
GCFG = """\
[Server]
Address = https://connect.example.com
[Database]
Provider = Postgres
[Postgres]
URL = "postgres://connect:gggSECRETggg@db.example.com:5433/connect"
"""
KUBE = """\
current-context: prod
contexts:
- {name: staging, context: {cluster: s, user: u}}
- {name: prod, context: {cluster: c, user: u, namespace: of-the-context}}
users: [{name: u, user: {token: tttSECRETttt}}]
"""
VALUES = "license: {key: lllSECRETlll}\nsharedStorage: {create: true}\n"
RELEASE = {"name": "rsc", "namespace": "posit", "revision": "3", "status": "deployed", "chart": "rstudio-connect-0.8.40", "app_version": "2025.12.1"}
MISSING = ["source.hosts", "target.context", "target.namespace", "target.release", "target.values"]


class Place:
    """A folder to type in, with a home and programs of its own."""

    def __init__(self, name):
        self.dir = os.path.join(ROOT, name)
        for sub in ("", "bin", "home", "here", "notes", "runtime"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)

    def put(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def program(self, name, body):
        self.put(f"bin/{name}", f'#!/bin/sh\nfor w in "$@"; do printf "%s\\n" "$w"; done >> {self.dir}/notes/{name}\necho $$ > {self.dir}/notes/{name}.pid\n{body}',
                 0o755)

    def helm(self, releases):
        self.program("helm", f"cat <<'EOF'\n{json.dumps(releases)}\nEOF\n")

    def ssh(self, text=GCFG):
        self.program("ssh", f"cat <<'EOF'\n{text}EOF\n")

    def noted(self, name):
        path = os.path.join(self.dir, "notes", name)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as f:
            return f.read()

    def environment(self, env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG", "PG", "XDG_"))}
        return {**clean, "HOME": f"{self.dir}/home", "XDG_RUNTIME_DIR": f"{self.dir}/runtime", "PATH": f"{self.dir}/bin:/usr/bin:/bin", **env}

    def cli(self, *words, env=None, cwd="here"):
        r = subprocess.run([RUN, *words], capture_output=True, stdin=subprocess.DEVNULL, env=self.environment(env or {}), cwd=os.path.join(self.dir, cwd),
                           timeout=120, check=False)
        return Result(r.returncode, r.stdout.decode(errors="backslashreplace"), r.stderr.decode(errors="backslashreplace"))

    def init(self, *words, **env):
        return self.cli("init", *words, env=env)

    def files(self):
        return sorted(os.path.join(d, f) for d, _, names in os.walk(self.dir) for f in names if "/notes" not in d)


def loads(place, text, name):
    """What `check` says of the plan: [] when it is read, else the keys that it misses, and what else it says."""
    place.put(f"here/{name}", text)
    r = place.cli("check", name, "--run-dir", os.path.join(ROOT, "check.run"))
    if r.status != 2:
        return [], r
    found = re.findall(r"(?:^|: )([a-z_.]+) is missing: ", r.err, re.M)
    other = [line for line in r.err.splitlines() if ": " in line and " is missing: " not in line and "`connect-migrate-run schema`" not in line]
    return sorted(found) + other, r


def flat(r):
    """The text without the breaks of its comments."""
    return " ".join(re.sub(r"\n *# +(?!\? |note: |from )", " ", r.out).split())


KEYS = "source|hosts|url|database|hostaddr|target|context|namespace|release|values|license|mode|allow|window|backup|access"


def answered(text):
    """As a person who takes the marks away before the keys."""
    return re.sub(rf"^( *)# ( *)(?=(?:{KEYS}):)", r"\1\2", text, flags=re.M)


def nothing_found():
    p = Place("nothing")
    r = p.init()
    TAP.equal((r.status, r.err), (0, ""), "init with nothing around ends well")
    TAP.equal(r.out.splitlines()[0], "# yaml-language-server: $schema=plan.schema.json", "the first line is the schema's modeline, and nothing else")
    lost, said = loads(p, r.out, "prod.yaml")
    TAP.equal(lost, MISSING, "check names what nobody knows, and nothing else", said)
    TAP.equal([k for k in MISSING if f"{k.split('.')[1]}: " not in r.out or r.out.count("? ") < len(MISSING)], [], "each of them is a question in a comment", r)
    TAP.equal(max(len(line) for line in r.out.splitlines()) <= 100, True, "no line is longer than 100 columns", r)
    whole = answered(r.out)
    lost, said = loads(p, whole, "whole.yaml")
    TAP.equal(lost, [], "without the marks before the keys it is a whole plan", f"{whole}\n{said}")
    if yaml:
        validator = jsonschema.Draft202012Validator(yaml.safe_load(p.cli("schema").out))
        TAP.equal([e.message for e in validator.iter_errors(yaml.safe_load(whole))], [], "which the schema accepts")


def everything_found():
    p = Place("everything")
    p.helm([RELEASE, {**RELEASE, "name": "other", "chart": "rstudio-connect-extras-1.0.0"}, {**RELEASE, "name": "pm", "chart": "rstudio-pm-0.5.1"}])
    p.ssh()
    p.put("home/config", KUBE)
    os.makedirs(os.path.join(p.dir, "home/.kube"))
    os.rename(os.path.join(p.dir, "home/config"), os.path.join(p.dir, "home/.kube/config"))
    p.put("here/values.yaml", VALUES)
    before = p.files()
    r = p.init("--host", "connect1", "--host", "connect2", **SECRETS, PGHOSTADDR="10.20.0.15")
    TAP.equal(p.files(), before, "nothing is written: not here, not at home, no socket", r)
    TAP.equal(re.findall(r"(?<=--\n).*", p.noted("ssh")), ["LC_ALL=C sudo -n cat -- /etc/rstudio-connect/rstudio-connect.gcfg"] * 2, "ssh is asked to read one file a host")
    TAP.equal(re.findall(r"\w*SECRET\w*", r.out + r.err), [], "no secret is told", r)
    for part in ["hosts: [connect1, connect2]    # --host", "url: 'https://connect.example.com'", "Server.Address in connect1:/etc/rstudio-connect/rstudio-connect.gcfg",
                 "api_key: {env: CONNECT_API_KEY}    # it is set here", "hostaddr: '10.20.0.15'    # PGHOSTADDR", "PGPASSWORD is set here", "leads to db.example.com",
                 "context: prod    # current context of", "also there: staging", "namespace: posit    # helm list: of the release rsc",
                 "release: rsc    # helm list: chart rstudio-connect-0.8.40, deployed", "with chart 0.8.40", "values: [values.yaml]    #",
                 "mode: key    # license.key is set in values.yaml", "runbook: vm-to-kubernetes"]:
        TAP.ok(part in r.out or part in flat(r), f"found, with where from: {part}", r)
    lost, said = loads(p, r.out, "prod.yaml")
    TAP.equal(lost, [], "the plan is read as it was printed", said)
    r = p.cli("preview", "prod.yaml", env=SECRETS)
    TAP.ok(r.status != 2 and "prod.yaml:" not in r.err, "preview reads it too", r)
    told = json.loads(p.init("--json", **SECRETS).out)
    TAP.equal(told["target.release"]["value"], "rsc", "--json has the values")
    TAP.ok("question" in told["source.hosts"] and told["target.context"]["from"], "and the questions, and where from", told)


def asked_over_ssh():
    p = Place("ssh")
    p.program("ssh", 'case "$*" in *sudo*) echo "sudo: a password is required" >&2; exit 1;; *) echo "[Database]"; echo "Provider = sqlite";; esac\n')
    r = p.init("--host", "old", "--config", "/srv/connect.gcfg")
    TAP.ok("sudo -n is not let through" in r.out and "Database.Provider is sqlite in old:/srv/connect.gcfg" in r.out, "the file is read without sudo where sudo is refused", r)
    TAP.ok("config: '/srv/connect.gcfg'    # --config" in r.out, "another place of the file stands in the plan", r)
    p.program("ssh", 'echo "ssh: Could not resolve hostname gone: Name or service not known" >&2; exit 255\n')
    r = p.init("--host", "gone")
    TAP.ok("hosts: [gone]" in r.out and "note: gone: no such host" in r.out, "a host that is not there is said", r)
    os.unlink(os.path.join(p.dir, "notes/ssh"))
    r = p.init("--host", "-oProxyCommand=touch x")
    TAP.ok(p.noted("ssh") is None and "#   hosts:" in r.out and "ProxyCommand" not in r.out, "what is an option is no host: ssh is not started with it", r)
    p.ssh("[Server]\nAddress = \"never closed SECRET\n")
    r = p.init("--host", "old")
    TAP.ok("old:/etc/rstudio-connect/rstudio-connect.gcfg:2:11: the quote is never closed" in flat(r) and "SECRET" not in r.out,
           "a fault in the file is told with its place, without its text", r)
    p.ssh("[Database]\nProvider = postgres\n[Postgres]\nURL = postgres://connect:SECRET@localhost/connect\n")
    r = p.init("--host", "old")
    TAP.ok("no pod can reach the database" in r.out and "SECRET" not in r.out, "a database on the server itself is said", r)


def the_file_here():
    p = Place("local")
    path = p.put("here/connect.gcfg", GCFG)
    r = p.init("--config", path)
    TAP.ok("hosts: [localhost]" in r.out and f"{path} is on this machine" in r.out and "https://connect.example.com" in r.out, "the server's file on this machine", r)
    TAP.ok("are there further machines?" in r.out, "further machines are asked for", r)
    r = p.init("--config", path, CONNECT_SERVER="https://other.example.com")
    TAP.ok("url: 'https://other.example.com'    # CONNECT_SERVER" in r.out and "is another one" in r.out, "CONNECT_SERVER comes first, the difference is said", r)
    r = p.init(CONNECT_SERVER="https://user:uuuSECRET@connect.example.com")
    TAP.ok("uuuSECRET" not in r.out and "# url:" in r.out and "CONNECT_SERVER: what stands there is not taken" in r.out, "an address with a password in it is not repeated", r)


def hostile_names():
    p = Place("hostile")
    names = ["a\nb: c", "x # y", "'", '"', "{}", "\u0085", "\u2028", "yes", "-", "ctx\u001b[31m", "ümläut", "null", " lead", "a: b", "@x", "`x`", "*a", "%"]
    for name in names:
        config = {"current-context": name, "contexts": [{"name": name, "context": {"namespace": name}}, {"name": name + "2", "context": {}}]}
        p.put("kube", json.dumps(config))      # JSON is YAML
        p.helm([{**RELEASE, "name": name, "namespace": name}, {**RELEASE, "name": name + "2", "namespace": "n", "status": name}])
        r = p.init(KUBECONFIG=f"{p.dir}/kube", PGHOST=name)
        bad = [c for c in r.out if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029"]
        got = yaml.safe_load(r.out)["target"].get("context") if yaml else name
        TAP.ok(r.status == 0 and not bad and got == name, f"a context named {name!r} is that name in the plan, and ends no comment", f"{got!r} {bad}\n{r}")
        lost, said = loads(p, r.out, "hostile.yaml")
        TAP.equal([k for k in lost if k not in MISSING], [], f"and the plan is read, whatever is called {name!r}", f"{r}\n{said}")
    r = subprocess.run([RUN, "init"], capture_output=True, stdin=subprocess.DEVNULL, cwd=p.dir, timeout=60, check=False,
                       env={b"HOME": b"/nonexistent", b"CONNECT_SERVER": b"https://\xff.example.com", b"PGHOST": b"\xfe\xff\n- x"})
    TAP.ok(r.returncode == 0 and r.stdout.decode("utf-8") and b"\n- x" not in r.stdout, "bytes that are no text are not taken over", r)


def hostile_files():
    for name in ("values.a b#.yaml", "values: {x}.yaml", "values.\nx: y.yaml", "values.'\".yaml", "values-\u0085.yaml", "values.[a, b].yml"):
        p = Place("files")
        p.put(f"here/{name}", "launcher: {enabled: true}\n")
        r = p.init()
        got = yaml.safe_load(r.out)["target"]["values"] if yaml else [name]
        TAP.equal(got, [name], f"a values file named {name!r} is that file in the plan", r)
        lost, said = loads(p, r.out, "hostile.yaml")
        TAP.equal([k for k in lost if k not in MISSING], [], "and the plan is read", said)
        os.unlink(os.path.join(p.dir, "here", name))


def contexts_and_releases():
    p = Place("contexts")
    one = p.put("one", "contexts: [{name: a, context: {namespace: first}}, {name: b, context: {}}]\n")
    two = p.put("two", "current-context: a\ncontexts: [{name: a, context: {namespace: second}}]\n")
    r = p.init(KUBECONFIG=f"{one}:{two}:/nonexistent")
    TAP.ok(f"context: a    # current context of {two}" in r.out and "namespace: first" in r.out and "names several files" in r.out, "several kubeconfig files are read by kubectl's rule", r)
    TAP.ok("# kubeconfig" not in r.out and "kubeconfig:" not in r.out, "and none of them is said to be the one", r)
    kubectl = shutil.which("kubectl")
    if kubectl:
        k = subprocess.run([kubectl, "config", "view", "--minify", "-o", "jsonpath={.current-context} {.contexts[0].context.namespace}"], capture_output=True, text=True,
                           env={**os.environ, "KUBECONFIG": f"{one}:{two}"}, timeout=60, check=False)
        TAP.equal(k.stdout, "a first", "kubectl sees the same", k.stderr)
    else:
        TAP.skip("kubectl sees the same", "kubectl is not installed")
    r = p.init(KUBECONFIG=one)
    TAP.ok("no context is the current one" in r.out and "there are: a, b" in r.out and "# context:" in r.out, "without a current context they are named, none is taken", r)
    r = p.init(KUBECONFIG=two)
    TAP.ok("helm was not found here" in r.out, "no helm is said", r)
    p.helm([])
    TAP.ok("the name is yours to choose" in p.init(KUBECONFIG=two).out, "no release yet: the name is a question")
    p.helm([{**RELEASE, "name": "x"}, {**RELEASE, "name": "y"}])
    r = p.init(KUBECONFIG=two)
    TAP.ok("# release:" in r.out and "there is x in namespace posit" in r.out and "there is y" in r.out, "two releases: none is taken, both are named", r)
    p.helm([{**RELEASE, "name": "x"}, {**RELEASE, "name": "y", "namespace": "second"}])
    r = p.init(KUBECONFIG=two)
    TAP.ok("release: 'y'    #" in r.out and "namespace: second    # helm list" in r.out, "of two the one in the context's namespace", r)
    p.program("helm", f'case "$*" in *--all-namespaces*) echo "Error: secrets is forbidden" >&2; exit 1;; esac\necho \'{json.dumps([RELEASE])}\'\n')
    r = p.init(KUBECONFIG=two)
    TAP.ok("release: rsc" in r.out and "--namespace=second" in p.noted("helm"), "who may not list everywhere asks in the context's namespace", r)
    p.program("helm", 'echo "Error: Get https://user:SECRET@10.0.0.1: dial tcp: timeout" >&2; exit 1\n')
    r = p.init(KUBECONFIG=two)
    TAP.ok("`helm list` failed" in r.out and "SECRET" not in r.out, "a failing helm is said without its words", r)
    p.program("helm", "echo 'not json'\n")
    TAP.ok("was not understood" in p.init(KUBECONFIG=two).out, "an answer that is none is said")
    TAP.equal(set(p.noted("helm").split()) - {"--all-namespaces", "--namespace=second", "--kube-context=a"}, {"list", "--output=json", "--max=10000"}, "helm is only asked to list")


def values_here():
    p = Place("values")
    p.put("here/values.yaml", "launcher:\n  enabled: true\n")
    p.put("here/values.prod.yaml", "license: {file: {secret: lic}}\n")
    p.put("here/values.config.yaml", "config: {}\n")
    p.put("here/prod.yaml", "x: 1\n")
    r = p.init()
    TAP.ok("runbook: launcher-to-kubernetes-runner    # values.yaml:2:12: launcher.enabled is true" in r.out, "Launcher values here: the other runbook", r)
    TAP.ok("source:" not in r.out and "backup:" not in r.out and "access:" not in r.out, "which has no old server", r)
    TAP.ok("values: [values.yaml]" in r.out and "values.prod.yaml lies here too" in r.out and "values.config.yaml" not in r.out, "further values files are asked for, ours are not", r)
    lost, said = loads(p, answered(r.out), "whole.yaml")
    TAP.equal(lost, [], "that plan is read too, once it is answered", said)
    p.ssh()
    r = p.init("--host", "old")
    TAP.ok("runbook: vm-to-kubernetes" in r.out and "values.yaml:2:12: launcher.enabled is true; the migration converts it" in flat(r), "with an old server they are converted on the way", r)
    for text, runbook in [("launcher: {enabled: false, namespace: x}\n", "vm-to-kubernetes"), ("launcher: {namespace: x}\n", "launcher-to-kubernetes-runner"),
                          ("launcher: {namespace: x}\nbackends: {kubernetes: {enabled: true}}\n", "vm-to-kubernetes"), ("config: {Launcher: {Enabled: true}}\n", "launcher-to-kubernetes-runner"),
                          ("", "vm-to-kubernetes"), ("- a\n", "vm-to-kubernetes"), ("a: [\n", "vm-to-kubernetes")]:
        p.put("here/values.yaml", text)
        r = p.init()
        TAP.ok(r.status == 0 and f"runbook: {runbook}" in r.out, f"values {text!r}: {runbook}", r)
    TAP.ok("values.yaml:" in r.out, "a values file that is no YAML is told with its place", r)


def an_umbrella_here():
    """Connect's chart as a dependency: the key is told by the Chart.yaml here, or by the values."""
    p = Place("umbrella")
    dependency = "{name: rstudio-connect, version: 0.21.0, repository: 'https://charts.example.com'%s}"
    p.put("here/Chart.yaml", "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n  - " + dependency % ", alias: hub" + "\n")
    p.put("here/values.yaml", "launcher: {enabled: true}\nhub:\n  license: {key: {secret: x}, server: lic.example.com}\n")
    p.ssh()
    r = p.init("--host", "old")
    TAP.ok("  chart: ./.    # the Chart.yaml of this folder" in r.out and "  values_at: hub    # the dependency's alias" in r.out, "a Chart.yaml here gives chart and key", r)
    TAP.ok("mode: server" in r.out and "launcher.enabled" not in r.out, "and the values are those below the key", r)
    lost, said = loads(p, answered(r.out), "whole.yaml")
    TAP.equal(lost, [], "that plan is read", said)
    two = "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n" + "".join(f"  - {dependency % f', alias: {a}'}\n" for a in ("hub", "lab"))
    p.put("here/Chart.yaml", two)
    r = p.init("--host", "old")
    TAP.ok("values_at:" not in r.out and "more than once" in flat(r), "of two it asks which is meant", r)
    for chart in ("a: [\n", "- x\n", "dependencies: 7\n", "name: plain\n"):
        p.put("here/Chart.yaml", chart)
        r = p.init("--host", "old")
        TAP.ok(r.status == 0 and "values_at" not in r.out and "chart:" not in r.out, f"a Chart.yaml that says {chart!r} tells nothing", r)
    p.put("here/values.yaml", "my-connect:\n  sharedStorage: {mount: true}\n  license: {server: lic.example.com}\n")
    r = p.init("--host", "old")
    TAP.ok("  values_at: my-connect    # Connect's values stand below this key in values.yaml" in r.out and "mode: server" in r.out
           and "as a dependency: which one?" in flat(r), "without it the values tell the key, and the chart is asked for", r)


def who_hangs():
    """ssh and helm that never answer, side by side: each is ended at its limit, and the plan still comes."""
    def one(name, words, env, part):
        p = Place(f"hangs-{name}")
        p.program(name, "exec sleep 600\n")
        kube = p.put("kube", KUBE)
        began = time.monotonic()
        r = p.init(*words, **{**env, **({"KUBECONFIG": kube} if name == "helm" else {})})
        took = time.monotonic() - began
        TAP.ok(r.status == 0 and took < 60 and part in flat(r), f"{name} that hangs is given up ({took:.0f} s) and said", r)
        pid = int(p.noted(f"{name}.pid"))
        gone = not os.path.exists(f"/proc/{pid}")
        TAP.ok(gone, f"{name} does not live on")

    threads = [threading.Thread(target=one, args=a) for a in [("ssh", ["--host", "old"], {}, "did not end within"), ("helm", [], {}, "did not answer within 20 s")]]
    for t in threads:
        t.start()
    return threads


try:
    hanging = who_hangs()    # all others meanwhile
    nothing_found()
    everything_found()
    asked_over_ssh()
    the_file_here()
    hostile_names()
    hostile_files()
    contexts_and_releases()
    values_here()
    an_umbrella_here()
    for thread in hanging:
        thread.join()
finally:
    shutil.rmtree(ROOT, ignore_errors=True)
TAP.end()
