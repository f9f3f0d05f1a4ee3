"""An API server that is away for a while: a way to it that refuses. Only who goes that way is cut off, the cluster works on."""
import contextlib
import json
import os
import socket
import threading


class Outage:
    """`way = Outage(migration)`: the plan's kubectl and helm go this way from now on. `with way.closed(): ...`"""

    def __init__(self, m):
        self.to, self.refuses, self.refused = m.cluster.ports["api"], False, 0
        self.open, self.lock = set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()
        with open(m.cluster.path("admin.kubeconfig"), encoding="utf-8") as f:
            config = json.load(f)
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        with open(m.path("outage.kubeconfig"), "w", encoding="utf-8") as f:
            json.dump(config, f)
        os.chmod(m.path("outage.kubeconfig"), 0o600)
        m.write_plan(m.plan_text().replace(m.cluster.path("admin.kubeconfig"), m.path("outage.kubeconfig")))

    def accept(self):
        while True:
            a, _ = self.listener.accept()
            with self.lock:
                if self.refuses:
                    self.refused += 1
                    a.close()
                    continue
                b = socket.create_connection(("127.0.0.1", self.to))
                self.open |= {a, b}
            for x, y in ((a, b), (b, a)):
                threading.Thread(target=self.pass_on, args=(x, y), daemon=True).start()

    @staticmethod
    def pass_on(x, y):
        with contextlib.suppress(OSError):
            while (data := x.recv(65536)):
                y.sendall(data)
        for s in (x, y):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def closed(self):
        with self.lock:
            self.refuses = True
            for s in self.open:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
            self.open.clear()
        try:
            yield self
        finally:
            with self.lock:
                self.refuses = False
