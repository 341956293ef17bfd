"""Modules that import one another: definitions are followed, their contracts owed, and the cache knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("z3")

from maestro_symbolic.cache import versions
from maestro_symbolic.differing import compare
from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.normal import cache_key
from maestro_symbolic.targets import reader, targets_of

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_symbolic.verdicts import Outcome

LIMITS = '''
from dataclasses import dataclass
from enum import Enum

CAP = 10


class Kind(Enum):
    FREE = 1
    PAID = 2


class LimitError(Exception):
    def __init__(self, over: int) -> None:
        super().__init__(f"over {over}")
        self.over = over


def clip(x: int, high: int = CAP) -> int:
    """post: True"""
    return [max(0, min(x, CAP)) for CAP in [high]][0]


def half(x: int) -> int:
    """pre: x % 2 == 0 and x <= CAP"""
    return x // 2


@dataclass
class Quota:
    """inv: 0 <= self.used <= CAP"""

    used: int
    kind: "Kind" = Kind.FREE

    def room(self) -> int:
        return CAP - self.used
'''
CART = '''
from .limits import Kind, LimitError, Quota, clip, half as halve
from shop import limits
import shop.limits as lim


def keeps(x: int) -> int:
    """post: 0 <= _ <= limits.CAP"""
    return clip(x)


def breaks(x: int) -> int:
    """post: 0 <= _ < lim.CAP"""
    return lim.clip(x)


def take(q: Quota, n: int) -> bool:
    """
    pre: n >= 0
    post: implies(_, q.used == __old__.q.used + n)
    """
    if n > q.room():
        return False
    q.used += n
    return True


def overdraws(q: Quota, n: int) -> None:
    """pre: n >= 0"""
    q.used += n


def owes(x: int) -> int:
    """pre: 0 <= x <= 20"""
    return halve(x)


def pays(x: int) -> int:
    """
    pre: 0 <= x <= 5
    post: _ == x
    """
    return limits.half(2 * x)


def raises(x: int) -> int:
    """
    post: _ <= 10
    raises: LimitError
    """
    if x > limits.CAP:
        raise LimitError(x - limits.CAP)
    return x


def member(k: Kind) -> int:
    """post: _ in (1, 2)"""
    return k.value
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "src" / "shop"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "limits.py").write_text(LIMITS)
    (folder / "cart.py").write_text(CART)
    return tmp_path


def verdicts(root: Path, path: str = "src/shop/cart.py") -> dict[str, Outcome]:
    place = root / path
    targets = targets_of(path, place.read_text(), read=reader(root))
    judged = judge([Subject(t, place) for t in targets], root, None, Budget(10**12))
    return {one.target.name: one.outcome for one in judged}


def test_imported_functions_classes_and_contracts_are_followed(project: Path) -> None:
    found = verdicts(project)
    held = {"keeps", "take", "pays", "raises", "member"}
    assert {name: found[name].verdict for name in held} == dict.fromkeys(held, "proven")
    broken = {"breaks", "overdraws", "owes"}
    assert {name: found[name].verdict for name in broken} == dict.fromkeys(broken, "refuted")
    assert set(found) == held | broken
    assert found["owes"].counterexample is not None
    assert found["owes"].counterexample.clause.startswith("precondition of a call")


def test_what_an_imported_module_says_is_part_of_the_key(project: Path) -> None:
    def key(name: str) -> str:
        targets = targets_of("src/shop/cart.py", CART, read=reader(project))
        return cache_key(next(t for t in targets if t.name == name), versions())

    before = key("keeps"), key("pays")
    limits = project / "src" / "shop" / "limits.py"
    limits.write_text("# moved\n" + LIMITS)
    assert (key("keeps"), key("pays")) == before
    limits.write_text(LIMITS.replace("x // 2", "x // 2 + 0"))
    assert key("keeps") == before[0]
    assert key("pays") != before[1]
    limits.write_text(LIMITS.replace("CAP = 10", "CAP = 11"))
    assert key("keeps") != before[0]


def test_an_imported_module_that_does_not_parse_is_an_unknown_name(project: Path) -> None:
    (project / "src" / "shop" / "limits.py").write_text("def clip(:\n")
    assert verdicts(project)["keeps"].verdict in ("unknown", "unsupported")


def test_versions_are_compared_with_what_each_imports() -> None:
    files = {"lib/__init__.py": "", "lib/rates.py": "def rate(n: int) -> int:\n    return n * 2\n"}
    old = "from lib.rates import rate\ndef f(n: int) -> int:\n    return rate(n)\n"
    new = "from lib.rates import rate\ndef f(n: int) -> int:\n    return rate(n) + 0\n"
    reads = (files.get, {**files, "lib/rates.py": files["lib/rates.py"].replace("2", "3")}.get)
    assert [d.verdict for d in compare("lib/use.py", old, new, reads=(files.get, files.get))] == ["equal"]
    found = compare("lib/use.py", old, old, reads=reads)
    assert [d.verdict for d in found] == ["differs"], found
