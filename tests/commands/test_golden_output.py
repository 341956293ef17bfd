"""What ``maestro policy``, ``maestro card`` and ``maestro kpi`` print, byte for byte: help, words and JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.cli import main

if TYPE_CHECKING:
    from tests.conftest import Golden
    from tests.support.git_repository import GitRepository

POLICY = """\
version: 1
authors: {bot: ["*[bot]@users.noreply.github.com"]}
max_waiver_days: 36
rules:
  - {id: tests-pass, require: pytest/failed, max: 0, why: a failing test is a known defect}
  - id: no-flows
    require: taint/flows/*
    exempt: [{key: taint/flows/tests/*, why: fixtures}]
    max: 0
    accept: [met]
    when: {branch: "release-*", hazard: high}
  - {id: slow, require: bench/ms, max: 2.5, severity: warn}
"""
CASES = """\
version: 1
obligations: {pytest/failed: 0, taint/flows/a: 0, bench/ms: 1}
cases:
  - {name: fine, expect: pass}
  - {name: one failing test, given: {pytest/failed: 1}, expect: block, by: [tests-pass]}
"""
BAD = {"unknown-field": POLICY.replace("why: a", "because: a"), "contradiction": POLICY.replace("2.5", "2.5, min: 3")}
VERBS = ("check", "test", "mutate", "explain", "export")


@pytest.fixture
def project(repository: GitRepository) -> GitRepository:
    repository.commit({"maestro-policy.yaml": POLICY, "maestro-policy.cases.yaml": CASES})
    return repository


def printed(capsys: pytest.CaptureFixture[str], project: GitRepository, *arguments: str) -> str:
    code = main([*arguments, "-C", str(project.root)])
    shown = capsys.readouterr()
    return f"exit {code}\n{shown.out}{shown.err}"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", ["txt", "json"])
def test_each_verb_prints_the_same_bytes(
    project: GitRepository, capsys: pytest.CaptureFixture[str], golden: Golden, verb: str, form: str
) -> None:
    made = printed(capsys, project, "policy", verb, *(["--json"] if form == "json" else []))
    if form == "json":
        json.loads(made.partition("\n")[2])  # one object and nothing else
    golden(f"policy/{verb}.{form}", made)


@pytest.mark.parametrize(
    "arguments", [("export", "--cel"), ("export", "--cel", "--json"), ("mutate", "--suggest"), ("explain", "bench/ms")]
)
def test_the_other_forms_too(
    project: GitRepository, capsys: pytest.CaptureFixture[str], golden: Golden, arguments: tuple[str, ...]
) -> None:
    name = "-".join(word.lstrip("-").replace("/", "-") for word in arguments)
    golden(f"policy/{name}.txt", printed(capsys, project, "policy", *arguments))


@pytest.mark.parametrize("name", BAD)
def test_errors_print_the_same_bytes(
    project: GitRepository, capsys: pytest.CaptureFixture[str], golden: Golden, name: str
) -> None:
    project.write({"maestro-policy.yaml": BAD[name]})
    golden(f"policy/error-{name}.txt", printed(capsys, project, "policy", "check"))


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse prints options otherwise from 3.13 on")
@pytest.mark.parametrize("verb", ["policy", "card", "kpi"])
def test_help_prints_the_same_words(capsys: pytest.CaptureFixture[str], golden: Golden, verb: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    golden(f"policy/help-{verb}.txt", textwrap.fill(" ".join(capsys.readouterr().out.split()), 100) + "\n")
