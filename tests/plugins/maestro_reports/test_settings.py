from __future__ import annotations

import msgspec
import pytest

from maestro_hooks.registry import Registry
from maestro_reports import MAESTRO_API, maestro_register
from maestro_reports.settings import ReportsSettings


@pytest.mark.parametrize(
    "table",
    [
        {"coverage": ["a"], "coverage_min": 80.5},
        {"coverage": ["a"], "coverage_min": "101"},
        {"coverage": ["a"], "coverage_min": "1e2"},
        {"coverage": ["a"], "coverage_min": "NaN"},
        {"coverage": ["a"], "coverage_min": "-1"},
        {"benchmark_max_us": {"a": 3.5}},
        {"benchmark_max_us": {"a": "1e9"}},
        {"junit": "reports/*.xml"},
        {"junit": ["/etc/*"]},
        {"junit": ["../other/*.xml"]},
        {"junit": [""]},
        {"bandit_level": "severe"},
        {"bandit_skips": ["assert_used"]},
        {"sbom": ["a"], "sbom_unhashed_max": -1},
        {"sbom_unhashed_max": 0},
        {"coverage_branch_min": "80"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_wrong_value_is_an_error(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, ReportsSettings)


def test_good_values_are_taken() -> None:
    table = {
        "coverage": ["c.json"],
        "coverage_min": "80.25",
        "junit": ["out/*.xml"],
        "benchmark_max_us": {"a": "12.5"},
        "bandit": False,
    }
    assert msgspec.convert(table, ReportsSettings).coverage_min == "80.25"
    assert "description" in str(msgspec.json.schema(ReportsSettings))


def test_registration_declares_settings_and_keys() -> None:
    registry = Registry("reports")
    maestro_register(registry)
    assert MAESTRO_API == 1
    assert registry.settings_type is ReportsSettings
    assert registry.namespaces == {"bandit", "coverage", "junit", "sarif", "benchmark", "sbom", "flakes"}
    assert len({rule.id for rule in registry.rules}) == len(registry.rules) > 5
