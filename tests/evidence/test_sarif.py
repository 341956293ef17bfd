from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.obligation import Finding, Location, Replacement
from maestro_hooks.evidence.sarif import MAX_STEPS, encode, github_annotations, sarif_log
from maestro_hooks.evidence.sarif_reader import SarifError, parse
from maestro_hooks.registry import Rule

TOOL = {"tool": {"driver": {"name": "t"}}}
AT = Location("src/a.py", 3, 5, 3, 9)


def found(**changes: Any) -> Finding:
    members: dict[str, Any] = {"rule": "r1", "message": "m", "at": AT, **changes}
    return Finding(**members)


def run(*findings: Finding, **more: Any) -> dict[str, Any]:
    log = sarif_log(findings, tool="t", version="1", **more)
    assert log["version"] == "2.1.0"
    one: dict[str, Any] = json.loads(encode(log))["runs"][0]
    return one


def fingerprints(*findings: Finding) -> list[str]:
    return [r["partialFingerprints"]["maestroFinding/v1"] for r in run(*findings)["results"]]


def test_a_finding_carries_place_rule_and_weakness() -> None:
    one = run(found(cwe=78, level="warning"), rules=[Rule("r1", "Title", help="https://x", cwe=78), Rule("a", "A")])
    (result,) = one["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/a.py"
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9}
    assert one["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "r1"
    assert one["tool"]["driver"]["rules"][1]["properties"]["tags"] == ["security", "external/cwe/cwe-078"]
    assert (result["level"], one["columnKind"]) == ("warning", "unicodeCodePoints")
    assert one["taxonomies"][0]["taxa"] == [{"id": "78"}]
    assert one["invocations"] == [{"executionSuccessful": True}]


def test_fingerprints_survive_line_moves_and_tell_twins_apart() -> None:
    moved = found(at=Location("src/a.py", 40, 5))
    assert fingerprints(found()) == fingerprints(moved)
    assert fingerprints(found(), moved)[0] == fingerprints(found())[0]
    assert len(set(fingerprints(found(), moved))) == 2
    others = [found(rule="r2"), found(message="n"), found(at=Location("b.py", 3)), found(fingerprint="f")]
    assert len({fingerprints(one)[0] for one in (found(), *others)}) == 5
    assert fingerprints(found(fingerprint="f")) == fingerprints(found(fingerprint="f", message="other"))


def test_traces_and_fixes() -> None:
    trace = (Location("a.py", 1, message="source"), Location("b.py", 2))
    fix = (Replacement(AT, "new"), Replacement(Location("b.py", 1, 1, 1, 2), ""), Replacement(AT, "x"))
    (result,) = run(found(trace=trace, fix=fix))["results"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [s["location"].get("message", {}).get("text") for s in steps] == ["source", None]
    changes = result["fixes"][0]["artifactChanges"]
    assert [(c["artifactLocation"]["uri"], len(c["replacements"])) for c in changes] == [("b.py", 1), ("src/a.py", 2)]
    assert changes[1]["replacements"][0]["insertedContent"] == {"text": "new"}


def test_a_long_trace_keeps_its_ends() -> None:
    trace = tuple(Location("a.py", line) for line in range(1, 500))
    (result,) = run(found(trace=trace))["results"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    lines = [s["location"]["physicalLocation"]["region"]["startLine"] for s in steps]
    assert (len(lines), lines[0], lines[-1]) == (MAX_STEPS, 1, 499)


def test_what_was_not_analysed_makes_the_execution_unsuccessful() -> None:
    one = run(unanalysed=[Location("b.py", 7, message="syntax error"), Location("", message="the gate crashed")])
    (invocation,) = one["invocations"]
    assert invocation["executionSuccessful"] is False
    first, second = invocation["toolExecutionNotifications"]
    assert (first["message"]["text"], first["locations"], first["level"]) == ("the gate crashed", [], "error")
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}


def test_odd_paths_and_texts_have_a_form() -> None:
    one = run(found(at=Location("a b/ü%\udcff.py"), message="x\udcff\0"))["results"][0]
    place = one["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b/%C3%BC%25%FF.py"}}
    assert one["message"]["text"] == "x?\0"


FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["r1", "r2"]),
    message=st.text(max_size=5),
    at=st.builds(Location, st.sampled_from(["a.py", "é.py"]), st.integers(0, 9), st.integers(0, 9)),
    level=st.sampled_from(["error", "warning", "note"]),
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(FINDINGS, max_size=8), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_all_is_read_back(findings: list[Finding], chance: Any) -> None:
    log = encode(sarif_log(findings, tool="t", version="1"))
    shuffled = findings[:]
    chance.shuffle(shuffled)
    assert encode(sarif_log(shuffled, tool="t", version="1")) == log
    (back,) = parse(json.loads(log))
    assert sorted((r.rule, r.level, r.at.path, r.at.line) for r in back.results) == sorted(
        (f.rule, f.level, f.at.path, f.at.line) for f in findings
    )
    assert back.failures == ()


def test_annotations_are_escaped_workflow_commands() -> None:
    odd = found(at=Location("a,b:c.py", 2, 3), message="100%\r\nsure: yes, no", level="note")
    assert github_annotations([odd, found(at=Location("a.py"))]) == (
        "::notice file=a%2Cb%3Ac.py,line=2,col=3,title=r1::100%25%0D%0Asure: yes, no",
        "::error file=a.py,title=r1::m",
    )


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"version": "2.0.0", "runs": []},
        {"version": "2.1.0"},
        {"version": "2.1.0", "runs": [{}]},
        {"version": "2.1.0", "runs": [{**TOOL, "results": [{}]}]},
        {
            "version": "2.1.0",
            "runs": [{**TOOL, "results": [{"message": {}, "level": "bad"}]}],
        },
    ],
    ids=str,
)
def test_what_is_no_log_is_refused(document: object) -> None:
    with pytest.raises(SarifError):
        parse(document)
