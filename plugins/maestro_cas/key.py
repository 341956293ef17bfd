"""The key of an action: one digest over named components, each kept so that a miss can be explained.

Theorem: equal keys mean equal components (up to a SHA-256 collision), because the encoding is canonical JSON. What is
not a component cannot change a key, and must therefore be kept away from the action.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from typing import TYPE_CHECKING

from maestro_hooks.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOOL = "maestro.cas/2"
_DOMAIN = b"maestro.action.v1\0"

Components = dict[str, object]


def key_of(components: Mapping[str, object]) -> str:
    """Lowercase hexadecimal SHA-256 of the components. Raises ``EvidenceError`` for a float or another foreign type."""
    return hashlib.sha256(_DOMAIN + canonical.encode(dict(components))).hexdigest()


def environment(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Declared variables by name: ``unset``, or a digest, because a value may be a secret.

    The digest is not salted, since two machines must agree on it: a value that can be guessed can be confirmed.
    """
    return {name: _value(name, environ.get(name)) for name in sorted(set(names))}


def _value(name: str, value: str | None) -> str:
    if value is None:
        return "unset"
    return "sha256:" + hashlib.sha256(f"maestro.env\0{name}\0{value}".encode("utf-8", "surrogateescape")).hexdigest()


def platform_tag() -> str:
    """Operating system, architecture and C library, as in ``linux-x86_64-glibc2.36``."""
    libc = ""
    if hasattr(os, "confstr") and "CS_GNU_LIBC_VERSION" in os.confstr_names:
        libc = "-" + (os.confstr("CS_GNU_LIBC_VERSION") or "musl").replace(" ", "")
    return sysconfig.get_platform() + libc


def own_python() -> str:
    """Implementation, full version and ABI of the running interpreter, never its path."""
    version = ".".join(str(n) for n in sys.version_info[:3])
    return f"{sys.implementation.name} {version} {sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"


def portable(words: Iterable[str], root: str) -> list[str]:
    """Arguments with the project's own place written as ``{root}``, so that two checkouts agree."""
    return [word.replace(root, "{root}") for word in words]


def file_digest(path: str) -> str:
    """SHA-256 of a file, or ``absent``."""
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except FileNotFoundError:
        return "absent"


def files_digest(root: str, names: Iterable[str]) -> str:
    """One digest over named files, in the order given; an absent one counts as such."""
    lines = [f"{name} {file_digest(f'{root}/{name}')}" for name in names]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def own_distributions() -> str:
    """Names and versions of what is installed beside the running interpreter, as one digest."""
    names = sorted(
        name
        for place in dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        if os.path.isdir(place)
        for name in os.listdir(place)
        if name.endswith((".dist-info", ".egg-info"))
    )
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
