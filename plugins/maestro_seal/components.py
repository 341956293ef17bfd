"""What a built wheel needs to run, as this environment resolves it: the distributions behind its requirements.

Invariant: a requirement that applies here and is not installed is named as missing, never left out.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from pathlib import Path

_NORMAL = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One distribution: normalized name, version, licence words, digest, and the names it needs.

    ``sha256`` is the archive's for the wheel itself; for what is installed, that of its RECORD, which lists each file
    with its digest (an installed distribution no longer knows the archive it came from).
    """

    name: str
    version: str
    license: str
    sha256: str
    needs: tuple[str, ...]
    installed: bool = True


@dataclass(slots=True)
class Resolved:
    """The wheel first, then its closure sorted by name; ``missing`` are requirements not installed here."""

    components: list[Component] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def resolve(wheel: Path) -> Resolved:
    """Follow the wheel's requirements through the installed distributions. Raises ``ToolError`` for no wheel."""
    metadata = _wheel_metadata(wheel)
    needs = _applicable(metadata.get_all("Requires-Dist", []), extras=frozenset())
    resolved = Resolved()
    own = _component(metadata, needs, sha256(wheel.read_bytes()).hexdigest())
    resolved.components.append(replace(own, installed=False))
    found: dict[str, Component] = {}
    missing: set[str] = set()
    queue = [(_normal(r.name), frozenset(r.extras)) for r in needs]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        inner = _applicable(installed.requires or (), extras=extras)
        found[name] = _installed(installed, inner)
        queue += [(_normal(r.name), frozenset(r.extras)) for r in inner]
    resolved.components += [found[name] for name in sorted(found)]
    resolved.missing = sorted(missing)
    return resolved


def _wheel_metadata(wheel: Path) -> Message:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
            return HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    except (zipfile.BadZipFile, StopIteration, OSError, UnicodeDecodeError) as error:
        raise ToolError("no wheel that can be read", where=str(wheel), fix="build it again") from error


def _applicable(requirements: Iterable[str], *, extras: frozenset[str]) -> list[Requirement]:
    """The requirements whose markers hold here, for any of ``extras`` or none."""
    parsed = [Requirement(text) for text in requirements]
    return [
        r for r in parsed if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    ]


def _installed(installed: Distribution, needs: list[Requirement]) -> Component:
    record = installed.read_text("RECORD") or ""
    return _component(installed.metadata, needs, sha256(record.encode()).hexdigest() if record else "")  # type: ignore[arg-type]  # PackageMetadata is a Message


def _component(metadata: Message, needs: list[Requirement], digest: str) -> Component:
    return Component(
        name=_normal(str(metadata["Name"])),
        version=str(metadata["Version"]),
        license=_license(metadata),
        sha256=digest,
        needs=tuple(sorted({_normal(r.name) for r in needs})),
    )


def _license(metadata: Message) -> str:
    """The licence expression, else the classifiers' last words, else the first line of the free text."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [c for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    if classifiers:
        return " AND ".join(sorted({c.rpartition(" :: ")[2] for c in classifiers}))
    return str(metadata.get("License", "")).strip().partition("\n")[0][:200]


def _normal(name: str) -> str:
    return _NORMAL.sub("-", name).lower()
