"""What the analysis of a source finds, as data: what runs that meet no new source need of it.

Invariant: nothing here imports the analysis, so that reading an index or a cache of models never loads it.
"""

from __future__ import annotations

import msgspec

SCHEMA = 11
"""Of a source's model: another one is another analysis."""

PLAIN, SEGMENT, WHOLE_TEST, OWN = 0, 1, 2, 3
"""Kinds of function by their effect: no writer; fold what runs inside the call; fold all the test runs (a generator's
inside has no clear end); fold what runs inside the call if its first argument outlives the test."""


class Statement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A statement of the top level, lines ``line`` to ``end``.

    ``targets`` are dotted names (or, where the recorder saw it, paths) of what it changes; ``calls`` are names that it
    calls, decorates with or inherits from; ``imports`` what it imports; ``mentions`` what it needs. ``plain``: it only
    binds its names, to what its text says.
    """

    names: tuple[str, ...]
    digest: bytes
    targets: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    plain: bool = False
    line: int = 0
    end: int = 0


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function body: ``n`` counts equal names, ``line`` is the first of its code object, ``writer`` see writers."""

    qualname: str
    n: int
    digest: bytes
    line: int
    writer: int
    compiled: bool
    tables: tuple[str, ...] = ()
    walks: bool = False
    """Whether it looks at whatever classes or modules there are."""


class SourceModel(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One source version. ``imports`` are dotted names, relative ones with their leading dots.

    ``wildcard``: the file imports names computed at run time, so any module may be among them.
    """

    skeleton: bytes
    blocks: tuple[Block, ...] = ()
    imports: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    wildcard: bool = False
    statements: tuple[Statement, ...] = ()
    memo_lambdas: tuple[int, ...] = ()
    """First lines of lambdas whose results are kept."""
    rearranges: bool = False
    """Whether a pytest hook in it may look at more than one test at a time."""
