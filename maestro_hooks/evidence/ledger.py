"""Gather segments into one ledger and merge them into the records that hold for one tree.

Theorem: ``merge`` depends on the set of claims alone: not on the order of segments or lines, not on a clock, not on
how often a claim was written, and not on which run wrote it. A claim speaks about content, so one made in another run
from inputs that hold for this tree is as good as one made in this run, and a contradiction from there as bad. Only the
absence of an end record is judged for the run being sealed alone: what a dead process of another run failed to claim
is simply not claimed, and what is required but not claimed is never met.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_hooks import __version__
from maestro_hooks.errors import EvidenceError, ToolError, UsageError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence import inputs as inputs_documents
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Record, error_record
from maestro_hooks.evidence.segment_reader import Segment, UnknownSchemaError, read_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from maestro_hooks.evidence.segment_reader import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSegment:
    """A segment this version cannot read because another version wrote it."""

    path: Path
    reason: str

    @property
    def id(self) -> str:
        """The name of the segment within its run."""
        return self.path.name.removesuffix(chain.SUFFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Checked segments of one run or of all. ``run`` is the one whose unfinished segments count, ``""`` for all.

    ``foreign`` are files in the run directories that are no segments; they are left alone.
    """

    segments: tuple[Segment, ...] = ()
    unknown: tuple[UnknownSegment, ...] = ()
    foreign: tuple[Path, ...] = ()
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The records that hold for one tree.

    Attributes:
        records: one per key, sorted by key (code points, which is the order of the UTF-8 bytes).
        inputs: the inputs documents the records refer to, by digest.
        stale: how many distinct claims were left out because their inputs are not this tree's.
        unfinished: segments of the judged run without end record, whether or not they became records.
        unknown: segments of the judged run in a format this version cannot read; always also error records.
        ambiguous: keys left out because their candidates speak about different parts of the tree and none covers
            the others; whoever seals asks the gate again about the whole tree.
    """

    records: tuple[Record, ...]
    inputs: Mapping[str, Inputs]
    stale: int = 0
    unfinished: tuple[Segment, ...] = ()
    unknown: tuple[UnknownSegment, ...] = ()
    ambiguous: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)


def read_run(directory: Path) -> Ledger:
    """Read every segment of one run; a directory that does not exist is a run nobody has written to.

    Raises:
        EvidenceError: a segment is damaged, or a name is none a segment can have.
        ToolError: the directory cannot be read.
    """
    segments: list[Segment] = []
    unknown: list[UnknownSegment] = []
    foreign: list[Path] = []
    for path in entries_of(directory):
        if path.suffix != chain.SUFFIX:
            foreign.append(path)
            continue
        if not chain.NAME.fullmatch(path.stem):
            raise EvidenceError("not the name of a ledger segment", where=str(path), fix="restore its name or move it")
        try:
            segments.append(read_segment(path))
        except UnknownSchemaError as error:
            unknown.append(UnknownSegment(path=path, reason=error.what))
    return Ledger(segments=tuple(segments), unknown=tuple(unknown), foreign=tuple(foreign), run=directory.name)


def read_all(ledger_dir: Path, *, run: str) -> Ledger:
    """Read all runs under ``.maestro/ledger``; ``run`` is the one that is being sealed or shown.

    Raises:
        EvidenceError: a segment of any run is damaged: what it said about this tree is not known any more.
        ToolError: a directory cannot be read.
    """
    runs = [read_run(path) for path in entries_of(ledger_dir) if path.is_dir() and not path.is_symlink()]
    return Ledger(
        segments=tuple(s for r in runs for s in r.segments),
        unknown=tuple(u for r in runs for u in r.unknown),
        foreign=tuple(f for r in runs for f in r.foreign),
        run=run,
    )


def entries_of(directory: Path) -> list[Path]:
    """What a directory of the ledger holds, sorted; nothing if it does not exist. Raises ``ToolError``."""
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ToolError(
            f"the ledger cannot be read: {error.strerror}", where=str(directory), fix="make it a readable directory"
        ) from error


@dataclass(frozen=True, slots=True)
class _Claim:
    """A record and where it stands, for the words of a conflict."""

    entry: Entry
    path: Path

    @property
    def where(self) -> str:
        return f"{self.path}:{self.entry.line}"


def merge(
    ledger: Ledger,
    *,
    tree: str,
    files: Mapping[str, str],
    current: Callable[[Inputs], bool] | None = None,
    allow_unfinished: bool = False,
) -> Merged:
    """The records that hold for the tree ``tree`` with ``files`` (path to SHA-256), one per key.

    Of claims with the same key and inputs, equal ones are one, an ``error`` gives way to any other verdict, and two
    other bodies are a conflict. Of claims with the same key and different inputs that both hold, the one that covers
    more of the tree stands: a whole tree covers files, more files cover a part of them.

    Args:
        ledger: the segments of one run or of all.
        tree: the git tree id of what is being sealed.
        files: path to SHA-256 of its files; of those that no inputs document names, nothing is asked.
        current: whether inputs name the plugin, version, configuration and tools of today; ``None`` accepts all.
            Without it, a plugin's claims from before and after an upgrade are ambiguous.
        allow_unfinished: report unfinished segments without making error records of them.

    Raises:
        EvidenceError: a conflict; names both places.
    """
    documents, holding = _holding(ledger.segments, tree, dict(files), current)
    claims: dict[str, dict[str, _Claim]] = {}
    stale: set[tuple[str, str]] = set()
    for segment in sorted(ledger.segments, key=lambda s: s.path):
        for entry in segment.entries:
            record = entry.record
            if record.inputs not in holding:
                stale.add((record.key, entry.body_digest))
                continue
            candidates = claims.setdefault(record.key, {})
            candidates[record.inputs] = _one_of(candidates.get(record.inputs), _Claim(entry, segment.path))
    chosen, ambiguous = _chosen(claims, documents)
    unfinished = tuple(s for s in ledger.segments if not s.finished and ledger.run in ("", s.run))
    unknown = tuple(u for u in ledger.unknown if ledger.run in ("", u.path.parent.name))
    lost = [(u.id, u.path.parent.name, u.reason) for u in unknown]
    if not allow_unfinished:
        lost += [(s.id, s.run, _why_unfinished(s)) for s in unfinished]
    records, added = _lost_records(lost)
    records += chosen
    return Merged(
        records=tuple(sorted(records, key=lambda r: r.key)),
        inputs={**{r.inputs: documents[r.inputs] for r in chosen}, **added},
        stale=len(stale),
        unfinished=unfinished,
        unknown=unknown,
        ambiguous=ambiguous,
    )


def _holding(
    segments: Iterable[Segment], tree: str, files: dict[str, str], current: Callable[[Inputs], bool] | None
) -> tuple[dict[str, Inputs], set[str]]:
    """All inputs documents by digest, and the digests of those that hold."""
    documents = {digest: inputs for segment in segments for digest, inputs in segment.inputs.items()}
    holding = {
        digest
        for digest, inputs in documents.items()
        if inputs_documents.hold(inputs, tree=tree, files=files) and (current is None or current(inputs))
    }
    return documents, holding


def _one_of(old: _Claim | None, new: _Claim) -> _Claim:
    """The claim that stands of two with the same key and inputs."""
    if old is None or old.entry.body_digest == new.entry.body_digest:
        return old or new
    failed = [c.entry.record.verdict is Verdict.ERROR for c in (old, new)]
    if all(failed):
        # Words of an error may differ from process to process; any rule will do that looks at content alone.
        return min(old, new, key=lambda c: c.entry.body_digest)
    if any(failed):
        return new if failed[0] else old
    raise EvidenceError(
        f"conflict: {new.entry.record.key!r} was claimed twice from the same inputs with different results",
        where=f"{old.where} and {new.where}",
        fix="the check is not deterministic or reads something it does not declare, or a line was forged; mend it, "
        f"discard the wrong run ('maestro ledger gc --run {new.path.parent.name}') and run the checks again",
    )


def _chosen(
    claims: Mapping[str, Mapping[str, _Claim]], documents: Mapping[str, Inputs]
) -> tuple[list[Record], dict[str, tuple[Record, ...]]]:
    """Per key the record whose inputs cover all others' inputs, and the keys where there is none."""
    chosen: list[Record] = []
    ambiguous: dict[str, tuple[Record, ...]] = {}
    for key in sorted(claims):
        records = [claims[key][digest].entry.record for digest in sorted(claims[key])]
        widest = max(records, key=lambda r: _extent(documents[r.inputs]))
        rest = [r for r in records if r is not widest]
        if all(covers(documents[widest.inputs], documents[r.inputs]) for r in rest):
            chosen.append(widest)
        else:
            ambiguous[key] = tuple(records)
    return chosen, ambiguous


def covers(wide: Inputs, narrow: Inputs) -> bool:
    """Whether ``wide`` speaks about more of the tree than ``narrow``, given that both hold for it."""
    if wide.tree or narrow.tree:
        return bool(wide.tree) and not narrow.tree
    return set(wide.files or ()) > set(narrow.files or ())


def _extent(inputs: Inputs) -> tuple[bool, int]:
    return bool(inputs.tree), len(inputs.files or ())


def _why_unfinished(segment: Segment) -> str:
    process = segment.header.process if segment.header else "a process that wrote no whole line"
    if segment.live:
        return f"{process} ({segment.id}) is still writing; wait for it to end"
    return (
        f"{process} ({segment.id}) ended without finishing; run it again, then 'maestro ledger gc --unfinished', "
        "or allow unfinished segments"
    )


def _lost_records(lost: Iterable[tuple[str, str, str]]) -> tuple[list[Record], dict[str, Inputs]]:
    """An error record per (segment id, run, reason), so that a missing voice is not taken for silence."""
    producer = Producer(plugin="maestro", version=__version__, hook="ledger")
    records: list[Record] = []
    documents: dict[str, Inputs] = {}
    for segment, run, reason in lost:
        inputs = Inputs(plugin="maestro", version=__version__, arguments=("ledger", run, segment))
        digest = inputs_documents.digest(inputs_documents.encode(inputs))
        documents[digest] = inputs
        records.append(error_record(f"segment/{segment}", producer=producer, inputs=digest, error=reason))
    return records, documents


def run_directory(ledger_dir: Path, run: str) -> Path:
    """Where the segments of ``run`` lie. Raises ``UsageError`` for an id that is no plain name."""
    if not chain.RUN.fullmatch(run):
        raise UsageError(
            f"run id {run!r} must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit",
            where="MAESTRO_RUN or --run",
        )
    return ledger_dir / run
