"""A read-only web server for a log's public files, and the endpoint of a witness; for a laboratory or one machine.

Invariant: only ``checkpoint`` and paths below ``tile/`` are served, never the journal, the lock or a draft. Real
deployments put the same directory behind any web server or object store.
"""

from __future__ import annotations

import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_seal.witness import MAX_REQUEST, TEXT, Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_seal.disk import Disk
    from maestro_seal.witness import Witness

_PUBLIC = re.compile(r"/(checkpoint|tile/([0-9]{1,2}|entries)/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?)")


def log_server(disk: Disk, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A server of the log's public files; the caller runs it."""

    def get(path: str) -> Answer:
        if not _PUBLIC.fullmatch(path):
            return Answer(404, b"not part of a log\n")
        try:
            data = disk.read(path[1:])
        except (FileNotFoundError, IsADirectoryError):
            return Answer(404, b"not here\n")
        return Answer(200, data, TEXT if path == "/checkpoint" else "application/octet-stream")

    return ThreadingHTTPServer(address, _handler(get=get))


def witness_server(witness: Witness, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A server of ``POST add-checkpoint``; the caller runs it."""

    def post(path: str, body: bytes) -> Answer:
        if path != "/add-checkpoint":
            return Answer(404, b"only add-checkpoint is here\n")
        try:
            return witness.add_checkpoint(body, time=int(time.time()))
        except (EvidenceError, OSError) as error:  # damaged state: cosign nothing
            return Answer(500, f"the witness cannot use its state: {error}\n".encode())

    return ThreadingHTTPServer(address, _handler(post=post))


def _handler(
    *, get: Callable[[str], Answer] | None = None, post: Callable[[str, bytes], Answer] | None = None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            self._send(get(self.path) if get else Answer(405, b"nothing to read here\n"))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if post is None or not length.isdigit() or int(length) > MAX_REQUEST:
                self._send(Answer(405 if post is None else 413, b"not accepted\n"))
            else:
                self._send(post(self.path, self.rfile.read(int(length))))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the parent calls it by
            """Nothing: who reads a public log is nobody's business."""

    return Handler
