"""Remove runs, or what died in them, from the ledger; on request only.

Invariant: a run with a live writer keeps every segment, a segment of an unknown format is never removed, and a writer
that starts while its run is being removed starts again in a new file (``segment._create``), so that nothing
acknowledged is lost to a collector.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ToolError, UsageError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence.ledger import entries_of, run_directory
from maestro_hooks.evidence.segment_reader import UnknownSchemaError, has_writer, open_segment, read_segment

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection did.

    Attributes:
        removed: (run, number of segments) of which something was removed.
        kept: (run or segment, why) of what was asked for and is still there.
        freed_bytes: the sizes of the removed segments.
    """

    removed: tuple[tuple[str, int], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    freed_bytes: int = 0


def gc(ledger_dir: Path, *, keep_runs: int = 0, run: str | None = None, unfinished: bool = False) -> Collected:
    """Remove whole runs, or with ``unfinished`` only the segments that dead processes left in them.

    Args:
        ledger_dir: ``.maestro/ledger``.
        keep_runs: leave the newest runs (by the time of their last write) as they are.
        run: this run alone; ``keep_runs`` does not protect it.
        unfinished: remove no segment that has its end record.

    Raises:
        UsageError: no such run.
        ToolError: a directory cannot be read.
    """
    removed: list[tuple[str, int]] = []
    kept: list[tuple[str, str]] = []
    freed = 0
    for directory in _asked_for(ledger_dir, keep_runs, run):
        paths = [p for p in entries_of(directory) if p.suffix == chain.SUFFIX]
        if unfinished:
            reasons = {path: _why_finished(path) for path in paths}
            kept += [(path.stem, why) for path, why in reasons.items() if why]
            victims = [path for path, why in reasons.items() if why is None]
        else:
            # Segment by segment, so that one live writer keeps its whole run before anything is touched.
            protected = [(directory.name, why) for path in paths if (why := _why_protected(path))]
            kept += protected[:1]
            victims = [] if protected else paths
        sizes, left = _remove(victims)
        kept += left
        freed += sum(sizes)
        if sizes:
            removed.append((directory.name, len(sizes)))
        if not unfinished and len(sizes) == len(paths):
            kept += _remove_directory(directory)
    return Collected(removed=tuple(removed), kept=tuple(kept), freed_bytes=freed)


def _asked_for(ledger_dir: Path, keep_runs: int, run: str | None) -> list[Path]:
    runs = [p for p in entries_of(ledger_dir) if p.is_dir() and not p.is_symlink()]
    if run is None:
        runs.sort(key=lambda p: (max((f.lstat().st_mtime_ns for f in entries_of(p)), default=0), p.name))
        return runs[: max(len(runs) - keep_runs, 0)]
    directory = run_directory(ledger_dir, run)
    if directory not in runs:
        names = ", ".join(p.name for p in runs[:10]) or "none"
        raise UsageError(f"there is no run {run!r}", where=str(ledger_dir), fix=f"name one that is there: {names}")
    return [directory]


def _why_protected(path: Path) -> str | None:
    """Why the segment must stay whatever the user asked for, or ``None``."""
    try:
        with open_segment(path) as stream:
            writer = has_writer(stream.fileno())
        if writer is not False:
            return f"{path.stem} {'has a live writer' if writer else 'may have a live writer: no file locks here'}"
        read_segment(path)
    except UnknownSchemaError as error:
        return f"{path.stem}: {error.what}"
    except EvidenceError:
        # Damaged: discarding it is what the user was told to do.
        return None
    except ToolError as error:
        return f"{path.stem}: {error.what}"
    return None


def _why_finished(path: Path) -> str | None:
    """Why a segment stays when only unfinished ones go; ``""`` if it is simply finished, ``None`` if it goes."""
    try:
        if read_segment(path).finished:
            return ""
    except (EvidenceError, ToolError) as error:
        return error.what
    return _why_protected(path)


def _remove(paths: list[Path]) -> tuple[list[int], list[tuple[str, str]]]:
    """Sizes of the segments that are gone, and (name, why) of those that are not."""
    sizes: list[int] = []
    left: list[tuple[str, str]] = []
    for path in paths:
        try:
            with open_segment(path) as stream:
                # A writer between creating the file and locking it finds it unlinked and takes another.
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                size = os.fstat(stream.fileno()).st_size
                path.unlink()
            sizes.append(size)
        except BlockingIOError:
            left.append((path.stem, "a writer came to life in it"))
        except OSError as error:
            left.append((path.stem, f"cannot be removed: {error.strerror}"))
    return sizes, left


def _remove_directory(directory: Path) -> list[tuple[str, str]]:
    try:
        directory.rmdir()
    except OSError as error:
        names = ", ".join(p.name for p in entries_of(directory)[:5])
        return [(directory.name, f"the directory is kept, it holds {names}" if names else f"{error.strerror}")]
    return []
