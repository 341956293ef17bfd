"""The gate through the host's eyes: requests in, obligations out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.requests import CheckRequest, SourceFile
from maestro_taint import gate
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Obligation

BAD = "import os\nfrom flask import request\nos.system(request.args['q'])"


def check(
    root: Path, files: dict[str, str], *, fix: bool = False, settings: TaintSettings | None = None
) -> dict[str, Obligation]:
    sources = []
    for name, text in sorted(files.items()):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        sources.append(SourceFile(name, place, hashlib.sha256(text.encode()).hexdigest()))
    request = CheckRequest(root=root, files=tuple(sources), settings=settings, whole=True, fix=fix)
    return {o.key: o for o in gate.check(request)}


def test_a_flow_blocks_and_says_where_and_why(tmp_path: Path) -> None:
    found = check(tmp_path, {"a.py": BAD + "\n"})["taint/flows"]
    assert (found.value, found.max) == (1, 0)
    finding = found.findings[0]
    assert (finding.at.line, finding.rule, finding.cwe) == (3, "taint-command", 78)
    assert {"kind", "confidence", "source", "sink"} <= set(finding.properties)
    assert finding.trace


def test_what_was_not_analysed_blocks(tmp_path: Path) -> None:
    found = check(tmp_path, {"a.py": "def f(:\n"})["taint/unanalysed"]
    assert (found.value, found.max) == (1, 0)


def test_no_python_file_makes_no_claim(tmp_path: Path) -> None:
    assert check(tmp_path, {"a.txt": "x"}) == {}


@pytest.mark.parametrize(
    ("comment", "flows", "wrong"),
    [
        ("  # maestro: ignore[taint-command] only an operator reaches this", 0, 0),
        ("  # maestro: ignore[taint-command]", 1, 1),
        ("  # maestro: ignore[taint-command] later, until 2001-01-01", 1, 1),
        ("  # maestro: ignore[taint-sql] wrong rule", 1, 1),
        ("  # nosec", 1, 0),
    ],
)
def test_suppressions(tmp_path: Path, comment: str, flows: int, wrong: int) -> None:
    found = check(tmp_path, {"a.py": BAD + comment + "\n"})
    assert found["taint/flows"].value == flows
    assert found["taint/suppressions-wrong"].value == wrong


def test_a_baseline_accepts_old_flows_only(tmp_path: Path) -> None:
    from maestro_taint.report import baseline

    settings = TaintSettings()
    first = check(tmp_path, {"a.py": BAD + "\n"})["taint/flows"].findings
    place = tmp_path / settings.baseline
    baseline.write(place, first, owner="me", reason="old", expires="", today="2026-01-01")
    assert check(tmp_path, {"a.py": BAD + "\n"})["taint/flows"].value == 0
    two = BAD + "\nos.popen(request.args['r'])\n"
    assert check(tmp_path, {"a.py": two})["taint/flows"].value == 1
    baseline.write(place, first, owner="me", reason="old", expires="2001-01-01", today="2026-01-01")
    assert check(tmp_path, {"a.py": BAD + "\n"})["taint/baselined"].value == 1, "a known entry keeps its own dates"


def test_fix_changes_the_tree_and_still_fails_once(tmp_path: Path) -> None:
    text = "import os\nfrom flask import request\nos.system('ls ' + request.args['q'])\n"
    first = check(tmp_path, {"a.py": text}, fix=True)
    assert first["taint/flows"].value == 1
    assert first["taint/fixes"].value == 1
    again = check(tmp_path, {"a.py": (tmp_path / "a.py").read_text(encoding="utf-8")})
    assert again["taint/flows"].value == 0
