#!/usr/bin/env python3
"""The old server by real OpenSSH on loopback: what keeps ssh out is told apart and says what to type, nothing hangs or asks, one
connection serves a node, and a whole migration goes over it, with the database through the server as well."""
import os
import re
import resource
import shutil
import subprocess

from looked import look, only_checks, plan_text, write_plan
from openssh import Lab, make_key, missing
from rehearsal import Postgres, Tap, World, skip_all

CHECKS = ("database.check", "storage.check", "version.check", "license.check", "source.inventory")

tap = Tap()


def node_shell(world, host):
    """The world's node behind a real sshd: what ssh asks for runs there as the stand-in would run it."""
    return f"{world.path('bin', 'node-shell')} {host} \"$SSH_ORIGINAL_COMMAND\""


def plan_by_ssh(world, lab, name, *, hosts="connect1", become="[]", limit="30s", whole=False, database=None):
    """The world's plan with the old server behind ssh."""
    text = plan_text(world)
    text = re.sub(r"^  hosts: .*$", f"  hosts: [{hosts}]", text, flags=re.M)
    text = re.sub(r"^  shell: .*$", "  shell: ssh", text, flags=re.M)
    text = re.sub(r"^  become: .*$", f"  become: {become}", text, flags=re.M)
    text = re.sub(r"^tools: \{", f"tools: {{ssh: \"{lab.ssh}\", ", text, flags=re.M)
    if database:
        text = re.sub(r"^database: \{", f"database: {{{database}, ", text, flags=re.M)
    if not whole:
        text = only_checks(world, text, CHECKS, limit)
    return write_plan(world, name, text)


def check(world, lab, plan, **environment):
    return look(world, plan, lab.environment(**environment))


def kept_out(world, lab, name, words, typed, plan=None, ids=("database.unreachable", "storage.unreachable"), **environment):
    """Every check that needs the node says the same one thing, with what to type; none of them is a blocker."""
    seen = check(world, lab, plan or plan_by_ssh(world, lab, "check.yaml"), **environment)
    tap.equal(seen.result.status, 5, f"{name}: the check has open questions", seen)
    tap.equal(seen.of("blocker"), [], f"{name}: what cannot be seen is no blocker", seen)
    for finding in ids:
        tap.ok(seen.verdict(finding) == "unknown" and words in seen.seen(finding), f"{name}: {finding} says \"{words}\"", seen)
        tap.ok(typed in seen.remedy(finding), f"{name}: {finding} says what to type", f"wanted: {typed}\n{seen}")
    return seen


# ---- one connection a node ----

def shared(world, lab, one, two):
    lab.configure(lab.entry(one), lab.entry(two))
    plan = plan_by_ssh(world, lab, "check.yaml", hosts="connect1, connect2")
    before = world.dump()
    seen = check(world, lab, plan)
    tap.equal(seen.of("blocker", "unknown"), [], "through ssh a healthy server has nothing to complain of", seen)
    tap.equal((one.logins(), two.logins()), (1, 1), "five checks side by side log in once on each of two nodes", one.said()[-3000:])
    check(world, lab, plan)
    tap.equal((one.logins(), two.logins()), (1, 1), "the next check uses the connection that stands", one.said()[-3000:])
    tap.equal(world.dump(), before, "nothing was changed by looking")
    lab.hang_up()
    for server in (one, two):
        server.forget()
    lab.configure(lab.entry(one, "ControlMaster auto", f"ControlPath {lab.runtime}/mine-%C", "ControlPersist 30"), lab.entry(two))
    subprocess.run([lab.ssh, "connect1", "true"], check=True, stdin=subprocess.DEVNULL, timeout=30)
    check(world, lab, plan)
    tap.equal(one.logins(), 1, "a connection that the user shares is used as it is", one.said()[-3000:])
    tap.equal(len(lab.sockets()), 1, "and there none of ours is made", lab.sockets())
    subprocess.run([lab.ssh, "-O", "exit", "connect1"], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
    lab.hang_up()


# ---- kept out ----

def refused(world, lab, one):
    lab.configure(lab.entry(one, key=lab.other_key))
    kept_out(world, lab, "a key that is not admitted", "ssh is not allowed in without a password",
             f"{lab.ssh} -o BatchMode=yes connect1 true")
    lab.configure(lab.entry(one))
    os.chmod(lab.key, 0o644)
    seen = kept_out(world, lab, "a key file that others may read", "ssh is not allowed in", "BatchMode=yes connect1 true")
    tap.ok("too open" in seen.seen("storage.unreachable"), "and the file's rights are named as the reason", seen)
    os.chmod(lab.key, 0o600)


def other_host_key(world, lab, one):
    lab.configure(lab.entry(one))
    lab.know(one, make_key(os.path.join(lab.dir, "impostor")))
    kept_out(world, lab, "another host key", "the host key changed",
             f"ssh-keygen -R '[127.0.0.1]:{one.port}' -f {lab.dir}/known")
    lab.unknow(one)
    kept_out(world, lab, "a host key never seen", "its host key is not known here", "compare the fingerprint")
    lab.know(one)


def away(world, lab, one):
    one.stop()
    lab.configure(lab.entry(one))
    seen = kept_out(world, lab, "a machine that is off", "cannot be reached", "BatchMode=yes connect1 true")
    tap.ok(seen.took < 10, "a refused connection costs no time", seen)
    lab.configure(f"Host connect1\n HostName no-such-machine.invalid\n BatchMode yes\n")
    kept_out(world, lab, "a name that nobody knows", "connect1", "ssh")
    lab.configure(lab.entry(one, "NoSuchOption yes"))
    kept_out(world, lab, "a faulty ~/.ssh/config", "ssh does not accept its own configuration: ", "Mend that file")
    lab.configure(lab.entry(one))
    one.start(node_shell(world, "connect1"))


# ---- in the middle of a command ----

def in_the_middle(world, lab, one):
    lab.configure(lab.entry(one))
    one.again("case $SSH_ORIGINAL_COMMAND in true) exit;; esac; echo half; kill -9 $PPID; sleep 60")
    seen = kept_out(world, lab, "a connection lost in the middle", "the connection was lost while a command ran", "same command again")
    tap.ok(seen.took < 20, "and it is noticed at once", seen)

    one.again("case $SSH_ORIGINAL_COMMAND in true) exit;; esac; sleep 300")
    plan = plan_by_ssh(world, lab, "slow.yaml", limit="3s")
    seen = check(world, lab, plan)
    tap.ok(seen.took < 12, "a machine that never answers costs a check no more than its limit", seen)
    tap.ok(seen.of("blocker") == [] and any("limit" in f["seen"] for f in seen.findings.values()), "and the limit is named, not a fault", seen)

    one.again("case $SSH_ORIGINAL_COMMAND in true) exit;; esac; head -c 104857600 /dev/zero | tr '\\0' x; "
              f"exec {node_shell(world, 'connect1')}")
    seen = kept_out(world, lab, "100 MB of output", "printed more than 16 MiB", "ssh connect1 true")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    tap.ok(most < 90 * 1024, "and is not kept in memory", f"{most} KiB at most")
    one.again(node_shell(world, "connect1"))


def large_file(world, lab, one):
    config = world.path("vm/etc/rstudio-connect/rstudio-connect.gcfg")
    shutil.copy(config, config + ".kept")
    with open(config, "a", encoding="utf-8") as f:
        f.write(("; " + "x" * 997 + "\n") * 5000)
    kept_out(world, lab, "a configuration of 5 MB", "is larger than 4 MiB", "source.config", ids=("database.unreachable",))
    os.replace(config + ".kept", config)


# ---- rights ----

def sudo_wants_a_password(world, lab):
    if shutil.which("sudo") is None:
        return tap.skip("sudo that wants a password", "there is no sudo here")
    as_nobody = ""
    if os.getuid() == 0:
        as_nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    elif subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return tap.skip("sudo that wants a password", "this user's sudo wants none")
    plain = lab.server("plain", f"exec {as_nobody} sh -c \"$SSH_ORIGINAL_COMMAND\"")
    lab.configure(lab.entry(plain, host="connect1"))
    plan = plan_by_ssh(world, lab, "sudo.yaml", become="[sudo, -n]")
    kept_out(world, lab, "a sudo that wants a password", "sudo wants a password there", "NOPASSWD", plan=plan)
    lab.hang_up()
    plan = plan_by_ssh(world, lab, "doas.yaml", become="[no-such-sudo]")
    kept_out(world, lab, "no sudo at all", "there is no command no-such-sudo there", "source.become", plan=plan)
    lab.hang_up()
    return None


def command_failed(world, lab, one):
    """An effect's command that fails is told with its status, its words, and the line to type."""
    lab.configure(lab.entry(one))
    one.again("case $SSH_ORIGINAL_COMMAND in *'systemctl stop'*) echo 'Failed to stop: unit is busy' >&2; exit 4;; esac; "
              f"exec {node_shell(world, 'connect1')}")
    plan = plan_by_ssh(world, lab, "failing.yaml", whole=True)
    r = world.cli(plan, "--yes", env=lab.environment())
    tap.ok(r.status == 1 and "failed with status 4" in r.err and "unit is busy" in r.err, "a command that fails there is told with status and words",
           f"{r.status}\n{r.err}")
    tap.ok("ssh -t connect1" in r.err or f"{lab.ssh} -t connect1" in r.err, "and with what to type to see it", r.err)
    tap.equal(world.violations(), [], "and no two Connects ran")
    one.again(node_shell(world, "connect1"))


# ---- ways ----

def by_jump_host(world, lab, one):
    bastion = lab.server("bastion")
    one.forget()
    lab.configure(lab.entry(bastion), lab.entry(one, "ProxyJump bastion"))
    plan = plan_by_ssh(world, lab, "check.yaml")
    seen = check(world, lab, plan)
    tap.equal(seen.of("blocker", "unknown"), [], "through a jump host all is seen", seen)
    tap.equal((bastion.logins(), one.logins(), bastion.forwards()), (1, 1, 1), "by one connection through it", bastion.said()[-3000:])
    lab.hang_up()
    lab.configure(lab.entry(bastion, key=lab.other_key), lab.entry(one, "ProxyJump bastion"))
    seen = kept_out(world, lab, "a jump host that does not admit", "Permission denied (publickey)", "BatchMode=yes connect1 true")
    tap.ok("UNKNOWN port" not in str(seen.findings), "the jump host's closing is not shown as the reason", seen)
    lab.configure(lab.entry(bastion), lab.entry(one, "ProxyJump bastion"))
    lab.unknow(bastion)
    asked = os.path.join(lab.dir, "asked")
    askpass = lab.tool("askpass", f"touch {asked}; echo yes")
    kept_out(world, lab, "a jump host with a key never seen", "its host key is not known here", "fingerprint",
             DISPLAY=":0", SSH_ASKPASS=askpass)
    tap.ok(not os.path.exists(asked), "and nobody is asked about it, by no window either")
    lab.know(bastion)


def by_agent(world, lab, one):
    one.forget()
    lab.configure(lab.entry(one, key="agent"))
    agent = subprocess.run(["ssh-agent", "-s"], stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL)
    socket_path, pid = re.search(r"SSH_AUTH_SOCK=([^;]*)", agent.stdout).group(1), re.search(r"SSH_AGENT_PID=(\d+)", agent.stdout).group(1)
    try:
        kept_out(world, lab, "an agent without a key", "ssh is not allowed in", "ssh-agent", SSH_AUTH_SOCK=socket_path)
        subprocess.run(["ssh-add", "-q", lab.key], env={**os.environ, "SSH_AUTH_SOCK": socket_path}, check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        seen = check(world, lab, plan_by_ssh(world, lab, "check.yaml"), SSH_AUTH_SOCK=socket_path)
        tap.equal((seen.of("blocker", "unknown"), one.logins()), ([], 1), "a key in ssh-agent is enough", seen)
    finally:
        os.kill(int(pid), 15)
        lab.hang_up()


# ---- a whole migration ----

def migration(postgres, lab):
    with World(postgres, "--nodes", 2) as plain:
        r = plain.run()
        tap.equal(r.status, 0, "the same world without ssh is the measure", r.err)
        wanted = plain.changes()
    with World(postgres, "--nodes", 2) as w:
        one, two = lab.server("left", node_shell(w, "connect1")), lab.server("right", node_shell(w, "connect2"))
        lab.configure(lab.entry(one, host="connect1"), lab.entry(two, host="connect2"))
        plan = plan_by_ssh(w, lab, "whole.yaml", hosts="connect1, connect2", whole=True, database="via: source")
        r = w.cli(plan, "--yes", env=lab.environment())
        tap.equal(r.status, 0, "a whole migration goes through ssh, the database through the server", r.err)
        tap.equal([c for c in w.changes() if c not in wanted], [], "with the same effects as without")
        tap.equal([c for c in wanted if c not in w.changes()], [], "and none missing")
        tap.equal(w.violations(), [], "and never two Connects")
        tap.ok(one.forwards() >= 2, "both databases were reached by a forward through the server", one.said()[-2000:])
        tap.equal(two.logins(), 1, "the second node was logged in to once in the whole run", two.said()[-3000:])
        tap.ok("CANARY" not in r.out + r.err, "no secret is shown")
        r = w.cli("rollback", plan, "--yes", env=lab.environment())
        tap.equal((r.status, w.violations()), (0, []), "and the way back goes through ssh as well", r.err)
        lab.hang_up()


def main():
    why = missing()
    if why:
        skip_all(why)
    postgres = Postgres()
    try:
        with Lab() as lab, World(postgres, "--nodes", 2) as world:
            one, two = lab.server("connect1", node_shell(world, "connect1")), lab.server("connect2", node_shell(world, "connect2"))
            shared(world, lab, one, two)
            refused(world, lab, one)
            other_host_key(world, lab, one)
            away(world, lab, one)
            in_the_middle(world, lab, one)
            large_file(world, lab, one)
            sudo_wants_a_password(world, lab)
            by_jump_host(world, lab, one)
            by_agent(world, lab, one)
            migration(postgres, lab)
        with Lab() as lab, World(postgres) as world:
            command_failed(world, lab, lab.server("connect1", node_shell(world, "connect1")))
    finally:
        postgres.stop()
    tap.end()


main()
