from __future__ import annotations

import json
import unicodedata
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.leaf import MAX_LEAF_BYTES, parse_leaf
from maestro_hooks.evidence.leaf_writer import leaf_bytes, write_leaves
from maestro_hooks.evidence.obligation import Obligation, Verdict
from maestro_hooks.evidence.record import EvidenceRef, Producer, Quantity, Record, error_record, record_of
from tests.evidence.shipment import INPUTS, entropy, producer, records

if TYPE_CHECKING:
    from collections.abc import Callable

SALT = bytes(range(16))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SEGMENTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="/"), min_size=1)
KEYS = st.builds("{}/{}/{}".format, SEGMENTS, SEGMENTS, TEXTS.filter(str.isprintable)).filter(
    lambda key: len(key.encode()) <= 256 and unicodedata.is_normalized("NFC", key)
)


def object_of(record: Record, salt: bytes, commit: str | None = None) -> dict[str, Any]:
    """Evidence format 4.2, written out plainly: what the templates must be equal to."""
    files = [] if commit and record.quantity is not None else [(item.name, item.sha256) for item in record.evidence]
    entries = [("inputs", record.inputs), *files]
    verdict = {"met": "pass", "unmet": "fail", "error": "fail", "waived": "warn"}[record.verdict]
    body: dict[str, Any] = {
        "v": 3,
        "id": record.key,
        "kind": record.kind,
        "verdict": verdict,
        "salt": canonical.salt_encode(salt),
        "producer": {"plugin": record.producer.plugin, "version": record.producer.version},
        "evidence": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in entries],
    }
    text = record.error if record.verdict is Verdict.ERROR else record.text
    if text is not None:
        body["value"] = text
    if record.quantity is not None:
        metric: dict[str, object] = {"scale": record.quantity.scale, "round": record.quantity.round}
        metric |= {"commit": commit} if commit else {"q": record.quantity.q}
        metric |= {n: b for n in ("min", "max") if (b := getattr(record.quantity, n)) is not None}
        body["metrics"] = {record.key.split("/")[1]: metric}
    return body


@st.composite
def any_records(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Record:
    numbers = st.integers(-(10**30), 10**30)
    claim = Obligation(
        key=draw(KEYS),
        value=draw(TEXTS | numbers | st.booleans() | st.fractions()),
        kind=draw(st.sampled_from(["test", "policy", "sbom", "guard", "invariant", "taint", "bloom", "build"])),
    )
    if not isinstance(claim.value, str):
        bound = draw(st.sampled_from(["", "min", "max"]))
        scale = draw(st.integers(1, 10**12))
        bounds = {bound: draw(numbers | st.fractions())} if bound else {}
        claim = Obligation(key=claim.key, value=claim.value, kind=claim.kind, scale=scale, **bounds)
    evidence = draw(
        st.lists(st.builds(EvidenceRef, TEXTS.filter(lambda n: n != "inputs"), st.just(INPUTS)), max_size=2)
    )
    made = Producer(draw(TEXTS), draw(TEXTS), "maestro_check")
    unique = tuple(dict.fromkeys(evidence))
    return record_of(claim, producer=made, inputs=INPUTS, evidence=unique)


@settings(derandomize=True, max_examples=300)
@given(any_records(), st.binary(min_size=16, max_size=16))
def test_templates_write_the_canonical_object(record: Record, salt: bytes) -> None:
    data = leaf_bytes(record, salt=salt)
    assert data == canonical.encode(object_of(record, salt))
    leaf = parse_leaf(data)
    assert (leaf.id, leaf.kind, leaf.salt, leaf.inputs) == (record.key, record.kind, salt, INPUTS)
    assert leaf.verdict == ("pass" if record.verdict is Verdict.MET else "fail")
    assert leaf.value == record.text
    for name, metric in leaf.metrics.items():
        assert name == record.key.split("/")[1]
        assert record.quantity is not None
        assert str(metric.q) == record.quantity.q


def test_many_leaves_equal_single_leaves() -> None:
    made = records()
    salts = entropy(16 * len(made))
    expected = [leaf_bytes(r, salt=salts[i * 16 : i * 16 + 16]) for i, r in enumerate(made)]
    assert write_leaves(made, entropy=entropy) == expected
    assert write_leaves([], entropy=entropy) == []


def test_short_randomness_is_refused() -> None:
    with pytest.raises(EvidenceError, match="random"):
        write_leaves(records(), entropy=lambda n: bytes(n - 1))
    with pytest.raises(EvidenceError, match="salt"):
        leaf_bytes(records()[0], salt=bytes(15))


def test_an_error_looks_like_a_failure_and_keeps_its_words() -> None:
    record = error_record("bandit/scan", producer=producer(), inputs=INPUTS, error="ValueError: boom")
    leaf = parse_leaf(leaf_bytes(record, salt=SALT))
    assert (leaf.verdict, leaf.value, leaf.metrics) == ("fail", "ValueError: boom", {})
    holding = msgspec.structs.replace(record, quantity=Quantity(1, "exact", "0", None, "0"), private=True)
    assert parse_leaf(leaf_bytes(holding, salt=SALT)) == leaf
    assert parse_leaf(leaf_bytes(msgspec.structs.replace(record, inputs=""), salt=SALT)).inputs == ""


def test_a_waived_claim_is_a_warning() -> None:
    record = next(r for r in records() if r.verdict is Verdict.WAIVED)
    leaf = parse_leaf(leaf_bytes(record, salt=SALT))
    assert leaf.verdict == "warn"
    assert leaf.metrics["slow"].holds() is False


def private(value: int | str = 7) -> Record:
    claim = Obligation(key="reports/coverage", value=value, private=True)
    return record_of(claim, producer=producer(), inputs=INPUTS)


def test_a_private_number_needs_a_commitment() -> None:
    with pytest.raises(EvidenceError, match="commitment") as caught:
        leaf_bytes(private(), salt=SALT)
    assert "private=False" in caught.value.fix
    data = leaf_bytes(private(), salt=SALT, commitments={"reports/coverage": "c" * 64})
    assert data == canonical.encode(object_of(private(), SALT, "c" * 64))
    metric = parse_leaf(data).metrics["coverage"]
    assert (metric.q, metric.commit, metric.holds()) == (None, "c" * 64, None)
    with pytest.raises(EvidenceError):
        leaf_bytes(private(), salt=SALT, commitments={"reports/coverage": "C" * 64})
    backed = msgspec.structs.replace(private(), evidence=(EvidenceRef("findings", INPUTS),))
    assert leaf_bytes(backed, salt=SALT, commitments={"reports/coverage": "c" * 64}) == data  # nothing to guess by


def test_a_private_text_is_never_published() -> None:
    with pytest.raises(EvidenceError, match="private"):
        leaf_bytes(private("secret"), salt=SALT, commitments={"reports/coverage": "c" * 64})


BAD_RECORDS: dict[str, dict[str, object]] = {
    "control character in the key": {"key": "a/b\n"},
    "key not in NFC": {"key": "a/e\u0301"},
    "key too long": {"key": "a/" + "x" * 255},
    "surrogate in the key": {"key": "a/\ud800"},
    "number without metric name": {"key": "a"},
    "unknown kind": {"kind": "rumour"},
    "inputs no digest": {"inputs": "F" * 64},
    "evidence no digest": {"evidence": (EvidenceRef("a", "1"),)},
    "evidence called inputs": {"evidence": (EvidenceRef("inputs", "a" * 64),)},
    "surrogate in a text": {"quantity": None, "text": "\ud800"},
    "too large": {"quantity": None, "text": "x" * MAX_LEAF_BYTES},
    "q no number": {"quantity": Quantity(1, "exact", "1.5")},
    "q with a leading zero": {"quantity": Quantity(1, "exact", "01")},
    "unknown verdict": {"verdict": "fine"},
    "unknown rounding": {"quantity": Quantity(1, 'nearest"', "1")},  # type: ignore[arg-type]  # not validated there
    "scale zero": {"quantity": Quantity(0, "exact", "1")},
    "rounded for the claimant": {"quantity": Quantity(1, "ceil", "8", "8")},
    "met although outside its bound": {"quantity": Quantity(1, "exact", "9", None, "8")},
    "unmet although inside its bound": {"verdict": Verdict.UNMET},
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_record_no_leaf_can_carry_is_refused(name: str) -> None:
    good = record_of(Obligation(key="a/b", value=1, max=2), producer=producer(), inputs=INPUTS)
    leaf_bytes(good, salt=SALT)
    with pytest.raises(EvidenceError):
        leaf_bytes(msgspec.structs.replace(good, **BAD_RECORDS[name]), salt=SALT)


def sample() -> dict[str, Any]:
    return {
        "v": 3,
        "id": "a/b",
        "kind": "test",
        "verdict": "pass",
        "salt": canonical.salt_encode(SALT),
        "producer": {"plugin": "p", "version": "1"},
        "evidence": [{"name": "inputs", "digest": {"sha256": INPUTS}}, {"name": "x", "digest": {"sha256": INPUTS}}],
        "metrics": {"b": {"scale": 1, "round": "exact", "q": "5", "min": "1", "max": "9"}},
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "value": "words",
    }


def metric(**changes: object) -> dict[str, Any]:
    body = {"scale": 1, "round": "exact", "q": "5", "min": "1", "max": "9"} | changes
    return {"metrics": {"b": {k: v for k, v in body.items() if v is not None}}}


def test_a_full_leaf_parses() -> None:
    leaf = parse_leaf(canonical.encode(sample()))
    assert leaf.predicate_type == sample()["predicateType"]
    assert (leaf.plugin, leaf.version, leaf.inputs) == ("p", "1", INPUTS)
    assert leaf.metrics["b"].holds() is True
    assert Fraction(leaf.metrics["b"].q or 0, leaf.metrics["b"].scale) == 5
    assert parse_leaf(canonical.encode(sample() | metric(q="10") | {"verdict": "warn"})).verdict == "warn"
    assert parse_leaf(canonical.encode(sample() | metric(q="10") | {"verdict": "fail"})).verdict == "fail"


BAD_LEAVES: dict[str, dict[str, Any]] = {
    "version 2": {"v": 2},
    "version true": {"v": True},
    "no id": {"id": ""},
    "long id": {"id": "x" * 257},
    "id no text": {"id": 5},
    "id with DEL": {"id": "a/b\x7f"},
    "unknown kind": {"kind": "x"},
    "unknown verdict": {"verdict": "met"},
    "short salt": {"salt": "AAAA"},
    "unknown member": {"extra": 1},
    "unknown producer member": {"producer": {"plugin": "p", "version": "1", "hook": "h"}},
    "producer no object": {"producer": []},
    "evidence no array": {"evidence": {}},
    "evidence twice": {"evidence": [{"name": "x", "digest": {"sha256": INPUTS}}] * 2},
    "two inputs": {"evidence": [{"name": "inputs", "digest": {"sha256": c * 64}} for c in "ab"]},
    "evidence upper case": {"evidence": [{"name": "x", "digest": {"sha256": "A" * 64}}]},
    "empty metrics": {"metrics": {}},
    "metrics null": {"metrics": None},
    "value null": {"value": None},
    "open and hidden": metric(commit="c" * 64),
    "neither open nor hidden": metric(q=None),
    "scale as text": metric(scale="1"),
    "scale too large": metric(scale=10**12 + 1),
    "float q": metric(q=5),
    "q with plus": metric(q="+5"),
    "q minus zero": metric(q="-0"),
    "q too long": metric(q="1" * 300, max=None),
    "unknown rounding": metric(round="half-even"),
    "ceil with a lower bound": metric(round="ceil", max=None),
    "floor with an upper bound": metric(round="floor", min=None),
    "passes below its bound": metric(q="0"),
    "passes above its bound": metric(q="10"),
    "fails inside its bound": {"verdict": "fail"},
}


@pytest.mark.parametrize("name", BAD_LEAVES)
def test_a_bad_leaf_is_refused(name: str) -> None:
    parse_leaf(canonical.encode(sample()))
    with pytest.raises(EvidenceError):
        parse_leaf(canonical.encode(sample() | BAD_LEAVES[name]))


@pytest.mark.parametrize("name", ["v", "id", "kind", "verdict", "salt", "producer", "evidence"])
def test_every_member_is_needed(name: str) -> None:
    body = sample()
    del body[name]
    with pytest.raises(EvidenceError, match=name):
        parse_leaf(canonical.encode(body))


def test_another_spelling_of_a_leaf_is_refused() -> None:
    with pytest.raises(EvidenceError, match="canonical"):
        parse_leaf(json.dumps(sample()).encode())
    with pytest.raises(EvidenceError, match="limit"):
        parse_leaf(canonical.encode(sample() | {"value": "x" * MAX_LEAF_BYTES}))
