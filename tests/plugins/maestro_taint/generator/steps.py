# ruff: noqa: E501 - a program per line reads better than a broken one
"""More propagation steps: text forms, containers, protocols, control flow, each beside its twin one word away.

A value in ``{v}`` comes out in ``{o}``; the twin lets a clean value through instead. Neither text is a label: what a
program does is seen by running it.
"""

from __future__ import annotations

STEPS: tuple[tuple[str, str, str], ...] = (
    # Text in every form.
    ("percent-name", "{o} = '%(a)s' % {{'a': {v}, 'b': 'clean'}}", "{o} = '%(b)s' % {{'a': {v}, 'b': 'clean'}}"),
    ("format-name", "{o} = '{{a}}'.format(a={v}, b='clean')", "{o} = '{{b}}'.format(a={v}, b='clean')"),
    ("format-index", "{o} = '{{1}}'.format('clean', {v})", "{o} = '{{0}}'.format('clean', {v})"),
    (
        "format-map",
        "{o} = '{{a}}'.format_map({{'a': {v}, 'b': 'clean'}})",
        "{o} = '{{b}}'.format_map({{'a': {v}, 'b': 'clean'}})",
    ),
    (
        "template",
        "{o} = string.Template('$a').substitute(a={v}, b='clean')",
        "{o} = string.Template('$b').substitute(a={v}, b='clean')",
    ),
    ("fstring-spec", "{o} = f'{{{v}!s:<1}}'", "{o} = f'{{len({v})!s:<1}}'"),
    ("augmented", "{o} = ''\n{o} += {v}", "{o} = ''\n{o} += 'clean'"),
    ("join-generator", "{o} = ''.join(c for c in {v})", "{o} = ''.join('c' for c in {v})"),
    ("join-list", "{o} = ''.join([p for p in ('', {v})])", "{o} = ''.join([p for p in ('', 'clean')])"),
    ("strip", "{o} = {v}.strip().rstrip('~')", "{o} = 'clean'.strip().rstrip('~')"),
    ("partition", "{o} = ('k=' + {v}).partition('=')[2]", "{o} = ('k=' + {v}).partition('=')[0]"),
    ("split", "{o} = ('k~' + {v}).split('~')[1]", "{o} = ('k~' + {v}).split('~')[0]"),
    ("replace", "{o} = 'HOLE'.replace('HOLE', {v})", "{o} = 'HOLE'.replace('HOLE', 'clean')"),
    ("bytes", "{o} = {v}.encode('utf-8').decode('utf-8')", "{o} = str(len({v}.encode('utf-8')))"),
    ("hex", "{o} = bytes.fromhex({v}.encode().hex()).decode()", "{o} = bytes.fromhex(b'clean'.hex()).decode()"),
    (
        "quote",
        "{o} = urllib.parse.unquote(urllib.parse.quote({v}))",
        "{o} = urllib.parse.unquote(urllib.parse.quote('clean'))",
    ),
    ("resub", "{o} = re.sub('~', '', {v})", "{o} = re.sub('~', {v}, 'clean')"),
    ("regroup", "{o} = re.match('(?s)(.*)', {v}).group(1)", "{o} = re.match('(?s)(.*)', 'clean').group(1)"),
    (
        "stringio",
        "b_{o} = io.StringIO()\nb_{o}.write({v})\n{o} = b_{o}.getvalue()",
        "b_{o} = io.StringIO()\nb_{o}.write('clean')\n{o} = b_{o}.getvalue()",
    ),
    ("dedent", "{o} = textwrap.dedent({v})", "{o} = textwrap.dedent('clean')"),
    ("multiply", "{o} = {v} * 1", "{o} = 'clean' * 1"),
    # Containers.
    (
        "remove-first",
        "l_{o} = ['x', 'y']\nl_{o}.append({v})\nl_{o}.pop(0)\n{o} = l_{o}[1]",
        "l_{o} = ['x', 'y']\nl_{o}.append({v})\nl_{o}.pop(0)\n{o} = l_{o}[0]",
    ),
    (
        "remove",
        "l_{o} = ['x', {v}]\nl_{o}.remove('x')\n{o} = l_{o}[0]",
        "l_{o} = ['x', 'y', {v}]\nl_{o}.remove('x')\n{o} = l_{o}[0]",
    ),
    (
        "del",
        "l_{o} = ['x', {v}, 'y']\ndel l_{o}[0]\n{o} = l_{o}[0]",
        "l_{o} = ['x', {v}, 'y']\ndel l_{o}[1]\n{o} = l_{o}[1]",
    ),
    (
        "insert",
        "l_{o} = ['x']\nl_{o}.insert(0, {v})\n{o} = l_{o}[0]",
        "l_{o} = ['x']\nl_{o}.insert(0, {v})\n{o} = l_{o}[1]",
    ),
    ("slice-list", "{o} = ['x', {v}, 'y'][1:][0]", "{o} = ['x', {v}, 'y'][2:][0]"),
    (
        "extend",
        "l_{o} = ['x']\nl_{o}.extend([{v}, 'y'])\n{o} = l_{o}[1]",
        "l_{o} = ['x']\nl_{o}.extend([{v}, 'y'])\n{o} = l_{o}[2]",
    ),
    ("concat", "{o} = (['x'] + [{v}])[1]", "{o} = (['x'] + [{v}])[0]"),
    (
        "dict-pop",
        "d_{o} = {{'a': {v}, 'b': 'clean'}}\n{o} = d_{o}.pop('a')",
        "d_{o} = {{'a': {v}, 'b': 'clean'}}\n{o} = d_{o}.pop('b')",
    ),
    (
        "dict-del",
        "d_{o} = {{'a': {v}}}\n{o} = d_{o}.get('a', 'clean')",
        "d_{o} = {{'a': {v}}}\ndel d_{o}['a']\n{o} = d_{o}.get('a', 'clean')",
    ),
    (
        "dict-store",
        "d_{o} = {{}}\nd_{o}['a'] = {v}\nd_{o}['b'] = 'clean'\n{o} = d_{o}['a']",
        "d_{o} = {{}}\nd_{o}['a'] = {v}\nd_{o}['a'] = 'clean'\n{o} = d_{o}['a']",
    ),
    ("dict-union", "{o} = ({{'a': 'clean'}} | {{'a': {v}}})['a']", "{o} = ({{'a': {v}}} | {{'a': 'clean'}})['a']"),
    ("dict-spread", "{o} = {{'a': 'clean', **{{'a': {v}}}}}['a']", "{o} = {{**{{'a': {v}}}, 'a': 'clean'}}['a']"),
    (
        "dict-nested",
        "d_{o} = {{'a': {{'b': {v}, 'c': 'clean'}}}}\n{o} = d_{o}['a']['b']",
        "d_{o} = {{'a': {{'b': {v}, 'c': 'clean'}}}}\n{o} = d_{o}['a']['c']",
    ),
    ("dict-values", "{o} = list({{'a': 'x', 'b': {v}}}.values())[1]", "{o} = list({{'a': 'x', 'b': {v}}}.values())[0]"),
    (
        "setdefault",
        "d_{o} = {{}}\n{o} = d_{o}.setdefault('a', {v})",
        "d_{o} = {{'a': 'clean'}}\n{o} = d_{o}.setdefault('a', {v})",
    ),
    (
        "defaultdict",
        "d_{o} = collections.defaultdict(list)\nd_{o}['a'].append({v})\n{o} = d_{o}['a'][0]",
        "d_{o} = collections.defaultdict(list)\nd_{o}['a'].append({v})\nd_{o}['b'].append('clean')\n{o} = d_{o}['b'][0]",
    ),
    (
        "deque",
        "q_{o} = collections.deque()\nq_{o}.append({v})\n{o} = q_{o}.popleft()",
        "q_{o} = collections.deque()\nq_{o}.append('clean')\nq_{o}.append({v})\n{o} = q_{o}.popleft()",
    ),
    (
        "namedtuple",
        "N_{o} = collections.namedtuple('N_{o}', 'a b')\n{o} = N_{o}({v}, 'clean').a",
        "N_{o} = collections.namedtuple('N_{o}', 'a b')\n{o} = N_{o}({v}, 'clean').b",
    ),
    (
        "typed-tuple",
        "class N_{o}(typing.NamedTuple):\n    a: str\n    b: str\n{o} = N_{o}({v}, 'clean').a",
        "class N_{o}(typing.NamedTuple):\n    a: str\n    b: str\n{o} = N_{o}({v}, 'clean').b",
    ),
    ("set", "{o} = next(iter({{{v}}}))", "{o} = next(iter({{'clean'}}))"),
    ("zip", "{o} = [b for a, b in zip(['x'], [{v}])][0]", "{o} = [a for a, b in zip(['x'], [{v}])][0]"),
    (
        "enumerate",
        "{o} = ''\nfor i_{o}, w_{o} in enumerate([{v}]):\n    {o} += w_{o}",
        "{o} = ''\nfor i_{o}, w_{o} in enumerate([{v}]):\n    {o} += str(i_{o})",
    ),
    ("chain", "{o} = ''.join(itertools.chain([''], [{v}]))", "{o} = ''.join(itertools.chain(['x'], ['y']))"),
    (
        "reduce",
        "{o} = functools.reduce(lambda a, b: a + b, [{v}, ''])",
        "{o} = functools.reduce(lambda a, b: 'clean', [{v}, '', ''])",
    ),
    ("sorted", "{o} = sorted([{v}])[0]", "{o} = sorted(['clean'])[0]"),
    ("filter", "{o} = list(filter(None, [{v}]))[0]", "{o} = list(filter(None, ['clean']))[0]"),
    ("unpack-nested", "(a_{o}, (b_{o}, {o})) = ('x', ('y', {v}))", "(a_{o}, ({o}, b_{o})) = ('x', ('y', {v}))"),
    (
        "swap",
        "a_{o}, {o} = {v}, 'clean'\na_{o}, {o} = {o}, a_{o}",
        "a_{o}, {o} = 'clean', {v}\na_{o}, {o} = {o}, a_{o}",
    ),
    (
        "config",
        "c_{o} = configparser.ConfigParser()\nc_{o}.add_section('s')\nc_{o}.set('s', 'a', 'clean')\nc_{o}.set('s', 'b', {v}.replace('%', '%%'))\n{o} = c_{o}.get('s', 'b')",
        "c_{o} = configparser.ConfigParser()\nc_{o}.add_section('s')\nc_{o}.set('s', 'a', 'clean')\nc_{o}.set('s', 'b', {v}.replace('%', '%%'))\n{o} = c_{o}.get('s', 'a')",
    ),
    (
        "config-item",
        "c_{o} = configparser.RawConfigParser()\nc_{o}['s'] = {{'a': 'clean', 'b': {v}}}\n{o} = c_{o}['s']['b']",
        "c_{o} = configparser.RawConfigParser()\nc_{o}['s'] = {{'a': 'clean', 'b': {v}}}\n{o} = c_{o}['s']['a']",
    ),
    # Calls.
    (
        "keyword-only",
        "def f_{o}(*, a, b):\n    return a\n{o} = f_{o}(b='clean', a={v})",
        "def f_{o}(*, a, b):\n    return b\n{o} = f_{o}(b='clean', a={v})",
    ),
    (
        "star-call",
        "def f_{o}(a, b):\n    return b\n{o} = f_{o}(*('clean', {v}))",
        "def f_{o}(a, b):\n    return a\n{o} = f_{o}(*('clean', {v}))",
    ),
    (
        "starstar-call",
        "def f_{o}(a, b):\n    return b\n{o} = f_{o}(**{{'a': 'clean', 'b': {v}}})",
        "def f_{o}(a, b):\n    return a\n{o} = f_{o}(**{{'a': 'clean', 'b': {v}}})",
    ),
    (
        "star-through",
        "def g_{o}(a, b):\n    return b\ndef f_{o}(*a, **k):\n    return g_{o}(*a, **k)\n{o} = f_{o}('clean', b={v})",
        "def g_{o}(a, b):\n    return a\ndef f_{o}(*a, **k):\n    return g_{o}(*a, **k)\n{o} = f_{o}('clean', b={v})",
    ),
    (
        "flag",
        "def f_{o}(a, on=False):\n    return a if on else 'clean'\n{o} = f_{o}({v}, on=True)",
        "def f_{o}(a, on=False):\n    return a if on else 'clean'\n{o} = f_{o}({v})",
    ),
    (
        "early",
        "def f_{o}(a, n):\n    if n > 3:\n        return 'clean'\n    return a\n{o} = f_{o}({v}, 1)",
        "def f_{o}(a, n):\n    if n > 3:\n        return 'clean'\n    return a\n{o} = f_{o}({v}, 5)",
    ),
    (
        "returned-tuple",
        "def f_{o}(a):\n    return a, 'clean'\n{o}, w_{o} = f_{o}({v})",
        "def f_{o}(a):\n    return a, 'clean'\nw_{o}, {o} = f_{o}({v})",
    ),
    (
        "table",
        "def x_{o}(a):\n    return a\ndef y_{o}(a):\n    return 'clean'\nt_{o} = {{'x': x_{o}, 'y': y_{o}}}\n{o} = t_{o}['x']({v})",
        "def x_{o}(a):\n    return a\ndef y_{o}(a):\n    return 'clean'\nt_{o} = {{'x': x_{o}, 'y': y_{o}}}\n{o} = t_{o}['y']({v})",
    ),
    (
        "deep-call",
        "def a_{o}(x):\n    return x\ndef b_{o}(x):\n    return a_{o}(x)\ndef c_{o}(x):\n    return b_{o}(x)\n{o} = c_{o}({v})",
        "def a_{o}(x):\n    return 'clean'\ndef b_{o}(x):\n    return a_{o}(x)\ndef c_{o}(x):\n    return b_{o}(x)\n{o} = c_{o}({v})",
    ),
    (
        "default-mutable",
        "def f_{o}(a, seen=None):\n    seen = seen or []\n    seen.append(a)\n    return seen[-1]\n{o} = f_{o}({v})",
        "def f_{o}(a, seen=None):\n    seen = seen or ['clean']\n    seen.append(a)\n    return seen[0]\n{o} = f_{o}({v})",
    ),
    (
        "closure-counter",
        "def m_{o}():\n    kept = []\n    def put(a):\n        kept.append(a)\n    def get():\n        return kept[0]\n    return put, get\np_{o}, g_{o} = m_{o}()\np_{o}({v})\n{o} = g_{o}()",
        "def m_{o}():\n    kept = ['clean']\n    def put(a):\n        kept.append(a)\n    def get():\n        return kept[0]\n    return put, get\np_{o}, g_{o} = m_{o}()\np_{o}({v})\n{o} = g_{o}()",
    ),
    (
        "decorator-args",
        "def d_{o}(use):\n    def outer(g):\n        def w(a):\n            return g(a) if use else 'clean'\n        return w\n    return outer\n@d_{o}(True)\ndef f_{o}(a):\n    return a\n{o} = f_{o}({v})",
        "def d_{o}(use):\n    def outer(g):\n        def w(a):\n            return g(a) if use else 'clean'\n        return w\n    return outer\n@d_{o}(False)\ndef f_{o}(a):\n    return a\n{o} = f_{o}({v})",
    ),
    (
        "cached",
        "@functools.lru_cache(maxsize=None)\ndef f_{o}(a):\n    return a\n{o} = f_{o}({v})",
        "@functools.lru_cache(maxsize=None)\ndef f_{o}(a):\n    return 'clean'\n{o} = f_{o}({v})",
    ),
    ("lambda-default", "f_{o} = lambda a={v}: a\n{o} = f_{o}()", "f_{o} = lambda a={v}: a\n{o} = f_{o}('clean')"),
    ("sort-key", "{o} = max([{v}], key=lambda z: len(z))", "{o} = max(['clean'], key=lambda z: len(z))"),
    # Classes and protocols.
    (
        "class-attribute",
        "class C_{o}:\n    a = 'clean'\nC_{o}.a = {v}\n{o} = C_{o}.a",
        "class C_{o}:\n    a = 'clean'\n    b = 'clean'\nC_{o}.a = {v}\n{o} = C_{o}.b",
    ),
    (
        "classmethod",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    @classmethod\n    def of(cls, a):\n        return cls(a)\n{o} = C_{o}.of({v}).a",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    @classmethod\n    def of(cls, a):\n        return cls('clean')\n{o} = C_{o}.of({v}).a",
    ),
    (
        "staticmethod",
        "class C_{o}:\n    @staticmethod\n    def pick(a, b):\n        return a\n{o} = C_{o}.pick({v}, 'clean')",
        "class C_{o}:\n    @staticmethod\n    def pick(a, b):\n        return b\n{o} = C_{o}.pick({v}, 'clean')",
    ),
    (
        "call-protocol",
        "class C_{o}:\n    def __call__(self, a):\n        return a\n{o} = C_{o}()({v})",
        "class C_{o}:\n    def __call__(self, a):\n        return 'clean'\n{o} = C_{o}()({v})",
    ),
    (
        "getitem-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self.d = {{'a': a, 'b': 'clean'}}\n    def __getitem__(self, k):\n        return self.d[k]\n{o} = C_{o}({v})['a']",
        "class C_{o}:\n    def __init__(self, a):\n        self.d = {{'a': a, 'b': 'clean'}}\n    def __getitem__(self, k):\n        return self.d[k]\n{o} = C_{o}({v})['b']",
    ),
    (
        "iter-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __iter__(self):\n        yield self.a\n{o} = ''.join(C_{o}({v}))",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __iter__(self):\n        yield 'clean'\n{o} = ''.join(C_{o}({v}))",
    ),
    (
        "str-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __str__(self):\n        return self.a\n{o} = str(C_{o}({v}))",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __str__(self):\n        return 'clean'\n{o} = str(C_{o}({v}))",
    ),
    (
        "fstring-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __str__(self):\n        return self.a\n{o} = f'{{C_{o}({v})}}'",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __str__(self):\n        return 'clean'\n{o} = f'{{C_{o}({v})}}'",
    ),
    (
        "add-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __add__(self, other):\n        return self.a + other\n{o} = C_{o}({v}) + ''",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __add__(self, other):\n        return other\n{o} = C_{o}({v}) + 'clean'",
    ),
    (
        "getattr-protocol",
        "class C_{o}:\n    def __init__(self, a):\n        self._d = {{'a': a, 'b': 'clean'}}\n    def __getattr__(self, n):\n        return self._d[n]\n{o} = C_{o}({v}).a",
        "class C_{o}:\n    def __init__(self, a):\n        self._d = {{'a': a, 'b': 'clean'}}\n    def __getattr__(self, n):\n        return self._d['b']\n{o} = C_{o}({v}).a",
    ),
    (
        "setter",
        "class C_{o}:\n    @property\n    def a(self):\n        return self._a\n    @a.setter\n    def a(self, x):\n        self._a = x\nx_{o} = C_{o}()\nx_{o}.a = {v}\n{o} = x_{o}.a",
        "class C_{o}:\n    @property\n    def a(self):\n        return self._a\n    @a.setter\n    def a(self, x):\n        self._a = 'clean'\nx_{o} = C_{o}()\nx_{o}.a = {v}\n{o} = x_{o}.a",
    ),
    (
        "post-init",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    def __post_init__(self):\n        self.b = self.a\n{o} = C_{o}({v}).b",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    def __post_init__(self):\n        self.b = 'clean'\n{o} = C_{o}({v}).b",
    ),
    (
        "replace-field",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str = 'clean'\n{o} = dataclasses.replace(C_{o}('clean'), a={v}).a",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str = 'clean'\n{o} = dataclasses.replace(C_{o}({v}), a='clean').a",
    ),
    (
        "asdict",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str = 'clean'\n{o} = dataclasses.asdict(C_{o}({v}))['a']",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str = 'clean'\n{o} = dataclasses.asdict(C_{o}({v}))['b']",
    ),
    (
        "mixin",
        "class M_{o}:\n    def pick(self):\n        return self.a\nclass C_{o}(M_{o}):\n    def __init__(self, a):\n        self.a = a\n{o} = C_{o}({v}).pick()",
        "class M_{o}:\n    def pick(self):\n        return self.b\nclass C_{o}(M_{o}):\n    b = 'clean'\n    def __init__(self, a):\n        self.a = a\n{o} = C_{o}({v}).pick()",
    ),
    (
        "diamond",
        "class A_{o}:\n    def pick(self, a):\n        return 'clean'\nclass B_{o}(A_{o}):\n    pass\nclass C_{o}(A_{o}):\n    def pick(self, a):\n        return a\nclass D_{o}(B_{o}, C_{o}):\n    pass\n{o} = D_{o}().pick({v})",
        "class A_{o}:\n    def pick(self, a):\n        return a\nclass B_{o}(A_{o}):\n    pass\nclass C_{o}(A_{o}):\n    def pick(self, a):\n        return 'clean'\nclass D_{o}(B_{o}, C_{o}):\n    pass\n{o} = D_{o}().pick({v})",
    ),
    (
        "factory",
        "class A_{o}:\n    def do(self, a):\n        raise NotImplementedError\nclass B_{o}(A_{o}):\n    def do(self, a):\n        return a\nclass C_{o}(A_{o}):\n    def do(self, a):\n        return 'clean'\ndef make_{o}(name):\n    if name == 'b':\n        return B_{o}()\n    return C_{o}()\n{o} = make_{o}('b').do({v})",
        "class A_{o}:\n    def do(self, a):\n        raise NotImplementedError\nclass B_{o}(A_{o}):\n    def do(self, a):\n        return a\nclass C_{o}(A_{o}):\n    def do(self, a):\n        return 'clean'\ndef make_{o}(name):\n    if name == 'b':\n        return B_{o}()\n    return C_{o}()\n{o} = make_{o}('c').do({v})",
    ),
    (
        "super-init",
        "class B_{o}:\n    def __init__(self, a):\n        self.a = a\nclass C_{o}(B_{o}):\n    def __init__(self, a, b):\n        super().__init__(a)\n        self.b = b\n{o} = C_{o}({v}, 'clean').a",
        "class B_{o}:\n    def __init__(self, a):\n        self.a = a\nclass C_{o}(B_{o}):\n    def __init__(self, a, b):\n        super().__init__(b)\n        self.b = b\n{o} = C_{o}({v}, 'clean').a",
    ),
    (
        "builder",
        "class Q_{o}:\n    def __init__(self):\n        self.parts = []\n    def add(self, p):\n        self.parts.append(p)\n        return self\n    def build(self):\n        return ''.join(self.parts)\n{o} = Q_{o}().add('').add({v}).build()",
        "class Q_{o}:\n    def __init__(self):\n        self.parts = []\n    def add(self, p):\n        self.parts.append(p)\n        return self\n    def build(self):\n        return ''.join(self.parts)\nz_{o} = Q_{o}().add({v})\n{o} = Q_{o}().add('clean').build()",
    ),
    (
        "enum",
        "class E_{o}(enum.Enum):\n    A = 'clean'\n{o} = E_{o}.A.value[:0] + {v}",
        "class E_{o}(enum.Enum):\n    A = 'clean'\n{o} = E_{o}.A.value",
    ),
    (
        "vars",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n        self.b = 'clean'\n{o} = vars(C_{o}({v}))['a']",
        "class C_{o}:\n    def __init__(self, a):\n        self.a = a\n        self.b = 'clean'\n{o} = vars(C_{o}({v}))['b']",
    ),
    (
        "manager",
        "class M_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __enter__(self):\n        return self.a\n    def __exit__(self, *e):\n        return False\nwith M_{o}({v}) as {o}:\n    pass",
        "class M_{o}:\n    def __init__(self, a):\n        self.a = a\n    def __enter__(self):\n        return 'clean'\n    def __exit__(self, *e):\n        return False\nwith M_{o}({v}) as {o}:\n    pass",
    ),
    (
        "deepcopy",
        "d_{o} = copy.deepcopy({{'a': {v}, 'b': 'clean'}})\n{o} = d_{o}['a']",
        "d_{o} = copy.deepcopy({{'a': {v}, 'b': 'clean'}})\n{o} = d_{o}['b']",
    ),
    (
        "alias-object",
        "class C_{o}:\n    pass\nx_{o} = C_{o}()\ny_{o} = x_{o}\ny_{o}.a = {v}\n{o} = x_{o}.a",
        "class C_{o}:\n    pass\nx_{o} = C_{o}()\ny_{o} = C_{o}()\nx_{o}.a = 'clean'\ny_{o}.a = {v}\n{o} = x_{o}.a",
    ),
    # Generators and asynchronous code.
    (
        "send",
        "def g_{o}():\n    got = yield ''\n    yield got\ni_{o} = g_{o}()\nnext(i_{o})\n{o} = i_{o}.send({v})",
        "def g_{o}():\n    got = yield ''\n    yield 'clean'\ni_{o} = g_{o}()\nnext(i_{o})\n{o} = i_{o}.send({v})",
    ),
    (
        "generator-for",
        "def g_{o}(a):\n    for c in a:\n        yield c\n{o} = ''\nfor c_{o} in g_{o}({v}):\n    {o} += c_{o}",
        "def g_{o}(a):\n    for c in a:\n        yield 'c'\n{o} = ''\nfor c_{o} in g_{o}({v}):\n    {o} += c_{o}",
    ),
    (
        "async-gather",
        "async def a_{o}(x):\n    return x\nasync def m_{o}(x):\n    r = await asyncio.gather(a_{o}('clean'), a_{o}(x))\n    return r[1]\n{o} = asyncio.run(m_{o}({v}))",
        "async def a_{o}(x):\n    return 'clean'\nasync def m_{o}(x):\n    r = await asyncio.gather(a_{o}('clean'), a_{o}(x))\n    return r[1]\n{o} = asyncio.run(m_{o}({v}))",
    ),
    (
        "async-for",
        "async def g_{o}(x):\n    yield x\nasync def m_{o}(x):\n    out = ''\n    async for p in g_{o}(x):\n        out += p\n    return out\n{o} = asyncio.run(m_{o}({v}))",
        "async def g_{o}(x):\n    yield 'clean'\nasync def m_{o}(x):\n    out = ''\n    async for p in g_{o}(x):\n        out += p\n    return out\n{o} = asyncio.run(m_{o}({v}))",
    ),
    (
        "async-with",
        "class M_{o}:\n    def __init__(self, a):\n        self.a = a\n    async def __aenter__(self):\n        return self.a\n    async def __aexit__(self, *e):\n        return False\nasync def m_{o}(x):\n    async with M_{o}(x) as got:\n        return got\n{o} = asyncio.run(m_{o}({v}))",
        "class M_{o}:\n    def __init__(self, a):\n        self.a = a\n    async def __aenter__(self):\n        return 'clean'\n    async def __aexit__(self, *e):\n        return False\nasync def m_{o}(x):\n    async with M_{o}(x) as got:\n        return got\n{o} = asyncio.run(m_{o}({v}))",
    ),
    # Control flow and constants.
    (
        "text-index",
        "g_{o} = 'ABC'[1]\nif g_{o} == 'B':\n    {o} = {v}\nelse:\n    {o} = 'clean'",
        "g_{o} = 'ABC'[0]\nif g_{o} == 'B':\n    {o} = {v}\nelse:\n    {o} = 'clean'",
    ),
    (
        "text-match",
        "g_{o} = 'ABC'[1]\nmatch g_{o}:\n    case 'A' | 'C':\n        {o} = 'clean'\n    case 'B':\n        {o} = {v}\n    case _:\n        {o} = 'other'",
        "g_{o} = 'ABC'[2]\nmatch g_{o}:\n    case 'A' | 'C':\n        {o} = 'clean'\n    case 'B':\n        {o} = {v}\n    case _:\n        {o} = 'other'",
    ),
    (
        "match-map",
        "match {{'k': {v}, 'j': 'clean'}}:\n    case {{'k': {o}}}:\n        pass\n    case _:\n        {o} = 'clean'",
        "match {{'k': {v}, 'j': 'clean'}}:\n    case {{'j': {o}}}:\n        pass\n    case _:\n        {o} = 'clean'",
    ),
    (
        "match-seq",
        "match ['x', {v}]:\n    case [a_{o}, {o}]:\n        pass\n    case _:\n        {o} = 'clean'",
        "match ['x', {v}]:\n    case [{o}, a_{o}]:\n        pass\n    case _:\n        {o} = 'clean'",
    ),
    (
        "match-class",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str\nmatch C_{o}({v}, 'clean'):\n    case C_{o}(a={o}):\n        pass\n    case _:\n        {o} = 'clean'",
        "@dataclasses.dataclass\nclass C_{o}:\n    a: str\n    b: str\nmatch C_{o}({v}, 'clean'):\n    case C_{o}(b={o}):\n        pass\n    case _:\n        {o} = 'clean'",
    ),
    (
        "finally",
        "{o} = 'clean'\ntry:\n    {o} = {v}\nfinally:\n    pass",
        "{o} = {v}\ntry:\n    pass\nfinally:\n    {o} = 'clean'",
    ),
    (
        "except-path",
        "{o} = 'clean'\ntry:\n    int('x')\nexcept ValueError:\n    {o} = {v}",
        "{o} = 'clean'\ntry:\n    int('1')\nexcept ZeroDivisionError:\n    pass\nelse:\n    {o} = 'clean'",
    ),
    (
        "for-else",
        "{o} = 'clean'\nfor i_{o} in (1, 2):\n    pass\nelse:\n    {o} = {v}",
        "{o} = {v}\nfor i_{o} in (1, 2):\n    pass\nelse:\n    {o} = 'clean'",
    ),
    ("while-break", "while True:\n    {o} = {v}\n    break", "while True:\n    {o} = 'clean'\n    break"),
    (
        "counted",
        "n_{o} = 86\n{o} = 'clean' if (7 * 42) - n_{o} > 250 else {v}",
        "n_{o} = 86\n{o} = 'clean' if (7 * 42) - n_{o} > 200 else {v}",
    ),
    ("and-or", "{o} = '' or {v}", "{o} = 'clean' or {v}"),
    (
        "chained-compare",
        "n_{o} = 5\nif 1 < n_{o} < 9:\n    {o} = {v}\nelse:\n    {o} = 'clean'",
        "n_{o} = 50\nif 1 < n_{o} < 9:\n    {o} = {v}\nelse:\n    {o} = 'clean'",
    ),
    (
        "module-constant",
        "if LIMIT > 3:\n    {o} = {v}\nelse:\n    {o} = 'clean'",
        "if LIMIT < 3:\n    {o} = {v}\nelse:\n    {o} = 'clean'",
    ),
    ("membership", "{o} = {v} if 'a' in ('a', 'b') else 'clean'", "{o} = {v} if 'c' in ('a', 'b') else 'clean'"),
    ("type-test", "{o} = {v} if isinstance('x', str) else 'clean'", "{o} = {v} if isinstance('x', int) else 'clean'"),
    ("length-test", "{o} = {v} if len('abc') == 3 else 'clean'", "{o} = {v} if len('abc') != 3 else 'clean'"),
    ("walrus-comp", "{o} = [w for x in [{v}] if (w := x)][0]", "{o} = [w for x in [{v}] if (w := 'clean')][0]"),
    (
        "raise-across",
        "class X_{o}(Exception):\n    pass\ndef f_{o}(a):\n    raise X_{o}(a)\ntry:\n    f_{o}({v})\nexcept X_{o} as e_{o}:\n    {o} = e_{o}.args[0]",
        "class X_{o}(Exception):\n    pass\ndef f_{o}(a):\n    raise X_{o}('clean')\ntry:\n    f_{o}({v})\nexcept X_{o} as e_{o}:\n    {o} = e_{o}.args[0]",
    ),
    (
        "state-dict",
        "STATE['{o}'] = {v}\n{o} = STATE['{o}']",
        "STATE['{o}'] = {v}\nSTATE['{o}'] = 'clean'\n{o} = STATE['{o}']",
    ),
    (
        "ternary-nested",
        "{o} = 'a' if 1 > 2 else {v} if 3 > 2 else 'b'",
        "{o} = 'a' if 1 < 2 else {v} if 3 > 2 else 'b'",
    ),
)
