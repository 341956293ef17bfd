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
    from maestro_hooks.requests import CheckRequest

MAESTRO_API = 1

RULES = (
    Rule("bandit-unparsed", "A file, or a part of it, that Bandit did not analyse"),
    Rule("bandit-suppressed", "Bandit results silenced by '# nosec' comments"),
    Rule("report-missing", "A configured report that matches no file"),
    Rule("report-unreadable", "A report that is damaged, hostile or not of its format"),
    Rule("report-incomplete", "A report that lacks what a configured bound needs"),
    Rule("junit-failure", "A failed test in a JUnit report"),
    Rule("junit-error", "A test that could not run in a JUnit report"),
    Rule("sarif-execution", "An analysis that says it did not run to its end"),
    Rule("sbom-vulnerability", "A known vulnerability listed in a CycloneDX document"),
)


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table, the key namespaces and the plugin's own rules."""
    registry.settings(ReportsSettings)
    registry.keys("bandit", "coverage", "junit", "sarif", "benchmark", "sbom")
    for rule in RULES:
        registry.rule(rule)


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """Run Bandit on the request's Python files; import the configured reports when the whole tree is asked about.

    Reports speak about the whole tree, so a hook that sees a few files does not read them.
    """
    settings = request.settings if isinstance(request.settings, ReportsSettings) else ReportsSettings()
    if settings.bandit:
        from maestro_reports import bandit_gate  # noqa: PLC0415 - loaded when a check runs

        yield from bandit_gate.check(request.files, settings)
    if request.whole:
        from maestro_reports import importing  # noqa: PLC0415 - loaded when a check runs

        yield from importing.obligations(request.root, settings)
