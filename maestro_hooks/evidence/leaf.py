"""One leaf of the manifest: a salted, canonical JSON statement of one obligation (evidence format 4.2).

Theorem: a leaf that parses tells the truth about its own open numbers: ``pass`` holds if and only if they lie
inside the stated bounds, and they were rounded against the claimant.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape

MAX_LEAF_BYTES = 64 * 1024
MAX_ID_BYTES = 256
MAX_SCALE = 10**12
KINDS = frozenset({"test", "policy", "sbom", "guard", "invariant", "taint", "bloom", "build"})
VERDICTS = frozenset({"pass", "fail", "warn", "skip"})
ROUNDINGS = frozenset({"floor", "ceil", "exact"})
INPUTS = "inputs"

_REQUIRED = ("v", "id", "kind", "verdict", "salt", "producer", "evidence")
_OPTIONAL = ("predicateType", "value", "metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number, open (``q``) or hidden behind a commitment, with its inclusive bounds at the same scale."""

    scale: int
    round: str
    q: int | None = None
    commit: str | None = None
    min: int | None = None
    max: int | None = None

    def holds(self) -> bool | None:
        """Whether the open number meets its bounds; ``None`` when it is hidden."""
        if self.q is None:
            return None
        return (self.min is None or self.q >= self.min) and (self.max is None or self.q <= self.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A parsed leaf. ``evidence`` is (name, sha256) as listed; ``inputs`` is the entry of that name, or empty."""

    id: str
    kind: str
    verdict: str
    salt: bytes
    plugin: str
    version: str
    evidence: tuple[tuple[str, str], ...]
    predicate_type: str | None = None
    value: str | None = None
    metrics: dict[str, Metric]

    @property
    def inputs(self) -> str:
        """The digest of everything the producer read."""
        return next((sha256 for name, sha256 in self.evidence if name == INPUTS), "")


def parse_leaf(data: bytes) -> Leaf:
    """Parse and check received leaf bytes.

    Raises:
        EvidenceError: for bytes that are not canonical, unknown members, or a verdict its numbers contradict.
    """
    document = canonical.decode(data, canonical=True, where="leaf", max_bytes=MAX_LEAF_BYTES)
    body = shape.members(document, required=_REQUIRED, optional=_OPTIONAL, where="leaf")
    shape.integer(body["v"], low=3, high=3, where="leaf v")
    where = f"leaf {check_id(body['id'])}"
    producer = shape.members(body["producer"], required=("plugin", "version"), where=where)
    leaf = Leaf(
        id=str(body["id"]),
        kind=shape.one_of(body["kind"], KINDS, where=where),
        verdict=shape.one_of(body["verdict"], VERDICTS, where=where),
        salt=canonical.salt_decode(body["salt"], where=where),
        plugin=shape.text(producer["plugin"], where=where),
        version=shape.text(producer["version"], where=where),
        evidence=_parse_evidence(body["evidence"], where),
        predicate_type=_optional_text(body, "predicateType", where),
        value=_optional_text(body, "value", where),
        metrics=_parse_metrics(body["metrics"], where) if "metrics" in body else {},
    )
    _check_verdict(leaf, where)
    return leaf


def check_id(value: object) -> str:
    """Return ``value`` if it is a leaf id: 1 to 256 bytes of UTF-8, NFC, no control character."""
    if isinstance(value, str):
        if value.isascii() and value.isprintable() and 1 <= len(value) <= MAX_ID_BYTES:
            return value
        if _unicode_id(value):
            return value
    raise EvidenceError(
        f"{value!r:.80} is no leaf id: 1 to {MAX_ID_BYTES} bytes of UTF-8, NFC, no control character", where="leaf"
    )


def _unicode_id(value: str) -> bool:
    return (
        not any(unicodedata.category(c) in ("Cc", "Cs") for c in value)
        and 1 <= len(value.encode()) <= MAX_ID_BYTES
        and unicodedata.is_normalized("NFC", value)
    )


def check_rounding(rounding: str, *, low: bool, high: bool, where: str) -> None:
    """Raise unless the number was rounded against the claimant (evidence format 4.4)."""
    if rounding not in ROUNDINGS:
        raise EvidenceError(f"unknown rounding {rounding!r:.40}", where=where)
    if (low and rounding == "ceil") or (high and rounding == "floor"):
        raise EvidenceError(f"a number rounded by {rounding} does not support its bound", where=where)


def _optional_text(body: object, name: str, where: str) -> str | None:
    assert isinstance(body, dict)  # noqa: S101 - for the type checker: shape.members returned it
    return shape.text(body[name], where=f"{where} {name}") if name in body else None


def _parse_evidence(value: object, where: str) -> tuple[tuple[str, str], ...]:
    entries = []
    for item in shape.array(value, where=where):
        entry = shape.members(item, required=("name", "digest"), where=where)
        entries.append((shape.text(entry["name"], where=where), shape.digest(entry["digest"], where=where)))
    if len(set(entries)) != len(entries) or [name for name, _ in entries].count(INPUTS) > 1:
        raise EvidenceError("an entry is listed twice", where=where)
    return tuple(entries)


def _parse_metrics(value: object, where: str) -> dict[str, Metric]:
    if not isinstance(value, dict) or not value:
        raise EvidenceError("expected an object with at least one metric", where=f"{where} metrics")
    return {name: _parse_metric(body, where) for name, body in value.items()}


def _parse_metric(value: object, where: str) -> Metric:
    body = shape.members(value, required=("scale", "round"), optional=("q", "commit", "min", "max"), where=where)
    if ("q" in body) == ("commit" in body):
        raise EvidenceError("a metric is either open (q) or hidden (commit)", where=where)
    metric = Metric(
        scale=shape.integer(body["scale"], low=1, high=MAX_SCALE, where=where),
        round=shape.text(body["round"], where=where),
        q=shape.decimal(body["q"], where=where) if "q" in body else None,
        commit=shape.sha256_hex(body["commit"], where=where) if "commit" in body else None,
        min=shape.decimal(body["min"], where=where) if "min" in body else None,
        max=shape.decimal(body["max"], where=where) if "max" in body else None,
    )
    check_rounding(metric.round, low=metric.min is not None, high=metric.max is not None, where=where)
    return metric


def _check_verdict(leaf: Leaf, where: str) -> None:
    outcomes = [metric.holds() for metric in leaf.metrics.values()]
    if leaf.verdict == "pass" and False in outcomes:
        raise EvidenceError("verdict pass, but an open number is outside its bound", where=where)
    if leaf.verdict == "fail" and outcomes and set(outcomes) == {True}:
        raise EvidenceError("verdict fail, but every open number is inside its bound", where=where)
