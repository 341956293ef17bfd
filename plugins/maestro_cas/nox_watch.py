"""Watch the nox process itself while a cached function runs: the files it opens, and the variables project code reads.

Invariant: nothing is noted outside of :func:`watched`, and ``os.environ`` answers exactly as it always does. An audit
hook cannot be taken away (PEP 578), so one is put in per process and does nothing between runs.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maestro_cas.reads.audit import looked_at
from maestro_cas.reads.judge import Access

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOOKED = "_maestro_cas_hooked"
_OURS = ("/maestro_cas/", "/maestro_hooks/", "/nox/")


@dataclass(slots=True)
class Noted:
    """What one function's own code looked at: opened files and listed directories in order; variables by name."""

    root: str
    accesses: list[Access] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)

    def event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit event of this process."""
        if event == "open" and isinstance(arguments[0], str | bytes):
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            self._note(arguments[0], "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read")
        elif event in ("os.listdir", "os.scandir") and isinstance(arguments[0], str | bytes | None):
            importing = sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")  # noqa: SLF001
            self._note(arguments[0] or ".", "listing" if not importing else "")

    def _note(self, path: str | bytes, kind: str) -> None:
        if not kind:
            return
        place = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))
        self.accesses += [Access(os.path.realpath(place), "write")] if kind == "write" else looked_at(place, kind)

    def variable(self, name: object) -> None:
        """Somebody reads a variable; it counts if that is the project's code and not nox or a library for it."""
        frame = sys._getframe(2)  # noqa: SLF001 - who asks is the question
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(f"{self.root}/") and not any(part in file for part in (*_OURS, "/site-packages/")):
                if isinstance(name, str):
                    self.variables.add(name)
                return
            if any(part in file for part in _OURS) or frame.f_back is None:
                return
            frame = frame.f_back


@contextmanager
def watched(root: str) -> Iterator[Noted]:
    """Note what this process looks at until the block ends."""
    noted = Noted(root)
    if not hasattr(sys, _HOOKED):
        setattr(sys, _HOOKED, [])
        listeners = getattr(sys, _HOOKED)
        sys.addaudithook(lambda event, arguments: listeners[-1].event(event, arguments) if listeners else None)
    plain = type(os.environ)

    class Watched(plain):  # type: ignore[misc, valid-type]
        """The same mapping, which tells who reads."""

        def __getitem__(self, name: str) -> str:
            noted.variable(name)
            return str(super().__getitem__(name))

        def __contains__(self, name: object) -> bool:
            noted.variable(name)
            return bool(super().__contains__(name))

        def __iter__(self) -> Iterator[str]:
            for name in super().__iter__():
                noted.variable(name)
                yield name

    getattr(sys, _HOOKED).append(noted)
    os.environ.__class__ = Watched
    try:
        yield noted
    finally:
        os.environ.__class__ = plain
        getattr(sys, _HOOKED).remove(noted)
