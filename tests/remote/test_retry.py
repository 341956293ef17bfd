"""Retries: bounded waits, only the errors named, nothing after a success, the deadline kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.remote.retry import GIVE_UP, RetryPolicy, call, ceiling_ms, delay_ms, next_delay_ms

ALL_BITS = 2**32 - 1


@dataclass
class World:
    """A clock that moves only when somebody sleeps, and an operation that fails as planned."""

    plan: list[Exception | str]
    now: int = 0
    slept: list[int] = field(default_factory=list)
    tries: int = 0

    def operation(self) -> str:
        self.tries += 1
        outcome = self.plan.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, delay: int) -> None:
        self.slept.append(delay)
        self.now += delay

    def run(self, policy: RetryPolicy) -> str:
        return call(
            self.operation,
            policy=policy,
            retry_on=(ConnectionError, TimeoutError),
            clock_ms=lambda: self.now,
            sleep_ms=self.sleep,
            draw=lambda: ALL_BITS,
        )


def test_ceilings_double_up_to_the_cap() -> None:
    policy = RetryPolicy(base_ms=100, cap_ms=1000)
    assert [ceiling_ms(policy, n) for n in range(1, 7)] == [100, 200, 400, 800, 1000, 1000]


def test_the_draw_spreads_the_delay_over_the_whole_range() -> None:
    policy = RetryPolicy(base_ms=100)
    assert (delay_ms(policy, 1, 0), delay_ms(policy, 1, ALL_BITS), delay_ms(policy, 1, 2**31)) == (0, 100, 50)


def test_a_success_ends_the_tries() -> None:
    world = World([ConnectionError("a"), TimeoutError("b"), "done", "never"])
    assert world.run(RetryPolicy()) == "done"
    assert (world.tries, world.slept) == (3, [100, 200])


def test_the_last_error_is_raised_when_attempts_are_used_up() -> None:
    world = World([ConnectionError(str(n)) for n in range(9)])
    with pytest.raises(ConnectionError, match="2"):
        world.run(RetryPolicy(attempts=3))
    assert (world.tries, len(world.slept)) == (3, 2)


def test_an_error_that_is_not_named_is_not_retried() -> None:
    world = World([KeyError("k"), "never"])
    with pytest.raises(KeyError):
        world.run(RetryPolicy())
    assert (world.tries, world.slept) == (1, [])


def test_no_wait_begins_that_would_pass_the_deadline() -> None:
    world = World([ConnectionError(str(n)) for n in range(9)])
    with pytest.raises(ConnectionError):
        world.run(RetryPolicy(attempts=9, deadline_ms=250))
    assert world.slept == [100]


@pytest.mark.parametrize(
    "numbers",
    [{"attempts": 0}, {"attempts": 17}, {"base_ms": -1}, {"base_ms": 10, "cap_ms": 9}, {"deadline_ms": -1}],
)
def test_policies_out_of_range_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**numbers)


@given(
    st.integers(1, 16),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**7),
    st.integers(1, 16),
    st.integers(0, ALL_BITS),
)
@settings(derandomize=True, max_examples=200)
def test_delays_stay_inside_every_bound(
    attempts: int, base: int, more: int, elapsed: int, failures: int, draw: int
) -> None:
    policy = RetryPolicy(attempts=attempts, base_ms=base, cap_ms=base + more)
    delay = next_delay_ms(policy, failures, elapsed_ms=elapsed, draw=draw)
    assert delay == GIVE_UP or (0 <= delay <= policy.cap_ms and failures < attempts)
    assert delay == GIVE_UP or elapsed + delay <= policy.deadline_ms
    assert ceiling_ms(policy, failures) == min(policy.cap_ms, policy.base_ms * 2 ** (failures - 1))
