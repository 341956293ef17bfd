"""A third party's plugin, typed as its author would: every hook it implements checks under mypy's strict mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from maestro_hooks import (
    Advice,
    AdviceRequest,
    CacheEntry,
    CheckRequest,
    FetchRequest,
    Finding,
    LedgerView,
    Obligation,
    Registry,
    RunAll,
    Skip,
    SourceFile,
    StoreRequest,
    TestOutcome,
    TestPlan,
    TestRun,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAESTRO_API = 1


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare nothing."""


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """One obligation per file."""
    assert_type(request.python_files, tuple[SourceFile, ...])
    for file in request.python_files:
        finding = request.finding(file, 1, "rule", "message")
        assert_type(finding, Finding)
        yield Obligation(key=f"fits/lines/{file.path}", value=file.text.count("\n"), max=1000, findings=[finding])


@hookimpl
def maestro_select(plan: TestPlan) -> Iterable[Skip | RunAll]:
    """Skip nothing, and say so."""
    return [RunAll("no index")] if plan.nodeids else [Skip("a", "b")]


@hookimpl
def maestro_test_finished(outcome: TestOutcome) -> None:
    """Watch."""
    assert_type(outcome.duration_us, int)


@hookimpl
def maestro_tests_finished(run: TestRun) -> list[Obligation]:
    """A claim about the run."""
    return [Obligation(key="fits/tests", value=len(run.tests), min=0)]


@hookimpl
def maestro_fetch(request: FetchRequest) -> CacheEntry | None:
    """Always a miss."""
    assert_type(request.key.upper(), str)
    return None


@hookimpl
def maestro_store(request: StoreRequest) -> None:
    """Forget."""
    assert_type(request.entry, CacheEntry)


@hookimpl
def maestro_before_seal(view: LedgerView) -> tuple[Obligation, ...]:
    """Nothing to add."""
    assert_type([record.key for record in view.records], list[str])
    return ()


@hookimpl
def maestro_advise(request: AdviceRequest) -> list[Advice]:
    """A remedy for each key."""
    return [Advice(key=record.key, action="look at it") for record in request.unmet]
