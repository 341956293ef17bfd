# ruff: noqa: E501 - a program per line reads better than a broken one
"""The grammar: source x chain x sanitizer or guard x sink x layout.

Each case is a small project with one sink line marked ``# SINK``. Its label is not written here: the harness runs
it and sees. Each step is one of several interchangeable texts; the safe twin of a step stands beside it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

PRELUDE = "import os, sys, re, html, json, shlex, sqlite3, subprocess, logging, base64, functools, contextlib, asyncio, pickle, hashlib, hmac\n"


@dataclass(frozen=True)
class Sink:
    """``use`` is the sink line over ``{v}``; ``attack`` the payload; ``kind`` what the label is about."""

    kind: str
    use: str
    attack: str
    setup: str = ""
    sanitizers: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()  # sanitizers of another kind, and guards that do not hold


INTEGER = "{v} = int({v}) if {v}.isdigit() else 0\n{v} = str({v})"
ALLOW = "if {v} not in ('alpha', 'beta'):\n    {leave}"
MATCH = "if not re.fullmatch(r'[a-z0-9]+', {v}):\n    {leave}"

SINKS = (
    Sink("command", "os.system('echo ' + {v})", "x; touch pwned", sanitizers=("{v} = shlex.quote({v})", INTEGER),
         guards=(ALLOW, MATCH), weak=("{v} = html.escape({v}, quote=False).replace('&amp;', '&')", "if {v} == '':\n    {leave}")),
    Sink("command", "subprocess.run('echo ' + {v}, shell=True, check=False)", "x; touch pwned",
         sanitizers=("{v} = shlex.quote({v})",), guards=(ALLOW, MATCH), weak=("if len({v}) > 99:\n    {leave}",)),
    Sink("command", "subprocess.run(['sh', '-c', 'echo ' + {v}], check=False)", "x; touch pwned",
         sanitizers=("{v} = shlex.quote({v})",), guards=(ALLOW,), weak=("re.fullmatch(r'[a-z0-9]+', {v})",)),
    Sink("command", "subprocess.run(['echo', {v}], check=False)", "x; touch pwned"),
    Sink("sql", "DB.execute(\"INSERT INTO log VALUES ('\" + {v} + \"')\")", "x'), ('pwned",
         setup="DB = sqlite3.connect(':memory:')\nDB.execute('CREATE TABLE log (t)')",
         sanitizers=(INTEGER,), guards=(ALLOW, MATCH), weak=("{v} = shlex.quote('') + {v}",)),
    Sink("sql", "DB.execute('INSERT INTO log VALUES (?)', ({v},))", "x'), ('pwned",
         setup="DB = sqlite3.connect(':memory:')\nDB.execute('CREATE TABLE log (t)')"),
    Sink("code", "eval('\"\" + ' + {v}, {{'mark': MARK, '__builtins__': {{}}}})", "mark()",
         setup="def MARK():\n    open('pwned', 'w').close()\n    return ''", guards=(ALLOW,), sanitizers=(INTEGER.replace("str({v})", "repr(str({v}))"),),
         weak=("{v} = html.escape({v})",)),
    Sink("path", "open(os.path.join('base', {v})).read()", "../canary.txt",
         sanitizers=("{v} = os.path.basename({v})",), guards=(ALLOW, MATCH,
         "{v} = os.path.realpath(os.path.join('base', {v}))\nif not {v}.startswith(os.path.realpath('base') + os.sep):\n    {leave}"),
         weak=("{v} = os.path.normpath({v})", "if not os.path.join('base', {v}).startswith('base'):\n    {leave}")),
    Sink("html", "make_response('<p>' + {v} + '</p>')", "<script>x</script>",
         sanitizers=("{v} = html.escape({v})",), guards=(ALLOW, MATCH), weak=("{v} = html.unescape(html.escape({v}))",)),
    Sink("deserialize", "pickle.loads(bytes.fromhex({v}))", "PICKLE", guards=(ALLOW,), weak=("{v} = html.escape({v})",)),
    Sink("log", "logging.getLogger('app').warning('got %s', {v})", "", sanitizers=("{v} = hmac.new(b'k', {v}.encode(), 'sha256').hexdigest()",
         "{v} = str(len({v}))"), weak=("{v} = base64.b64encode({v}.encode()).decode()", "{v} = {v}[::-1]", "{v} = {v}.upper()")),
    Sink("log", "print('value', {v})", "", sanitizers=("{v} = hmac.new(b'k', {v}.encode(), 'sha256').hexdigest()",),
         weak=("{v} = json.dumps({{'a': {v}}})",)),
)  # fmt: skip

# Propagators: a value in ``{v}`` comes out in ``{o}``. The twin beside it lets a clean value through instead.
CHAIN: tuple[tuple[str, str, str], ...] = (
    ("plain", "{o} = {v}", "{o} = 'clean'"),
    ("fstring", "{o} = f'{{{v}}}'", "{o} = f'{{len({v})}}'"),
    ("percent", "{o} = '%s' % ({v},)", "{o} = '%s' % ('clean',)"),
    ("format", "{o} = '{{}}'.format({v})", "{o} = '{{}}'.format('clean')"),
    ("join", "{o} = ''.join([{v}, ''])", "{o} = ''.join(['clean', ''])"),
    ("dict", "d_{o} = {{'a': {v}, 'b': 'clean'}}\n{o} = d_{o}['a']", "d_{o} = {{'a': {v}, 'b': 'clean'}}\n{o} = d_{o}['b']"),
    ("list", "l_{o} = ['clean', {v}]\n{o} = l_{o}[1]", "l_{o} = ['clean', {v}]\n{o} = l_{o}[0]"),
    ("append", "l_{o} = []\nl_{o}.append('clean')\nl_{o}.append({v})\n{o} = l_{o}[-1]", "l_{o} = []\nl_{o}.append('clean')\nl_{o}.append({v})\n{o} = l_{o}[0]"),
    ("pop", "l_{o} = ['clean', {v}]\n{o} = l_{o}.pop()", "l_{o} = ['clean', {v}]\n{o} = l_{o}.pop(0)"),
    ("tuple", "t_{o}, {o} = 'clean', {v}", "{o}, t_{o} = 'clean', {v}"),
    ("star", "t_{o}, *s_{o} = ['clean', {v}]\n{o} = s_{o}[0]", "*s_{o}, t_{o} = ['clean', {v}]\n{o} = s_{o}[0]"),
    ("branch", "{o} = {v} if 7 * 6 > 40 else 'clean'", "{o} = {v} if 7 * 6 < 40 else 'clean'"),
    ("if", "n_{o} = 106\nif 7 * 18 + n_{o} > 200:\n    {o} = {v}\nelse:\n    {o} = 'clean'", "n_{o} = 106\nif 7 * 18 + n_{o} < 200:\n    {o} = {v}\nelse:\n    {o} = 'clean'"),
    ("match", "match 'B':\n    case 'A':\n        {o} = 'clean'\n    case 'B':\n        {o} = {v}\n    case _:\n        {o} = 'other'", "match 'A':\n    case 'A':\n        {o} = 'clean'\n    case 'B':\n        {o} = {v}\n    case _:\n        {o} = 'other'"),
    ("overwrite", "{o} = 'clean'\n{o} = {v}", "{o} = {v}\n{o} = 'clean'"),
    ("function", "def f_{o}(a, b):\n    return a\n{o} = f_{o}({v}, 'clean')", "def f_{o}(a, b):\n    return b\n{o} = f_{o}({v}, 'clean')"),
    ("default", "def f_{o}(a, b='clean'):\n    return b\n{o} = f_{o}('clean', b={v})", "def f_{o}(a, b='clean'):\n    return b\n{o} = f_{o}({v})"),
    ("varargs", "def f_{o}(*a, **k):\n    return a[1]\n{o} = f_{o}('clean', {v}, x='clean')", "def f_{o}(*a, **k):\n    return a[0]\n{o} = f_{o}('clean', {v}, x='clean')"),
    ("kwargs", "def f_{o}(**k):\n    return k['x']\n{o} = f_{o}(x={v}, y='clean')", "def f_{o}(**k):\n    return k['y']\n{o} = f_{o}(x={v}, y='clean')"),
    ("lambda", "f_{o} = lambda a, b: a\n{o} = f_{o}({v}, 'clean')", "f_{o} = lambda a, b: b\n{o} = f_{o}({v}, 'clean')"),
    ("closure", "def m_{o}(a):\n    def g():\n        return a\n    return g\nh_{o}, c_{o} = m_{o}({v}), m_{o}('clean')\n{o} = h_{o}()", "def m_{o}(a):\n    def g():\n        return a\n    return g\nh_{o}, c_{o} = m_{o}({v}), m_{o}('clean')\n{o} = c_{o}()"),
    ("class", "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def get(self):\n        return self.a\nx_{o}, y_{o} = C_{o}({v}), C_{o}('clean')\n{o} = x_{o}.get()", "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def get(self):\n        return self.a\nx_{o}, y_{o} = C_{o}({v}), C_{o}('clean')\n{o} = y_{o}.get()"),
    ("fields", "class C_{o}:\n    pass\nx_{o} = C_{o}()\nx_{o}.a, x_{o}.b = {v}, 'clean'\n{o} = x_{o}.a", "class C_{o}:\n    pass\nx_{o} = C_{o}()\nx_{o}.a, x_{o}.b = {v}, 'clean'\n{o} = x_{o}.b"),
    ("property", "class C_{o}:\n    def __init__(self, a):\n        self._a = a\n    @property\n    def a(self):\n        return self._a\n{o} = C_{o}({v}).a", "class C_{o}:\n    def __init__(self, a):\n        self._a = a\n    @property\n    def a(self):\n        return 'clean'\n{o} = C_{o}({v}).a"),
    ("inherit", "class B_{o}:\n    def pick(self, a):\n        return 'clean'\nclass C_{o}(B_{o}):\n    def pick(self, a):\n        return a\n{o} = C_{o}().pick({v})", "class B_{o}:\n    def pick(self, a):\n        return a\nclass C_{o}(B_{o}):\n    def pick(self, a):\n        return 'clean'\n{o} = C_{o}().pick({v})"),
    ("super", "class B_{o}:\n    def pick(self, a):\n        return a\nclass C_{o}(B_{o}):\n    def pick(self, a):\n        return super().pick(a)\n{o} = C_{o}().pick({v})", "class B_{o}:\n    def pick(self, a):\n        return 'clean'\nclass C_{o}(B_{o}):\n    def pick(self, a):\n        return super().pick(a)\n{o} = C_{o}().pick({v})"),
    ("decorator", "def d_{o}(g):\n    @functools.wraps(g)\n    def w(*a):\n        return g(*a)\n    return w\n@d_{o}\ndef f_{o}(a):\n    return a\n{o} = f_{o}({v})", "def d_{o}(g):\n    @functools.wraps(g)\n    def w(*a):\n        return 'clean'\n    return w\n@d_{o}\ndef f_{o}(a):\n    return a\n{o} = f_{o}({v})"),
    ("comprehension", "{o} = [a for a in [{v}]][0]", "{o} = ['clean' for a in [{v}]][0]"),
    ("dictcomp", "{o} = {{k: a for k, a in [('x', {v})]}}['x']", "{o} = {{k: 'clean' for k, a in [('x', {v})]}}['x']"),
    ("generator", "def g_{o}(a):\n    yield a\n{o} = next(g_{o}({v}))", "def g_{o}(a):\n    yield 'clean'\n{o} = next(g_{o}({v}))"),
    ("yieldfrom", "def g_{o}(a):\n    yield from [a]\n{o} = ''.join(g_{o}({v}))", "def g_{o}(a):\n    yield from ['clean']\n{o} = ''.join(g_{o}({v}))"),
    ("async", "async def f_{o}(a):\n    return a\n{o} = asyncio.run(f_{o}({v}))", "async def f_{o}(a):\n    return 'clean'\n{o} = asyncio.run(f_{o}({v}))"),
    ("exception", "try:\n    raise ValueError({v})\nexcept ValueError as e_{o}:\n    {o} = str(e_{o})", "try:\n    raise ValueError('clean')\nexcept ValueError as e_{o}:\n    {o} = str(e_{o})"),
    ("with", "@contextlib.contextmanager\ndef c_{o}(a):\n    yield a\nwith c_{o}({v}) as {o}:\n    pass", "@contextlib.contextmanager\ndef c_{o}(a):\n    yield 'clean'\nwith c_{o}({v}) as {o}:\n    pass"),
    ("partial", "def f_{o}(a, b):\n    return a\n{o} = functools.partial(f_{o}, {v})('clean')", "def f_{o}(a, b):\n    return b\n{o} = functools.partial(f_{o}, {v})('clean')"),
    ("callback", "def a_{o}(f, x):\n    return f(x)\n{o} = a_{o}(lambda z: z, {v})", "def a_{o}(f, x):\n    return f(x)\n{o} = a_{o}(lambda z: 'clean', {v})"),
    ("map", "{o} = list(map(lambda z: z, [{v}]))[0]", "{o} = list(map(lambda z: 'clean', [{v}]))[0]"),
    ("mutate", "def f_{o}(d, a):\n    d['k'] = a\nd_{o} = {{'k': 'clean', 'j': 'clean'}}\nf_{o}(d_{o}, {v})\n{o} = d_{o}['k']", "def f_{o}(d, a):\n    d['k'] = a\nd_{o} = {{'k': 'clean', 'j': 'clean'}}\nf_{o}(d_{o}, {v})\n{o} = d_{o}['j']"),
    ("alias", "l_{o} = []\nm_{o} = l_{o}\nm_{o}.append({v})\n{o} = l_{o}[0]", "l_{o} = ['clean']\nm_{o} = list(l_{o})\nm_{o}.append({v})\n{o} = l_{o}[0]"),
    ("loop", "{o} = ''\nfor a_{o} in [{v}]:\n    {o} += a_{o}", "{o} = ''\nfor a_{o} in [{v}]:\n    {o} += 'clean'"),
    ("while", "{o} = 'clean'\ni_{o} = 0\nwhile i_{o} < 2:\n    {o} = {v}\n    i_{o} += 1", "{o} = 'clean'\ni_{o} = 0\nwhile i_{o} < 2:\n    i_{o} += 1"),
    ("recursion", "def f_{o}(a, n):\n    return a if n == 0 else f_{o}(a, n - 1)\n{o} = f_{o}({v}, 3)", "def f_{o}(a, n):\n    return 'clean' if n == 0 else f_{o}(a, n - 1)\n{o} = f_{o}({v}, 3)"),
    ("json", "{o} = json.loads(json.dumps({{'a': {v}}}))['a']", "{o} = json.loads(json.dumps({{'a': 'clean'}}))['a']"),
    ("encode", "{o} = base64.b64decode(base64.b64encode({v}.encode())).decode()", "{o} = base64.b64decode(base64.b64encode(b'clean')).decode()"),
    ("slice", "{o} = ('ab' + {v})[2:]", "{o} = ('ab' + {v})[:2]"),
    ("walrus", "if ({o} := {v}):\n    pass", "if ({o} := 'clean'):\n    pass"),
    ("global", "G_{o} = 'clean'\ndef s_{o}(a):\n    global G_{o}\n    G_{o} = a\ns_{o}({v})\n{o} = G_{o}", "G_{o} = 'clean'\ndef s_{o}(a):\n    global G_{o}\n    G_{o} = a\n{o} = G_{o}\ns_{o}({v})"),
    ("nonlocal", "def n_{o}(a):\n    b = 'clean'\n    def s():\n        nonlocal b\n        b = a\n    s()\n    return b\n{o} = n_{o}({v})", "def n_{o}(a):\n    b = 'clean'\n    def s():\n        nonlocal b\n        b = a\n    r = b\n    s()\n    return r\n{o} = n_{o}({v})"),
    ("setattr", "class C_{o}:\n    pass\nx_{o} = C_{o}()\nsetattr(x_{o}, 'a', {v})\nx_{o}.b = 'clean'\n{o} = getattr(x_{o}, 'a')", "class C_{o}:\n    pass\nx_{o} = C_{o}()\nsetattr(x_{o}, 'a', {v})\nx_{o}.b = 'clean'\n{o} = getattr(x_{o}, 'b')"),
    ("getdefault", "d_{o} = {{'a': {v}}}\n{o} = d_{o}.get('a', 'clean')", "d_{o} = {{'a': {v}}}\n{o} = d_{o}.get('b', 'clean')"),
    ("update", "d_{o} = {{'a': 'clean'}}\nd_{o}.update({{'a': {v}}})\n{o} = d_{o}['a']", "d_{o} = {{'a': 'clean'}}\nd_{o}.update({{'b': {v}}})\n{o} = d_{o}['a']"),
    ("items", "{o} = ''\nfor k_{o}, w_{o} in {{'a': {v}}}.items():\n    {o} = w_{o}", "{o} = ''\nfor k_{o}, w_{o} in {{'a': {v}}}.items():\n    {o} = k_{o}"),
    ("dataclass", "import dataclasses\n@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str\n{o} = C_{o}({v}, 'clean').a", "import dataclasses\n@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str\n{o} = C_{o}({v}, 'clean').b"),
)  # fmt: skip


@dataclass
class Case:
    """A project: files by name, the payload for its input, and what it was made of."""

    name: str
    files: dict[str, str]
    payload: str
    kind: str
    features: list[str] = field(default_factory=list)


SOURCES = {
    "untrusted": ("from flask import request", "request.args.get('q')"),
    "pii": ("from people import User", "User.load().email"),
    "secret": ("", "os.environ['APP_API_KEY']"),
}
PEOPLE = "import dataclasses, os\n@dataclasses.dataclass\nclass User:\n    email: str\n    nick: str\n    @classmethod\n    def load(cls):\n        return cls(os.environ['CANARY_FEED'].strip(), 'nick')\n"


def make(seed: int) -> Case:
    """The case of one seed."""
    rng = random.Random(seed)  # noqa: S311 - reproducible choice, no secret
    sink = rng.choice(SINKS)
    source = rng.choice(("pii", "secret")) if sink.kind == "log" else "untrusted"
    imports, read = SOURCES[source]
    lines = [f"v0 = {read}"]
    features = [f"source:{source}", f"sink:{sink.kind}"]
    length = rng.randint(0, 4)
    twin = rng.randrange(length) if length and rng.random() < 0.45 else -1
    for i in range(length):
        name, vulnerable, safe = rng.choice(CHAIN)
        lines += (safe if i == twin else vulnerable).format(v=f"v{i}", o=f"v{i + 1}").split("\n")
        features.append(f"chain:{name}")
    value = f"v{length}"
    for group, label in ((sink.sanitizers, "sanitizer"), (sink.guards, "guard"), (sink.weak, "weak")):
        if group and rng.random() < 0.25:
            lines += rng.choice(group).format(v=value, leave="return").split("\n")
            features.append(label)
    use = sink.use.format(v=value)
    return Case(
        f"case_{seed}", _layout(rng, imports, sink, lines, use, value, features), sink.attack, sink.kind, features
    )


def _layout(
    rng: random.Random, imports: str, sink: Sink, lines: list[str], use: str, value: str, features: list[str]
) -> dict[str, str]:
    layout = rng.choice(("one", "helper", "package", "method"))
    features.append(f"layout:{layout}")
    head = PRELUDE + imports + "\n"
    setup = "from flask import make_response\n" if "make_response" in sink.use else ""
    setup += sink.setup + "\n"
    files = {"people.py": PEOPLE}
    body = "".join(f"    {line}\n" for line in lines)
    if layout == "one":
        files["main.py"] = f"{head}{setup}def run():\n{_global(lines)}{body}    {use}  # SINK\n"
    elif layout == "helper":
        files["sinks.py"] = f"{PRELUDE}{setup}def use({value}):\n    {use}  # SINK\n"
        files["main.py"] = f"{head}import sinks\ndef run():\n{_global(lines)}{body}    sinks.use({value})\n"
    elif layout == "package":
        files["pkg/__init__.py"] = "from .inner import use\n"
        files["pkg/inner.py"] = f"{PRELUDE}{setup}def use({value}):\n    {use}  # SINK\n"
        files["main.py"] = f"{head}from pkg import use as go\ndef run():\n{_global(lines)}{body}    go({value})\n"
    else:
        files["main.py"] = (
            f"{head}{setup}class App:\n    def use(self):\n        {value} = self.value\n        {use}  # SINK\n"
            f"def run():\n{_global(lines)}{body}    app = App()\n    app.value = {value}\n    app.use()\n"
        )
    return files


def _global(lines: list[str]) -> str:
    """Names the nested functions declare global must be global in ``run`` too."""
    names = sorted({line.split()[1] for line in lines if line.strip().startswith("global ")})
    return f"    global {', '.join(names)}\n" if names else ""
