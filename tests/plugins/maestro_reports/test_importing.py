from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import LedgerView
from maestro_reports import importing, maestro_before_seal, maestro_check
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.plugins.maestro_reports.conftest import Ask, Write

ALL = ReportsSettings(
    junit=("**/*.xml",), coverage=("*.cov",), sarif=("*.sarif",), benchmark=("*.bench",), sbom=("*.bom",)
)
NAMES = {
    "junit": "out/r.xml",
    "coverage": "r.cov",
    "sarif": "r.sarif",
    "benchmark": "r.bench",
    "sbom": "r.bom",
}


def test_reports_are_read_before_a_seal_and_not_by_a_check(write: Write, ask: Ask, samples: dict[str, bytes]) -> None:
    root = write({NAMES[table]: data for table, data in samples.items()})
    found = list(maestro_before_seal(LedgerView(root=root, tree="0" * 40, records=(), settings=ALL)))
    assert {o.key.split("/")[0] for o in found} == set(NAMES)
    assert not any("unreadable" in o.key for o in found)
    assert {a.name for o in found for a in o.attachments} == set(NAMES.values())
    assert {o.key.split("/")[0] for o in maestro_check(ask(root, ALL))} <= {"bandit"}


def test_a_report_matched_twice_is_read_once(tmp_path: Path, samples: dict[str, bytes]) -> None:
    (tmp_path / "r.xml").write_bytes(samples["junit"])
    found = [o.key for o in importing.obligations(tmp_path, ReportsSettings(junit=("*.xml", "r.*")))]
    assert found.count("junit/failed/r.xml") == 1
    assert {"junit/reports/*.xml", "junit/reports/r.*"} < set(found)


def test_a_report_that_vanishes_is_not_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_matches", lambda _root, _pattern: ("gone.xml",))
    found = {o.key: o for o in importing.obligations(tmp_path, ReportsSettings(junit=("*.xml",)))}
    assert "cannot be read: No such file" in found["junit/unreadable/gone.xml"].findings[0].message
