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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maestro_cas.globs import Globs

# The operating system; its version is the platform tag. What the tag does not tell apart is a stated limit.
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/run", "/var/lib")

# What CPython's getpath looks for in the directories above its executable (Modules/getpath.py).
_LANDMARK = re.compile(r"python3\d+\.zip|pyvenv\.cfg|python3?\d*\._pth|pybuilddir\.txt")

Kind = Literal["read", "write", "absent", "directory", "execute"]


@dataclass(frozen=True, slots=True)
class Access:
    """One look at a file: absolute, normalised path."""

    path: str
    kind: Kind


def undeclared(
    accesses: Iterable[Access],
    *,
    root: str,
    inputs: Globs,
    outputs: Globs,
    covered: Sequence[str],
    programs: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """The undeclared reads, sorted, each once; paths below the root are relative.

    Args:
        accesses: in the order in which they happened.
        root: the project, absolute.
        inputs: declared inputs.
        outputs: declared outputs.
        covered: prefixes that the key speaks for besides ``SYSTEM``: interpreter, environment, temporary directory.
        programs: executables the key names; others count as undeclared. ``None`` does not look at programs.
    """
    prefixes = tuple(f"{prefix.rstrip('/')}/" for prefix in (*SYSTEM, *covered) if prefix)
    own = tuple(f"{prefix.rstrip('/')}/" for prefix in covered if prefix)
    # What covers the project from above (a temporary directory it stands in) must not hide reads inside it.
    inside = tuple(prefix for prefix in prefixes if prefix.startswith(f"{root}/"))
    written: set[str] = set()
    found: set[str] = set()
    for access in accesses:
        path, slashed = access.path, f"{access.path}/"
        if access.kind == "write":
            written.add(path)
        elif path in written:
            continue
        elif access.kind == "execute" and programs is not None and not slashed.startswith(own):
            if path not in programs:
                found.add(f"{path} (program)")
        elif slashed.startswith(f"{root}/"):
            below = path[len(root) + 1 :]
            if not slashed.startswith(inside) and not _declared(
                root, below, access.kind, inputs=inputs, outputs=outputs
            ):
                found.add(f"{below} (absent)" if access.kind == "absent" else below)
        elif not slashed.startswith(prefixes) and not _way(access, (root, *covered)):
            found.add(f"{path} (absent)" if access.kind == "absent" else path)
    return tuple(sorted(found))


def _declared(root: str, below: str, kind: Kind, *, inputs: Globs, outputs: Globs) -> bool:
    if not below or "__pycache__" in below.split("/") or inputs.matches(below) or outputs.matches(below):
        return True
    # A directory on the way to declared files; what else it holds shows when it is read.
    return kind != "absent" and (inputs.enters(below) or outputs.enters(below)) and os.path.isdir(f"{root}/{below}")


def _way(access: Access, places: Sequence[str]) -> bool:
    """Whether it is a directory on the way to one of ``places``, or an interpreter finding out where it stands."""
    path = access.path
    if access.kind == "absent" and _LANDMARK.fullmatch(os.path.basename(path)):
        return True
    return any(place.startswith(f"{path.rstrip('/')}/") or place == path for place in places)


def absolute(path: str, directory: str) -> str:
    """A path as the kernel would start to resolve it; links are left alone."""
    return os.path.normpath(os.path.join(directory, path))
