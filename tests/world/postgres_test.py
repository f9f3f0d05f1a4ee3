#!/usr/bin/env python3
"""Connect's database by real PostgreSQL servers: every way of not being let in is told apart, nothing takes longer than its limit, a
pooler and a forgotten node are recognised, and nothing but reads is ever sent."""
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

from looked import look, only_checks, plan_text, write_plan
from rehearsal import Postgres, Tap, World, as_server_user, free_port, scratch, server_binary

tap = Tap()
PASSWORD = "CANARY-" + secrets.token_hex(12)


class Server:
    """A PostgreSQL of the test's own: what pg_hba.conf and postgresql.conf say, and a log of every statement with who sent it."""

    def __init__(self, hba, addresses="127.0.0.1", **settings):
        self.dir = scratch("pg")
        self.who, self.port = as_server_user(), free_port()
        self.data, self.log = os.path.join(self.dir, "data"), os.path.join(self.dir, "log")
        if self.who:
            os.chown(self.dir, self.who["user"], self.who["group"])
        self.quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.dir, **self.who}
        subprocess.run([server_binary("initdb"), "-D", self.data, "-U", "super", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, **self.quiet)
        self.settings = {"listen_addresses": addresses, "port": self.port, "unix_socket_directories": self.dir, "fsync": "off",
                         "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "32MB", "password_encryption": "scram-sha-256",
                         "log_statement": "all", "log_line_prefix": "|%a|%u|", **settings}
        self.write("pg_hba.conf", "local all super trust\nhost all super 127.0.0.1/32 trust\n" + hba)
        self.process = None

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.data, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        if self.who:
            os.chown(path, self.who["user"], self.who["group"])
        return path

    def __enter__(self):
        options = [x for k, v in self.settings.items() for x in ("-c", f"{k}={v}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([server_binary("postgres"), "-D", self.data, *options], **{**self.quiet, "stderr": log})
        for _ in range(1500):
            if self.sql("SELECT 1", check=False)[0] == 0:
                return self
            time.sleep(0.02)
        raise RuntimeError("the server did not come up")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def client(self, *args, user="super", database="postgres", host=None, port=None, name="test", password=None):
        command = [server_binary("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", host or "127.0.0.1", "-p", str(port or self.port), "-U", user,
                   "-d", database, *args]
        return command, {**os.environ, "PGAPPNAME": name, "PGPASSWORD": password or PASSWORD, "PGCONNECT_TIMEOUT": "20"}

    def sql(self, *statements, check=True, **who):
        command, env = self.client(*[x for s in statements for x in ("-c", s)], **who)
        p = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                           timeout=60)
        if check and p.returncode != 0:
            raise RuntimeError(f"{statements}: {p.stdout}")
        return p.returncode, p.stdout

    @contextlib.contextmanager
    def session(self, n=1, **who):
        """Sessions that stay as long as the `with`."""
        command, env = self.client(**who)
        all_of_them = [subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                       for _ in range(n)]
        try:
            name = who.get("name", "test")
            for _ in range(1500):
                if int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' AND pid <> pg_backend_pid()")[1]) >= n:
                    break
                time.sleep(0.02)
            yield
        finally:
            for p in all_of_them:
                p.stdin.close()
                p.wait(timeout=30)

    def statements(self):
        """What our program sent, in order."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        return re.findall(r"^\|connect-migrate[^|]*\|[^|]*\|LOG:  (?:statement|execute [^:]*): (.*)$", text, flags=re.M)


def make_databases(server):
    server.sql(f"CREATE ROLE connect LOGIN PASSWORD '{PASSWORD}'", f"CREATE ROLE metrics LOGIN PASSWORD '{PASSWORD}'", "CREATE ROLE nobody_in LOGIN",
               f"CREATE ROLE weak LOGIN PASSWORD '{PASSWORD}'")
    server.sql("CREATE DATABASE connect OWNER connect")
    server.sql("CREATE DATABASE connect_metrics OWNER metrics")


class Checked:
    """A world whose configuration and plan name the test's own server; checks look at the database alone."""

    def __init__(self, world):
        self.w = world
        self.gcfg = world.path("vm/etc/rstudio-connect/rstudio-connect.gcfg")
        with open(self.gcfg, encoding="utf-8") as f:
            self.head, self.tail = re.split(r"^\[Postgres\]\n(?:.+\n)*", f.read(), flags=re.M)

    def configure(self, url, metrics=None, password=PASSWORD, metrics_password=PASSWORD):
        lines = [f'URL = "{url}"']
        if password:
            lines.append(f'Password = "{password}"')
        if metrics:
            lines += [f'InstrumentationURL = "{metrics}"', f'InstrumentationPassword = "{metrics_password}"']
        with open(self.gcfg, "w", encoding="utf-8") as f:
            f.write(self.head + "[Postgres]\n" + "\n".join(lines) + "\n" + self.tail)

    def check(self, port, host="127.0.0.1", more="", env=None):
        text = only_checks(self.w, plan_text(self.w), ["database.check"])
        text = re.sub(r"^database: .*$", f"database: {{hostaddr: \"{host}\", port: {port}{more}}}", text, flags=re.M)
        clean = {"HOME": self.w.dir, "PGPASSFILE": "", **(env or {})}
        return look(self.w, write_plan(self.w, "check.yaml", text), {k: v for k, v in clean.items() if v} | {k: "/nonexistent" for k, v in clean.items() if not v})


def sees(seen, verdict, finding, words, name):
    tap.ok(seen.verdict(finding) == verdict and all(w in seen.seen(finding) + " " + seen.remedy(finding) for w in words),
           f"{name}: {verdict} {finding}", f"wanted the words {words}\n{seen}")


CORE = "postgres://connect@db.example.com:5432/connect?sslmode=disable"
METRICS = "postgres://metrics@db.example.com:5432/connect_metrics?sslmode=disable"


# ---- let in or not ----

def passwords(c, s):
    c.configure(CORE, METRICS)
    seen = c.check(s.port)
    tap.equal([i for i in seen.of("blocker", "unknown") if i != "database.not-in-use"], [], "both databases answer with their own roles", seen)
    for finding, role in (("database.core", "connect"), ("database.instrumentation-answers", "metrics")):
        tap.ok(re.search(rf"PostgreSQL \d+.* as {role}: \d+ .B, UTF8, no TLS, \d+ of \d+ connections", seen.seen(finding)) is not None,
               f"{finding} says version, role, size, encoding, TLS and connections", seen)
    tap.ok(PASSWORD not in seen.result.out + seen.result.err, "no password is shown")
    c.configure(CORE, METRICS, password="wrong", metrics_password="wrong-too")
    seen = c.check(s.port)
    sees(seen, "blocker", "database.password", ["refused the password of connect", "the server's configuration"], "a wrong password")
    sees(seen, "blocker", "database.instrumentation-password", ["metrics"], "and of the other role")
    c.configure(CORE, password=None)
    sees(c.check(s.port), "unknown", "database.password", ["holds none", "database: {password"], "no password anywhere")
    sealed = secrets.token_hex(60)
    c.configure(CORE, password=sealed)
    seen = c.check(s.port)
    sees(seen, "unknown", "database.password", ["encrypted", "database: {password"], "an encrypted password is asked for")
    tap.ok(sealed not in seen.result.out + seen.result.err, "and is not shown")
    secret = c.w.path("password")
    with open(secret, "w", encoding="utf-8") as f:
        f.write(PASSWORD + "\n")
    os.chmod(secret, 0o600)
    tap.equal(c.check(s.port, more=f", password: {{file: \"{secret}\"}}").verdict("database.core"), "ok", "the plan's password is used in its place")
    c.configure(CORE, password=None)
    tap.equal(c.check(s.port, env={"PGPASSWORD": PASSWORD}).verdict("database.core"), "ok", "PGPASSWORD is used")
    with open(c.w.path(".pgpass"), "w", encoding="utf-8") as f:
        f.write(f"db.example.com:*:connect:connect:{PASSWORD}\n")
    os.chmod(c.w.path(".pgpass"), 0o600)
    tap.equal(c.check(s.port, env={"PGPASSFILE": c.w.path(".pgpass")}).verdict("database.core"), "ok", "and .pgpass, by the name in the URL")


def names_and_rights(c, s):
    c.configure(CORE.replace("/connect?", "/conect?"), METRICS)
    seen = c.check(s.port)
    sees(seen, "blocker", "database.missing", ["conect"], "no such database")
    tap.equal(seen.verdict("database.instrumentation-answers"), "ok", "the other database is looked at all the same", seen)
    c.configure(CORE.replace("://connect@", "://nobody_in@"))
    sees(c.check(s.port), "unknown", "database.hba", ["pg_hba.conf", "database: {via: source}"], "an address that is not admitted")
    c.configure(CORE)
    s.sql("ALTER ROLE connect NOLOGIN")
    sees(c.check(s.port), "blocker", "database.role", ["connect", "not permitted to log in"], "a role that may not log in")
    s.sql("ALTER ROLE connect LOGIN", "REVOKE CONNECT ON DATABASE connect FROM PUBLIC", "REVOKE CONNECT ON DATABASE connect FROM connect",
          "ALTER DATABASE connect OWNER TO super")
    sees(c.check(s.port), "blocker", "database.connect", ["GRANT CONNECT ON DATABASE"], "a role that may not connect")
    s.sql("GRANT CONNECT ON DATABASE connect TO PUBLIC")
    s.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE TABLE users (id int)", "CREATE SCHEMA apart AUTHORIZATION connect", database="connect")
    sees(c.check(s.port), "warning", "database.create", ["schema public", "GRANT CREATE ON SCHEMA"], "a role that may not create tables")
    c.configure(CORE + "&search_path=apart")
    tap.equal(c.check(s.port).verdict("database.create"), None, "the schema that the URL names is the one that counts")
    c.configure(CORE + "&options=-c%20search_path%3Dnowhere")
    sees(c.check(s.port), "warning", "database.create", ["no schema"], "a schema that is not there")
    s.sql("GRANT CREATE ON SCHEMA public TO connect", database="connect")
    c.configure(CORE)
    sees(c.check(s.port), "warning", "database.owner", ["1 table", "OWNER TO"], "tables of another owner")
    s.sql("ALTER TABLE users OWNER TO connect", database="connect")
    s.sql("ALTER DATABASE connect OWNER TO connect")


def room(c, s):
    c.configure(CORE)
    with s.session(n=10, user="super", name="filler"):
        sees(c.check(s.port), "warning", "database.connections", ["connections", "max_connections"], "connections nearly used up")
        with s.session(n=3, user="super", name="more"):
            sees(c.check(s.port), "unknown", "database.full", ["no free connection", "max_connections"], "connections used up")
    s.sql("ALTER ROLE connect CONNECTION LIMIT 5")
    sees(c.check(s.port), "warning", "database.connections", ["only 5"], "a low limit of the role")
    s.sql("ALTER ROLE connect CONNECTION LIMIT -1")


# ---- sessions ----

def own_address():
    """An address of this machine that is not loopback; nothing is sent. None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with contextlib.suppress(OSError):
            s.connect(("198.51.100.1", 9))
            address = s.getsockname()[0]
            return None if address.startswith("127.") or address == "0.0.0.0" else address
    return None


def sessions(c, s, address):
    c.configure(CORE, METRICS)
    with s.session(n=2, user="connect", database="connect", name="rsc"), s.session(user="super", database="connect", name="nagios"):
        seen = c.check(s.port)
        sees(seen, "ok", "database.sessions", ["2 of Connect from the known nodes", "1 of others", "super", "nagios"],
             "sessions are told by role; others are named")
        if address is None:
            tap.skip("a forgotten node is named", "this machine has no address but loopback")
        else:
            with s.session(user="connect", database="connect", name="forgotten", host=address):
                sees(c.check(s.port), "unknown", "database.sessions", ["1 session", f"connect from {address}", "forgotten", "source.hosts"],
                     "a forgotten node is named by its address and application")
                seen = c.check(s.port, more=", ignore_sessions: [forgotten]")
                tap.equal(seen.verdict("database.sessions"), "ok", "a known and harmless one is named in the plan, and then not asked about", seen)


# ---- TLS ----

def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def certificates(server, folder):
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.crt", cwd=folder)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=db.example.com", "-keyout", "server.key", "-out",
            "server.csr", cwd=folder)
    with open(os.path.join(folder, "san"), "w", encoding="utf-8") as f:
        f.write("subjectAltName=DNS:db.example.com\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san", "-out",
            "server.crt", cwd=folder)
    for name in ("server.key", "server.crt"):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            server.write(name, f.read())


def tls(c):
    if shutil.which("openssl") is None:
        return tap.skip("TLS of the database", "there is no openssl here")
    folder = scratch("tls")
    s = Server("hostssl all all 127.0.0.1/32 scram-sha-256\n", ssl="on")
    certificates(s, folder)
    try:
        with s:
            make_databases(s)
            url = "postgres://connect@db.example.com:5432/connect?sslmode="
            c.configure(url + "disable")
            sees(c.check(s.port), "unknown", "database.tls", ["sslmode=disable", "sslmode=require"], "TLS required and not used")
            c.configure(url + "require")
            seen = c.check(s.port)
            tap.ok(seen.verdict("database.core") == "ok" and ", TLS," in seen.seen("database.core"), "with TLS it is let in, and that is said", seen)
            c.configure(f"{url}verify-full&sslrootcert={folder}/ca.crt")
            tap.equal(c.check(s.port).verdict("database.core"), "ok", "verify-full with the right CA and name")
            c.configure(f"{url}verify-full&sslrootcert={folder}/other.crt")
            sees(c.check(s.port), "unknown", "database.tls", ["certificate"], "verify-full with a wrong CA")
            c.configure(f"{url}verify-full&sslrootcert={folder}/ca.crt".replace("db.example.com", "database.example.org"))
            sees(c.check(s.port), "unknown", "database.tls", ["database.example.org"], "verify-full with another name")
            c.configure(f"{url}verify-full&sslrootcert={folder}/nowhere.crt")
            sees(c.check(s.port), "unknown", "database.tls", ["root"], "a CA file that is not here")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


# ---- slow and killed peers ----

class Peer:
    """Listens, says what it is told to say to a start-up packet, and then keeps silent or hangs up."""

    def __init__(self, answer, hang_up):
        self.answer, self.hang_up, self.kept = answer, hang_up, []
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.socket.accept()
                if self.answer:
                    one.recv(8192)
                    one.sendall(self.answer)
                    one.recv(8192)
                self.kept.append(one)
                if self.hang_up:
                    one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for one in self.kept:
            one.close()


# AuthenticationOk, BackendKeyData, ReadyForQuery (PostgreSQL manual, protocol-message-formats)
LET_IN = b"R\0\0\0\x08\0\0\0\0" + b"K\0\0\0\x0c\0\0\0\x2a\0\0\0\x2a" + b"Z\0\0\0\x05I"


def bad_peers(c):
    c.configure(CORE, METRICS)
    for name, answer, hang_up, words, limit in (
            ("a server that accepts and never answers", b"", False, "does not answer within 10", 14),
            ("a server that lets in and then never answers", LET_IN, False, "within its limit", 16),
            ("a server that dies in the middle of a query", LET_IN, True, "lost", 6),
            ("something else that answers", b"HTTP/1.1 400 Bad Request\r\n\r\n", True, "", 6)):
        with Peer(answer, hang_up) as p:
            seen = c.check(p.port)
            tap.ok(seen.verdict("database.unreachable") == "unknown" and words in seen.seen("database.unreachable"), f"{name}: unknown, and why", seen)
            tap.equal(len(seen.findings), 1, f"{name}: one finding, nothing follows from it", seen)
            tap.ok(seen.took < limit, f"{name}: within the limits", f"{seen.took:.1f} s")


# ---- a pooler ----

class Pooler:
    """pgbouncer before a server, with the roles of `users` and their passwords."""

    def __init__(self, port, databases, users, mode="transaction"):
        self.dir, self.port = scratch("pool"), free_port()
        who = as_server_user()
        with open(os.path.join(self.dir, "users"), "w", encoding="utf-8") as f:
            f.write("".join(f'"{u}" "{p}"\n' for u, p in users.items()))
        with open(os.path.join(self.dir, "ini"), "w", encoding="utf-8") as f:
            f.write("[databases]\n" + "".join(f"{d} = host=127.0.0.1 port={port}\n" for d in databases) +
                    f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
                    f"unix_socket_dir =\nauth_type = plain\nauth_file = {self.dir}/users\npool_mode = {mode}\ndefault_pool_size = 4\n"
                    f"ignore_startup_parameters = extra_float_digits\nlogfile = {self.dir}/log\n")
        if who:
            for path in (self.dir, f"{self.dir}/users", f"{self.dir}/ini"):
                os.chown(path, who["user"], who["group"])
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        self.process = subprocess.Popen([program, "-q", f"{self.dir}/ini"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.dir, **who)
        for _ in range(1500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def no_pooler_here():
    return shutil.which("pgbouncer") is None and not os.access("/usr/sbin/pgbouncer", os.X_OK)


def pooler(c, s):
    if no_pooler_here():
        return tap.skip("a pooler in between", "there is no pgbouncer here")
    c.configure(CORE, METRICS)
    for mode in ("transaction", "session"):
        with Pooler(s.port, ("connect", "connect_metrics"), {"connect": PASSWORD, "metrics": PASSWORD}, mode) as p:
            seen = c.check(p.port)
            sees(seen, "unknown", "database.pooler", ["pooler", "hostaddr"], f"a pooler in {mode} mode")
            tap.ok("database.sessions" not in seen.findings, "nothing is said of sessions that cannot be seen through it", seen)
            left = s.sql("SHOW statement_timeout", user="connect", database="connect", port=p.port)[1].strip()
            tap.equal(left, "0", "and nothing of ours stays on its sessions")
            tap.equal(s.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[1].strip(), "0", "no lock either")
    seen = c.check(s.port)
    tap.ok("database.pooler" not in seen.findings and seen.verdict("database.sessions") == "ok", "hostaddr names the real server: all is known", seen)
    return None


ATTESTED = """  database.pooler: {note: "the DBA looked: nothing else is connected"}
  database.instrumentation-pooler: {note: "the same"}
  interlock.unknown: {note: "the DBA looked: nothing else is connected"}
"""


def a_run_through_a_pooler(postgres):
    """What cannot be decided through a pooler stops the run before anything is done; a person's word by name lets it go on."""
    if no_pooler_here():
        return tap.skip("a run through a pooler", "there is no pgbouncer here")
    with World(postgres) as w:
        with open(w.path("world.json"), encoding="utf-8") as f:
            d = json.load(f)["database"]
        with Pooler(d["port"], (d["core"], d["instrumentation"]), {d["role"]: d["password"]}) as p:
            text = re.sub(r"^database: .*$", f"database: {{hostaddr: 127.0.0.1, port: {p.port}}}", plan_text(w), flags=re.M)
            r = w.cli(write_plan(w, "pooled.yaml", text), "--yes", timeout=120)
            tap.equal(r.status, 3, "a run through a pooler waits for an answer before anything is done", r.err)
            tap.ok("pooler" in r.out + r.err and "hostaddr" in r.out + r.err, "and says which", r.err)
            tap.equal([e for e in w.effects() if e["effect"] in ("service.stop", "helm.upgrade")], [], "nothing was changed")
            text = re.sub(r"^gates:\n", "gates:\n" + ATTESTED, text, flags=re.M)
            r = w.cli(write_plan(w, "attested.yaml", text), "--yes", timeout=120)
            tap.equal((r.status, w.violations()), (0, []), "a person's word for each question lets it go to its end", r.err)
    return None


# ---- reads only, a standby ----

def reads_only(s):
    sent = s.statements()
    tap.ok(len(sent) > 40, "the server's log holds what was sent", f"{len(sent)} statements")
    words = r"\b(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|TRUNCATE|INTO|pg_\w*lock\w*\()"
    strange = [x for x in sent if not re.match(r"SELECT\b", x) or re.search(words, re.sub(r"'[^']*'", "", x))]
    tap.equal(strange, [], "and that is reads only, not even a lock")
    tap.equal({m for x in sent for m in re.findall(r"set_config\('(\w+)'", x)} - {"statement_timeout"}, set(), "nothing is set but our own time limit")


def standby(c, s):
    s.stop()
    s.write("standby.signal", "")
    s.__enter__()
    c.configure(CORE)
    sees(c.check(s.port), "blocker", "database.recovery", ["standby in recovery", "primary"], "a standby in recovery")


def main():
    postgres = Postgres()
    address = own_address()
    hba = ("host all nobody_in 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n" +
           (f"host connect connect {address}/32 scram-sha-256\n" if address else ""))
    try:
        with World(postgres) as w:
            c = Checked(w)
            with Server(hba, addresses="127.0.0.1" + (f",{address}" if address else ""), max_connections=15) as s:
                make_databases(s)
                passwords(c, s)
                names_and_rights(c, s)
                room(c, s)
                sessions(c, s, address)
                reads_only(s)
                pooler(c, s)
                standby(c, s)
            tls(c)
            bad_peers(c)
        a_run_through_a_pooler(postgres)
    finally:
        postgres.stop()
    tap.end()


main()
