"""The project's files by content, as git knows them, with what is changed or new hashed from disk.

Invariant: equal identifiers mean equal content. A clean tracked file has the blob id of git's index; everything else
is hashed the way git would, so a change and its commit are the same version.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from maestro_bloom.keys import ABSENT, digest_of
from maestro_hooks.project.listing import read_listing
from maestro_hooks.project.repository import path_text

if TYPE_CHECKING:
    from pathlib import Path

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
    _disk: dict[str, str] = field(default_factory=dict, repr=False)
    _kinds: dict[str, str] = field(default_factory=dict, repr=False)

    def content(self, path: str) -> str:
        """The content identifier of any path below the root, listed or not; ``absent`` if it is no file."""
        known = self.contents.get(path)
        if known is not None and path not in self.links:
            return known
        if path not in self._disk:
            self._disk[path] = on_disk(self.root / path)
        return self._disk[path]

    def kind(self, path: str) -> str:
        """``file``, ``dir`` or ``absent``: what stands at any path below the root."""
        if path in self.contents and path not in self.links:
            return "file"
        if path in self._children:
            return "dir"
        if path not in self._kinds:
            place = self.root / path
            self._kinds[path] = "dir" if place.is_dir() else "file" if place.exists() else ABSENT
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
                names = {name for name in os.listdir(self.root / directory) if name not in DERIVED}  # noqa: PTH208
            except OSError:
                return ABSENT
        return digest_of("\0".join(sorted(names)).encode("utf-8", "surrogatepass"))

    @cached_property
    def digest(self) -> str:
        """One digest over all listed files."""
        text = "\n".join(f"{path}\0{blob}" for path, blob in sorted(self.contents.items()))
        return digest_of(text.encode("utf-8", "surrogatepass"))


def read_tree(root: Path) -> Tree:
    """The tree in the work directory. Raises ``ToolError`` if git cannot say."""
    contents: dict[str, str] = {}
    links = set()
    listing = read_listing(root)
    for entry in listing.entries:
        path = path_text(entry.path)
        contents[path] = entry.blob.decode()
        if entry.mode == b"120000":
            links.add(path)
    for raw in listing.dirty:
        if not derived(path := path_text(raw)):
            found = on_disk(root / os.fsdecode(raw))
            if found == ABSENT:
                contents.pop(path, None)
            else:
                contents[path] = found
    return Tree(root, contents, frozenset(links), _beside(root, contents))


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
