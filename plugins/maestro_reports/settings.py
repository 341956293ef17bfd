"""The table ``[tool.maestro.reports]``: which reports to import, their bounds, and how Bandit runs.

Invariant: bounds are exact. Decimal numbers are written as text (``"80.5"``), so no float reaches an obligation.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from maestro_hooks.registry import Settings

Pattern: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=200, description="Glob below the repository root, for example reports/*.xml.")
]
Percent: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$",
        max_length=8,
        description='Percentage as exact decimal text, for example "80.5".',
    ),
]
Microseconds: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,3})?$",
        max_length=16,
        description='Microseconds as exact decimal text, for example "125.5".',
    ),
]
BanditId: TypeAlias = Annotated[
    str, Meta(pattern="^B[0-9]{3}$", max_length=4, description="A Bandit test id, for example B101.")
]
Rank: TypeAlias = Literal["low", "medium", "high"]
Severity: TypeAlias = Literal["low", "medium", "high", "critical"]
Bound: TypeAlias = Annotated[int, Meta(ge=0, description="Largest number allowed; absent means recorded, not bounded.")]

REPORT_TABLES = ("junit", "coverage", "sarif", "benchmark", "sbom", "repeated")
BOUNDS = {
    "coverage_min": "coverage",
    "coverage_branch_min": "coverage",
    "flake_max": "repeated",
    "sbom_unlicensed_max": "sbom",
    "sbom_unhashed_max": "sbom",
}
TEST_FILES = ("tests/*", "*/tests/*", "test_*.py", "*_test.py", "conftest.py")


class ReportsSettings(Settings, frozen=True, kw_only=True):
    """Settings of the reports plugin; every list of patterns is empty until configured.

    Raises:
        ValueError: for a pattern that leaves the repository, or a bound on reports that are not configured.
    """

    junit: tuple[Pattern, ...] = ()
    coverage: tuple[Pattern, ...] = ()
    coverage_min: Percent | None = None
    coverage_branch_min: Percent | None = None
    sarif: tuple[Pattern, ...] = ()
    benchmark: tuple[Pattern, ...] = ()
    benchmark_max_us: dict[str, Microseconds] = field(default_factory=dict)
    repeated: tuple[Pattern, ...] = ()
    flake_max: Percent | None = None
    sbom: tuple[Pattern, ...] = ()
    sbom_level: Severity = "high"
    sbom_unlicensed_max: Bound | None = None
    sbom_unhashed_max: Bound | None = None
    bandit: bool = True
    bandit_level: Rank = "medium"
    bandit_confidence: Rank = "low"
    bandit_skips: tuple[BanditId, ...] = ()
    bandit_exclude: tuple[Pattern, ...] = ()
    bandit_test_files: tuple[Pattern, ...] = TEST_FILES
    bandit_test_skips: tuple[BanditId, ...] = ("B101",)

    def __post_init__(self) -> None:
        for table in REPORT_TABLES:
            for pattern in getattr(self, table):
                path = PurePosixPath(pattern)
                if path.is_absolute() or ".." in path.parts:
                    raise ValueError(f"{table}: {pattern!r} must stay below the repository root")
        for bound, table in BOUNDS.items():
            if getattr(self, bound) is not None and not getattr(self, table):
                raise ValueError(f"{bound} bounds nothing: name the reports in {table!r}")
