"""The fallback, with the real CrossHair: labelled, replayed, never ``proven``."""

from __future__ import annotations

import pytest

pytest.importorskip("z3")
pytest.importorskip("crosshair", reason="the fallback is an extra: symbolic-crosshair")

import maestro_symbolic
from maestro_hooks.testing import check
from maestro_symbolic.crosshair import arguments_of
from maestro_symbolic.targets import targets_of

SOURCE = '''
import heapq


def smallest(xs: list[int]) -> int:
    """
    pre: 1 <= len(xs) <= 2
    post: all(_ <= x for x in xs)
    """
    heap = list(xs)
    heapq.heapify(heap)
    return heap[0]


def narrow(x: int, y: int) -> int:
    """post: _ != 77345"""
    heapq.heapify([])
    if x > 1000 and y == x + 17:
        return 77345
    return 0


def contradictory(x: int) -> int:
    """
    pre: x > 0
    pre: x < 0
    post: True
    """
    heapq.heapify([])
    return x
'''


def test_crosshair_decides_what_is_outside_the_subset() -> None:
    settings = {"crosshair": True, "crosshair_timeout_s": 10}
    claims = check(maestro_symbolic, {"one.py": SOURCE, "two/one.py": SOURCE}, settings=settings)
    found = {c.record.key.removeprefix("symbolic/verdict/"): c for c in claims if "verdict" in c.record.key}
    for module in ("one", "two.one"):  # two files of one name, each asked alone
        names = ("smallest", "narrow", "contradictory")
        values = {name: found[f"{module}.{name}"].findings[0].properties["verdict"] for name in names}
        assert values == {
            "smallest": "crosshair-confirmed",
            "narrow": "crosshair-refuted",
            "contradictory": "vacuous",
        }
        facts = found[f"{module}.narrow"].findings[0].properties
        assert facts["counterexample"]["arguments"]["x"]["int"].startswith("0x")  # type: ignore[index]


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ("f(1, [2, 3])", {"a": {"int": "0x1"}, "b": {"list": [{"int": "0x2"}, {"int": "0x3"}]}}),
        ("f(1, b = [])", {"a": {"int": "0x1"}, "b": {"list": []}}),
        ("f(Thing(), [])", None),
        ("f(1)", None),
        ("f(1, 2, 3)", None),
        ("f(", None),
    ],
)
def test_its_input_is_read_or_left_alone(call: str, known: object) -> None:
    target = targets_of("m.py", 'def f(a: int, b: list[int]) -> int:\n    """post: True"""\n    return a\n')[0]
    assert arguments_of(target, call) == known
