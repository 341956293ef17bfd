"""``maestro ledger show | gc | export``: look at the ledger, tidy it, hand it on.

Invariant: nothing here changes a record; ``gc`` removes whole segments, and only when asked.
"""

from __future__ import annotations

import hashlib
import os
import sys
from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import ExitCode, ToolError, UsageError
from maestro_hooks.evidence.export import export
from maestro_hooks.evidence.ledger import Ledger, merge, read_all, read_run, run_directory
from maestro_hooks.evidence.listing import rows_of, table
from maestro_hooks.evidence.retention import gc
from maestro_hooks.pipeline.privacy import conceal
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.evidence.listing import Row
    from maestro_hooks.host import Host

KEEP_RUNS = 10


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the three verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="show|gc|export")
    show = verbs.add_parser("show", help="list what was recorded, and whether it still holds for the work tree")
    show.add_argument("--run", metavar="ID", help="one run instead of all")
    show.add_argument("--key", metavar="GLOB", default="*", help="only keys that match, as 'taint/*'")
    collect = verbs.add_parser("gc", help="remove old runs, one run, or what died")
    collect.add_argument(
        "--keep",
        metavar="N",
        type=_count,
        help=f"leave the N newest runs (default {KEEP_RUNS}, or all with --unfinished)",
    )
    collect.add_argument("--run", metavar="ID", help="this run alone")
    collect.add_argument("--unfinished", action="store_true", help="only segments whose process died before its end")
    write = verbs.add_parser("export", help="write the records that hold for the work tree as JSON lines")
    write.add_argument("--out", metavar="FILE", help="a file instead of standard output")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ArgumentTypeError(f"expected a number of runs, got {text!r}")
    return int(text)


def run(args: Namespace) -> ExitCode:
    """Carry out one verb; ``args`` holds ``root``, ``json`` and what ``add_arguments`` declares."""
    verbs = {"show": _show, "gc": _gc, "export": _export}
    return verbs[args.verb](Repository.find(args.root), args)


def _show(repository: Repository, args: Namespace) -> ExitCode:
    ledger_dir = _ledger_dir(repository)
    if args.run is None:
        ledger = read_all(ledger_dir, run=_run_id(repository))
    else:
        directory = run_directory(ledger_dir, args.run)
        if not directory.is_dir():
            raise UsageError(f"there is no run {args.run!r}", where=str(ledger_dir), fix="leave --run out to see all")
        ledger = read_run(directory)
    rows = rows_of(ledger, tree=repository.work_tree(), files=_files(repository, ledger), key=args.key)
    conflict = any(row.state == "conflict" for row in rows)
    payload = {
        "schema": "maestro.ledger.show/1",
        "ok": not conflict,
        "run": ledger.run,
        "records": [{**msgspec.to_builtins(row.record), "state": row.state} for row in rows],
        "notes": _notes(ledger),
    }
    emit(
        payload,
        [*table(rows), "", _summary(rows), *_notes(ledger)] if rows else [_summary(rows), *_notes(ledger)],
        as_json=args.json,
    )
    return ExitCode.EVIDENCE_INVALID if conflict else ExitCode.OK


def _summary(rows: tuple[Row, ...]) -> str:
    counts = {state: sum(row.state == state for row in rows) for state in ("holds", "stale", "conflict")}
    words = f"{len(rows)} records: {counts['holds']} hold for the work tree, {counts['stale']} are stale"
    if counts["conflict"]:
        words += f", {counts['conflict']} contradict each other (same key and inputs, other result)"
    return words


def _notes(ledger: Ledger) -> list[str]:
    """What the reader must know besides the records."""
    notes = [
        f"{s.run}/{s.id}: {'a process is still writing' if s.live else 'its process died before its end'}"
        f"{', its last line is torn' if s.torn and not s.live else ''}"
        for s in ledger.segments
        if not s.finished
    ]
    notes += [f"{u.path.parent.name}/{u.id}: {u.reason}" for u in ledger.unknown]
    notes += [f"{path}: not a ledger segment, left alone" for path in ledger.foreign]
    return notes


def _gc(repository: Repository, args: Namespace) -> ExitCode:
    keep = args.keep if args.keep is not None else 0 if args.unfinished else KEEP_RUNS
    done = gc(_ledger_dir(repository), keep_runs=keep, run=args.run, unfinished=args.unfinished)
    payload = {
        "schema": "maestro.ledger.gc/1",
        "ok": not done.kept,
        "removed": [{"run": name, "segments": count} for name, count in done.removed],
        "kept": [{"name": name, "reason": reason} for name, reason in done.kept],
        "freed_bytes": done.freed_bytes,
    }
    lines = [f"removed {count} segments of run {name}" for name, count in done.removed]
    lines += [f"kept {name}: {reason}" for name, reason in done.kept]
    emit(payload, [*lines, f"freed {done.freed_bytes} bytes"], as_json=args.json)
    return ExitCode.UNMET if done.kept else ExitCode.OK


def _export(repository: Repository, args: Namespace) -> ExitCode:
    name, tree = _run_id(repository), repository.work_tree()
    ledger = read_all(_ledger_dir(repository), run=name)
    merged = merge(ledger, tree=tree, files=_files(repository, ledger))
    merged = replace(merged, records=conceal(_host(repository), merged.records))
    data = export(merged, run=name, tree=tree)
    left_out = [f"left out {merged.stale} stale claims"] if merged.stale else []
    left_out += [f"left out {key}: its claims speak about different parts of the tree" for key in merged.ambiguous]
    if args.out is None:
        sys.stdout.write(data.decode())
        sys.stderr.writelines(f"{line}\n" for line in left_out)
        return ExitCode.OK
    _replace(Path(args.out), data)
    payload = {
        "schema": "maestro.ledger.export/1",
        "ok": True,
        "file": args.out,
        "records": len(merged.records),
        "stale": merged.stale,
        "ambiguous": sorted(merged.ambiguous),
    }
    lines = [f"wrote {len(merged.records)} records to {args.out}", *left_out]
    emit(payload, lines, as_json=args.json)
    return ExitCode.OK


def _host(repository: Repository) -> Host:
    """The host with its settings: what they hide, an export must not tell. Raises ``ToolError`` for a broken one."""
    host = open_workspace(repository.root).host
    for plugin in host.plugins:
        if plugin.state == "broken" and plugin.name in host.layers.values:
            raise ToolError(
                f"plugin {plugin.name} is configured and cannot be loaded: {plugin.reason}",
                fix="mend or disable it; a disabled plugin hides nothing",
            )
    return host


def _replace(path: Path, data: bytes) -> None:
    """Write all of the file or none of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ToolError(
            f"cannot write the export: {error.strerror}", where=str(path), fix="name another file"
        ) from error


def _ledger_dir(repository: Repository) -> Path:
    return repository.root / ".maestro" / "ledger"


def _run_id(repository: Repository) -> str:
    return os.environ.get("MAESTRO_RUN") or repository.run_id()


def _files(repository: Repository, ledger: Ledger) -> dict[str, str]:
    """SHA-256 of the files some inputs document names; no other can matter."""
    named = {path for s in ledger.segments for i in s.inputs.values() for path in i.files or ()}
    return {p: hashlib.sha256(place.read_bytes()).hexdigest() for p, place in repository.files() if p in named}
