# mypy: ignore-errors
"""Functions that between them use every construct of the subset, each with the types of its inputs in its signature."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

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
