from __future__ import annotations

from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle

# The reference tests of RFC 6962 implementations (certificate-transparency: merkletree tests), same tree as RFC 9162.
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def hashes(count: int) -> list[bytes]:
    return merkle.leaf_hashes(b"%d" % number for number in range(count))


def reference(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + reference(leaves[:k]) + reference(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    made = merkle.leaf_hashes(ENTRIES[:size])
    assert merkle.root(made).hex() == ROOTS[size - 1]
    assert merkle.grow(made).root.hex() == ROOTS[size - 1]


def test_known_inclusion_path() -> None:
    path = merkle.grow(merkle.leaf_hashes(ENTRIES)).inclusion(5)
    assert [node.hex() for node in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_empty_tree_has_the_digest_of_nothing() -> None:
    assert merkle.root([]) == merkle.grow([]).root == merkle.EMPTY_ROOT == sha256(b"").digest()
    merkle.verify_consistency((0, merkle.EMPTY_ROOT), (0, merkle.EMPTY_ROOT), ())


@pytest.mark.parametrize("size", range(301))
def test_root_is_the_recursive_definition(size: int) -> None:
    made = hashes(size)
    assert merkle.root(made) == merkle.grow(made).root == reference(made)


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 127, 128, 129, 255, 256, 257, 300])
def test_every_inclusion_proof_verifies_and_only_at_its_place(size: int) -> None:
    made = hashes(size)
    tree = merkle.grow(made)
    many = merkle.InclusionVerifier(size, tree.root)
    for index in range(size):
        path = tree.inclusion(index)
        merkle.verify_inclusion(made[index], index, size, path, tree.root)
        many.verify(made[index], index, path)
        wrong = (index + 1) % size
        if wrong != index:
            for check in (many.verify, lambda *a: merkle.verify_inclusion(a[0], a[1], size, a[2], tree.root)):
                with pytest.raises(EvidenceError):
                    check(made[index], wrong, path)


@pytest.mark.parametrize("size", range(1, 65))
def test_every_consistency_proof_verifies(size: int) -> None:
    tree = merkle.grow(hashes(size))
    for old in range(size + 1):
        old_root = merkle.root(hashes(old))
        path = tree.consistency(old)
        merkle.verify_consistency((old, old_root), (size, tree.root), path)
        for broken in broken_paths(path):
            with pytest.raises(EvidenceError):
                merkle.verify_consistency((old, old_root), (size, tree.root), broken)


@settings(derandomize=True, max_examples=60)
@given(st.integers(0, 300), st.integers(0, 300))
def test_consistency_of_any_two_sizes(a: int, b: int) -> None:
    old, new = sorted((a, b))
    tree = merkle.grow(hashes(new))
    merkle.verify_consistency((old, merkle.root(hashes(old))), (new, tree.root), tree.consistency(old))
    if 0 < old < new:
        other = merkle.root(merkle.leaf_hashes(b"x%d" % n for n in range(old)))
        with pytest.raises(EvidenceError):
            merkle.verify_consistency((old, other), (new, tree.root), tree.consistency(old))


def broken_paths(path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    made = [(*path, bytes(32))]
    for number, node in enumerate(path):
        before, after = path[:number], path[number + 1 :]
        made += [
            (*before, *after),
            (*before, bytes([node[0] ^ 1, *node[1:]]), *after),
            (*before, node[:-1], *after),
            (*before, node + b"\x00", *after),
        ]
    return made


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 12, 33])
def test_a_damaged_path_is_refused(size: int) -> None:
    made = hashes(size)
    tree = merkle.grow(made)
    for index in range(size):
        path = tree.inclusion(index)
        fresh, warm = merkle.InclusionVerifier(size, tree.root), merkle.InclusionVerifier(size, tree.root)
        for other in range(size):
            warm.verify(made[other], other, tree.inclusion(other))
        for broken in broken_paths(path):
            for check in (fresh, warm):
                with pytest.raises(EvidenceError):
                    check.verify(made[index], index, broken)
            with pytest.raises(EvidenceError):
                merkle.verify_inclusion(made[index], index, size, broken, tree.root)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (6, 5), (0, 0), (0, -1)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(EvidenceError):
        merkle.verify_inclusion(bytes(32), index, size, (), bytes(32))
    with pytest.raises(EvidenceError):
        merkle.InclusionVerifier(size, bytes(32)).verify(bytes(32), index, ())


def test_another_size_or_root_is_refused() -> None:
    made = hashes(12)
    tree = merkle.grow(made)
    for size in (9, 13, 16, 24):
        with pytest.raises(EvidenceError):
            merkle.verify_inclusion(made[8], 8, size, tree.inclusion(8), tree.root)
    for root in (bytes(32), tree.root[:31], tree.root + b"\x00", b""):
        with pytest.raises(EvidenceError):
            merkle.verify_inclusion(made[8], 8, 12, tree.inclusion(8), root)


def test_lengths_are_checked_where_hashing_alone_would_not_notice() -> None:
    # One leaf and no path: the hash chain is empty, so only the length check stands between junk and acceptance.
    for junk in (b"", b"short", bytes(33)):
        with pytest.raises(EvidenceError, match="32 bytes"):
            merkle.verify_inclusion(junk, 0, 1, (), junk)
        with pytest.raises(EvidenceError, match="32 bytes"):
            merkle.verify_consistency((3, junk), (3, junk), ())
        with pytest.raises(EvidenceError, match="32 bytes"):
            merkle.root([junk])


def test_nodes_and_leaves_live_in_separate_domains() -> None:
    left, right = hashes(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)
    assert merkle.root([*hashes(3), hashes(3)[2]]) != merkle.root(hashes(3))


@pytest.mark.parametrize(
    ("old", "new"), [((4, 0), (3, 1)), ((-1, 0), (3, 1)), ((0, 0), (3, 1)), ((3, 0), (3, 1)), ((0, 0), (0, 0))]
)
def test_incoherent_sizes_and_roots_are_refused(old: tuple[int, int], new: tuple[int, int]) -> None:
    roots = [bytes(32), b"\x01" * 32]
    with pytest.raises(EvidenceError):
        merkle.verify_consistency((old[0], roots[old[1]]), (new[0], roots[new[1]]), ())


def test_a_proof_of_something_absent_cannot_be_made() -> None:
    tree = merkle.grow(hashes(3))
    for index in (-1, 3):
        with pytest.raises(EvidenceError):
            tree.inclusion(index)
    for size in (-1, 4):
        with pytest.raises(EvidenceError):
            tree.consistency(size)


def test_an_independent_implementation_finds_the_same_root() -> None:
    for size in (1, 2, 3, 7, 64, 100):
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for number in range(size):
            tree.append_entry(b"%d" % number)
        assert tree.get_root() == merkle.root(hashes(size))
