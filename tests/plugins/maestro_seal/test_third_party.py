"""Sigstore's JavaScript verifier, Go's log client and OpenSSL accept what we make, and no forgery of it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from maestro_hooks.evidence import merkle, note, signature, tiles
from maestro_hooks.evidence.bundle import encode_bundle, parse_bundle
from maestro_hooks.evidence.checkpoint import Head, cosign, log_signed, parse_checkpoint
from maestro_seal import shipping
from maestro_seal.stamping import ask_authority
from maestro_seal.writer import LogWriter
from tests.evidence.shipment import RELEASE_KEY, ship
from tests.plugins.maestro_seal import logged
from tests.plugins.maestro_seal.authority import make_tsa, serving_tsa
from tests.plugins.maestro_seal.clients import CLIENTS, need, node
from tests.plugins.maestro_seal.corpus import flip_signature, resigned
from tests.plugins.maestro_seal.logs import KEY, ORIGIN, OTHER, entries, make_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from maestro_hooks.evidence.authority import Authority


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sigstore_says(tmp_path: Path, bundles: list[bytes], authorities: Sequence[Authority] = ()) -> list[bool | str]:
    trust = {
        "origin": logged.ORIGIN,
        "logKey": encoded(signature.public_of(logged.LOG_KEY).spki),
        "logId": encoded(note.key_hash(logged.ORIGIN, note.ED25519, signature.public_of(logged.LOG_KEY))),
        "releaseKey": encoded(signature.public_of(RELEASE_KEY).spki),
        "timestampAuthorities": [
            {"certChain": {"certificates": [{"rawBytes": encoded(der)} for der in authority.certificates]}}
            for authority in authorities
        ],
    }
    given = tmp_path / "cases.json"
    given.write_text(json.dumps({"trust": trust, "cases": [bundle.decode() for bundle in bundles]}))
    command = [node(), str(CLIENTS / "sigstore.mjs"), str(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[bool | str] = json.loads(done.stdout)
    return answers


@pytest.mark.engine("sigstore")
def test_sigstore_verifies_our_bundles(tmp_path: Path) -> None:
    shipment = logged.ship_logged()
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    cosigner_only = logged.checkpoint_note(Head(entry.size, entry.root), witnesses=())
    forged = {
        "no log entry": ship().bundle,
        "entry of another release": logged.with_entry(shipment, body=logged.other_entries(1)[0]),
        "other index": logged.with_entry(shipment, index=3, proof_index=3),
        "one hash less": logged.with_entry(shipment, hashes=entry.hashes[1:]),
        "edited hash": logged.with_entry(shipment, hashes=(bytes(32), *entry.hashes[1:])),
        "log signature": logged.with_entry(shipment, checkpoint=flip_signature(entry.checkpoint, 0)),
        "checkpoint root": logged.with_entry(shipment, checkpoint=logged.checkpoint_note(Head(entry.size, bytes(32)))),
        "another log key": logged.with_entry(
            shipment, checkpoint=logged.checkpoint_note(Head(entry.size, entry.root), key=logged.WITNESS_1)
        ),
        "another release key": resigned(shipment, key=logged.WITNESS_2),
        "edited payload": shipment.bundle.replace(b'"payload":"eyJ', b'"payload":"eyK'),
    }
    honest = [shipment.bundle, logged.with_entry(shipment, checkpoint=cosigner_only)]
    answers = sigstore_says(tmp_path, [*honest, *forged.values()])
    assert answers[:2] == [True, True]
    assert {name for name, answer in zip(forged, answers[2:], strict=True) if answer is True} == set()


@pytest.mark.engine("sigstore")
def test_sigstore_checks_our_timestamps(tmp_path: Path) -> None:
    shipment, tsa = logged.ship_logged(), make_tsa(tmp_path / "tsa")
    bundle = parse_bundle(shipment.bundle)
    with serving_tsa(tsa) as address:
        token, foreign = (
            ask_authority(address, message, timeout_s=10) for message in (bundle.envelope.signatures[0].sig, b"another")
        )
    flipped = token[:-5] + bytes([token[-5] ^ 1]) + token[-4:]
    bundles = [encode_bundle(replace(bundle, timestamps=(made,))) for made in (token, foreign, flipped)]
    assert [answer is True for answer in sigstore_says(tmp_path, bundles, [tsa.authority()])] == [True, False, False]
    assert sigstore_says(tmp_path, bundles[:1]) != [True]  # its trusted root names nobody


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Go's client, built once."""
    need(shutil.which("go"), "Go is not installed (apt-get install golang-go golang-golang-x-mod-dev)")
    built = tmp_path_factory.mktemp("go") / "tlog"
    env = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(built.parent / "cache"),
        "GOFLAGS": "",
    }
    command = ["go", "build", "-o", str(built), str(CLIENTS / "tlog" / "main.go")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    need(done.returncode == 0, f"golang.org/x/mod is not there for Go to build with: {done.stderr[-300:]}")
    return str(built)


def go_says(client: str, *arguments: str) -> str:
    return subprocess.run([client, *arguments], capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.engine("go")
@pytest.mark.parametrize("batches", [[1, 1], [3, 297], [256, 1, 300], [5, 69_996]])
def test_go_reads_our_logs(tmp_path: Path, go_client: str, batches: list[int]) -> None:
    disk = make_log(tmp_path / "log", batches)
    size, old = sum(batches), batches[0]
    vkey = note.vkey(ORIGIN, note.ED25519, signature.public_of(KEY))
    old_root = merkle.root(merkle.leaf_hashes(entries(old))).hex()
    entry = tmp_path / "entry"
    for index in {0, size // 2, size - 1}:
        entry.write_bytes(entries(1, first=index)[0])
        arguments = (str(disk.root), vkey, str(index), str(old), old_root, str(entry))
        assert go_says(go_client, *arguments) == f"accepted {size}\n"
        assert "refused" in go_says(go_client, *arguments[:4], "00" * 32, str(entry))
        entry.write_bytes(b"something else")
        assert "refused" in go_says(go_client, *arguments)
    other = note.vkey(ORIGIN, note.ED25519, signature.public_of(OTHER))
    assert "refused" in go_says(go_client, str(disk.root), other, "0")
    # A tile whose second hash, the sibling of entry 0, has one bit changed gives no proof.
    entry.write_bytes(entries(1)[0])
    tile = disk.root / tiles.tile_path(0, 0, tiles.width_at(0, 0, size))
    data = bytearray(tile.read_bytes())
    data[32] ^= 1
    tile.write_bytes(data)
    assert "refused" in go_says(go_client, str(disk.root), vkey, "0", str(old), old_root, str(entry))


@pytest.mark.engine("go")
def test_go_opens_a_cosigned_checkpoint(tmp_path: Path, go_client: str) -> None:
    disk = make_log(tmp_path / "log", [4])
    with LogWriter(disk, ORIGIN, KEY) as writer:
        parsed = parse_checkpoint(writer.checkpoint)
        checkpoint = parsed.note
        line = cosign(parsed, logged.NAME_1, logged.WITNESS_1, time=logged.SEEN_AT)
        writer.add_cosignatures(note.encode_note(replace(checkpoint, signatures=(*checkpoint.signatures, line))))
    vkey = note.vkey(ORIGIN, note.ED25519, signature.public_of(KEY))
    assert go_says(go_client, str(disk.root), vkey, "0") == "accepted 4\n"


@pytest.mark.engine("go")
def test_go_checks_our_stand_alone_proofs(tmp_path: Path, go_client: str) -> None:
    bundle = logged.ship_logged().bundle
    logged_entry = parse_bundle(bundle).log_entry
    assert logged_entry is not None
    (tmp_path / "demo.sigstore.json").write_bytes(bundle)
    shipping.write_proof(tmp_path / "demo.sigstore.json")
    proof, entry = tmp_path / "demo.tlog-proof", tmp_path / "entry"
    honest = proof.read_bytes()
    entry.write_bytes(logged_entry.body)
    vkey = note.vkey(logged.ORIGIN, note.ED25519, signature.public_of(logged.LOG_KEY))
    assert go_says(go_client, "--proof", str(proof), vkey, str(entry)) == f"accepted {logged_entry.size}\n"
    entry.write_bytes(logged_entry.body + b" ")
    assert "refused" in go_says(go_client, "--proof", str(proof), vkey, str(entry))
    entry.write_bytes(logged_entry.body)
    proof.write_bytes(honest.replace(b"index 11", b"index 10"))
    assert "refused" in go_says(go_client, "--proof", str(proof), vkey, str(entry))


@pytest.mark.engine("openssl")
def test_openssl_verifies_a_checkpoint_and_a_cosignature(tmp_path: Path) -> None:
    need(shutil.which("openssl"), "openssl is not installed")
    made = parse_checkpoint(logged.checkpoint_note(Head(0, merkle.EMPTY_ROOT)))
    assert log_signed(made, logged.ORIGIN, signature.public_of(logged.LOG_KEY))
    seen = b"cosignature/v1\ntime %d\n" % logged.SEEN_AT + made.note.text
    signed = [
        (logged.LOG_KEY, made.note.text, made.note.signatures[0].sig),
        (logged.WITNESS_1, seen, made.note.signatures[1].sig[8:]),
    ]
    for key, message, sig in signed:
        files = {"key": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)}
        for name, data in {**files, "message": message, "signature": sig}.items():
            (tmp_path / name).write_bytes(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "message"]
        command += ["-sigfile", "signature"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
        (tmp_path / "message").write_bytes(message + b"x")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0
