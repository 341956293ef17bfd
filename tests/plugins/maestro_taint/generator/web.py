# ruff: noqa: E501 - a program per line reads better than a broken one
"""Web handlers: framework x way in x chain x sanitizer or guard x sink x layout, over one to three files.

Frameworks are stand-ins (``standins.py``) with the real ones' names. Labels come from running the handler with a
hostile request and looking at what happened; this file only says what to build.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.plugins.maestro_taint.generator.cases import ALLOW, CHAIN, INTEGER, MATCH, Case
from tests.plugins.maestro_taint.generator.steps import STEPS

PRELUDE = (
    "import asyncio, base64, collections, configparser, contextlib, copy, dataclasses, enum, functools, hashlib, hmac, html, io\n"
    "import itertools, json, logging, os, pathlib, pickle, random, re, secrets, shlex, sqlite3, string, subprocess, sys\n"
    "import textwrap, typing, urllib.parse\n"
    "LIMIT = 5\nSTATE = {}\n"
)


@dataclass(frozen=True)
class Door:
    """A framework: its imports, ways to read the input, and how it answers."""

    name: str
    head: str
    doors: tuple[tuple[str, tuple[str, ...]], ...]
    page: str
    redirect: str
    extra: tuple[str, ...] = ()
    is_async: bool = False


FLASK = Door(
    "flask",
    "from flask import Flask, Response, make_response, redirect, request, session, render_template_string, abort\napp = Flask(__name__)\n",
    (
        ("@app.route('/t', methods=['GET', 'POST'])\ndef view():", (
            "v0 = request.args.get('q', '')", "v0 = request.args['q']", "v0 = request.form['q']", "v0 = request.form.get('q')",
            "v0 = request.values.get('q')", "v0 = request.cookies.get('q', 'none')", "v0 = request.headers.get('q')",
            "v0 = request.headers['q']", "v0 = request.get_json()['q']", "v0 = request.json.get('q')",
            "v0 = request.args.getlist('q')[0]", "v0 = request.get_data(as_text=True)", "v0 = request.data.decode()",
            "v0 = urllib.parse.unquote_plus(request.cookies.get('q', ''))", "v0 = request.files['q'].filename",
            "values = request.form.getlist('q')\nv0 = ''\nif values:\n    v0 = values[0]",
            "v0 = ''\nfor key, got in request.args.items():\n    if key == 'q':\n        v0 = got",
            "v0 = request.form.get('q')\nif not v0:\n    v0 = ''",
            "params = dict(request.args)\nv0 = params['q']", "v0 = request.environ['QUERY_STRING']",
            "v0 = request.query_string.decode('utf-8')",
        )),
        ("@app.route('/t/<q>')\ndef view(q):", ("v0 = q",)),
        ("@app.post('/t')\ndef view():", ("v0 = request.form['q']",)),
    ),
    "make_response({v})", "redirect({v})",
    ("return {v}", "return Response({v}, mimetype='text/html')", "return {v}, 200", "return f'<b>{{{v}}}</b>'"),
)  # fmt: skip
DJANGO = Door(
    "django",
    "from django.http import HttpResponse, HttpResponseRedirect\nfrom django.shortcuts import redirect\nfrom django.views import View\n",
    (
        ("def view(request):", (
            "v0 = request.GET.get('q')", "v0 = request.GET['q']", "v0 = request.POST.get('q', '')", "v0 = request.POST['q']",
            "v0 = request.COOKIES['q']", "v0 = request.headers.get('q')", "v0 = request.META.get('HTTP_Q', '')",
            "v0 = request.body.decode()", "v0 = request.GET.getlist('q')[0]",
        )),
    ),
    "HttpResponse({v})", "HttpResponseRedirect({v})",
    ("return HttpResponse('<p>%s</p>' % {v})", "return HttpResponse(content={v})"),
)  # fmt: skip
FASTAPI = Door(
    "fastapi",
    "from fastapi import FastAPI, Query, Request\nfrom fastapi.responses import HTMLResponse, RedirectResponse\nfrom pydantic import BaseModel\napp = FastAPI()\nclass Item(BaseModel):\n    q: str\n    n: int = 0\n",
    (
        ("@app.get('/t')\ndef view(q: str):", ("v0 = q",)),
        ("@app.get('/t')\ndef view(q: str = Query('')):", ("v0 = q",)),
        ("@app.post('/t')\ndef view(item: Item):", ("v0 = item.q",)),
        ("@app.get('/t')\nasync def view(request: Request):", (
            "v0 = request.query_params['q']", "v0 = request.query_params.get('q')", "v0 = request.headers['q']",
            "v0 = request.cookies.get('q')", "v0 = (await request.json())['q']", "v0 = (await request.body()).decode()",
            "form = await request.form()\nv0 = form['q']", "v0 = request.path_params['q']",
        )),
    ),
    "HTMLResponse({v})", "RedirectResponse({v})",
    ("return HTMLResponse(content='<p>' + {v} + '</p>')",), is_async=True,
)  # fmt: skip
AIOHTTP = Door(
    "aiohttp",
    "from aiohttp import web\nroutes = web.RouteTableDef()\n",
    (
        ("async def view(request):", (
            "v0 = request.query['q']", "v0 = request.query.get('q')", "v0 = request.match_info['q']", "v0 = request.headers['q']",
            "v0 = (await request.post())['q']", "v0 = await request.text()", "v0 = (await request.json())['q']", "v0 = request.cookies['q']",
        )),
        ("@routes.get('/t')\nasync def view(request):", ("v0 = request.query['q']",)),
        ("async def view(request: web.Request) -> web.Response:", ("v0 = request.rel_url.query['q']",)),
    ),
    "web.Response(text={v}, content_type='text/html')", "web.HTTPFound({v})", is_async=True,
)  # fmt: skip
DOORS = (FLASK, FLASK, DJANGO, FASTAPI, AIOHTTP)


@dataclass(frozen=True)
class Use:
    """A sink over ``{v}``: its kind, what arms it, and texts that may stand before it."""

    kind: str
    use: str
    attack: str
    setup: str = ""
    clean: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


DB = "def database():\n    found = sqlite3.connect(':memory:')\n    found.execute('CREATE TABLE t (a)')\n    found.execute(\"INSERT INTO t VALUES ('hidden-row')\")\n    return found\n"
SQL = "x' OR '1'='1"
CMD = "x; touch pwned"
HOST = "parsed = urllib.parse.urlparse({v})\nif parsed.netloc not in ('good.example', 'www.good.example') or parsed.scheme != 'https':\n    {leave}"
LOCAL = "if {v} not in {{'/home', '/login'}}:\n    {leave}"
BASED = "{v} = os.path.realpath(os.path.join('base', {v}))\nif not {v}.startswith(os.path.realpath('base') + os.sep):\n    {leave}"
TABLE = "{v} = {{'a': 'alpha', 'b': 'beta'}}.get({v}, 'alpha')"
SANDBOX = "{{'mark': MARK, '__builtins__': {{}}}}"
MARK = "def MARK():\n    open('pwned', 'w').close()\n    return ''\n"

USES = (
    Use("command", "os.system('echo ' + {v})", CMD, clean=("{v} = shlex.quote({v})", ALLOW, MATCH, INTEGER, TABLE), weak=("{v} = html.escape({v}, quote=False)", "if len({v}) > 99:\n    {leave}")),
    Use("command", "os.popen(f'echo {{{v}}}').read()", CMD, clean=("{v} = shlex.quote({v})", ALLOW)),
    Use("command", "subprocess.run('echo %s' % {v}, shell=True, check=False)", CMD, clean=("{v} = shlex.quote({v})", MATCH)),
    Use("command", "subprocess.run(['sh', '-c', 'echo ' + {v}], check=False)", CMD, clean=(ALLOW,)),
    Use("command", "subprocess.Popen('echo ' + {v}, shell=True, stdout=subprocess.PIPE).communicate()", CMD, clean=(MATCH,)),
    Use("command", "cmd = ['echo']\ncmd.append({v})\nsubprocess.run(cmd, check=False)", CMD),
    Use("command", "subprocess.check_output(['echo', {v}])", CMD),
    Use("sql", "rows = database().execute(\"SELECT a FROM t WHERE a = '\" + {v} + \"'\").fetchall()\nEFFECTS.append(rows)", SQL, DB, (ALLOW, MATCH, INTEGER, TABLE), ("{v} = {v}.strip()",)),
    Use("sql", "cur = database().cursor()\nsql = f\"SELECT a FROM t WHERE a = '{{{v}}}'\"\ncur.execute(sql)\nEFFECTS.append(cur.fetchall())", SQL, DB, (ALLOW, "{v} = str(int({v}) if {v}.isdigit() else 0)")),
    Use("sql", "con = database()\ncur = con.cursor()\ncur.execute('SELECT a FROM t WHERE a = ?', ({v},))\nEFFECTS.append(cur.fetchall())\ncon.commit()", SQL, DB),
    Use("sql", "query = \"SELECT a FROM t WHERE a = '{{}}'\".format({v})\nwith contextlib.closing(database()) as con:\n    EFFECTS.append(con.execute(query).fetchall())", SQL, DB, (MATCH,)),
    Use("code", "eval({v}, " + SANDBOX + ")", "mark()", MARK, (ALLOW, "{v} = repr({v})"), ("{v} = {v}.strip()",)),
    Use("code", "exec('x = ' + {v}, " + SANDBOX + ")", "mark()", MARK, ("{v} = str(len({v}))",)),
    Use("path", "open(os.path.join('base', {v})).read()", "../canary.txt", clean=(ALLOW, BASED, "{v} = os.path.basename({v})", "if '..' in {v} or {v}.startswith('/'):\n    {leave}"), weak=("{v} = os.path.normpath({v})",)),
    Use("path", "with open(f'base/{{{v}}}', encoding='utf-8') as handle:\n    EFFECTS.append(handle.read())", "../canary.txt", clean=(ALLOW, MATCH)),
    Use("path", "EFFECTS.append((pathlib.Path('base') / {v}).read_text())", "../canary.txt", clean=(ALLOW, "{v} = pathlib.Path({v}).name")),
    Use("path", "place = (pathlib.Path('base') / {v}).resolve()\nif not place.is_relative_to(pathlib.Path('base').resolve()):\n    {leave}\nEFFECTS.append(place.read_text())", "../canary.txt"),
    Use("html", "return PAGE", "<script>x</script>", clean=("{v} = html.escape({v})", ALLOW, MATCH, INTEGER), weak=("{v} = html.unescape(html.escape({v}))", "{v} = {v}.replace('<b>', '')")),
    Use("html", "{v} = '<p>' + {v} + '</p>'\nreturn PAGE", "<script>x</script>", clean=("{v} = html.escape({v})",)),
    Use("redirect", "return REDIRECT", "https://evil.example/", clean=(HOST, LOCAL), weak=("if not {v}.startswith('https://'):\n    {leave}",)),
    Use("redirect", "{v} = '/next?to=' + {v}\nreturn REDIRECT", "https://evil.example/"),
    Use("deserialize", "pickle.loads(bytes.fromhex({v}))", "PICKLE", clean=(ALLOW,)),
    Use("deserialize", "json.loads({v})", "PICKLE"),
    Use("xpath", "import elementpath\nelementpath.select(None, \"/u[@n='\" + {v} + \"']\")", "x' or '1'='1", clean=(ALLOW, MATCH), weak=("{v} = {v}.replace('\"', '')",)),
    Use("xpath", "import lxml.etree\nroot = lxml.etree.parse('users.xml')\nroot.xpath(f\"/u[@n='{{{v}}}']\")", "x' or '1'='1", clean=(ALLOW,)),
    Use("xpath", "import lxml.etree\nroot = lxml.etree.parse('users.xml')\nroot.xpath('/u[@n=$name]', name={v})", "x' or '1'='1"),
    Use("ldap", "import ldap\ncon = ldap.initialize('ldap://localhost')\ncon.search_s('dc=x', ldap.SCOPE_SUBTREE, '(uid=' + {v} + ')')", "*)(uid=*", clean=(ALLOW, "import ldap.filter\n{v} = ldap.filter.escape_filter_chars({v})")),
    Use("ldap", "import ldap3\ncon = ldap3.Connection(ldap3.Server('localhost'))\ncon.search('dc=x', f'(uid={{{v}}})')", "*)(uid=*", clean=(MATCH, "from ldap3.utils.conv import escape_filter_chars\n{v} = escape_filter_chars({v})")),
    Use("ssrf", "import requests\nrequests.get({v})", "https://evil.example/", clean=(HOST, LOCAL)),
    Use("ssrf", "import requests\nrequests.get('https://good.example/u/' + {v})", "https://evil.example/"),
    Use("ssrf", "import requests\nrequests.post('https://' + {v} + '/api', json={{}})", "evil.example", clean=("if {v} not in ('good.example', 'ok.example'):\n    {leave}",)),
    Use("log_injection", "logging.getLogger('app').warning('user %s', {v})", "x\nFORGED line", clean=("{v} = {v}.replace('\\n', ' ').replace('\\r', ' ')", ALLOW, "{v} = repr({v})")),
    Use("log_injection", "log = logging.getLogger(__name__)\nlog.info(f'user {{{v}}}')", "x\nFORGED line", clean=("{v} = str(len({v}))",)),
    Use("xxe", "import xml.sax\nparser = xml.sax.make_parser()\nparser.setFeature(xml.sax.handler.feature_external_ges, True)\nparser.parse(io.StringIO({v}))", "XXE", clean=(ALLOW,)),
    Use("xxe", "import xml.sax\nparser = xml.sax.make_parser()\nparser.setFeature(xml.sax.handler.feature_external_ges, False)\nparser.parse(io.StringIO({v}))", "XXE"),
    Use("xxe", "import xml.dom.minidom\nxml.dom.minidom.parseString({v})", "XXE"),
    Use("xxe", "import xml.etree.ElementTree\nxml.etree.ElementTree.fromstring({v})", "XXE"),
)  # fmt: skip
FLASK_USES = (
    Use("trust", "session['user'] = {v}", "zq7'\"trust", clean=(ALLOW, MATCH, INTEGER)),
    Use("trust", "session[{v}] = 'on'", "zq7'\"trust", clean=(ALLOW,)),
    Use("trust", "session['seen'] = True", "zq7'\"trust"),
    Use("header", "reply = make_response('fine')\nreply.headers['X-Note'] = {v}\nreturn reply", "x\r\nSet-Cookie: a=b", clean=(ALLOW, "{v} = {v}.replace('\\r', '').replace('\\n', '')")),
    Use("header", "reply = make_response('fine')\nreply.set_cookie('note', {v}, secure=True, httponly=True)\nreturn reply", "x\r\nSet-Cookie: a=b", clean=(MATCH,)),
    Use("template", "render_template_string('Hello ' + {v})", "{{7*7}}", clean=(ALLOW, MATCH)),
    Use("template", "render_template_string('Hello {{{{ name }}}}', name={v})", "{{7*7}}"),
    Use("weak-hash", "EFFECTS.append(hashlib.md5({v}.encode()).hexdigest())", "alpha"),
    Use("weak-hash", "EFFECTS.append(hashlib.new('sha1', {v}.encode()).hexdigest())", "alpha"),
    Use("weak-hash", "name = 'sha512'\nEFFECTS.append(hashlib.new(name, {v}.encode()).hexdigest())", "alpha"),
    Use("weak-hash", "EFFECTS.append(hashlib.sha256({v}.encode()).hexdigest())", "alpha"),
    Use("weak-hash", "algorithm = {{'old': 'md5', 'new': 'sha384'}}['old']\nh = hashlib.new(algorithm)\nh.update({v}.encode())\nEFFECTS.append(h.hexdigest())", "alpha"),
    Use("cookie-flags", "reply = make_response('fine')\nreply.set_cookie('k', 'v', secure=False, httponly=True)\nreturn reply", "alpha"),
    Use("cookie-flags", "reply = make_response('fine')\nreply.set_cookie('k', 'v', secure=True, httponly=True)\nreturn reply", "alpha"),
    Use("cookie-flags", "flags = {{'secure': False, 'httponly': True}}\nreply = make_response('fine')\nreply.set_cookie('k', 'v', **flags)\nreturn reply", "alpha"),
    Use("random", "token = str(random.random())[2:]\nreply = make_response('fine')\nreply.set_cookie('session_token', token, secure=True, httponly=True)\nreturn reply", "alpha"),
    Use("random", "session['token'] = random.randint(0, 2 ** 32)", "alpha"),
    Use("random", "session['token'] = random.SystemRandom().randint(0, 2 ** 32)", "alpha"),
    Use("random", "token = secrets.token_hex(16)\nreply = make_response('fine')\nreply.set_cookie('session_token', token, secure=True, httponly=True)\nreturn reply", "alpha"),
    Use("random", "session['token'] = ''.join(random.choice(string.ascii_letters) for _ in range(32))", "alpha"),
)  # fmt: skip


def handler(seed: int) -> Case:
    """The web case of one seed."""
    rng = random.Random(seed)  # noqa: S311 - reproducible choice, no secret
    door = rng.choice(DOORS)
    use = rng.choice((*USES, *FLASK_USES) if door is FLASK else USES)
    header, reads = rng.choice(door.doors)
    lines = rng.choice(reads).split("\n")
    features = [f"framework:{door.name}", f"sink:{use.kind}", f"read:{lines[-1]}"]
    value = _chain(rng, door, lines, features)
    texts = (use.clean, "clean") if rng.random() < 0.3 else (use.weak, "weak") if rng.random() < 0.2 else ((), "")
    leave = f"return {door.page.format(v=repr('no'))}"
    if texts[0]:
        chosen = rng.choice(texts[0])
        lines += chosen.format(v=value, leave=leave).split("\n")
        features.append(f"{texts[1]}:{chosen}")
    page = door.page.format(v="{v}") if not door.extra or rng.random() < 0.4 else rng.choice(door.extra)
    answer = page if page.startswith("return ") else f"return {page}"
    text = use.use.replace("return PAGE", answer).replace("return REDIRECT", f"return {door.redirect}")
    if use.kind == "redirect" and door is AIOHTTP:
        text = text.replace("return web.HTTPFound", "raise web.HTTPFound")
    features.append(f"use:{text}")
    files = _files(rng, door, header, lines, text, value, use, leave, features)
    return Case(f"web_{seed}", files, use.attack, use.kind, features)


def _chain(rng: random.Random, door: Door, lines: list[str], features: list[str]) -> str:
    """Add up to four steps; at most one of them is the twin that lets only a clean value through."""
    steps = [s for s in (*CHAIN, *STEPS) if not (door.is_async and "asyncio.run" in s[1])]
    length = rng.choice((0, 1, 1, 2, 2, 3, 4))
    twin = rng.randrange(length) if length and rng.random() < 0.45 else -1
    for i in range(length):
        name, vulnerable, safe = rng.choice(steps)
        lines += (safe if i == twin else vulnerable).format(v=f"v{i}", o=f"v{i + 1}").split("\n")
        features.append(f"{'twin' if i == twin else 'chain'}:{name}")
    return f"v{length}"


def _files(  # noqa: PLR0917 - a case has these parts
    rng: random.Random, door: Door, header: str, lines: list[str], text: str, value: str, use: Use, leave: str,
    features: list[str],
) -> dict[str, str]:  # fmt: skip
    """The case's files: everything in the handler, or the sink behind a function or class of another module."""
    head = PRELUDE + "EFFECTS = []\n" + door.head
    sink = text.format(v=value, leave=leave).split("\n")
    tail = f"return {door.page.format(v=repr('done'))}"
    names = sorted({line.split()[1] for line in lines if line.strip().startswith("global ")})
    body = [*([f"global {', '.join(names)}"] if names else []), *lines]
    layout = "one" if door.is_async and "await" in text else rng.choice(("one", "one", "helper", "class"))
    features.append(f"layout:{layout}")
    if layout == "one":
        whole = [*body, *sink, tail]
        return {"main.py": head + use.setup + header + "\n" + _indented(whole)}
    inner = _indented([*sink, tail])
    if layout == "helper":
        files = {"services/__init__.py": "", "services/work.py": f"{head}{use.setup}def act({value}):\n{inner}"}
        call, imports = f"return work.act({value})", "from services import work\n"
    else:
        inner = _indented([*sink, tail], 2)
        files = {"services/__init__.py": "from services.work import Worker\n",
                 "services/work.py": f"{head}{use.setup}class Worker:\n    def act(self, {value}):\n{inner}"}  # fmt: skip
        call, imports = f"return Worker().act({value})", "from services import Worker\n"
    files["main.py"] = head + imports + header + "\n" + _indented([*body, call])
    return files


def _indented(lines: list[str], depth: int = 1) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in lines)


def single(name: str, step: str) -> Case:
    """A Flask handler in which the input takes one step to a shell command."""
    use = USES[0]
    lines = ["v0 = request.args.get('q', '')", *step.format(v="v0", o="v1").split("\n")]
    names = sorted({line.split()[1] for line in lines if line.strip().startswith("global ")})
    body = [*([f"global {', '.join(names)}"] if names else []), *lines, use.use.format(v="v1"), "return 'done'"]
    text = f"{PRELUDE}EFFECTS = []\n{FLASK.head}{FLASK.doors[0][0]}\n{_indented(body)}"
    return Case(name, {"main.py": text}, use.attack, use.kind, [f"chain:{name}"])
