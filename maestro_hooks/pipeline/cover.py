"""The cheapest set of options that answers every need: weighted set cover, exact.

Theorem: what is returned as exact has the least price of all subsets of the options that answer every need. Needs that
share no option are answered apart; an option that answers no more than another and costs no less is dropped, and so is
a need that is answered whenever another one is (Garfinkel and Nemhauser, 1972); the rest is searched by branch and
bound, where needs without a common option bound the price from below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_NODES = 200_000


def cheapest_cover(needs: Sequence[frozenset[int]], prices: Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """The options to take, and whether that is proved to be cheapest.

    Args:
        needs: for each need the options that answer it, at least one.
        prices: the price of each option; all are positive.
    """
    chosen: set[int] = set()
    exact = True
    for part in _components(sorted(set(needs), key=sorted)):
        forced, left = _reduced(part, prices)
        chosen |= forced
        for rest in _components(left):
            search = _Search(rest, prices)
            chosen |= search.best
            exact = exact and search.nodes <= MAX_NODES
    return tuple(sorted(chosen)), exact


def _components(needs: Sequence[frozenset[int]]) -> Iterator[list[frozenset[int]]]:
    """Needs that share options, directly or through others, together."""
    by_option: dict[int, list[int]] = {}
    for place, need in enumerate(needs):
        for option in need:
            by_option.setdefault(option, []).append(place)
    seen: set[int] = set()
    for start in range(len(needs)):
        if start in seen:
            continue
        seen.add(start)
        reached = [start]
        for place in reached:  # grows while it is walked
            near = {other for option in needs[place] for other in by_option.pop(option, ())} - seen
            seen |= near
            reached += sorted(near)
        yield [needs[place] for place in sorted(reached)]


def _reduced(needs: list[frozenset[int]], prices: Sequence[int]) -> tuple[set[int], list[frozenset[int]]]:
    """Options that every cheapest answer can take, and the needs they leave open."""
    forced: set[int] = set()
    while True:
        before = list(needs)
        needs = [n for n in needs if not any(other < n for other in needs)]
        needs = _without_dominated(needs, prices)
        single = {option for need in needs if len(need) == 1 for option in need}
        forced |= single
        needs = sorted({n for n in needs if not n & single}, key=sorted)
        if needs == before:
            return forced, needs


def _without_dominated(needs: list[frozenset[int]], prices: Sequence[int]) -> list[frozenset[int]]:
    answers: dict[int, set[int]] = {}
    for place, need in enumerate(needs):
        for option in need:
            answers.setdefault(option, set()).add(place)

    def beaten(option: int) -> bool:
        place = min(answers[option])
        # Whatever answers as much answers this need, too.
        return any(
            answers[option] <= answers[other] and (prices[other], other) < (prices[option], option)
            for other in needs[place] - {option}
            if len(answers[option]) < len(answers[other]) or answers[option] == answers[other]
        )

    kept = {option for option in answers if not beaten(option)}
    return [need & kept for need in needs]


@dataclass
class _Search:
    """Branch and bound over the needs of one component."""

    needs: list[frozenset[int]]
    prices: Sequence[int]
    best: set[int] = field(default_factory=set)
    nodes: int = 0

    def __post_init__(self) -> None:
        self.best = self._greedy()
        self._least = sum(self.prices[i] for i in self.best)
        self._seen: dict[frozenset[int], int] = {}
        self._descend(frozenset(range(len(self.needs))), (), 0)

    def _greedy(self) -> set[int]:
        """An answer to begin with: always the option that answers most for its price."""
        taken: set[int] = set()
        left = list(self.needs)
        while left:
            options = sorted({i for need in left for i in need})
            pick = min(options, key=lambda i: self.prices[i] / sum(i in need for need in left))
            taken.add(pick)
            left = [need for need in left if pick not in need]
        return taken

    def _descend(self, open_needs: frozenset[int], taken: tuple[int, ...], price: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            return
        if not open_needs:
            if (price, sorted(taken)) < (self._least, sorted(self.best)):
                self.best, self._least = set(taken), price
            return
        if self._seen.get(open_needs, price + 1) <= price or price + self._bound(open_needs) > self._least:
            return
        self._seen[open_needs] = price
        need = min(open_needs, key=lambda place: (len(self.needs[place]), place))
        for option in sorted(self.needs[need], key=lambda i: (self.prices[i], i)):
            rest = frozenset(place for place in open_needs if option not in self.needs[place])
            self._descend(rest, (*taken, option), price + self.prices[option])

    def _bound(self, open_needs: frozenset[int]) -> int:
        """At least this is paid: needs without a common option are each answered by an option of their own."""
        used: set[int] = set()
        least = 0
        for place in sorted(open_needs, key=lambda p: (len(self.needs[p]), p)):
            if used.isdisjoint(self.needs[place]):
                used |= self.needs[place]
                least += min(self.prices[i] for i in self.needs[place])
        return least
