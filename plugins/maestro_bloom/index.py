"""The index: what each test touched, in which version, as of one tree and one environment.

Invariant: every key in a filter of the index has a row here, in ``files`` or ``inputs``, with the version recorded;
so a change of anything a test touched can be turned into a question to the filters.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from maestro_bloom.source_parts import Statement

SCHEMA = "maestro.bloom/3"

HIT, FOLDED, COMPILED = 1, 2, 4
"""Flags of a block: some test ran it; its effect outlives the call; it runs as machine code."""

OPAQUE, FLAKY, UNSTABLE, VARIES = 1, 2, 4, 8
"""Flags of a test: it did what nobody can follow; passed only after reruns; had an input change while it ran; chooses
at random what it runs."""

InputKind = Literal["file", "dir", "path", "env", "missing", "opaque", "outside"]


class BlockRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One function body: ``n`` counts equal names in the file."""

    qualname: str
    n: int
    digest: bytes
    flags: int


class InputRow(msgspec.Struct, frozen=True, array_like=True, gc=False, order=True):
    """Something read that is no code, and its version."""

    kind: InputKind
    name: str
    version: str


class FileRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A Python source: its content, its parts, whom it imports, and what it read while it was imported.

    ``names`` are module names it was really loaded under; ``edges`` are modules or paths it asked for at run time.
    ``early``: it was loaded before recording began, so nothing is known about who uses it.
    """

    path: str
    blob: str
    skeleton: bytes
    blocks: tuple[BlockRow, ...] = ()
    imports: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    inputs: tuple[InputRow, ...] = ()
    wildcard: bool = False
    early: bool = False
    statements: tuple[Statement, ...] = ()
    rearranges: bool = False
    collected: bytes = b""
    """Digest of the node ids that collecting the whole file found, if that was seen and no mark keeps one running."""
    confirmed: bool = False
    """Whether two runs found the same, so that neither chance nor the clock makes its tests."""


class TestRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A test that ran to its end: its file, its filter's bits and keys, its outcome in the run begun at ``made``."""

    __test__ = False

    nodeid: str
    path: str
    bits: int
    keys: int
    outcome: str
    flags: int
    run: str
    duration_us: int
    made: int = 0


class Audit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What full runs measured: how many, the skips they would have made, and how many of those failed."""

    runs: int = 0
    skippable: int = 0
    false_skips: int = 0


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of an index file; ``filters`` of the tests stand beside them.

    ``session`` was read outside any test by installed plugins; modules ``everywhere`` act on all tests; ``extensions``
    are compiled modules by content; ``foreign`` are top-level names of modules that are not the project's.
    """

    environment: dict[str, str]
    salt: bytes
    run: str
    head: str
    tree: str
    made: int
    last_full: int
    audit: Audit = Audit()
    files: tuple[FileRow, ...] = ()
    inputs: tuple[InputRow, ...] = ()
    session: tuple[InputRow, ...] = ()
    everywhere: tuple[str, ...] = ()
    extensions: dict[str, str] = {}
    foreign: tuple[str, ...] = ()
    tests: tuple[TestRow, ...] = ()


Filters = dict[str, tuple[int, int]]
"""Node id to (filter, bits)."""
