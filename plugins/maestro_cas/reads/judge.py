"""Tell declared reads from undeclared ones.

Invariant: a read is undeclared unless its path is an input, an output, something the action wrote itself first, a
directory that the patterns enter, or below a prefix that the key covers. A failed look-up is a read, too: the action
depends on the file's absence.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maestro_cas.globs import NOTHING
from maestro_cas.scan import PRUNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from maestro_cas.globs import Globs

# The operating system; its version is the platform tag. What the tag does not tell apart is a stated limit.
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/run", "/var/lib")

# What changes by itself, or is no file: nothing there can be an input.
VOLATILE = ("/proc", "/sys", "/dev", "/run", "/var/run")

# What CPython's getpath looks for in the directories above its executable (Modules/getpath.py).
_LANDMARK = re.compile(r"python3\d+\.zip|pyvenv\.cfg|python3?\d*\._pth|pybuilddir\.txt")

# Where nox and Maestro keep their own state: nobody's input.
OWN = (".maestro", ".nox")

# What only a strict judgement counts: the witnesses hold all there is to know about it.
_WITNESSED = ("execute", "stat")

Kind = Literal["read", "stat", "write", "update", "move", "absent", "directory", "listing", "execute", "through"]


@dataclass(frozen=True, slots=True)
class Access:
    """One look at a file: absolute, normalised path.

    ``stat`` asks about it without opening it, ``update`` reads and writes, ``move`` goes from ``path`` to ``to``, and
    ``through`` is the name, links and all, by which a file was reached that another access tells.
    """

    path: str
    kind: Kind
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an action declared, and what its key speaks for besides.

    Attributes:
        root: the project, absolute.
        inputs: declared inputs.
        outputs: declared outputs.
        caches: notes of tools, which change no result.
        covered: prefixes that the key speaks for besides ``SYSTEM``: interpreter, environment.
        beside: prefixes around programs that the key does not speak for: no finding, and witnessed on every machine.
        private: prefixes that belong to the run itself and are gone or made again on a hit.
        programs: executables the key names; ``None`` if there is no way to name them.
        strict: whether a program that is not among them, and a file that was asked about only, count as undeclared;
            without it they are witnesses only.
        absences: the same of files that were looked for in vain.
    """

    root: str
    inputs: Globs
    outputs: Globs
    caches: Globs = NOTHING
    covered: Sequence[str] = ()
    beside: Sequence[str] = ()
    private: Sequence[str] = ()
    programs: Sequence[str] | None = None
    strict: bool = False
    absences: bool = True

    @property
    def known(self) -> tuple[str, ...]:
        """Prefixes below which nothing is a finding, besides ``SYSTEM``."""
        return (*self.covered, *self.beside, *self.private)

    def declares(self, below: str) -> bool:
        """Whether a path below the root is an input, an output or a tool's notes."""
        return self.inputs.matches(below) or self.outputs.matches(below) or self.caches.matches(below)

    def leads_to_outputs(self, below: str) -> bool:
        """Whether a path below the root is a directory above declared outputs."""
        return any(start.startswith(f"{below}/") for globs in (self.outputs, self.caches) for start, _ in globs.starts)


def git_elsewhere(scope: Scope) -> tuple[str, ...]:
    """Where a linked work tree keeps what stands below ``.git`` in others, if ``.git`` is declared as a tool's notes.

    See gitrepository-layout(5): ``.git`` is a file then that names a directory, whose ``commondir`` names another.
    """
    if not scope.caches.matches(".git/HEAD"):
        return ()
    try:
        with open(f"{scope.root}/.git", encoding="utf-8") as stream:
            own = absolute(stream.read().removeprefix("gitdir:").strip(), scope.root)
        with open(f"{own}/commondir", encoding="utf-8") as stream:
            return own, absolute(stream.read().strip(), own)
    except (OSError, UnicodeDecodeError):  # a plain repository, or none
        return ()


def prefixes(places: Iterable[str]) -> tuple[str, ...]:
    """Directories as texts that what is in them begins with."""
    return tuple(f"{place.rstrip('/')}/" for place in places if place.strip("/"))


class Writes:
    """What the action wrote itself, kept up to date by :meth:`follow`, in the order of the accesses."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def follow(self, access: Access) -> bool:
        """Take the access in; whether it is a look at something the action had not made itself."""
        path = access.path
        if access.kind in ("write", "through"):
            self.paths |= {path} if access.kind == "write" else set()
            return False
        own = path in self.paths
        if access.kind == "update":
            self.paths.add(path)
        if access.kind == "move":
            moved = [w for w in self.paths if w.startswith(f"{path}/")]
            own = own or bool(moved)
            self.paths |= {access.to, *(access.to + w[len(path) :] for w in moved)}
        return not own


def undeclared(accesses: Iterable[Access], scope: Scope) -> tuple[str, ...]:
    """The undeclared reads, and the undeclared files left behind, sorted, each once.

    Paths below the root are relative. ``(absent)`` says that a file was looked for in vain, ``(program)`` that one was
    started, ``(written)`` that a file outside the declared outputs was left, which no hit would bring back.
    """
    writes, found = Writes(), set()
    outside = prefixes((*SYSTEM, *scope.known))
    inside = tuple(p for p in outside if p.startswith(f"{scope.root}/"))
    for access in accesses:
        if not writes.follow(access) or (access.kind in _WITNESSED and not scope.strict):
            continue
        if (access.kind == "execute" and scope.programs is None) or (access.kind == "absent" and not scope.absences):
            continue
        path, slashed = access.path, f"{access.path}/"
        if access.kind == "execute" and not slashed.startswith(prefixes((*scope.covered, *scope.beside))):
            if path not in (scope.programs or ()):
                found.add(f"{path} (program)")
        elif slashed.startswith(f"{scope.root}/"):
            below = path[len(scope.root) + 1 :]
            if not slashed.startswith(inside) and not _declared(scope, below, access.kind):
                found.add(f"{below} (absent)" if access.kind == "absent" else below)
        elif not slashed.startswith(outside) and not _way(access, (scope.root, *scope.known)):
            found.add(f"{path} (absent)" if access.kind == "absent" else path)
    found |= {f"{path} (written)" for path in left_behind(writes.paths, scope)}
    return tuple(sorted(found))


def left_behind(written: Iterable[str], scope: Scope) -> Iterator[str]:
    """The files that were written outside the declared outputs and are still there; those below the root relative."""
    apart = prefixes((*VOLATILE, *scope.known))
    for path in written:
        slashed = f"{path}/"
        if slashed.startswith(apart) or not os.path.lexists(path) or _directory(path):
            continue
        if not slashed.startswith(f"{scope.root}/"):
            yield path
            continue
        below = path[len(scope.root) + 1 :]
        apart_from_key = not scope.outputs.matches(below) and not scope.caches.matches(below)
        if apart_from_key and not PRUNED.intersection(below.split("/")):
            yield below


def _directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _declared(scope: Scope, below: str, kind: Kind) -> bool:
    parts = below.split("/")
    if not below or "__pycache__" in parts or parts[0] in OWN or scope.declares(below):
        return True
    if below == ".git" and kind in ("directory", "listing"):  # where the project begins; a witness
        return True
    # A directory on the way to declared files; what else it holds shows when it is read.
    on_the_way = any(globs.enters(below) for globs in (scope.inputs, scope.outputs, scope.caches))
    return kind != "absent" and on_the_way and os.path.isdir(f"{scope.root}/{below}")


def _way(access: Access, places: Sequence[str]) -> bool:
    """Whether it is a directory on the way to one of ``places``, or an interpreter finding out where it stands."""
    path = access.path
    if access.kind == "absent" and _LANDMARK.fullmatch(os.path.basename(path)):
        return True
    return any(place.startswith(f"{path.rstrip('/')}/") or place == path for place in places)


def absolute(path: str, directory: str) -> str:
    """A path as the kernel would start to resolve it; links are left alone."""
    return os.path.normpath(os.path.join(directory, path))
