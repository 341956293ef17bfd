"""A witness cosigns one growing tree only, and says why it refuses; over HTTP as the specification has it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence import merkle, signature
from maestro_hooks.evidence.checkpoint import Head, cosigned_at, parse_checkpoint, sign_checkpoint
from maestro_seal.asking import gather_cosignatures
from maestro_seal.audit import audit
from maestro_seal.serving import log_server, witness_server
from maestro_seal.witness import SIZE, Witness, encode_request
from maestro_seal.writer import LogWriter
from tests.plugins.maestro_seal.logs import KEY, ORIGIN, OTHER, entries, make_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import ThreadingHTTPServer
    from pathlib import Path

NAME = "witness.example/w1"
TIME = 1_800_000_000


def witness(tmp_path: Path) -> Witness:
    return Witness(NAME, OTHER, {ORIGIN: signature.public_of(KEY)}, tmp_path / "state")


def head(size: int) -> Head:
    return Head(size, merkle.root(merkle.leaf_hashes(entries(size))))


def request(old: int, new: int, *, proof: tuple[bytes, ...] | None = None, note: bytes | None = None) -> bytes:
    honest = merkle.grow(merkle.leaf_hashes(entries(new))).consistency(old) if old <= new else ()
    return encode_request(
        old, honest if proof is None else proof, sign_checkpoint(ORIGIN, head(new), KEY) if note is None else note
    )


def test_it_cosigns_a_growing_log(tmp_path: Path) -> None:
    seen = witness(tmp_path)
    for old, new in ((0, 3), (3, 3), (3, 10), (10, 300)):
        answer = seen.add_checkpoint(request(old, new), time=TIME)
        assert answer.status == 200
        note = parse_checkpoint(sign_checkpoint(ORIGIN, head(new), KEY) + answer.body)
        assert cosigned_at(note, NAME, signature.public_of(OTHER)) == TIME
    assert witness(tmp_path).last(ORIGIN) == head(300)


def test_it_says_why_it_refuses(tmp_path: Path) -> None:
    seen = witness(tmp_path)
    assert seen.add_checkpoint(request(0, 5), time=TIME).status == 200
    other = sign_checkpoint(ORIGIN, Head(5, bytes(32)), KEY)
    forged = sign_checkpoint(ORIGIN, head(9), OTHER)
    unknown = sign_checkpoint("unknown.example", head(9), KEY)
    edited = sign_checkpoint(ORIGIN, head(9), KEY)[:-9] + b"AAAAAAA=\n"
    cases = [
        (b"nonsense", 400),
        (request(9, 5), 400),
        (request(5, 9, note=unknown), 404),
        (request(5, 9, note=forged), 403),
        (request(5, 9, note=edited), 403),
        (request(0, 9), 409),
        (request(5, 9, proof=()), 422),
        (request(5, 5, proof=(), note=other), 422),
        (encode_request(5, (bytes(32),) * 64, sign_checkpoint(ORIGIN, head(9), KEY)), 400),
    ]
    assert [seen.add_checkpoint(body, time=TIME).status for body, _ in cases] == [status for _, status in cases]
    conflict = seen.add_checkpoint(request(0, 9), time=TIME)
    assert (conflict.body, conflict.content_type) == (b"5\n", SIZE)
    assert seen.last(ORIGIN) == head(5)


def test_damaged_state_is_an_error_not_a_fresh_start(tmp_path: Path) -> None:
    seen = witness(tmp_path)
    seen.add_checkpoint(request(0, 5), time=TIME)
    next((tmp_path / "state").iterdir()).write_bytes(b"")
    with pytest.raises(EvidenceError):
        seen.add_checkpoint(request(0, 5), time=TIME)


@pytest.fixture
def running() -> Iterator[list[ThreadingHTTPServer]]:
    """Servers put in this list are stopped at the end."""
    servers: list[ThreadingHTTPServer] = []
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def start(server: ThreadingHTTPServer, running: list[ThreadingHTTPServer]) -> str:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running.append(server)
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_a_log_gathers_cosignatures_over_http(tmp_path: Path, running: list[ThreadingHTTPServer]) -> None:
    disk = make_log(tmp_path / "log", [4])
    address = start(witness_server(witness(tmp_path), ("127.0.0.1", 0)), running)
    with LogWriter(disk, ORIGIN, KEY) as writer:
        for more in (1, 300):
            writer.append([b"x"] * more)
            gather_cosignatures(writer, (address,), timeout_s=5)
            assert cosigned_at(parse_checkpoint(writer.checkpoint), NAME, signature.public_of(OTHER))
    assert audit(disk, ORIGIN, signature.public_of(KEY)).head.size == 305
    with LogWriter(disk, ORIGIN, KEY) as writer:
        writer.append([b"after the cosigned head"])


def test_a_witness_that_refuses_or_is_gone_is_an_error(tmp_path: Path, running: list[ThreadingHTTPServer]) -> None:
    disk = make_log(tmp_path / "log", [4])
    strange = Witness(NAME, OTHER, {}, tmp_path / "state")
    server = witness_server(strange, ("127.0.0.1", 0))
    address = start(server, running)
    with LogWriter(disk, ORIGIN, KEY) as writer:
        before = writer.checkpoint
        with pytest.raises(ToolError, match="404: unknown log"):
            gather_cosignatures(writer, (address,), timeout_s=5)
        with pytest.raises(ToolError, match="cannot be reached"):
            gather_cosignatures(writer, ("http://127.0.0.1:9",), timeout_s=2)
        assert writer.checkpoint == before


def test_the_server_shows_public_files_only(tmp_path: Path, running: list[ThreadingHTTPServer]) -> None:
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    disk = make_log(tmp_path / "log", [300])
    address = start(log_server(disk, ("127.0.0.1", 0)), running)
    get = build_opener(ProxyHandler({})).open
    for name in ("checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"):
        with get(f"{address}/{name}") as answer:
            assert answer.read() == disk.read(name)
    for name in ("signed-heads", "lock", "", "tile/../signed-heads", "tile/0/999", "checkpoint?x=1", "/etc/passwd"):
        with pytest.raises(HTTPError) as refused:
            get(f"{address}/{name}")
        assert refused.value.code == 404
        refused.value.close()
