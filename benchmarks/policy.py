"""Speed of policy decisions, policy mutation and card rendering, against the targets and a peer.

Run: ``python benchmarks/policy.py``. The peer is cel-python (interpreted CEL) on the expressions this project exports,
over equal obligations; without it the row is left out and said so. Ratios within one run are what counts.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from maestro_hooks.evidence.leaf_writer import VERDICT_OF
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Producer, Record, record_of
from maestro_hooks.pipeline.card import Card, Proof, Subject, basis_of, make_card
from maestro_hooks.pipeline.card_html import html_page
from maestro_hooks.pipeline.card_markdown import markdown
from maestro_hooks.pipeline.card_text import lines
from maestro_hooks.pipeline.next_step import plan
from maestro_hooks.policy.cases import read_suite
from maestro_hooks.policy.cel import expression
from maestro_hooks.policy.document import Policy, Rule
from maestro_hooks.policy.evaluate import decide, decided, observe, settle
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.program import Program, compile_policy
from maestro_hooks.policy.scoring import score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RULES, OBLIGATIONS, CASES = 20, 100, 100
TODAY = dt.date(2026, 11, 22)
REPEATS = 7


def policy() -> Policy:
    """Twenty rules: fifteen about one key, five about patterns that match ten keys each."""
    exact = [Rule(id=f"r{i}", require=f"k/{i}", max=Decimal(i)) for i in range(15)]
    patterns = [Rule(id=f"p{i}", require=f"p{i}/*", min=Decimal("0.5")) for i in range(5)]
    return Policy(version=1, rules=(*exact, *patterns))


RULES_READ = policy()


def records() -> list[Record]:
    """A hundred obligations, of which rules speak about 65."""
    keys = [f"k/{i}" for i in range(50)] + [f"p{i}/{j}" for i in range(5) for j in range(10)]
    producer = Producer("x", "1", "maestro_check")
    return [record_of(Obligation(key=k, value=1), producer=producer, inputs="0" * 64) for k in keys]


def median_s(call: Callable[[], object], *, number: int = 1) -> float:
    """CPU seconds of one call, median of several runs: other processes share the machine."""
    runs = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(number):
            call()
        runs.append((time.process_time() - began) / number)
    return statistics.median(runs)


def cases_text() -> bytes:
    """A hundred cases over the policy's keys; the wrong one of each case blocks by its rule."""
    base = ", ".join([f"k/{i}: {i}" for i in range(15)] + [f"p{i}/a: 1" for i in range(5)])
    rows = []
    for n in range(CASES):
        if n % 2:
            rows.append(f"  - {{name: case {n}, given: {{k/{n % 15}: {n % 15 - n % 3}}}, expect: pass}}")
        else:
            given = f"{{k/{n % 15}: {n % 15 + 1 + n}}}"
            rows.append(f"  - {{name: case {n}, given: {given}, expect: block, by: [r{n % 15}]}}")
    return f"version: 1\nobligations: {{{base}}}\ncases:\n".encode() + "\n".join(rows).encode()


def decision_card() -> Card:
    """A blocked card over the benchmark's policy."""
    given, day = policy(), TODAY
    decision = decide(given, records(), facts=Facts(), today=day)
    return make_card(
        Subject(name="bench", version="1", tree="0" * 40),
        decision,
        basis=basis_of(given, decision, facts=Facts(), today=day, gates=()),
        plan=plan(decision.blocking, (), today=day, policy_files=("p",)),
        remarks=(),
        not_checked=(),
        cost=(),
        proof=Proof(),
    )


def peers(program: Program, given: list[Record]) -> dict[str, float | None]:
    """CPU seconds of one batch by CEL implementations, compiled beforehand; ``None`` for one that is not installed."""
    claims: dict[str, Any] = {
        r.key: {"verdict": VERDICT_OF[r.verdict], "q": int(r.quantity.q), "scale": r.quantity.scale}
        for r in given
        if r.quantity is not None
    }
    texts = [expression(check, "o") for check in program.checks]
    return {
        "cel-python (Python)": _python_cel(texts, claims),
        "common-expression-language (Rust)": _rust(texts, claims),
    }


def _python_cel(texts: list[str], claims: dict[str, Any]) -> float | None:
    try:
        import celpy  # noqa: PLC0415 - a peer, not a dependency
        from celpy.adapter import json_to_cel  # noqa: PLC0415 - as above
    except ImportError:
        return None
    environment = celpy.Environment()
    runners = [environment.program(environment.compile(text)) for text in texts]
    activation = {"o": json_to_cel(claims)}
    began = time.process_time()
    for runner in runners:
        runner.evaluate(activation)
    return time.process_time() - began


def _rust(texts: list[str], claims: Mapping[str, object]) -> float | None:
    try:
        import cel  # noqa: PLC0415 - as above
    except ImportError:
        return None
    runners = [cel.compile(text) for text in texts]
    activation = {"o": claims}
    return median_s(lambda: [runner.execute(activation) for runner in runners], number=5)


def main() -> None:
    """Print the table."""
    program, given = compile_policy(policy()), records()
    results = len(decide(policy(), given, facts=Facts(), today=TODAY).results)
    fast = median_s(lambda: observe(program, settle(program, given, TODAY), Facts()), number=200)
    once = median_s(lambda: decided(program, given, facts=Facts(), today=TODAY).met, number=100)
    fresh = median_s(lambda: decide(RULES_READ, given, facts=Facts(), today=TODAY).met, number=50)
    worded = median_s(lambda: decided(program, given, facts=Facts(), today=TODAY).results, number=50)
    print(f"{RULES} rules x {OBLIGATIONS} obligations, {results} rule results a batch (CPU time, medians of {REPEATS})")
    row = "{:<44} {:>12} {:>16} {:>10}".format
    print(row("", "per batch", "rule results/s", "target"))
    print(row("observe (which rules block)", f"{fast * 1e6:.0f} us", f"{results / fast:,.0f}", "100,000"))
    print(row("decide (every result, compiled once)", f"{once * 1e6:.0f} us", f"{results / once:,.0f}", "100,000"))
    print(row("decide, policy compiled anew", f"{fresh * 1e6:.0f} us", f"{results / fresh:,.0f}", "100,000"))
    print(row("decide, every result put into words", f"{worded * 1e6:.0f} us", f"{results / worded:,.0f}", "100,000"))
    for name, seconds in peers(program, given).items():
        if seconds is None:
            print(f"{name}: not installed, not measured")
        else:
            print(row(name, f"{seconds * 1e6:,.0f} us", f"{results / seconds:,.0f}", f"x {seconds / fast:,.1f}"))
    print(f"{1 / once:,.0f} whole batches/s; the last column of a peer is its time over that of observe")
    suite = read_suite(cases_text(), where="cases", rules=[c.id for c in program.checks])
    began = time.process_time()
    result = score(program, suite.cases)
    seconds = time.process_time() - began
    print(f"mutation: {result.total} mutants x {len(suite.cases)} cases in {seconds:.2f} s (target 5 s)")
    card = decision_card()
    forms: dict[str, Callable[[], object]] = {
        "terminal": lambda: lines(card),
        "Markdown": lambda: markdown(card),
        "HTML": lambda: html_page(card),
    }
    for name, form in forms.items():
        print(f"card as {name}: {median_s(form) * 1e3:.1f} ms (target 50 ms)")


if __name__ == "__main__":
    main()
