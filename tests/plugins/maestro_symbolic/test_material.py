"""The material: no false proof, no refutation that does not replay, few open verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("z3")
sys.path[:0] = [str(Path(__file__).parent / "material")]

from families import CASES, Case  # noqa: E402 - beside the tests, not in a package
from rendering import STYLES, Style, render  # noqa: E402 - beside the tests, not in a package

from maestro_symbolic.judging import Budget, judge  # noqa: E402 - beside the tests, not in a package
from maestro_symbolic.targets import targets_of  # noqa: E402 - beside the tests, not in a package

if TYPE_CHECKING:
    from maestro_symbolic.verdicts import Outcome


def verdicts(case: Case, style: Style, *, faulty: bool, folder: Path) -> Outcome:
    place = folder / f"{case.name}_{style}_{'faulty' if faulty else 'right'}.py"
    place.write_text(render(case, style, faulty=faulty))
    targets = [t for t in targets_of(place.name, place.read_text()) if t.name == case.name]
    return judge(targets, place, folder, None, Budget(10**12))[0].outcome


def table(cases: tuple[Case, ...], folder: Path, styles: dict[str, tuple[Style, ...]]) -> dict[str, list[str]]:
    """Names of cases by what became of them."""
    found: dict[str, list[str]] = {
        "false proof": [],
        "false refutation": [],
        "missed": [],
        "open": [],
        "kept": [],
        "caught": [],
    }
    for case in cases:
        for style in styles[case.name]:
            label = f"{case.name}/{style}"
            right = verdicts(case, style, faulty=False, folder=folder)
            wrong = verdicts(case, style, faulty=True, folder=folder)
            kind = "kept" if right.verdict in ("proven", "bounded") else "open"
            found["false refutation" if right.verdict == "refuted" else kind].append(
                f"{label}: {right.verdict} {right.reason}"
            )
            if wrong.verdict == "refuted":
                found["caught"].append(label)
            else:
                found["false proof" if wrong.verdict in ("proven", "bounded") else "missed"].append(
                    f"{label}: {wrong.verdict} {wrong.reason}"
                )
    return found


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


def test_the_material_it_was_built_with(tmp_path: Path) -> None:
    judged(SEEN, tmp_path, ONE_EACH)


def test_the_material_kept_unseen(tmp_path: Path) -> None:
    judged(UNSEEN, tmp_path, ONE_EACH)


@pytest.mark.slow
def test_all_material_in_all_styles(tmp_path: Path) -> None:
    judged(CASES, tmp_path, {c.name: STYLES for c in CASES})
