"""Every single bit of a checkpoint, an entry and a proof counts; a verifier that remembers a head notices forks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle, note, signature
from maestro_hooks.evidence.bundle import encode_bundle, parse_bundle
from maestro_hooks.evidence.checkpoint import Head, parse_checkpoint
from maestro_hooks.evidence.log_steps import LastSeen, check_log
from maestro_hooks.evidence.trust import parse_trust
from tests.evidence.shipment import NOW, RELEASE_KEY, status
from tests.plugins.maestro_seal import logged
from tests.plugins.maestro_seal.logged import ship_logged, with_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.evidence.log_entry import LoggedEntry

SHIPMENT = ship_logged()
BUNDLE = parse_bundle(SHIPMENT.bundle)
TRUST = parse_trust(SHIPMENT.trust).trust


def entry_of_release() -> LoggedEntry:
    assert BUNDLE.log_entry is not None
    return BUNDLE.log_entry


def flips(data: bytes) -> Iterator[bytes]:
    for position in range(len(data) * 8):
        bad = bytearray(data)
        bad[position // 8] ^= 1 << position % 8
        yield bytes(bad)


def passes(**changes: object) -> bool:
    bundle = replace(BUNDLE, log_entry=replace(entry_of_release(), **changes))  # type: ignore[arg-type]  # real fields
    found = check_log([bundle], TRUST, now=NOW, seen=None)
    return all(step.status.value == "pass" for step in found.steps)


def test_the_untouched_entry_passes() -> None:
    assert passes()


def test_every_bit_of_the_checkpoint_counts() -> None:
    for bad in flips(entry_of_release().checkpoint):
        try:
            bad.decode()
        except UnicodeDecodeError:
            with pytest.raises(EvidenceError):
                parse_checkpoint(bad)
            continue
        # A flipped key hint makes a cosignature unknown, and then the quorum of two is not met.
        assert not passes(checkpoint=bad), bad


@pytest.mark.parametrize("field", ["body", "root", "log_id"])
def test_every_bit_of_the_entry_counts(field: str) -> None:
    for bad in flips(getattr(entry_of_release(), field)):
        assert not passes(**{field: bad})


def test_every_bit_of_the_proof_counts() -> None:
    hashes = entry_of_release().hashes
    for place, value in enumerate(hashes):
        for bad in flips(value):
            assert not passes(hashes=(*hashes[:place], bad, *hashes[place + 1 :]))


def seen_head(size: int) -> LastSeen:
    """The head of the log when it had ``size`` entries, with an honest copy of the log."""
    body = entry_of_release().body
    entries = [*logged.other_entries(logged.BEFORE), body, *logged.other_entries(logged.AFTER, salt="after")]
    hashes = merkle.leaf_hashes(entries)
    return LastSeen(
        head=Head(size, merkle.root(hashes[:size])),
        consistency=lambda old, new: merkle.grow(hashes[:new]).consistency(old),
    )


@pytest.mark.parametrize("size", [0, 1, 7, 16, 17, 18])
def test_a_log_that_grew_is_consistent(size: int) -> None:
    assert status(SHIPMENT.verify(seen=seen_head(size)), "freshness") == "pass"


def test_equivocation_and_rollback_are_noticed() -> None:
    fork = Head(18, merkle.root(merkle.leaf_hashes([b"another", b"history"])))
    for seen in (
        LastSeen(head=fork),
        LastSeen(head=replace(fork, size=20), consistency=lambda old, new: ()),
        replace(seen_head(7), head=Head(7, fork.root)),
    ):
        report = SHIPMENT.verify(seen=seen)
        assert (report.verdict, report.first_failure) == ("fail", "freshness")


def test_another_size_needs_a_copy_of_the_log() -> None:
    report = SHIPMENT.verify(seen=replace(seen_head(7), consistency=None))
    assert (report.verdict, report.first_failure) == ("incomplete", "freshness")
    assert SHIPMENT.verify(seen=replace(seen_head(18), consistency=None)).verdict == "pass"


def test_a_threshold_of_two_needs_an_entry_for_each_signature() -> None:
    other = replace(BUNDLE, log_entry=None)
    report = SHIPMENT.verify(bundles=[SHIPMENT.bundle, encode_bundle(other)])
    assert (report.verdict, report.first_failure) == ("fail", "log-entry")


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace("—".encode(), b"-"),
        lambda data: data.replace(b"\n18\n", b"\n018\n"),
        lambda data: data.replace(b"\n18\n", b"\n-18\n"),
        lambda data: data.replace(b"\n18\n", b"\n18\r\n"),
        lambda data: data.replace(b"\n18\n", b"\n\n18\n"),
        lambda data: data * 200,
        lambda data: b"",
        lambda data: data.partition(b"\n\n")[0] + b"\n\n" + b"\xe2\x80\x94 a AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(edit: object) -> None:
    assert callable(edit)
    with pytest.raises(EvidenceError):
        parse_checkpoint(edit(entry_of_release().checkpoint))


def test_the_specification_of_a_note_and_its_keys() -> None:
    data = entry_of_release().checkpoint
    assert note.encode_note(note.parse_note(data)) == data
    public = signature.public_of(RELEASE_KEY)
    text = note.vkey("example.org/w", note.COSIGNATURES["ed25519"], public)
    assert note.parse_vkey(text, kinds=note.COSIGNATURES.values()) == ("example.org/w", public)
    for bad in (text[:-1], text.replace("+", "-"), text.replace("example", "exampl"), "x"):
        with pytest.raises(EvidenceError):
            note.parse_vkey(bad, kinds=note.COSIGNATURES.values())
    with pytest.raises(EvidenceError, match="kind"):
        note.parse_vkey(text, kinds=[note.ED25519])
    for name in ("", "a b", "a+b", "a\n"):
        with pytest.raises(EvidenceError):
            note.vkey(name, note.ED25519, public)


def test_golang_sumdb_vkey_is_read() -> None:
    # The published key of the Go checksum database, known to every Go installation.
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    name, _ = note.parse_vkey(text, kinds=[note.ED25519])
    assert name == "sum.golang.org"


def test_bundles_keep_the_entry() -> None:
    assert parse_bundle(encode_bundle(BUNDLE)) == BUNDLE
    assert with_entry(SHIPMENT) == SHIPMENT.bundle
