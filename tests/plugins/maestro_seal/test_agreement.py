"""The command line's verifier and the page in a real Chromium say the same about every honest and tampered release."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.evidence.report import report_object
from maestro_hooks.evidence.verify import verify
from tests.plugins.maestro_seal import hidden
from tests.plugins.maestro_seal.clients import BUILT, CLIENTS, chromium
from tests.plugins.maestro_seal.corpus import (
    every_case,
    honest,
    mutations,
    per_step,
    spelled_otherwise,
    unchecked_by_the_page,
)

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.verify import Submission


HONEST = [*honest(), *hidden.honest()]


@pytest.mark.parametrize(("name", "submission"), HONEST, ids=[name for name, _ in HONEST])
def test_honest_releases_pass(name: str, submission: Submission) -> None:
    report = verify(submission)
    assert (report.verdict, report.first_failure) == ("pass", None), name


@pytest.mark.parametrize(("name", "step", "submission"), list(per_step()), ids=[name for name, _, _ in per_step()])
def test_each_attack_is_named_by_its_step(name: str, step: str, submission: Submission) -> None:
    report = verify(submission)
    assert report.verdict != "pass"
    assert report.first_failure == step, [(s.step, s.status, s.detail) for s in report.steps]


def test_a_section_that_its_own_signer_changed_is_never_believed() -> None:
    for name, submission in [*hidden.attacks(), *hidden.edited(mutations)]:
        report = verify(submission)
        assert report.verdict == "fail", name
        before = {s.step: s.status for s in report.steps[:8]}  # parse to freshness: the signature is good
        assert name.startswith("forged") or report.first_failure == "parse" or set(before.values()) == {"pass"}, name
    assert [verify(submission).verdict for _, submission in hidden.undecided()] == ["incomplete"] * 2


def test_another_spelling_passes_only_where_it_says_the_same() -> None:
    """Signed documents have one spelling; around them JSON and base64 may be written as their standards allow."""
    spellings = {"a space after it", "a newline after it", "a space before it", "an escaped letter", "an escaped slash"}
    allowed = {
        f"respelled {name}: {what}" for name in ("bundles", "leaves") for what in (*spellings, "URL-safe base64")
    }
    cases = list(spelled_otherwise())
    assert len(cases) > 45
    assert {name for name, submission in cases if verify(submission).verdict == "pass"} <= allowed


def test_no_edited_document_passes() -> None:
    """Key ids and hints decide nothing, and an unused member of trust may change only with the root's signature."""
    passed = {name for name, submission in every_case() if verify(submission).verdict == "pass"}
    edited = {name for name in passed if name.startswith(("bundle ", "trust ", "policy ", "leaf ", "forged leaf "))}
    hints = {name for name in edited if ".hint." in name or ".keyid." in name or name.startswith("trust signatures")}
    assert edited - hints <= {
        "bundle dsseEnvelope.signatures.0.-keyid",  # optional in DSSE
        "forged leaf producer.plugin.empty",
    } | {name for name in edited if name.startswith("forged leaf ")}


def test_tokens_are_judged_here_and_said_to_be_unchecked_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one step the page leaves to the command line: it says "not checked", as does a bare installation."""
    cases = list(unchecked_by_the_page())
    judged = [verify(submission) for _, _, submission in cases]
    assert [report.first_failure for report in judged] == [step for _, step, _ in cases]
    assert {report.verdict for report in judged} == {"fail"}
    without_the_library(monkeypatch)
    left = [verify(submission) for _, _, submission in cases]
    assert [report.verdict for report in left] == ["incomplete", "incomplete", "fail"]


def without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)


def test_the_page_agrees_about_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the tokens of timestamps, which the page does not check: there it says what an installation without the
    optional library says, and never that they are good.
    """
    without_the_library(monkeypatch)
    program = chromium()
    cases = every_case()
    given = tmp_path / "cases.json"
    given.write_text(json.dumps([submitted(submission) for _, submission in cases]))
    command = [program, str(CLIENTS / "chromium.mjs"), "corpus", str(BUILT), str(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(cases) > 1200
    compared: Counter[str] = Counter()
    for (name, submission), theirs in zip(cases, answers, strict=True):
        ours = report_object(verify(submission))
        assert comparable(theirs) == comparable(json.loads(json.dumps(ours))), name
        assert theirs["engine"]["ed25519"] in ("webcrypto", "none"), name
        compared[str(ours["first_failure"])] += 1
    # Every step is the first to fail somewhere, and some releases pass.
    assert {"None", "parse", "signature", "subject", "log-entry", "log-inclusion", "checkpoint"} <= compared.keys()
    assert {"witness", "freshness", "required", "leaf", "zk", "timestamp"} <= compared.keys()


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """The verdict object without the words for people and the name of the engine."""
    steps = [(step["step"], step["status"]) for step in report["steps"]]
    return {**report, "steps": steps, "engine": None}


def submitted(submission: Submission) -> dict[str, Any]:
    def encoded(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    return {
        "bundles": [encoded(data) for data in submission.bundles],
        "leaves": [encoded(data) for data in submission.leaves],
        "trust": encoded(submission.trust),
        "policy": encoded(submission.policy),
        "artifacts": list(submission.artifacts),
        "now": int(submission.now.timestamp() * 1000),
    }
