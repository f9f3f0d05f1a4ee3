"""Whole runs in the rehearsal's world, for the test scripts: one PostgreSQL a script, a world a test, the real program.

Everything started here is ended here, by its own process object. TAP goes to stdout."""
import atexit
import collections
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = os.environ.get("CM_BUILD", os.getcwd())
SRC = os.environ.get("CM_SRC", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RUN = os.path.join(BUILD, "connect-migrate-run")
WORLD = os.path.join(BUILD, "connect-migrate-world")

# A script that is told to end ends what it started: by its own finally and with.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Tap:
    """Numbers the tests, prints TAP, keeps the exit status honest. Safe to use from several threads."""

    def __init__(self):
        self.n = 0
        self.failed = 0
        self.lock = threading.Lock()

    def ok(self, good, name, why=""):
        with self.lock:
            self.n += 1
            self.failed += 0 if good else 1
            print(f"{'' if good else 'not '}ok {self.n} - {name}")
            if not good:
                for line in str(why).splitlines()[-60:]:
                    print(f"# {line}")
            sys.stdout.flush()
        return good

    def equal(self, got, want, name, context=""):
        return self.ok(got == want, name, f"got:  {got!r}\nwant: {want!r}\n{context}")

    def skip(self, name, why):
        with self.lock:
            self.n += 1
            print(f"ok {self.n} - {name} # SKIP {why}")
            sys.stdout.flush()

    def part(self, job, *words):
        """Run a part of the tests. One that breaks is a failed test, and hides no other."""
        try:
            job(*words)
        except Exception as e:
            self.ok(False, f"{getattr(job, '__name__', 'a part')} runs to its end", "".join(traceback.format_exception(e)))

    def end(self):
        print(f"1..{self.n}")
        sys.exit(0)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def scratch(name, where=None):
    """A folder for this script; gone when the script ends, however it ends but by -9. CM_KEEP keeps it."""
    folder = tempfile.mkdtemp(prefix=f"cm-{name}-", dir=where)
    if not os.environ.get("CM_KEEP"):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_hooks():
    with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as f:
        return "#define CM_TEST_HOOKS 1" in f.read()


def as_server_user():
    """PostgreSQL refuses to run as root: another user then."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def server_binary(name):
    for root in sorted(os.listdir("/usr/lib/postgresql"), key=lambda v: int(v) if v.isdigit() else 0, reverse=True):
        path = f"/usr/lib/postgresql/{root}/bin/{name}"
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name)


class Postgres:
    """A private server for the worlds of one script."""

    def __init__(self):
        self.dir = scratch("postgres")
        data = os.path.join(self.dir, "data")
        who = as_server_user()
        if who:
            os.chown(self.dir, who["user"], who["group"])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.dir}
        subprocess.run([server_binary("initdb"), "-D", data, "-U", "super", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, **quiet, **who)
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.dir}", "-c", "fsync=off",
                   "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "autovacuum=off", "-c", "shared_buffers=32MB"]
        for _ in range(5):    # somebody may take the port between finding it and using it
            self.port = free_port()
            self.process = subprocess.Popen([server_binary("postgres"), "-D", data, "-c", f"port={self.port}", *options], **quiet, **who)
            until(lambda: self.process.poll() is not None or self.lets_in(), pause=0.02)
            if self.process.poll() is None:
                return
        raise RuntimeError("PostgreSQL did not come up")

    def lets_in(self):
        """It listens before it lets anybody in."""
        return subprocess.run([server_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode == 0

    def option(self):
        return ["--postgres", f"127.0.0.1:{self.port}:super"]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=120)
        shutil.rmtree(self.dir, ignore_errors=True)


Result = collections.namedtuple("Result", "status out err")


class World:
    """One world, up from the beginning of a `with` to its end."""

    def __init__(self, postgres=None, *options, dir=None):
        self.dir = dir or scratch("world")
        self.own = dir is None
        self.postgres = postgres
        self.options = [str(o) for o in options]
        self.process = None

    def __enter__(self):
        self.up()
        return self

    def up(self):
        command = [WORLD, "serve", "--dir", self.dir, *self.options, *(self.postgres.option() if self.postgres else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            self.process.kill()
            raise RuntimeError(f"the world did not come up: {line}{self.process.stderr.read()}")

    def down(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
            self.process = None

    def __exit__(self, *_):
        self.down()
        if self.own and not os.environ.get("CM_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def plan(self):
        return os.path.join(self.dir, "plan.yaml")

    @property
    def run_dir(self):
        return os.path.join(self.dir, "plan.run")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def start(self, *args, env=None, **more):
        everything = {**os.environ, **(env or {})}
        return subprocess.Popen([RUN, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=everything, **more)

    def cli(self, *args, env=None, timeout=120):
        """The program with these arguments, to its end."""
        p = self.start(*args, env=env)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            return Result(-999, out, err + "\n(ended by the test: it took too long)")
        return Result(p.returncode, out, err)

    def run(self, *args, **more):
        return self.cli(self.plan, "--yes", *args, **more)

    def end_accident(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("drill"))

    def effects(self):
        with contextlib.suppress(FileNotFoundError), open(self.path("effects.jsonl"), encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]
        return []

    def changes(self):
        """The effects without times, ids and requests that changed nothing, sorted: equal for equal histories."""
        out = []
        for e in self.effects():
            if e["effect"] == "noop":
                continue
            if e["effect"] == "webhook" and any(("effect", '"webhook"') in o for o in out):
                continue    # the one effect that is at least once when its answer was lost: doc/resume.md
            out.append(tuple(sorted((k, json.dumps(v)) for k, v in e.items() if k not in ("at", "pid", "task_id", "reference", "pod", "seq"))))
        return sorted(out)

    def count(self, effect, **members):
        return sum(1 for e in self.effects() if e["effect"] == effect and all(e.get(k) == v for k, v in members.items()))

    def violations(self):
        return [e for e in self.effects() if e["effect"] == "VIOLATION"]

    def dump(self):
        p = subprocess.run([WORLD, "dump", self.dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
        return json.loads(p.stdout)

    def status(self):
        return json.loads(self.cli("status", self.plan, "--json").out)

    def journal(self):
        with open(os.path.join(self.run_dir, "state.jsonl"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def lines(self):
        with open(os.path.join(self.run_dir, "state.jsonl"), "rb") as f:
            return f.read().count(b"\n")


class Watch(threading.Thread):
    """Looks at the arguments of every process while it is open: which of these words stood in them."""

    def __init__(self, words, pause=0.01):
        super().__init__(daemon=True)
        self.words, self.pause = words, pause
        self.seen = set()
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(self.pause):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                    line = f.read().decode(errors="replace")
                    self.seen |= {word for word in self.words if word in line}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def edit(path, old, new, count=0):
    """Replace what `old`, an expression, matches by `new`, `count` times (0: everywhere)."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    changed = re.sub(old, new, text, count=count, flags=re.M)
    assert changed != text, f"{path}: nothing matches {old}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(changed)


def until(ready, limit=60, pause=0.005):
    """Look until it is so: what `ready` says then; at the limit what it says by now."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        got = ready()
        if got:
            return got
        time.sleep(pause)
    return ready()


LAUNCHER = """launcher:
  enabled: true   # since 2024
  templateValues:
    job:
      annotations:
        example.com/owner: data-science   # asked for by finance
    pod:
      env:
        - name: HTTPS_PROXY
          value: http://proxy.example.com:3128
      nodeSelector:
        workload: content

"""


def launcher_values(world, section=LAUNCHER, indent=""):
    """The world's values as somebody wrote them for the Launcher, with a chart that had no other runner. The text."""
    section = "".join(f"{indent}{line}" if line.strip() else line for line in section.splitlines(keepends=True))
    with open(world.path("values.yaml"), encoding="utf-8") as f:
        text = f.read()
    begin, end = text.index(f"{indent}backends:\n"), text.index(f"{indent}executionEnvironments:\n")
    text = text[:begin] + section + text[end:]
    with open(world.path("values.yaml"), "w", encoding="utf-8") as f:
        f.write(text)
    return text


def run_until_done(world, *args, tries=40, **more):
    """Type the same command again, as people do, until it says something else than `interrupted`."""
    for _ in range(tries):
        r = world.run(*args, **more)
        if r.status not in (130, 143, -9):
            return r
    return r


def find_helm():
    """$CM_HELM, or the one that tests/cluster/build.sh made, or the one in PATH; None."""
    where = subprocess.run([os.path.join(SRC, "tests", "cluster", "build.sh"), "where"], capture_output=True, text=True, check=False)
    for path in (os.environ.get("CM_HELM"), os.path.join(where.stdout.strip(), "helm3"), shutil.which("helm")):
        if path and os.access(path, os.X_OK):
            return path
    return None


def at_once(jobs, workers=2):
    """Run these functions, a few side by side."""
    todo = collections.deque(jobs)

    def work():
        while True:
            try:
                job = todo.popleft()
            except IndexError:
                return
            job()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
