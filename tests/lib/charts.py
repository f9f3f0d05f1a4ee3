"""Where charts come from, for the test scripts: a repository's index and archives over HTTP, and a registry that gives and takes nothing. On
loopback; with a login where one is wanted."""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading

from cluster import tool


def digest(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


class Shop:
    """`with Shop(folder) as s: s.pack(chart, "0.21.0"); s.index()`; s.url is the repository, s.oci the registry's charts."""

    def __init__(self, folder, login=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.login = folder, login
        self.blobs, self.manifests, self.asked = {}, {}, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def oci(self):
        return f"oci://127.0.0.1:{self.server.server_port}/charts"

    def pack(self, chart, version):
        """An archive of the chart as this version; also in the registry. Its path."""
        subprocess.run([tool("helm3"), "package", chart, "--version", version, "-d", self.folder], check=True, stdout=subprocess.DEVNULL)
        path = os.path.join(self.folder, f"rstudio-connect-{version}.tgz")
        with open(path, "rb") as f:
            archive = f.read()
        config = json.dumps({"apiVersion": "v2", "name": "rstudio-connect", "version": version}).encode()
        layers = [(archive, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")]
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": kind, "digest": digest(body), "size": len(body)} for body, kind in layers]}).encode()
        self.blobs |= {digest(config): config, digest(archive): archive}
        self.manifests |= {version: manifest, digest(manifest): manifest}
        return path

    def index(self):
        subprocess.run([tool("helm3"), "repo", "index", self.folder], check=True, stdout=subprocess.DEVNULL)

    def forget(self, version):
        """As an index that lost a version: the archive is gone, too."""
        os.unlink(os.path.join(self.folder, f"rstudio-connect-{version}.tgz"))
        self.manifests.pop(version)
        self.index()

    # -- HTTP

    def found(self, path):
        """(body, kind) or None."""
        if path == "/v2/":
            return b"{}", "application/json"
        if path == "/v2/charts/rstudio-connect/tags/list":
            tags = [t for t in self.manifests if ":" not in t]
            return json.dumps({"name": "charts/rstudio-connect", "tags": tags}).encode(), "application/json"
        for root, known, kind in (("/v2/charts/rstudio-connect/manifests/", self.manifests, "application/vnd.oci.image.manifest.v1+json"),
                                  ("/v2/charts/rstudio-connect/blobs/", self.blobs, "application/octet-stream")):
            if path.startswith(root):
                body = known.get(path[len(root):])
                return (body, kind) if body is not None else None
        file = os.path.join(self.folder, os.path.basename(path))
        if os.path.isfile(file):
            with open(file, "rb") as f:
                return f.read(), "application/octet-stream"
        return None

    def handler(self):
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                path = self.path.split("?")[0]
                shop.asked.append(path)
                wanted = shop.login and "Basic " + base64.b64encode(shop.login.encode()).decode()
                if wanted and self.headers.get("Authorization") != wanted:
                    self.answer(401, b"", "text/plain", {"WWW-Authenticate": 'Basic realm="charts"'})
                    return
                got = shop.found(path)
                if got is None:
                    self.answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}', "application/json", {})
                else:
                    self.answer(200, got[0], got[1], {"Docker-Content-Digest": digest(got[0])})

            def answer(self, status, body, kind, headers):
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler
