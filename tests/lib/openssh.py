"""Real OpenSSH on loopback for the test scripts: servers with keys and a configuration of their own, and a client that knows only them.

A server runs as whoever runs the test. Everything started here is ended here, by its own process object."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from rehearsal import free_port, scratch

SSHD = next((p for p in ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd") if os.access(p, os.X_OK)), None)


def missing():
    """Why these tests cannot run here; None: they can."""
    if SSHD is None:
        return "there is no sshd here (package openssh-server)"
    for tool in ("ssh", "ssh-keygen", "ssh-agent", "ssh-add"):
        if shutil.which(tool) is None:
            return f"there is no {tool} here (package openssh-client)"
    return None


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True, stdin=subprocess.DEVNULL)
    return path


class Server:
    """One sshd. `force`: what runs in place of every command asked for, which stands in $SSH_ORIGINAL_COMMAND."""

    def __init__(self, lab, name, force=None):
        self.lab, self.name, self.port = lab, name, free_port()
        self.dir = os.path.join(lab.dir, name)
        os.makedirs(self.dir)
        self.log = os.path.join(self.dir, "log")
        self.host_key = make_key(os.path.join(self.dir, "host"))
        self.process = None
        self.start(force)
        lab.know(self)

    def start(self, force=None):
        with open(os.path.join(self.dir, "config"), "w", encoding="utf-8") as f:
            f.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nAuthorizedKeysFile {self.lab.dir}/authorized\n"
                    "UsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                    "LogLevel DEBUG1\nMaxStartups 100\nUseDNS no\n" + (f"ForceCommand {force}\n" if force else ""))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.process = subprocess.Popen([SSHD, "-D", "-E", self.log, "-f", os.path.join(self.dir, "config")], cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"sshd did not start: {self.said()}")
            time.sleep(0.02)
        raise RuntimeError("sshd does not listen")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def again(self, force=None):
        """The same machine with another answer to every command; shared connections to the old one end."""
        self.stop()
        self.lab.hang_up()
        self.start(force)

    def said(self):
        with contextlib.suppress(FileNotFoundError), open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()
        return ""

    def forget(self):
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.log, 0)

    def logins(self):
        return self.said().count("Accepted publickey")

    def forwards(self):
        return self.said().count("server_request_direct_tcpip")


class Lab:
    """A folder with a user's key, configuration and known hosts; `ssh` in it is OpenSSH's with that configuration."""

    def __init__(self):
        self.dir = scratch("ssh")
        os.chmod(self.dir, 0o755)                  # a server reads the authorized keys as the user who logs in
        self.runtime = tempfile.mkdtemp(prefix="cmr")    # the names of sockets must be short
        self.key = make_key(os.path.join(self.dir, "key"))
        self.other_key = make_key(os.path.join(self.dir, "other"))
        shutil.copy(self.key + ".pub", os.path.join(self.dir, "authorized"))
        self.servers, self.keys = {}, {}
        self.ssh = self.tool("ssh", f"exec {shutil.which('ssh')} -F {self.dir}/config \"$@\"")
        self.configure("")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()
        for server in self.servers.values():
            server.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.runtime, ignore_errors=True)

    def tool(self, name, line):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{line}\n")
        os.chmod(path, 0o755)
        return path

    def server(self, name, force=None):
        self.servers[name] = Server(self, name, force)
        return self.servers[name]

    def know(self, server, key=None):
        with open((key or server.host_key) + ".pub", encoding="utf-8") as f:
            self.keys[server.port] = f"[127.0.0.1]:{server.port} {f.read()}"
        with open(os.path.join(self.dir, "known"), "w", encoding="utf-8") as f:
            f.writelines(self.keys.values())

    def unknow(self, server):
        del self.keys[server.port]
        with open(os.path.join(self.dir, "known"), "w", encoding="utf-8") as f:
            f.writelines(self.keys.values())

    def entry(self, server, *more, key=None, user=None, host=None):
        """What stands in ~/.ssh/config for one machine."""
        user = user or pwd.getpwuid(os.getuid()).pw_name
        identity = f" IdentityFile {key or self.key}\n IdentitiesOnly yes\n" if key != "agent" else " IdentityFile none\n"
        return (f"Host {host or server.name}\n HostName 127.0.0.1\n Port {server.port}\n User {user}\n{identity}"
                f" UserKnownHostsFile {self.dir}/known\n" + "".join(f" {line}\n" for line in more))

    def configure(self, *entries):
        with open(os.path.join(self.dir, "config"), "w", encoding="utf-8") as f:
            f.write("".join(entries))

    def environment(self, **more):
        """For the program: its sockets lie in a folder of this lab, no agent but the one named is known."""
        return {"XDG_RUNTIME_DIR": self.runtime, "SSH_AUTH_SOCK": "", **more}

    def sockets(self):
        return [p for p in glob.glob(f"{self.runtime}/connect-migrate/*") if not p.endswith(".lock")]

    def hang_up(self):
        for path in self.sockets():
            subprocess.run(["ssh", "-F", "/dev/null", "-o", f"ControlPath={path}", "-O", "exit", "x"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
