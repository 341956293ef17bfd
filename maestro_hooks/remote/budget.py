"""A token bucket that guards what may be spent on a remote tier.

Invariant: the level stays between nothing and the capacity, ordinary work never touches the reserve, and a refused
charge changes nothing. Time is passed in; levels are exact integers, so no rounding is ever lost or gained.

The ``pre:``, ``post:`` and ``inv:`` lines are contracts in the form of PEP 316, which ``maestro_symbolic`` proves.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The state of a bucket.

    Attributes:
        capacity: most tokens it holds.
        rate: tokens added per second; 0 never refills.
        reserve: tokens that only urgent work may take.
        level: millionths of a token it holds, so that a microsecond's refill is a whole number.
        at_us: when ``level`` was true, microseconds of any monotonic clock.

    inv: self.capacity >= 1
    inv: self.rate >= 0
    inv: 0 <= self.reserve <= self.capacity
    inv: 0 <= self.level <= self.capacity * 1_000_000
    inv: self.at_us >= 0
    """

    capacity: int
    rate: int
    reserve: int
    level: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Charge:
    """The answer to a charge; ``wait_us`` is when to ask again, 0 if accepted, -1 if waiting will not help."""

    accepted: bool
    budget: Budget
    wait_us: int


def full(capacity: int, *, rate: int, now_us: int, reserve: int = 0) -> Budget:
    """A full bucket.

    Raises:
        ValueError: a number is out of range.

    raises: ValueError
    post: __return__.level == capacity * 1_000_000
    post: __return__.reserve == reserve
    """
    if capacity < 1 or rate < 0 or now_us < 0 or not 0 <= reserve <= capacity:
        raise ValueError("capacity must be at least 1, rate and time not negative, and the reserve within capacity")
    return Budget(capacity=capacity, rate=rate, reserve=reserve, level=capacity * SECOND_US, at_us=now_us)


def refill(budget: Budget, now_us: int) -> Budget:
    """The bucket at ``now_us``; a clock that went backwards adds nothing and never moves the bucket back.

    post: __return__.level >= budget.level
    post: __return__.level <= budget.capacity * 1_000_000
    post: __return__.at_us >= budget.at_us
    post: (__return__.capacity, __return__.rate) == (budget.capacity, budget.rate)
    post: __return__.reserve == budget.reserve
    """
    elapsed_us = max(0, now_us - budget.at_us)
    return Budget(
        capacity=budget.capacity,
        rate=budget.rate,
        reserve=budget.reserve,
        level=min(budget.capacity * SECOND_US, budget.level + elapsed_us * budget.rate),
        at_us=max(budget.at_us, now_us),
    )


def charge(budget: Budget, tokens: int, *, now_us: int, urgent: bool = False) -> Charge:
    """Take ``tokens`` if the bucket allows it at ``now_us``; otherwise say how long to wait.

    The refill up to ``now_us`` is part of the answer either way.

    Raises:
        ValueError: ``tokens`` is negative; a charge must not fill the bucket.

    raises: ValueError
    post: __return__.accepted == (__return__.wait_us == 0)
    post: __return__.wait_us >= -1
    post: __return__.accepted or __return__.budget == refill(budget, now_us)
    post: not __return__.accepted or __return__.budget.level == refill(budget, now_us).level - tokens * 1_000_000
    post: not __return__.accepted or tokens == 0 or urgent or __return__.budget.level >= budget.reserve * 1_000_000
    post: 0 <= __return__.budget.level <= budget.capacity * 1_000_000
    """
    if tokens < 0:
        raise ValueError(f"a charge cannot be negative: {tokens}")
    present = refill(budget, now_us)
    floor = 0 if urgent else present.reserve
    missing = (floor + tokens) * SECOND_US - present.level
    if tokens > 0 and missing > 0:
        return Charge(accepted=False, budget=present, wait_us=_wait_us(present, floor + tokens, missing))
    spent = Budget(
        capacity=present.capacity,
        rate=present.rate,
        reserve=present.reserve,
        level=present.level - tokens * SECOND_US,
        at_us=present.at_us,
    )
    return Charge(accepted=True, budget=spent, wait_us=0)


def _wait_us(budget: Budget, wanted: int, missing: int) -> int:
    """Microseconds until ``missing`` millionths have flowed in, rounded up; -1 if that never happens.

    pre: missing > 0
    post: __return__ == -1 or __return__ * budget.rate >= missing
    post: __return__ == -1 or (__return__ - 1) * budget.rate < missing
    post: (__return__ == -1) == (budget.rate == 0 or wanted > budget.capacity)
    """
    if budget.rate == 0 or wanted > budget.capacity:
        return -1
    return -(-missing // budget.rate)
