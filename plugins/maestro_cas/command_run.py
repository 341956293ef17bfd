"""``maestro cas run``: any command, cached by its declared inputs, environment, program and outputs.

Invariant: the exit code is the command's own; a command that fails is never stored, and a cache that fails never
changes what the command does.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from maestro_cas import engine, key, locks, running
from maestro_cas.access import access_mode
from maestro_cas.aside import Aside
from maestro_cas.globs import compile_globs
from maestro_cas.opening import open_for, read_settings, remotes_of
from maestro_cas.outputs import check_disjoint
from maestro_cas.reads import watching
from maestro_cas.reads.findings import findings
from maestro_cas.record import Reads
from maestro_cas.store import StoreError
from maestro_hooks.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from maestro_cas.engine import Action, Hit, Miss, Prepared
    from maestro_cas.reads.watching import Seen
    from maestro_cas.remote.access import Remotes
    from maestro_cas.running import Ended, Program
    from maestro_cas.settings import CasSettings
    from maestro_cas.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """The options of ``run``; the command follows ``--``."""
    parser.add_argument("--inputs", nargs="+", default=[], metavar="GLOB", help="files the command reads")
    parser.add_argument("--outputs", nargs="+", default=[], metavar="PATH", help="files and directories it makes")
    parser.add_argument("--env", nargs="+", default=[], metavar="NAME", help="variables it may see")
    parser.add_argument("--caches", nargs="+", default=[], metavar="GLOB", help="notes of tools that change no result")
    parser.add_argument("--tool", nargs="+", default=[], metavar="PROGRAM", help="further programs it starts")
    parser.add_argument("--name", default="", help="how 'why' and 'report' call it (default: the program's name)")
    parser.add_argument("--mode", choices=("trust", "observe", "enforce"), default="observe", help="how to treat reads")
    parser.add_argument("--allow-empty", action="store_true", help="an input pattern may match nothing")
    parser.add_argument("--read-only", action="store_true", help="nobody edits the outputs: restore by hard links")


def run(arguments: Namespace, command: list[str], root: str) -> ExitCode | int:
    """Restore or run; returns the command's exit code."""
    if not command:
        raise UsageError("there is no command", where="maestro cas run", fix="write it after '--'")
    settings = read_settings(root)
    access = access_mode()
    programs = [running.find_program(name, root) for name in (command[0], *arguments.tool)]
    action = _action(arguments, command, root, programs)
    check_disjoint(action.inputs, action.outputs)
    if access == "off":
        return _plain(action, command, programs)
    with ExitStack() as stack:
        began = time.monotonic()
        try:
            store = open_for(root, settings)
            prepared = engine.prepare(store, action)
            waiting = partial(_say, "another process does this now; waiting for it")
            stack.enter_context(locks.single_flight(store, prepared.key, waiting=waiting))
            remotes = remotes_of(store, settings, root=root, announce=_say)
            stack.callback(remotes.close)
            outcome = (
                engine.Miss("asked to refresh")
                if access == "refresh"
                else engine.look_up(store, prepared, lambda: remotes)
            )
        except StoreError as error:
            _say(f"not cached: {error}")
            return _plain(action, command, programs)
        engine.observe(store, prepared, outcome, began=began, ended=time.monotonic())
        if isinstance(outcome, engine.Hit):
            return _hit(store, outcome)
        keep = None if access == "ro" else lambda: remotes
        code = _miss(store, prepared, outcome, command=command, programs=programs, remotes=keep)
        _trim(store, settings)
        return code


def _action(arguments: Namespace, command: list[str], root: str, programs: list[Program]) -> Action:
    return engine.Action(
        name=arguments.name or os.path.basename(command[0]),
        root=root,
        inputs=compile_globs(arguments.inputs, where="--inputs"),
        outputs=compile_globs(arguments.outputs, where="--outputs"),
        caches=compile_globs(arguments.caches, where="--caches"),
        env=tuple(arguments.env),
        mode=arguments.mode,
        allow_empty=arguments.allow_empty,
        read_only=arguments.read_only,
        components={
            "tool": key.TOOL,
            "command": key.portable(command, root),
            "env": key.environment(arguments.env, os.environ),
            "caches": list(arguments.caches),
            "programs": {p.name: p.digest for p in programs},
            "distributions": running.distributions(programs[0].path),
            "platform": key.platform_tag(),
        },
    )


def _plain(action: Action, command: list[str], programs: list[Program]) -> int:
    with watching.watching(mode="trust") as watch:
        env = running.clean_environment(action.env, programs=programs, home=watch.scratch)
        return running.run([programs[0].path, *command[1:]], cwd=action.root, env=env).code


def _hit(store: Store, hit: Hit) -> int:
    log = store.get(hit.record.log.digest)
    if log:
        sys.stdout.buffer.write(log)
        sys.stdout.flush()
    _say(
        f"{hit.record.key[:12]} from {hit.tier}: {hit.restored.files} outputs restored ({hit.restored.size} bytes),"
        f" {hit.restored.kept} stood right, {hit.restored.removed} strays removed;"
        f" {hit.record.duration_ms / 1000:.1f} s saved"
    )
    return int(ExitCode.OK)


def _miss(
    store: Store,
    prepared: Prepared,
    miss: Miss,
    *,
    command: list[str],
    programs: list[Program],
    remotes: Callable[[], Remotes] | None,
) -> int:
    aside = Aside(prepared.action.root, prepared.action.outputs)
    code = 1
    began = time.monotonic()
    try:
        ended, seen = _watched(store, prepared.action, command, programs)
        code = ended.code
    finally:
        if code != 0:
            aside.put_back()
    if code != 0:
        failed = engine.Run(duration_ms=int((time.monotonic() - began) * 1000), log=b"", reads=Reads("none"))
        engine.observe_run(store, prepared, failed, miss=miss, not_stored=f"the command failed with exit code {code}")
        _say(f"{prepared.key[:12]} not stored: exit code {code}" + _hint(code))
        return code
    aside.discard()
    result = engine.Run(duration_ms=ended.duration_ms, log=ended.log, reads=seen.reads, witnesses=seen.witnesses)
    for words in findings(seen.reads):
        _say(words)
    refused = seen.refused or (
        "MAESTRO_CACHE=ro"
        if remotes is None
        else engine.store_run(store, prepared, result, remotes=remotes, now=time.time())
    )
    engine.observe_run(store, prepared, result, miss=miss, not_stored=refused)
    _say(f"{prepared.key[:12]} {'not stored: ' + refused if refused else 'stored'} (was a miss: {miss.reason})")
    return 0


def _hint(code: int) -> str:
    """What a clean environment may have to do with a failure."""
    if code not in (126, 127):
        return ""
    return (
        f"; the command finds programs in {running.DEFAULT_PATH} and beside those named by --tool (or say --env PATH)"
    )


def _watched(store: Store, action: Action, command: list[str], programs: list[Program]) -> tuple[Ended, Seen]:
    """Run the command and tell what it read; the programs and where they stand are part of the key."""
    covered, beside = running.homes(programs, action.root)
    named = [os.path.realpath(p.path) for p in programs]
    scope = replace(action.scope, covered=covered, beside=beside, programs=named)
    with watching.watching(mode=action.mode) as watch:
        env = running.clean_environment(action.env, programs=programs, home=watch.scratch, extra=watch.env)
        ended = running.run([*watch.prefix, programs[0].path, *command[1:]], cwd=action.root, env=env)
        seen = watching.seen_by(watch, scope, cache=engine.seen_cache(store, action))
    return ended, seen


def _trim(store: Store, settings: CasSettings) -> None:
    from maestro_cas.collecting import trim_if_full  # noqa: PLC0415 - only after a run

    for words in trim_if_full(store, settings.max_bytes):
        _say(words)


def _say(words: str) -> None:
    sys.stderr.write(f"maestro cas: {words}\n")
