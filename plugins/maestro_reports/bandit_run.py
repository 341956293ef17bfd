"""Runs Bandit inside this process and returns what it found as plain data. The gate's only contact with Bandit.

Invariant: Bandit leaves no trace behind. Its log becomes data, and the warning filters, the warning format and the
logger it changes are put back.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.contained import contained
from maestro_hooks.errors import ConfigError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

CRASH = re.compile(r"Bandit internal error running: (\S+) on file (.*?) at line (\d+): ")


@dataclass(frozen=True, slots=True)
class Issue:
    """One Bandit result. ``column`` counts UTF-8 bytes from 0; ``first`` to ``last`` are the lines of its node."""

    path: str
    rule: str
    name: str
    severity: str
    confidence: str
    cwe: int
    text: str
    line: int
    column: int
    end_column: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A file, or one check on one line of it, that Bandit did not do; ``line`` is 0 for the whole file."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of one run; ``suppressed`` counts results silenced by ``# nosec`` by path."""

    issues: tuple[Issue, ...]
    gaps: tuple[Gap, ...]
    suppressed: dict[str, int]


def run(paths: Sequence[str], skips: Iterable[str]) -> Outcome:
    """Analyse ``paths`` (absolute) with every installed test but ``skips``.

    Raises:
        ConfigError: a skip names no installed test, or no test is left.
    """
    with contained("bandit") as log:
        config, manager, _, _ = _core()
        profile = {"include": set(), "exclude": _checked(skips)}
        bandit = manager.BanditManager(config.BanditConfig(), "file", quiet=True, profile=profile)
        if not bandit.b_ts.tests:
            raise ConfigError("no Bandit test is left to run", where="tool.maestro.reports.bandit_skips")
        bandit.discover_files(list(paths))
        bandit.run_tests()
    skipped = [Gap(path, 0, reason) for path, reason in bandit.get_skipped()]
    counts = {path: m["nosec"] + m["skipped_tests"] for path, m in bandit.metrics.data.items() if m}
    return Outcome(
        issues=tuple(_issue(one) for one in bandit.results),
        gaps=(*skipped, *_crashes(log)),
        suppressed={path: count for path, count in counts.items() if count and path != "_totals"},
    )


def titles(rules: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name and documentation address of each test id."""
    _, _, docs_utils, extension_loader = _core()
    tests = extension_loader.MANAGER
    names = {rule: plugin.name for rule, plugin in tests.plugins_by_id.items()}
    # Bandit respells these names while it runs; one spelling keeps the first answer equal to the second.
    names |= {rule: entry["name"].replace("_", "-") for rule, entry in tests.blacklist_by_id.items()}
    return {rule: (names.get(rule, rule), docs_utils.get_url(rule)) for rule in rules}


def _core() -> tuple[Any, Any, Any, Any]:
    """Bandit's modules, which carry no types. Importing them takes 0.2 s and changes global state."""
    with warnings.catch_warnings():
        # A deprecation in Bandit's own dependencies, made an error by "-W error", would leave it half imported.
        warnings.simplefilter("ignore")
        from bandit.core import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
            config,
            docs_utils,
            extension_loader,
            manager,
        )

    return config, manager, docs_utils, extension_loader


def known(rule: str) -> bool:
    """Whether an installed Bandit test has this id."""
    return bool(_core()[3].MANAGER.check_id(rule))


def _checked(skips: Iterable[str]) -> set[str]:
    wanted = set(skips)
    unknown = sorted(rule for rule in wanted if not known(rule))
    if unknown:
        raise ConfigError(
            f"Bandit has no test {', '.join(unknown)}",
            where="tool.maestro.reports: bandit_skips, bandit_test_skips",
            fix="correct the id, or remove it (the Bandit documentation lists all tests)",
        )
    return wanted


def _crashes(log: Iterable[logging.LogRecord]) -> Iterator[Gap]:
    """Checks that raised: Bandit only logs them, and goes on as if they had found nothing."""
    for record in log:
        match = CRASH.match(record.getMessage())
        if match:
            name, path, line = match.groups()
            yield Gap(path, int(line), f"the check {name} crashed")


def _issue(one: Any) -> Issue:
    lines = one.linerange or [one.lineno]
    return Issue(
        path=one.fname,
        rule=one.test_id,
        name=one.test,
        severity=one.severity,
        confidence=one.confidence,
        cwe=one.cwe.id,
        text=one.text,
        line=one.lineno,
        column=one.col_offset,
        end_column=one.end_col_offset,
        first=min(lines),
        last=max(lines),
    )
