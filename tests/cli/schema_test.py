#!/usr/bin/env python3
"""The plan's JSON Schema against the program that reads plans: both accept every example, both refuse every wrong plan.

The reader is asked by `approve`, which loads the plan, reaches nothing outside and then says that nothing waits."""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from rehearsal import RUN, SRC, Tap, skip_all  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError as missing:
    skip_all(f"python3 has no {missing.name}")

GOOD = """\
source: {hosts: [connect1]}
target: {context: prod, namespace: posit-connect, release: rsc, values: [values.yaml]}
"""

# What both refuse. Each is a whole plan, or lines put behind a good one.
WRONG = {
    "an empty mapping": "{}",
    "a list": "[a]",
    "no source": "target: {context: prod, namespace: a, release: b, values: [v]}",
    "no release": "source: {hosts: [a]}\ntarget: {context: prod, namespace: a, values: [v]}",
    "no values": "source: {hosts: [a]}\ntarget: {context: prod, namespace: a, release: b}",
    "no hosts": GOOD.replace("hosts: [connect1]", "hosts: []"),
    "a host that is an option": GOOD.replace("connect1", "-oProxyCommand=x"),
    "a host named twice": GOOD.replace("[connect1]", "[a, a]"),
    "a release in capitals": GOOD.replace("rsc", "RSC"),
    "a release that is too long": GOOD.replace("rsc", "r" * 54),
    "an unknown key at the top": GOOD + "sorce: {}\n",
    "an unknown key below": GOOD + "content: {build: {paralel: 3}}\n",
    "a number out of range": GOOD + "content: {build: {parallel: 65}}\n",
    "a text for a number": GOOD + "content: {priority: {top: many}}\n",
    "an unknown word": GOOD + "content: {caches: {clear: local}}\n",
    "a duration that is none": GOOD + "content: {build: {timeout: soon}}\n",
    "a duration in the wrong order": GOOD + "content: {build: {timeout: 5m2h}}\n",
    "a negative duration": GOOD + "content: {build: {timeout: -5}}\n",
    "a literal API key": GOOD + "connect: {api_key: abcdefghijklmnop}\n",
    "a secret from two places": GOOD + "connect: {api_key: {env: A, file: b}}\n",
    "a secret from nowhere": GOOD + "connect: {api_key: {}}\n",
    "a secret by a shell line": GOOD + "connect: {api_key: {command: pass show key}}\n",
    "an address without a scheme": GOOD + "connect: {url: connect.example.com}\n",
    "an address with a password": GOOD + "connect: {url: 'https://a:b@connect.example.com'}\n",
    "a version that is a number": GOOD.replace("release: rsc", "release: rsc, chart_version: 0.8"),
    "a time that is none": GOOD + "window: {start: tonight}\n",
    "a setting without a section": GOOD + "temporary: {MinProcessesLimit: 0}\n",
    "a setting without a value": GOOD + "temporary: {Scheduler.MinProcessesLimit: }\n",
    "leave for something unknown": GOOD + "allow: [everything]\n",
    "an answer without a note": GOOD + "gates: {gate.login: {}}\n",
    "a stage skipped without a reason": GOOD + "stages: {optimize: {skip: }}\n",
    "a command step without a command": GOOD + "backup: {by: command}\n",
    "a hand step with a command": GOOD + "backup: {by: hand, command: [x]}\n",
    "a backup by the tool": GOOD + "backup: {by: tool}\n",
    "a backup by the tool, said long": GOOD + "steps: {backup.take: {by: tool}}\n",
    "the short and the long form": GOOD + "backup: {by: hand}\nsteps: {backup.take: {timeout: 1h}}\n",
    "access said twice": GOOD + "access: {open: {by: hand}}\nsteps: {access.open: {by: hand}}\n",
    "a configuration path that is relative": GOOD.replace("hosts:", "config: connect.gcfg, hosts:"),
    "a shell line for a shell": GOOD.replace("hosts:", "shell: ssh -F x, hosts:"),
    "a step with an unknown key": GOOD + "steps: {helm.deploy: {tiemout: 1m}}\n",
    "on_failure with an unknown word": GOOD + "steps: {helm.deploy: {on_failure: ignore}}\n",
}

# What both accept, beside the examples.
RIGHT = {
    "the least": GOOD,
    "durations in all forms": GOOD + "content: {build: {timeout: 1d2h3m4s5ms}, priority: {since: 3600}}\n",
    "a time with an offset": GOOD + "window: {start: '2026-12-05T22:00:00+01:00', end: '2026-12-06 03:00', zone: Europe/Berlin}\n",
    "a shell of your own": GOOD.replace("hosts:", "shell: [docker, exec, '{host}'], become: [], hosts:"),
    "a step of your own": GOOD + "steps: {pager: {by: command, command: [page, me], note: x, timeout: 90s, retries: 0, with: {a: [1]}}}\n",
    "short forms": GOOD + "backup: {command: [snap]}\naccess: {close: {by: hand, note: x}}\n",
    "an own runbook without an old server": "runbook: ./mine.yaml\nsource: {hosts: []}\ntarget: {context: a, namespace: b, release: c, values: [v]}\n",
    "settings of all types": GOOD + "temporary: {A.B: 0, C.D: false, E.F: text, G.H: 1.5}\n",
}


def run(*words):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECT_", "KUBECONFIG"))}
    env["HOME"] = "/nonexistent"
    return subprocess.run([RUN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env, timeout=60, check=False)


def reader_accepts(path):
    """(accepted, what it said). A plan that is refused is refused with its place or with the missing key."""
    with tempfile.TemporaryDirectory() as folder:
        r = run("approve", path, "nothing-of-this-name", "--note", "x", "--run-dir", os.path.join(folder, "x.run"))
    return "nothing waits" in r.stderr, f"status {r.returncode}\n{r.stderr}"


def main():
    tap = Tap()
    printed = run("schema")
    schema = json.loads(printed.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    tap.equal((printed.returncode, printed.stderr), (0, ""), "the schema is printed and is a valid schema")

    examples = sorted(glob.glob(os.path.join(SRC, "plans", "example*.yaml")))
    tap.ok(len(examples) >= 3, "there are examples")
    for path in examples:
        with open(path, encoding="utf-8") as f:
            errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(yaml.safe_load(f))]
        accepted, said = reader_accepts(path)
        tap.ok(not errors and accepted, f"{os.path.basename(path)} is accepted by both", "\n".join(errors) + said)

    with tempfile.TemporaryDirectory() as folder:
        for name, text in [*RIGHT.items(), *WRONG.items()]:
            path = os.path.join(folder, "plan.yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(yaml.safe_load(text))]
            accepted, said = reader_accepts(path)
            if name in RIGHT:
                tap.ok(not errors and accepted, f"right: {name}", "\n".join(errors) + "\n" + said)
            else:
                tap.ok(errors and not accepted, f"wrong: {name}", f"schema: {errors}\nreader: {said}")

    with_typo = yaml.safe_load(GOOD + "steps: {database.check: {with: {no-such-parameter: 1}}}\n")
    tap.ok(not validator.is_valid(with_typo), "the schema knows the parameters of an action's step")
    tap.end()


main()
