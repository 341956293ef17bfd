"""The file ``<name>.ce-leaf.json``: leaves with their places and inclusion proofs (evidence format 4.8).

Invariant: a disclosure carries no tree size and no root; both come only from the signed manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence import canonical, shape
from maestro_hooks.evidence.merkle import HASH_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEMBERS = ("v", "leaf", "index", "hashes")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One leaf, its index in the tree, and the hashes from leaf to root (32 bytes each)."""

    leaf: bytes
    index: int
    hashes: tuple[bytes, ...]


def encode_disclosures(disclosures: Sequence[Disclosure]) -> bytes:
    """One object for one leaf, else an array; canonical JSON."""
    objects = [
        {
            "v": 3,
            "leaf": canonical.base64_encode(item.leaf),
            "index": str(item.index),
            "hashes": [canonical.base64_encode(value) for value in item.hashes],
        }
        for item in disclosures
    ]
    return canonical.encode(objects[0] if len(objects) == 1 else objects)


def parse_disclosures(data: bytes) -> tuple[Disclosure, ...]:
    """Parse a leaf file. Raises ``EvidenceError``; the leaves themselves are not looked into."""
    value = canonical.decode(data, canonical=False, where="leaf file")
    items = value if isinstance(value, list) else [value]
    known: dict[str, bytes] = {}  # neighbours share most of their hashes
    return tuple(_parse(item, f"leaf file entry {number}", known) for number, item in enumerate(items))


def _parse(value: object, where: str, known: dict[str, bytes]) -> Disclosure:
    body = shape.members(value, required=_MEMBERS, where=where)
    shape.integer(body["v"], low=3, high=3, where=f"{where} v")
    return Disclosure(
        leaf=canonical.base64_decode(body["leaf"], where=f"{where} leaf"),
        index=shape.natural(body["index"], where=f"{where} index"),
        hashes=tuple([_hash(item, where, known) for item in shape.array(body["hashes"], where=f"{where} hashes")]),
    )


def _hash(text: object, where: str, known: dict[str, bytes]) -> bytes:
    if isinstance(text, str) and text in known:
        return known[text]
    value = canonical.base64_decode(text, where=f"{where} hashes", size=HASH_SIZE)
    known[str(text)] = value
    return value
