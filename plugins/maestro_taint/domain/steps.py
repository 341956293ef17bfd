"""How data came here: steps as a rope, so that joining a callee's way to its caller's costs nothing.

Invariant: a step is ``(file, position, words, before, length)``; a joint is ``(None, later, earlier, None, length)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LENGTH = 60


def step(file: str, position: int, words: str, before: Any = None) -> Any:
    """One step after ``before``."""
    return (file, position, words, before, 1 if before is None else before[4] + 1)


def joined(later: Any, earlier: Any) -> Any:
    """The steps of ``later`` after those of ``earlier``; of a very long way only the beginning is kept."""
    if later is None:
        return earlier
    if earlier is None:
        return later
    total = later[4] + earlier[4]
    return earlier if total > MAX_LENGTH else (None, later, earlier, None, total)


def length(one: Any) -> int:
    """The number of steps."""
    return 0 if one is None else int(one[4])


def backwards(one: Any) -> Iterator[tuple[str, int, str]]:
    """(file, position, words) of each step, the last one first."""
    stack = [one]
    while stack:
        found = stack.pop()
        if found is None:
            continue
        if found[0] is None:
            stack += (found[2], found[1])
        else:
            yield found[:3]
            stack.append(found[3])
