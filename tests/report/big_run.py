"""A run directory with very many items, made from that of a small run: the same record, with builds of all items put in and the checksums
made anew, and the content's artifacts with all items. What comes out is what a run over such a world leaves, in a second instead of many
minutes."""
import csv
import json
import os
import random
import shutil
import uuid
import zlib

HOSTILE = ['</script><script>alert(1)</script>', '"><img src=x onerror=alert(2)>', "'; DROP TABLE items; --", "\u202eright to left\u202d & <b>bold</b>",
           "مرحبا بالعالم", "tab\tand\nnewline", "</td></tr></table></noscript><h1>out</h1>", "<!-- a comment --> ]]> <![CDATA[", "`code` | pipe * star _ under",
           "javascript:alert(3)", "naïve 🎉 𝔘nicode", "&lt;already&gt; &amp; escaped"]
CAUSES = ["package 'sf' is not available for this version of R", "no such file: /home/ann/data-{n}.csv",
          "the build of {guid} ran out of memory (exit status 137)"]
MODES = ["shiny", "quarto-static", "python-fastapi", "rmd-static", "static"]


def make_items(count, owners):
    """The same items each time."""
    r = random.Random(7)
    items = []
    for n in range(count):
        title = HOSTILE[n] if n < len(HOSTILE) else f"{r.choice(['Sales', 'Clinical', 'Finance'])} report {n}"
        guid = str(uuid.UUID(int=r.getrandbits(128), version=4))
        failed = n % 20 == 3
        items.append({"guid": guid, "title": title, "owner": f"owner{n % owners:02d}", "mode": MODES[n % len(MODES)], "failed": failed,
                      "why": CAUSES[n // 20 % 3].format(n=100000 + n, guid=guid), "took": 500 + r.randrange(90000), "visits": count - n,
                      "differs": n % 500 == 7, "other": n % 10 == 4})
    return items


def write_artifacts(folder, items):
    def path(name):
        return os.path.join(folder, name)
    with open(path("inventory.jsonl"), "w", encoding="utf-8") as f:
        for i in items:
            f.write(json.dumps({"guid": i["guid"], "title": i["title"], "owner": i["owner"], "app_mode": i["mode"], "bundle_id": "1", "r_version": "4.4.1",
                                "content_url": f"https://connect.example.com/content/{i['guid']}/"}) + "\n")
    with open(path("priority.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["guid", "path", "title", "visits", "why"])
        w.writerows([i["guid"], f"/content/{i['guid']}/", i["title"], i["visits"], f"{i['visits']} visits in 90 days"] for i in items)
    with open(path("runtimes.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["image_found", "owner", "guid", "title", "r", "python", "quarto", "image"])
        w.writerows(["other version", i["owner"], i["guid"], i["title"], "4.4.1", "", "", "example/content:r4.4"] for i in items if i["other"])
    with open(path("baseline.json"), "w", encoding="utf-8") as f:
        json.dump({"items": [{"guid": i["guid"], "status": 200} for i in items]}, f)
    with open(path("validation.json"), "w", encoding="utf-8") as f:
        json.dump({"items": [{"guid": i["guid"], "result": "differs", "how": "200 before, 500 now", "now": 500} if i["differs"] else
                             {"guid": i["guid"], "result": "same", "now": 200, "job": {"cluster": "Kubernetes"}} for i in items]}, f)


def build_groups(items, at, up, first_id, attempt_step):
    """A line for each beginning and each end, as the program writes them."""
    for n, i in enumerate(items):
        yield at + n * 10, up + n * 10, [{"type": "intent", "id": first_id + n, "step": attempt_step, "effect": "content.build", "key": i["guid"],
                                          "detail": {"title": i["title"], "try": 1}}]
        result = {"state": "failed", "try": 1, "error": i["why"]} if i["failed"] else {"state": "built", "try": 1}
        yield at + n * 10 + i["took"], up + n * 10, [{"type": "close", "intent": first_id + n, "life": "happened", "result": result}]


def stamp(ms):
    import datetime
    t = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def unstamp(text):
    import datetime
    t = datetime.datetime.strptime(text[:-1] + "000", "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc)
    return round(t.timestamp() * 1000)


def with_builds(lines, items):
    """The groups of the record, with the builds of all items in place of the small run's."""
    out, added, later = [], 0, 0
    old = set()
    for group in lines:
        at, up, keep = unstamp(group["at"]) + later, group["up"] + later, []
        for e in group["ev"]:
            if e["type"] == "intent" and e["effect"] == "content.build":
                if not added:
                    out.extend(build_groups(items, at, up, e["id"], e["step"]))
                    added = len(items)
                    later = len(items) * 10 + 100000
                old.add(e["id"])
                continue
            if e.get("intent") in old:
                continue
            if e["type"] == "fact" and e["name"] == "content.build":
                e["value"]["selected"] = len(items)
            if added and e["type"] == "intent":
                e["id"] += added - len(old)
            elif added and e.get("intent", 0) > max(old):
                e["intent"] += added - len(old)
            keep.append(e)
        if keep:
            out.append((at if not added else unstamp(group["at"]) + later, up, keep))
    return out


def write_record(path, groups):
    """Each line's checksum rests on the one before: doc/connect-migrate-state.5."""
    crc, newest = "00000000", 0
    with open(path, "wb") as f:
        for seq, (at, up, events) in enumerate(groups, 1):
            newest = max(newest, up)
            body = json.dumps({"seq": seq, "at": stamp(at), "up": newest, "ev": events}, separators=(",", ":"), ensure_ascii=False)[:-1].encode()
            crc = f"{zlib.crc32(body, zlib.crc32(crc.encode())):08x}"
            f.write(body + f',"crc":"{crc}"}}\n'.encode())


def make(small, folder, count, owners):
    """A run directory `folder` from the finished run directory `small`. The items that are in it."""
    shutil.copytree(small, folder)
    items = make_items(count, owners)
    write_artifacts(os.path.join(folder, "artifacts"), items)
    with open(os.path.join(folder, "state.jsonl"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    write_record(os.path.join(folder, "state.jsonl"), with_builds(lines, items))
    return items
