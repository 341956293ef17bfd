# ruff: noqa: E501 - a program per line reads better than a broken one
"""Repairs: what is kept holds under the ladder, what is unsafe is refused with a reason."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

import pytest

from maestro_taint.fixes import edits
from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.analysing import models
from tests.plugins.maestro_taint.test_taint_gate import check

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding

HEAD = "import os, sqlite3, subprocess, yaml, hashlib, pickle, logging\nfrom flask import request, make_response\ndef h():\n    x = request.args['q']\n"


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


BODY = "\n\ndef h():\n    os.system('ls ' + request.args['q'])\n"
COMMAND = "from flask import request\nimport os\n\n\ndef h():\n    os.system('ls ' + request.args['q'])  # é why\n"


def fixed(data: bytes, settings: TaintSettings | None = None) -> bytes:
    tree = Tree({"a.py": data}, settings or TaintSettings(), models())
    assert [o.state for o in repair(tree)] == ["verified"]
    return tree.files["a.py"]


@pytest.mark.parametrize(
    "data",
    [
        COMMAND.encode(),
        COMMAND.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + COMMAND.encode(),
        ("# -*- coding: latin-1 -*-\n" + COMMAND).encode("latin-1"),
        COMMAND.replace("    ", "\t").encode(),
        COMMAND.rstrip("\n").encode(),
    ],
    ids=["plain", "crlf", "bom", "latin-1", "tabs", "no newline at the end"],
)
def test_bytes_that_are_not_the_repairs_stay(data: bytes) -> None:
    """Line ends, byte order mark, encoding and comments: taking the repair back gives the old bytes."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    made = fixed(data)
    assert made.count(b"shlex.quote(request.args['q'])") == 1
    undone = made.replace(b"shlex.quote(request.args['q'])", b"request.args['q']")
    assert undone.replace(b"import shlex" + newline, b"", 1).split() == data.split()
    assert made.count(b"\r\n") == (made.count(b"\n") if newline == b"\r\n" else 0)
    assert made.endswith(newline) == data.endswith(newline)


@pytest.mark.parametrize(
    ("head", "call"),
    [
        ("", "shlex.quote("),
        ("import shlex\n", "shlex.quote("),
        ("import shlex as sx\n", "sx.quote("),
        ("from shlex import quote\n", " quote("),
        ("from shlex import quote as q\n", " q("),
        ("shlex = 1\n", "_shlex.quote("),
        ("import os as shlex\n", "_shlex.quote("),
    ],
)
def test_an_import_is_added_once_and_never_takes_a_name(head: str, call: str) -> None:
    made = fixed((head + COMMAND).encode()).decode()
    assert call in made
    assert (
        made.count("import shlex") + made.count("from shlex") == 1
        if "as shlex" not in head
        else "import shlex as _shlex" in made
    )
    ast.parse(made)


def test_imports_go_where_imports_of_their_kind_stand() -> None:
    text = '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\nimport sys\n\nfrom flask import request\n'
    text += BODY
    lines = fixed(text.encode()).decode().split("\n")
    assert lines.index("import shlex") == lines.index("import sys") - 1


def test_several_findings_on_a_line_and_in_a_file() -> None:
    text = (
        COMMAND.replace("os.system(", "os.system('a ' + request.args['p']); os.system(")
        + "    os.popen('b ' + request.args['r'])\n"
    )
    tree = Tree({"a.py": text.encode()}, TaintSettings(), models())
    assert [o.state for o in repair(tree)] == ["verified"] * 3
    made = tree.files["a.py"].decode()
    assert (made.count("shlex.quote("), made.count("import shlex")) == (3, 1)


def test_only_tainted_values_are_touched() -> None:
    """A constant table name stays in the text, a constant tool stays unquoted, a harmless value stays unescaped."""
    text, outcomes = repaired("TOOL = 'ls -l'\nn = len(x)\nos.system(f'{TOOL} {x} {n}')")
    assert outcomes == [("verified", "V5")]
    assert "f'{TOOL} {shlex.quote(x)} {n}'" in text


def test_values_inside_the_commands_own_quotes_are_quoted_outside_them() -> None:
    text, _ = repaired("os.system('grep \"' + x + '\" f')\nos.system(f\"grep 'a{x}' f\")")
    assert "os.system('grep ' + shlex.quote(x) + ' f')" in text
    assert """os.system(f"grep 'a'{shlex.quote(x)}'' f")""" in text


@pytest.mark.parametrize(
    "line", ["os.system('ssh h \"' + x + '\"')", "os.system('echo `' + x + '`')", "os.system('eval ' + x)"]
)
def test_what_quoting_does_not_help_is_refused(line: str) -> None:
    text, outcomes = repaired(line)
    assert [state for state, _ in outcomes] == ["refused"]
    assert text.endswith(line + "\n")


def test_a_module_the_project_does_not_have_is_no_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    line = "import xml.etree.ElementTree as ET\nET.fromstring(x)"
    text, outcomes = repaired(line)
    assert outcomes[0][0] == "refused"
    assert "defusedxml" in outcomes[0][1]
    assert "defusedxml" not in text


@pytest.mark.parametrize(
    ("code", "state", "rung"),
    [("pass", "verified", "V6"), ("assert 'shlex' not in open('a.py').read()", "failed", "V6")],
)
def test_the_projects_tests_are_run_on_a_copy(tmp_path: Path, code: str, state: str, rung: str) -> None:
    (tmp_path / "a.py").write_text(COMMAND, encoding="utf-8")
    (tmp_path / "check.py").write_text(code + "\n", encoding="utf-8")
    settings = TaintSettings(fix_tests=(sys.executable, "check.py"))
    tree = Tree({"a.py": COMMAND.encode()}, settings, models(), tmp_path)
    outcomes = repair(tree)
    assert [(o.state, o.detail[:2]) for o in outcomes] == [(state, rung)]
    assert (tree.files["a.py"] == COMMAND.encode()) == (state == "failed")
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == COMMAND


def test_a_repair_that_is_interrupted_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a.py"
    place.write_text(COMMAND, encoding="utf-8")
    place.chmod(0o755)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", interrupted)
        patched.setattr("pathlib.Path.replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            check(tmp_path, {"a.py": COMMAND}, fix=True)
    assert place.read_text(encoding="utf-8") == COMMAND
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"], "nothing half-written is left"
    check(tmp_path, {"a.py": COMMAND}, fix=True)
    assert "shlex.quote" in place.read_text(encoding="utf-8")
    assert place.stat().st_mode & 0o777 == 0o755


def test_what_is_accepted_is_not_repaired_and_what_is_not_read_still_blocks(tmp_path: Path) -> None:
    accepted = COMMAND.replace("# é why", "# maestro: ignore[taint-command] an operator's")
    found = check(tmp_path, {"a.py": accepted, "b.py": "def f(:\n"}, fix=True)
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == accepted
    assert (found["taint/flows"].value, found["taint/suppressed"].value, found["taint/unanalysed"].value) == (0, 1, 1)


def test_after_repairs_the_rest_is_reported_where_it_now_stands(tmp_path: Path) -> None:
    text = COMMAND + "    import pickle\n    pickle.loads(request.data)\n"
    found = check(tmp_path, {"a.py": text}, fix=True)
    told = {f.properties["fix"]: f for f in found["taint/flows"].findings}
    assert set(told) == {"verified", "refused"}
    lines = (tmp_path / "a.py").read_text(encoding="utf-8").split("\n")
    assert "pickle.loads" in lines[told["refused"].at.line - 1]
    assert "not repaired" in told["refused"].message
    assert (found["taint/fixes"].value, found["taint/fixes-refused"].value) == (1, 1)


PAGE = "from flask import Flask, request\napp = Flask(__name__)\n{head}\n@app.route('/')\ndef h():\n{body}"


def page(body: str, head: str = "") -> tuple[str, list[str]]:
    text = PAGE.format(head=head, body="".join(f"    {line}\n" for line in body.split("\n")))
    tree = Tree({"a.py": text.encode()}, TaintSettings(), models())
    outcomes = repair(tree)
    return tree.files["a.py"].decode(), [o.state for o in outcomes]


def test_values_are_escaped_where_they_enter_the_markup_not_the_markup_itself() -> None:
    text, states = page(
        "rows = ''.join(f'<li>{i}</li>' for i in request.args.getlist('i'))\nreturn '<ul>' + rows + '</ul>'"
    )
    assert states == ["verified"]
    assert "f'<li>{html.escape(str(i))}</li>'" in text
    assert "'<ul>' + rows + '</ul>'" in text


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("", "m = '<b>' + request.args['i'] + '</b>' if request.args else ''\nreturn '<p>' + m + '</p>'"),
        ("", "return f'<a href={request.args.get(\"i\")}>x</a>'"),
        ("", "n = request.args['i']\nreturn f'<a href=\"{n}\">x</a>'"),
        ("", "n = request.args['i']\nreturn f'<a onclick=\"f({n})\">x</a>'"),
        ("", "n = request.args['i']\nreturn f'<!-- {n} -->'"),
    ],
)
def test_where_escaping_would_break_or_not_help_nothing_is_done(head: str, body: str) -> None:
    text, states = page(body, head)
    assert set(states) == {"refused"}
    assert "html.escape" not in text


def test_a_row_made_by_a_function_is_escaped_where_the_value_is_given() -> None:
    text, states = page(
        "return '<ul>' + row(request.args['i']) + '</ul>'", "def row(x):\n    return '<li>' + x + '</li>'\n"
    )
    assert states == ["verified"]
    assert "row(html.escape(request.args['i']))" in text


def test_words_joined_are_quoted_one_by_one() -> None:
    text, _ = repaired("os.system('tar c ' + ' '.join(request.args.getlist('f')))")
    assert "'tar c ' + shlex.join(request.args.getlist('f'))" in text
    text, outcomes = repaired("f = ' '.join(request.args.getlist('f'))\nos.system('tar c ' + f)")
    assert [state for state, _ in outcomes] == ["refused"]


CONSTANT = (
    "import sqlite3\nfrom flask import request\nQUERY = \"SELECT 1 FROM t WHERE a = '%s'\"\n{more}\ndef h():\n"
    "    sqlite3.connect('d').execute(QUERY % request.args['q'])\n"
)


def test_a_constant_query_is_changed_where_it_is_written() -> None:
    made = fixed(CONSTANT.format(more="").encode()).decode()
    assert 'QUERY = "SELECT 1 FROM t WHERE a = ?"' in made
    assert "execute(QUERY, (request.args['q'],))" in made


@pytest.mark.parametrize(
    ("more", "other"), [("", "from a import QUERY\n"), ("", "import a\nprint(a.QUERY)\n"), ("print(QUERY)\n", "")]
)
def test_a_constant_that_others_read_stays(more: str, other: str) -> None:
    """The query's text is written out where it is run."""
    files = {"a.py": CONSTANT.format(more=more).encode(), "b.py": other.encode()}
    tree = Tree(dict(files), TaintSettings(), models())
    assert [o.state for o in repair(tree)] == ["verified"]
    assert tree.files["b.py"] == files["b.py"]
    made = tree.files["a.py"].decode()
    assert "QUERY = \"SELECT 1 FROM t WHERE a = '%s'\"" in made
    assert "execute(\"SELECT 1 FROM t WHERE a = ?\", (request.args['q'],))" in made


HELPERS = (
    "import os, sqlite3, subprocess\nfrom flask import request\n{helper}\ndef h():\n    x = request.args['q']\n"
    "    return {call}\n"
)


@pytest.mark.parametrize(
    ("helper", "call", "wanted"),
    [
        (
            "def run(text):\n    return sqlite3.connect('d').execute(text)\n\ndef other():\n    run('SELECT 1')\n",
            'run("SELECT 1 FROM t WHERE a = \'" + x + "\'")',
            (
                "def run(text, parameters=()):",
                ".execute(text, parameters)",
                'a = ?", parameters=(x,))',
                "run('SELECT 1')",
            ),
        ),
        (
            "def text(a: str) -> str:\n    return f\"SELECT 1 FROM t WHERE a = '{a}'\"\n",
            "sqlite3.connect('d').execute(text(x))",
            ("return f\"SELECT 1 FROM t WHERE a = '{a}'\"", 'execute("SELECT 1 FROM t WHERE a = ?", (x,))'),
        ),
        (
            "def sh(line):\n    return os.popen(line).read()\n\ndef other():\n    return sh('ls')\n",
            "sh('ls ' + x)",
            ("sh('ls ' + shlex.quote(x))", "return os.popen(line)", "return sh('ls')"),
        ),
        (
            "def place(name):\n    return os.path.join('base', name)\n",
            "open(place(x)).read()",
            ("safe_path = os.path.realpath(place(x))", "os.path.realpath('base')"),
        ),
    ],
    ids=["runs a query", "makes a query", "runs a command", "makes a path"],
)
def test_a_function_between_is_repaired_where_the_value_enters(helper: str, call: str, wanted: tuple[str, ...]) -> None:
    made = fixed(HELPERS.format(helper=helper, call=call).encode()).decode()
    for words in wanted:
        assert words in made


@pytest.mark.parametrize(
    ("helper", "other"),
    [
        ("def run(text):\n    return sqlite3.connect('d').execute(text)\n\nTABLE = {'run': run}\n", ""),
        ("def run(text):\n    return sqlite3.connect('d').execute(text)\n", "from a import *\nrun('x')\n"),
        ("def run(text, **more):\n    return sqlite3.connect('d').execute(text)\n", ""),
    ],
    ids=["passed on as a value", "imported by a star", "more arguments"],
)
def test_a_function_whose_callers_are_not_all_seen_stays(helper: str, other: str) -> None:
    text = HELPERS.format(helper=helper, call='run("SELECT 1 FROM t WHERE a = \'" + x + "\'")')
    files = {"a.py": text.encode(), "b.py": other.encode()}
    tree = Tree(dict(files), TaintSettings(), models())
    assert {o.state for o in repair(tree)} == {"refused"}
    assert tree.files == files


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("os.system('cp {1} {0}'.format(x, x + 'b'))", "'cp {1} {0}'.format(shlex.quote(x), shlex.quote(x) + 'b')"),
        ("os.system('cp {b} {a}'.format(a='c', b=x))", "'cp {b} {a}'.format(a='c', b=shlex.quote(x))"),
        ("os.system('cp %(b)s %(a)s' % {'a': 'c', 'b': x})", "'cp %(b)s %(a)s' % {'a': 'c', 'b': shlex.quote(x)}"),
        ("os.system('nice -n %d ls %s' % (3, x))", "'nice -n %d ls %s' % (3, shlex.quote(x))"),
    ],
)
def test_fields_keep_their_arguments(line: str, wanted: str) -> None:
    assert wanted in repaired(line)[0]


@pytest.mark.parametrize(
    ("text", "query", "values"),
    [
        (
            "'SELECT a FROM {2} WHERE b = {1} AND c = {0}'.format(x, y, 't')",
            "'SELECT a FROM {0} WHERE b = ? AND c = ?'.format('t')",
            "(y, x)",
        ),
        ("'SELECT a FROM %s WHERE b = %s' % ('t', x)", "'SELECT a FROM %s WHERE b = ?' % ('t',)", "(x,)"),
        ("\"SELECT '100%%' FROM t WHERE b = '%s'\" % x", "\"SELECT '100%' FROM t WHERE b = ?\"", "(x,)"),
        ("f\"SELECT '{{}}' FROM t WHERE b = '{x}'\"", "\"SELECT '{}' FROM t WHERE b = ?\"", "(x,)"),
        (
            "f\"SELECT a FROM t WHERE b LIKE '{x}%' AND c = '{y}'\"",
            '"SELECT a FROM t WHERE b LIKE ? AND c = ?"',
            '(x + "%", y)',
        ),
    ],
)
def test_bound_values_stand_in_the_order_of_the_text(text: str, query: str, values: str) -> None:
    made, outcomes = repaired(f"y = request.args['p']\ndb = sqlite3.connect('d')\ndb.execute({text})")
    assert outcomes == [("verified", "V5")]
    assert f"db.execute({query}, {values})" in made


def test_random_numbers_elsewhere_stay() -> None:
    text = "import random\ndef deal(c):\n    random.shuffle(c)\ndef make(n):\n"
    text += "    token = str(random.random()) * n\n    return token\n"
    made = fixed(text.encode()).decode()
    assert "    random.shuffle(c)" in made
    assert "token = str(secrets.SystemRandom().random()) * n" in made


def test_a_page_made_by_another_file_is_not_escaped_as_a_whole() -> None:
    files = {
        "a.py": PAGE.format(head="import b\n", body="    return b.page(request.args['i'])\n").encode(),
        "b.py": b"def page(x):\n    x = '<p>' + x + '</p>'\n    return x\n",
    }
    tree = Tree(dict(files), TaintSettings(), models())
    assert {o.state for o in repair(tree)} == {"refused"}
    assert tree.files == files


def test_a_name_bound_by_a_walrus_or_an_import_is_no_obstacle() -> None:
    text, outcomes = repaired("if (y := x):\n    z = y\n    os.system('ls ' + z)")
    assert [state for state, _ in outcomes] == ["verified"]
    assert "shlex.quote(" in text
    text, outcomes = repaired("y, (z, *w) = x, (x, x)\nos.system('ls ' + y + z)")
    assert [state for state, _ in outcomes] == ["verified"]


def test_findings_that_have_nothing_to_do_with_one_another_share_an_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    text = COMMAND + "    os.popen('b ' + request.args['r'])\n"
    tree = Tree({f"{name}.py": text.encode() for name in "abcde"}, TaintSettings(), models())
    asked: list[object] = []
    findings = Tree.findings

    def counted(self: Tree, only: Iterable[str] | None = None) -> list[Finding]:
        asked.append(only)
        return findings(self, only)

    monkeypatch.setattr(Tree, "findings", counted)
    assert [o.state for o in repair(tree)] == ["verified"] * 10
    assert len(asked) == 3, "one before, one for each round"


LOOP = "a = request.args\ndb = sqlite3.connect('d')\n"


def test_conditions_a_comprehension_writes_bind_a_value_each() -> None:
    line = "db.execute('SELECT 1 FROM t WHERE x = ' + a['x'] + ' AND (' + ' OR '.join(f\"y = '{n}'\" for n in a.getlist('y') if n) + ')')"
    text, outcomes = repaired(LOOP + line)
    assert outcomes == [("verified", "V5")]
    assert "' OR '.join(\"y = ?\" for n in a.getlist('y') if n)" in text
    assert "(a['x'], *[n for n in a.getlist('y') if n])" in text


@pytest.mark.parametrize(
    "line",
    [
        "names = (n for n in a.getlist('y'))\ndb.execute('SELECT 1 FROM t WHERE ' + ' OR '.join(f\"y = '{n}'\" for n in names))",
        "db.execute('SELECT 1 FROM t WHERE ' + ' OR '.join(f\"(y = '{n}' AND z = '{n}x')\" for n in a.getlist('y')))",
    ],
    ids=["what can be read once only", "two values each time"],
)
def test_comprehensions_that_cannot_be_written_twice_stay(line: str) -> None:
    text, outcomes = repaired(LOOP + line)
    assert [state for state, _ in outcomes] == ["refused"]
    assert "?" not in text


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "q = \"SELECT 1 FROM t WHERE a = '\" + x + \"'\"\nlogging.debug('%d', len(q))\ndb.execute(q)",
            "logging.debug('%d', len(q))\n    db.execute(\"SELECT 1 FROM t WHERE a = ?\", (x,))",
        ),
        (
            "if x:\n    q = f\"SELECT 1 FROM t WHERE a = '{x}'\"\nelse:\n    q = 'SELECT 1 FROM t'\ndb.execute(q)",
            "q_values = []\n        q = 'SELECT 1 FROM t'\n    db.execute(q, q_values)",
        ),
        (
            "w = []\nif x:\n    w.append(f\"a = '{x}'\")\ndb.execute('SELECT 1 FROM t WHERE ' + ' AND '.join(w))",
            "w_values += [x]\n        w.append(\"a = ?\")\n    db.execute('SELECT 1 FROM t WHERE ' + ' AND '.join(w), w_values)",
        ),
        (
            "ids = x.split(',')\ndb.execute('SELECT 1 FROM t WHERE a IN (%s)' % ','.join(ids))",
            '\'SELECT 1 FROM t WHERE a IN (%s)\' % ", ".join(["?"] * len(ids)), ',
        ),
        (
            "db.execute(\"SELECT 1 FROM t WHERE a = '@a'\".replace('@a', x))",
            'db.execute("SELECT 1 FROM t WHERE a = ?", (x,))',
        ),
        ("p = '%' + x\ndb.execute(\"SELECT 1 FROM t WHERE a LIKE '\" + p + \"'\")", 'a LIKE ?", (p,))'),
    ],
    ids=[
        "also logged",
        "two branches",
        "a list of conditions",
        "a list of values",
        "replace",
        "a pattern in a variable",
    ],
)
def test_queries_put_together_in_steps(line: str, wanted: str) -> None:
    text, outcomes = repaired("db = sqlite3.connect('d')\n" + line)
    assert [state for state, _ in outcomes] == ["verified"], (outcomes, text)
    assert wanted in text


def test_a_path_below_a_folder_of_its_base_is_held_below_that_folder() -> None:
    text, _ = repaired("open(os.path.join(os.getcwd(), 'files', x))")
    assert "os.path.realpath(os.path.join(os.getcwd(), 'files')) + os.sep" in text


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("db.execute(\"SELECT 1 FROM t WHERE a LIKE '%%%s%%'\" % x)", 'a LIKE ?", ("%" + x + "%",))'),
        ("db.execute(\"SELECT '{{}}' FROM t WHERE a = '{}'\".format(x))", "SELECT '{}' FROM t WHERE a = ?\", (x,))"),
        ("db.execute('SELECT 1 FROM t WHERE a = \\'\\x41%s\\'' % x)", 'a = ?\', ("A" + x,))'),
    ],
    ids=["doubled percent", "doubled braces", "an escape sequence"],
)
def test_characters_written_as_several_are_cut_as_one(line: str, wanted: str) -> None:
    text, outcomes = repaired("db = sqlite3.connect('d')\n" + line)
    assert [state for state, _ in outcomes] == ["verified"], (outcomes, text)
    assert wanted in text


def test_a_repair_that_fails_itself_hides_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setitem(edits.EDITS, "taint-command", failing)
    for fix in (False, True):
        flows = check(tmp_path, {"a.py": COMMAND}, fix=fix, settings=TaintSettings(propose=5))["taint/flows"]
        assert flows.value == 1
        assert "KeyError" in str(flows.findings[0].properties)
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == COMMAND
