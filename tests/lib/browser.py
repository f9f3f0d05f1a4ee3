"""Chromium for the tests, by chromedriver's W3C WebDriver over HTTP: no library. One process of each, in a profile of its own, ended here."""
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from rehearsal import free_port, scratch

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"]


def missing():
    """What is not installed; None: all is there."""
    for name in ("chromium", "chromedriver"):
        if not shutil.which(name):
            return name
    return None


class Browser:
    def __init__(self, width=1280, height=900):
        self.dir = scratch("browser")
        self.port = free_port()
        self.session = None
        # A group of its own: the browser's helpers end with it, also when the driver was ended hard.
        self.process = subprocess.Popen([shutil.which("chromedriver"), f"--port={self.port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "HOME": self.dir})
        try:
            self._begin([*ARGUMENTS, f"--user-data-dir={self.dir}/profile", f"--window-size={width},{height}"])
        except BaseException:
            self.stop()
            raise

    def _begin(self, arguments):
        options = {"binary": shutil.which("chromium"), "args": arguments}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options,
                                                   "goog:loggingPrefs": {"browser": "ALL"}}}}
        until = time.monotonic() + 600
        while True:
            try:
                self.session = self._call("POST", "/session", wanted)["sessionId"]
                return
            except (OSError, RuntimeError):
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(e.read().decode(errors="replace")[:2000]) from e

    def call(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def open(self, path):
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments, seconds=60):
        """Until the script returns something true; that."""
        until = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            if time.monotonic() > until:
                raise RuntimeError(f"not within {seconds} s: {script}")
            time.sleep(0.02)
        return value

    def element(self, css):
        return next(iter(self.call("POST", "/element", {"using": "css selector", "value": css}).values()))

    def type(self, css, text):
        """As a person: the field is cleared, then each key."""
        e = self.element(css)
        self.call("POST", f"/element/{e}/clear", {})
        self.call("POST", f"/element/{e}/value", {"text": text})

    def click(self, css):
        e = self.element(css)
        self.run("arguments[0].scrollIntoView({block: 'center'})", {"element-6066-11e4-a52e-4f735466cecf": e})
        self.call("POST", f"/element/{e}/click", {})

    def size(self, width, height):
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def errors(self):
        """What the page's console has said since the last call, below warnings left out."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("SEVERE", "WARNING")]

    def screenshot(self):
        import base64
        return base64.b64decode(self.call("GET", "/screenshot"))

    def stop(self):
        if self.session:
            try:
                self.call("DELETE", "")
            except (OSError, RuntimeError):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
