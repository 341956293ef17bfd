"""The manifest section ``zk``: statements in order and one proof (evidence format 4.5).

Invariant: ``parse_section(encode_section(s)) == s``; statements are sorted by (id, metric, op), unique and at most 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape
from maestro_hooks.evidence.leaf import MAX_SCALE, check_id
from maestro_zk.statement import MAX_ROWS, STATEMENT_BITS, THRESHOLD_OFFSET, Context, Operator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.evidence.manifest import Manifest

SUITE = "bulletproofs-ristretto255-merlin-v1"
MEMBERS = ("suite", "bits", "statements", "proof")
_STATEMENT = ("id", "metric", "scale", "op", "threshold", "commit", "leaf")
_WHERE = "manifest zk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One entry of the section; ``commit`` has 64 hexadecimal digits, ``leaf`` is the index of the leaf."""

    id: str
    metric: str
    scale: int
    op: Operator
    threshold: int
    commit: str
    leaf: int

    @property
    def order(self) -> tuple[str, str, str]:
        """What the list is sorted by."""
        return self.id, self.metric, self.op


@dataclass(frozen=True, slots=True)
class ZkSection:
    """The parsed section."""

    bits: int
    statements: tuple[Statement, ...]
    proof: bytes


def encode_section(section: ZkSection) -> dict[str, object]:
    """The JSON object."""
    return {
        "suite": SUITE,
        "bits": section.bits,
        "statements": [
            {
                "id": s.id,
                "metric": s.metric,
                "scale": s.scale,
                "op": s.op,
                "threshold": str(s.threshold),
                "commit": s.commit,
                "leaf": str(s.leaf),
            }
            for s in section.statements
        ],
        "proof": canonical.base64_encode(section.proof),
    }


def parse_section(value: object, *, size: int) -> ZkSection:
    """Parse the section of a manifest over ``size`` leaves. Raises ``EvidenceError``."""
    body = shape.members(value, required=MEMBERS, where=_WHERE)
    shape.one_of(body["suite"], (SUITE,), where=f"{_WHERE} suite")
    bits = shape.integer(body["bits"], low=1, high=64, where=f"{_WHERE} bits")
    items = shape.array(body["statements"], where=f"{_WHERE} statements")
    if bits not in STATEMENT_BITS or not 1 <= len(items) <= MAX_ROWS:
        raise EvidenceError(f"expected 1 to {MAX_ROWS} statements of 32 or 64 bits", where=_WHERE)
    if size >= 2**64:  # the transcript absorbs it as eight bytes
        raise EvidenceError("a tree of 2**64 leaves or more", where=_WHERE)
    statements = tuple(_parse_statement(item, size) for item in items)
    order = [statement.order for statement in statements]
    if order != sorted(set(order)):
        raise EvidenceError("statements are not sorted and unique", where=_WHERE)
    return ZkSection(bits, statements, canonical.base64_decode(body["proof"], where=f"{_WHERE} proof"))


def _parse_statement(value: object, size: int) -> Statement:
    where = f"{_WHERE} statement"
    body = shape.members(value, required=_STATEMENT, where=where)
    where = f"{where} {check_id(body['id'])}"
    threshold = shape.decimal(body["threshold"], where=where)
    if not -THRESHOLD_OFFSET <= threshold < THRESHOLD_OFFSET:
        raise EvidenceError("the threshold is outside 64 bits", where=where)
    index = shape.natural(body["leaf"], where=where)
    if index >= size:
        raise EvidenceError(f"there is no leaf {index} in a tree of {size}", where=where)
    return Statement(
        id=str(body["id"]),
        metric=shape.text(body["metric"], where=where),
        scale=shape.integer(body["scale"], low=1, high=MAX_SCALE, where=where),
        op=cast("Operator", shape.one_of(body["op"], (">=", "<="), where=where)),
        threshold=threshold,
        commit=shape.sha256_hex(body["commit"], where=where),
        leaf=index,
    )


def context_of(manifest: Manifest) -> Context:
    """What the proofs of a manifest are bound to."""
    subjects = [{"name": s.name, "digest": dict(s.digest)} for s in manifest.subjects]
    return context(subjects, root=manifest.root, size=manifest.size)


def context(subjects: Sequence[Mapping[str, object]], *, root: bytes, size: int) -> Context:
    """The same, before the manifest exists; ``subjects`` are resource descriptors as signed."""
    return Context(sha256(canonical.encode([dict(s) for s in subjects])).digest(), root, size)
