"""One text of every class that a set of patterns tells apart.

Theorem: for patterns P1..Pn, ``cells`` holds a text for each subset S of them such that some text is described by the
patterns of S and by no other; so whatever holds for all cells holds for all texts. A pattern is a nondeterministic
automaton with a state for each of its prefixes; the joint automaton, made deterministic (Rabin and Scott, 1959), is
searched breadth first, so each text is a shortest one.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache

MAX_STATES = 20_000
_SPARE = "x" + string.ascii_letters + string.digits


class TooManyCellsError(Exception):
    """The joint automaton is larger than is searched; nothing was proved."""


@lru_cache(maxsize=4096)
def cells(patterns: tuple[str, ...], *, keys: bool = False) -> tuple[str, ...]:
    """A shortest text of each cell, none of them empty; with ``keys`` each reads ``plugin/metric[/subject]``.

    Raises:
        TooManyCellsError: the patterns tell more apart than can be searched.
    """
    search = _Search(tuple(_Automaton.of(p) for p in patterns), keys=keys)
    found: dict[tuple[bool, ...], str] = {}
    # What people would write is tried first, so that a suggested case reads well.
    for text in (p.replace("*", "x") for p in patterns):
        if search.is_text(text):
            found.setdefault(search.cell(text), text)
    alphabet = sorted({c for p in patterns for c in p if c != "*"} | ({"/"} if keys else set()))
    spare = next((c for c in _SPARE if c not in alphabet), None)
    letters = ([spare] if spare else []) + alphabet
    seen = {search.start}
    layer = [(search.start, "")]
    while layer:
        following = []
        for state, text in layer:
            for letter in letters:
                after = search.step(state, letter)
                if after in seen or (keys and after[0] < 0):
                    continue
                seen.add(after)
                following.append((after, text + letter))
                if search.is_key(after):
                    found.setdefault(search.accepted(after), text + letter)
        if len(seen) > MAX_STATES:
            raise TooManyCellsError(f"{len(patterns)} patterns")
        layer = following
    return tuple(found[cell] for cell in sorted(found, reverse=True))


def is_key(text: str) -> bool:
    """Whether ``text`` reads ``plugin/metric`` or ``plugin/metric/subject``."""
    plugin, _, metric = text.partition("/")
    return bool(plugin and metric and metric[0] != "/")


@dataclass(frozen=True, slots=True)
class _Automaton:
    """A pattern as bit sets over its positions: bit i stands for "the first i characters are matched"."""

    length: int
    stars: int
    letters: dict[str, int]

    @classmethod
    def of(cls, pattern: str) -> _Automaton:
        text = re.sub(r"\*+", "*", pattern)
        letters: dict[str, int] = {}
        for i, c in enumerate(text):
            letters[c] = letters.get(c, 0) | 1 << i
        return cls(len(text), letters.pop("*", 0), letters)

    def closed(self, states: int) -> int:
        """A star may also match nothing."""
        return states | (states & self.stars) << 1

    def step(self, states: int, letter: str) -> int:
        return self.closed((states & self.letters.get(letter, 0)) << 1 | states & self.stars)

    def accepts(self, states: int) -> bool:
        return bool(states >> self.length & 1)

    def describes(self, text: str) -> bool:
        states = self.closed(1)
        for letter in text:
            states = self.step(states, letter)
        return self.accepts(states)


# What was read of a key: nothing, its plugin, the slash, and (3) at least one character of its metric; -1 is no key.
_KEY_STEPS = {0: (-1, 1), 1: (2, 1), 2: (-1, 3), 3: (3, 3)}
_IS_KEY = 3


class _Search:
    """The joint automaton: a state is what was read of a key, then one bit set for each pattern."""

    def __init__(self, automata: tuple[_Automaton, ...], *, keys: bool) -> None:
        self._automata = automata
        self._keys = keys
        self.start = (0, *(a.closed(1) for a in automata))

    def step(self, state: tuple[int, ...], letter: str) -> tuple[int, ...]:
        read = _KEY_STEPS[state[0]][letter != "/"] if self._keys else _IS_KEY
        return (read, *(a.step(s, letter) for a, s in zip(self._automata, state[1:], strict=True)))

    def is_key(self, state: tuple[int, ...]) -> bool:
        return state[0] == _IS_KEY

    def accepted(self, state: tuple[int, ...]) -> tuple[bool, ...]:
        return tuple(a.accepts(s) for a, s in zip(self._automata, state[1:], strict=True))

    def is_text(self, text: str) -> bool:
        """Whether ``text`` is not empty and, where keys are asked for, one."""
        return is_key(text) if self._keys else bool(text)

    def cell(self, text: str) -> tuple[bool, ...]:
        return tuple(a.describes(text) for a in self._automata)
