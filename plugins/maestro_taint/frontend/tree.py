"""The files of a project by module name, read and lowered when somebody asks.

Theorem: a file that was asked for is lowered or has a gap; a file nobody asked for is not opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from maestro_taint.frontend import ir
from maestro_taint.frontend.lower import Lowering
from maestro_taint.frontend.parse import Parsed, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Kept(Protocol):
    """Where lowered files are kept."""

    def module(self, path: str, name: str, data: bytes) -> ir.Module | None:
        """A file lowered earlier under this module name."""
        ...

    def keep(self, path: str, data: bytes, module: ir.Module) -> None:
        """Keep a lowered file."""
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """A file, or a part of one, that was not analysed."""

    path: str
    line: int
    reason: str


@dataclass(slots=True)
class Tree:
    """Files by path, each as a function that gives its bytes, or ``None`` if it vanished.

    Attributes:
        store: where what was lowered is kept.
        names: module name to path; ``modules``: path to module name.
        gaps: what could not be read or lowered.
    """

    paths: Mapping[str, Callable[[], bytes | None]]
    store: Kept | None = None
    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    opened: dict[str, ir.Module | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.names:
            return  # as they were for the same paths
        for path in sorted(self.paths):
            if path.endswith((".py", ".pyi")):
                name = module_name(path)[0]
                while name in self.names:
                    name += "'"  # ``a.py`` beside ``a/__init__.py`` or ``a.pyi``: analysed, but nobody imports it
                self.names[name] = path
                self.modules[path] = name

    def load(self, path: str) -> ir.Module | None:
        """A file in intermediate form; ``None`` where there is a gap."""
        if path not in self.opened:
            data = self.paths[path]()
            made = Gap(path, 0, "it vanished while it was read") if data is None else self._lowered(path, data)
            if isinstance(made, Gap):
                self.gaps.append(made)
                self.opened[path] = None
            else:
                self.opened[path] = made
        return self.opened[path]

    def _lowered(self, path: str, data: bytes) -> ir.Module | Gap:
        name = self.modules[path]
        if self.store is None:
            return lower(path, data, name)
        held = self.store.module(path, name, data)
        if held is not None:
            return held
        made = lower(path, data, name)
        if not isinstance(made, Gap):
            self.store.keep(path, data, made)
        return made


def module_name(path: str) -> tuple[str, bool]:
    """The dotted name of a file and whether it is a package."""
    parts = path.removesuffix(".pyi").removesuffix(".py").split("/")
    if parts[0] == "src" and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] == "__init__" and len(parts) > 1:
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def lower(path: str, data: bytes, name: str) -> ir.Module | Gap:
    """One file in intermediate form, or why not."""
    parsed = parse(data)
    if not isinstance(parsed, Parsed):
        return Gap(path, parsed.line, parsed.reason)
    module = ir.Module(name, path, is_package=module_name(path)[1], columns=parsed.exact)
    module.lines = data.count(b"\n") + 1
    try:
        return Lowering(module).run(parsed.tree)
    except RecursionError:
        return Gap(path, 0, "too deeply nested to analyse")
