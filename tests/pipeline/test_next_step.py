from __future__ import annotations

import datetime as dt
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.pipeline.cover import cheapest_cover
from maestro_hooks.pipeline.evasion import lowers
from maestro_hooks.pipeline.next_step import RISKS, Plan, plan
from maestro_hooks.pipeline.remedies import Producers
from maestro_hooks.policy.document import Waiver
from maestro_hooks.policy.results import Outcome, RuleResult
from maestro_hooks.requests import Advice

TODAY = dt.date(2026, 11, 22)
KEYS = [f"k/{n}" for n in range(5)]


def blocked(*keys: str, outcome: Outcome = Outcome.UNMET) -> list[RuleResult]:
    return [RuleResult(rule=f"rule-{key[-1]}", key=key, outcome=outcome, blocking=True) for key in keys]


def planned(keys: tuple[str, ...], *advice: Advice, waivers: tuple[Waiver, ...] = ()) -> Plan:
    return plan(blocked(*keys), advice, waivers=waivers, today=TODAY, policy_files=("policy.yaml",))


advice = st.builds(
    Advice,
    key=st.sampled_from([*KEYS, "k/*"]),
    action=st.sampled_from("abcdef"),
    command=st.just(()),
    cost_s=st.integers(0, 40),
    risk=st.sampled_from(RISKS),
)


@settings(derandomize=True, max_examples=250, deadline=None)
@given(st.lists(advice, max_size=8), st.integers(1, 5))
def test_no_cheaper_set_of_actions_meets_the_policy(given_advice: list[Advice], count: int) -> None:
    keys = KEYS[:count]
    made = planned(tuple(keys), *given_advice)
    assert made.exact
    covered = {key for action in made.actions for key in action.keys}
    assert covered == set(keys)

    # All actions there are, merged by name as the plan merges them, with the host's fallback for the rest.
    options: dict[str, tuple[int, str, frozenset[str]]] = {}
    for a in given_advice:
        answered = frozenset(keys) if a.key == "k/*" else frozenset({a.key}) & frozenset(keys)
        if not answered:
            continue
        cost, risk, before = options.get(a.action, (0, "none", frozenset()))
        worst = max((a.cost_s, RISKS.index(a.risk)), (cost, RISKS.index(risk)))
        options[a.action] = (worst[0], RISKS[worst[1]], answered | before)
    helped = {key for _, _, answered in options.values() for key in answered}
    for key in set(keys) - helped:
        options[f"fallback {key}"] = (600, "medium", frozenset({key}))
    prices = [
        (sum(c for c, _, _ in chosen), sum(10 ** RISKS.index(r) for _, r, _ in chosen), size)
        for size in range(1, len(options) + 1)
        for chosen in combinations(options.values(), size)
        if frozenset().union(*(k for _, _, k in chosen)) == set(keys)
    ]
    found = (
        sum(a.cost_s for a in made.actions),
        sum(10 ** RISKS.index(a.risk) for a in made.actions),
        len(made.actions),
    )
    assert found == min(prices)


def test_one_action_for_many_obligations_beats_many_for_one_each() -> None:
    each = [Advice(key, f"mend {key}", (), 50) for key in KEYS]
    made = planned(tuple(KEYS), *each, Advice("k/*", "mend all", ("all",), 200))
    assert [a.action for a in made.actions] == ["mend all"]
    assert made.actions[0].rules == tuple(f"rule-{n}" for n in range(5))
    cheap = planned(tuple(KEYS), *each, Advice("k/*", "mend all", ("all",), 251))
    assert len(cheap.actions) == 5


def test_least_risk_among_equals() -> None:
    made = planned(("k/0",), Advice("k/0", "a", (), 5, "high"), Advice("k/0", "b", (), 5, "low"))
    assert [a.action for a in made.actions] == ["b"]


@pytest.mark.parametrize(
    "evasion",
    [
        Advice("k/0", "lower the bound in policy.yaml", (), 0, "none"),
        Advice("k/0", "edit", ("sed", "-i", "s/80/70/", "./POLICY.yaml"), 0, "none"),
        Advice("k/0", "seal", ("maestro", "seal", "--allow-unfinished"), 0, "none"),
        Advice("k/0", "push", ("git", "push", "--no-verify"), 0, "none"),
        Advice("k/0", "skip", ("env", "MAESTRO_DISABLE=taint", "maestro", "run"), 0, "none"),
    ],
)
def test_advice_that_evades_a_check_is_refused_and_said_so(evasion: Advice) -> None:
    assert lowers(evasion, ("policy.yaml",))
    made = planned(("k/0",), evasion, Advice("k/0", "mend it", (), 9000, "high"))
    assert [a.action for a in made.actions] == ["mend it"]
    assert made.refused == (evasion.action,)


def test_an_expired_waiver_may_be_renewed_by_its_owner() -> None:
    waiver = Waiver(key="k/0", owner="boss", reason="r", expires="2026-11-21")
    made = planned(("k/0",), waivers=(waiver,))
    assert "boss" in made.actions[0].action
    assert made.actions[0].risk == "medium"
    current = Waiver(key="k/0", owner="boss", reason="r", expires="2026-11-22")
    assert "boss" not in planned(("k/0",), waivers=(current,)).actions[0].action


def test_what_is_missing_is_recorded_by_the_main_job_at_once() -> None:
    missing = blocked("pytest/failed", "build/completed", "bandit/issues", outcome=Outcome.MISSING)
    made = plan(missing, [], today=TODAY, policy_files=("p",))
    assert [(a.command, len(a.keys)) for a in made.actions] == [(("maestro", "run"), 3)]


def test_nothing_blocked_needs_nothing() -> None:
    assert plan([], [Advice("k/0", "a")], today=TODAY, policy_files=("p",)) == Plan()


def test_a_search_that_was_cut_short_says_so_and_still_answers_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tuple(f"k/{n}" for n in range(21))
    # Each option answers a line of the projective plane of order 4: no line beats another, so nothing is dropped.
    lines = [[(n + shift) % 21 for shift in (0, 1, 4, 14, 16)] for n in range(21)]
    knotted = [Advice(keys[k], f"line {n}", (), 10) for n, line in enumerate(lines) for k in line]
    full = planned(keys, *knotted)
    assert full.exact
    assert len(full.actions) == 5  # the lines through one point
    monkeypatch.setattr("maestro_hooks.pipeline.cover.MAX_NODES", 3)
    cut = planned(keys, *knotted)
    assert not cut.exact
    assert {key for a in cut.actions for key in a.keys} == set(keys)


def test_many_alike_are_solved_exactly() -> None:
    keys = tuple(f"taint/flows/f{n}.py" for n in range(3000))
    made = planned(keys, Advice("taint/*", "fix all", (), 60))
    assert made.exact
    assert [a.action for a in made.actions] == ["fix all"]


instances = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.lists(st.frozensets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=14),
        st.lists(st.integers(1, 6), min_size=count, max_size=count),
    )
)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(instances)
def test_the_cover_is_the_cheapest(instance: tuple[list[frozenset[int]], list[int]]) -> None:
    needs, prices = instance
    chosen, exact = cheapest_cover(needs, prices)
    assert exact
    assert all(need & set(chosen) for need in needs)
    cheapest = min(
        sum(prices[i] for i in subset)
        for size in range(len(prices) + 1)
        for subset in combinations(range(len(prices)), size)
        if all(need & set(subset) for need in needs)
    )
    assert sum(prices[i] for i in chosen) == cheapest


PRODUCERS = Producers(
    present={"taint": "taint", "pytest": "pytest", "coverage": "reports"},
    ran=frozenset({"coverage"}),
    absent={"symbolic": ("symbolic", "pip install 'maestro-conductor[symbolic]'")},
)


@pytest.mark.parametrize(
    ("key", "words", "command"),
    [
        ("taint/flows", "run the main job", ("maestro", "run")),
        ("pytest/failed", "run the main job", ("maestro", "run")),
        ("coverage/lines", "reports ran on this tree and claims no coverage/lines", ("maestro", "config")),
        ("symbolic/verdict/*", "pip install 'maestro-conductor[symbolic]'", ()),
        ("review/second", "nothing installed here records review/...", ("maestro", "plugins")),
        ("*/gate", "run the main job", ("maestro", "run")),
    ],
)
def test_the_main_job_is_proposed_only_where_it_can_help(key: str, words: str, command: tuple[str, ...]) -> None:
    missing = blocked(key, outcome=Outcome.MISSING)
    made = plan(missing, (), today=TODAY, policy_files=("p",), producers=PRODUCERS)
    (action,) = made.actions
    assert words in action.action
    assert action.command == command
    told = plan(missing, [Advice(key, "record it", (), 7)], today=TODAY, policy_files=("p",), producers=PRODUCERS)
    assert [a.action for a in told.actions] == ["record it"]


def test_an_action_carries_the_policys_reasons() -> None:
    result = RuleResult(rule="r", key="k/0", outcome=Outcome.UNMET, blocking=True, why="four eyes see more than two")
    (action,) = plan([result], (), today=TODAY, policy_files=("p",)).actions
    assert action.reasons == ("four eyes see more than two",)


@pytest.mark.parametrize(
    "words",
    [
        "relax the coverage threshold",
        "disable the taint gate",
        "raise the maximum of open flows",
        "pin policies/organisation.yaml anew",
        "delete this rule",
        "skip that check for now",
    ],
)
def test_words_that_loosen_are_refused(words: str) -> None:
    assert lowers(Advice("k/0", words), ("policy.yaml", "policies/organisation.yaml"))


@pytest.mark.parametrize(
    "words",
    [
        "apply the 3 verified repairs",
        "reduce the time of test_slow below its bound of 3 s",
        "mend the policy's cases",
        "add a check of the length before the call",
        "remove the call in src/limits.py",
        "raise ValueError where the limit is passed",
    ],
)
def test_words_that_mend_are_not(words: str) -> None:
    assert not lowers(Advice("k/0", words), ("policy.yaml",))
