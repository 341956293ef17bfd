"""Watch all children, native ones too, by ``strace --seccomp-bpf``: opens, look-ups of names, and programs started.

Invariant: a line that cannot be understood is counted, and a trace with such lines is no proof: the caller must treat
it as an undeclared read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_cas.reads.judge import Access, absolute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_cas.reads.judge import Kind

_CALLS = (
    "open,openat,openat2,creat,execve,execveat,readlink,readlinkat,stat,lstat,newfstatat,statx,access,faccessat,"
    "faccessat2,chdir,fchdir,getdents64,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat"
)
_MAKING = (
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "creat"
)  # fmt: skip
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(.*)", re.DOTALL)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_AT = re.compile(r"(?:AT_FDCWD|\d+)<((?:[^<>\\]|\\.)*)>")
_RESULT = re.compile(r"\) += (-?\d+|\?)(?:<((?:[^<>\\]|\\.)*)>)?(?: (\w+))?")
_SILENT = re.compile(r"\d+ +(?:\+\+\+|---)")


@cache
def available() -> bool:
    """Whether strace is installed, knows seccomp filters, and may trace here."""
    if shutil.which("strace") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="maestro-strace-") as scratch:
        log = Path(scratch) / "log"
        done = subprocess.run([*command(log), "true"], capture_output=True, timeout=20, check=False)
        return done.returncode == 0 and log.exists() and b"execve" in log.read_bytes()


def command(log: Path) -> list[str]:
    """The words to put before a command so that its trace goes to ``log``."""
    return [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-A",  # one log for all commands of a session
        "-o",
        str(log),
        "-e",
        f"trace={_CALLS}",
        "-e",
        "signal=none",
        "--",
    ]


def accesses(lines: Iterable[str], directory: str) -> Iterator[Access]:
    """What a trace shows, in order. ``directory`` is where the first process began.

    Raises:
        ValueError: a line cannot be understood.
    """
    pending: dict[str, str] = {}
    places: dict[str, str] = {}
    for raw in lines:
        line = raw.rstrip("\n")
        if not line or _SILENT.match(line):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(line[:200])
        process, call, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            pending[process] = rest.removesuffix("<unfinished ...>")
            continue
        if rest.startswith(" resumed>"):
            rest = pending.pop(process, "") + rest.removeprefix(" resumed>")
        yield from _call(call, rest, process, places, directory)


def _call(call: str, rest: str, process: str, places: dict[str, str], directory: str) -> Iterator[Access]:
    result = _RESULT.search(rest)
    if result is None:
        raise ValueError(f"{call}{rest}"[:200])
    code, landed, error = result.groups()
    base = _AT.search(rest[: rest.find('"')] if '"' in rest else rest)
    here = _decode(base[1]) if base else places.get(process, directory)
    if rest.lstrip("(").startswith("AT_FDCWD"):
        places[process] = here
    texts = [absolute(_decode(t), here) for t in _TEXT.findall(rest[: result.start()])]
    if call == "getdents64" and base:
        yield Access(here, "listing")
    elif call == "fchdir" and base and code == "0":
        places[process] = here
    elif call == "chdir" and texts and code == "0":
        places[process] = texts[0]
    elif texts and code != "?":
        yield from _look(call, rest, texts, landed=landed, error=error)


def _look(call: str, rest: str, texts: list[str], *, landed: str | None, error: str | None) -> Iterator[Access]:
    path = texts[0]
    if call in _MAKING:
        yield from _made(call, path, texts[-1]) if error is None else ()
    elif error in ("ENOENT", "ENOTDIR"):
        yield Access(path, "absent")
    elif call.startswith("execve"):
        if error is None:
            yield Access(os.path.realpath(path), "execute")
    elif call.startswith("open"):
        reached = _decode(landed) if landed and error is None else path
        yield from [Access(path, "through")] if reached != path else ()
        yield Access(reached, _opened(rest) if error is None else "read")
    elif '""' not in rest[: rest.find(",") + 4]:
        # A look at the name alone; what exists is told from a directory by the mode strace prints.
        yield Access(path, "directory" if "S_IFDIR" in rest or call in ("readlink", "readlinkat") else "stat")


def _made(call: str, path: str, target: str) -> Iterator[Access]:
    if call.startswith("rename"):
        yield Access(path, "move", target)
    elif call.startswith("link"):
        yield Access(path, "read")
    yield Access(target, "write")


def _opened(rest: str) -> Kind:
    creating = "O_CREAT" in rest
    if "O_WRONLY" in rest or "O_TRUNC" in rest or (creating and ("O_EXCL" in rest or "O_RDWR" in rest)):
        return "write"
    if "O_RDWR" in rest:
        return "update"
    return "directory" if "O_DIRECTORY" in rest else "read"


def _decode(text: str) -> str:
    if "\\" not in text:
        return text
    return os.fsdecode(text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1"))
