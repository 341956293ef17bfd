"""All leaves of one manifest, in order, with their tree.

Invariant: ids are unique and sorted by their UTF-8 bytes, so the root is a function of the set of leaves.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle
from maestro_hooks.evidence.disclosure import Disclosure
from maestro_hooks.evidence.leaf_writer import write_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_hooks.evidence.record import Record


@dataclass(frozen=True, slots=True)
class LeafSet:
    """``ids[i]`` is the id of the leaf bytes ``data[i]``, leaf ``i`` of ``tree``."""

    ids: list[str]
    data: list[bytes]
    tree: merkle.Tree

    def index(self, leaf_id: str) -> int:
        """The index of a leaf. Raises ``KeyError`` for an unknown id."""
        index = bisect_left(self.ids, leaf_id)
        if index == len(self.ids) or self.ids[index] != leaf_id:
            raise KeyError(leaf_id)
        return index

    def disclose(self, leaf_id: str) -> Disclosure:
        """The leaf with its inclusion proof. Raises ``KeyError`` for an unknown id."""
        index = self.index(leaf_id)
        return Disclosure(self.data[index], index, self.tree.inclusion(index))


def leaf_set(
    records: Sequence[Record], *, entropy: Callable[[int], bytes], commitments: Mapping[str, str] | None = None
) -> LeafSet:
    """Write, sort and hash the leaves of ``records``.

    Args:
        records: at least one; keys unique.
        entropy: n random bytes on ``entropy(n)``; ``os.urandom`` outside tests.
        commitments: for private records, key to commitment (64 hexadecimal digits).

    Raises:
        EvidenceError: for no record, a repeated key, or a record no leaf can carry.
    """
    # Code point order of str is the byte order of UTF-8.
    ordered = sorted(records, key=attrgetter("key"))
    return plant([r.key for r in ordered], write_leaves(ordered, entropy=entropy, commitments=commitments))


def plant(ids: list[str], data: list[bytes]) -> LeafSet:
    """The leaf set over leaf bytes whose ids are already known and sorted.

    Raises:
        EvidenceError: for no leaf, or ids that are not strictly ascending.
    """
    if not ids or len(ids) != len(data):
        raise EvidenceError("there is no obligation to seal: a release without evidence is invalid", where="manifest")
    for before, after in pairwise(ids):
        if before >= after:
            raise EvidenceError(f"obligation {after!r} is listed twice or out of order", where="manifest")
    return LeafSet(ids, data, merkle.grow(merkle.leaf_hashes(data)))
