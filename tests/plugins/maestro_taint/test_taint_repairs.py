"""Repairs judged by running the programs: the attack stops, ordinary input gives what it gave; the rate is stated."""

from __future__ import annotations

import pytest

from tests.plugins.maestro_taint.generator import web_harness
from tests.plugins.maestro_taint.generator.cases import make
from tests.plugins.maestro_taint.generator.harness import label
from tests.plugins.maestro_taint.generator.web import handler
from tests.plugins.maestro_taint.repairs.cases import SETS, Case, cases
from tests.plugins.maestro_taint.repairs.generated import repaired, repaired_handler
from tests.plugins.maestro_taint.repairs.measuring import NOT_FIXABLE, Measured, measure, table

TARGET = 0.88


def first_of_each_kind() -> list[Case]:
    chosen: dict[str, Case] = {}
    for case in cases():
        chosen.setdefault(case.kind, case)
    return list(chosen.values())


def told(measured: list[Measured]) -> str:
    return "\n".join(
        [*table(measured), *(f"{m.state}: {m.case.kind}: {m.case.name}: {m.detail}\n{m.text}" for m in measured)]
    )


def check(measured: list[Measured]) -> None:
    """No repair is wrong, none fails a rung, and every program is a true finding."""
    odd = [m for m in measured if m.state not in ("verified", "refused")]
    assert not odd, told(odd)
    assert all(m.detail for m in measured)


@pytest.mark.parametrize("case", first_of_each_kind(), ids=lambda c: c.kind)
def test_one_program_of_each_kind(case: Case) -> None:
    check([measure(case)])


SOME = (
    "helper runs the text",
    "conditions in a list",
    "text in another module",
    "helper makes a row",
    "helper makes the path",
)


@pytest.mark.parametrize("case", [c for c in cases("second") if c.name in SOME], ids=lambda c: c.name)
def test_texts_made_in_steps_by_helpers_and_elsewhere(case: Case) -> None:
    assert measure(case).state == "verified"


@pytest.mark.slow
def test_the_rate_over_all_true_findings() -> None:
    measured = [measure(case) for name in SETS for case in cases(name)]
    print("\n".join(table(measured)))  # noqa: T201 - the published table
    check(measured)
    verified = sum(m.state == "verified" for m in measured)
    assert verified >= TARGET * len(measured), told([m for m in measured if m.state == "refused"])


def test_the_harness_tells_a_wrong_repair() -> None:
    """A "repair" that leaves the hole, and one that changes what ordinary input gives, are both seen."""
    from tests.plugins.maestro_taint.repairs.running import changed, exploited

    case = next(c for c in cases() if c.name == "return: plus")
    old = case.data()

    def with_(new: bytes) -> dict[str, bytes]:
        return {"app.py": old.replace(b"'<p>' + name", b"'<p>' + " + new)}

    assert exploited(case, with_(b"name"))
    assert exploited(case, with_(b"str(name)"))
    assert changed(case, {"app.py": old}, with_(b"name.upper()"))
    assert not changed(case, {"app.py": old}, {"app.py": old})


def outcomes(seeds: range) -> list[tuple[int, str, str, str]]:
    """(seed, kind, state, detail) of the leaking programs and handlers of these seeds."""
    made = []
    for seed in seeds:
        program, view = make(seed), handler(seed)
        if label(program) == "vulnerable":
            made.append((seed, program.kind, *repaired(program)))
        if web_harness.label(view) == "vulnerable":
            made.append((seed, view.kind, *repaired_handler(view)))
    return made


def test_generated_programs() -> None:
    found = outcomes(range(300, 318))
    assert {state for *_, state, _ in found} <= {"verified", "refused"}, found
    assert any(state == "verified" for *_, state, _ in found)


@pytest.mark.slow
def test_many_generated_programs() -> None:
    """Of what can be repaired at all little is refused, and nothing is wrong."""
    found = outcomes(range(40_000, 40_300))
    odd = [o for o in found if o[2] not in ("verified", "refused")]
    assert not odd, odd
    fixable = [o for o in found if o[1] not in NOT_FIXABLE]
    rate = sum(o[2] == "verified" for o in fixable) / len(fixable)
    whole = sum(o[2] == "verified" for o in found) / len(found)
    print(f"{len(found)} leaking programs: {whole:.1%} repaired; of the {len(fixable)} of fixable kinds {rate:.1%}")  # noqa: T201
    assert rate >= TARGET
