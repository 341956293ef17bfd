"""What was computed from files, kept under ``.maestro/cache/taint`` by content.

Theorem: a hit equals what computing would give: every entry is named by the digest of the bytes, the path and the
version of the code and models it was made by. What cannot be read is computed again; a run says how often.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_taint.frontend import ir
from maestro_taint.frontend.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable

_FUNCTION = tuple(f.name for f in fields(ir.Function))
_CLASS = tuple(f.name for f in fields(ir.ClassInfo))
_MODULE = tuple(f.name for f in fields(ir.Module))


@cache
def version() -> str:
    """A digest of the code that lowers and keeps files, and of the interpreter that reads them."""
    total = hashlib.sha256(repr(sys.version_info[:3]).encode())
    home = Path(__file__).parent
    for path in (Path(__file__), *sorted((home / "frontend").glob("*.py"))):
        total.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:24]


@dataclass(slots=True)
class Store:
    """One process's view of the cache below ``place``."""

    place: Path
    key: str
    damaged: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    changed: bool = False

    def module(self, path: str, name: str, data: bytes) -> ir.Module | None:
        """A file lowered earlier under this module name."""
        held = self._load(self._name(path, name, data))
        try:
            return None if held is None else revived(held)
        except (TypeError, ValueError, KeyError, AttributeError):
            self.damaged += 1
            return None

    def keep(self, path: str, data: bytes, module: ir.Module) -> None:
        """Keep a lowered file."""
        with suppress(ValueError):  # a constant marshal cannot write (an Ellipsis is fine, a code object is not)
            self._save(self._name(path, module.name, data), marshal.dumps(plain(module)))

    def recall(self, what: str, data: bytes) -> Any:
        """What was found of a file's bytes by something else than this engine, named ``what``; ``None`` if unknown."""
        return self._load(self._name(what, "", data))

    def remember(self, what: str, data: bytes, found: Any) -> None:
        """Keep that: nested tuples of plain values."""
        self._save(self._name(what, "", data), marshal.dumps(found))

    def open_facts(self) -> None:
        """Load what is known of files by size and time of change."""
        held = self._load("facts")
        if isinstance(held, tuple) and len(held) == 2 and held[0] == self.key and isinstance(held[1], dict):
            self.facts = held[1]

    def fact(self, path: str, stamp: tuple[int, int]) -> Facts | None:
        """The facts of a file that is as it was; ``None`` if it changed since."""
        found = self.facts.get(path)
        return Facts(*found[1]) if found is not None and found[0] == stamp else None

    def learn(self, path: str, stamp: tuple[int, int], facts: Facts) -> None:
        """Remember a file's facts."""
        self.facts[path] = (stamp, tuple(facts))
        self.changed = True

    def close(self, paths: Iterable[str]) -> None:
        """Write the facts of the files that still exist, if they changed."""
        if self.changed:
            kept = {path: self.facts[path] for path in sorted(paths) if path in self.facts}
            self._save("facts", marshal.dumps((self.key, kept)))

    @staticmethod
    def _name(path: str, name: str, data: bytes) -> str:
        parts = (version().encode(), path.encode("utf-8", "surrogateescape"), name.encode(), data)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def _file(self, name: str) -> Path:
        return self.place / name if name == "facts" else self.place / name[:2] / name[2:]

    def _load(self, name: str) -> Any:
        try:
            data = self._file(name).read_bytes()
        except OSError:
            return None
        body, seal = data[:-32], data[-32:]
        if hashlib.sha256(body).digest() != seal:
            self.damaged += 1
            return None
        try:
            return marshal.loads(body)  # noqa: S302 - our own file, and sealed  # nosec B302
        except (ValueError, EOFError, TypeError):
            self.damaged += 1
            return None

    def _save(self, name: str, body: bytes) -> None:
        place = self._file(name)
        temporary = place.with_name(f"{place.name}.{os.getpid()}")
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(body + hashlib.sha256(body).digest())
            temporary.replace(place)


def plain(module: ir.Module) -> tuple[Any, ...]:
    """A module as nested builtins, which marshal writes and reads fastest."""
    made = {name: getattr(module, name) for name in _MODULE}
    made["functions"] = {qn: _packed(f) for qn, f in module.functions.items()}
    made["classes"] = {qn: tuple(getattr(c, name) for name in _CLASS) for qn, c in module.classes.items()}
    return tuple(made[name] for name in _MODULE)


def _packed(fn: ir.Function) -> tuple[Any, ...]:
    """A function with its body as bytes: it is read when the function is run."""
    return tuple(marshal.dumps(fn.body) if name == "code" else getattr(fn, name) for name in _FUNCTION)


def revived(held: tuple[Any, ...]) -> ir.Module:
    """The module of what :func:`plain` made."""
    made = dict(zip(_MODULE, held, strict=True))
    made["functions"] = {qn: ir.Function(*f) for qn, f in made["functions"].items()}
    made["classes"] = {qn: ir.ClassInfo(*c) for qn, c in made["classes"].items()}
    return ir.Module(**made)
