"""``maestro bloom``: look at the index, ask why a test runs, merge and share indexes, audit the selection."""

from __future__ import annotations

import os
from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from maestro_bloom.index_file import Stored
    from maestro_bloom.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, words in (("show", "list the recorded tests"), ("stats", "sizes of the index and of its parts")):
        action = actions.add_parser(name, help=words)
        _index(action)
    explain = actions.add_parser("explain", help="why a test would run or be skipped now, down to the keys")
    explain.add_argument("test", help="node id, or a part of one")
    _index(explain)
    merge = actions.add_parser("merge", help="join shards or indexes of one tree into one index")
    merge.add_argument("parts", nargs="+", type=Path)
    for name, words in (("export", "copy the newest index to a file"), ("import", "take an index from a file")):
        action = actions.add_parser(name, help=words)
        action.add_argument("path", type=Path)
    audit = actions.add_parser("audit", help="seed faults, and compare full runs with selected ones")
    audit.add_argument("--mutants", type=int, default=20, help="how many faults (default: 20)")
    audit.add_argument("--seed", type=int, default=0, help="chooses the faults (default: 0)")
    audit.add_argument("--timeout", type=int, default=600, help="seconds a run may take (default: 600)")
    audit.add_argument("paths", nargs="*", default=[], help="sources to mutate (default: all that tests touched)")
    for action in actions.choices.values():
        # People write it behind the action; without a default of its own it does not undo one before it.
        action.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON object")


def _index(action: ArgumentParser) -> None:
    action.add_argument("--index", type=Path, help="an index file (default: the newest)")


def run(arguments: Namespace) -> ExitCode:
    """Do the chosen action."""
    from maestro_bloom.store import Store  # noqa: PLC0415 - decoding is loaded for the verb only
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415 - as above

    store = Store(Repository.find(arguments.root.resolve()).root)
    actions: dict[str, Callable[[Namespace, Store], ExitCode]] = {
        "show": _show,
        "stats": _stats,
        "explain": _explain,
        "merge": _merge,
        "export": _export,
        "import": _import,
        "audit": _audit,
    }
    return actions[arguments.action](arguments, store)


def _emit(arguments: Namespace, body: dict[str, object], lines: list[str]) -> None:
    from maestro_hooks.render import emit  # noqa: PLC0415 - only to print

    emit({"schema": f"maestro.bloom.{arguments.action}/1", **body}, lines, as_json=arguments.json)


def _opened(path: Path | None, store: Store) -> Stored:
    from maestro_bloom import index_file  # noqa: PLC0415 - only when an index is read

    place = path or store.newest()
    if place is None:
        raise UsageError("there is no index yet", where=str(store.directory), fix="run 'pytest --maestro'")
    return index_file.read(place)


def _show(arguments: Namespace, store: Store) -> ExitCode:
    stored = _opened(arguments.index, store)
    rows = sorted(stored.index.tests, key=lambda row: row.nodeid)
    body: dict[str, object] = {
        "digest": stored.digest,
        "run": stored.index.run,
        "head": stored.index.head,
        "environment": stored.index.environment,
        "tests": [{"nodeid": r.nodeid, "outcome": r.outcome, "keys": r.keys, "flags": r.flags} for r in rows],
    }
    lines = [f"index {stored.digest[:12]}, run {stored.index.run}, commit {stored.index.head[:12] or 'none'}"]
    lines += [f"{row.outcome:8} {row.keys:5} keys  {row.nodeid}" for row in rows]
    _emit(arguments, body, lines)
    return ExitCode.OK


def _stats(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_bloom.statistics_of import statistics_of  # noqa: PLC0415 - only for this action

    stored = _opened(arguments.index, store)
    found = statistics_of(stored, arguments.index or store.newest())
    _emit(arguments, dict(found), [f"{name.replace('_', ' ')}: {value}" for name, value in found.items()])
    return ExitCode.OK


def _level(root: Path) -> str:
    from maestro_bloom.settings import BloomSettings  # noqa: PLC0415 - only for this action
    from maestro_hooks.config import plugin_settings, read_layers  # noqa: PLC0415 - as above

    layers = read_layers(root, env=os.environ, overrides={}, plugins=("bloom",))
    return plugin_settings(layers, "bloom", BloomSettings).level


def _explain(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_bloom.changes import Comparison  # noqa: PLC0415 - only for this action
    from maestro_bloom.leaving_out import why_collected  # noqa: PLC0415 - as above
    from maestro_bloom.model_cache import Models  # noqa: PLC0415 - as above
    from maestro_bloom.selecting import judge  # noqa: PLC0415 - as above
    from maestro_bloom.tree import read_tree  # noqa: PLC0415 - as above

    stored = _opened(arguments.index, store)
    known = [row.nodeid for row in stored.index.tests]
    asked = [arguments.test] if arguments.test in known else [n for n in known if arguments.test in n]
    models = Models(store.directory)
    level = _level(store.root)
    comparison = Comparison(stored.index, tree=read_tree(store.root), models=models, variables=os.environ, level=level)
    changes = comparison.run()
    lines = [] if asked else [f"{arguments.test}: it has no record, so it runs"]
    found = []
    judged = judge(stored, changes, known)
    collected = why_collected(stored, changes, judged, level=level)
    files = {row.nodeid: row.path for row in stored.index.tests}
    for judgement in (j for j in judged if j.nodeid in set(asked)):
        why = collected[files[judgement.nodeid]]
        found.append({"nodeid": judgement.nodeid, "reasons": list(judgement.reasons), "run": judgement.run})
        if judgement.reasons:
            lines += [f"{judgement.nodeid} runs:", *(f"  {reason}" for reason in judgement.reasons)]
        else:
            lines.append(
                f"{judgement.nodeid} is skipped: none of the {len(changes.keys)} changed keys is in its record of run "
                f"{judgement.run}; its file is {f'collected: {why}' if why else 'not collected'}"
            )
    lines.append("options and plugins of a pytest run are not compared here; its header tells if they differ")
    _emit(arguments, {"tests": found, "changed_keys": sorted(changes.keys.values())}, lines)
    return ExitCode.OK


def _merge(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_bloom import index_file, merging  # noqa: PLC0415 - only for this action

    parts = [index_file.read(path) for path in arguments.parts]
    index, filters = merging.merge((part.index, part.filters()) for part in parts)
    path = store.save(index, filters, keep=len(store.candidates()) + 1)
    _emit(arguments, {"path": str(path), "tests": len(index.tests)}, [f"{path}: {len(index.tests)} tests"])
    return ExitCode.OK


def _export(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_hooks.project.files import write_atomic  # noqa: PLC0415 - only for this action

    newest = store.newest()
    stored = _opened(newest, store)
    if newest is not None:
        write_atomic(arguments.path, newest.read_bytes(), mode=0o600)
    lines = [f"{arguments.path}: index {stored.digest[:12]}, {len(stored.index.tests)} tests"]
    _emit(arguments, {"path": str(arguments.path), "digest": stored.digest}, lines)
    return ExitCode.OK


def _import(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_bloom import index_file  # noqa: PLC0415 - only for this action

    stored = index_file.read(arguments.path)
    path = store.save(stored.index, stored.filters(), keep=len(store.candidates()) + 1)
    lines = [f"{path}: index {stored.digest[:12]}, {len(stored.index.tests)} tests"]
    _emit(arguments, {"path": str(path), "digest": stored.digest}, lines)
    return ExitCode.OK


def _audit(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_bloom.mutants import audit  # noqa: PLC0415 - only for this action

    result = audit(
        store.root,
        count=arguments.mutants,
        seed=arguments.seed,
        paths=tuple(arguments.paths),
        timeout_s=arguments.timeout,
    )
    _emit(arguments, result.document(), result.lines())
    return ExitCode.UNMET if result.lost or result.killed == 0 else ExitCode.OK
