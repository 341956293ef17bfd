from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from maestro_cas import writer
from maestro_cas.access import in_pull_request
from maestro_cas.engine import Hit, Miss
from maestro_cas.settings import CasSettings, may_publish
from maestro_hooks.errors import ConfigError
from maestro_hooks.evidence import signature
from tests.plugins.maestro_cas.fake_registry import Registry, serving
from tests.plugins.maestro_cas.sharing import MADE, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.plugins.maestro_cas.machines import Machine


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving(Registry()) as state:
        yield state


@pytest.fixture
def pair(make_machine: Callable[..., Machine], registry: Registry) -> tuple[Machine, Machine]:
    """A trusted writer that has published, and a reader that trusts it."""
    return share(make_machine, f"oci+http://{registry.address}/team/cache")


def test_what_one_machine_made_another_restores(pair: tuple[Machine, Machine]) -> None:
    _, two = pair
    outcome = two.look_up()
    assert isinstance(outcome, Hit), outcome
    assert outcome.tier.startswith("oci 127.0.0.1")
    assert two.result() == MADE
    two.clear()
    local = two.look_up()
    assert isinstance(local, Hit)
    assert local.tier == "local"


def test_a_writer_nobody_trusts_is_a_miss(pair: tuple[Machine, Machine]) -> None:
    _, two = pair
    two.settings = msgspec.structs.replace(two.settings, writers=())
    outcome = two.look_up()
    assert isinstance(outcome, Miss)
    assert "no trusted writer signed it" in outcome.reason
    assert two.result() == {}


def test_a_poisoned_record_with_right_hashes_is_a_miss(pair: tuple[Machine, Machine], registry: Registry) -> None:
    """Whoever can write the registry can name any blob as an output; the signature is what stops it."""
    _, two = pair
    mallory = pair[0]
    (Path(mallory.root) / ".maestro/keys/cas.pem").unlink()
    (mallory.root / "out/a.txt").write_bytes(b"evil")
    collected = mallory.store.put(b"evil")
    assert collected
    prepared = mallory.prepare()
    mallory.run(prepared)
    assert isinstance(two.look_up(), Miss)
    assert registry.manifests


@pytest.mark.parametrize("fault", ["500", "404", "half", "flip", "silent", "drip", "reset"])
def test_a_registry_at_fault_never_fails_or_stains_a_build(
    pair: tuple[Machine, Machine], registry: Registry, fault: str
) -> None:
    _, two = pair
    registry.fault = fault
    began = time.monotonic()
    outcome = two.look_up()
    assert time.monotonic() - began < 8
    assert isinstance(outcome, Miss)
    assert two.run() == ""
    assert two.result() == MADE
    if fault == "404":
        return
    asked = len(registry.requests)
    two.clear()
    os.unlink(two.store.record_path(two.prepare().key))
    assert isinstance(two.look_up(), Miss)
    assert len(registry.requests) == asked, "a remote that failed is left alone for a while"
    assert any("not used" in w or "should not" in w for w in two.words)


@pytest.mark.parametrize("fault", ["500", "reset"])
def test_a_passing_trouble_is_retried(pair: tuple[Machine, Machine], registry: Registry, fault: str) -> None:
    registry.fault, registry.fail_times = fault, 1
    assert isinstance(pair[1].look_up(), Hit)


def test_nobody_listening_is_a_quick_miss(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine(settings=CasSettings(remotes=("oci+http://127.0.0.1:9/x/y",), remote_wait_s=1))
    began = time.monotonic()
    assert isinstance(machine.look_up(), Miss)
    assert time.monotonic() - began < 2


def test_credentials_come_from_the_docker_configuration_and_stay_out_of_words(
    pair: tuple[Machine, Machine], registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two = pair
    registry.user = "ann:tops3cret"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    outcome = two.look_up()
    assert isinstance(outcome, Miss)
    assert "credentials" in outcome.reason
    for mark in (two.root / ".maestro/cas/locks").glob("rest-*"):
        mark.unlink()
    entry = {"auths": {registry.address: {"auth": "YW5uOnRvcHMzY3JldA=="}}}
    (tmp_path / "config.json").write_text(json.dumps(entry))
    assert isinstance(two.look_up(), Hit)
    registry.user = "ann:changed"
    two.clear()
    os.unlink(two.store.record_path(two.prepare().key))
    refused = two.look_up()
    assert isinstance(refused, Miss)
    assert "refuses access (401)" in refused.reason
    everything = " ".join([*two.words, *(p.read_text(errors="replace") for p in two.root.rglob("*") if p.is_file())])
    assert "tops3cret" not in everything
    assert "YW5u" not in everything


@pytest.mark.parametrize("way", ["api", "fallback tag", "fallback tag, an update lost"])
def test_signed_provenance_refers_to_what_is_published(
    make_machine: Callable[..., Machine], registry: Registry, way: str
) -> None:
    registry.api = way == "api"
    registry.fault, registry.fail_times = ("lost update", 1) if "lost" in way else ("", -1)
    one, two = share(make_machine, f"oci+http://{registry.address}/team/cache")
    assert one.words == []
    key = one.prepare().key
    ((name, referrer, signer),) = two.remotes().attached(key)
    two.close()
    assert name.startswith("oci 127.0.0.1")
    assert referrer.annotations["in-toto.io/predicate-type"] == "https://slsa.dev/provenance/v1"
    assert signer == signature.public_of(writer.writer_key(str(one.root))).id
    tags = {reference for _, reference in registry.manifests if not reference.startswith("sha256:")}
    subject = hashlib.sha256(registry.manifests["team/cache", f"ac-{key}"]).hexdigest()
    assert tags == {f"ac-{key}", f"sha256-{subject}.slsa"} | (set() if registry.api else {f"sha256-{subject}"})
    two.settings = msgspec.structs.replace(two.settings, writers=())
    ((_, _, nobody),) = two.remotes().attached(key)
    two.close()
    assert nobody == "", "who is not trusted is not named as a signer"


def test_two_referrers_of_one_result_stand_side_by_side(
    make_machine: Callable[..., Machine], registry: Registry
) -> None:
    """The fallback index of another tool is kept when ours is added."""
    one, two = share(make_machine, f"oci+http://{registry.address}/team/cache")
    key = one.prepare().key
    other = json.dumps({"schemaVersion": 2, "artifactType": "application/x.other", "layers": []}).encode()
    digest = f"sha256:{hashlib.sha256(other).hexdigest()}"
    registry.manifests["team/cache", digest] = other
    entry = {"mediaType": "x", "digest": digest, "size": len(other), "artifactType": "application/x.other"}

    def subject() -> str:
        return hashlib.sha256(registry.manifests["team/cache", f"ac-{key}"]).hexdigest()

    for _ in range(9):  # a manifest names its second: published again within it, it is the same
        before = subject()
        index = json.loads(registry.manifests["team/cache", f"sha256-{before}"])
        registry.manifests["team/cache", f"sha256-{before}"] = json.dumps({**index, "manifests": [entry]}).encode()
        assert one.run() == ""
        if subject() == before:
            break
    types = sorted(referrer.artifact_type for _, referrer, _ in two.remotes().attached(key))
    two.close()
    assert types == ["application/vnd.in-toto+json", "application/x.other"]


def test_provenance_can_be_left_out(make_machine: Callable[..., Machine], registry: Registry) -> None:
    one, _ = share(make_machine, f"oci+http://{registry.address}/team/cache")
    registry.manifests.clear()
    one.settings = msgspec.structs.replace(one.settings, provenance=False)
    assert one.run() == ""
    assert [reference for _, reference in registry.manifests if "slsa" in reference] == []


def test_blobs_are_mounted_from_another_repository(pair: tuple[Machine, Machine], registry: Registry) -> None:
    one, _ = pair
    remote = f"oci+http://{registry.address}/other/cache?mount=team/cache"
    one.settings = msgspec.structs.replace(one.settings, remotes=(remote,))
    registry.requests.clear()
    assert one.run() == ""
    put = [r for r in registry.requests if r.startswith("PUT /v2/other/cache/blobs")]
    made = [hashlib.sha256(content).hexdigest() for content in MADE.values()]
    assert not [r for r in put if any(digest in r for digest in made)], "a second later only what names the time is new"
    assert len([r for r in registry.requests if "mount=sha256:" in r]) >= len(made)
    assert any(repository == "other/cache" for repository, _ in registry.manifests)


def test_many_outputs_travel_in_packs(make_machine: Callable[..., Machine], registry: Registry) -> None:
    remote = f"oci+http://{registry.address}/team/packs"
    one, two = make_machine("one"), make_machine("two")
    for machine in (one, two):
        for i in range(200):
            (machine.root / f"src/{i}.txt").write_bytes(b"%d" % i * (i % 7))
        (machine.root / "src/large.bin").write_bytes(b"L" * 3_000_000)
    one.settings = CasSettings(remotes=(remote,), publish=True)
    two.settings = CasSettings(remotes=(remote,), writers=(writer.public_text(str(one.root)),))
    assert one.run() == ""
    assert len(registry.requests) < 30
    assert isinstance(two.look_up(), Hit)
    assert two.result() == one.result()
    assert len(two.result()) == 203


def test_results_that_must_not_leave_are_not_published(
    make_machine: Callable[..., Machine], registry: Registry
) -> None:
    one = make_machine(settings=CasSettings(remotes=(f"oci+http://{registry.address}/a/b",), publish=True))
    one.max_age_s = 3600
    assert one.run() == ""
    assert registry.requests == []
    one.max_age_s = None
    from maestro_cas.record import Reads

    assert one.run(reads=Reads("audit", ("secret.cfg",))) == ""
    assert registry.manifests == {}


def test_pull_requests_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CasSettings(publish=True)
    assert may_publish(settings, "rw")
    assert not may_publish(settings, "ro")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    assert in_pull_request()
    assert not may_publish(settings, "rw")


def test_a_writer_that_is_no_key_is_a_configuration_error(
    make_machine: Callable[..., Machine], registry: Registry
) -> None:
    settings = CasSettings(remotes=(f"oci+http://{registry.address}/a/b",), writers=("bm9uc2Vuc2U=",))
    with pytest.raises(ConfigError, match="no public key"):
        make_machine(settings=settings).look_up()


@pytest.mark.parametrize("remote", ["http://x/y", "s3://bucket", "x"])
def test_an_unknown_kind_of_remote_is_refused(remote: str) -> None:
    with pytest.raises(ValueError, match="none of oci"):
        CasSettings(remotes=(remote,))
