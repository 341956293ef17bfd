"""``maestro cas run | ls | stat | why | report | gc | fsck | export | attached | key``."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.render import emit, table

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_cas.journal import Event
    from maestro_cas.record import Record
    from maestro_cas.reuse import Reuse
    from maestro_cas.store import Store

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: ArgumentParser) -> None:
    """One sub-verb each."""
    from maestro_cas import command_run  # noqa: PLC0415 - only for this verb

    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run_parser = verbs.add_parser("run", help="run a command, or restore what it made before: run ... -- COMMAND")
    command_run.add_arguments(run_parser)
    run_parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="the command and its arguments")
    verbs.add_parser("ls", help="list results, most recently used first")
    verbs.add_parser("stat", help="size and counts of the store").add_argument("key", nargs="?", help="one result")
    why = verbs.add_parser("why", help="why the last look-up missed")
    why.add_argument("name", nargs="?", default="", help="session or --name (default: what was looked up last)")
    report = verbs.add_parser("report", help="reuse over a period")
    report.add_argument("--since", default="30d", metavar="SPAN", help="as 12h or 30d")
    collect = verbs.add_parser("gc", help="delete what was not used lately")
    collect.add_argument("--max-bytes", type=int, default=None, metavar="N", help="default: the configured cap")
    verbs.add_parser("fsck", help="read every blob and record; quarantine what is damaged")
    export = verbs.add_parser("export", help="write a result's signed record, or its SLSA provenance")
    export.add_argument("key", help="a result's key, or its beginning")
    export.add_argument("--slsa", action="store_true", help="SLSA provenance v1, unsigned")
    attached = verbs.add_parser("attached", help="list what OCI remotes hold about a result: provenance, attestations")
    attached.add_argument("key", help="a result's key, or its beginning if the result is here")
    verbs.add_parser("key", help="this machine's public key, for tool.maestro.cas.writers of others")
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def project_root(start: str) -> str:
    """The nearest directory above that git or Maestro keeps its state in, else ``start`` itself; no git is needed.

    Raises:
        UsageError: ``start`` is no directory.
    """
    place = os.path.realpath(start)
    if not os.path.isdir(place):
        raise UsageError("is no directory", where=start, fix="correct --root")
    above = place
    while not any(os.path.exists(f"{above}/{name}") for name in (".git", ".maestro")):
        if above == "/":
            return place
        above = os.path.dirname(above)
    return above


def run(arguments: Namespace) -> ExitCode | int:
    """Do what the sub-verb says."""
    root = project_root(str(arguments.root))
    if arguments.action == "run":
        from maestro_cas import command_run  # noqa: PLC0415

        return command_run.run(arguments, list(arguments.command), root)
    from maestro_cas.opening import open_for, read_settings  # noqa: PLC0415

    settings = read_settings(root)
    if arguments.action == "key":
        from maestro_cas.writer import public_text  # noqa: PLC0415

        text = public_text(root)
        emit({"schema": "maestro.cas.key/1", "ok": True, "public": text}, [text], as_json=arguments.json)
        return ExitCode.OK
    store = open_for(root, settings)
    if arguments.action == "gc":
        return _gc(arguments, store, settings.max_bytes if arguments.max_bytes is None else arguments.max_bytes)
    if arguments.action == "attached":
        from maestro_cas.command_attached import attached  # noqa: PLC0415

        return attached(arguments, store, settings, root)
    from maestro_cas.command_why import why  # noqa: PLC0415

    actions = {"ls": _ls, "stat": _stat, "why": why, "report": _report, "fsck": _fsck, "export": _export}
    return actions[arguments.action](arguments, store)


def _ls(arguments: Namespace, store: Store) -> ExitCode:
    rows = []
    for key in reversed(store.keys()):
        found = store.record(key)
        if found is not None:
            rows.append(_row(found))
    lines = table(
        ("key", "made", "seconds", "outputs", "bytes", "what"),
        [
            (
                r["key"][:12],
                r["created"],
                f"{r['duration_ms'] / 1000:.1f}",
                str(r["outputs"]),
                str(r["bytes"]),
                r["what"],
            )
            for r in rows
        ],
    )
    emit(
        {"schema": "maestro.cas.ls/1", "ok": True, "results": rows},
        lines or ["nothing is cached"],
        as_json=arguments.json,
    )
    return ExitCode.OK


def _row(found: Record) -> dict[str, Any]:
    what = found.components.get("session") or found.components.get("command") or found.components.get("entry") or ""
    return {
        "key": found.key,
        "created": found.created,
        "duration_ms": found.duration_ms,
        "outputs": len(found.outputs),
        "bytes": found.size,
        "what": " ".join(map(str, what)) if isinstance(what, list) else str(what),
    }


def _stat(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_cas.collecting import blobs  # noqa: PLC0415

    if arguments.key:
        found = chosen(store, arguments.key)
        body = {**_row(found), "components": dict(found.components), "undeclared": list(found.reads.undeclared)}
        lines = [f"{name}: {value}" for name, value in body.items()]
        emit({"schema": "maestro.cas.stat/1", "ok": True, **body}, lines, as_json=arguments.json)
        return ExitCode.OK
    sizes = [size for _, size in blobs(store)]
    count, total, keys = len(sizes), sum(sizes), len(store.keys())
    payload = {
        "schema": "maestro.cas.stat/1",
        "ok": True,
        "home": store.home,
        "records": keys,
        "blobs": count,
        "bytes": total,
    }
    emit(payload, [f"{store.home}: {keys} results, {count} blobs, {total} bytes"], as_json=arguments.json)
    return ExitCode.OK


def _report(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_cas.journal import events  # noqa: PLC0415
    from maestro_cas.reuse import by_name  # noqa: PLC0415

    match = _SPAN.fullmatch(arguments.since)
    if match is None:
        raise UsageError(f"{arguments.since!r} is no span", where="--since", fix="write a number and s, m, h or d")
    since = int(time.time()) - int(match[1]) * _SECONDS[match[2]]
    read: list[Event | None] = list(events(store, since=since))
    rows = by_name(e for e in read if e is not None)
    torn = sum(1 for e in read if e is None)
    payload = {
        "schema": "maestro.cas.report/1",
        "ok": True,
        "since": since,
        "torn": torn,
        "rows": [_reuse(r) for r in rows],
    }
    lines = table(
        ("name", "look-ups", "hits", "remote", "actions reused", "bytes reused", "saved s", "spent s"),
        [_reuse_cells(r) for r in rows],
    )
    lines += [f"{count} misses: {reason}" for reason, count in rows[-1].reasons]
    if torn:
        lines.append(f"{torn} torn lines of the journal were left out")
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK


def _reuse_cells(r: Reuse) -> tuple[str, ...]:
    rates = (_percent(r.action_permille), _percent(r.byte_permille))
    times = (f"{r.saved_ms / 1000:.1f}", f"{r.spent_ms / 1000:.1f}")
    return (r.name, str(r.lookups), str(r.hits), str(r.remote_hits), *rates, *times)


def _reuse(r: Reuse) -> dict[str, Any]:
    return {
        "name": r.name, "lookups": r.lookups, "hits": r.hits, "remote_hits": r.remote_hits, "misses": r.misses,
        "action_permille": r.action_permille, "byte_permille": r.byte_permille, "saved_ms": r.saved_ms,
        "spent_ms": r.spent_ms, "hit_bytes": r.hit_bytes, "made_bytes": r.made_bytes, "reasons": dict(r.reasons),
    }  # fmt: skip


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10} %"


def _gc(arguments: Namespace, store: Store, max_bytes: int) -> ExitCode:
    from maestro_cas.collecting import collect_garbage  # noqa: PLC0415

    done = collect_garbage(store, max_bytes)
    payload = {
        "schema": "maestro.cas.gc/1",
        "ok": True,
        "records": done.records,
        "blobs": done.blobs,
        "bytes": done.size,
        "kept": done.kept,
        "kept_bytes": done.kept_size,
    }
    lines = [
        f"{done.records} results and {done.blobs} blobs ({done.size} bytes) deleted",
        f"{done.kept} results ({done.kept_size} bytes) kept",
    ]
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK


def _fsck(arguments: Namespace, store: Store) -> ExitCode:
    from maestro_cas.collecting import check  # noqa: PLC0415

    done = check(store)
    ok = not done.damaged and not done.incomplete
    payload = {
        "schema": "maestro.cas.fsck/1",
        "ok": ok,
        "records": done.records,
        "blobs": done.blobs,
        "damaged": list(done.damaged),
        "incomplete": list(done.incomplete),
    }
    lines = [f"{done.records} results and {done.blobs} blobs read"]
    lines += [f"damaged, moved to quarantine: {what}" for what in done.damaged]
    lines += [f"without all of its blobs, dropped: {key}" for key in done.incomplete]
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK if ok else ExitCode.UNMET


def _export(arguments: Namespace, store: Store) -> ExitCode:
    import json  # noqa: PLC0415

    from maestro_cas import record as records  # noqa: PLC0415
    from maestro_cas.provenance import statement  # noqa: PLC0415
    from maestro_cas.scan import parse_listing  # noqa: PLC0415

    found = chosen(store, arguments.key)
    envelope = store.envelope(found.key) or b""
    if not arguments.slsa:
        sys.stdout.write(envelope.decode() + "\n")
        return ExitCode.OK
    writer = records.open_envelope(envelope).signatures[0].keyid
    listing = store.get(found.inputs.digest)
    if listing is None:
        raise UsageError("the list of its inputs is not in the store any more", where=found.key, fix="run it again")
    sys.stdout.write(json.dumps(statement(found, writer=writer, inputs=parse_listing(listing)), sort_keys=True) + "\n")
    return ExitCode.OK


def chosen(store: Store, beginning: str) -> Record:
    """The one result whose key begins so. Raises ``UsageError``."""
    keys = [key for key in store.keys() if key.startswith(beginning)]  # noqa: SIM118 - a method of the store
    found = store.record(keys[0]) if len(keys) == 1 else None
    if found is None:
        raise UsageError(f"{len(keys)} results have a key that begins so", where=beginning, fix="see 'maestro cas ls'")
    return found
