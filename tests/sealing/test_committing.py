"""The hook before the leaves: what a plugin may answer, and what stops the seal."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from maestro_hooks import hookimpl
from maestro_hooks.config import Layers
from maestro_hooks.discovery import Found
from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Quantity, record_of
from maestro_hooks.host import Host
from maestro_hooks.policy.document import Policy, Rule
from maestro_hooks.policy.evaluate import Decision, decide
from maestro_hooks.policy.facts import Facts
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.project.repository import Repository
from maestro_hooks.requests import Commitment, CommitRequest
from maestro_hooks.sealing.committing import commit, demanded
from maestro_hooks.workspace import Workspace
from tests.evidence.shipment import INPUTS, producer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.git_repository import GitRepository

COMMIT = "ab" * 32
POLICY = Policy(
    version=1,
    rules=(
        Rule(id="loose", require="demo/*", min=Decimal(1)),
        Rule(id="tight", require="demo/number", min=Decimal(3), max=Decimal(20)),
        Rule(id="advice", require="demo/number", min=Decimal(4), severity="warn"),
    ),
)


DEMANDED = {"demo/number": (Fraction(3), Fraction(20)), "demo/share": (Fraction(1), None)}


def decision() -> Decision:
    claims = [
        Obligation(key="demo/number", value=7, min=2),
        Obligation(key="demo/share", value=Fraction(3, 2), scale=1),
    ]
    records = [record_of(claim, producer=producer("demo"), inputs=INPUTS) for claim in claims]
    return decide(POLICY, records, facts=Facts(), today=dt.date(2026, 1, 1))


def workspace(
    repository: GitRepository,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[CommitRequest], Iterable[object]],
    *,
    api: int = 1,
    configured: bool = True,
) -> Workspace:
    module = ModuleType("maestro_demo")
    module.MAESTRO_API = api  # type: ignore[attr-defined]

    @hookimpl
    def maestro_commit(request: CommitRequest) -> Iterable[object]:
        return answer(request)

    module.maestro_commit = maestro_commit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "maestro_demo", module)
    layers = Layers({"demo": {}} if configured else {}, {})
    host = Host.load(layers, [Found("demo", "maestro_demo")])
    return Workspace(Repository.find(repository.root), host, Blobs(repository.root))


def quantity(q: str = "7", low: str | None = "2", high: str | None = None, **fields: object) -> Quantity:
    return Quantity(**({"scale": 1, "round": "exact", "q": q, "min": low, "max": high} | fields))  # type: ignore[arg-type]


def test_a_commitment_replaces_the_number(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CommitRequest] = []

    def answer(request: CommitRequest) -> Iterable[object]:
        seen.append(request)
        yield Commitment("demo/number", COMMIT, quantity(low="3", high="20"))

    records, commitments = commit(workspace(repository, monkeypatch, answer), decision(), POLICY)
    assert commitments == {"demo/number": COMMIT}
    by_key = {record.key: record for record in records}
    assert by_key["demo/number"].private
    assert by_key["demo/number"].quantity == quantity(low="3", high="20")
    assert not by_key["demo/share"].private
    assert seen[0].demanded == DEMANDED


def test_only_blocking_rules_that_are_met_demand_something() -> None:
    assert demanded(decision(), POLICY) == DEMANDED


@pytest.mark.parametrize(
    "answer",
    [
        "nonsense",
        Commitment("demo/absent", COMMIT, quantity()),
        Commitment("demo/number", COMMIT, quantity(q="8")),
        Commitment("demo/number", COMMIT, quantity(low="1")),
        Commitment("demo/number", COMMIT, quantity(low=None)),
        Commitment("demo/number", COMMIT, quantity(scale=10)),
        Commitment("demo/number", COMMIT, quantity(round="floor")),
        Commitment("demo/share", COMMIT, quantity(q="2", low=None, round="floor")),
    ],
)
def test_another_number_or_a_looser_bound_stops_the_seal(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    with pytest.raises(ToolError, match="plugin demo committed to"):
        commit(workspace(repository, monkeypatch, lambda _: [answer]), decision(), POLICY)


def test_a_ceiling_in_place_of_a_floor_is_the_same_number(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Commitment("demo/share", COMMIT, quantity(q="2", low=None, high="9", round="ceil"))
    _, commitments = commit(workspace(repository, monkeypatch, lambda _: [answer]), decision(), POLICY)
    assert commitments == {"demo/share": COMMIT}


def test_a_number_is_committed_to_once(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [Commitment("demo/number", COMMIT, quantity())] * 2
    with pytest.raises(ToolError, match="twice"):
        commit(workspace(repository, monkeypatch, lambda _: answers), decision(), POLICY)


def test_a_crash_stops_the_seal(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: CommitRequest) -> Iterable[object]:
        raise RuntimeError("boom")

    with pytest.raises(ToolError, match="boom"):
        commit(workspace(repository, monkeypatch, crash), decision(), POLICY)


def test_a_configured_plugin_that_does_not_load_stops_the_seal(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match="MAESTRO_API"):
        commit(workspace(repository, monkeypatch, lambda _: [], api=2), decision(), POLICY)
    other = workspace(repository, monkeypatch, lambda _: [], api=2, configured=False)
    assert commit(other, decision(), POLICY)[1] == {}
