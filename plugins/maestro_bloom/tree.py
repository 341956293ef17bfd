"""The project's files by content, as git knows them, with what is changed or new hashed from disk.

Invariant: equal identifiers mean equal content. A clean tracked file has the blob id of git's index; everything else
is hashed the way git would, so a change and its commit are the same version.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from maestro_bloom.keys import ABSENT, digest_of
from maestro_bloom.originals import stat as asked
from maestro_hooks.project.listing import read_listing
from maestro_hooks.project.repository import path_text

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.project.listing import Listing

# Derived from the tree or written by tools at any time; never an input a change could be in.
DERIVED = frozenset(
    {
        *(".git", ".hg", ".svn", ".maestro", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"),
        *(".hypothesis", ".tox", ".nox", "node_modules", "site-packages", "dist-packages", ".venv", "venv"),
    }
)


@dataclass(frozen=True)
class Tree:
    """Content identifiers of every tracked or unignored file that exists, by path below ``root``.

    Python sources that git ignores are among them if they lie beside listed ones, for an import finds them there.
    """

    root: Path
    contents: dict[str, str]
    links: frozenset[str] = frozenset()
    compiled: frozenset[str] = frozenset()
    """Extension modules beside listed sources; their content is read when asked for."""
    programs: frozenset[str] = frozenset()
    """Files that may be executed."""
    _disk: dict[str, str] = field(default_factory=dict, repr=False)
    _kinds: dict[str, str] = field(default_factory=dict, repr=False)
    _files: dict[str, str] = field(default_factory=dict, repr=False)

    def content(self, path: str) -> str:
        """The content identifier of any path below the root, listed or not; ``absent`` if it is no file."""
        known = self.contents.get(path)
        if known is not None and path not in self.links:
            return known
        if path not in self._disk:
            self._disk[path] = on_disk(self.root / path)
        return self._disk[path]

    def file(self, path: str) -> str:
        """The content identifier and the size on disk: git may check out other bytes than it keeps (line ends, LFS)."""
        found = self._files.get(path)
        if found is None:
            found = self.content(path)
            with suppress(OSError):
                found = found if found == ABSENT else f"{found} {asked(self.root / path).st_size}"
            self._files[path] = found
        return found

    def kind(self, path: str) -> str:
        """``file``, ``program``, ``dir`` or ``absent``: what stands at any path below the root; of a link, where to."""
        if path in self.contents and path not in self.links:
            return "program" if path in self.programs else "file"
        if path in self._children:
            return "dir"
        if path not in self._kinds:
            self._kinds[path] = _kind_on_disk(self.root / path)
        return self._kinds[path]

    def python(self) -> dict[str, str]:
        """The Python sources among the listed files."""
        return {path: blob for path, blob in self.contents.items() if path.endswith(".py")}

    @cached_property
    def _children(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path in self.contents:
            child = path
            while child:
                parent, _, name = child.rpartition("/")
                if name in found.setdefault(parent, set()):
                    break
                found[parent].add(name)
                child = parent
        return found

    def listing(self, directory: str) -> str:
        """Hash of the sorted names in a directory; those git lists, or what is on disk where git lists none."""
        names = self._children.get(directory)
        if names is None:
            try:
                with os.scandir(self.root / directory) as entries:
                    names = {e.name + "/" * e.is_dir() for e in entries if e.name not in DERIVED}
            except OSError:
                return ABSENT
        else:
            start = f"{directory}/" if directory else ""
            names = {name + "/" * (start + name in self._children) for name in names}
        return digest_of("\0".join(sorted(names)).encode("utf-8", "surrogatepass"))

    @cached_property
    def digest(self) -> str:
        """One digest over all listed files."""
        text = "\n".join(f"{path}\0{blob}" for path, blob in sorted(self.contents.items()))
        return digest_of(text.encode("utf-8", "surrogatepass"))


def read_tree(root: Path, listing: Listing | None = None) -> Tree:
    """The tree in the work directory (as just listed, or anew), with its submodules. Raises ``ToolError``."""
    found = _Listing(root)
    found.read(listing or read_listing(root))
    compiled = _beside(root, found.contents)
    return Tree(root, found.contents, frozenset(found.links), compiled, frozenset(found.programs))


class _Listing:
    """What git lists below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.contents: dict[str, str] = {}
        self.links: set[str] = set()
        self.programs: set[str] = set()

    def read(self, listing: Listing) -> None:
        """Git's index, then what differs from it on disk, then the submodules."""
        modules: list[str] = []
        for entry in listing.entries:
            path = path_text(entry.path)
            self._put(path, entry.blob.decode(), link=entry.mode == b"120000", program=entry.mode == b"100755")
            if entry.mode == b"160000":
                modules.append(path)
        for raw in (*listing.dirty, *listing.unsure):
            if not derived(path := path_text(raw)):
                place = self._root / os.fsdecode(raw)
                self._put(path, on_disk(place), link=place.is_symlink(), program=os.access(place, os.X_OK))
        for path in modules:
            self._submodule(path)

    def _put(self, path: str, blob: str, *, link: bool, program: bool) -> None:
        for members, holds in ((self.links, link), (self.programs, program)):
            (members.add if holds else members.discard)(path)
        self.contents[path] = blob
        if blob == ABSENT:
            del self.contents[path]

    def _submodule(self, path: str) -> None:
        if (self._root / path / ".git").exists():
            inner = _Listing(self._root / path)
            inner.read(read_listing(self._root / path))
            self.contents.pop(path, None)
            self.contents |= {f"{path}/{name}": blob for name, blob in inner.contents.items()}
            self.links |= {f"{path}/{name}" for name in inner.links}
            self.programs |= {f"{path}/{name}" for name in inner.programs}


def _beside(root: Path, contents: dict[str, str]) -> frozenset[str]:
    """Add the ignored sources an import could find beside listed ones; the compiled modules found there."""
    compiled = set()
    for directory in {"", *(path.rpartition("/")[0] for path in contents if path.endswith(".py"))}:
        try:
            entries = list(os.scandir(root / directory))
        except OSError:
            continue
        for entry in entries:
            name = path_text(os.fsencode(entry.name))
            path = f"{directory}/{name}" if directory else name
            if entry.name.endswith((".so", ".pyd")):
                compiled.add(path)
            elif entry.name.isidentifier() and entry.name not in DERIVED and f"{path}/__init__.py" not in contents:
                path += "/__init__.py"
            elif not entry.name.endswith(".py") or path in contents:
                continue
            found = ABSENT if path in compiled else on_disk(root / path)
            if found != ABSENT:
                contents[path] = found
    return frozenset(compiled)


def derived(path: str) -> bool:
    """Whether a path lies in a directory of caches or of installed code."""
    return not DERIVED.isdisjoint(path.split("/"))


def _kind_on_disk(place: Path) -> str:
    program = place.is_file() and os.access(place, os.X_OK)
    kind = "dir" if place.is_dir() else "program" if program else "file" if place.exists() else ABSENT
    try:
        return f"link {os.readlink(place)}: {kind}"  # noqa: PTH115 - text out
    except OSError:
        return kind


def on_disk(place: Path) -> str:
    """The blob id of what stands there (links followed), or ``absent``."""
    try:
        data = place.read_bytes()
    except OSError:
        return ABSENT
    return blob_id(data)


def blob_id(data: bytes) -> str:
    """Git's SHA-1 object id of a blob: an identity of content, not a protection."""
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()
