from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_bloom.fork_server import ForkServer
from tests.plugins.maestro_bloom.kinds_project import PROJECT, TOPICS, Kind, read_kinds
from tests.plugins.maestro_bloom.test_zoo import Runner, outcomes, record, restore, skippable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The second zoo, one project a topic: each kind has sources and tests of its own, so that nothing hides a miss.

# One of each mechanism always; all others with the slow ones.
QUICK = frozenset(
    {
        *("memo in a table that is passed in", "memo of a defaultdict with a lambda", "memo in a file"),
        *("module that changes another at import", "subclass that its base remembers"),
        "module that executed text imports",
        *("memo by a decorator of another name", "session fixture behind one that overrides it"),
        "template that a library keeps",
    }
)
CASES = [(topic, kind) for topic in TOPICS for kind in read_kinds(topic)]


@pytest.fixture(scope="module")
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, str], Runner]]:
    topic, names = request.param
    root = tmp_path_factory.mktemp(topic) / "project"
    for path, content in PROJECT.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    for kind in read_kinds(topic):
        if kind.name in names:
            kind.make(root)
    with ForkServer() as server:
        run = Runner(server)
        yield root, record(run, root), run


def of(names: frozenset[str]) -> list[object]:
    return [
        pytest.param((topic, frozenset(k.name for t, k in CASES if t == topic and k.name in names)), kind, id=kind.name)
        for topic, kind in CASES
        if kind.name in names
    ]


def no_changed_outcome_is_skipped(recorded: tuple[Path, dict[str, str], Runner], kind: Kind) -> None:
    root, before, run = recorded
    restore(root)
    kind.apply(root)
    now = run(root, "--maestro-select=report", "--maestro-record=off", variables=kind.variables)
    flipped = {nodeid for nodeid, outcome in outcomes(now).items() if before.get(nodeid) != outcome}
    assert any(kind.flips in nodeid for nodeid in flipped) or now["code"] in (2, 4), now["output"]
    assert not flipped & skippable(now), now["output"]


@pytest.mark.parametrize(("recorded", "kind"), of(QUICK), indirect=["recorded"])
def test_one_of_each_mechanism(recorded: tuple[Path, dict[str, str], Runner], kind: Kind) -> None:
    no_changed_outcome_is_skipped(recorded, kind)


@pytest.mark.slow
@pytest.mark.parametrize(("recorded", "kind"), of(frozenset(kind.name for _, kind in CASES)), indirect=["recorded"])
def test_every_kind(recorded: tuple[Path, dict[str, str], Runner], kind: Kind) -> None:
    no_changed_outcome_is_skipped(recorded, kind)


def test_every_kind_names_what_it_flips() -> None:
    assert len(CASES) > 100
    assert all(kind.flips for _, kind in CASES)
    names = [kind.name for _, kind in CASES]
    assert len(names) == len(set(names))
    assert set(names) >= QUICK
