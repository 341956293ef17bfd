"""Ask witnesses to cosign a published head. The only place of this plugin that opens a connection, and only at a seal.

Invariant: a line a witness returns is added to the checkpoint only if it parses as a signature line; whether it counts
is for the verifier and the trust file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence import note
from maestro_hooks.evidence.checkpoint import parse_checkpoint
from maestro_seal.witness import SIZE, encode_request

if TYPE_CHECKING:
    from maestro_seal.writer import LogWriter

MAX_ANSWER = 64 * 1024


def gather_cosignatures(writer: LogWriter, addresses: tuple[str, ...], *, timeout_s: int) -> None:
    """Publish the head again with one more signature line from each witness.

    Raises:
        ToolError: a witness cannot be reached, refuses, or answers nonsense; what the others said is not published.
    """
    lines = b"".join(_ask(address, writer, timeout_s) for address in addresses)
    merged = note.parse_note(writer.checkpoint + lines)
    writer.add_cosignatures(note.encode_note(note.Note(merged.text, tuple(dict.fromkeys(merged.signatures)))))


def _ask(address: str, writer: LogWriter, timeout_s: int) -> bytes:
    """The signature line of one witness; asked once more with the size it says it saw last."""
    status, kind, body = _post(address, writer, 0, timeout_s)
    if status == 409 and kind == SIZE and body.strip().isdigit() and int(body) <= writer.head.size:
        status, kind, body = _post(address, writer, int(body), timeout_s)
    if status != 200:
        words = body[:200].decode("utf-8", "replace").strip()
        raise ToolError(f"the witness answered {status}: {words}", where=address, fix="ask its operator")
    try:
        parse_checkpoint(writer.checkpoint + body, where="cosignature")
    except EvidenceError as error:
        raise ToolError(f"the witness answered nonsense: {error.what}", where=address) from error
    return body


def _post(address: str, writer: LogWriter, old: int, timeout_s: int) -> tuple[int, str, bytes]:
    proof = writer.tree().consistency(old)
    request = Request(  # noqa: S310 - the settings admit http and https only
        f"{address.rstrip('/')}/add-checkpoint", data=encode_request(old, proof, writer.checkpoint), method="POST"
    )
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=timeout_s) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read(MAX_ANSWER)
    except HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read(MAX_ANSWER)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise ToolError(
            f"the witness cannot be reached: {error}", where=address, fix="start it, or ask another"
        ) from error
