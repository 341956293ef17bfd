"""The arguments of one call, as models select and test them.

Invariant: a selector that names no argument given selects nothing; a condition about it says what absence means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import NO_ATOMS, NO_CONST, Val, join_atoms

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.models.model import Condition


class Arguments:
    """Values of one call, its receiver and name, and what ``*``/``**`` of unknown length bring."""

    __slots__ = ("args", "at", "f", "kwargs", "name", "receiver", "spread")

    def __init__(
        self,
        f: Frame,
        args: list[Val],
        at: int,
        *,
        kwargs: dict[str, Val] | None = None,
        receiver: Val | None = None,
        name: str = "",
        spread: Val | None = None,
    ) -> None:
        self.f = f
        self.args = args
        self.at = at
        self.kwargs = {} if kwargs is None else kwargs
        self.receiver = receiver
        self.name = name
        self.spread = spread

    def before(self, *first: Val) -> Arguments:
        """The same call with values put first: a bound receiver, arguments held by a partial."""
        return Arguments(self.f, [*first, *self.args], self.at, kwargs=self.kwargs, spread=self.spread)

    def get(self, index: int, name: str = "") -> Val | None:
        """An argument by position, or by keyword."""
        if index < len(self.args):
            return self.args[index]
        return self.kwargs.get(name) if name else None

    def selected(self, selector: int | str) -> Val | None:
        """``0``, ``"name"``, ``"self"`` (the receiver), ``"*"`` (all), ``"1+"`` (from there on)."""
        if isinstance(selector, int):
            return self.args[selector] if selector < len(self.args) else self.spread
        if selector == "self":
            return self.receiver
        if selector == "*" or selector.endswith("+"):
            first = int(selector[:-1]) if selector != "*" else 0
            values = [*self.args[first:], *(self.kwargs.values() if selector == "*" else ())]
            return self._together([*values, *([self.spread] if self.spread is not None else [])])
        return self.kwargs.get(selector)

    def _together(self, values: list[Val]) -> Val | None:
        if not values:
            return None
        if len(values) == 1:
            return values[0]
        atoms: dict[Any, Any] = NO_ATOMS
        for v in values:
            atoms = join_atoms(atoms, self.f.solver.attributes.printed(self.f, v))
        return Val(atoms, lit=all(v.lit for v in values))

    def everything(self) -> list[Val]:
        """All argument values."""
        return [*self.args, *self.kwargs.values(), *([self.spread] if self.spread is not None else [])]

    def flow(self, which: tuple[int | str, ...] | str) -> tuple[dict[Any, Any], bool]:
        """(atoms that reach the result, whether the result is made of literals only)."""
        if which == "none":
            return NO_ATOMS, False
        values = self.everything()
        if which == "all" and self.receiver is not None:
            values.append(self.receiver)
        elif isinstance(which, tuple):
            chosen = [self.selected(s) for s in which]
            values = [v for v in chosen if v is not None]
        atoms: dict[Any, Any] = NO_ATOMS
        lit = bool(values)
        for v in values:
            if v.atoms or v.objs:
                atoms = join_atoms(atoms, self.f.deep(v))
            lit = lit and v.lit
        return atoms, lit

    def holds(self, c: Condition) -> bool:
        """Whether a condition may hold."""
        value = self.selected(c.arg)
        if value is None and c.alternative >= 0:
            value = self.selected(c.alternative)
        if c.op in ("present", "absent"):
            return (value is not None) == (c.op == "present")
        if c.op == "true":
            return value is not None and (value.const is NO_CONST or bool(value.const))
        if c.op == "false":
            return (value is None and self.spread is None) or (
                value is not None and value.const is not NO_CONST and not value.const
            )
        return self._among(value, c)

    def _among(self, value: Val | None, c: Condition) -> bool:
        if value is None:
            return c.op == "not in"
        if c.op == "not in" and c.values == ("False",) and value.const is NO_CONST:
            return False  # it is said, if not here
        names = {self.f.solver.models.canonical(t[1]) for t in value.types if t[0] == "x"}
        if value.const is not NO_CONST:
            names.add(str(value.const).lower() if isinstance(value.const, str) else str(value.const))
        if not names:
            return c.op == "not in"
        inside = names <= set(c.values)
        return inside if c.op == "in" else not inside
