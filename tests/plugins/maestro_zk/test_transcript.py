from __future__ import annotations

import hashlib
from itertools import islice

import pytest

from maestro_zk.keccak import permute
from maestro_zk.strobe import Strobe128
from maestro_zk.transcript import Transcript
from tests.plugins.maestro_zk import vectors


@pytest.mark.parametrize("message", [b"", b"abc", b"x" * 135])
def test_the_permutation_is_the_one_of_sha3(message: bytes) -> None:
    block = bytearray(message + b"\x06" + bytes(135 - len(message)))
    block[135] |= 0x80
    state = block + bytes(64)
    permute(state)
    assert bytes(state[:32]) == hashlib.sha3_256(message).digest()


def test_merlins_published_vector() -> None:
    transcript = Transcript(b"test protocol")
    transcript.append(b"some label", b"some data")
    assert transcript.challenge(b"challenge", 32).hex() == vectors.MERLIN_CHALLENGE


def test_a_challenge_hangs_on_every_label_and_length() -> None:
    def challenge(*messages: tuple[bytes, bytes]) -> bytes:
        transcript = Transcript(b"t")
        for label, message in messages:
            transcript.append(label, message)
        return transcript.challenge(b"c", 16)

    said = [
        [(b"a", b"bc")],
        [(b"ab", b"c")],
        [(b"a", b"b"), (b"", b"c")],
        [(b"a", b"bc"), (b"", b"")],
        [],
        [(b"a", b"bc" * 100)],
        [(b"a", b"bc" * 101)],
    ]
    assert len({challenge(*messages) for messages in said}) == len(said)


def test_secrets_hang_on_transcript_witness_and_randomness() -> None:
    def first(label: bytes = b"t", witness: bytes = b"w", fill: int = 1) -> int:
        return next(Transcript(label).secret_scalars([witness], entropy=lambda n: bytes([fill]) * n))

    made = [first(), first(label=b"u"), first(witness=b"v"), first(fill=2)]
    assert len(set(made)) == 4
    assert first() == made[0]
    assert len(set(islice(Transcript(b"t").secret_scalars([], entropy=bytes), 200))) == 200


def test_secrets_leave_the_transcript_alone() -> None:
    one, two = Transcript(b"t"), Transcript(b"t")
    next(one.secret_scalars([b"w"], entropy=bytes))
    assert one.challenge(b"c", 8) == two.challenge(b"c", 8)


def test_only_an_operation_of_its_kind_is_continued() -> None:
    strobe = Strobe128(b"p")
    strobe.ad(b"x")
    with pytest.raises(ValueError, match="continued"):
        strobe.meta_ad(b"y", more=True)
