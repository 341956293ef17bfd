"""Contracted functions of the families a release tool is made of, each right and with one seeded fault.

Written before the engine was tuned on any of them. Cases marked unseen are reported apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A function: ``body`` with ``wrong`` in place of ``right`` is the faulty one; ``R`` stands for the result."""

    name: str
    parameters: str
    returns: str
    pre: tuple[str, ...]
    post: tuple[str, ...]
    body: str
    right: str
    wrong: str
    unseen: bool = False
    prelude: str = ""


def case(head: str, pre: str, post: str, body: str, change: str, *, unseen: bool = False, prelude: str = "") -> Case:
    """``name(parameters) -> returns``; conditions split at ``;``; ``change`` is ``right => wrong``."""
    name, _, rest = head.partition("(")
    parameters, _, returns = rest.rpartition(") -> ")
    right, _, wrong = change.partition(" => ")
    assert body.count(right) >= 1, (name, right)
    split = (
        tuple(p.strip() for p in pre.split(";") if p.strip()),
        tuple(p.strip() for p in post.split(";") if p.strip()),
    )
    return Case(name, parameters, returns, *split, body, right, wrong, unseen, prelude)


BREAKER = """
from enum import Enum

class State(Enum):
    CLOSED = 0
    OPEN = 1
    HALF = 2
"""
ACCOUNT = """
from dataclasses import dataclass

@dataclass
class Account:
    balance: int
    limit: int
"""
SPAN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Span:
    low: int
    high: int
"""

CASES = (
    # budget guards
    case(
        "guard(limit: int, spent: int, cost: int) -> int",
        "0 <= spent <= limit; cost >= 0",
        "spent <= R <= limit",
        "if spent + cost > limit:\n    return spent\nreturn spent + cost",
        "spent + cost > limit => spent > limit",
    ),
    case(
        "reserve(limit: int, spent: int, floor: int, cost: int) -> int",
        "0 <= floor <= limit; 0 <= spent <= limit - floor; cost >= 0",
        "R <= limit - floor; R >= spent",
        "return spent + cost if spent + cost <= limit - floor else spent",
        "limit - floor else => limit else",
    ),
    case(
        "remaining(limit: int, spent: int) -> int",
        "limit >= 0; spent >= 0",
        "0 <= R <= limit",
        "return max(0, limit - spent)",
        "max(0, limit - spent) => limit - spent",
    ),
    case(
        "charge_all(limit: int, costs: list[int]) -> int",
        "limit >= 0; all(c >= 0 for c in costs); len(costs) <= 4",
        "0 <= R <= limit",
        "spent = 0\nfor c in costs:\n    if spent + c <= limit:\n        spent += c\nreturn spent",
        "spent + c <= limit => spent <= limit",
    ),
    case(
        "refuse_unchanged(a: Account, cost: int) -> bool",
        "cost > 0; a.balance >= 0; a.limit >= 0",
        "a.balance >= 0",
        "if cost > a.balance:\n    return False\na.balance -= cost\nreturn True",
        "cost > a.balance => cost > a.balance + 1",
        prelude=ACCOUNT,
    ),
    case(
        "transfer(a: Account, b: Account, n: int) -> bool",
        "n >= 0; a.balance >= 0; b.balance >= 0",
        "a.balance >= 0; b.balance >= 0",
        "if a.balance < n:\n    return False\na.balance -= n\nb.balance += n\nreturn True",
        "b.balance += n => b.balance -= n",
        prelude=ACCOUNT,
    ),
    case(
        "percent_used(limit: int, spent: int) -> int",
        "limit > 0; 0 <= spent <= limit",
        "0 <= R <= 100",
        "return spent * 100 // limit",
        "// limit => // (limit - 1)",
    ),
    case(
        "over(limit: int, spent: int) -> int",
        "limit >= 0",
        "R >= 0; R == 0 or spent - R == limit",
        "return spent - limit if spent > limit else 0",
        "spent > limit => spent >= 0",
    ),
    case(
        "top_up(level: int, add: int, cap: int) -> int",
        "0 <= level <= cap; add >= 0",
        "level <= R <= cap",
        "return min(cap, level + add)",
        "min(cap, level + add) => min(cap, add)",
    ),
    case(
        "split_cost(cost: int, parts: int) -> int",
        "cost >= 0; parts >= 1",
        "R * parts >= cost; (R - 1) * parts < cost",
        "return -(-cost // parts)",
        "-(-cost // parts) => cost // parts",
    ),
    # token buckets
    case(
        "refill(level: int, rate: int, dt: int, cap: int) -> int",
        "0 <= level <= cap; rate >= 0; dt >= 0",
        "level <= R <= cap",
        "return min(cap, level + rate * dt)",
        "level + rate * dt => rate * dt",
    ),
    case(
        "take(level: int, n: int) -> tuple[bool, int]",
        "level >= 0; n >= 0",
        "R[1] >= 0; not R[0] or R[1] == level - n; R[0] or R[1] == level",
        "if n <= level:\n    return True, level - n\nreturn False, level",
        "n <= level => n <= level + 1",
    ),
    case(
        "bucket_two(level: int, cap: int, r: int, a: int, b: int) -> int",
        "0 <= level <= cap; r >= 0; a >= 0; b >= 0",
        "0 <= R <= cap",
        "for n in (a, b):\n    level = min(cap, level + r)\n    if n <= level:\n        level -= n\nreturn level",
        "n <= level => n <= cap",
    ),
    case(
        "wait(level: int, n: int, rate: int) -> int",
        "0 <= level; n >= 0; rate >= 1",
        "R >= 0; level + R * rate >= n",
        "return max(0, -(-(n - level) // rate))",
        "-(-(n - level) // rate) => (n - level) // rate",
    ),
    case(
        "drain(level: int, leak: int, dt: int) -> int",
        "level >= 0; leak >= 0; dt >= 0",
        "0 <= R <= level",
        "return max(0, level - leak * dt)",
        "max(0, level - leak * dt) => level - leak * dt",
    ),
    # retries
    case(
        "backoff(base: int, n: int, cap: int) -> int",
        "0 < base <= cap; 0 <= n <= 8",
        "base <= R <= cap",
        "d = base\nfor _ in range(n):\n    d = min(cap, d * 2)\nreturn d",
        "min(cap, d * 2) => d * 2",
    ),
    case(
        "backoff_power(base: int, n: int, cap: int) -> int",
        "0 < base <= cap; 0 <= n <= 10",
        "0 < R <= cap",
        "return min(cap, base * 2 ** n)",
        "min(cap, base * 2 ** n) => min(cap, base) * 2 ** n",
    ),
    case(
        "attempts_left(done: int, limit: int) -> int",
        "0 <= done <= limit",
        "0 <= R <= limit; (R == 0) == (done == limit)",
        "return limit - done",
        "limit - done => limit - done + 1",
    ),
    case(
        "jitter(delay: int, draw: int) -> int",
        "delay >= 0; 0 <= draw < 1000",
        "0 <= R <= delay",
        "return delay * draw // 1000",
        "delay * draw // 1000 => delay * (draw + 2) // 1000",
    ),
    case(
        "deadline(elapsed: int, delay: int, limit: int) -> int",
        "elapsed >= 0; delay >= 0; limit >= 0",
        "R == -1 or elapsed + R <= limit",
        "return delay if elapsed + delay <= limit else -1",
        "elapsed + delay <= limit => elapsed <= limit",
    ),
    case(
        "tries(results: list[bool], limit: int) -> int",
        "len(results) <= 4; 1 <= limit",
        "0 <= R <= limit",
        "n = 0\nfor ok in results:\n    if n >= limit:\n        break\n    n += 1\n    if ok:\n        break\nreturn n",
        "n >= limit => n > limit",
    ),
    case(
        "total_delay(base: int, n: int) -> int",
        "base >= 0; 0 <= n <= 6",
        "R == base * (2 ** n - 1)",
        "t = 0\nd = base\nfor _ in range(n):\n    t += d\n    d *= 2\nreturn t",
        "t += d => t += d + 1",
    ),
    case(
        "retryable(code: int) -> bool",
        "100 <= code <= 599",
        "R == (code == 429 or 500 <= code)",
        "return code == 429 or code >= 500",
        "code >= 500 => code > 500",
    ),
    case(
        "first_failure(codes: list[int]) -> int",
        "len(codes) <= 4",
        "-1 <= R < len(codes); R == -1 or codes[R] >= 400",
        "for i, c in enumerate(codes):\n    if c >= 400:\n        return i\nreturn -1",
        "return i => return i + 1",
    ),
    # rate limiters
    case(
        "window(count: int, limit: int) -> tuple[bool, int]",
        "0 <= count <= limit",
        "R[1] <= limit; R[1] >= count",
        "if count >= limit:\n    return False, count\nreturn True, count + 1",
        "count >= limit => count > limit",
    ),
    case(
        "slot(now: int, width: int) -> int",
        "width > 0",
        "R * width <= now < (R + 1) * width",
        "return now // width",
        "now // width => now // width + 1",
    ),
    case(
        "slot_offset(now: int, width: int) -> int",
        "width > 0",
        "0 <= R < width",
        "return now % width",
        "now % width => now % (width + 1)",
    ),
    case(
        "prune(times: list[int], now: int, width: int) -> list[int]",
        "len(times) <= 3; width >= 0",
        "all(now - t <= width for t in R)",
        "return [t for t in times if now - t <= width]",
        "now - t <= width => now - t <= width + 1",
    ),
    case(
        "spacing(last: int, now: int, gap: int) -> int",
        "gap >= 0; now >= last",
        "R >= now; R - last >= gap",
        "return max(now, last + gap)",
        "max(now, last + gap) => min(now, last + gap)",
    ),
    case(
        "allow(tokens: int, cost: int) -> bool",
        "tokens >= 0; cost >= 0",
        "R == (tokens >= cost)",
        "return tokens >= cost",
        "tokens >= cost => tokens > cost",
    ),
    # allocation splits
    case(
        "split2(total: int, share: int) -> tuple[int, int]",
        "total >= 0; 0 <= share <= 100",
        "R[0] + R[1] == total; R[0] >= 0; R[1] >= 0",
        "a = total * share // 100\nreturn a, total - a",
        "total - a => total * (100 - share) // 100",
    ),
    case(
        "split_even(total: int, n: int) -> list[int]",
        "total >= 0; 1 <= n <= 5",
        "sum(R) == total; max(R) - min(R) <= 1",
        "return [total // n + (1 if i < total % n else 0) for i in range(n)]",
        "i < total % n => i <= total % n",
    ),
    case(
        "quota(weights: list[int], total: int) -> list[int]",
        "1 <= len(weights) <= 3; all(w >= 1 for w in weights); total >= 0",
        "sum(R) <= total; all(q >= 0 for q in R)",
        "s = sum(weights)\nreturn [total * w // s for w in weights]",
        "total * w // s => total * w // s + 1",
    ),
    case(
        "canary(step: int) -> int",
        "0 <= step <= 100",
        "step <= R <= 100",
        "return min(100, step + 10 if step < 50 else step * 2)",
        "min(100, step + 10 if step < 50 else step * 2) => step + 10 if step < 50 else step * 2",
    ),
    case(
        "round_up(n: int, block: int) -> int",
        "n >= 0; block >= 1",
        "R >= n; R % block == 0; R - n < block",
        "return (n + block - 1) // block * block",
        "n + block - 1 => n + block",
    ),
    case(
        "pick(bucket: int, stable: int) -> str",
        "0 <= bucket < 100; 0 <= stable <= 100",
        "(R == 'stable') == (bucket < stable)",
        "return 'stable' if bucket < stable else 'canary'",
        "bucket < stable => bucket <= stable",
    ),
    case(
        "largest(xs: list[int]) -> int",
        "1 <= len(xs) <= 4",
        "all(x <= R for x in xs); R in xs",
        "m = xs[0]\nfor x in xs:\n    if x > m:\n        m = x\nreturn m",
        "m = xs[0] => m = 0",
    ),
    case(
        "shares(xs: list[int]) -> int",
        "1 <= len(xs) <= 4; all(0 <= x <= 100 for x in xs)",
        "0 <= R <= 100",
        "return sum(xs) // len(xs)",
        "// len(xs) => // (len(xs) - 1)",
    ),
    # pricing
    case(
        "clamp(x: int, low: int, high: int) -> int",
        "low <= high",
        "low <= R <= high; R == x or x < low or x > high",
        "return max(low, min(x, high))",
        "max(low, min(x, high)) => min(low, max(x, high))",
    ),
    case(
        "discount(price: int, percent: int) -> int",
        "price >= 0; 0 <= percent <= 100",
        "0 <= R <= price",
        "return price - price * percent // 100",
        "price * percent // 100 => price * (percent + 1) // 100",
    ),
    case(
        "step_price(price: int, signal: int, low: int, high: int) -> int",
        "0 < low <= price <= high",
        "low <= R <= high; signal <= 0 or R >= price; signal >= 0 or R <= price",
        "return max(low, min(high, price + signal))",
        "price + signal => price - signal",
    ),
    case(
        "fee(amount: int, bps: int, least: int) -> int",
        "amount >= 0; 0 <= bps <= 10000; least >= 0",
        "R >= least; R <= amount + least",
        "return max(least, amount * bps // 10000)",
        "max(least, amount * bps // 10000) => amount * bps // 10000",
    ),
    case(
        "clampf(x: float, low: float, high: float) -> float",
        "0.0 <= low <= high <= 1000.0; -1e9 <= x <= 1e9",
        "low <= R <= high",
        "return max(low, min(high, x))",
        "max(low, min(high, x)) => min(high, x)",
    ),
    case(
        "stepf(p: float, g: float, lr: float) -> float",
        "0.01 <= p <= 1000.0; 0.0 < g <= 1.0; 0.0 < lr <= 0.5",
        "R >= p",
        "return min(1000.0, p + lr * g)",
        "p + lr * g => p - lr * g",
    ),
    case(
        "averagef(a: float, b: float) -> float",
        "0.0 <= a <= 1.0; 0.0 <= b <= 1.0",
        "0.0 <= R <= 1.0",
        "return (a + b) / 2.0",
        "(a + b) / 2.0 => a + b",
    ),
    case(
        "blend(old: float, new: float) -> float",
        "0.0 <= old <= 1.0; 0.0 <= new <= 1.0",
        "0.0 <= R",
        "return 0.5 * old + 0.5 * new",
        "0.5 * old + 0.5 * new => 0.5 * old - 0.5 * new",
    ),
    # circuit breakers and other state machines
    case(
        "trip(s: State, fails: int, limit: int) -> State",
        "limit >= 1; fails >= 0",
        "fails < limit or R is State.OPEN; fails >= limit or R is s",
        "if fails >= limit:\n    return State.OPEN\nreturn s",
        "fails >= limit => fails > limit",
        prelude=BREAKER,
    ),
    case(
        "next_state(s: State, ok: bool, cooled: bool) -> State",
        "True",
        "not (s is State.OPEN and not cooled) or R is State.OPEN; not (s is State.HALF and not ok) or R is State.OPEN",
        "if s is State.OPEN:\n    return State.HALF if cooled else State.OPEN\nif s is State.HALF:\n    return State.CLOSED if ok else State.OPEN\nreturn s",
        "State.CLOSED if ok else State.OPEN => State.CLOSED",
        prelude=BREAKER,
    ),
    case(
        "count_failures(n: int, ok: bool, limit: int) -> int",
        "0 <= n <= limit",
        "0 <= R <= limit; not ok or R == 0",
        "return 0 if ok else min(limit, n + 1)",
        "min(limit, n + 1) => n + 1",
    ),
    case(
        "advance(stage: str, healthy: bool) -> str",
        "stage in ('canary', 'half', 'full')",
        "R in ('canary', 'half', 'full'); healthy or R == 'canary'",
        "if not healthy:\n    return 'canary'\nif stage == 'canary':\n    return 'half'\nreturn 'full'",
        "return 'canary'\nif => return stage\nif",
    ),
    case(
        "lock(owner: int | None, me: int) -> int",
        "me > 0; owner is None or owner > 0",
        "owner is None or R == owner",
        "if owner is None:\n    return me\nreturn owner",
        "owner is None:\n    return me\nreturn owner => owner is None or owner != me:\n    return me\nreturn owner",
    ),
    case(
        "walk(events: list[bool], limit: int) -> int",
        "len(events) <= 4; limit >= 1",
        "0 <= R <= limit",
        "n = 0\nfor ok in events:\n    if ok:\n        n = 0\n    elif n < limit:\n        n += 1\nreturn n",
        "n < limit => n <= limit",
    ),
    # unseen: looked at only when the tables were made
    case(
        "bill(units: int, step: int) -> int",
        "units >= 0; step >= 1",
        "R >= units; R <= units * 2",
        "if units <= step:\n    return units\nreturn step + (units - step) * 2",
        "(units - step) * 2 => units * 2",
        unseen=True,
    ),
    case(
        "median3(a: int, b: int, c: int) -> int",
        "True",
        "min(a, b, c) <= R <= max(a, b, c); R in (a, b, c); (R >= a) + (R >= b) + (R >= c) >= 2",
        "if a > b:\n    a, b = b, a\nif b > c:\n    b = c\nreturn max(a, b)",
        "max(a, b) => min(a, b)",
        unseen=True,
    ),
    case(
        "find(xs: list[int], x: int) -> int",
        "len(xs) <= 4; all(a <= b for a, b in zip(xs, xs[1:]))",
        "R == -1 or xs[R] == x; R != -1 or x not in xs",
        "lo, hi = 0, len(xs)\nwhile lo < hi:\n    mid = (lo + hi) // 2\n    if xs[mid] < x:\n        lo = mid + 1\n    else:\n        hi = mid\nreturn lo if lo < len(xs) and xs[lo] == x else -1",
        "lo = mid + 1 => lo = mid + 2",
        unseen=True,
    ),
    case(
        "overlap(a: Span, b: Span) -> int",
        "a.low <= a.high; b.low <= b.high",
        "R >= 0; (R > 0) == (a.low < b.high and b.low < a.high and a.low < a.high and b.low < b.high)",
        "return max(0, min(a.high, b.high) - max(a.low, b.low))",
        "min(a.high, b.high) => max(a.high, b.high)",
        unseen=True,
        prelude=SPAN,
    ),
    case(
        "stock(d: dict[str, int], name: str, n: int) -> int",
        "n >= 0; len(d) <= 3; all(v >= 0 for v in d.values())",
        "R >= 0; all(v >= 0 for v in d.values())",
        "have = d.get(name, 0)\ngiven = min(have, n)\nif given:\n    d[name] = have - given\nreturn given",
        "have - given => have - n",
        unseen=True,
    ),
    case(
        "safe_ratio(a: int, b: int) -> int",
        "a >= 0; b >= 0",
        "R >= 0",
        "try:\n    return a // b\nexcept ZeroDivisionError:\n    return 0",
        "except ZeroDivisionError => except ValueError",
        unseen=True,
    ),
    case(
        "dedupe(xs: list[int]) -> list[int]",
        "len(xs) <= 3",
        "all(x in R for x in xs); len(R) <= len(xs)",
        "out = []\nfor x in xs:\n    if x not in out:\n        out.append(x)\nreturn out",
        "x not in out => x not in out and x > 0",
        unseen=True,
    ),
    case(
        "gcd(a: int, b: int) -> int",
        "0 < a <= 12; 0 < b <= 12",
        "R >= 1; a % R == 0; b % R == 0",
        "while b:\n    a, b = b, a % b\nreturn a",
        "a % b => a % (b + 1)",
        unseen=True,
    ),
    case(
        "weeks(days: int) -> tuple[int, int]",
        "days >= 0",
        "R[0] * 7 + R[1] == days; 0 <= R[1] < 7",
        "return divmod(days, 7)",
        "divmod(days, 7) => divmod(days, 8)",
        unseen=True,
    ),
    case(
        "ratio(done: int, total: int) -> float",
        "0 <= done <= total <= 1000000; total >= 1",
        "0.0 <= R <= 1.0",
        "return done / total",
        "done / total => total / (done + 1)",
        unseen=True,
    ),
)
