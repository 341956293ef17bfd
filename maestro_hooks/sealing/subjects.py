"""What a manifest speaks about: the git tree, the commit when the work tree is exactly that, and built files.

Invariant: a file is a subject only if its bytes are what a build record of this very tree names, or the user asked
for it by path.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import UsageError
from maestro_hooks.evidence.manifest import Release, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from maestro_hooks.evidence.record import Record

_WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-[0-9][^-]*)?-[^-]+-[^-]+-[^-]+\.whl\Z")
ARTIFACT_KEYS = "build/artifact/"


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file of the output directory and its SHA-256."""

    path: Path
    sha256: str


def built_files(records: Iterable[Record], dist: Path) -> tuple[BuiltFile, ...]:
    """The files in ``dist`` that a build record of this tree names by digest, sorted by name."""
    named = {
        (reference.name, reference.sha256)
        for record in records
        if record.key.startswith(ARTIFACT_KEYS)
        for reference in record.evidence
    }
    found = [BuiltFile(dist / name, sha256) for name, sha256 in named if (dist / name).is_file()]
    return tuple(sorted((f for f in found if file_sha256(f.path) == f.sha256), key=lambda f: f.path.name))


def file_sha256(path: Path) -> str:
    """Lowercase hexadecimal SHA-256 of a file. Raises ``UsageError`` if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read the artifact: {error.strerror}", where=str(path)) from error


def subjects_of(
    files: Sequence[BuiltFile], *, tree: str, commit: str, extra: Iterable[Path] = ()
) -> tuple[Subject, ...]:
    """Subjects in a fixed order: tree, commit, built files, files the user added."""
    subjects = [Subject("source-tree", {"gitTree": tree})]
    if commit:
        subjects.append(Subject("source-commit", {"gitCommit": commit}))
    listed = {f.path.name: f.sha256 for f in files}
    for path in extra:
        listed[path.name] = file_sha256(path)
    return (*subjects, *(Subject(name, {"sha256": sha256}) for name, sha256 in sorted(listed.items())))


def release_of(root: Path, files: Sequence[BuiltFile], *, ref: str, tree: str) -> Release:
    """Name and version from the wheel, else from ``[project]``, else the directory's name and the tree id."""
    for file in files:
        wheel = _WHEEL.match(file.path.name)
        if wheel:
            return Release(wheel["name"], wheel["version"], ref)
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        project = {}
    name = project.get("name") if isinstance(project, dict) else None
    version = project.get("version") if isinstance(project, dict) else None
    return Release(str(name or root.name), str(version or f"0+{tree[:12]}"), ref)
