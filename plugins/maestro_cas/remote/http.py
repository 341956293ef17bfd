"""A small HTTP/1.1 client for registries: bounded answers, a deadline over the whole exchange, credentials kept apart.

Invariant: no request outlives its deadline, even if the other side sends a byte now and then; a credential is sent to
the host it belongs to only, over TLS or to this machine, and appears in no error.
"""

from __future__ import annotations

import http.client
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from maestro_cas.remote.tier import RemoteError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_cas.remote.tier import Deadline

MAX_SMALL = 64 * 1024 * 1024
_PIECE = 1 << 18
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, headers by lower-case name, body (empty if it went to a sink)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Connections by host, kept open between requests."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        deadline: Deadline,
        body: bytes | IO[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Send a request and read the answer; a 200 or 206 body goes to ``sink`` piece by piece if one is given.

        Raises:
            TransientError: a broken connection or an answer of 500 and above.
            RemoteError: no answer in time, no connection, or too many redirects.
        """
        for _ in range(4):
            answer = self._once(method, url, headers=headers, deadline=deadline, body=body, sink=sink)
            if answer.status not in _REDIRECTS or method != "GET" or "location" not in answer.headers:
                return answer
            target = urljoin(url, answer.headers["location"])
            if urlsplit(target).netloc != urlsplit(url).netloc:
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise RemoteError("redirects from TLS to plain text", where=urlsplit(url).netloc)
            url = target
        raise RemoteError("redirects without end", where=urlsplit(url).netloc)

    def close(self) -> None:
        """End every connection."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        deadline: Deadline,
        body: bytes | IO[bytes] | None,
        sink: Callable[[bytes], None] | None,
    ) -> Answer:
        parts = urlsplit(url)
        where = parts.netloc
        connection = self._connection(parts.scheme, where, deadline)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        left = deadline.ends - deadline.clock()
        watchdog = Timer(max(left, 0.01), _abort, (connection,))
        watchdog.daemon = True
        watchdog.start()
        done = False
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            answer = _read(response, connection, deadline, sink=sink if method == "GET" else None)
            done = True
        except TimeoutError as error:
            raise RemoteError("does not answer in time", where=where) from error
        except (http.client.HTTPException, OSError) as error:
            if isinstance(error, ConnectionRefusedError | socket.gaierror) or deadline.clock() >= deadline.ends:
                raise RemoteError(f"cannot be reached ({type(error).__name__})", where=where) from error
            raise TransientError(f"broke the connection ({type(error).__name__})", where=where) from error
        finally:
            watchdog.cancel()
            if not done:
                connection.close()
                self._open.pop((parts.scheme, where), None)
        if answer.status >= 500 or answer.status == 429:
            raise TransientError(f"answers {answer.status}", where=where)
        return answer

    def _connection(self, scheme: str, host: str, deadline: Deadline) -> http.client.HTTPConnection:
        timeout = deadline.timeout()
        known = self._open.get((scheme, host))
        if known is not None:
            if known.sock is not None:
                known.sock.settimeout(timeout)
            return known
        if scheme == "https":
            import ssl  # noqa: PLC0415 - only for TLS

            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, timeout=timeout, context=ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
            )
        else:
            made = http.client.HTTPConnection(host, timeout=timeout)
        self._open[scheme, host] = made
        return made


def _read(
    response: http.client.HTTPResponse,
    connection: http.client.HTTPConnection,
    deadline: Deadline,
    *,
    sink: Callable[[bytes], None] | None,
) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    wanted = response.status in (200, 206) and sink is not None
    pieces: list[bytes] = []
    size = 0
    while True:
        if connection.sock is not None:
            connection.sock.settimeout(deadline.timeout())
        piece = response.read(_PIECE)
        if not piece:
            break
        size += len(piece)
        if wanted and sink is not None:
            sink(piece)
        elif size > MAX_SMALL:
            raise RemoteError(f"sends more than {MAX_SMALL} bytes where a short answer was due")
        else:
            pieces.append(piece)
    if response.length:  # http.client returns short reads of bounded bodies without a word
        raise http.client.IncompleteRead(b"", response.length)
    return Answer(response.status, headers, b"".join(pieces))


def _abort(connection: http.client.HTTPConnection) -> None:
    """Wake the thread that waits for this connection."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
