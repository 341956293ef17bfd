"""A project as git sees it: its root, its head, its files, and the id of the tree in the work directory.

Invariant: ``work_tree`` is a function of the content a checkout would have (tracked files as they are now, plus
untracked files git does not ignore), computed without touching the index or the object database.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.project.git import git
from maestro_hooks.project.listing import Listing, read_listing
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_OBJECT_ID = re.compile(rb"[0-9a-f]{40}([0-9a-f]{24})?")
# Bytecode caches appear while tests run; they are derived from the tree and never part of it.
_NOT_DERIVED = ("--", ".", ":(exclude,glob)**/__pycache__/**")


class Status(Value, frozen=True):
    """How the work directory differs from the last commit: paths by kind, and what is not covered."""

    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    submodules: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether the work directory is exactly the commit."""
        return not self.changed and not self.untracked


class Repository(Value, frozen=True):
    """A git work tree; make one with :meth:`find`."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> Repository:
        """The repository that holds ``start``. Raises ``UsageError`` outside one, or in a bare one."""
        return cls.find_at_head(start)[0]

    @classmethod
    def find_at_head(cls, start: Path) -> tuple[Repository, str]:
        """The repository and its :attr:`head`, by one call of git. Raises ``UsageError`` as :meth:`find`."""
        where = start if start.is_dir() else start.parent
        # With --revs-only a HEAD before the first commit is nothing, and not an error.
        top = git(where, "rev-parse", "--revs-only", "--show-toplevel", "HEAD", check=False).removesuffix(b"\n")
        above, _, last = top.rpartition(b"\n")
        head = ""
        if above and _OBJECT_ID.fullmatch(last):
            top, head = above, last.decode()
        if not top.strip():
            reason = git(where, "rev-parse", "--is-bare-repository", check=False).strip()
            if reason == b"true":
                raise UsageError("a bare git repository has no files", where=str(where), fix="run it in a clone")
            raise UsageError(
                "not a git repository, or one git does not trust",
                where=str(where),
                fix="run 'git init' and commit, or 'git status' to see what git says",
            )
        return cls(Path(os.fsdecode(top))), head

    @property
    def head(self) -> str:
        """The commit id of ``HEAD``, or ``''`` before the first commit."""
        return git(self.root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).decode().strip()

    @property
    def branch(self) -> str:
        """The short branch name, or ``''`` on a detached head."""
        return git(self.root, "symbolic-ref", "--quiet", "--short", "HEAD", check=False).decode().strip()

    @property
    def author(self) -> str:
        """The e-mail address of the head commit's author, or ``''`` before the first commit."""
        return git(self.root, "log", "-1", "--format=%ae", check=False).decode("utf-8", "replace").strip()

    def commit_time(self) -> int | None:
        """Seconds since the epoch of the head commit, for ``SOURCE_DATE_EPOCH``; ``None`` before the first."""
        text = git(self.root, "log", "-1", "--format=%ct", check=False).strip()
        return int(text) if text else None

    def run_id(self) -> str:
        """The name under which processes meet that look at one tree without talking to each other.

        The digest of the index: equal for a pre-commit hook on staged content, and for pytest and nox on the
        commit made from it, which is why the commit id is no part of it.
        """
        return self.listing().run_id

    def listing(self) -> Listing:
        """What git lists now. Raises ``ToolError``."""
        return read_listing(self.root)

    def tree_of(self, revision: str) -> str:
        """The tree id of a revision. Raises ``ToolError`` for an unknown one."""
        return git(self.root, "rev-parse", "--verify", f"{revision}^{{tree}}").decode().strip()

    def work_tree(self, listing: Listing | None = None) -> str:
        """The git tree id of the work directory's content (see the module's invariant), as just listed or anew."""
        listing = self.listing() if listing is None else listing
        hidden = self._hidden(listing)
        if not hidden and all(_derived(path) for path in listing.dirty) and (tree := listing.tree) is not None:
            return tree
        with self._scratch(hidden) as env:
            git(self.root, "add", "--all", *_NOT_DERIVED, env=env)
            return git(self.root, "write-tree", env=env).decode().strip()

    def _hidden(self, listing: Listing) -> list[bytes]:
        """Files on disk that git was told not to compare (``assume-unchanged``): evidence must."""
        return [path for path in sorted(listing.unsure) if os.path.lexists(os.path.join(os.fsencode(self.root), path))]  # noqa: PTH118 - bytes

    @contextmanager
    def _scratch(self, hidden: list[bytes]) -> Iterator[dict[str, str]]:
        """Variables for git with an index and objects of its own, in which nothing is hidden."""
        index, objects = self._git_places()
        with tempfile.TemporaryDirectory(prefix="maestro-index-") as scratch:
            place = Path(scratch)
            (place / "objects").mkdir()
            env = {
                "GIT_INDEX_FILE": str(place / "index"),
                "GIT_OBJECT_DIRECTORY": str(place / "objects"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
            }
            # A missing index (before the first add) is an empty one.
            if index.exists():
                try:
                    # With its time: git looks again at files changed in the same clock tick as the index was written.
                    shutil.copy2(index, place / "index")
                except OSError as error:
                    raise ToolError(
                        f"git's index cannot be copied: {error.strerror}",
                        where=str(index),
                        fix="make room for temporary files",
                    ) from error
            for flag in ("--no-assume-unchanged", "--no-skip-worktree") if hidden else ():
                git(self.root, "update-index", flag, "-z", "--stdin", stdin=b"\0".join(hidden) + b"\0", env=env)
            yield env

    def _git_places(self) -> tuple[Path, Path]:
        """Where the index and the object database are (elsewhere in a linked work tree)."""
        output = git(self.root, "rev-parse", "--git-path", "index", "--git-path", "objects")
        index, objects = (self.root / os.fsdecode(line) for line in output.splitlines())
        return index, objects

    def status(self) -> Status:
        """What differs from ``HEAD``, by ``git status --porcelain=v2 -z``."""
        changed: list[str] = []
        untracked: list[str] = []
        asked = ("status", "--porcelain=v2", "-z", "--untracked-files=all", *_NOT_DERIVED)
        hidden = self._hidden(self.listing())
        if hidden:
            with self._scratch(hidden) as env:
                output = git(self.root, *asked, env=env)
        else:
            output = git(self.root, *asked)
        fields = iter(output.split(b"\0"))
        for entry in fields:
            if entry.startswith(b"? "):
                untracked.append(path_text(entry[2:]))
            elif entry[:2] in (b"1 ", b"u "):
                changed.append(path_text(entry.split(b" ", 8 if entry[:1] == b"1" else 10)[-1]))
            elif entry.startswith(b"2 "):
                changed.append(path_text(entry.split(b" ", 9)[-1]))
                next(fields, None)  # a rename carries the old path as a field of its own
        return Status(tuple(sorted(changed)), tuple(sorted(untracked)), self.submodules())

    def submodules(self) -> tuple[str, ...]:
        """Paths of submodules: their commit is part of the tree, their files are not listed as this project's."""
        entries = git(self.root, "ls-files", "--stage", "-z").split(b"\0")
        return tuple(sorted(path_text(e.split(b"\t", 1)[1]) for e in entries if e.startswith(b"160000 ")))

    def files(self) -> tuple[tuple[str, Path], ...]:
        """(path for people, place on disk) of every tracked or unignored regular file that exists, sorted."""
        listing = git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_NOT_DERIVED)
        found: dict[str, Path] = {}
        for raw in listing.split(b"\0"):
            if not raw:
                continue
            place = self.root / os.fsdecode(raw)
            # A symbolic link's content is its target's name, which is in the tree id; its target is not ours.
            with suppress(OSError):
                if stat.S_ISREG(os.lstat(place).st_mode):
                    found[path_text(raw)] = place
        return tuple(sorted(found.items()))

    def remote_url(self) -> str:
        """The URL of ``origin`` without credentials, or ``''``."""
        url = git(self.root, "remote", "get-url", "origin", check=False).decode("utf-8", "replace").strip()
        scheme, separator, rest = url.partition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url


def _derived(path: bytes) -> bool:
    return b"__pycache__" in path.split(b"/")


def path_text(raw: bytes) -> str:
    """A path as valid Unicode: UTF-8 as it is, else quoted in git's C style so that no two paths collide."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        quoted = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:03o}" for b in raw)
        return f'"{quoted}"'
    return (
        text if '"' not in text[:1] else f'"{text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
    )
