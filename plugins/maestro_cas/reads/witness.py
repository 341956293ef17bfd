"""What a run looked at besides its declared inputs, and whether all of it still stands as the run left it.

Theorem: if an action is a function of its key and of what was seen here, then a record whose witnesses hold is what a
run would make now. What a watch cannot see stays outside; the record names the watch.

A witness is one line, ``SCOPE KIND NUMBER DIGEST PATH``. Scope ``p`` (portable) is compared on every machine; ``s``
(system: interpreter, libraries, /usr) on the machine that ran it, as between machines the platform tag speaks for it.
Kinds: ``f`` and ``x`` a file (size, SHA-256), ``t`` one that was asked about only (its size), ``l`` a link, ``d`` a
directory, ``n`` the names in one, ``a`` nothing there, ``u`` something that cannot be read, ``e`` a variable that code
of the noxfile read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_cas.aside import made_by_actions
from maestro_cas.key import environment
from maestro_cas.reads.judge import OWN, SYSTEM, VOLATILE, Writes, left_behind, prefixes
from maestro_cas.scan import PRUNED, Walked, digest_all
from maestro_hooks.errors import EvidenceError, MaestroError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maestro_cas.reads.judge import Access, Scope
    from maestro_cas.stat_cache import StatCache

# Their names change all the time; files in them are witnesses. Nothing is written there.
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - compared, never opened  # nosec B108

_WEIGHT = {"state": 0, "env": 1, "type": 2, "names": 3}  # what explains most comes first


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """What to look at again: scope ``p`` or ``s``; ``what`` is ``state``, ``type``, ``names`` or ``env``."""

    scope: str
    what: str
    path: str


def wanted(accesses: Iterable[Access], scope: Scope, *, variables: Iterable[str] = ()) -> tuple[list[Wanted], set[str]]:
    """What is to be witnessed of these accesses, and the files among it that the action wrote itself."""
    writes, found = Writes(), {Wanted("p", "env", name) for name in variables}
    followed: dict[str, tuple[str, tuple[str, ...]]] = {}
    for access in accesses:
        path = access.path
        if access.kind in ("read", "stat", "execute", "through"):
            if path not in followed:
                followed[path] = _followed(path)
            path, links = followed[path]
            places = [place for link in links if (place := _place(link, "state", scope)) is not None]
            found |= {Wanted(side, "state", link) for side, link in places}
        if not writes.follow(access) or path in writes.paths:
            continue
        what = {"listing": "names", "stat": "type"}.get(access.kind, "state")
        place = _place(path, what, scope)
        if place is not None:
            portable = access.kind == "execute" and not f"{path}/".startswith(prefixes(scope.covered))
            found.add(Wanted("p" if portable else place[0], what, place[1]))
    found -= {replace(one, what="type") for one in found if one.what == "state"}
    own = set(left_behind(writes.paths, scope))
    return sorted(found | {Wanted("p", "state", path) for path in own}), own


def _followed(path: str) -> tuple[str, tuple[str, ...]]:
    """Where a path leads, and the links on the way: one that is turned elsewhere must not go unnoticed."""
    links: list[str] = []
    while len(links) < 40:  # as the kernel
        parts = path.split("/")
        link = next((p for i in range(2, len(parts) + 1) if os.path.islink(p := "/".join(parts[:i]))), None)
        if link is None:
            break
        links.append(link)
        path = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)) + path[len(link) :])
    return path, tuple(links)


def _place(path: str, what: str, scope: Scope) -> tuple[str, str] | None:
    """The scope of a path and how it is written down; ``None`` if it needs no witness."""
    slashed = f"{path}/"
    if slashed.startswith(prefixes((*VOLATILE, *scope.private))) or "__pycache__" in slashed:
        return None
    if slashed.startswith(f"{scope.root}/"):
        below = path[len(scope.root) + 1 :]
        if below.split("/")[0] in OWN or (what != "names" and (not below or scope.declares(below))):
            return None
        covered = slashed.startswith(tuple(p for p in prefixes(scope.covered) if p.startswith(f"{scope.root}/")))
        return ("s" if covered else "p"), below or "."
    if what == "names" and path in _TEMPORARY:
        return None
    return ("s" if slashed.startswith(prefixes((*SYSTEM, *scope.covered))) else "p"), path


def snapshot(asked: Iterable[Wanted], scope: Scope, cache: StatCache, environ: Mapping[str, str]) -> dict[Wanted, str]:
    """How each stands now, as ``KIND NUMBER DIGEST``."""
    stands: dict[Wanted, str] = {}
    files: dict[Wanted, os.stat_result] = {}
    variables = environment((w.path for w in asked if w.what == "env"), environ)
    for one in asked:
        if one.what == "env":
            stands[one] = f"e 0 {variables[one.path].removeprefix('sha256:')}"
            continue
        place = os.path.join(scope.root, one.path)
        if one.what == "names":
            stands[one] = _names(place, one.path, scope)
            continue
        try:
            numbers = os.lstat(place)
        except OSError as error:
            stands[one] = "a 0 -" if isinstance(error, FileNotFoundError | NotADirectoryError) else "u 0 -"
            continue
        if one.what == "type" and stat.S_ISREG(numbers.st_mode):
            stands[one] = f"t {numbers.st_size} -"
        elif stat.S_ISREG(numbers.st_mode) and os.access(place, os.R_OK):
            files[one] = numbers
        else:
            stands[one] = _other(place, numbers.st_mode)
    return {**stands, **_digests(files, scope, cache)}


def _digests(files: Mapping[Wanted, os.stat_result], scope: Scope, cache: StatCache) -> dict[Wanted, str]:
    numbers: list[int] = []
    for st in files.values():
        numbers += (st.st_mode, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_dev)
    walked = Walked([os.path.join(scope.root, one.path).lstrip("/") for one in files], numbers)
    listed = digest_all("", walked, cache)
    return {one: "{} {} {}".format(*listed[path]) for one, path in zip(files, walked.paths, strict=True)}


def _names(place: str, written: str, scope: Scope) -> str:
    """The names in a directory that neither the key nor the convention for private files (a dot) speaks for.

    What leads to outputs is there after a run and may be gone before the next: a hit brings it back. The outputs of
    the project's other actions come and go as well; whoever reads them has them as witnesses of their own.
    """
    try:
        names = os.listdir(place)
    except OSError:
        return "a 0 -"
    base = "" if written == "." else f"{written}/"
    inside = not written.startswith("/")
    kept = [name for name in names if name not in PRUNED and not name.startswith(".")]
    if inside:
        kept = [n for n in kept if not scope.declares(base + n) and not scope.leads_to_outputs(base + n)]
        made = made_by_actions(scope.root)
        kept = [n for n in kept if not any(m == base + n or m.startswith(f"{base}{n}/") for m in made)]
    return f"n {len(kept)} {hashlib.sha256(os.fsencode(chr(0).join(sorted(kept)))).hexdigest()}"


def _other(place: str, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"l 0 {hashlib.sha256(os.fsencode(os.readlink(place))).hexdigest()}"
    return "d 0 -" if stat.S_ISDIR(mode) else "u 0 -"


def write(stands: Mapping[Wanted, str]) -> bytes:
    """The lines, sorted. Raises ``EvidenceError`` for a path that is no line."""
    broken = next((one for one in stands if "\n" in one.path), None)
    if broken is not None:
        raise EvidenceError("the action read a file whose name holds a line break", where=repr(broken.path))
    lines = sorted(os.fsencode(f"{one.scope} {state} {one.path}") for one, state in stands.items())
    return b"".join(line + b"\n" for line in lines)


def parse(lines: bytes) -> dict[Wanted, str]:
    """The inverse of ``write``. Raises ``EvidenceError``."""
    found = {}
    for line in lines.splitlines():
        parts = os.fsdecode(line).split(" ", 4)
        if len(parts) != 5 or parts[0] not in ("p", "s"):
            raise EvidenceError("is no witness", where=repr(line)[:80])
        what = {"n": "names", "e": "env", "t": "type"}.get(parts[1], "state")
        found[Wanted(parts[0], what, parts[4])] = " ".join(parts[1:4])
    return found


def changes(lines: bytes, scope: Scope, cache: StatCache, *, system: bool) -> list[str]:
    """What does not stand as it did, in words; empty if the record may be used. ``system`` compares all scopes."""
    try:
        before = {one: state for one, state in parse(lines).items() if system or one.scope == "p"}
        now = snapshot(before, scope, cache, os.environ)
    except MaestroError as error:
        return [f"what it read besides its inputs cannot be checked: {error}"]
    differing = sorted((one for one in before if before[one] != now[one]), key=lambda one: (_WEIGHT[one.what], one))
    return [_told(one, before[one], now[one]) for one in differing]


def _told(one: Wanted, before: str, now: str) -> str:
    if one.what == "env":
        return f"the variable {one.path}, which the noxfile reads, has another value"
    if one.what == "names":
        return f"the undeclared names in the directory {one.path} changed"
    if before[0] == "a":
        return f"{one.path} is there now; the run looked for it and did not find it"
    kind = "the system file" if one.scope == "s" else "the undeclared file"
    return f"{kind} {one.path} is gone" if now[0] == "a" else f"{kind} {one.path} changed"
