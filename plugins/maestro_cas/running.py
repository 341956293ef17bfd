"""Run one command in an environment that holds only what the key knows, watching what it reads.

Invariant: the child sees the variables built here and no others, so an undeclared variable cannot shape a result.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro_cas.key import file_digest
from maestro_cas.tee import Tee
from maestro_hooks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
FIXED = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": "315619200",  # 1980-01-02, the first day that zip files can hold in every time zone
    "PYTHONHASHSEED": "0",
}
NONE: Mapping[str, str] = MappingProxyType({})


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


def homes(programs: Sequence[Program], root: str) -> tuple[list[str], list[str]]:
    """Prefixes around programs: those that the key speaks for, and those that it does not.

    A compiled program's digest speaks for its home, and the first program's virtual environment is known by its
    distributions. A script may start whatever stands beside it, as a version manager's shim does, and an
    environment's base interpreter is named nowhere. Neither kind holds the project or the root of the file system.
    """
    covered: list[str] = []
    beside: list[str] = []
    for program in programs:
        real = os.path.realpath(program.path)
        for path in dict.fromkeys((program.path, real)):
            home = os.path.dirname(os.path.dirname(path))
            environment = os.path.isfile(f"{home}/pyvenv.cfg")
            known = program is programs[0] if environment else not _is_script(real)
            (covered if known else beside).append(home)
            if environment:
                beside.append(os.path.dirname(os.path.dirname(os.path.realpath(f"{home}/bin/python"))))
    apart = [p for p in dict.fromkeys(beside) if p not in covered and not f"{p}/".startswith(f"{root}/")]
    return _proper(dict.fromkeys(covered), root), _proper(apart, root)


def _is_script(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.read(2) == b"#!"


def _proper(places: Iterable[str], root: str) -> list[str]:
    return [p for p in places if p not in ("/", "") and not f"{root}/".startswith(f"{p}/")]


def clean_environment(
    declared: Sequence[str], *, programs: Sequence[Program], home: Path, extra: Mapping[str, str] = NONE
) -> dict[str, str]:
    """The child's whole environment: declared variables as they are, and fixed values for what programs need.

    ``PATH`` leads to the programs named and to the system's own; ``extra`` is what the watch needs.
    """
    places = dict.fromkeys(os.path.dirname(p.path) for p in programs)
    fixed = {**FIXED, "PATH": ":".join((*places, DEFAULT_PATH)), "HOME": str(home), "TMPDIR": str(home)}
    env = {**fixed, **{name: os.environ[name] for name in declared if name in os.environ}, **extra}
    if "PYTHONPATH" in extra and "PYTHONPATH" in declared and os.environ.get("PYTHONPATH"):
        env["PYTHONPATH"] = f"{extra['PYTHONPATH']}{os.pathsep}{os.environ['PYTHONPATH']}"
    return env


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
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    return Ended(code if code >= 0 else 128 - code, int((time.monotonic() - began) * 1000), tee.log)
