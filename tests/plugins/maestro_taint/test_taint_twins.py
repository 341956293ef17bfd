"""The engine against pairs of programs that differ in one step, written from the frameworks' documentation.

Labels come from attacking the programs (``twins/running.py``); those that need a server or a package not installed here
say their reason instead.
"""

from __future__ import annotations

import math
import os

import pytest

from tests.plugins.maestro_taint.analysing import findings
from tests.plugins.maestro_taint.twins.cases import Twin, twins
from tests.plugins.maestro_taint.twins.personal import pair
from tests.plugins.maestro_taint.twins.running import label

ROUNDS = ("first", "second", "third", "fourth", "fifth")  # the last two by another author than the first three
ALL = {name: twins(name) for name in ROUNDS}
EXECUTED = [t for name in ROUNDS for t in ALL[name] if not t.reason]
EVERY = 9  # of the executed labels, how many pass between two checked in the quick suite
# False findings that are accepted, with the reason.
ACCEPTED = {
    "xxe: lxml load_dtd on a constant document": "the rule is about the parser, wherever it is used",
    "code: quoted by slicing and joined": "a literal put together by several statements is not followed",
}

# A leak that is not found, with the reason.
UNSEEN = {"command: registry": "functions that a decorator keeps in a table of another module are not followed"}


def found(twin: Twin) -> list[str]:
    """The levels at which the expected rules are reported."""
    return [f.level for f in findings(twin.files) if f.rule in twin.rules]


@pytest.mark.parametrize("name", ROUNDS)
def test_every_vulnerable_twin_is_found_and_no_safe_one(name: str) -> None:
    missed = [
        t.name for t in ALL[name] if t.vulnerable and not {"error", "warning"} & set(found(t)) and t.name not in UNSEEN
    ]
    false = [t.name for t in ALL[name] if not t.vulnerable and found(t) and t.name not in ACCEPTED]
    assert (missed, false) == ([], [])


def test_programs_side_by_side_do_not_disturb_one_another() -> None:
    """All programs of a round in one tree, each in a folder of its own, give what each gives alone."""
    chosen = ALL["first"][::3]
    tree = {f"t{i}/{path}": text for i, t in enumerate(chosen) for path, text in t.files.items()}
    together: dict[str, set[str]] = {}
    for f in findings(tree):
        together.setdefault(f.at.path.partition("/")[0], set()).add(f.rule)
    for i, t in enumerate(chosen):
        alone = {f.rule for f in findings(t.files)}
        assert (t.name, together.get(f"t{i}", set())) == (t.name, alone)


def wrong_labels(chosen: list[Twin]) -> list[tuple[str, str]]:
    """(name, what running said) where that is not what the text says."""
    told = [(t, label(t)) for t in chosen]
    return [(t.name, said) for t, said in told if said != ("vulnerable" if t.vulnerable else "safe")]


def test_some_labels_come_true() -> None:
    assert wrong_labels(EXECUTED[::EVERY]) == []


@pytest.mark.slow
def test_all_labels_come_true() -> None:
    assert wrong_labels(EXECUTED) == []


def test_the_material_is_what_it_says() -> None:
    for name in ROUNDS:
        names = [t.name for t in ALL[name]]
        assert len(names) == 2 * len(set(names))
        for t in ALL[name]:
            for path, text in t.files.items():
                compile(text, path, "exec")
    assert len(ALL["first"]) >= 400
    assert len(EXECUTED) > len(ALL["first"]) // 2


def test_a_deaf_harness_would_fail() -> None:
    """A vulnerable program whose handler does nothing is labelled safe, and one that cannot run is broken."""
    leak = next(t for t in EXECUTED if t.name == "sql: args index, percent" and t.vulnerable)
    head, _, _ = leak.files["app.py"].partition("    name =")
    dull = Twin(leak.name, "sql", {"app.py": f"{head}    return 'ok'\n"}, leak.vulnerable, leak.rules, "")
    assert label(leak) == "vulnerable"
    assert label(dull) == "safe"
    assert label(
        Twin("x", "sql", {"app.py": "import nothing_of_that_name\n"}, leak.vulnerable, leak.rules, "")
    ).startswith("broken")


def check_personal(seeds: range) -> None:
    """No leak of personal data or a secret is missed; at most 5 % of what is found is false."""
    leaks: list[Twin] = []
    missed: list[tuple[str, str]] = []
    false: list[str] = []
    for seed in seeds:
        for t in pair(seed):
            said = label(t)
            hit = bool({"error", "warning"} & set(found(t)))
            assert not said.startswith("broken"), (t.name, said)
            if said == "vulnerable":
                leaks.append(t)
                missed += [] if hit else [(t.name, t.rules[0])]
            elif hit:
                false.append(t.name)
    bound = 1 - 0.05 ** (1 / len(leaks)) if not missed else math.nan
    print(  # noqa: T201
        f"{len(leaks)} leaks, {len(leaks) - len(missed)} found, {len(false)} false; miss rate < {bound:.4f} at 95 %"
    )
    assert len(leaks) > len(seeds) * 3 // 4
    assert missed == []
    assert len(false) <= 0.05 * len(leaks), false


def test_personal_data_and_secrets() -> None:
    check_personal(range(60))


def test_personal_data_and_secrets_fresh() -> None:
    start = int(os.environ.get("MAESTRO_TAINT_SEED", "5000"))
    check_personal(range(start, start + 30))


@pytest.mark.slow
def test_much_personal_data_and_many_secrets() -> None:
    start = int(os.environ.get("MAESTRO_TAINT_SEED", "90000"))
    check_personal(range(start, start + 1000))
