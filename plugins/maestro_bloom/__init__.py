"""Skips the tests a change cannot reach: a Bloom filter per test of what it touched, asked what has changed.

Invariant: any doubt runs the test, and says so. Importing this module imports nothing heavy.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_bloom.pytest_part import Part
    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Advice, AdviceRequest
    from maestro_hooks.session_requests import CollectionPlan, FileSkip, RunAll, Skip, TestPlan, TestRun

MAESTRO_API = 1


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table and the verb ``maestro bloom``."""
    from maestro_bloom.settings import BloomSettings  # noqa: PLC0415 - pytest imports this package when idle
    from maestro_hooks.registry import Command  # noqa: PLC0415 - as above

    registry.settings(BloomSettings)
    registry.command(
        Command(
            name="bloom",
            help="show, explain, merge, share and audit the test index",
            run="maestro_bloom.command:run",
            add_arguments=_arguments,
        )
    )


@hookimpl
def maestro_advise(request: AdviceRequest) -> Iterator[Advice]:
    """Propose a full run where skips were wrong."""
    from maestro_bloom.advice import advise  # noqa: PLC0415 - only for a card that is blocked

    yield from advise(request)


def _arguments(parser: ArgumentParser) -> None:
    from maestro_bloom.command import add_arguments  # noqa: PLC0415 - only when the verb is used

    add_arguments(parser)


@hookimpl
def maestro_leave_out(plan: CollectionPlan) -> Iterator[FileSkip]:
    """Leave out the files of which every test would be skipped, and would be found again."""
    part = _part_of(plan)
    if part is not None:
        yield from part.leave_out()


@hookimpl
def maestro_select(plan: TestPlan) -> Iterator[Skip | RunAll]:
    """Skip the tests whose record holds nothing that changed."""
    from maestro_hooks.session_requests import RunAll  # noqa: PLC0415 - only in a pytest with --maestro

    part = _part_of(plan)
    yield from part.select(plan) if part is not None else [RunAll("the pytest plugin maestro_bloom is switched off")]


@hookimpl
def maestro_tests_finished(run: TestRun) -> Iterator[Obligation]:
    """What was run and skipped on which index, and what full runs measured of earlier skips."""
    part = _part_of(run)
    if part is not None:
        from maestro_bloom.claims import obligations  # noqa: PLC0415 - only in a pytest with --maestro

        yield from obligations(run, part.facts())
        part.share(run.cache)


def _part_of(asked: CollectionPlan | TestPlan | TestRun) -> Part | None:
    """The part of the pytest process that asks; ``None`` if it is switched off there (``-p no:maestro_bloom``)."""
    if "maestro_bloom.pytest_part" not in sys.modules:
        return None  # nor is it loaded to find that out
    from maestro_bloom.pytest_part import part_of  # noqa: PLC0415 - it is loaded

    return part_of(asked)
