"""Ask a timestamp authority (RFC 3161, over HTTP) when it saw a signature. Opens a connection, at a seal only.

Invariant: connecting and answering end by a deadline each, whatever the server does; what is returned answers this
very question.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.timestamp_token import bare
from maestro_hooks.evidence.timestamps import INSTALL

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest

MAX_ANSWER = 64 * 1024
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


def ask_authority(address: str, message: bytes, *, timeout_s: int) -> bytes:
    """A token (``TimeStampResp`` in DER) over the SHA-256 of ``message``. Whether it counts is for the trust file.

    The authority's certificates are not asked for: a verifier takes them from its trust file, never from the token.

    Raises:
        ToolError: no authority there, it refuses, answers nonsense, or takes longer than ``timeout_s`` seconds.
    """
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415 - only when asked for
    except ImportError as error:
        raise ToolError("asking for timestamps needs rfc3161-client", where=address, fix=INSTALL) from error
    builder = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256, cert_req=False)
    question = builder.build()
    return _answer_to(question, _post(address, question.as_bytes(), timeout_s), address)


def _answer_to(question: TimeStampRequest, body: bytes, address: str) -> bytes:
    from rfc3161_client import PKIStatus, decode_timestamp_response  # noqa: PLC0415 - only when asked for

    try:
        response = decode_timestamp_response(body)
        if response.status != PKIStatus.GRANTED:
            words = f"refuses ({PKIStatus(response.status).name}): {' '.join(response.status_string)[:200]}"
            raise ToolError(f"the timestamp authority {words}", where=address, fix="ask its operator")
        info = response.tst_info
        given = (info.nonce, info.message_imprint.hash_algorithm, info.message_imprint.message)
        asked = question.message_imprint
        if given != (question.nonce, asked.hash_algorithm, asked.message):
            raise ToolError("the timestamp authority answered another question", where=address)
        return bare(response.time_stamp_token())
    except ValueError as error:
        raise ToolError(f"the timestamp authority answered nonsense: {error}", where=address) from error


def _post(address: str, body: bytes, timeout_s: int) -> bytes:
    """One request, no proxy, no redirection. A server that drips is cut off at the deadline."""
    url = urlsplit(address)
    connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
    target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    try:
        connection = connect(url.hostname or "", url.port, timeout=timeout_s)
        connection.connect()
        began = monotonic()
        deadline = Timer(timeout_s, _cut, [connection.sock])
        deadline.daemon = True
        deadline.start()
        try:
            connection.request("POST", target, body, {"Content-Type": QUERY, "Accept": REPLY})
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER + 1)
            if monotonic() - began >= timeout_s:
                raise TimeoutError(f"no whole answer within {timeout_s} s")
        finally:
            deadline.cancel()
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        words = f"{error}" or type(error).__name__
        fix = "check the address, or raise timestamp_timeout_s"
        raise ToolError(f"the timestamp authority cannot be reached: {words}", where=address, fix=fix) from error
    kind = answer.headers.get_content_type()
    if answer.status != 200 or kind != REPLY or len(data) > MAX_ANSWER:
        words = f"answered {answer.status} with {len(data)} bytes of {kind}"
        raise ToolError(f"the timestamp authority {words}", where=address, fix="check the address")
    return data


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # closed by now
        connection.shutdown(socket.SHUT_RDWR)
