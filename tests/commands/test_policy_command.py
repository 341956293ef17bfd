from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maestro_hooks.cli import main
from tests.pipeline.card_samples import card

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.git_repository import GitRepository

POLICY = "version: 1\nrules:\n  - {id: a, require: x/y, max: 0, why: because}\n"
CASES = "version: 1\nobligations: {x/y: 0}\ncases:\n  - {name: fine, expect: pass}\n"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, root: Path, code: int = 0) -> str:
    assert main([*arguments, "-C", str(root)]) == code
    return capsys.readouterr().out


def test_each_action(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({"maestro-policy.yaml": POLICY, "maestro-policy.cases.yaml": CASES})
    root = repository.root
    assert "patterns were not tried" in told(capsys, "policy", root=root)
    assert "1 of 1 cases pass" in told(capsys, "policy", "test", root=root)
    assert "obligation x/y must be recorded" in told(capsys, "policy", "explain", root=root)
    assert "rule a blocks unless" in told(capsys, "policy", "explain", "x/y", root=root)
    assert "no rule speaks about z/z" in told(capsys, "policy", "explain", "z/z", root=root)
    assert json.loads(told(capsys, "policy", "export", root=root))["schema"] == "maestro.policy/1"
    assert "ValidatingAdmissionPolicy" in told(capsys, "policy", "export", "--cel", root=root)


def test_mutate_ends_with_one_until_the_suggested_cases_are_added(
    repository: GitRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit({"maestro-policy.yaml": POLICY, "maestro-policy.cases.yaml": CASES})
    first = json.loads(told(capsys, "policy", "mutate", "--suggest", "--json", root=repository.root, code=1))
    assert first["survived"]
    repository.write({"maestro-policy.cases.yaml": CASES + "\n".join(first["suggested"]) + "\n"})
    second = json.loads(told(capsys, "policy", "mutate", "--json", root=repository.root))
    assert (second["effective"], second["survived"]) == ("1", [])


def test_a_policy_without_cases_is_offered_a_whole_file(
    repository: GitRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "  - {id: b, require: 'y/*', min: 0.5, max: 2, when: {branch: '*-x'}}\n"
    rules += "  - {id: w, require: z/z, severity: warn}\n"
    repository.commit({"maestro-policy.yaml": POLICY + rules, "maestro-policy.cases.yaml": ""})
    offered = told(capsys, "policy", "mutate", "--suggest", root=repository.root, code=1)
    repository.write({"maestro-policy.cases.yaml": offered})
    assert "cases pass" in told(capsys, "policy", "test", root=repository.root)
    assert json.loads(told(capsys, "policy", "mutate", "--json", root=repository.root))["effective"] == "1"


def test_a_failing_case_ends_with_one_and_no_cases_with_two(
    repository: GitRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit({"maestro-policy.yaml": POLICY})
    assert main(["policy", "test", "-C", str(repository.root)]) == 2
    assert "maestro-policy.cases.yaml" in capsys.readouterr().err
    repository.write({"maestro-policy.cases.yaml": CASES.replace("x/y: 0", "x/y: 1")})
    assert "FAIL fine" in told(capsys, "policy", "test", root=repository.root, code=1)


def test_an_expired_waiver_is_located(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> None:
    waiver = "waivers:\n  - {key: x/y, owner: me, reason: why, expires: 2020-01-01}\n"
    repository.commit({"maestro-policy.yaml": POLICY + waiver})
    assert main(["policy", "check", "-C", str(repository.root)]) == 2
    assert "line 5" in capsys.readouterr().err


def test_every_form_of_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from maestro_hooks.evidence.canonical import encode
    from maestro_hooks.pipeline.card import to_json

    place = tmp_path / "card.json"
    place.write_bytes(encode(to_json(card(blocked=True))))
    shown = {form: told(capsys, "card", str(place), form, root=tmp_path, code=1) for form in ("--html", "--sarif")}
    assert shown["--html"].startswith("<!doctype html>")
    assert json.loads(shown["--sarif"])["version"] == "2.1.0"
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    commands = told(capsys, "card", str(place), "--github", root=tmp_path, code=1)
    assert commands.startswith("::error ")
    assert "BLOCKED" in summary.read_text(encoding="utf-8")
    replayed = json.loads(told(capsys, "card", "replay", str(place), "--json", root=tmp_path))
    assert (replayed["ok"], replayed["met"]) == (True, False)
    assert main(["card", str(place), str(place)]) == 2
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert main(["card", str(place), "--github"]) == 2
