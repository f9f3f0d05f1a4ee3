#!/usr/bin/env python3
"""Both conversions against the real helm. gcfg → values → helm template → gcfg gives the same settings, for files with hostile values,
and every setting of a source is kept, dropped, changed, made a Secret, asked about or blocked, once. Converted Launcher values render, the
content's job and service as Posit's own example does, and what the chart would refuse the program refuses before.

helm is $CM_HELM, or the one that tests/cluster/build.sh made, or the one in PATH; without any, all is skipped. The chart is our own
(tests/data/chart), which renders by the rules of the real one; $CM_REAL_CHART names a copy of that (a folder, its dependency in charts/).
$CM_GCFG_CORPUS is a folder of other people's *.gcfg, $CM_VALUES_CORPUS one of their values files for the real chart: they take the same
way."""
import json
import os
import random
import re
import subprocess
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import gcfg  # noqa: E402
from rehearsal import RUN, SRC, Tap, find_helm, scratch, skip_all  # noqa: E402

FILES, SETTINGS = 40, 60
TAP = Tap()
FOLDER = scratch("convert")
STORAGE = "sharedStorage: {mount: true, name: data}\n"
HELM = find_helm()


def put(name, text):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path


def convert(what, path, *words):
    p = subprocess.run([RUN, "convert", what, "--json", path, *words], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    if p.returncode:
        raise RuntimeError(p.stderr)
    return json.loads(p.stdout)


def template(chart, *files):
    """The manifests by kind and name, or why there are none."""
    words = [w for f in files for w in ("-f", f)]
    p = subprocess.run([HELM, "template", "connect", chart, *words], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    if p.returncode:
        return None, p.stderr.strip()
    documents = [d for d in yaml.safe_load_all(p.stdout) if d]
    return {(d["kind"], d["metadata"]["name"]): d for d in documents}, ""


def config_of(manifests):
    return next(d["data"] for (kind, name), d in manifests.items() if kind == "ConfigMap" and "rstudio-connect.gcfg" in d.get("data", {}))


def environment_of(manifests):
    deployment = next(d for (kind, _), d in manifests.items() if kind == "Deployment")
    return {e["name"]: e for c in deployment["spec"]["template"]["spec"]["containers"] for e in c.get("env") or []}


# ---- files that nobody would write, but could ----

PIECES = ['"', "\\", ";", "#", " ", "  ", "\t", "'", "''", "{{", "}}", "{{ .Values.x }}", "{{- fail \"x\" -}}", "<no value>", "<no", "yes", "No", "on",
          "OFF", "y", "n", "1e6", "1e+06", "1000000", "2147483648", "12345678901234567890", "-1000000", "+5", "0x1F", "0o17", "0644", "0b11", "1_000", "5.0",
          "1.10", ".5", ".inf", ".nan", "true", "null", "~", "- a", "a: b", "a:", "[x]", "{y}", "!tag", "&a", "*a", "%", "@", "`", "|", ">", "?", ":", ",", "é",
          "日本", "😀", "\u00a0", "\u200b", "=", "\n", "\n\n", "5m", "2024-01-01", "1:30", "12:30:45", "${X}", "$(X)", "---", "...", "word", "C:\\x", "<<", "*"]
# Name, and how often it may be given: "one" (the last counts), "list", or "free" (not known to the program: what is there, stays).
KNOWN = [("Server", None, "SenderEmail", "one"), ("Server", None, "senderemaildisplayname", "one"), ("server", None, "HideVersion", "one"),
         ("Applications", None, "ProhibitedEnvironment", "list"), ("SCHEDULER", None, "MaxProcesses", "one"), ("Packages", None, "External", "list"),
         ("LDAP", "our ldap; #1", "UserSearchFilter", "one"), ("LDAP", "our ldap; #1", "PermittedLoginGroup", "list"),
         ("OAuth2", None, "ClientId", "one"), ("Authorization", None, "viewerrolemapping", "list")]
SECRET = [("SMTP", None, "Password", "one"), ("OAuth2", None, "ClientSecret", "one"), ("Postgres", None, "Password", "one")]
DROPPED = [("HTTP", None, "Listen", "one"), ("Python", None, "Executable", "list"), ("Launcher", None, "ScratchPath", "one"), ("HTTPS", None, "Key", "one")]
FREE = [("Foo", None, k, "free") for k in ("Alpha", "alpha", "B2", "Y", "On", "No", "Null", "Key-x", "x" * 60)] + \
       [("Bar-1", s, k, "free") for s in (None, "CRAN", 'a "b" \\c', "日本 x", "{{ x }}") for k in ("One", "Two")]


def spelled(chance, value):
    """One of the ways in which a value can stand in the file."""
    way = chance.randrange(5)
    bare = value and not re.search(r'["\\;#\n]', value) and value == value.strip(" \t")
    if way == 0 and bare:
        return value
    if way == 1 and value and not re.search(r'["\\;#\n\t ]', value[:1]):
        return value[0] + gcfg.quoted(value[1:])          # quotes that open in the middle
    if way == 2 and len(value) > 1:
        cut = chance.randrange(1, len(value))
        return gcfg.quoted(value[:cut]) + gcfg.quoted(value[cut:])
    if way == 3 and bare and " " not in value:
        return value[:1] + "\\\n" + value[1:] + "   ; behind it"    # goes on in the next line
    return gcfg.quoted(value) + chance.choice(["", " ", " # why", ";why"])


def generate(chance):
    lines, names = ["; the beginning"], KNOWN + SECRET + DROPPED + FREE + FREE
    for _ in range(SETTINGS):
        section, sub, key, many = chance.choice(names)
        lines.append(f"[{section}{'' if sub is None else ' ' + gcfg.quoted(sub)}]" + chance.choice(["", " ; header"]))
        for _ in range(chance.randint(1, 3)):
            value = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 5)))
            if chance.random() < 0.1 and many != "one":
                lines.append(key)
                continue
            if chance.random() < 0.2:
                lines.append("  # a comment: " + chance.choice(["plain", "'quoted'", "{{ x }}", "key: value"]))
            lines.append(f"{chance.choice(['', ' ', chr(9)])}{key}{chance.choice(['=', ' = ', '  ='])}{spelled(chance, value)}")
    return chance.choice(["", "\ufeff"]) + chance.choice(["\n", "\r\n"]).join("\n".join(lines).split("\n")) + "\n"


def expected_of(settings):
    """What Connect reads, by what is known of each name."""
    many = {(s.lower(), sub, k.lower()): m for s, sub, k, m in KNOWN + SECRET + DROPPED + FREE}
    bare = {s.name: s.value is None for s in settings}
    return {name: [] if many.get(name) == "list" and bare[name] else values[-1:] if many.get(name) == "one" else values
            for name, values in gcfg.in_force(settings).items()}


# ---- the way there and back ----

FATES = {"keep", "drop", "change", "secret", "ask", "block"}


def label_of(name):
    return f"{name[0]}.{name[2]}" if name[1] is None else f'{name[0]} "{name[1]}".{name[2]}'


def check_account(source, account):
    """One row for each setting, with its line; what is wrong, or nothing."""
    rows = [r for r in account if re.search(r"\.gcfg:\d+$", r["source"])]
    if [r["line"] for r in rows] != [s.line for s in source]:
        return f"rows of lines {[r['line'] for r in rows]} for settings of lines {[s.line for s in source]}"
    for row, setting in zip(rows, source):
        label = row["setting"].lower() if setting.sub is None else row["setting"].split(' "')[0].lower() + '."' + setting.key
        want = label_of(setting.name) if setting.sub is None else setting.section + '."' + setting.key
        if label != want or row["disposition"] not in FATES or (row["disposition"] in ("drop", "ask", "block") and not row["reason"]):
            return f"{row} for {want}"
    return ""


def check_settings(source, account, manifests, own, expected):
    """Each name's last row says where it is; there it has to be, with its value. Nothing else may be there."""
    rendered = gcfg.in_force(gcfg.read(config_of(manifests)["rstudio-connect.gcfg"]))
    environment = environment_of(manifests)
    rows = [r for r in account if re.search(r"\.gcfg:\d+$", r["source"])]
    last = {s.name: r for s, r in zip(source, rows)}
    for name, row in last.items():
        target, values = row["target"] or "", expected[name]
        if target.startswith("pod.env "):
            variable = environment.get(target[8:])
            if variable is None or (row["disposition"] != "secret" and variable.get("value") != values[0]):
                return f"{row}: wanted {values!r} in {variable}"
            if row["disposition"] == "secret" and not variable["valueFrom"]["secretKeyRef"]["key"]:
                return f"{row}: {variable}"
            continue
        if target.startswith("config.") and row["disposition"] in ("keep", "ask"):
            got = rendered.pop(name, [])
            if got != values:
                return f"{row}: wanted {values!r}, rendered {got!r}"
        elif target.startswith("config."):
            rendered.pop(name, None)      # it was changed; or blocked, and stays for a person
        elif name in rendered and rendered[name] != own.get(name):
            return f"{row}, and yet it was rendered as {rendered[name]!r}"
    more = {n: v for n, v in rendered.items() if own.get(n) != v}
    return f"nobody said {more}" if more else ""


def round_trip(text, chart, own, expected=None):
    path = put("source.gcfg", text)
    answer = convert("config", path, "--secrets", os.path.join(FOLDER, "secret.yaml"))
    source = gcfg.read(text)
    problem = check_account(source, answer["account"])
    manifests, why = template(chart, put("storage.yaml", STORAGE), put("converted.yaml", answer["result"]))
    if problem or manifests is None:
        return problem or why
    return check_settings(source, answer["account"], manifests, own, (expected or gcfg.in_force)(source))


def charts_own(chart):
    manifests, why = template(chart, put("storage.yaml", STORAGE))
    assert manifests, why
    return gcfg.in_force(gcfg.read(config_of(manifests)["rstudio-connect.gcfg"]))


def settings_come_back(chart, name):
    own, wrong, count = charts_own(chart), [], 0
    for seed in range(FILES):
        text = generate(random.Random(seed))
        problem = round_trip(text, chart, own, expected_of)
        count += len(gcfg.read(text))
        if problem:
            wrong.append(f"seed {seed}: {problem}")
    TAP.ok(not wrong, f"{FILES} files with hostile settings come out of {name} as they went in", "\n".join(wrong[:5]))
    TAP.ok(count > FILES * SETTINGS, f"that were {count} settings")


def corpus_of(variable, *ends):
    folder = os.environ.get(variable)
    return sorted(os.path.join(d, f) for d, _, files in os.walk(folder or "") for f in files if f.endswith(ends))


def other_peoples_settings(chart, name):
    files = corpus_of("CM_GCFG_CORPUS", ".gcfg")
    if not files:
        TAP.skip(f"other people's gcfg files come out of {name}", "CM_GCFG_CORPUS names no folder with any")
    for path in files:
        with open(path, encoding="utf-8", newline="") as f:
            text = f.read()
        base = os.path.basename(path)
        try:
            problem = round_trip(text, chart, charts_own(chart), lambda source: last_of_known(source))
        except (RuntimeError, gcfg.Unreadable) as e:
            problem = str(e)
        TAP.ok(not problem, f"{base} comes out of {name} as it went in", problem)


def last_of_known(source):
    """Real files: a name that is given twice is a list where Connect knows one, else the last counts; both are right here."""
    class Either(list):
        def __eq__(self, other):
            return list(self) == list(other or []) or list(self)[-1:] == list(other or [])

        def __ne__(self, other):
            return not self == other
    return {n: Either(v) for n, v in gcfg.in_force(source).items()}


def two_values_files_are_one(chart, name):
    """--merge: the same settings as with the result beside the user's file."""
    text = generate(random.Random(99))
    mine = put("mine.yaml", STORAGE + "# ours\nreplicas: 2\nconfig:\n  Foo:\n    Own: 'x'\npod:\n  env:\n  - {name: A, value: b}\n")
    path = put("source.gcfg", text)
    alone, merged = convert("config", path, "--merge", mine), put("merged.yaml", convert("config", path, "--merge", mine)["result"])
    manifests, why = template(chart, merged)
    problem = why or check_settings(gcfg.read(text), alone["account"], manifests, {**charts_own(chart), ("foo", None, "own"): ["x"]},
                                    expected_of(gcfg.read(text)))
    TAP.ok(not problem and environment_of(manifests)["A"]["value"] == "b", f"put into the user's own file they come out of {name} as well", problem)


# ---- Launcher values ----

def seed_values():
    """Posit's example, before and after, from the guide."""
    folder = os.environ.get("CM_SEEDS") or os.path.join(SRC, "..", "shared", "seeds")
    path = os.path.join(folder, "upgrade-to-direct-kubernetes-runner.txt")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        guide = f.read()
    before = guide[guide.index("# Original Launcher-based"):guide.index("After (direct Kubernetes runner):")]
    return before, guide[guide.index("# Upgraded values: direct"):]


def the_guides_example(chart, name):
    pair = seed_values()
    if not pair:
        TAP.skip(f"the guide's example gives the same job and service with {name}", "the guide is not beside the source tree (CM_SEEDS)")
        return
    answer = convert("values", put("before.yaml", pair[0]))
    ours, why = template(chart, put("ours.yaml", answer["result"]))
    theirs, why2 = template(chart, put("theirs.yaml", pair[1]))
    if not ours or not theirs:
        TAP.ok(False, f"the guide's example renders with {name}", why + why2)
        return
    for key in ("job.yaml", "service.yaml", "rstudio-connect.gcfg"):
        TAP.equal(config_of(ours)[key], config_of(theirs)[key], f"the guide's example gives the same {key} with {name}")


def launcher_files_render(chart, name, others):
    folder = os.path.join(SRC, "tests", "data", "values")
    files = [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".before.yaml")]
    for path in files + others:
        try:
            answer = convert("values", path)
        except RuntimeError as e:
            TAP.ok(path not in files and re.match(r".*:\d+:\d+: ", str(e)), f"{os.path.basename(path)} is refused with its place", str(e))
            continue
        agree(chart, answer, f"{os.path.basename(path)} renders with {name} once converted, or it is told why not")


# Each rule by which the chart's templates fail (or break), and what it takes.
REFUSED = ["config: {Kubernetes: {Enabled: false}}", "config: {Kubernetes: {Enabled: 'false'}}", "config: {Kubernetes: {Enabled: 0}}",
           "config: {Kubernetes: {Namespace: elsewhere}}\nbackends: {kubernetes: {namespace: here}}", "sharedStorage: {mount: false}",
           "sharedStorage: {mount: true, subPath: a, mountContent: false}", "sharedStorage: {mount: true, subPath: a}\nversionOverride: 2026.07.0",
           "sharedStorage: {mount: true, subPath: /a}", "sharedStorage: {mount: true, subPath: a/../b}",
           "launcher: {enabled: false, contentInitContainer: {tag: a}}", "launcher: {enabled: false, customRuntimeYaml: base}",
           "launcher: {enabled: false, additionalRuntimeImages: [{name: a}]}", "launcher: {enabled: false}\nimage: {tagPrefix: jammy-}",
           "backends: {kubernetes: {defaultInitContainer: {tagPrefix: a}}}",
           "pod: {serviceAccountName: a}", "pod: {nodeSelector: {a: b}}", "backends: {kubernetes: {defaultResourceJobBase: {kind: CronJob}}}",
           "backends: {kubernetes: {defaultResourceServiceBase: {kind: Ingress}}}",
           "backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content, volumeMounts: "
           "[{name: x, mountPath: /opt/rstudio-connect-runtime}]}]}}}}}}",
           "backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content, volumeMounts: "
           "[{name: rsc-volume, mountPath: /opt/rstudio-connect}]}]}}}}}}",
           "executionEnvironments: [{title: a}]", "config: {Launcher: {DataDir: 'a:b'}}\nlauncher: {enabled: false}"]
# The real chart alone: what ours has no part of.
REFUSED_THERE = [
    "launcher: {enabled: false, defaultInitContainer: {tagPrefix: a}}",
    "backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {initContainers: [{name: connect-content-init, volumeMounts: "
                 "[{name: x, mountPath: /mnt/rstudio-connect-runtime/}]}]}}}}}}",
                 "backends: {kubernetes: {defaultResourceJobBase: {spec: {template: null}}}}",
                 "nameservice: {enabled: true, secretName: a}", "nameservice: {enabled: true, secretName: a, apiKey: b}\nconfig: {Authentication: {Provider: saml}}",
                 "nameservice: {enabled: true}\nconfig: {Authentication: {Provider: ldap}}", "chronicle: {localConfig: true}\npod: {securityContext: {runAsUser: 5}}",
                 "config: {Server: text}"]
TAKEN = ["", "sharedStorage: {create: true}", "config: {Kubernetes: {Enabled: true}}", "sharedStorage: {mount: true, subPath: a}",
         "backends: {kubernetes: {defaultInitContainer: {tagPrefix: ''}}}", "launcher: {enabled: false, customRuntimeYaml: ''}",
         "sharedStorage: {mount: false}\nconfig: {Kubernetes: {DataDirPVCName: a}}", "config: {Launcher: {DataDir: /a}}",
         "backends: {kubernetes: {enabled: false}}\nlauncher: {enabled: false}", "executionEnvironments: [{name: a}]", "launcher: {enabled: true}",
         "launcher: {enabled: true, customRuntimeYaml: base, templateValues: {pod: {labels: {a: b}}}}\nimage: {tagPrefix: a-, tag: b}"]


def agree(chart, answer, name):
    """The chart renders it exactly when the program has found nothing that the chart would fail on."""
    found = [f for f in answer["findings"] if (f["verdict"] == "blocker" or f["id"] == "values.several") and not re.match(r"values\.(number|line-break|unreadable|env-character)", f["id"])]
    manifests, why = template(chart, put("agreed.yaml", answer["result"]))
    TAP.ok(bool(found) == (manifests is None), name, f"found {found}\nhelm says {why or 'nothing'}\nof {answer['result']}")


def the_charts_rules(chart, name, refused):
    for text in refused + TAKEN:
        whole = text if "sharedStorage" in text else text + "\n" + STORAGE
        answer = convert("values", put("rules.yaml", whole + "\n"))
        agree(chart, answer, f"{name} and the program agree on: {text.replace(chr(10), '; ') or 'nothing but storage'}")


def main():
    if not HELM:
        skip_all("no helm: CM_HELM names one, or tests/cluster/build.sh builds it, or it is in PATH")
    own = os.path.join(SRC, "tests", "data", "chart")
    real = os.environ.get("CM_REAL_CHART")
    for chart, name, refused in [(own, "our own chart", REFUSED)] + ([(real, "the real chart", REFUSED + REFUSED_THERE)] if real else []):
        settings_come_back(chart, name)
        other_peoples_settings(chart, name)
        two_values_files_are_one(chart, name)
        the_guides_example(chart, name)
        launcher_files_render(chart, name, corpus_of("CM_VALUES_CORPUS", ".yaml", ".yml") if chart == real else [])
        the_charts_rules(chart, name, refused)
    if not real:
        TAP.skip("all of it with the real chart", "CM_REAL_CHART names no copy of it")
    TAP.end()


if __name__ == "__main__":
    main()
