"""What `check --json` saw, for the test scripts, and plans of a world that hold some checks only."""
import json
import re
import time


class Looked:
    """One check: its findings by id, how long it took, its exit status."""

    def __init__(self, result, took):
        self.result, self.took = result, took
        try:
            self.findings = {f["id"]: f for f in json.loads(result.out)["findings"]}
        except (ValueError, KeyError):
            self.findings = {}

    def of(self, *verdicts):
        return sorted(i for i, f in self.findings.items() if f["verdict"] in verdicts)

    def verdict(self, finding):
        return self.findings.get(finding, {}).get("verdict")

    def seen(self, finding):
        return self.findings.get(finding, {}).get("seen") or ""

    def remedy(self, finding):
        return self.findings.get(finding, {}).get("remedy") or ""

    def __str__(self):
        return f"{self.took:.1f} s, status {self.result.status}\n" + "\n".join(
            f"{f['verdict']:8} {i}: {f['seen']}  → {f['remedy']}" for i, f in sorted(self.findings.items())) + "\n" + self.result.err


def look(world, plan, env=None):
    began = time.monotonic()
    return Looked(world.cli("check", plan, "--json", "--fresh", env=env), time.monotonic() - began)


def plan_text(world):
    with open(world.plan, encoding="utf-8") as f:
        return f.read()


def only_checks(world, text, actions, limit="30s"):
    """The plan's text with a runbook of these checks, and without what belongs to a migration."""
    steps = "".join(f"      - {{uses: {a}, timeout: {limit}}}\n" for a in actions)
    with open(world.path("checks.yaml"), "w", encoding="utf-8") as f:
        f.write(f"runbook: 1\nid: checks\nstages:\n  - id: prerequisites\n    title: Checks\n    steps:\n{steps}")
    text = re.sub(r"^runbook:.*$", "runbook: ./checks.yaml", text, flags=re.M)
    text = re.sub(r"^(backup|notify):.*\n", "", text, flags=re.M)
    return re.sub(r"^(access|content|gates):\n(  .*\n)+", "", text, flags=re.M)


def write_plan(world, name, text):
    path = world.path(name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path
