from __future__ import annotations

import json
from typing import Any

import pytest

from maestro_hooks.evidence import sarif as writer
from maestro_hooks.evidence.obligation import Finding, Location, Obligation
from maestro_reports import sarif
from maestro_reports.reading import Report
from maestro_reports.settings import ReportsSettings


def claims(log: bytes | dict[str, Any]) -> dict[str, Obligation]:
    data = log if isinstance(log, bytes) else json.dumps(log).encode()
    return {o.key.split("/")[1]: o for o in sarif.obligations(Report("r.sarif", data), ReportsSettings())}


def run(*results: dict[str, Any], **more: object) -> dict[str, Any]:
    rules = [{"id": "E", "defaultConfiguration": {"level": "error"}}, {"id": "N"}]
    one = {"tool": {"driver": {"name": "t", "rules": rules}}, "results": list(results), **more}
    return {"version": "2.1.0", "runs": [one]}


def result(**members: object) -> dict[str, Any]:
    return {"message": {"text": "m"}, **members}


def test_a_real_log_is_counted(samples: dict[str, bytes]) -> None:
    found = claims(samples["sarif"])
    stated = json.loads(samples["sarif"])["runs"][0]["results"]
    assert len(stated) > 3
    assert sum(int(found[n].value) for n in ("errors", "warnings", "notes")) == len(stated)
    shown = [*found["errors"].findings, *found["warnings"].findings]
    assert {f.rule for f in shown} == {r["ruleId"] for r in stated}
    assert all(f.at.path.endswith("calc.py") and f.at.line for f in shown)


@pytest.mark.parametrize(
    ("one", "counted"),
    [
        (result(level="error"), "errors"),
        (result(ruleId="E"), "errors"),
        (result(ruleIndex=0), "errors"),
        (result(rule={"index": 0}), "errors"),
        (result(ruleId="E", level="note"), "notes"),
        (result(ruleId="N"), "warnings"),
        (result(), "warnings"),
        (result(level="error", suppressions=[]), "errors"),
        (result(level="error", suppressions=[{"kind": "inSource"}]), "suppressed"),
        (result(level="error", suppressions=[{"kind": "external", "status": "underReview"}]), "errors"),
        (result(level="error", kind="review"), "errors"),
        (result(level="none", kind="pass"), None),
        (result(level="error", baselineState="absent"), None),
    ],
)
def test_each_result_counts_where_the_standard_puts_it(one: dict[str, Any], counted: str | None) -> None:
    found = claims(run(one))
    assert {name: o.value for name, o in found.items() if o.value} == ({} if counted is None else {counted: 1})


@pytest.mark.parametrize(
    "log",
    [
        run(invocations=[{"executionSuccessful": False}]),
        run(
            invocations=[
                {
                    "executionSuccessful": True,
                    "toolConfigurationNotifications": [{"level": "error", "message": {"text": "syntax error"}}],
                }
            ]
        ),
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}}]},
    ],
    ids=["failed", "error notification", "no result list"],
)
def test_an_execution_that_did_not_end_well_is_not_met(log: dict[str, Any]) -> None:
    failed = claims(log)["failed"]
    assert (failed.value, failed.max) == (1, 0)


def test_what_we_write_is_read_back() -> None:
    at = Location("src/ä b.py", 3, 5, 3, 9)
    log = writer.sarif_log(
        [Finding(rule="r", message="m", at=at)], tool="t", version="1", unanalysed=[Location("x.py")]
    )
    found = claims(writer.encode(log))
    assert found["errors"].findings[0].at == at
    assert found["failed"].value == 2  # the execution, and the file it names
