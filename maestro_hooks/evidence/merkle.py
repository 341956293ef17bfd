"""The Merkle tree of RFC 9162 section 2.1 over SHA-256, with inclusion and consistency proofs.

Theorem: a proof that verifies against a root fixes the leaf (inclusion) or the old tree as a prefix (consistency)
unless SHA-256 collides. The RFC's algorithms look at neither length nor count, so both are checked first: every
hash is exactly 32 bytes, every proof has exactly the number of hashes that (index, size) demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EMPTY_ROOT = sha256(b"").digest()
HASH_SIZE = 32


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The leaf hash of each entry, in order."""
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


@dataclass(frozen=True, slots=True)
class Tree:
    """All levels of a tree, leaves first. A last node without a sibling moves up unchanged.

    That is the RFC's tree: it splits at the largest power of two below the size.
    """

    levels: tuple[list[bytes], ...]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        """The Merkle tree hash, 32 bytes; SHA-256 of nothing for the empty tree."""
        return self.levels[-1][0] if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The audit path of leaf ``index`` (RFC 9162 section 2.1.3.1), leaf to root."""
        if not 0 <= index < self.size:
            raise EvidenceError(f"no leaf {index} in a tree of {self.size}", where="inclusion proof")
        path: list[bytes] = []
        for level in self.levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)

    def consistency(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that the first ``old_size`` leaves are a prefix (RFC 9162 section 2.1.4.1)."""
        if not 0 <= old_size <= self.size:
            raise EvidenceError(f"no tree of {old_size} inside one of {self.size}", where="consistency proof")
        if old_size in (0, self.size):
            return ()
        return tuple(self._subproof(old_size, 0, self.size, old_is_root=True))

    def _subproof(self, old: int, start: int, end: int, *, old_is_root: bool) -> list[bytes]:
        size = end - start
        if old == size:
            return [] if old_is_root else [self._range(start, end)]
        middle = split(size)
        if old <= middle:
            left = self._subproof(old, start, start + middle, old_is_root=old_is_root)
            return [*left, self._range(start + middle, end)]
        right = self._subproof(old - middle, start + middle, end, old_is_root=False)
        return [*right, self._range(start, start + middle)]

    def _range(self, start: int, end: int) -> bytes:
        """The hash over leaves ``[start, end)``: the recursion only asks for a full subtree or the right edge."""
        height = (end - start - 1).bit_length()
        return self.levels[height][start >> height]


def split(size: int) -> int:
    """The largest power of two below ``size`` (>= 2).

    pre: 2 <= size <= 2 ** 48
    post: __return__ < size <= 2 * __return__
    post: __return__.bit_length() == (size - 1).bit_length()
    """
    return 1 << (size - 1).bit_length() - 1


def grow(hashes: Sequence[bytes]) -> Tree:
    """Build the tree over leaf hashes. Raises ``EvidenceError`` unless each has 32 bytes."""
    level = list(hashes)
    _check_sizes(level, "leaf hash")
    levels = [level]
    while len(level) > 1:
        above = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
        level = above
    return Tree(tuple(levels))


def root(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes, keeping no inner level."""
    level: Sequence[bytes] = hashes
    _check_sizes(level, "leaf hash")
    while len(level) > 1:
        above = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0] if level else EMPTY_ROOT


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that leaf hash ``leaf`` stands at ``index`` of the tree of ``size`` with ``root`` (section 2.1.3.2).

    Raises:
        EvidenceError: naming what is wrong.
    """
    where = "inclusion proof"
    if not 0 <= index < size:
        raise EvidenceError(f"index {index} is outside a tree of {size}", where=where)
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(path) != inner + border:
        raise EvidenceError(f"expected {inner + border} hashes, got {len(path)}", where=where)
    _check_sizes((leaf, root, *path), where)
    seed = leaf
    for height, sibling in enumerate(path):
        left = height >= inner or (index >> height) & 1
        seed = sha256(b"\x01" + (sibling + seed if left else seed + sibling)).digest()
    if seed != root:
        raise EvidenceError("the leaf is not in the signed tree at this index", where=where)


class InclusionVerifier:
    """Checks many proofs against one (size, root), hashing no node twice.

    A proof that reaches a node already verified must go on exactly as the proof that verified it: then it is the
    rest of a proof that was checked to the root.
    """

    def __init__(self, size: int, root: bytes) -> None:
        self._size = size
        self._root = root
        self._known: dict[tuple[int, int], tuple[bytes, Sequence[bytes]]] = {}

    def verify(self, leaf: bytes, index: int, path: tuple[bytes, ...]) -> None:
        """As ``verify_inclusion``. Raises ``EvidenceError``."""
        seen: list[tuple[tuple[int, int], tuple[bytes, Sequence[bytes]]]] = []
        seed, position, last, used = leaf, index, self._size - 1, 0
        for height in range(last.bit_length() if 0 <= index <= last else 0):
            known = self._known.get((height, position))
            if known is not None:
                if known != (seed, path[used:]):
                    break
                self._known.update(seen)
                return
            seen.append(((height, position), (seed, path[used:])))
            if position & 1 or position < last:
                if used == len(path) or len(path[used]) != HASH_SIZE:
                    break
                pair = path[used] + seed if position & 1 else seed + path[used]
                seed = sha256(b"\x01" + pair).digest()
                used += 1
            position >>= 1
            last >>= 1
        # Not met a known node: the plain algorithm decides, and finds the words.
        verify_inclusion(leaf, index, self._size, path, self._root)
        self._known.update(seen)


def verify_consistency(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> None:
    """Check that the tree ``old`` = (size, root) is a prefix of ``new`` (RFC 9162 section 2.1.4.2).

    Raises:
        EvidenceError: naming what is wrong.
    """
    where = "consistency proof"
    (old_size, old_root), (new_size, new_root) = old, new
    _check_sizes((old_root, new_root, *path), where)
    if not 0 <= old_size <= new_size:
        raise EvidenceError(f"a tree of {old_size} cannot come before one of {new_size}", where=where)
    if old_size in (0, new_size):
        expected = new_root if old_size else EMPTY_ROOT
        if path or old_root != expected or (not new_size and new_root != EMPTY_ROOT):
            raise EvidenceError("equal or empty trees take an empty proof and equal roots", where=where)
        return
    if not _consistent(old, new, path):
        raise EvidenceError("the old tree is not a prefix of the new one", where=where)


def _consistent(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> bool:
    (old_size, old_root), (new_size, new_root) = old, new
    hashes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if not hashes:
        return False
    old_seed = new_seed = hashes[0]
    for sibling in hashes[1:]:
        if not sn:
            return False
        if fn & 1 or fn == sn:
            old_seed, new_seed = node_hash(sibling, old_seed), node_hash(sibling, new_seed)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new_seed = node_hash(new_seed, sibling)
        fn, sn = fn >> 1, sn >> 1
    return not sn and old_seed == old_root and new_seed == new_root


def _check_sizes(hashes: Iterable[bytes], where: str) -> None:
    if not {HASH_SIZE}.issuperset(map(len, hashes)):
        raise EvidenceError(f"a hash is not exactly {HASH_SIZE} bytes", where=where)
