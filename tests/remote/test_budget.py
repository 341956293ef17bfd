"""The token bucket: exact levels, an untouched reserve, refusals that change nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.remote.budget import SECOND_US, Budget, charge, full, refill

numbers = st.integers(0, 10**9)


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    capacity = draw(st.integers(1, 10**6))
    return Budget(
        capacity=capacity,
        rate=draw(st.integers(0, 1000)),
        reserve=draw(st.integers(0, capacity)),
        level=draw(st.integers(0, capacity * SECOND_US)),
        at_us=draw(numbers),
    )


def test_a_full_bucket_serves_down_to_its_reserve_and_refills_with_time() -> None:
    bucket = full(10, rate=2, reserve=3, now_us=0)
    first = charge(bucket, 7, now_us=0)
    assert first.accepted
    assert first.budget.level == 3 * SECOND_US
    refused = charge(first.budget, 1, now_us=0)
    assert not refused.accepted
    assert refused.wait_us == SECOND_US // 2
    assert charge(first.budget, 1, now_us=SECOND_US // 2).accepted
    assert charge(first.budget, 3, now_us=0, urgent=True).accepted


def test_what_can_never_be_had_says_so() -> None:
    assert charge(full(10, rate=2, now_us=0), 11, now_us=0).wait_us == -1
    assert charge(Budget(capacity=5, rate=0, reserve=0, level=0, at_us=0), 1, now_us=10**12).wait_us == -1


@pytest.mark.parametrize(
    ("capacity", "rate", "reserve", "now_us"), [(0, 1, 0, 0), (1, -1, 0, 0), (1, 1, 2, 0), (1, 1, 0, -1), (1, 1, -1, 0)]
)
def test_numbers_out_of_range_are_refused(capacity: int, rate: int, reserve: int, now_us: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        full(capacity, rate=rate, reserve=reserve, now_us=now_us)


def test_a_negative_charge_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        charge(full(1, rate=1, now_us=0), -1, now_us=0)


@given(bucket=budgets(), tokens=st.integers(0, 10**7), now_us=numbers, urgent=st.booleans())
@settings(derandomize=True, max_examples=200)
def test_levels_stay_in_range_and_waiting_as_told_is_enough(
    bucket: Budget, tokens: int, now_us: int, *, urgent: bool
) -> None:
    answer = charge(bucket, tokens, now_us=now_us, urgent=urgent)
    assert 0 <= answer.budget.level <= bucket.capacity * SECOND_US
    if answer.accepted:
        assert tokens == 0 or urgent or answer.budget.level >= bucket.reserve * SECOND_US
        return
    assert answer.budget == refill(bucket, now_us)
    if answer.wait_us > 0:
        later = answer.budget.at_us + answer.wait_us
        assert charge(answer.budget, tokens, now_us=later, urgent=urgent).accepted
        assert not charge(answer.budget, tokens, now_us=later - 1, urgent=urgent).accepted
