#!/usr/bin/env python3
"""Who may include whom, and which functions nobody may call: doc/architecture.md says it, this holds it."""
import os
import re
import sys

SRC = os.environ.get("CM_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

ALLOWED = {
    "base": {"base"},
    "journal": {"journal", "base"},
    "plan": {"plan", "base"},
    "values": {"values", "base"},
    "adapters": {"adapters", "plan", "base"},
    "actions": {"actions", "adapters", "values", "plan", "base"},
    "engine": {"engine", "journal", "plan", "base"},
    "report": {"report", "journal", "base"},
    "world": {"world", "base"},
    "cli": {"cli", "engine", "report", "actions", "adapters", "values", "plan", "journal", "base"},
}
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|system|popen|setjmp|longjmp)\s*\(")
EXIT = re.compile(r"(?<![\w_])exit\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([a-z]+)/', re.M)
COMMENT = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.S)

problems = {"layers": [], "banned": [], "exit": [], "size": [], "first include": []}
for folder, allowed in sorted(ALLOWED.items()):
    for name in sorted(os.listdir(os.path.join(SRC, "src", folder))):
        if not name.endswith((".c", ".h")):
            continue
        path = f"src/{folder}/{name}"
        text = open(os.path.join(SRC, path), encoding="utf-8").read()
        for other in INCLUDE.findall(text):
            if other not in allowed:
                problems["layers"].append(f"{path} includes {other}/")
        code = COMMENT.sub(" ", text)
        for word in BANNED.findall(code):
            problems["banned"].append(f"{path} calls {word}()")
        if EXIT.search(code) and path not in ("src/cli/main.c", "src/world/main.c", "src/world/client.c"):
            problems["exit"].append(f"{path} calls exit()")
        if len(text.splitlines()) > 700:
            problems["size"].append(f"{path} has {len(text.splitlines())} lines: is it telling two stories?")
        if name.endswith(".c") and not re.search(r"^#include <config\.h>$", text, re.M) and path != "src/world/client.c":
            problems["first include"].append(f"{path} does not include <config.h>")

world_seams = {"cm/err.h", "cm/str.h", "cm/clock.h", "cm/loop.h"}
for name in sorted(os.listdir(os.path.join(SRC, "src", "world"))):
    text = open(os.path.join(SRC, "src", "world", name), encoding="utf-8").read()
    for seam in re.findall(r"#\s*include\s*<(cm/\w+\.h)>", text):
        if seam not in world_seams:
            problems["layers"].append(f"src/world/{name} includes <{seam}>")

print(f"1..{len(problems)}")
for n, (what, found) in enumerate(problems.items(), 1):
    print(f"{'not ' if found else ''}ok {n} - {what}")
    for line in found:
        print(f"# {line}")
sys.exit(0)
