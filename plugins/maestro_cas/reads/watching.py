"""Watch one run and tell what it read: findings for people, witnesses for the next look-up.

Invariant: a run whose watch failed, or during which somebody else wrote what it read, is not stored.
"""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_cas.reads import audit, judge, strace, witness
from maestro_cas.record import Reads
from maestro_hooks.errors import MaestroError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from maestro_cas.reads.judge import Scope
    from maestro_cas.stat_cache import StatCache


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run is watched: words before the command, extra variables, where the notes go, and since when."""

    method: str
    prefix: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    scratch: Path
    began_ns: int


@contextmanager
def watching(*, mode: str) -> Iterator[Watch]:
    """Prepare to watch: all children by strace where it works, else Python children by the audit hook; or nothing."""
    with tempfile.TemporaryDirectory(prefix="maestro-cas-") as text:
        scratch = Path(os.path.realpath(text))
        log = scratch / "reads.log"
        began_ns = scratch.stat().st_ctime_ns  # the file system's clock, which may lag behind the system's
        if mode == "trust":
            yield Watch("none", (), {}, log, scratch, began_ns)
        elif strace.available():
            log.touch()
            yield Watch("strace", (str(_wrapper(scratch, log)),), {}, log, scratch, began_ns)
        else:
            hook = scratch / "hook"
            hook.mkdir()
            audit.sitecustomize(hook)
            yield Watch("audit", (), {"PYTHONPATH": str(hook), audit.VARIABLE: str(log)}, log, scratch, began_ns)


def _wrapper(scratch: Path, log: Path) -> Path:
    """A program that runs its arguments traced, so that what is shown of a command stays short."""
    wrapper = scratch / "watched"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(strace.command(log))} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o700)
    return wrapper


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watch saw: the reads that were not declared, the witnesses, and why they forbid storing, or ``""``."""

    reads: Reads
    witnesses: bytes = b""
    refused: str = ""


def seen_by(
    watch: Watch,
    scope: Scope,
    *,
    cache: StatCache,
    also: Sequence[judge.Access] = (),
    variables: Iterable[str] = (),
    ran: bool = True,
) -> Seen:
    """What the watch saw (and ``also``). A trace that cannot be read is itself a finding.

    ``ran`` says that a command was run, so that a trace without a line is a broken one.
    """
    if watch.method == "none":
        return Seen(Reads("none"))
    scope = replace(scope, private=(*scope.private, str(watch.scratch), *judge.git_elsewhere(scope)))
    try:
        traced = _accesses(watch, scope.root)
        if ran and not traced and watch.method == "strace":
            raise ValueError("strace wrote nothing")  # noqa: TRY301 - told like any other trouble of the watch
        accesses = [*also, *traced]
        asked, own = witness.wanted(accesses, scope, variables=variables)
        stands = witness.snapshot(asked, scope, cache, os.environ)
        written = witness.write(stands)
    except (OSError, ValueError, MaestroError) as error:
        return Seen(Reads(watch.method, (f"the trace cannot be read: {error}",)), refused=f"the watch failed: {error}")
    changed = next(_changed_since(watch, scope.root, stands, own), "")
    return Seen(Reads(watch.method, judge.undeclared(accesses, scope)), written, changed)


def _accesses(watch: Watch, root: str) -> list[judge.Access]:
    if watch.method == "audit":
        return list(audit.accesses(watch.log))
    with watch.log.open(encoding="utf-8", errors="surrogateescape") as lines:
        return list(strace.accesses(lines, root))


def _changed_since(watch: Watch, root: str, stands: Iterable[witness.Wanted], own: set[str]) -> Iterator[str]:
    """Files that somebody else wrote while the action ran: what it read of them is not what stands there now.

    The audit hook does not see what native children write, so with it every such file may be the action's own.
    """
    for one in stands if watch.method == "strace" else ():
        if one.what == "state" and one.path not in own:
            with suppress(OSError):
                numbers = os.lstat(os.path.join(root, one.path))
                if stat.S_ISREG(numbers.st_mode) and numbers.st_ctime_ns > watch.began_ns:
                    yield f"{one.path}, which it read, was written during the run"
