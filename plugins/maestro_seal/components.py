"""What a built wheel needs to run, as this environment resolves it: the distributions behind its requirements.

Invariant: a requirement that applies here and is not installed is named as missing, never left out.
"""

from __future__ import annotations

import json
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
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One distribution: normalized name, version, licence words, digests, and the names it needs.

    ``archive`` is the SHA-256 of the archive: the wheel's own, or what the installer noted of an installed one
    (``direct_url.json``, PEP 610; ``provenance_url.json``, PEP 710), which is often nothing. ``record`` is that of the
    RECORD of what is installed, which lists each file with its digest.
    """

    name: str
    version: str
    license: str
    archive: str
    needs: tuple[str, ...]
    record: str = ""


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
    resolved.components.append(_component(metadata, needs, sha256(wheel.read_bytes()).hexdigest()))
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
    known = _component(installed.metadata, needs, _archive(installed))  # type: ignore[arg-type]  # PackageMetadata is a Message
    return replace(known, record=sha256(record.encode()).hexdigest() if record else "")


def _archive(installed: Distribution) -> str:
    """The archive's digest as the installer noted it, or nothing."""
    for name in ("provenance_url.json", "direct_url.json"):
        try:
            noted = json.loads(installed.read_text(name) or "{}")["archive_info"]["hashes"]["sha256"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(noted, str) and _SHA256.fullmatch(noted):
            return noted
    return ""


def _component(metadata: Message, needs: list[Requirement], digest: str) -> Component:
    return Component(
        name=_normal(str(metadata["Name"])),
        version=str(metadata["Version"]),
        license=_license(metadata),
        archive=digest,
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
