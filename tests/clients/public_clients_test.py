#!/usr/bin/env python3
"""The world's Connect, asked by clients that we did not write: what they accept is the shape that the real one has."""
import json
import os
import re
import subprocess

from rehearsal import BUILD, Postgres, Tap, World, skip_all

RSCONNECT = os.path.join(BUILD, "clients", "bin", "rsconnect")
PYTHON = os.path.join(BUILD, "clients", "bin", "python")
if not os.access(RSCONNECT, os.X_OK):
    skip_all("rsconnect-python is not installed in clients/ of the build folder (`bootstrap check` tries to)")

tap = Tap()
postgres = Postgres()


def call(*argv, key):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "CONNECT_API_KEY": key}, check=False)
    return p.returncode, p.stdout, p.stderr


try:
    with World(postgres, "--content", 12) as w:
        url = re.search(r'^source:.*?url:\s*"?(http://[^"\s}]+)', open(w.plan, encoding="utf-8").read(), re.S | re.M).group(1)
        key = open(w.path("secrets", "api-key"), encoding="utf-8").read().strip()
        at = ["--server", url, "--api-key", key]
        status, out, err = call(RSCONNECT, "content", "search", *at, key=key)
        tap.ok(status == 0 and len(json.loads(out)) == 12, "rsconnect content search lists all items", out + err)
        status, out, err = call(RSCONNECT, "content", "search", "--published", *at, key=key)
        published = [i for i in json.loads(out) if i["bundle_id"]]
        tap.ok(status == 0 and published, "rsconnect content search --published", err)
        status, out, err = call(RSCONNECT, "system", "caches", "list", *at, key=key)
        caches = json.loads(out)["caches"] if status == 0 else []
        tap.ok(status == 0 and caches, "rsconnect system caches list", out + err)
        one = caches[0]
        status, out, err = call(RSCONNECT, "system", "caches", "delete", "-l", one["language"], "-V", one["version"], "-I", one["image_name"], *at,
                                key=key)
        tap.ok(status == 0 and w.count("cache.delete") == 1, "rsconnect system caches delete deletes it", out + err)
        guid = next(i["guid"] for i in published if i["app_mode"] != "static")
        os.environ["CONNECT_CONTENT_BUILD_DIR"] = w.path("rsconnect-build")
        call(RSCONNECT, "content", "build", "add", "-g", guid, *at, key=key)
        status, out, err = call(RSCONNECT, "content", "build", "run", *at, key=key)
        tap.ok(status == 0 and w.count("content.build", guid=guid) == 1, "rsconnect content build run builds it", out + err)
        script = ("import sys; from posit import connect; c = connect.Client(url=sys.argv[1], api_key=sys.argv[2]); "
                  "print(c.me['username'], c.version, len(c.content.find()), len(c.users.find()), len(c.metrics.usage.find()))")
        status, out, err = call(PYTHON, "-W", "ignore", "-c", script, url, key, key=key)
        tap.ok(status == 0 and len(out.split()) == 5, "posit-sdk reads the user, the version, content, users and visits", out + err)
finally:
    postgres.stop()
tap.end()
