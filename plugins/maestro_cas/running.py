"""Run one command in an environment that holds only what the key knows, watching what it reads.

Invariant: the child sees the variables built here and no others, so an undeclared variable cannot shape a result.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_cas.key import file_digest
from maestro_cas.reads import audit, judge, strace
from maestro_cas.record import Reads
from maestro_cas.tee import Tee
from maestro_hooks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_cas.globs import Globs

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run is watched: words before the command, extra variables, and where the notes go."""

    method: str
    prefix: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Program:
    """An executable as the key sees it: the name asked for, where it was found, the digest of its file."""

    name: str
    path: str
    digest: str


def find_program(name: str, root: str) -> Program:
    """Resolve a program by the caller's ``PATH`` (or below the root). Raises ``UsageError``."""
    found = shutil.which(name, path=os.environ.get("PATH", DEFAULT_PATH)) if "/" not in name else f"{root}/{name}"
    if "/" in name and os.path.isabs(name):
        found = name
    if found is None or not os.access(found, os.X_OK):
        raise UsageError("no such program", where=name, fix="install it, or correct the command")
    return Program(name, os.path.abspath(found), file_digest(found))


def distributions(program: str) -> str:
    """The distributions of the virtual environment a program stands in, as one digest; ``""`` outside of one."""
    import hashlib  # noqa: PLC0415 - cheap, used once

    home = Path(program).parent.parent
    if not (home / "pyvenv.cfg").is_file():
        return ""
    names = sorted(p.name for p in home.glob("lib/python*/site-packages/*.dist-info"))
    records = [
        f"{name} {file_digest(str(p))}" for name in names for p in home.glob(f"lib/python*/site-packages/{name}/RECORD")
    ]
    return hashlib.sha256("\n".join(records).encode()).hexdigest()


def clean_environment(declared: Sequence[str], *, program: Program, home: Path) -> dict[str, str]:
    """The child's whole environment: declared variables as they are, and fixed values for what programs need."""
    fixed = {
        "PATH": f"{os.path.dirname(program.path)}:{DEFAULT_PATH}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": "315619200",  # 1980-01-02, the first day that zip files can hold in every time zone
        "PYTHONHASHSEED": "0",
    }
    return {**fixed, **{name: os.environ[name] for name in declared if name in os.environ}}


@contextmanager
def watching(*, mode: str) -> Iterator[Watch]:
    """Prepare to watch: strace in mode ``enforce`` where it works, the audit hook in ``observe``, else nothing."""
    with tempfile.TemporaryDirectory(prefix="maestro-cas-") as text:
        scratch = Path(os.path.realpath(text))
        log = scratch / "reads.log"
        if mode == "enforce" and strace.available():
            yield Watch("strace", tuple(strace.command(log)), {}, log, scratch)
        elif mode in ("observe", "enforce"):
            hook = scratch / "hook"
            hook.mkdir()
            audit.sitecustomize(hook)
            yield Watch("audit", (), {"PYTHONPATH": str(hook), audit.VARIABLE: str(log)}, log, scratch)
        else:
            yield Watch("none", (), {}, log, scratch)


def reads_of(
    watch: Watch,
    *,
    root: str,
    inputs: Globs,
    outputs: Globs,
    covered: Sequence[str],
    programs: Sequence[str] | None = None,
    also: Sequence[judge.Access] = (),
) -> Reads:
    """What the watch saw (and ``also``) that was not declared. A trace that cannot be read is itself a finding."""
    if watch.method == "none":
        return Reads("none")
    places = (
        (*covered, str(watch.scratch), tempfile.gettempdir())
        if watch.method == "audit"
        else (*covered, str(watch.scratch))
    )
    try:
        if watch.method == "strace":
            with watch.log.open(encoding="utf-8", errors="surrogateescape") as lines:
                seen = list(strace.accesses(lines, root))
        else:
            seen = list(audit.accesses(watch.log))
    except (OSError, ValueError) as error:
        return Reads(watch.method, (f"the trace cannot be read: {error}",))
    wanted = programs if watch.method == "strace" else None
    found = judge.undeclared([*also, *seen], root=root, inputs=inputs, outputs=outputs, covered=places, programs=wanted)
    return Reads(watch.method, found)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: exit code (128 + signal), wall milliseconds, what it wrote."""

    code: int
    duration_ms: int
    log: bytes


def run(command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> Ended:
    """Run to the end; an interrupt stops the whole group and is passed on."""
    began = time.monotonic()
    with Tee() as tee:
        child = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=tee.descriptor,
            stderr=tee.descriptor,
            start_new_session=True,
        )
        try:
            code = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
    return Ended(code if code >= 0 else 128 - code, int((time.monotonic() - began) * 1000), tee.log)
