"""What plugins propose for a blocked change, and that the proposal helps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from maestro_bloom.advice import advise as bloom
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Producer, Record, record_of
from maestro_hooks.pipeline.deciding import is_advice
from maestro_hooks.requests import Advice, AdviceRequest
from maestro_mutation.advice import advise as mutation
from maestro_reports.advice import advise as reports
from maestro_reports.settings import ReportsSettings
from maestro_symbolic.advice import advise as symbolic
from maestro_taint.advice import advise as taint
from maestro_taint.command import project
from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.models.load import project_models

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

SQL = """\
import sqlite3
from flask import request

def user():
    cur = sqlite3.connect("x.db").cursor()
    cur.execute("select * from t where name = '" + request.args["name"] + "'")
"""
EVAL = """\
from flask import request

def run():
    return eval(request.args["code"])
"""


def record(key: str, value: object = 0, **fields: Any) -> Record:
    return record_of(Obligation(key=key, value=value, **fields), producer=Producer("x", "1", "h"), inputs="0" * 64)  # type: ignore[arg-type]


def request(
    *unmet: Record, root: Path = Path(), missing: tuple[str, ...] = (), settings: object = None
) -> AdviceRequest:
    return AdviceRequest(root=root, unmet=unmet, missing=missing, settings=settings)


def test_repairs_that_hold_are_proposed_with_the_command_that_applies_them(repository: GitRepository) -> None:
    repository.commit({"a.py": SQL})
    (made,) = taint(request(record("taint/flows", 1, max=0), root=repository.root))
    assert (made.action, made.command, made.risk) == ("apply the verified repair", ("maestro", "taint", "fix"), "low")
    # Nothing was changed by trying.
    assert (repository.root / "a.py").read_text(encoding="utf-8") == SQL
    root, files, settings = project(repository.root)
    tree = Tree({f.path: f.data for f in files}, settings, project_models(root, settings))
    repair(tree)
    assert tree.findings() == []


def test_what_no_repair_answers_is_dearer_and_says_so(repository: GitRepository) -> None:
    repository.commit({"a.py": SQL, "b.py": EVAL})
    (made,) = taint(request(record("taint/flows", 2, max=0), root=repository.root))
    assert made.action == "apply the verified repair, then mend the other flow by hand"
    assert (made.risk, made.cost_s) == ("medium", 910)
    (repository.root / "a.py").write_text("", encoding="utf-8")
    (alone,) = taint(request(record("taint/flows", 1, max=0), root=repository.root))
    assert "by hand: no repair could be verified" in alone.action
    (many,) = taint(request(record("taint/flows", 99, max=0), root=repository.root))
    assert many.cost_s == 99 * 900


def test_a_report_that_is_missing_is_named() -> None:
    (unset,) = reports(request(missing=("coverage/lines",)))
    assert "name it as 'coverage' in the settings" in unset.action
    (known,) = reports(request(missing=("coverage/lines", "x/y"), settings=ReportsSettings(coverage=("c.json",))))
    assert "that c.json names" in known.action
    assert known.cost_s < unset.cost_s
    (lines,) = reports(request(record("coverage/lines", 1, min=2)))
    assert lines.action == "test the lines that no test reaches"


def test_each_plugin_speaks_of_its_own_keys_only() -> None:
    strangers = request(record("x/y", 1, max=0), missing=("x/z",))
    for advise in (bloom, mutation, reports, symbolic, taint):
        assert list(advise(strangers)) == []
    (full,) = bloom(request(record("bloom/false_skips", 1, max=0)))
    assert full.command == ("pytest", "--maestro", "--maestro-full")
    refuted, open_ = symbolic(
        request(record("symbolic/verdict/a.f", "refuted"), record("symbolic/verdict/a.g", "unknown"))
    )
    assert refuted.command == ("maestro", "symbolic", "show", "a.f")
    assert open_.cost_s > refuted.cost_s
    cases, score, first = mutation(
        request(
            record("policy/cases-failed", 1, max=0),
            record("policy/mutation-score", 0, min=1),
            missing=("policy/mutation-effective",),
        )
    )
    assert cases.command == ("maestro", "policy", "test")
    assert score.command == first.command == ("maestro", "policy", "mutate", "--suggest")


@pytest.mark.parametrize(
    "answer",
    [
        "do it",
        Advice("k/x", "a", cost_s=-1),
        Advice("k/x", "a", cost_s="1"),  # type: ignore[arg-type]
        Advice("k/x", "a", cost_s=True),
        Advice("k/x", "a", risk="mild"),  # type: ignore[arg-type]
        Advice("k/x", "a", command="rm"),  # type: ignore[arg-type]
        Advice("k/x", 3),  # type: ignore[arg-type]
    ],
)
def test_malformed_advice_is_told_apart(answer: object) -> None:
    assert not is_advice(answer)
    assert is_advice(Advice("k/x", "a", ("b",), 1, "low"))
