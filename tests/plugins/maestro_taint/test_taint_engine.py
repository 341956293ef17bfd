"""Flows and their safe twins, each one step away."""

from __future__ import annotations

import pytest

from tests.plugins.maestro_taint.analysing import blocking, findings

HEAD = "import os, re, subprocess, html, shlex, sqlite3, logging, yaml, pickle\nfrom flask import request\n"


def run(body: str) -> list[str]:
    text = (
        HEAD + "def handler():\n    x = request.args.get('q')\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    )
    return [rule for _, rule in blocking(text)]


@pytest.mark.parametrize(
    ("vulnerable", "safe"),
    [
        ("os.system('ls ' + x)", "os.system('ls ' + shlex.quote(x))"),
        ("d = {'a': x, 'b': 'c'}\nos.system(d['a'])", "d = {'a': x, 'b': 'c'}\nos.system(d['b'])"),
        ("if x not in ('a', 'b'):\n    pass\nos.system(x)", "if x not in ('a', 'b'):\n    return\nos.system(x)"),
        ("if re.match('[a-z]+', x):\n    os.system(x)", "if re.fullmatch('[a-z]+', x):\n    os.system(x)"),
        ("if re.fullmatch('[a-z;]+', x):\n    os.system(x)", "if re.fullmatch('[a-z]+', x):\n    os.system(x)"),
        ("if x in request.args['ok']:\n    os.system(x)", "if x in ['a', 'b']:\n    os.system(x)"),
        ("y = x\nif y.isdigit():\n    pass\nos.system(y)", "y = x\nif y.isdigit():\n    os.system(y)"),
        ("os.system(html.escape(x))", "os.system(shlex.quote(html.escape(x)))"),
        ("subprocess.run('ls ' + x, shell=True)", "subprocess.run(['ls', x])"),
        ("subprocess.run(['sh', '-c', x])", "subprocess.run(['ls', '-c', x])"),
        (
            "a = ['cmd.exe' if os.name == 'nt' else 'sh', '-c']\na.append('echo ' + x)\nsubprocess.run(a)",
            "a = ['cmd.exe' if os.name == 'nt' else 'sh', 'go']\na.append('echo ' + x)\nsubprocess.run(a)",
        ),
        (
            "import types\nn = types.SimpleNamespace(a=x, b='c')\nos.system(n.a)",
            "import types\nn = types.SimpleNamespace(a=x, b='c')\nos.system(n.b)",
        ),
        (
            "import types\nn = types.SimpleNamespace()\nn.a = x\nos.system(f'{n}')",
            "import types\nn = types.SimpleNamespace(b='c')\nn.a = x\nos.system(n.b)",
        ),
        (
            "import types\nn = types.SimpleNamespace(**request.args)\nos.system(n.b)",
            "import types\nn = types.SimpleNamespace(**{'b': 'c', 'a': x})\nos.system(n.b)",
        ),
        (
            "import threading\nthreading.Thread(target=os.system, args=(x,)).start()",
            "import threading\nthreading.Thread(target=os.system, args=('a',), name=x).start()",
        ),
        (
            "from concurrent import futures\nwith futures.ThreadPoolExecutor() as p:\n    p.submit(os.system, x)",
            "from concurrent import futures\nwith futures.ThreadPoolExecutor() as p:\n    p.submit(len, x)",
        ),
        (
            "import threading\nthreading.Timer(5, os.system, (x,)).start()",
            "import threading\nthreading.Timer(x, os.system, ('a',)).start()",
        ),
        (
            "from multiprocessing import Pool\nPool().starmap(os.system, [(x,)])",
            "from multiprocessing import Pool\nPool().starmap(os.system, [('a',)])",
        ),
        (
            "import os as o\ndef go(c):\n    o.system(c)\ndef call(f, a):\n    f(a)\ncall(go, x)",
            "import os as o\ndef go(c):\n    o.listdir('.')\ndef call(f, a):\n    f(a)\ncall(go, x)",
        ),
        ("logging.info('%s and %d', x, 3)", "logging.info('%r and %d', x, x)"),
        ("subprocess.run([*shlex.split('sh -c'), x])", "subprocess.run([*shlex.split('ls -c'), x])"),
        (
            "from flask import g\ng.a = x\nos.system(g.a)",
            "from flask import g\ng.a = x\ng.b = 'c'\nos.system(g.b)",
        ),
        (
            "p = os.path.realpath(x)\nif p.startswith('/base'):\n    open(p)",
            "p = os.path.realpath(x)\nif p.startswith('/base/'):\n    open(p)",
        ),
        ("yaml.load(x, Loader=yaml.Loader)", "yaml.load(x, Loader=yaml.SafeLoader)"),
        (
            "db = sqlite3.connect('x')\ndb.execute('select ' + x)",
            "db = sqlite3.connect('x')\ndb.execute('select ?', (x,))",
        ),
        ("a = [x, 'b']\nos.system(a.pop(0))", "a = [x, 'b']\nos.system(a.pop())"),
        ("os.system(x if 3 > 2 else 'b')", "os.system(x if 3 < 2 else 'b')"),
        ("def f():\n    os.system(x)\nf()", "def f():\n    os.system(y)\ny = 'a'\nf()"),
        ("assert x in ('a', 'b')\nos.system(x)", "if x in ('a', 'b'):\n    os.system(x)"),
    ],
)
def test_a_flow_is_found_and_its_twin_is_not(vulnerable: str, safe: str) -> None:
    assert run(vulnerable)
    assert run(safe) == []


def test_flows_cross_files_and_classes() -> None:
    store = "import os\nclass Base:\n    def go(self):\n        os.system(self.value)\nclass Store(Base):\n    def __init__(self, value):\n        self.value = value\n"  # noqa: E501 - a program in one piece
    app = "from flask import request\nfrom store import Store\nStore(request.args['q']).go()\nStore('ls').go()\n"
    found = findings({"app.py": app, "store.py": store})
    assert [(f.at.path, f.at.line, f.rule) for f in found] == [("store.py", 4, "taint-command")]
    assert found[0].trace[0].path == "app.py"
    assert found[0].trace[-1].path == "store.py"


def test_what_a_function_meets_is_told_wherever_it_was_first_needed() -> None:
    """A value of a module is looked at by itself; the function that makes it is run then, and not again."""
    text = (
        "from flask import request\nimport os\n"
        "def made():\n    os.system(request.args['q'])\n    return 'a'\nNAME = made()\n"
        "def mark(f):\n    os.system(request.args['r'])\n    return f\n@mark\ndef g(c):\n    os.system(c)\n"
    )
    app = "from b import NAME, g\nfrom flask import request\ndef view():\n    g(NAME + request.args['s'])\n"
    found = findings({"a.py": app, "b.py": text})
    assert sorted((f.at.path, f.at.line) for f in found) == [("b.py", 4), ("b.py", 8), ("b.py", 12)]


def test_a_validator_that_raises_clears_its_argument() -> None:
    text = (
        HEAD
        + "def ok(v):\n    if not v.isalnum():\n        raise ValueError\ndef h():\n    x = request.args['q']\n    ok(x)\n    os.system(x)\n"  # noqa: E501 - a program in one piece
    )
    assert blocking(text) == []


def test_recursion_and_import_cycles_end() -> None:
    a = "import b\nfrom flask import request\nimport os\ndef f(x, n):\n    return b.g(x, n)\nos.system(f(request.args['q'], 3))\n"  # noqa: E501 - a program in one piece
    b = "import a\ndef g(x, n):\n    return a.f(x, n - 1) if n else x\n"
    assert blocking(a, b=b) == [(6, "taint-command")]


FASTAPI = "from typing import Annotated\nfrom fastapi import Depends, FastAPI\nimport os\napp = FastAPI()\n"


def dependent(parameter: str, dependency: str) -> list[tuple[int, str]]:
    return blocking(f"{FASTAPI}{dependency}@app.get('/')\ndef page({parameter}):\n    os.system(x)\n")


@pytest.mark.parametrize("parameter", ["x: str = Depends(get)", "x: Annotated[str, Depends(get)]"])
def test_a_dependency_gets_data_of_the_request_and_gives_it_to_the_handler(parameter: str) -> None:
    assert dependent(parameter, "def get(q: str):\n    yield q\n") == [(9, "taint-command")]
    assert dependent(parameter, "def first(q: str):\n    return q\ndef get(v: str = Depends(first)):\n    return v\n")
    assert dependent(parameter, "def get(q: int):\n    yield str(q)\n") == []
    assert dependent(parameter, "def get(q: str):\n    return 'ls'\n") == []


def test_what_one_function_leaves_in_the_request_context_reaches_another() -> None:
    text = "from flask import g, request\nimport os\ndef before():\n    g.c = request.args['x']\ndef after():\n    os.system(g.c)\n"  # noqa: E501 - a program in one piece
    assert blocking(text) == [(6, "taint-command")]
    assert blocking(text.replace("os.system(g.c)", "os.system(g.d)")) == []


def test_a_route_parameter_is_outside_data_and_its_result_is_a_page() -> None:
    text = "from flask import Flask\napp = Flask(__name__)\n@app.route('/<name>')\ndef page(name):\n    return '<p>' + name\n"  # noqa: E501 - a program in one piece
    assert blocking(text) == [(5, "taint-html")]


def test_declared_personal_data_in_a_log_blocks_and_a_bare_name_is_a_note() -> None:
    declared = "import logging\nfrom dataclasses import dataclass\n@dataclass\nclass User:\n    email: str\n    nick: str\ndef f(u: User):\n    logging.info(u.email)\n    logging.info(u.nick)\n"  # noqa: E501 - a program in one piece
    assert blocking(declared) == [(8, "taint-pii-log")]
    named = findings({"app.py": "import logging\ndef f(row):\n    logging.info(row['password'])\n"})
    assert [(f.rule, f.level) for f in named] == [("taint-secret-log", "note")]


def test_weak_hash_cookie_and_random() -> None:
    text = "import hashlib, random\nfrom flask import make_response\nhashlib.md5(b'x')\nhashlib.md5(b'x', usedforsecurity=False)\nr = make_response('x')\nr.set_cookie('a', str(random.random()))\ntoken = random.random()\nhashlib.sha256(b'x')\n"  # noqa: E501 - a program in one piece
    rules = blocking(text)
    assert (3, "taint-weak-hash") in rules
    assert (6, "taint-cookie-flags") in rules
    assert (6, "taint-random") in rules
    assert (7, "taint-random") in rules
    assert all(line not in (4, 8) for line, _ in rules)


def test_findings_do_not_depend_on_the_order_of_files() -> None:
    from maestro_taint.analysis import analyse
    from maestro_taint.report.findings import findings_of
    from maestro_taint.settings import TaintSettings
    from tests.plugins.maestro_taint.analysing import models

    files = [
        ("a.py", b"from b import f\nfrom flask import request\nf(request.args['q'])\n"),
        ("b.py", b"import os\ndef f(x):\n    os.system(x)\n"),
    ]
    one = findings_of(analyse(files, models()), TaintSettings(), models())
    two = findings_of(analyse(files[::-1], models()), TaintSettings(), models())
    assert one == two
    assert one


def test_a_blank_line_above_keeps_the_fingerprint() -> None:
    text = "import os\nfrom flask import request\nos.system(request.args['q'])\n"
    assert findings({"a.py": text})[0].fingerprint == findings({"a.py": "\n\n" + text})[0].fingerprint


SAFE_JOIN = """
from os.path import abspath, dirname, join, normcase, sep

def safe_join(base, *paths):
    final = abspath(join(base, *paths))
    base = abspath(base)
    if (
        not normcase(final).startswith(normcase(base + sep))
        and normcase(final) != normcase(base)
        and dirname(normcase(base)) != normcase(base)
    ):
        raise ValueError(final)
    return final
"""
SERVING = "from flask import request\nfrom joining import safe_join\ndef f():\n    return open({}).read()\n"


def opened(helper: str, argument: str = 'safe_join("/srv", request.args["p"])') -> list[str]:
    files = {"joining.py": helper, "app.py": SERVING.format(argument)}
    return [f.rule for f in findings(files) if f.level == "error" and f.at.line == 4]


def test_a_helper_that_raises_unless_the_path_is_below_its_base_is_a_guard() -> None:
    assert opened(SAFE_JOIN) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("base + sep", "base"),  # "/srv-secret" begins with "/srv"
        ("raise ValueError(final)", "pass"),
        ("not normcase(final)", "normcase(final)"),
        ("normcase(final) != normcase(base)", "normcase(final) != normcase(paths[0])"),
        ("dirname(normcase(base)) != normcase(base)", "dirname(normcase(final)) != normcase(base)"),
        ("return final", "return join(base, *paths)"),
        ("abspath(join(base, *paths))", "join(base, *paths)"),
    ],
)
def test_a_helper_that_nearly_guards_does_not(old: str, new: str) -> None:
    assert old in SAFE_JOIN
    assert opened(SAFE_JOIN.replace(old, new)) == ["taint-path"]


def test_the_base_of_a_helper_that_guards_stays_dangerous() -> None:
    assert opened(SAFE_JOIN, 'safe_join(request.args["b"], "x")') == ["taint-path"]


def test_two_unknown_paths_that_are_equal_clear_nothing() -> None:
    text = (
        "import os\nfrom flask import request\ndef f():\n    a = os.path.abspath(request.args['a'])\n"
        "    b = os.path.abspath(request.args['b'])\n    if a == b:\n        open(a)\n        open(b)\n"
    )
    assert [line for line, _ in blocking(text)] == [7, 8]


def test_what_a_directory_name_is_made_of_goes_on() -> None:
    text = "import os\nfrom flask import request\ndef f():\n    open(os.path.dirname(request.args['a']))\n"
    assert blocking(text) == [(4, "taint-path")]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'\ndef accept(k):\n    return hashlib.sha1(k + GUID)\n", 0),
        ("def accept(k):\n    return hashlib.sha1(k + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11')\n", 0),
        ("def accept(k):\n    return hashlib.sha1(k + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B12')\n", 1),
        ("def compute_etag(data):\n    return hashlib.sha1(data)\n", 0),
        ("def sign(data):\n    return hashlib.sha1(data)\n", 1),
    ],
)
def test_a_hash_that_a_protocol_prescribes_is_no_finding(body: str, count: int) -> None:
    assert len(blocking("import hashlib\n" + body)) == count


@pytest.mark.parametrize(
    ("value", "level"),
    [("request.args['q']", "error"), ("look_up(request.args['q'])", "note"), ("request.args['q'].strip()", "error")],
)
def test_what_an_unknown_callee_gives_may_be_trusted_in_a_session(value: str, level: str) -> None:
    text = f"from flask import request, session\nfrom users import look_up\ndef f():\n    session['user'] = {value}\n"
    assert [(f.rule, f.level) for f in findings({"app.py": text})] == [("taint-trust", level)]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('not x.startswith("\'") or not x.endswith("\'") or "\'" in x[1:-1]', []),
        ('not x.startswith("\'") or not x.endswith("\'")', ["taint-code"]),
        ('not x.startswith("\'") or not x.endswith(\'"\') or "\'" in x[1:-1]', ["taint-code"]),
        ('not x.startswith("\'") or not x.endswith("\'") or "\'" in x[2:-1]', ["taint-code"]),
    ],
)
def test_a_text_that_is_one_literal_may_be_evaluated(test: str, expected: list[str]) -> None:
    assert run(f"if {test}:\n    return 'bad'\nexec(x)") == expected


ROUTED = """
import tornado.web
NAME = r"(?P<name>{0})"
class H(tornado.web.RequestHandler):
    def get(self, name):
        open("data/" + name)
handlers = [(r"/files/%s" % NAME, H)]
"""


@pytest.mark.parametrize(("group", "count"), [(r"\w+", 0), (r"[\w.%]+", 1), (".*", 1)])
def test_what_a_route_lets_through_decides(group: str, count: int) -> None:
    assert len(blocking(ROUTED.replace("{0}", group))) == count


@pytest.mark.parametrize(("route", "count"), [("<int:name>", 0), ("<slug:name>", 0), ("<name>", 1)])
def test_converters_of_routes_decide(route: str, count: int) -> None:
    use = "    open('d/' + name)\n"
    flask = f"from flask import Flask\napp = Flask(__name__)\n@app.route('/f/{route}')\ndef v(name):\n{use}"
    if "slug" not in route:
        assert len(blocking(flask)) == count
    view = f"from django.http import HttpResponse\ndef v(request, name):\n{use}    return HttpResponse('')\n"
    urls = f"from django.urls import path\nimport app\nurlpatterns = [path('f/{route}/', app.v)]\n"
    assert len(blocking(view, urls=urls)) == count


def test_what_one_application_shares_or_raises_is_not_anothers() -> None:
    """Two applications side by side, connected by no import; within one, by an import, data goes on."""
    head = "from flask import Flask, g, request\nimport os\n{0}app = Flask(__name__)\n"
    one, other = head.format(""), head.format("import other\n")
    store = one + "@app.before_request\ndef b():\n    g.x = request.args['x']\n"
    use = "@app.route('/')\ndef v():\n    os.system(g.x)\n"
    assert blocking(one + use, other=store) == []
    assert blocking(other + use, other=store) == [(7, "taint-command")]
    fails = one + "@app.route('/')\ndef v():\n    raise ValueError(request.args['x'])\n"
    shows = "@app.errorhandler(ValueError)\ndef e(error):\n    return str(error)\n"
    assert blocking(one + shows, other=fails) == []
    assert blocking(other + shows, other=fails) == [(7, "taint-html")]
