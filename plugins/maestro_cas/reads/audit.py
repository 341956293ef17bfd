"""Watch Python children by an audit hook that a ``.pth`` file or ``sitecustomize`` installs in each of them.

Invariant: what is found was read; what is not found may have been read by native code or by ``stat``. The method's
name in the record keeps the two apart.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_cas.reads.judge import Access, absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "MAESTRO_CAS_READS"
PTH_NAME = "maestro_cas_reads.pth"
_MODULE = "_maestro_cas_reads"


def hook_source() -> str:
    """The source of the hook, as it runs in the child."""
    return Path(__file__).with_name("audit_hook.py").read_text(encoding="utf-8")


def install_in(site_packages: Path) -> None:
    """Put the hook into an environment of ours; it does nothing unless the variable is set."""
    (site_packages / f"{_MODULE}.py").write_text(hook_source(), encoding="utf-8")
    line = f"import os; os.environ.get({VARIABLE!r}) and __import__({_MODULE!r})\n"
    (site_packages / PTH_NAME).write_text(line, encoding="utf-8")


def sitecustomize(directory: Path) -> None:
    """Make a directory for ``PYTHONPATH`` that installs the hook and then runs the interpreter's own customisation."""
    tail = (
        "\nimport importlib.machinery as _m, importlib.util as _u\n"
        "sys.path[:] = [p for p in sys.path if p != os.path.dirname(__file__)]\n"
        "_spec = _m.PathFinder.find_spec('sitecustomize', sys.path)\n"
        "if _spec is not None and _spec.loader is not None:\n"
        "    _spec.loader.exec_module(_u.module_from_spec(_spec))\n"
    )
    (directory / "sitecustomize.py").write_text(hook_source() + tail, encoding="utf-8")


def accesses(log: Path) -> Iterator[Access]:
    """What the children noted, in order. Opening a file that does not exist counts as reading its absence."""
    if not log.exists():
        return
    written: set[str] = set()
    for line in log.read_bytes().split(b"\n"):
        parts = [os.fsdecode(p) for p in line.split(b"\0")]
        if len(parts) < 3:
            continue
        kind, path, here = parts[:3]
        place = absolute(path, here)
        if kind == "write":
            written.add(place)
            yield Access(place, "write")
        elif kind == "move" and len(parts) == 4:
            written.add(absolute(parts[3], here))
            yield Access(place, "move", absolute(parts[3], here))
        elif kind != "execute":
            yield from looked_at(place, kind, known=place in written)
        elif os.path.isabs(path):
            yield Access(os.path.realpath(place), "execute")


def looked_at(place: str, kind: str, *, known: bool = False) -> Iterator[Access]:
    """A look by Python's own means at a path: where it led, and how it went there."""
    real = os.path.realpath(place)
    if kind in ("directory", "listing"):
        yield Access(real, "listing" if kind == "listing" else "directory")
    elif not known and not os.path.lexists(place):
        yield Access(place, "absent")
        return
    else:
        yield Access(real, "read")
    if real != place:
        yield Access(place, "through")
