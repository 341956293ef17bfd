"""What can be said about one function, and which of it meets the claim.

Invariant: ``proven`` is said only if every path was followed to its end and every obligation on it was unsatisfiable.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal[
    "proven",
    "bounded",
    "refuted",
    "vacuous",
    "candidate",
    "unknown",
    "unsupported",
    "crosshair-refuted",
    "crosshair-confirmed",
]

VERDICTS: tuple[Verdict, ...] = (
    "proven",
    "bounded",
    "refuted",
    "vacuous",
    "candidate",
    "unknown",
    "unsupported",
    "crosshair-refuted",
    "crosshair-confirmed",
)
BLOCKING = frozenset({"refuted", "vacuous", "crosshair-refuted"})


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question to a solver: the obligation it stands for, its SMT-LIB text, and who answered what."""

    line: int
    kind: str
    smt2: str
    answer: str
    solver: str


class Counterexample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An input that breaks the contract: typed arguments, the clause it breaks, and what the run gave."""

    arguments: dict[str, object]
    call: str
    clause: str
    line: int
    outcome: str
    branches: tuple[int, ...] = ()


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The verdict about one function with everything behind it. ``cpu_us`` is never part of the evidence."""

    verdict: Verdict
    reason: str = ""
    line: int = 0
    bound: str = ""
    paths: int = 0
    mode: str = "int"
    witness: dict[str, object] | None = None
    counterexample: Counterexample | None = None
    queries: tuple[Query, ...] = ()
    cpu_us: int = 0


def allowed(*, critical: bool, allow_bounded: bool, float_cone: bool) -> tuple[str, ...]:
    """The verdicts that meet the claim, for a critical module or an ordinary one."""
    if not critical:
        return tuple(v for v in VERDICTS if v not in BLOCKING)
    accepted = ["proven"]
    if allow_bounded:
        accepted.append("bounded")
    if not float_cone:
        accepted.append("crosshair-confirmed")
    return tuple(accepted)
