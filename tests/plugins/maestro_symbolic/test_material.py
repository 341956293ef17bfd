"""The material: no false proof, no refutation that does not replay, few open verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("z3")
sys.path[:0] = [str(Path(__file__).parent / "material")]

from everyday import Everyday, everyday  # noqa: E402 - beside the tests, not in a package
from families import CASES, Case  # noqa: E402 - beside the tests, not in a package
from rendering import STYLES, Style, render  # noqa: E402 - beside the tests, not in a package

from maestro_symbolic.judging import Budget, Subject, judge  # noqa: E402 - beside the tests, not in a package
from maestro_symbolic.targets import targets_of  # noqa: E402 - beside the tests, not in a package


def subjects(case: Case, style: Style, *, faulty: bool, folder: Path) -> list[Subject]:
    place = folder / f"{case.name}_{style}_{'faulty' if faulty else 'right'}.py"
    place.write_text(render(case, style, faulty=faulty))
    return [Subject(t, place) for t in targets_of(place.name, place.read_text()) if t.name == case.name]


def table(cases: tuple[Case, ...], folder: Path, styles: dict[str, tuple[Style, ...]]) -> dict[str, list[str]]:
    """Names of cases by what became of them."""
    asked = [(case, style, faulty) for case in cases for style in styles[case.name] for faulty in (False, True)]
    found = [subjects(case, style, faulty=faulty, folder=folder) for case, style, faulty in asked]
    assert all(len(one) == 1 for one in found)
    outcomes = [one.outcome for one in judge([s for one in found for s in one], folder, None, Budget(10**12))]
    kinds: dict[str, list[str]] = {
        k: [] for k in ("false proof", "false refutation", "missed", "open", "kept", "caught")
    }
    for (case, style, faulty), outcome in zip(asked, outcomes, strict=True):
        holds = outcome.verdict in ("proven", "bounded")
        if faulty:
            kind = "caught" if outcome.verdict == "refuted" else "false proof" if holds else "missed"
        else:
            kind = "kept" if holds else "false refutation" if outcome.verdict == "refuted" else "open"
        kinds[kind].append(f"{case.name}/{style}: {outcome.verdict} {outcome.reason}")
    return kinds


def judged(cases: tuple[Case, ...], folder: Path, styles: dict[str, tuple[Style, ...]]) -> None:
    found = table(cases, folder, styles)
    total = len(found["kept"]) + len(found["open"])
    assert total >= len(cases)
    assert found["false proof"] == []
    assert found["false refutation"] == []
    assert len(found["caught"]) >= 0.95 * total, found["missed"]
    assert len(found["kept"]) >= 0.9 * total, found["open"]


SEEN = tuple(c for c in CASES if not c.unseen)
UNSEEN = tuple(c for c in CASES if c.unseen)
ONE_EACH = {c.name: (STYLES[n % len(STYLES)],) for n, c in enumerate(CASES)}


def test_there_are_sixty_functions_in_every_style() -> None:
    assert len(CASES) >= 60
    assert {style for styles in ONE_EACH.values() for style in styles} == set(STYLES)
    assert len({c.name for c in CASES}) == len(CASES)


@pytest.mark.slow
def test_the_material_it_was_built_with(tmp_path: Path) -> None:
    judged(SEEN, tmp_path, ONE_EACH)


@pytest.mark.slow
def test_the_material_kept_unseen(tmp_path: Path) -> None:
    judged(UNSEEN, tmp_path, ONE_EACH)


@pytest.mark.slow
def test_all_material_in_all_styles(tmp_path: Path) -> None:
    judged(CASES, tmp_path, {c.name: STYLES for c in CASES})


def everyday_table(cases: list[Everyday], folder: Path) -> dict[str, list[str]]:
    """Names of everyday modules by what became of them."""
    subjects: list[Subject] = []
    owners: list[tuple[str, bool]] = []
    for case in cases:
        for faulty, text in ((False, case.right), (True, case.faulty)):
            place = folder / f"{case.name}_{'faulty' if faulty else 'right'}.py"
            place.write_text(text)
            found = [Subject(t, place) for t in targets_of(place.name, text)]
            assert found, case.name
            subjects += found
            owners += [(case.name, faulty)] * len(found)
    outcomes = [one.outcome for one in judge(subjects, folder, None, Budget(10**12))]
    said: dict[tuple[str, bool], list[str]] = {}
    for owner, outcome in zip(owners, outcomes, strict=True):
        said.setdefault(owner, []).append(outcome.verdict)
    kinds: dict[str, list[str]] = {
        k: [] for k in ("false refutation", "missed", "open", "kept", "caught", "false proof")
    }
    for (name, faulty), verdicts in said.items():
        holds = set(verdicts) <= {"proven", "bounded"}
        if faulty:
            kind = "caught" if "refuted" in verdicts else "false proof" if holds else "missed"
        else:
            kind = "kept" if holds else "false refutation" if "refuted" in verdicts else "open"
        kinds[kind].append(name)
    return kinds


def judged_everyday(cases: list[Everyday], folder: Path) -> None:
    found = everyday_table(cases, folder)
    assert found["false proof"] == []
    assert found["false refutation"] == []
    assert len(found["caught"]) >= 0.95 * len(cases), found["missed"]
    assert len(found["kept"]) >= 0.9 * len(cases), found["open"]


def test_some_everyday_functions(tmp_path: Path) -> None:
    judged_everyday(everyday("everyday_unseen.txt")[::5], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["everyday.txt", "everyday_unseen.txt"])
def test_all_everyday_functions(tmp_path: Path, file: str) -> None:
    cases = everyday(file)
    assert len(cases) >= 20
    judged_everyday(cases, tmp_path)
