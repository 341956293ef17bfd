"""The cheapest set of options that answers every need: weighted set cover, exact.

Theorem: what is returned as exact has the least price of all subsets of the options that answer every need. Needs that
share no option are answered apart; an option that answers no more than another and costs no less is dropped, and so is
a need that is answered whenever another one is (Garfinkel and Nemhauser, 1972); the rest is searched by branch and
bound, where needs without a common option bound the price from below.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_NODES = 300_000
MAX_NEEDS = 400  # of one component, after all reductions; beyond, the search would be cut short anyway


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


class _Search:
    """Branch and bound over the needs of one component; sets of needs are bits, the least answerable need lowest."""

    def __init__(self, needs: Sequence[frozenset[int]], prices: Sequence[int]) -> None:
        ordered = sorted(needs, key=lambda need: (len(need), sorted(need)))
        self._prices = prices
        self._options = [sorted(need, key=lambda i: (prices[i], i)) for need in ordered]
        self._covers: dict[int, int] = {}
        for place, need in enumerate(ordered):
            for option in need:
                self._covers[option] = self._covers.get(option, 0) | 1 << place
        self._near = [_union(self._covers[i] for i in options) for options in self._options]
        everything = (1 << len(ordered)) - 1
        self.best = self._greedy(everything)
        self._least = sum(prices[i] for i in self.best)
        self._seen: dict[int, int] = {}
        self.nodes = 0
        if len(ordered) <= MAX_NEEDS:
            self._descend(everything, (), 0)
        else:
            self.nodes = MAX_NODES + 1

    def _greedy(self, left: int) -> set[int]:
        """An answer to begin with: always the option that answers most for its price."""
        taken: set[int] = set()
        while left:
            useful = (i for i in sorted(self._covers) if self._covers[i] & left)
            pick = min(useful, key=lambda i: self._prices[i] / (self._covers[i] & left).bit_count())
            taken.add(pick)
            left &= ~self._covers[pick]
        return taken

    def _descend(self, left: int, taken: tuple[int, ...], price: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            return
        if not left:
            if price < self._least:
                self.best, self._least = set(taken), price
            return
        if self._seen.get(left, price + 1) <= price or price + self._bound(left) >= self._least:
            return
        self._seen[left] = price
        for option in self._options[_lowest(left)]:
            self._descend(left & ~self._covers[option], (*taken, option), price + self._prices[option])

    def _bound(self, left: int) -> int:
        """At least this is paid: needs without a common option are each answered by an option of their own."""
        least = 0
        while left:
            place = _lowest(left)
            least += self._prices[self._options[place][0]]
            left &= ~self._near[place]
        return least


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _union(sets: Iterable[int]) -> int:
    return reduce(or_, sets, 0)
