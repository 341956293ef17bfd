"""Memos that end with the object they are kept on, by watching whether the object outlives the test.

``if self._value is None: self._value = make()`` hides from later tests what ``make`` ran, if they find the same object.
Most objects end with the test that made them, and then their memos hide nothing.

Invariant: what a memo ran is dropped only if the object is gone when the test has ended, was an ordinary object with
attributes of its own, and nobody else held the tables it filled. In every other case it is folded.
"""

from __future__ import annotations

import sys
import weakref
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_bloom.observations import Bag
from maestro_bloom.originals import collect

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED = 1024
"""How often a method is asked in one test on which object it keeps something. One that is called more often counts as
module level: folding is always safe."""

# What ``id`` says, but without the audit event that each call of ``id`` raises.
_name: Callable[[object], int] = object.__hash__
# What the interpreter counts for a table that its object alone refers to: the object, a name, an argument.
_ALONE = 3


@dataclass(slots=True, eq=False)
class Memo:
    """What ran, and what was read, to fill memos of one object in one test."""

    alive: Callable[[], object]
    units: set[int] = field(default_factory=set)
    kept: defaultdict[str, Bag] = field(default_factory=lambda: defaultdict(Bag))


class OwnedMemos:
    """The memos of the open test, by object."""

    def __init__(self) -> None:
        self._memos: dict[int, Memo] = {}

    def of(self, owner: object, tables: tuple[str, ...]) -> Memo | None:
        """The memo of an object; ``None`` if it, or one of ``tables`` (its attributes), may be shared."""
        own = getattr(owner, "__dict__", None)
        if type(own) is not dict or sys.getrefcount(own) > _ALONE:
            return None
        for name in tables:
            table = own.get(name)
            if table is None or sys.getrefcount(table) > _ALONE:
                return None
        del own
        memo = self._memos.get(_name(owner))
        if memo is None or memo.alive() is not owner:  # the address of an object that is gone
            try:
                memo = self._memos[_name(owner)] = Memo(weakref.ref(owner))
            except TypeError:
                return None
        return memo

    def outliving(self, folded: set[int]) -> list[Memo]:
        """Those with more than is ``folded`` whose object is still there at the end of the test; all are forgotten."""
        found = [m for m in self._memos.values() if m.alive() is not None and not (m.units <= folded and not m.kept)]
        if found:
            collect(1)  # a circle of young objects is as good as gone
            found = [memo for memo in found if memo.alive() is not None]
        self._memos.clear()
        return found
