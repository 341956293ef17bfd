"""When to ask a remote tier again: capped exponential backoff with full jitter, within attempts and a deadline.

Invariant: a call makes at most ``attempts`` tries, retries only the errors named, tries nothing after a success, and
never begins to wait for a try that could not start before the deadline. Clock, sleep and randomness are passed in.

The ``pre:``, ``post:`` and ``inv:`` lines are contracts in the form of PEP 316, which ``maestro_symbolic`` proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_ATTEMPTS = 16
DRAW_BITS = 32
GIVE_UP = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently.

    Attributes:
        attempts: tries in all, the first included; at most ``MAX_ATTEMPTS``.
        base_ms: the longest wait after the first failure; it doubles with each further one.
        cap_ms: no wait is longer.
        deadline_ms: no try begins later than this after the first one began.

    inv: 1 <= self.attempts <= 16
    inv: 0 <= self.base_ms <= self.cap_ms
    inv: self.deadline_ms >= 0
    """

    attempts: int = 4
    base_ms: int = 100
    cap_ms: int = 5_000
    deadline_ms: int = 30_000

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for numbers out of range."""
        if not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise ValueError(f"attempts must be 1 to {MAX_ATTEMPTS}, got {self.attempts}")
        if not 0 <= self.base_ms <= self.cap_ms or self.deadline_ms < 0:
            raise ValueError("base_ms must be 0 to cap_ms, and deadline_ms not negative")


def ceiling_ms(policy: RetryPolicy, failures: int) -> int:
    """The longest wait after ``failures`` failed tries: ``min(cap, base * 2 ** (failures - 1))``.

    pre: 1 <= failures <= 16
    post: policy.base_ms <= __return__ <= policy.cap_ms
    post: __return__ == min(policy.cap_ms, policy.base_ms * 2 ** (failures - 1))
    """
    ceiling = policy.base_ms
    for _ in range(failures - 1):
        if ceiling >= policy.cap_ms:
            break
        ceiling *= 2
    return min(ceiling, policy.cap_ms)


def delay_ms(policy: RetryPolicy, failures: int, draw: int) -> int:
    """The wait after ``failures`` failed tries, ``draw`` (32 random bits) spreading it evenly over 0..ceiling.

    pre: 1 <= failures <= 16
    pre: 0 <= draw < 2 ** 32
    post: 0 <= __return__ <= ceiling_ms(policy, failures)
    """
    return draw * (ceiling_ms(policy, failures) + 1) >> DRAW_BITS


def next_delay_ms(policy: RetryPolicy, failures: int, *, elapsed_ms: int, draw: int) -> int:
    """The wait before the next try, or ``GIVE_UP`` when attempts or time are used up.

    pre: 1 <= failures <= 16
    pre: elapsed_ms >= 0
    pre: 0 <= draw < 2 ** 32
    post: __return__ == -1 or 0 <= __return__ <= policy.cap_ms
    post: __return__ == -1 or failures < policy.attempts
    post: __return__ == -1 or elapsed_ms + __return__ <= policy.deadline_ms
    """
    if failures >= policy.attempts:
        return GIVE_UP
    delay = delay_ms(policy, failures, draw)
    return delay if elapsed_ms + delay <= policy.deadline_ms else GIVE_UP


def call(
    operation: Callable[[], T],
    *,
    policy: RetryPolicy,
    retry_on: tuple[type[Exception], ...],
    clock_ms: Callable[[], int],
    sleep_ms: Callable[[int], None],
    draw: Callable[[], int],
) -> T:
    """What ``operation`` returns, tried again after the errors in ``retry_on`` as the policy allows.

    ``draw`` gives 32 random bits (``lambda: random.getrandbits(32)``).

    Raises:
        Exception: the last error, once the policy gives up; any other error of ``operation`` at once.
    """
    began = clock_ms()
    failures = 0
    while True:
        try:
            return operation()
        except retry_on:
            failures += 1
            delay = next_delay_ms(policy, failures, elapsed_ms=max(0, clock_ms() - began), draw=draw())
            if delay == GIVE_UP:
                raise
        sleep_ms(delay)
