"""Verdicts on small functions: traps other tools fell into, contracts nobody can keep, inputs nobody should give."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("z3")

from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_symbolic.verdicts import Outcome

    Check = Callable[..., dict[str, Outcome]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(source: str, name: str = "m.py") -> dict[str, Outcome]:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source)
        judged = judge([Subject(t, place) for t in targets_of(name, source)], tmp_path, None, Budget(10**12))
        return {one.target.name: one.outcome for one in judged}

    return run


PRICING = '''
def step(price: float, grad: float, eta: float) -> float:
    """A positive gradient means demand above supply, so the price must rise.

    pre: 0.01 <= price <= 1000000.0
    pre: 0.0 < grad <= 1000.0
    pre: 0.0 < eta <= 1.0
    post: __return__ >= price
    """
    return price - eta * grad
'''


def test_the_plans_pricing_step_is_refuted_and_its_mended_form_is_not(check: Check) -> None:
    outcome = check(PRICING)["step"]
    assert outcome.verdict == "refuted"
    assert outcome.counterexample is not None
    assert outcome.counterexample.clause == "__return__ >= price"
    assert check(PRICING.replace("price - eta", "price + eta"))["step"].verdict in ("proven", "unknown")


def test_trap_a_silent_pass_on_a_float_update_with_a_sign_error(check: Check) -> None:
    source = """
import icontract

@icontract.require(lambda p, g: 0.0 <= p <= 1.0 and 0.0 < g <= 1.0)
@icontract.ensure(lambda p, g, result: result >= p)
def update(p: float, g: float) -> float:
    return max(0.0, min(1.0, p - 0.1 * g))
"""
    assert check(source)["update"].verdict == "refuted"


def test_trap_contradictory_preconditions_are_vacuous_not_passed(check: Check) -> None:
    outcome = check(
        'def f(x: int) -> int:\n    """\n    pre: x > 0\n    pre: x < 0\n    post: False\n    """\n    return x\n'
    )["f"]
    assert (outcome.verdict, outcome.reason) == ("vacuous", "no input satisfies the preconditions")


def test_trap_a_function_that_cannot_return_is_vacuous(check: Check) -> None:
    source = 'def f(x: int) -> int:\n    """\n    post: False\n    raises: ValueError\n    """\n    raise ValueError\n'
    assert check(source)["f"].verdict == "vacuous"


def test_trap_two_files_of_one_name_are_both_judged(check: Check) -> None:
    good = 'def f(x: int) -> int:\n    """post: __return__ > x"""\n    return x + 1\n'
    assert check(good, "one/m.py")["f"].verdict == "proven"
    assert check(good.replace("+ 1", "- 1"), "two/m.py")["f"].verdict == "refuted"


def test_trap_the_second_link_of_a_chained_comparison_counts(check: Check) -> None:
    source = """
import deal

@deal.pre(lambda x: x >= 0)
@deal.post(lambda result: 0 <= result <= 10)
def f(x: int) -> int:
    return x
"""
    outcome = check(source)["f"]
    assert outcome.verdict == "refuted"
    assert outcome.counterexample is not None
    assert int(str(outcome.counterexample.arguments["x"]["int"]), 16) > 10  # type: ignore[index]


@pytest.mark.parametrize(
    ("head", "post", "body"),
    [
        ("n: int", "__return__", "n < 0 or n == float(n)"),
        ("n: int", "__return__ >= 0.0", "n / 3"),
    ],
    ids=["an int beyond 2**53 is not its float", "an int beyond the floats overflows"],
)
def test_trap_confirmed_elsewhere_refuted_by_cpython(check: Check, head: str, post: str, body: str) -> None:
    kind = "bool" if "==" in body else "float"
    source = f'def f({head}) -> {kind}:\n    """\n    pre: n >= 0\n    post: {post}\n    """\n    return {body}\n'
    assert check(source)["f"].verdict in ("refuted", "unknown")


def test_trap_asserts_alone_are_a_contract(check: Check) -> None:
    source = "def f(x: int) -> int:\n    assert x >= 0\n    y = x - 1\n    assert y >= 0\n    return y\n"
    assert check(source)["f"].verdict == "refuted"


def test_floats_are_ieee_and_not_reals(check: Check) -> None:
    source = '''
def f(a: float, b: float, c: float) -> bool:
    """
    pre: 0.0 <= a <= 1.0 and 0.0 <= b <= 1.0 and 0.0 <= c <= 1.0
    post: __return__
    """
    return (a + b) + c == a + (b + c)
'''
    assert check(source)["f"].verdict in ("refuted", "unknown")


def test_annotated_bounds_are_contracts_on_both_ends(check: Check) -> None:
    source = """
from typing import Annotated
from annotated_types import Ge, Le, Interval

Percent = Annotated[int, Ge(0), Le(100)]

def f(x: Percent, y: Annotated[int, Interval(ge=0, le=5)]) -> Percent:
    return max(0, x - y)

def g(x: Percent) -> Percent:
    return x + 1
"""
    found = check(source)
    assert found["f"].verdict == "proven"
    assert found["g"].verdict == "refuted"


def test_snapshots_old_values_and_invariants(check: Check) -> None:
    source = '''
import icontract
from dataclasses import dataclass

@icontract.snapshot(lambda xs: xs[:], name="before")
@icontract.ensure(lambda xs, x, OLD: xs == OLD.before + [x])
def push(xs: list[int], x: int) -> None:
    xs.append(x)

@dataclass
class Level:
    """
    inv: 0 <= self.now <= self.cap
    """
    now: int
    cap: int

    def add(self, n: int) -> None:
        """
        pre: n >= 0
        post: self.now >= __old__.self.now
        """
        self.now = min(self.cap, self.now + n)

    def leak(self, n: int) -> None:
        """post: self.now <= __old__.self.now"""
        self.now = self.now - abs(n)
'''
    found = check(source)
    assert found["push"].verdict == "bounded"
    assert found["Level.add"].verdict == "proven"
    assert found["Level.leak"].verdict == "refuted"


def test_a_callees_precondition_is_owed_by_the_caller(check: Check) -> None:
    source = '''
def half(x: int) -> int:
    """
    pre: x % 2 == 0
    post: __return__ * 2 == x
    """
    return x // 2

def good(x: int) -> int:
    """post: __return__ == x"""
    return half(x * 2)

def bad(x: int) -> int:
    """post: __return__ <= x or x < 0"""
    return half(x)
'''
    found = check(source)
    assert (found["half"].verdict, found["good"].verdict, found["bad"].verdict) == ("proven", "proven", "refuted")


@pytest.mark.parametrize(
    ("source", "verdict", "words"),
    [
        ('def f(x: int) -> int:\n    """post: ( x"""\n    return x\n', "unsupported", "contract"),
        ('def f(x: int) -> int:\n    """post: nowhere > x"""\n    return x\n', "unsupported", "contract"),
        ('def f(x) -> int:\n    """post: True"""\n    return x\n', "unsupported", "without a type"),
        ('def f(x: complex) -> int:\n    """post: x"""\n    return 1\n', "unsupported", "complex"),
        ('async def f(x: int) -> int:\n    """post: True"""\n    return x\n', "unsupported", "async"),
        ('def f(x: int) -> int:\n    """post: True"""\n    while True:\n        pass\n', "unknown", "no path ends"),
        (
            'def f(x: int) -> int:\n    """post: True"""\n    while x != 1:\n        x += 1\n    return x\n',
            "bounded",
            "",
        ),
        ('def f(x: int) -> int:\n    """post: True"""\n    return f(x + 1)\n', "unknown", "no path ends"),
        ('def f(x: int) -> int:\n    """post: True"""\n    return 10 ** 10 ** 10 + x\n', "unsupported", "bits"),
        ('def f(x: int) -> int:\n    """post: True"""\n    return 2 ** x\n', "unsupported", "power"),
        ('def f(x: int) -> int:\n    """post: True"""\n    return eval("x")\n', "unsupported", "eval"),
        ('def f(x: int) -> int:\n    """post: True"""\n    yield x\n', "unsupported", "Yield"),
        ('def f(x: int, a: list[int] = []) -> int:\n    """post: a == []"""\n    return x\n', "bounded", ""),
    ],
)
def test_bad_input_gets_a_verdict_with_a_reason_in_bounded_time(
    check: Check, source: str, verdict: str, words: str
) -> None:
    began = time.process_time()
    outcome = check(source)["f"]
    if verdict != "bounded":
        assert (outcome.verdict, words in outcome.reason) == (verdict, True), outcome
    else:
        assert outcome.verdict in ("bounded", "refuted")
    assert time.process_time() - began < 30


def test_a_missing_solver_is_said_and_proves_nothing(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    outcome = check('def f(x: int) -> int:\n    """post: True"""\n    return x\n')["f"]
    assert outcome.verdict == "unknown"
    assert "pip install" in outcome.reason


def test_a_used_up_budget_is_said(tmp_path: Path) -> None:
    source = 'def f(x: int) -> int:\n    """post: True"""\n    return x\n'
    place = tmp_path / "m.py"
    place.write_text(source)
    subjects = [Subject(t, place) for t in targets_of("m.py", source)]
    assert judge(subjects, tmp_path, None, Budget(0))[0].outcome.verdict == "unknown"


def test_the_replay_refuses_to_write_and_a_module_that_cannot_be_imported_proves_nothing(check: Check) -> None:
    source = 'open("leak.txt", "w")\ndef f(x: int) -> int:\n    """post: __return__ >= x"""\n    return x\n'
    outcome = check(source)["f"]
    assert outcome.verdict == "unknown"
    assert "cannot be imported" in outcome.reason


def test_deals_single_argument_stands_for_all_arguments(check: Check) -> None:
    source = """
import deal

@deal.pre(lambda _: _.low <= _.high)
@deal.ensure(lambda _: _.result + _.low == _.high)
@deal.post(lambda r: r >= 0)
def width(low: int, high: int) -> int:
    return high - low
"""
    assert check(source)["width"].verdict == "proven"
    assert check(source.replace("return high - low", "return low - high"))["width"].verdict == "refuted"


def test_lengths_inside_other_containers_are_asked_about(check: Check) -> None:
    source = '''
def beyond(xss: list[list[int]]) -> bool:
    """
    pre: len(xss) <= 1
    post: _
    """
    return all(len(xs) <= 4 for xs in xss)


def within(xss: list[list[int]]) -> bool:
    """
    pre: len(xss) <= 1 and all(len(xs) <= 2 for xs in xss)
    post: _
    """
    return all(len(xs) <= 4 for xs in xss)
'''
    found = check(source)
    assert (found["beyond"].verdict, found["within"].verdict) == ("bounded", "proven")
    assert "xss[0]" in found["beyond"].bound


def test_what_only_cpython_knows_is_searched_and_not_proven(check: Check) -> None:
    source = '''
def cents(x: float) -> float:
    """
    pre: 0.0 <= x <= 100.0
    post: _ >= 0.0
    """
    return round(x, 2)


def squared(x: float) -> float:
    """
    pre: -100.0 <= x <= 100.0
    post: _ <= 100.0
    """
    return x**2
'''
    found = check(source)
    assert found["cents"].verdict == "unknown"
    assert "not modelled to the last digit" in found["cents"].reason
    assert found["squared"].verdict == "refuted"


def test_inputs_are_run_through_what_is_outside_the_subset(check: Check) -> None:
    source = '''
import heapq


def wrong(xs: list[int]) -> int:
    """
    pre: 1 <= len(xs) <= 3
    post: all(_ <= x for x in xs)
    """
    heap = list(xs)
    heapq.heapify(heap)
    return heap[-1]


def right(xs: list[int]) -> int:
    """
    pre: 1 <= len(xs) <= 3
    post: all(_ <= x for x in xs)
    """
    heap = list(xs)
    heapq.heapify(heap)
    return heap[0]


def endless(x: int) -> int:
    """post: True"""
    heapq.heapify([])
    return sum(range(10**11)) + x
'''
    began = time.process_time()
    found = check(source)
    assert found["wrong"].verdict == "refuted"
    assert found["right"].verdict == found["endless"].verdict == "unsupported"
    assert "inputs were run and kept the contract" in found["right"].reason
    assert "were run" not in found["endless"].reason
    assert time.process_time() - began < 30


def test_a_defect_of_the_engine_costs_one_function_only(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'def f(x: int) -> int:\n    """post: _ == x"""\n    return abs(x) if x > 0 else x\n'
    source += 'def g(x: int) -> int:\n    """post: _ == x"""\n    return x\n'
    monkeypatch.setattr("maestro_symbolic.engine.builtin_calls.BuiltinCalls._call_abs", lambda _self, _x: 1 // 0)
    found = check(source)
    assert (found["f"].verdict, found["g"].verdict) == ("unknown", "proven")
    assert "defect" in found["f"].reason


TRAPS = '''
import functools, sys, threading
from decimal import Decimal, getcontext
from dataclasses import dataclass
getcontext().prec = 3

def a(xs: list[int]) -> int:
    """
    pre: len(xs) == 2
    post: _ == 2
    """
    n = 0
    for i, x in enumerate(xs):
        xs.pop()
        n += 1
    return n

@functools.lru_cache
def helper(xs: list[int]) -> int:
    return len(xs)

def b(x: int) -> int:
    """post: _ == 1"""
    return helper([x])

def c(x: Decimal) -> Decimal:
    """
    pre: Decimal(0) <= x <= Decimal(100000)
    post: _ == x
    """
    return x + 0

class Counter:
    count = 0
    def bump(self) -> None:
        Counter.count += 1

def d(x: int) -> int:
    """post: _ == 0"""
    return Counter.count

def e(n: int) -> bool:
    """post: _"""
    match range(3):
        case [0, 1, 2]:
            return True
    return False

def gen(xs: list[int]):
    for x in xs:
        yield x

def f(xs: list[int]) -> int:
    """
    pre: len(xs) == 2
    post: _ == 2
    """
    n = 0
    for x in gen(xs):
        xs.clear()
        n += 1
    return n
try:
    from json import loads as pick
except ImportError:
    from os import getcwd as pick

def g(x: int) -> int:
    """post: _ == x"""
    return pick(x)

def h(x: int) -> bool:
    """post: not _"""
    lock = threading.Lock()
    with lock:
        return lock.locked()
'''


def test_what_changes_behind_an_iterator_a_cache_or_a_class_is_never_proven(check: Check) -> None:
    found = {name: one.verdict for name, one in check(TRAPS).items()}
    assert found == dict.fromkeys("abfgh", "refuted") | dict.fromkeys("cde", "unsupported")


def test_verdicts_do_not_depend_on_order_or_company(check: Check) -> None:
    f = 'def f(x: int, y: int) -> int:\n    """\n    pre: x > 0 and y > 0\n    post: __return__ >= x\n    """\n'
    f += "    return x * y\n"
    g = 'def g(x: int) -> int:\n    """post: __return__ != 77"""\n    return x + 1\n'
    alone, together, turned = check(f)["f"], check(f + g), check(g + f)
    assert alone.verdict == together["f"].verdict == turned["f"].verdict
    assert [q.smt2 for q in alone.queries] == [q.smt2 for q in together["f"].queries]
    assert together["g"].counterexample == turned["g"].counterexample or together["g"].verdict == "refuted"


def test_an_assert_in_what_cannot_be_followed_promises_itself_and_nothing_else(check: Check) -> None:
    source = """
def narrow(text: str) -> int:
    found = eval("None" if not text else "1")
    assert len(text) < 100
    return int(text)

def broken(n: int) -> int:
    doubled = eval("n * 2")
    assert n != 20
    return doubled

def declared(text: str) -> int:
    'pre: len(text) < 9'
    return int(eval("text"))
"""
    found = {name: outcome.verdict for name, outcome in check(source).items()}
    assert found == {"narrow": "unsupported", "broken": "refuted", "declared": "refuted"}


def test_the_quick_look_for_contracts_never_says_no_to_one() -> None:
    from maestro_symbolic.contracts.reading import may_have_contract

    sources = [
        'def f(x: int) -> int:\n    """pre: x > 0"""\n    return x\n',
        "def f(x: int) -> int:\n    'post[x]: __return__ > 0'\n    return x\n",
        "def f(x: int) -> int:\n    '''Doc.\n    raises: ValueError'''\n    return x\n",
        "import icontract as i\n@i.require(lambda x: x > 0)\ndef f(x: int) -> int:\n    return x\n",
        "from deal import pre\n@pre(lambda x: x > 0)\ndef f(x: int) -> int:\n    return x\n",
        "import typing as t\ndef f(x: t.Annotated[int, 'x']) -> int:\n    assert x\n    return x\n",
        "def f(x: int) -> int:\n    assert x\n    return x\n",
        "class C:\n    'inv: self.n > 0'\n    n: int\n    def f(self) -> int:\n        return self.n\n",
    ]
    for source in sources:
        assert targets_of("m.py", source), source
        assert may_have_contract("m.py", source), source
    plain = "def f(x: int) -> int:\n    return x\n"
    assert not may_have_contract("m.py", plain)
    assert not may_have_contract("tests/test_m.py", sources[6])
    assert may_have_contract("tests/test_m.py", sources[0])
    with pytest.raises(SyntaxError):
        targets_of("m.py", "def f(:\n")


def test_a_range_can_be_longer_than_len_can_say(check: Check) -> None:
    source = """
def long(n: int) -> int:
    'pre: n >= 0'
    'post: True'
    return len(range(n))

def short(n: int) -> int:
    'pre: 0 <= n < 1000'
    return len(range(n))
"""
    found = {name: outcome.verdict for name, outcome in check(source).items()}
    assert found == {"long": "refuted", "short": "proven"}
