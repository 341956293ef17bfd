"""From records to commitments and openings: bounds, rounding, refusals."""

from __future__ import annotations

import json
import stat
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec
import pytest

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence.obligation import Obligation, Verdict
from maestro_hooks.evidence.record import error_record
from maestro_hooks.requests import CommitRequest, SealDraft
from maestro_zk import openings, sealing
from maestro_zk.settings import ZkSettings
from maestro_zk.statement import NotProvableError
from tests.evidence.shipment import INPUTS, entropy, producer
from tests.plugins.maestro_zk import releases

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.record import Quantity, Record

NONE = ZkSettings()


def committed(
    root: Path,
    records: list[Record],
    demanded: tuple[Fraction | None, Fraction | None] = (None, None),
    settings: ZkSettings = NONE,
) -> dict[str, Quantity]:
    bounds = {r.key: demanded for r in records}
    request = CommitRequest(root=root, records=tuple(records), demanded=bounds)
    return {c.key: c.quantity for c in sealing.commitments(request, settings)}


def record(**fields: object) -> list[Record]:
    base: dict[str, object] = {"key": "a/b", "value": 5, "private": True}
    return releases.records([Obligation(**(base | fields))])  # type: ignore[arg-type]  # real names


def test_only_what_is_private_is_hidden(tmp_path: Path) -> None:
    given = releases.records()
    assert "pytest/failed" not in committed(tmp_path, given)
    assert set(committed(tmp_path, given)) == {r.key for r in given if r.private}
    assert committed(tmp_path, record(private=False)) == {}
    assert set(committed(tmp_path, record(private=False), settings=ZkSettings(private=("a/*",)))) == {"a/b"}


def test_nothing_private_leaves_nothing_behind(tmp_path: Path) -> None:
    assert committed(tmp_path, record(private=False)) == {}
    assert not (tmp_path / ".maestro").exists()


@pytest.mark.parametrize(
    ("fields", "demanded", "expected"),
    [
        ({"value": 5, "min": 3}, (None, None), ("exact", "5", "3", None)),
        ({"value": 5, "min": 3}, (Fraction(4), None), ("exact", "5", "4", None)),
        ({"value": 5, "min": 3}, (Fraction(2), None), ("exact", "5", "3", None)),
        ({"value": 5, "min": 3}, (Fraction(7, 2), Fraction(11, 2)), ("exact", "5", "4", "5")),
        ({"value": 5, "max": 9}, (None, Fraction(6)), ("exact", "5", None, "6")),
        ({"value": Decimal("0.555"), "scale": 100}, (Fraction(1, 2), None), ("floor", "55", "50", None)),
        ({"value": Decimal("0.555"), "scale": 100}, (None, Fraction(3, 4)), ("ceil", "56", None, "75")),
        ({"value": Decimal("0.555"), "scale": 100}, (None, None), ("floor", "55", None, None)),
        ({"value": Decimal("0.555"), "scale": 100, "max": 1}, (None, Fraction(3, 4)), ("ceil", "56", None, "75")),
    ],
)
def test_bounds_are_the_stricter_ones_and_rounding_supports_them(
    tmp_path: Path,
    fields: dict[str, object],
    demanded: tuple[Fraction | None, Fraction | None],
    expected: tuple[str, str, str | None, str | None],
) -> None:
    quantity = committed(tmp_path, record(**fields), demanded)["a/b"]
    assert (quantity.round, quantity.q, quantity.min, quantity.max) == expected


@pytest.mark.parametrize("fields", [{"min": 0}, {"max": 1}])
def test_a_rounded_number_cannot_support_both_sides(tmp_path: Path, fields: dict[str, object]) -> None:
    records = record(value=Decimal("0.555"), scale=100, **fields)
    with pytest.raises(ToolError, match="both a lower and an upper"):
        committed(tmp_path, records, (Fraction(0), Fraction(1)))


@pytest.mark.parametrize(
    ("name", "words"), [("a/c", "no obligation"), ("x/*", "no obligation"), ("a/text", "is no number")]
)
def test_a_name_that_hides_nothing_stops_the_seal(tmp_path: Path, name: str, words: str) -> None:
    records = [*record(private=False), *releases.records([Obligation(key="a/text", value="yes", allowed=("yes",))])]
    with pytest.raises(ToolError, match=words):
        committed(tmp_path, records, settings=ZkSettings(private=(name,)))


def test_what_is_not_met_is_hidden_and_not_proved(tmp_path: Path) -> None:
    waived = [msgspec.structs.replace(r, verdict=Verdict.WAIVED) for r in record(value=5, min=9)]
    quantity = committed(tmp_path, waived, (Fraction(20), None))["a/b"]
    assert quantity.min == "9"
    failed = error_record("a/c", producer=producer("a"), inputs=INPUTS, error="boom")
    assert committed(tmp_path, [failed], settings=ZkSettings(private=("a/*",))) == {}
    release = releases.seal(tmp_path, made=[Obligation(key="a/b", value=5, min=9, private=True)])
    assert release.sections == {}
    assert b'"verdict":"fail"' in release.leaves.data[0]


def test_openings_are_private_files_that_open(tmp_path: Path) -> None:
    committed(tmp_path, record(value=-5))
    (place,) = openings.directory(tmp_path).glob("*.openings.json")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    (opening,) = openings.load(tmp_path).values()
    assert (opening.id, opening.metric, opening.value) == ("a/b", "b", -5)
    assert opening.opens()


@pytest.mark.parametrize(
    ("field", "value"), [("q", "6"), ("blinding", "00" * 32), ("blinding", "ff" * 32), ("q", "x"), ("extra", 1)]
)
def test_a_damaged_opening_is_refused(tmp_path: Path, field: str, value: object) -> None:
    committed(tmp_path, record())
    (place,) = openings.directory(tmp_path).glob("*.openings.json")
    document = json.loads(place.read_text())
    document["openings"][0][field] = value
    place.write_text(json.dumps(document))
    with pytest.raises(EvidenceError):
        openings.load(tmp_path)


def test_a_commitment_that_repeats_stops_the_seal(tmp_path: Path) -> None:
    request = CommitRequest(root=tmp_path, records=tuple(record()), demanded={})
    assert list(sealing.commitments(request, NONE, entropy=entropy))
    with pytest.raises(ToolError, match="repeats"):
        list(sealing.commitments(request, NONE, entropy=entropy))


def test_blindings_are_fresh_in_every_seal(tmp_path: Path) -> None:
    for _ in range(3):
        committed(tmp_path, record())
    assert len(openings.load(tmp_path)) == 3


def draft_of(release: releases.Release, root: Path) -> SealDraft:
    leaves = zip(release.leaves.ids, release.leaves.data, strict=True)
    return SealDraft(
        root=root,
        subjects=(),
        tree_root=release.leaves.tree.root,
        leaves=tuple((leaf_id, data, index) for index, (leaf_id, data) in enumerate(leaves)),
    )


def test_without_the_opening_nothing_is_proved(tmp_path: Path) -> None:
    release = releases.seal(tmp_path)
    with pytest.raises(ToolError, match="opening of a hidden number"):
        list(sealing.sections(draft_of(release, tmp_path / "elsewhere"), NONE))


def test_more_bounds_than_one_proof_holds(tmp_path: Path) -> None:
    many = [Obligation(key=f"a/b/{i:02}", value=i, min=0, private=True) for i in range(17)]
    with pytest.raises(ToolError, match="one proof holds 16"):
        releases.seal(tmp_path, made=many)


def test_too_far_for_the_bits(tmp_path: Path) -> None:
    far = [Obligation(key="a/b", value=2**40, min=0, private=True)]
    with pytest.raises(NotProvableError, match="64 bits"):
        releases.seal(tmp_path, made=far)
    release = releases.seal(tmp_path, made=far, settings=ZkSettings(bits=64))
    assert release.sections["zk"]["bits"] == 64
