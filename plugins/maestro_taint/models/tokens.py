"""The words without which no modelled source, and no call that is wrong by itself, can be met.

Theorem: a function that first touches a source or such a call reads one of ``names``, an attribute or key among
``touched``, or a local name of an import that :meth:`Tokens.imported` accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_taint.models.model import CallModel, Models


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words by how they occur.

    Attributes:
        names: builtins and annotations; ``touched``: attributes and keys.
        objects: last words of things that have sources; ``classes``: those that are classes.
        paths: dotted names of sources and of such things.
        doors: decorators of handlers; ``sinks``: last words of what data may reach.
    """

    names: frozenset[str]
    touched: frozenset[str]
    objects: frozenset[str]
    classes: frozenset[str]
    paths: frozenset[str]
    doors: frozenset[str]
    sinks: frozenset[str]

    def imported(self, models: Models, dotted: str, symbol: str) -> bool:
        """Whether an import may bind a source, an object that has sources, or a call that is wrong by itself."""
        whole = f"{dotted}.{symbol}" if symbol else dotted
        return symbol in self.objects or whole in self.paths or models.canonical(whole) in self.paths


ROUTING = ("add_url_rule", "add_api_route")  # methods that make a handler of a function


def tokens_of(models: Models) -> Tokens:
    """The words of compiled models."""
    names, touched, objects = set(models.annotations), {"environ", "getenv", *ROUTING}, {"environ", "getenv"}
    paths = {"os.environ", "os.getenv"}
    met = [*models.reads, *(dotted for dotted, call in models.calls.items() if call.source or call.patterns)]
    other = _aliases(models)
    for dotted in met:
        home, _, last = dotted.rpartition(".")
        paths.add(dotted)
        if last == "__setitem__":
            touched.update(_keys(models.calls[dotted]))
            continue
        if "." not in home:
            (names if home == "builtins" else touched).add(last)
            continue
        for path in (home, *other.get(home, ())):
            paths.add(path)
            objects.add(path.partition(".[")[0].rpartition(".")[2])
        if dotted in models.calls and models.calls[dotted].patterns:
            touched.add(last)
    touched |= objects | {name for name, call in models.methods.items() if call.source}
    entered = [dotted.rpartition(".")[2] for dotted, entry in models.entries.items() if entry.base]
    classes = {word for word in (*objects, *entered) if word[:1].isupper()}
    doors = {dotted.rpartition(".")[2] for dotted in models.entries}
    return Tokens(*map(frozenset, (names, touched, objects, classes, paths, doors, _sinks(models))))


def _keys(call: CallModel) -> set[str]:
    """The keys by which items are set that a pattern speaks of."""
    keys = {value for pattern in call.patterns for c in pattern.when if c.arg == 0 for value in c.values}
    return keys | {key.upper() for key in keys}  # conditions are about lower case


def _sinks(models: Models) -> set[str]:
    reached = [dotted for dotted, call in models.calls.items() if call.sinks or call.patterns]
    reached += [*models.stores, *models.attributes, *(name for name, call in models.methods.items() if call.sinks)]
    return {dotted.rpartition(".")[2] for dotted in reached}


def _aliases(models: Models) -> dict[str, list[str]]:
    """Other names by the one a thing is modelled under."""
    found: dict[str, list[str]] = {}
    for alias, target in models.aliases.items():
        found.setdefault(target, []).append(alias)
    return found
