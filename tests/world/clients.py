#!/usr/bin/env python3
"""Public clients against the rehearsal's Connect: rsconnect-python and posit-sdk, unchanged.

usage: clients.py [WORLD-PROGRAM]
Prints TAP. Skipped (77) where neither client is installed: pip install rsconnect-python posit-sdk."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from smoke import World  # noqa: E402


def rsconnect(w, *argv):
    env = {**os.environ, "CONNECT_SERVER": f"http://127.0.0.1:{w.info['ports']['public']}", "CONNECT_API_KEY": w.info["api_key"],
           "CONNECT_CONTENT_BUILD_DIR": f"{w.dir}/rsconnect-build", "PYTHONWARNINGS": "ignore"}
    beside = os.path.join(os.path.dirname(sys.executable), "rsconnect")
    program = beside if os.path.exists(beside) else "rsconnect"
    done = subprocess.run([program, *argv], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rsconnect_searches_and_builds(w):
    items = json.loads(rsconnect(w, "content", "search", "--published"))
    assert len(items) == 5
    rsconnect(w, "content", "build", "add", "-g", items[0]["guid"])
    rsconnect(w, "content", "build", "run", "--poll-wait", "1")
    built = json.loads(rsconnect(w, "content", "build", "ls"))
    assert [b["rsconnect_build_status"] for b in built] == ["COMPLETE"]
    assert w.names().count("content.build") == 1


def rsconnect_lists_and_deletes_caches(w):
    before = json.loads(rsconnect(w, "system", "caches", "list"))["caches"]
    rsconnect(w, "system", "caches", "delete", "-l", "R", "-V", "4.5.1", "-I", "Local")
    after = json.loads(rsconnect(w, "system", "caches", "list"))["caches"]
    assert len(after) == len(before) - 1 and w.names()[-1] == "cache.delete"


def the_sdk_reads_everything(w):
    from posit import connect
    client = connect.Client(f"http://127.0.0.1:{w.info['ports']['public']}", w.info["api_key"])
    items = client.content.find()
    assert len(items) == 6 and client.me["username"] == "ann"
    assert items[0].owner["username"] == "ann"
    assert [job["cluster"] for job in items[0].jobs.fetch()][-1] == "Local"
    assert items[0].bundles.find()[0]["id"] == items[0]["bundle_id"]
    assert len(client.metrics.usage.find()) > 100
    assert len(client.users.find()) == 3


def main():
    has_cli = importlib.util.find_spec("rsconnect") is not None or shutil.which("rsconnect") is not None
    tests = [rsconnect_searches_and_builds, rsconnect_lists_and_deletes_caches] if has_cli else []
    if importlib.util.find_spec("posit") is not None:
        tests.append(the_sdk_reads_everything)
    if not tests:
        print("1..0 # SKIP rsconnect-python and posit-sdk are not installed")
        return 77
    folder = tempfile.mkdtemp(prefix="connect-migrate-clients-")
    world = World(folder).start()
    failed = 0
    print(f"1..{len(tests)}")
    try:
        for number, test in enumerate(tests, 1):
            try:
                test(world)
                print(f"ok {number} - {test.__name__}")
            except AssertionError as e:
                failed += 1
                print(f"not ok {number} - {test.__name__}\n# {e}")
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
