"""The words without which no modelled source, and no call that is wrong by itself, can be met.

Theorem: a function that first touches a source or such a call reads one of ``names``, an attribute or key among
``touched``, or a local name of an import that :meth:`Tokens.imported` accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_taint.models.model import Models


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words by how they occur; ``classes`` are base classes whose methods all count; ``paths`` dotted names."""

    names: frozenset[str]
    touched: frozenset[str]
    classes: frozenset[str]
    paths: frozenset[str]
    doors: frozenset[str]

    def imported(self, models: Models, dotted: str, symbol: str) -> bool:
        """Whether an import binds a source, an object that has sources, or a call that is wrong by itself."""
        whole = f"{dotted}.{symbol}" if symbol else dotted
        return whole in self.paths or models.canonical(whole) in self.paths


def tokens_of(models: Models) -> Tokens:
    """The words of compiled models."""
    names, touched, classes, paths = {"environ", "getenv"}, {"environ", "getenv"}, set(), {"os.environ", "os.getenv"}
    entered = [*models.reads, *(dotted for dotted, call in models.calls.items() if call.source or call.patterns)]
    other = _aliases(models)
    for dotted in entered:
        parts = dotted.split(".")
        home = ".".join(parts[:-1])
        paths.add(dotted)
        if len(parts) == 2:
            (names if parts[0] == "builtins" else touched).add(parts[1])
            continue
        for path in (home, *other.get(home, ())):
            paths.add(path)
            last = path.rpartition(".")[2]
            names.add(last)
            touched.add(last)
            if last[:1].isupper():
                classes.add(last)
        if dotted in models.calls and models.calls[dotted].patterns:
            touched.add(parts[-1])
    names.update(models.parameters)
    names.update(models.annotations)
    touched.update(name for name, call in models.methods.items() if call.source)
    doors = {dotted.rpartition(".")[2] for dotted in models.entries}
    return Tokens(*map(frozenset, (names, touched, classes, paths, doors)))


def _aliases(models: Models) -> dict[str, list[str]]:
    """Other names by the one a thing is modelled under."""
    found: dict[str, list[str]] = {}
    for alias, target in models.aliases.items():
        found.setdefault(target, []).append(alias)
    return found
