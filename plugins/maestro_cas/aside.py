"""Outputs of before, moved out of the way of a run, and put back if it fails.

Invariant: whatever happens to the run or to this process, an output of before is replaced by a newer one, or comes
back; while the run lasts, nothing old stands in a declared output.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from maestro_cas.locks import alive
from maestro_cas.scan import walk
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from maestro_cas.globs import Globs


class Aside:
    """The outputs of before: deleted when the run succeeds, put back where it made nothing.

    Without this an old file below an output directory would be an input nobody declared, and would be stored. A
    directory that neither a run nor a hit made stands there for the run as well, but empty: the command counts on it.

    Raises:
        ToolError: they cannot be moved; they stand as before then.
    """

    def __init__(self, root: str, globs: Globs) -> None:
        self._root = root
        self._place = f"{root}/.maestro/aside/{os.getpid()}-{os.urandom(4).hex()}"
        self._kept: list[str] = []
        _recover(root)
        self._absent = absent_outputs(root, globs)
        made = made_by_actions(root)
        try:
            for path in sorted(_units(root, globs)):
                self._move(path, keep=path not in made)
        except OSError as error:
            self.put_back()
            raise ToolError(
                f"cannot move an output of before away: {error.strerror}",
                where=str(error.filename),
                fix="free space, mend permissions, or delete it",
            ) from error

    def discard(self) -> None:
        """The run succeeded: its outputs stand."""
        self._drop_empty()
        note_made(self._root, self._absent)
        shutil.rmtree(self._place, ignore_errors=True)

    def put_back(self) -> None:
        """The run failed: what it did not make again is as before."""
        self._drop_empty()
        _put_back(self._root, self._place)

    def _move(self, path: str, *, keep: bool) -> None:
        source, target = f"{self._root}/{path}", f"{self._place}/{path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        directory = os.path.isdir(source) and not os.path.islink(source)
        os.replace(source, target)
        if directory and keep:
            os.mkdir(source)
            shutil.copymode(target, source)
            self._kept.append(path)

    def _drop_empty(self) -> None:
        """Directories kept for the command that it did not use are none that it made."""
        for path in self._kept:
            with suppress(OSError):
                os.rmdir(f"{self._root}/{path}")


def absent_outputs(root: str, globs: Globs) -> list[str]:
    """The places of outputs named without a wildcard at which nothing stands yet."""
    return [path for path in _literal(globs) if not os.path.lexists(f"{root}/{path}")]


def note_made(root: str, places: list[str]) -> None:
    """Remember which of these a run or a hit made: the user did not, so nothing needs to find them there."""
    made = [path for path in places if os.path.lexists(f"{root}/{path}")]
    with suppress(OSError):
        if made and not set(made) <= made_by_actions(root):
            os.makedirs(f"{root}/.maestro/aside", exist_ok=True)
            with open(f"{root}/.maestro/aside/made", "a", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write("".join(f"{path}\n" for path in made))


def made_by_actions(root: str) -> set[str]:
    """The outputs that a run or a hit, of any action of this project, put where nothing stood."""
    try:
        with open(f"{root}/.maestro/aside/made", encoding="utf-8", errors="surrogateescape") as stream:
            return set(stream.read().splitlines())
    except OSError:
        return set()


def _recover(root: str) -> None:
    """Put back what a process that died in its run had moved away, where nothing stands in its place."""
    base = f"{root}/.maestro/aside"
    for name in os.listdir(base) if os.path.isdir(base) else ():
        owner = name.split("-")[0]
        if owner.isdigit() and not alive(int(owner)):
            _put_back(root, f"{base}/{name}")


def _put_back(root: str, place: str) -> None:
    """Everything below ``place`` that has no successor below ``root`` goes there; empty directories, too."""
    for folder, directories, files in os.walk(place):
        above = os.path.relpath(folder, place)
        for name in [*files, *(d for d in directories if os.path.islink(f"{folder}/{d}"))]:
            target = os.path.normpath(f"{root}/{above}/{name}")
            if not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(f"{folder}/{name}", target)
        if not files and not directories:
            os.makedirs(os.path.normpath(f"{root}/{above}"), exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)


def _literal(globs: Globs) -> list[str]:
    """Patterns without wildcard and without exclusions: what is a directory there is an output as a whole."""
    starts = {start for start, _ in globs.starts}
    return [p.rstrip("/") for p in globs.patterns if globs.refuse is None and p.rstrip("/") in starts]


def _units(root: str, globs: Globs) -> set[str]:
    """What to move: a directory that is an output as a whole, else file by file."""
    units = {path for path in _literal(globs) if os.path.lexists(f"{root}/{path}")}
    walked = walk(root, globs, prune=False)
    return units | {p for p in walked.paths if not any(p == u or p.startswith(f"{u}/") for u in units)}
