"""Declared inputs as a sorted list of files with digests: one walk, and hashing only of what may have changed.

Invariant: a digest is reused only for a file whose size, times, inode and device are those it had when it was hashed,
and only if it was hashed later than one clock tick after its last change; a younger file is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_cas.globs import Globs
    from maestro_cas.stat_cache import StatCache

# Version control, environments, our own state and derived bytecode are never inputs.
PRUNED = frozenset({".git", ".hg", ".svn", ".nox", ".tox", ".venv", ".maestro", "__pycache__"})
DOMAIN = b"maestro.inputs.v1\n"


@dataclass(frozen=True, slots=True)
class Tree:
    """What a scan found. ``listing`` has one line per file: ``f|x|l|d SP size SP sha256 SP path``."""

    listing: bytes
    files: int
    size: int

    @property
    def root(self) -> str:
        """The digest under which this content enters the key."""
        return hashlib.sha256(DOMAIN + self.listing).hexdigest()


@dataclass(frozen=True, slots=True)
class Walked:
    """Paths with the six numbers of each (mode, size, mtime_ns, ctime_ns, inode, device), unsorted."""

    paths: list[str]
    stats: list[int]

    def by_path(self) -> dict[str, tuple[int, ...]]:
        """The numbers of each path: equal tables mean that nothing was touched in between."""
        return {path: tuple(self.stats[6 * i : 6 * i + 6]) for i, path in enumerate(self.paths)}


def walk(
    root: str,
    globs: Globs,
    *,
    skip: Callable[[str], bool] | None = None,
    prune: bool = True,
    empty: bool = False,
) -> Walked:
    """Every file and link below ``root`` that ``globs`` mean, with ``empty`` also empty directories; follows no link.

    Raises:
        ToolError: a directory cannot be read, or an input is a socket, pipe or device.
    """
    paths: list[str] = []
    stats: list[int] = []
    pending = [""]
    accept = globs.accept.fullmatch
    refuse = globs.refuse.fullmatch if globs.refuse is not None else None
    while pending:
        directory = pending.pop()
        prefix = f"{directory}/" if directory else ""
        try:
            entries = os.scandir(f"{root}/{directory}" if directory else root)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ToolError(f"cannot list: {error.strerror}", where=directory or ".", fix="mend it") from error
        with entries:
            entry = None
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not (prune and entry.name in PRUNED) and globs.enters(path):
                        pending.append(path)
                elif accept(path) and not (refuse and refuse(path)) and not (skip and skip(path)):
                    st = entry.stat(follow_symlinks=False)
                    paths.append(path)
                    stats += (st.st_mode, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_dev)
        if empty and entry is None and accept(directory) and not (refuse and refuse(directory)):
            st = os.lstat(f"{root}/{directory}")
            paths.append(directory)
            stats += (st.st_mode, 0, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_dev)
    return Walked(paths, stats)


def scan(
    root: str, globs: Globs, cache: StatCache, *, skip: Callable[[str], bool] | None = None, allow_empty: bool = False
) -> tuple[Tree, Walked]:
    """The declared inputs as they are now; links must lead to other declared inputs.

    Args:
        root: absolute path of the project.
        globs: compiled input patterns.
        cache: digests of earlier scans; updated.
        skip: paths to leave out (the outputs).
        allow_empty: whether a pattern may match nothing.

    Raises:
        ConfigError: a pattern matches nothing, or a link leaves the root or names an undeclared file.
        ToolError: a file cannot be read.
    """
    walked = walk(root, globs, skip=skip)
    known = cache.whole(walked)
    if known is not None:
        return known, walked
    links: list[tuple[str, str]] = []
    tree = _tree(root, walked, cache, links)
    check_links(root, links, set(walked.paths))
    if not allow_empty:
        _check_matches(globs, walked.paths)
    cache.remember(walked, tree)
    return tree, walked


def present(root: str, globs: Globs, cache: StatCache) -> tuple[Tree, Walked]:
    """What the output patterns match now, links and empty directories and all; nothing is an empty tree."""
    walked = walk(root, globs, prune=False, empty=True)
    known = cache.whole(walked)
    if known is None:
        known = _tree(root, walked, cache, [])
        cache.remember(walked, known)
    return known, walked


def digest_all(root: str, walked: Walked, cache: StatCache) -> dict[str, tuple[str, int, str]]:
    """Kind, size and digest of each file named, read only where the cache does not know it.

    Raises:
        ToolError: a file cannot be read, or changed meanwhile.
    """
    known = cache.whole(walked)
    if known is None:
        known = _tree(root, walked, cache, [])
        cache.remember(walked, known)
    return parse_listing(known.listing)


def _tree(root: str, walked: Walked, cache: StatCache, links: list[tuple[str, str]]) -> Tree:
    lines = []
    for i, path in enumerate(walked.paths):
        numbers = walked.stats[6 * i : 6 * i + 6]
        lines.append((os.fsencode(path), _line(root, path, numbers, cache, links)))
    lines.sort()
    return Tree(b"".join(line for _, line in lines), len(lines), sum(walked.stats[1::6]))


def hash_file(path: str) -> str:
    """Lowercase hexadecimal SHA-256 of a regular file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _line(root: str, path: str, numbers: list[int], cache: StatCache, links: list[tuple[str, str]]) -> bytes:
    mode, size = numbers[0], numbers[1]
    if "\n" in path:
        raise ConfigError("an input's name holds a line break", where=repr(path), fix="rename it")
    full = f"{root}/{path}"
    try:
        if stat.S_ISLNK(mode):
            target = os.readlink(full)
            links.append((path, target))
            return b"l %d %s %s\n" % (size, hashlib.sha256(os.fsencode(target)).hexdigest().encode(), os.fsencode(path))
        if stat.S_ISDIR(mode):
            return b"d 0 - %s\n" % os.fsencode(path)
        if not stat.S_ISREG(mode):
            raise ToolError("an input is no file, directory or link", where=path, fix="exclude it by '!'")
        digest = cache.digest(path, numbers)
        if digest is None:
            cache.clock()  # before the bytes are read
            digest = hash_file(full)
            after = os.lstat(full)
            seen = (after.st_mode, after.st_size, after.st_mtime_ns, after.st_ctime_ns, after.st_ino, after.st_dev)
            if tuple(numbers) != seen:
                raise ToolError("an input changed while it was read", where=path, fix="run it again")
            cache.learn(path, numbers)
    except OSError as error:
        raise ToolError(f"cannot read an input: {error.strerror}", where=path, fix="mend its permissions") from error
    kind = b"x" if mode & 0o100 else b"f"
    return b"%s %d %s %s\n" % (kind, size, digest.encode(), os.fsencode(path))


def check_links(root: str, links: Sequence[tuple[str, str]], declared: set[str]) -> None:
    """Refuse a link whose content would be read but not hashed."""
    real_root = os.path.realpath(root)
    for path, target in links:
        real = os.path.realpath(f"{root}/{path}")
        below = os.path.relpath(real, real_root)
        if below.startswith("..") or os.path.isabs(target):
            raise ConfigError(
                f"the link leaves the project: {target}", where=path, fix="exclude it by '!', or replace it by a copy"
            )
        inside = os.path.isdir(real) and any(name.startswith(f"{below}/") for name in declared)
        if os.path.exists(real) and below not in declared and not inside:
            raise ConfigError(f"the link's target {below} is not declared", where=path, fix="add it to the inputs")


def _check_matches(globs: Globs, paths: list[str]) -> None:
    from maestro_cas.globs import compile_globs  # noqa: PLC0415 - only when something changed

    for pattern in globs.patterns:
        if pattern.startswith("!"):
            continue
        one = compile_globs((pattern,), where="inputs")
        if not any(one.matches(path) for path in paths):
            raise ConfigError(
                "an input pattern matches nothing", where=pattern, fix="correct it, or say allow_empty if that is meant"
            )


def parse_listing(listing: bytes) -> dict[str, tuple[str, int, str]]:
    """The lines of a listing as path to (kind, size, digest)."""
    result = {}
    for line in listing.splitlines():
        kind, size, digest, path = line.split(b" ", 3)
        result[os.fsdecode(path)] = (kind.decode(), int(size), digest.decode())
    return result
