"""A registry in this process, with the behaviour measured of docker-registry 2.8.2, and faults on request.

It ignores If-Match, has no referrers API (unless ``api`` is set), refuses manifests that name absent blobs, repeats
the digest asked for in a header whatever it serves, and answers a mount of an unknown blob by an upload session.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOB = re.compile(r"/v2/(.+)/blobs/sha256:([0-9a-f]{64})")
_UPLOADS = re.compile(r"/v2/(.+)/blobs/uploads/([^/?]*)")
_REFERRERS = re.compile(r"/v2/(.+)/referrers/sha256:([0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")


@dataclass
class Registry:
    """What the server holds, and how it misbehaves: ``fault`` names one of the modes below."""

    fault: str = ""
    fail_times: int = -1
    user: str = ""
    api: bool = False
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    address: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def faulty(self, kind: str) -> bool:
        if self.fault != kind or self.fail_times == 0:
            return False
        self.fail_times -= 1
        return True


@contextmanager
def serving(registry: Registry) -> Iterator[Registry]:
    """Serve on a free port of this machine."""

    class Bound(Handler):
        state = registry

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        registry.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """The subset of the distribution specification a cache uses."""

    state: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        del format, args

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.requests.append(f"{self.command} {self.path}")
        if self._misbehaves():
            return
        if match := _UPLOADS.fullmatch(self.path.split("?")[0]):
            self._upload(match[1], body)
        elif match := _BLOB.fullmatch(self.path):
            self._blob(match[1], match[2])
        elif match := _MANIFEST.fullmatch(self.path):
            self._manifest(match[1], match[2], body)
        elif self.state.api and (match := _REFERRERS.fullmatch(self.path)):
            self._referrers(match[1], match[2])
        else:
            self._answer(404)  # the referrers API, too

    def _misbehaves(self) -> bool:
        state = self.state
        if state.faulty("500"):
            self._answer(500)
        elif state.faulty("404"):
            self._answer(404)
        elif state.faulty("silent"):
            state.stop.wait(30)
            self.close_connection = True
        elif state.faulty("drip"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            end = time.monotonic() + 30
            while time.monotonic() < end and not state.stop.wait(0.1):
                try:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                except OSError:
                    break
            self.close_connection = True
        elif state.faulty("reset"):
            self.close_connection = True
        elif state.user and self.headers.get("Authorization") != _basic(state.user):
            self._answer(401, headers={"WWW-Authenticate": 'Basic realm="fake"'})
        else:
            return False
        return True

    def _upload(self, repository: str, body: bytes) -> None:
        if self.command == "POST":
            mount = re.search(r"mount=sha256:([0-9a-f]{64})&from=(\S+)", self.path)
            data = self.state.blobs.get((mount[2], mount[1])) if mount else None
            if mount and data is not None:
                self.state.blobs[repository, mount[1]] = data
                self._answer(201)
            else:
                self._answer(202, headers={"Location": f"/v2/{repository}/blobs/uploads/session"})
            return
        digest = re.search(r"digest=sha256:([0-9a-f]{64})", self.path)
        if digest is None or hashlib.sha256(body).hexdigest() != digest[1]:
            self._answer(400)
            return
        self.state.blobs[repository, digest[1]] = body
        self._answer(201)

    def _blob(self, repository: str, digest: str) -> None:
        data = self.state.blobs.get((repository, digest))
        if data is None:
            self._answer(404)
            return
        if self.command == "GET" and self.state.faulty("flip"):
            data = bytes([data[0] ^ 1]) + data[1:]
        self._answer(200, data, headers={"Docker-Content-Digest": f"sha256:{digest}"})

    def _manifest(self, repository: str, reference: str, body: bytes) -> None:
        if self.command == "PUT":
            document = json.loads(body)
            blobs = [layer["digest"].removeprefix("sha256:") for layer in document.get("layers", ())]
            listed = [entry["digest"] for entry in document.get("manifests", ())]
            there = all((repository, blob) in self.state.blobs for blob in blobs)
            if not there or any((repository, digest) not in self.state.manifests for digest in listed):
                self._answer(400)
                return
            name = f"sha256:{hashlib.sha256(body).hexdigest()}"
            lost = reference.startswith("sha256-") and "." not in reference and self.state.faulty("lost update")
            self.state.manifests |= {(repository, name): body} | ({} if lost else {(repository, reference): body})
            subject = document.get("subject", {}).get("digest", "")
            self._answer(201, headers={"OCI-Subject": subject} if subject and self.state.api else {})
            return
        data = self.state.manifests.get((repository, reference))
        self._answer(200 if data is not None else 404, data or b"")

    def _referrers(self, repository: str, about: str) -> None:
        found = []
        for (where, name), body in self.state.manifests.items():
            document = json.loads(body)
            named = where == repository and name.startswith("sha256:")
            if named and document.get("subject", {}).get("digest") == f"sha256:{about}":
                known = {k: document[k] for k in ("mediaType", "artifactType", "annotations")}
                found.append({**known, "digest": name, "size": len(body)})
        self._answer(200, json.dumps({"schemaVersion": 2, "manifests": found}).encode())

    def _answer(self, status: int, body: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        half = self.command == "GET" and status == 200 and "/blobs/" in self.path and self.state.faulty("half")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)
        if half:
            self.close_connection = True


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()
