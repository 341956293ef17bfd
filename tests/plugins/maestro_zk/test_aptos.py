"""Range proofs by others (Aptos' WASM build of a Rust implementation), verified by us, and ours by them.

``npm ci --prefix tests/engines/zk`` installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from maestro_zk import bases
from maestro_zk.pedersen import commit
from tests.plugins.maestro_zk.proving import accepts, openings, range_proof

FOLDER = Path(__file__).parents[2] / "engines" / "zk"
LABEL = b"AptosConfidentialAsset/BulletproofRangeProof"
SIZES = pytest.mark.parametrize(("bits", "count"), [(8, 1), (16, 4), (32, 2), (32, 4), (64, 1), (64, 4)])

pytestmark = pytest.mark.engine("node")


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    missing = "node is not installed" if found is None else "run: npm ci --prefix tests/engines/zk"
    if found is None or not (FOLDER / "node_modules").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def ask(node: str, *tasks: dict[str, object]) -> list[dict[str, Any]]:
    shared = {"base": bases.BASE_BYTES.hex(), "blinding": bases.BLINDING_BYTES.hex()}
    given = json.dumps([task | shared for task in tasks])
    done = subprocess.run([node, str(FOLDER / "aptos.mjs")], input=given, capture_output=True, text=True, check=True)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def values(bits: int, count: int) -> list[int]:
    return [2**bits - 1 - i * 7 for i in range(count)]


@SIZES
def test_they_accept_ours_and_reject_what_is_tampered_with(node: str, bits: int, count: int) -> None:
    proof, commitments = range_proof(values(bits, count), bits, label=LABEL)
    places = (3, 40, 70, 100, 130, 165, 200, 230, 300, len(proof) - 1)
    forged = [proof[:place] + bytes([proof[place] ^ 4]) + proof[place + 1 :] for place in places]
    sent = [proof, range_proof(values(bits, count), bits)[0], *forged]
    shared = {"do": "verify", "commitments": [c.hex() for c in commitments], "bits": bits}
    answers = ask(node, *({**shared, "proof": item.hex()} for item in sent))
    assert [answer["ok"] for answer in answers] == [True] + [False] * 11


@SIZES
def test_we_accept_theirs_and_reject_what_is_tampered_with(node: str, bits: int, count: int) -> None:
    secret = openings(values(bits, count))
    blindings = [o.blinding.to_bytes(32, "little").hex() for o in secret]
    (made,) = ask(node, {"do": "prove", "values": [str(o.value) for o in secret], "blindings": blindings, "bits": bits})
    commitments = [bytes.fromhex(text) for text in made["commitments"]]
    assert commitments == [commit(o.value, o.blinding) for o in secret]
    proof = bytes.fromhex(made["proof"])
    assert accepts(proof, commitments, bits, label=LABEL)
    assert not accepts(proof, commitments, bits)
    forged = bytes([proof[0] ^ 2]) + proof[1:]
    assert not accepts(forged, commitments, bits, label=LABEL)
