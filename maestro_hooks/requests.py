"""The frozen objects hooks take and return, one per hook: a new field is additive and breaks no plugin."""

from __future__ import annotations

import hashlib
import io
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NewType

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.finding import Finding, Level, Location
from maestro_hooks.session_requests import (
    NO_CACHE,
    AppliedSkip,
    Cache,
    CacheEntry,
    CollectionPlan,
    FileSkip,
    NoCache,
    RunAll,
    Skip,
    TestOutcome,
    TestPlan,
    TestRun,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from pathlib import Path

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.manifest import Manifest
    from maestro_hooks.evidence.record import Quantity, Record

__all__ = [
    "NO_CACHE",
    "Advice",
    "AdviceRequest",
    "AppliedSkip",
    "Cache",
    "CacheEntry",
    "CheckRequest",
    "CollectionPlan",
    "CommitRequest",
    "Commitment",
    "ContentKey",
    "Documents",
    "FetchRequest",
    "FileSkip",
    "LedgerView",
    "LogProof",
    "LogRequest",
    "NoCache",
    "RunAll",
    "SealDraft",
    "SealedBundle",
    "Section",
    "Skip",
    "SourceFile",
    "StampRequest",
    "StoreRequest",
    "TestOutcome",
    "TestPlan",
    "TestRun",
    "VerifyRequest",
]

ContentKey = NewType("ContentKey", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """A look-up in the caches of the project at ``root``."""

    root: Path
    key: ContentKey
    settings: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """An entry offered to the caches of the project at ``root``."""

    root: Path
    key: ContentKey
    entry: CacheEntry
    settings: object = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the tree under check: POSIX path below the root, absolute place, SHA-256 when listed."""

    path: str
    place: Path
    digest: str

    @property
    def data(self) -> bytes:
        """The bytes that were hashed. Raises ``ToolError`` if the file changed since."""
        data = self.place.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise ToolError("the file changed while it was being checked", where=self.path, fix="run it again")
        return data

    @property
    def text(self) -> str:
        """The decoded text; for Python sources by PEP 263, else UTF-8.

        Raises:
            UnicodeDecodeError: or ``SyntaxError`` for an unknown encoding: report the file, do not skip it.
        """
        data = self.data
        if not self.is_python:
            return data.decode("utf-8")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()

    @property
    def is_python(self) -> bool:
        """Whether the name says Python source or stub."""
        return self.path.endswith((".py", ".pyi"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """Files in: what ``maestro_check`` is asked about.

    Attributes:
        root: the repository root.
        files: sorted by path.
        settings: the plugin's own validated table ``[tool.maestro.<plugin>]``, or ``None`` if it has none.
        whole: whether ``files`` are all files of the tree (a gate at seal) or a part (a hook).
        fix: whether the user asked for repairs to be applied to the work tree.
        cache: the plugin's own cache, shared with other machines where the project has remotes.
    """

    root: Path
    files: tuple[SourceFile, ...]
    settings: object = None
    cache: Cache = field(default=NO_CACHE, repr=False)
    whole: bool = False
    fix: bool = False

    @property
    def python_files(self) -> tuple[SourceFile, ...]:
        """The Python sources and stubs among ``files``."""
        return tuple(f for f in self.files if f.is_python)

    def finding(
        self, file: SourceFile, line: int, rule: str, message: str, *, level: Level = "error", column: int = 0
    ) -> Finding:
        """A finding at one line of one file."""
        return Finding(rule=rule, message=message, at=Location(file.path, line, column), level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """The merged records that hold for the tree being sealed; read-only."""

    root: Path
    tree: str
    records: tuple[Record, ...]
    settings: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    """The records about to become leaves, of which some numbers are to be hidden.

    Attributes:
        root: the repository root.
        records: all of them, waivers applied.
        demanded: key to the tightest (lower, upper) bound of the blocking rules that apply to it.
        settings: the plugin's own table.
    """

    root: Path
    records: tuple[Record, ...]
    demanded: Mapping[str, tuple[Fraction | None, Fraction | None]]
    settings: object = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """Publish ``commit`` (64 hexadecimal digits) instead of the number of the record ``key``.

    ``quantity`` is the number committed to: the record's own, with bounds that are the same or stricter.
    """

    key: str
    commit: str
    quantity: Quantity = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealDraft:
    """The manifest before signing: what an attachment may bind itself to.

    ``leaves`` are (id, leaf bytes, leaf index); ``subjects`` are in-toto resource descriptors.
    """

    root: Path
    subjects: tuple[Mapping[str, object], ...]
    tree_root: bytes
    leaves: tuple[tuple[str, bytes, int], ...]
    settings: object = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the predicate owned by a plugin: ``name`` is its member name (``sbom``, ``zk``)."""

    name: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Files to ship beside the bundle, name (after the release's own) to content, and the leaves that name them."""

    files: Mapping[str, bytes] = field(repr=False)
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StampRequest:
    """A signature that a timestamp authority should say the time about: the message of an RFC 3161 request."""

    root: Path
    signature: bytes
    settings: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """A log entry to append: canonical JSON in Rekor's shape (evidence format 4.7), at most 65,535 bytes."""

    root: Path
    entry: bytes = field(repr=False)
    settings: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProof:
    """Where a log holds an entry.

    Attributes:
        index: of the entry.
        size: of the tree whose root the checkpoint signs.
        hashes: the audit path from the entry to that root, 32 bytes each.
        checkpoint: the signed note, cosignatures included.
        log_id: SHA-256(name || 0x0A || 0x01 || key) of the log's key, 32 bytes.
    """

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    log_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBundle:
    """What was sealed: the bundle file, the manifest payload's SHA-256 and its subjects."""

    path: Path
    manifest_sha256: str
    subjects: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """A section to check: its name, the signed manifest that holds it, and the leaves disclosed.

    ``leaves`` maps index to leaf and holds only leaves whose inclusion in the manifest's tree was verified.
    """

    section: str
    manifest: Manifest
    leaves: Mapping[int, Leaf]


@dataclass(frozen=True, slots=True)
class Advice:
    """A possible next step: what to run, what it costs (seconds), how risky, and which key it would meet."""

    key: str
    action: str
    command: tuple[str, ...] = ()
    cost_s: int = 0
    risk: Literal["none", "low", "medium", "high"] = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRequest:
    """The obligations that are not met, for which a plugin may know a remedy.

    Attributes:
        root: the repository root.
        unmet: the records that do not meet the policy.
        missing: keys, or patterns of keys, that nothing was recorded under.
        settings: the plugin's own table.
    """

    root: Path
    unmet: tuple[Record, ...]
    missing: tuple[str, ...] = ()
    settings: object = None
