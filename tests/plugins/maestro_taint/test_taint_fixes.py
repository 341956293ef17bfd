"""Repairs: what is kept holds under the ladder, what is unsafe is refused with a reason."""

from __future__ import annotations

import ast

import pytest

from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.analysing import models

HEAD = "import os, sqlite3, subprocess, yaml, hashlib, pickle, logging\nfrom flask import request, make_response\ndef h():\n    x = request.args['q']\n"  # noqa: E501 - a program in one piece


def repaired(line: str, settings: TaintSettings | None = None) -> tuple[str, list[tuple[str, str]]]:
    text = HEAD + "".join(f"    {part}\n" for part in line.split("\n"))
    tree = Tree({"a.py": text.encode()}, settings or TaintSettings(), models())
    outcomes = repair(tree)
    return tree.files["a.py"].decode(), [(o.state, o.detail) for o in outcomes]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("os.system('ls ' + x)  # why", "os.system('ls ' + shlex.quote(x))  # why"),
        ("subprocess.run(f'ls {x}', shell=True)", 'subprocess.run(["ls", x])'),
        (
            "db = sqlite3.connect('d')\ndb.execute(\"select * from t where a = '\" + x + \"'\")",
            'db.execute("select * from t where a = ?", (x,))',
        ),
        ("db = sqlite3.connect('d')\nq = f\"select 1 where a = '{x}'\"\ndb.execute(q)", "db.execute(q, (x,))"),
        ("yaml.load(x, Loader=yaml.Loader)", "yaml.safe_load(x)"),
        ("hashlib.md5(b'x')", "hashlib.sha256(b'x')"),
        ("make_response('<p>' + x)", "make_response('<p>' + html.escape(x))"),
        ("make_response('a').set_cookie('a', 'b')", "set_cookie('a', 'b', secure=True, httponly=True)"),
        ("open(os.path.join('base', x))", "safe_path = os.path.realpath(os.path.join('base', x))"),
    ],
)
def test_a_safe_repair_is_kept(line: str, wanted: str) -> None:
    text, outcomes = repaired(line)
    assert outcomes
    assert all(state == "verified" for state, _ in outcomes), outcomes
    assert wanted in text
    ast.parse(text)
    again = Tree({"a.py": text.encode()}, TaintSettings(), models())
    assert repair(again) == []
    assert again.files["a.py"].decode() == text


@pytest.mark.parametrize(
    "line",
    [
        "pickle.loads(x)",
        "eval(x)",
        "os.system(x)",
        "db = sqlite3.connect('d')\ndb.execute('select * from ' + x)",
    ],
)
def test_an_unsafe_repair_is_refused_with_a_reason_and_nothing_changes(line: str) -> None:
    text, outcomes = repaired(line)
    assert outcomes
    assert all(state == "refused" and detail for state, detail in outcomes)
    assert text.startswith(HEAD)


def test_secrets_are_redacted_by_the_projects_own_function_only() -> None:
    """Without one, a log line says "[redacted]"; what else receives the value may need it."""
    line = "logging.info('key %s of %s', os.environ['APP_API_KEY'], 'me')"
    text, outcomes = repaired(line)
    assert outcomes == [("verified", "V5")]
    assert """logging.info('key %s of %s', "[redacted]", 'me')""" in text
    text, outcomes = repaired(line, TaintSettings(redactor="hashlib.scrypt"))
    assert outcomes == [("verified", "V5")]
    assert "hashlib.scrypt(os.environ['APP_API_KEY'])" in text
    sent = "import requests\nrequests.post('https://x.example', data=os.environ['APP_API_KEY'])"
    assert repaired(sent)[1][0][0] == "refused"
