"""``maestro check`` on files that belong to no repository, or not to this one: checked like any, recorded nowhere.

Invariant: nothing is written beside the files (with ``--fix``, the files themselves); what the gates say goes to the
output only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.host import Host
from maestro_hooks.pipeline.checking import CheckJob, run_checks
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.project.repository import Repository
from maestro_hooks.requests import SourceFile
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.pipeline.gates import GateRun

SKIPPED = frozenset((".git", ".hg", ".maestro", "__pycache__", ".venv", "node_modules"))


class Nowhere:
    """A ledger that keeps nothing."""

    def inputs(self, inputs: Inputs) -> str:  # noqa: ARG002 - a sink's signature
        """Forget an inputs document."""
        return ""

    def append(self, record: Record, meta: Mapping[str, object] | None = None) -> None:
        """Forget a record."""


def is_loose(start: Path, paths: Sequence[str]) -> bool:
    """Whether paths were given and none of them lies in the repository around ``start``."""
    try:
        root = Repository.find(start).root.resolve()
    except UsageError:
        return bool(paths)
    return bool(paths) and not any(_resolved(text).is_relative_to(root) for text in paths)


def check_loose(
    paths: Sequence[str], *, only: Iterable[str] | None, fix: bool = False
) -> tuple[Path, tuple[GateRun, ...]]:
    """Run gates over files and directories outside any repository of ours: the directory they share, and the runs.

    Raises:
        UsageError: a path does not exist, or holds no file.
        ToolError: a file cannot be read.
    """
    places = sorted({place for text in paths for place in _files(text)})
    if not places:
        raise UsageError("no file there", where=paths[0], fix="give files, or directories that hold some")
    tops = [_resolved(text) for text in paths]
    root = Path(os.path.commonpath([str(top if top.is_dir() else top.parent) for top in tops]))
    files = tuple(_source(root, place) for place in places)
    sys.stderr.write(f"maestro: {root} is not in this repository: checked, recorded nowhere\n")
    found = find_plugins()
    host = Host.load(read_configuration(root, found), found)
    with tempfile.TemporaryDirectory(prefix="maestro-loose-") as scratch:
        whole = all(top.is_dir() for top in tops)
        job = CheckJob(root=root, files=files, whole=whole, fix=fix, keep=False)
        blobs = Blobs(Path(scratch))
        return root, run_checks(host, job, only=only, sink=Nowhere(), blobs=blobs, told=lambda _: None)


def _resolved(text: str) -> Path:
    # Unlike resolve(), realpath() leaves a link that leads round in a circle as it is: no file, and said so.
    return Path(os.path.realpath(Path.cwd() / text))


def _files(text: str) -> Iterator[Path]:
    place = _resolved(text)
    if place.is_file():
        yield place
        return
    if not place.is_dir():
        what = "neither a file nor a directory" if place.exists() else "no such file or directory"
        raise UsageError(what, where=text, fix="check the path")
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        yield from (p for p in (Path(folder, name) for name in files) if p.is_file() and not p.is_symlink())


def _source(root: Path, place: Path) -> SourceFile:
    try:
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError as error:
        raise ToolError(f"cannot read: {error.strerror}", where=str(place), fix="mend its permissions") from error
    return SourceFile(place.relative_to(root).as_posix(), place, digest)
