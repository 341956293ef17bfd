"""The low-level proof: what it accepts, and everything near it that it must not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from maestro_zk import bases, msm, prover, rangeproof
from maestro_zk.field import ENGINE, L, inverse, scalar_bytes
from maestro_zk.pedersen import commit
from maestro_zk.prover import Opening
from maestro_zk.ristretto import IDENTITY_BYTES, decode, encode
from maestro_zk.transcript import Transcript
from tests.plugins.maestro_zk import vectors
from tests.plugins.maestro_zk.proving import accepts, entropy, forget, openings, range_proof

if TYPE_CHECKING:
    from collections.abc import Callable

# SHA-256 of a proof made with fixed randomness: any change to what is absorbed, or to its order, shows here.
GOLDEN = {
    (8, 1): "d49db17d3c60155e402d02fb0ec98579fd80a1581ce119c6f390453994a3640b",
    (32, 2): "e9345d69d85d9e755b6b38676aceb70dff88c44942e15f3a41a1ebb0d5dd6749",
}
FIELDS = {"A": 0, "S": 1, "T_1": 2, "T_2": 3, "t_x": 4, "t_x_blinding": 5, "e_blinding": 6, "L": 7, "R": 8}


@pytest.fixture(scope="module")
def small() -> tuple[bytes, list[bytes]]:
    """Eight bits, one party: the cheapest proof there is."""
    return range_proof([200], 8)


def put(proof: bytes, place: int, piece: bytes) -> bytes:
    """``proof`` with its 32-byte piece ``place`` replaced."""
    start = 32 * (place % (len(proof) // 32))
    return proof[:start] + piece + proof[start + 32 :]


@pytest.mark.parametrize(
    ("bits", "values"),
    [(8, [0]), (8, [255]), (8, [0, 255]), (16, [1, 2, 3, 65535]), (32, [2**32 - 1, 7]), (64, [2**64 - 1])],
)
def test_honest_proofs_verify_and_have_the_size_of_the_format(bits: int, values: list[int]) -> None:
    proof, commitments = range_proof(values, bits)
    assert accepts(proof, commitments, bits)
    rounds = (bits * len(values)).bit_length() - 1
    assert len(proof) == 32 * (9 + 2 * rounds) == rangeproof.proof_size(bits, len(values))


@pytest.mark.slow
def test_the_largest_proofs_verify() -> None:
    for bits, count in ((8, 16), (64, 4)):
        proof, commitments = range_proof(list(range(count)), bits)
        assert accepts(proof, commitments, bits)


@pytest.mark.parametrize("value", [-1, 256, 2**252])
def test_the_prover_refuses_a_value_outside(value: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        range_proof([value], 8)


@pytest.mark.parametrize(("bits", "count"), [(7, 1), (128, 1), (0, 1), (8, 0), (8, 3), (8, 32)])
def test_other_sizes_have_no_proof(bits: int, count: int) -> None:
    with pytest.raises(ValueError, match="a range proof has"):
        rangeproof.proof_size(bits, count)
    with pytest.raises(ValueError, match="a range proof has"):
        accepts(bytes(480), [commit(1, 1)] * count, bits)
    with pytest.raises(ValueError, match="a range proof has"):
        prover.prove(Transcript(b"t"), openings([0] * count), commitments=[commit(1, 1)] * count, bits=bits)


def test_a_flipped_bit_in_any_byte_is_rejected(small: tuple[bytes, list[bytes]]) -> None:
    proof, commitments = small
    for place in range(len(proof)):
        forged = bytearray(proof)
        forged[place] ^= 1 << (place * 5 % 8)
        assert not accepts(bytes(forged), commitments, 8), place


@pytest.mark.slow
def test_every_flipped_bit_is_rejected(small: tuple[bytes, list[bytes]]) -> None:
    proof, commitments = small
    for place in range(8 * len(proof)):
        forged = bytearray(proof)
        forged[place // 8] ^= 1 << (place % 8)
        assert not accepts(bytes(forged), commitments, 8), place


@pytest.mark.parametrize("cut", [slice(0), slice(-1), slice(1, None), slice(-32), slice(-64)])
def test_a_truncated_proof_is_rejected(small: tuple[bytes, list[bytes]], cut: slice) -> None:
    proof, commitments = small
    assert not accepts(proof[cut], commitments, 8)


@pytest.mark.parametrize("more", [b"\0", bytes(32), bytes(64)])
def test_an_extended_proof_is_rejected(small: tuple[bytes, list[bytes]], more: bytes) -> None:
    proof, commitments = small
    assert not accepts(proof + more, commitments, 8)
    assert not accepts(more + proof, commitments, 8)


@pytest.mark.parametrize("place", [4, 5, 6, -2, -1])
def test_a_scalar_that_is_not_reduced_is_rejected(small: tuple[bytes, list[bytes]], place: int) -> None:
    proof, commitments = small
    start = 32 * (place % (len(proof) // 32))
    value = int.from_bytes(proof[start : start + 32], "little") + int(L)
    assert value < 2**256
    assert not accepts(put(proof, place, value.to_bytes(32, "little")), commitments, 8)


POINT_PLACES = [0, 1, 2, 3, 7, 8, 11, 12]


@pytest.mark.parametrize("place", POINT_PLACES)
def test_the_identity_is_rejected_where_a_point_must_be(small: tuple[bytes, list[bytes]], place: int) -> None:
    proof, commitments = small
    assert not accepts(put(proof, place, IDENTITY_BYTES), commitments, 8)


@pytest.mark.parametrize("place", POINT_PLACES)
def test_bad_encodings_are_rejected_before_any_arithmetic(
    small: tuple[bytes, list[bytes]], place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof, commitments = small
    monkeypatch.setattr(msm, "total", lambda *_: pytest.fail("computed with a bad point"))
    for text in vectors.BAD_ENCODINGS:
        assert not accepts(put(proof, place, bytes.fromhex(text)), commitments, 8)


def test_a_bad_commitment_is_rejected(small: tuple[bytes, list[bytes]]) -> None:
    proof, _ = small
    for text in (*vectors.BAD_ENCODINGS, "00" * 31):
        assert not accepts(proof, [bytes.fromhex(text)], 8)


def test_another_commitment_label_size_or_order_is_rejected() -> None:
    proof, commitments = range_proof([3, 4], 8)
    assert not accepts(proof, commitments[::-1], 8)
    assert not accepts(proof, [commitments[0]] * 2, 8)
    assert not accepts(proof, [commitments[0], commit(4, 5)], 8)
    assert not accepts(proof, commitments, 8, label=b"other")
    assert not accepts(proof, commitments[:1], 8)
    assert not accepts(proof, [*commitments, IDENTITY_BYTES, IDENTITY_BYTES], 8)


def test_bits_are_part_of_the_claim() -> None:
    # 16 x 2 and 32 x 1 have proofs of one length, so only the transcript tells them apart.
    proof, commitments = range_proof([5], 32)
    assert accepts(proof, commitments, 32)
    assert not accepts(proof, [*commitments, IDENTITY_BYTES], 16)
    assert not accepts(range_proof([5], 64)[0], commitments, 32)


def test_other_bases_are_rejected(small: tuple[bytes, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    proof, commitments = small
    g, h = bases.vectors(8, 1)
    for name, other in (
        ("vectors", lambda *_: (h, g)),
        ("vectors", lambda *_: (g[::-1], h)),
        ("base", bases.blinding_base),
        ("blinding_base", bases.base),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(bases, name, other)
            assert not accepts(proof, commitments, 8)
    assert accepts(proof, commitments, 8)


def test_a_wrapped_value_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover without scruples commits to -1 and claims the bits of -1 mod 2**8."""
    monkeypatch.setattr(prover, "check_shape", lambda *_: 3)
    secret = [Opening(255, 99)]
    forged = prover.prove(Transcript(b"test"), secret, commitments=[commit(-1, 99)], bits=8, entropy=entropy)
    assert not accepts(forged, [commit(-1, 99)], 8)
    assert accepts(range_proof([255], 8)[0], [commit(255, 10**30)], 8)


def test_the_verifier_does_not_choose_its_random_factor_alone(small: tuple[bytes, list[bytes]]) -> None:
    proof, commitments = small
    for source in (bytes, lambda n: b"\xff" * n):
        assert rangeproof.verify(Transcript(b"test"), proof, commitments=commitments, bits=8, entropy=source)
    # Trading an error in one equation for one in the other works only for a factor known beforehand.
    t_x = int.from_bytes(proof[128:160], "little")
    assert not accepts(put(proof, 4, scalar_bytes(t_x + 1)), commitments, 8)


def challenges_of(proof: bytes, commitments: list[bytes], bits: int) -> rangeproof.Challenges:
    parsed = rangeproof.parse(proof, bits=bits, parties=len(commitments))
    assert parsed is not None
    return rangeproof._replay(Transcript(b"test"), parsed, commitments, bits)


def shifted(piece: bytes, factor: int) -> bytes:
    point = decode(piece)
    assert point is not None
    return encode(msm.total([1, factor], [point, bases.base()]))


def forge_by_polynomial(place: int, power: int) -> Callable[[], tuple[bytes, list[bytes]]]:
    """Claim 1000 in eight bits: prove 7, then move T_1 or T_2 by the difference, once x and z are known."""

    def forge() -> tuple[bytes, list[bytes]]:
        commitments = [commit(1000, 99)]
        proof = prover.prove(Transcript(b"test"), [Opening(7, 99)], commitments=commitments, bits=8, entropy=entropy)
        said = challenges_of(proof, commitments, 8)
        shift = (7 - 1000) * said.z * said.z * inverse(pow(said.x, power, L)) % L
        start = 32 * place
        return put(proof, place, shifted(proof[start : start + 32], shift)), commitments

    return forge


def forge_by_commitment() -> tuple[bytes, list[bytes]]:
    """Prove with a wrong T_1, then choose the commitment that makes it right: it holds a number near 2**252."""
    whole = prover._Polynomials.middle
    prover._Polynomials.middle = lambda self: (whole(self)[0] + 1, whole(self)[1])  # type: ignore[method-assign]
    try:
        proof, commitments = range_proof([7], 8)
    finally:
        prover._Polynomials.middle = whole  # type: ignore[method-assign]
    said = challenges_of(proof, commitments, 8)
    return proof, [shifted(commitments[0], -said.x * inverse(said.z * said.z % L) % L)]


ATTACKS = {
    b"V": forge_by_commitment,
    b"T_1": forge_by_polynomial(2, 1),
    b"T_2": forge_by_polynomial(3, 2),
}


@pytest.mark.parametrize("label", list(ATTACKS))
def test_a_forgery_works_only_if_the_message_is_left_out(label: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    proof, commitments = ATTACKS[label]()
    assert not accepts(proof, commitments, 8)
    forget(monkeypatch, label)
    proof, commitments = ATTACKS[label]()
    assert accepts(proof, commitments, 8)


def digest(bits: int, count: int) -> str:
    return hashlib.sha256(range_proof(list(range(count)), bits)[0]).hexdigest()


@pytest.mark.parametrize(("bits", "count"), list(GOLDEN))
def test_proofs_with_fixed_randomness_do_not_change(bits: int, count: int) -> None:
    assert digest(bits, count) == GOLDEN[bits, count]


@pytest.mark.parametrize(
    "label",
    [b"dom-sep", b"n", b"m", b"V", b"A", b"S", b"T_1", b"T_2", b"t_x", b"t_x_blinding", b"e_blinding", b"L", b"R"],
)
def test_leaving_any_message_out_is_noticed(label: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The battery has teeth: prover and verifier changed alike agree, but not with the golden proof."""
    forget(monkeypatch, label)
    proof, commitments = range_proof([0], 8)
    assert accepts(proof, commitments, 8)
    assert hashlib.sha256(proof).hexdigest() != GOLDEN[8, 1]


def test_plain_integers_and_gmpy2_make_the_same_proof() -> None:
    code = (
        "import sys; sys.modules['gmpy2'] = sys.modules['rbcl'] = None\n"
        "from maestro_zk.field import ENGINE; assert ENGINE == 'python'\n"
        "from tests.plugins.maestro_zk.proving import accepts, range_proof\n"
        "import hashlib; proof, commitments = range_proof([0], 8); assert accepts(proof, commitments, 8)\n"
        "assert not accepts(proof[:-1] + bytes([proof[-1] ^ 1]), commitments, 8)\n"
        "print(hashlib.sha256(proof).hexdigest())"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = ['.', 'plugins']\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == GOLDEN[8, 1], done.stderr
    assert ENGINE == "python" or ENGINE.startswith("gmpy2")
