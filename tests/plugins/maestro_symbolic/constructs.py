# mypy: ignore-errors
"""Functions that between them use every construct of the subset, each with the types of its inputs in its signature."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

LIMIT = 10
TABLE = {"low": 1, "high": 3}


class State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF = 3


class Oops(ValueError):
    pass


@dataclass
class Bucket:
    level: int
    cap: int = 5
    log: list[int] = field(default_factory=list)

    @property
    def room(self) -> int:
        return self.cap - self.level

    def take(self, n: int) -> bool:
        if n <= 0 or n > self.level:
            return False
        self.level -= n
        self.log.append(n)
        return True


@dataclass(frozen=True, order=True)
class Point:
    x: int
    y: int = 0

    def moved(self, dx: int) -> Point:
        return Point(self.x + dx, self.y)


def int_floor(a: int, b: int) -> tuple[int, int]:
    return a // b, a % b


def int_divide(a: int, b: int) -> float:
    return a / b


def int_shift(a: int, n: int) -> tuple[int, int]:
    return a << n, a >> n


def int_power(a: int) -> tuple[int, int]:
    return a**2, 2 ** (a % 5)


def int_bits(a: int) -> tuple[int, int, int]:
    return a & 7, ~a, -a


def int_mix(a: int, b: bool) -> int:
    return a + b * 2 - (not b)


def bools(a: bool, b: bool) -> tuple[bool, bool, bool, bool]:
    return a & b, a | b, a ^ b, a == b


def float_ops(a: float, b: float) -> tuple[float, float, float]:
    return a + b, a - b, a * b


def float_divide(a: float, b: float) -> float:
    return a / b


def float_modulo(a: float, b: float) -> float:
    return a % b


def float_compare(a: float, b: float) -> tuple[bool, bool, bool, bool, bool]:
    return a < b, a <= b, a == b, a != b, a >= b


def float_int(a: float, n: int) -> tuple[bool, bool, bool]:
    return a < n, n == a, n >= a


def float_add_int(a: float, n: int) -> float:
    return a + n


def float_round(a: float) -> tuple[int, int, int, int]:
    return round(a), int(a), math.floor(a), math.ceil(a)


def float_tests(a: float) -> tuple[bool, bool, bool]:
    return math.isnan(a), math.isinf(a), math.isfinite(a)


def float_minmax(a: float, b: float) -> tuple[float, float]:
    return min(a, b), max(a, b)


def float_sum(xs: list[float]) -> float:
    return sum(xs)


def float_sqrt(a: float) -> float:
    return math.sqrt(a)


def float_abs(a: float) -> tuple[float, float]:
    return abs(a), -a


def mixed_max(a: int, b: float) -> float:
    return max(a, b)


def and_or(a: int, b: int) -> tuple[int, int]:
    return a and b, a or b


def chained(a: int, b: int, c: int) -> bool:
    return a < b <= c


def chained_once(a: int, b: int) -> bool:
    return 0 < 10 // a < b


def conditional(a: int) -> int:
    return 10 // a if a else -1


def negated(a: int) -> bool:
    return not a


def nested_if(a: int, b: int) -> int:
    r = 0
    if a > 0:
        if b > 0:
            r = 1
        elif b < -5:
            r = 2
        else:
            r = r + 3
    else:
        r -= 1
    return r


def early(a: int) -> str:
    if a < 0:
        return "neg"
    if a == 0:
        return "zero"
    return "pos"


def one_sided(a: int) -> int:
    if a > 0:
        x = a
    return x


def loop_sum(n: int) -> int:
    t = 0
    for i in range(n % 5):
        t += i
    return t


def loop_step(n: int) -> list[int]:
    r = []
    for i in range(n % 4, -3, -2):
        r.append(i)
    return r


def loop_else(xs: list[int], k: int) -> int:
    for i, x in enumerate(xs, 1):
        if x == k:
            break
    else:
        return -1
    return i


def loop_continue(xs: list[int]) -> int:
    t = 0
    for x in xs:
        if x < 0:
            continue
        if x > 100:
            break
        t += x
    return t


def while_loop(n: int) -> int:
    k = 0
    n = n % 20
    while n > 1:
        n = n // 2
        k += 1
    else:
        k += 100
    return k


def list_index(xs: list[int], i: int) -> int:
    return xs[i]


def list_store(xs: list[int], i: int, v: int) -> list[int]:
    xs[i] = v
    return xs


def list_slice(xs: list[int], i: int, j: int) -> tuple[list[int], list[int], list[int]]:
    return xs[i:j], xs[::-1], xs[1:]


def list_methods(xs: list[int], v: int) -> tuple[int, int]:
    xs.append(v)
    xs.extend([1, 2])
    xs.insert(1, 9)
    xs.reverse()
    last = xs.pop()
    return last, xs.count(v)


def list_remove(xs: list[int], v: int) -> list[int]:
    xs.remove(v)
    return xs


def list_in(xs: list[int], v: int) -> tuple[bool, bool]:
    return v in xs, v not in xs


def list_sorted(xs: list[int]) -> list[int]:
    return sorted(xs)


def list_sorted_key(xs: list[int]) -> list[int]:
    return sorted(xs, key=lambda x: -abs(x), reverse=True)


def list_alias(xs: list[int]) -> list[int]:
    ys = xs
    ys += [3]
    ys = ys + [4]
    return ys


def list_pop(xs: list[int]) -> int:
    return xs.pop(0)


def list_equal(xs: list[int], ys: list[int]) -> tuple[bool, bool]:
    return xs == ys, xs < ys


def folds(xs: list[int]) -> tuple[int, bool, bool, int]:
    return sum(xs), all(x > 0 for x in xs), any(x > 5 for x in xs if x % 2), len(xs)


def lazy_any(xs: list[int]) -> bool:
    return any(10 // x > 3 for x in xs)


def extremes(xs: list[int]) -> tuple[int, int]:
    return min(xs), max(xs, key=lambda x: x % 3)


def extreme_default(xs: list[int]) -> int:
    return max(xs, default=-7)


def comprehension(xs: list[int]) -> list[int]:
    return [x * y for x in xs if x > 0 for y in range(2)]


def zipped(xs: list[int], ys: list[int]) -> list[int]:
    return [a - b for a, b in zip(xs, ys)]


def dict_ops(d: dict[str, int], k: str) -> tuple[int, bool, int]:
    return d.get(k, -1), k in d, len(d)


def dict_index(d: dict[str, int], k: str) -> int:
    return d[k]


def dict_store(d: dict[str, int], k: str) -> dict[str, int]:
    d[k] = d.get(k, 0) + 1
    d["z"] = 5
    return d


def dict_delete(d: dict[int, int], k: int) -> int:
    v = d.pop(k, None)
    if v is None:
        del d[0]
        return 0
    return v


def dict_iter(d: dict[int, int]) -> tuple[int, int, list[int]]:
    t = 0
    for k, v in d.items():
        t += k * v
    return t, sum(d.values()), [k for k in d]


def dict_comp(xs: list[int]) -> dict[int, int]:
    return {x % 3: x for x in xs}


def table(k: str) -> int:
    return TABLE.get(k, 0) + LIMIT


def text_equal(s: str) -> int:
    if s == "a":
        return 1
    if s in ("b", "cc"):
        return 2
    return 0 if s else 3


def text_length(s: str) -> tuple[int, bool, bool]:
    return len(s), s.startswith("a"), s < "b"


def text_build(s: str, t: str) -> str:
    return s + t + s[:1] + "-" * 2


def text_walk(s: str) -> int:
    n = 0
    for c in s:
        if "a" <= c <= "c":
            n = n * 10 + ord(c) - ord("a")
    return n


def text_index(s: str, i: int) -> str:
    return s[i]


def optional(x: int | None) -> int:
    if x is None:
        return -1
    return x + 1


def optional_default(x: int | None) -> int:
    return x or 7


def tuples(a: int, b: int) -> tuple[int, int, bool]:
    x, y = b, a
    (p, q), r = (x, y), 3
    return p - q, r, (a, b) < (b, a)


def unpack_wrong(xs: list[int]) -> int:
    a, b = xs
    return a - b


def objects(level: int, n: int) -> tuple[bool, int, int]:
    bucket = Bucket(level, log=[1])
    alias = bucket
    taken = alias.take(n)
    return taken, bucket.level, bucket.room


def object_equal(a: int, b: int) -> tuple[bool, bool, bool]:
    p, q = Point(a), Point(x=b, y=0)
    return p == q, p < q, p is q


def object_moved(p: Point, d: int) -> Point:
    return p.moved(d) if d > 0 else p


def object_frozen(p: Point) -> Point:
    p.x = 3
    return p


def object_argument(b: Bucket, n: int) -> bool:
    ok = b.take(n)
    if ok:
        b.log += [0]
    return ok


def enums(a: int) -> tuple[bool, str]:
    s = State.OPEN if a > 2 else State.HALF if a < 0 else State.CLOSED
    return s is State.OPEN, s.name


def enum_call(a: int) -> int:
    return 1 if State(a) == State.HALF else 0


def raising(a: int) -> int:
    if a < 0:
        raise ValueError("no")
    if a > 5:
        raise Oops
    return a


def catching(a: int) -> int:
    try:
        return 10 // a + raising(a)
    except ZeroDivisionError:
        return -1
    except (KeyError, Oops):
        return -2
    except ValueError as e:
        return -3


def catch_base(a: int) -> int:
    try:
        raising(a)
    except Exception:
        return 1
    else:
        return 2


def finally_order(a: int) -> list[int]:
    log = []
    try:
        log.append(1)
        if a > 0:
            raise KeyError
        log.append(2)
    except KeyError:
        log.append(3)
    finally:
        log.append(4)
    return log


def finally_return(a: int) -> int:
    try:
        return 1 // a
    finally:
        if a < 3:
            return 5


def reraise(a: int) -> int:
    try:
        return raising(a)
    except ValueError:
        if a > 6:
            raise
        return 0


def lookup_error(xs: list[int], i: int) -> int:
    try:
        return xs[i]
    except LookupError:
        return -1


def defaults(a: int, b: int = LIMIT * 2, *, c: int = 1) -> int:
    return a + b * c


def calling(a: int) -> int:
    return defaults(a) + defaults(a, 1, c=a)


def recursive(n: int) -> int:
    if n <= 0:
        return 1
    return n * recursive(n - 1) if n < 6 else 0


def closure(a: int) -> int:
    def add(x: int) -> int:
        return x + a

    twice = lambda f, x: f(f(x))
    return twice(add, 1)


def walrus(a: int) -> int:
    if (b := a * 2) > 10:
        return b
    return b - 1


def asserting(a: int) -> int:
    b = a * a
    assert b < 50, "big"
    return b


def inst(a: int, b: bool, x: float) -> tuple[bool, bool, bool]:
    return isinstance(a, int), isinstance(b, int), isinstance(x, (int, bool))


def casts(a: int, b: bool) -> tuple[float, int, bool, int]:
    return float(a), int(b), bool(a), abs(a)


def divmods(a: int, b: int) -> tuple[int, int]:
    return divmod(a, b)


def main_guard(a: int) -> int:
    if __name__ == "__main__":
        return 1
    return a


def deleted(a: int) -> int:
    b = a
    if a > 2:
        del b
    return b


def merge_lists(a: int) -> list[int]:
    r = [0, 0]
    if a > 3:
        r[0] = a
    else:
        r[1] = a
    if a % 2:
        r = [5]
    return r


def merge_text(a: int) -> str:
    s = "x"
    if a > 3:
        s = "yy"
    if s == "yy" and a < 10:
        s = s + "z"
    return s


def loop_var(xs: list[int]) -> int:
    for x in xs:
        pass
    return x


def nested_loops(n: int, m: int) -> int:
    t = 0
    for i in range(n % 4):
        for j in range(m % 3):
            if i == j:
                continue
            if t > 4:
                break
            t += i + j
    return t


def clamp(x: float, lo: float, hi: float) -> float:
    return max(lo, min(hi, x))


def inplace(xs: list[int], i: int) -> list[int]:
    xs[i] *= 2
    xs[0] -= 1
    return xs


# -- sets ------------------------------------------------------------------------------------------------------------


def set_display(a: int, b: int) -> tuple[int, bool, bool]:
    s = {a, b, 3}
    return len(s), a in s, 4 in s


def set_of_list(xs: list[int]) -> tuple[int, int, bool]:
    s = set(xs)
    return len(s), sum(s), s == set(xs[::-1])


def set_changes(a: int, b: int) -> tuple[list[int], bool]:
    s = {1, 2}
    s.add(a)
    s.discard(b)
    s |= {7}
    return sorted(s), bool(s)


def set_remove(a: int) -> set[int]:
    s = {1, 2, 3}
    s.remove(a)
    return s


def set_operators(a: int, b: int) -> tuple[set[int], set[int], set[int], set[int]]:
    x, y = {a, 1}, {b, 1}
    return x | y, x & y, x - y, x ^ y


def set_order(a: int, b: int) -> tuple[bool, bool, bool, bool]:
    x, y = {a}, {a, b}
    return x <= y, x < y, y >= x, x.isdisjoint({b})


def set_comprehension(xs: list[int]) -> set[int]:
    return {x % 3 for x in xs if x > 0}


def set_total(xs: list[int]) -> int:
    total = 0
    for x in {x % 2 for x in xs}:
        total += x
    return total


def set_frozen(a: int) -> bool:
    table = {frozenset({1, 2}): 5}
    return frozenset({a, 2}) in table


def set_unhashable(a: int) -> int:
    listed = [a]  # by name: Bandit crashes on a set display that holds a list
    return len({(a, 1)}) + len({listed})


# -- match -----------------------------------------------------------------------------------------------------------


def match_values(a: int) -> str:
    match a:
        case 0:
            return "zero"
        case 1 | 2:
            return "few"
        case n if n < 0:
            return "negative"
        case _:
            return "many"


def match_sequence(xs: list[int]) -> int:
    match xs:
        case []:
            return -1
        case [x]:
            return x
        case [0, *rest]:
            return len(rest)
        case [first, *_, last]:
            return first - last
    return 99


def match_class(p: Point, n: int | None) -> int:
    match p:
        case Point(x=0):
            t = 1
        case Point(1, y):
            t = y
        case Point() if p.y > 3:
            t = 2
        case other:
            t = other.x
    match n:
        case None:
            return t
        case int(k):
            return t + k
    return 0


def match_mapping(d: dict[str, int]) -> int:
    match d:
        case {"a": 1}:
            return 1
        case {"a": x, "b": y}:
            return x + y
        case {}:
            return len(d)
    return 0


def match_state(a: int) -> int:
    state = State.OPEN if a > 0 else State.CLOSED
    match state:
        case State.OPEN:
            return 1
        case State.CLOSED | State.HALF:
            return 2


# -- with, nonlocal, unpacking ---------------------------------------------------------------------------------------


class Guard:
    def __init__(self, swallow: bool) -> None:
        self.swallow = swallow
        self.log: list[int] = []

    def __enter__(self) -> Guard:
        self.log.append(1)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        self.log.append(2 if kind is None else 3)
        return self.swallow


def with_class(a: int, swallow: bool) -> list[int]:
    guard = Guard(swallow)
    with guard as g:
        g.log.append(10 // a)
    return guard.log


def with_return(a: int) -> tuple[int, list[int]]:
    guard = Guard(False)

    def inner() -> int:
        with guard:
            return a

    return inner(), guard.log


def with_suppress(a: int) -> int:
    t = 0
    with contextlib.suppress(ZeroDivisionError, KeyError):
        t = 10 // a
        t += {1: 2}[t]
    return t


def with_lock(a: int) -> int:
    lock = threading.Lock()
    with lock, contextlib.nullcontext(a) as b:
        return b + 1


def nonlocal_total(xs: list[int]) -> int:
    total = 0

    def add(x: int) -> None:
        nonlocal total
        if x > 0:
            total += x

    for x in xs:
        add(x)
    return total


def unpack_star(xs: list[int]) -> tuple[int, list[int], int]:
    first, *middle, last = xs
    return first, middle, last


def slice_assignment(xs: list[int], a: int) -> list[int]:
    xs[1:2] = [a, a]
    del xs[3:]
    return xs


# -- iterators -------------------------------------------------------------------------------------------------------


def iterator_is_used_up(xs: list[int]) -> tuple[list[int], list[int]]:
    it = iter(xs)
    first = [x for x in it if x > 0]
    return first, list(it)


def iterator_next(xs: list[int]) -> int:
    it = iter(xs)
    return next(it) + next(it, 5)


def next_matching(xs: list[int], a: int) -> int | None:
    return next((x for x in xs if x > a), None)


def zip_twice(xs: list[int]) -> tuple[int, int]:
    pairs = zip(xs, xs[1:])
    return len(list(pairs)), len(list(pairs))


def map_filter(xs: list[int]) -> list[int]:
    return list(map(lambda x: x * 2, filter(lambda x: x > 0, xs)))


def range_membership(a: int, b: int) -> tuple[bool, bool, int]:
    return a in range(0, b), a in range(b, 0, -3), len(range(a, b, 2))


def dict_views(d: dict[str, int]) -> tuple[bool, bool, bool, int]:
    keys = d.keys()
    d["z"] = 1
    return "z" in keys, keys == {"z"}, bool(d.items()), len(d.values())


def dict_union(d: dict[str, int]) -> dict[str, int]:
    d |= {"a": 9}
    return {"b": 1} | d


def dict_popitem(d: dict[str, int]) -> tuple[str, int]:
    return d.popitem()


def reduce_and_chain(xs: list[int]) -> tuple[int, list[int], list[int]]:
    total = functools.reduce(lambda a, b: a * 2 + b, xs, 1)
    return total, list(itertools.accumulate(xs)), [b - a for a, b in itertools.pairwise(xs)]


def combinations(xs: list[int]) -> int:
    return sum(1 for a, b in itertools.combinations(xs, 2) if a < b)


# -- classes ---------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    left: int
    right: int = 2

    def total(self) -> int:
        return self.left + self.right


def named_tuple(a: int, b: int) -> tuple[int, int, bool, bool, int]:
    p = Pair(a, b)
    x, y = p
    return p.total(), p[1], p == (x, y), p < Pair(b), len(p)


class Level:
    top = 9

    def __init__(self, now: int) -> None:
        self._now = now

    @property
    def now(self) -> int:
        return self._now

    @now.setter
    def now(self, value: int) -> None:
        if value > self.top:
            raise ValueError("too high")
        self._now = value

    def __add__(self, other: int) -> Level:
        return Level(self._now + other)


class Deep(Level):
    def __init__(self, now: int, depth: int) -> None:
        super().__init__(now)
        self.depth = depth

    @property
    def now(self) -> int:
        return super().now + self.depth


def property_setter(a: int) -> int:
    level = Level(1)
    level.now = a
    return level.now


def operator_of_class(a: int) -> int:
    return (Level(a) + 2).now


def super_calls(a: int, b: int) -> int:
    return Deep(a, b).now


class QuotaError(Exception):
    def __init__(self, need: int, have: int) -> None:
        super().__init__(f"need {need}")
        self.need = need
        self.short = need - have


def exception_attributes(a: int) -> tuple[int, int, str]:
    try:
        if a > 3:
            raise QuotaError(a, 3)
        raise KeyError("k")
    except QuotaError as error:
        return error.short, len(error.args), str(error)
    except KeyError as error:
        return 0, len(error.args), error.args[0]


# -- numbers ---------------------------------------------------------------------------------------------------------


def bits_with_masks(a: int) -> tuple[int, int, int, int, int, int]:
    return a & 6, a | 5, a ^ 9, a & ~6, a | -8, a ^ -1


def bits_bounded(a: int, b: int) -> tuple[int, int, int]:
    a, b = a % 16, b % 16
    return a & b, a | b, a ^ b


def integer_functions(a: int, b: int) -> tuple[int, int]:
    a, b = a % 20, b % 20
    return math.gcd(a, b), math.isqrt(a)


def rounding_tens(a: int) -> tuple[int, int]:
    return round(a, -1), round(a, 2)


def float_floor(x: float, y: float) -> tuple[float, float]:
    return x // y, divmod(x, y)[1]


def is_close(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=0.5)


FIRST, SECOND = 3, 4


def unpacked_constants(a: int) -> int:
    return a + FIRST * SECOND


# -- text ------------------------------------------------------------------------------------------------------------


def text_classes(s: str) -> tuple[bool, bool, bool, bool, bool, bool, bool]:
    return s.isdigit(), s.isalpha(), s.isspace(), s.isupper(), s.islower(), s.isascii(), s.isalnum()


def text_strip(s: str) -> tuple[str, str, str]:
    return s.strip(), s.lstrip("a"), s.rstrip("ab")


def text_find(s: str) -> tuple[int, int, int]:
    return s.find("b"), s.count("c"), s.find("bc")


def text_split(s: str) -> tuple[list[str], list[str], tuple[str, str, str]]:
    return s.split("b"), s.split(), s.partition("c")


def text_replace(s: str) -> tuple[str, str, str]:
    return s.replace("b", "xy"), s.removeprefix("a"), s.removesuffix("c")


def text_case(s: str) -> tuple[str, str]:
    return (s.upper(), s.lower()) if s.isascii() else ("", "")


def text_integer(s: str) -> int:
    return int(s)


def text_zfill(s: str) -> str:
    return s.zfill(3)


def format_integer(a: int, b: bool) -> tuple[str, str, str, int]:
    return f"<{a}>"[:], f"{a:04d}"[:], str(a) + str(b), len(f"{a:3}|{State.OPEN}")


# -- exact numbers and times -----------------------------------------------------------------------------------------


def decimal_arithmetic(a: Decimal, b: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return a + b, a - Decimal("0.05"), a * Decimal("1.2"), -a / 100


def decimal_compare(a: Decimal, b: Decimal) -> tuple[bool, bool, bool, bool, Decimal]:
    return a < b, a == b, a >= 1, bool(a), max(a, b)


def decimal_quantize(a: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    cent = Decimal("0.01")
    return a.quantize(cent), a.quantize(cent, rounding=ROUND_HALF_UP), a.quantize(Decimal(1), ROUND_FLOOR)


def decimal_whole(a: Decimal) -> tuple[int, int, int, Decimal]:
    return int(a), round(a), math.floor(a), sum([a, a], Decimal(0))


def decimal_modulo(a: Decimal, b: Decimal) -> tuple[Decimal, Decimal]:
    return a // b, a % b


def decimal_and_float(a: Decimal) -> Decimal:
    return a + 1.5


def fraction_arithmetic(a: Fraction, b: int) -> tuple[Fraction, Fraction, Fraction, bool]:
    return a + b, a * Fraction(1, 3) - 1, Fraction(b, 7) / a, a < b


def fraction_whole(a: Fraction) -> tuple[int, int, int, int, Fraction]:
    return int(a), round(a), math.ceil(a), a // 2, abs(a)


def date_arithmetic(a: date, n: int) -> tuple[date, int, bool, int, int]:
    later = a + timedelta(days=n % 100)
    return later, (later - a).days, later > a, a.weekday(), a.isoweekday()


def date_parts(a: date) -> tuple[int, int, int, int]:
    return a.year, a.month, a.day, a.toordinal()


def date_made(y: int, m: int, d: int) -> date:
    return date(2000 + y % 400, m % 13, d % 32)


def date_replaced(a: date) -> date:
    return a.replace(day=31)


def date_moved_by_hours(a: date, n: int) -> tuple[date, date]:
    return a + timedelta(hours=n % 99), a - timedelta(hours=n % 99)


def datetime_arithmetic(a: datetime, n: int) -> tuple[datetime, timedelta, date, int, int]:
    later = a + timedelta(minutes=n % 5000)
    return later, later - a, later.date(), later.hour, later.minute


def timedelta_arithmetic(a: timedelta, n: int) -> tuple[timedelta, int, int, bool, float]:
    return a - timedelta(seconds=90), a.days, a.seconds, a > timedelta(0), a.total_seconds()


def timedelta_scaled(a: timedelta, n: int) -> tuple[timedelta, timedelta, int]:
    return a * 3, a // 7, a // timedelta(hours=1)


# -- generators and bases --------------------------------------------------------------------------------------------


def _chunks(xs: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(xs), size):
        yield xs[start : start + size]


def _positive(xs: list[int]) -> Iterator[int]:
    for x in xs:
        if x > 0:
            yield x
    yield from (1, 2)


def generator_chunks(xs: list[int]) -> tuple[list[list[int]], int]:
    return list(_chunks(xs, 2)), sum(1 for _ in _chunks(xs, 3))


def generator_used_up(xs: list[int]) -> tuple[int, int, list[int]]:
    found = _positive(xs)
    return next(found), sum(found), list(found)


def generator_stopped(xs: list[int]) -> int:
    for x in _positive(xs):
        if x > 3:
            return x
    return 0


def text_base(s: str) -> tuple[int, int]:
    return int(s, 16), int(s, 36)
