"""Reports of other tools become obligations with exact numbers, and Bandit runs as a gate.

Invariant: a report or source file that cannot be read is an obligation that is not met, never silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Rule
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Advice, AdviceRequest, CheckRequest, LedgerView

MAESTRO_API = 1

RULES = (
    Rule("bandit-unparsed", "A file, or a part of it, that Bandit did not analyse"),
    Rule("bandit-suppressed", "Bandit results silenced by '# nosec' comments"),
    Rule("report-missing", "A configured report that matches no file"),
    Rule("report-unreadable", "A report that is damaged, hostile or not of its format"),
    Rule("report-incomplete", "A report that lacks what a configured bound needs"),
    Rule("junit-failure", "A failed test in a JUnit report"),
    Rule("flaky-test", "A test whose repeated runs did not all end alike"),
    Rule("junit-error", "A test that could not run in a JUnit report"),
    Rule("sarif-execution", "An analysis that says it did not run to its end"),
    Rule("sbom-vulnerability", "A known vulnerability listed in a CycloneDX document"),
)


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table, the key namespaces and the plugin's own rules."""
    registry.settings(ReportsSettings)
    registry.keys("bandit", "coverage", "junit", "sarif", "benchmark", "sbom", "flakes")
    registry.depends_on("bandit")
    for rule in RULES:
        registry.rule(rule)


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """Run Bandit on the request's Python files."""
    settings = request.settings if isinstance(request.settings, ReportsSettings) else ReportsSettings()
    if settings.bandit:
        from maestro_reports import bandit_gate  # noqa: PLC0415 - loaded when a check runs

        yield from bandit_gate.check(request.files, settings)


@hookimpl
def maestro_before_seal(view: LedgerView) -> Iterator[Obligation]:
    """Import the configured reports.

    Reports are made by the tests and the build, after the checks, and lie outside the tree; so they are read when
    the evidence is sealed, and what an earlier reading said is never used again.
    """
    settings = view.settings if isinstance(view.settings, ReportsSettings) else ReportsSettings()
    from maestro_reports import importing  # noqa: PLC0415 - loaded before a seal

    yield from importing.obligations(view.root, settings)


@hookimpl
def maestro_advise(request: AdviceRequest) -> Iterator[Advice]:
    """Say which report is missing."""
    from maestro_reports.advice import advise  # noqa: PLC0415 - only for a card that is blocked

    yield from advise(request)
