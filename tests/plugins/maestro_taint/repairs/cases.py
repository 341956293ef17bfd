# ruff: noqa: E501 - a program per line reads better than a broken one
"""True findings to repair: per kind, the shapes people write, with an attack and ordinary inputs.

Each program defines ``handle()`` and takes its input from ``request.args["q"]`` (and ``"p"``). Whether it is really
vulnerable is not written here: the harness runs the attack. Nothing in this file knows how repairs are made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A program, the input that breaks it, inputs that must work as before, and the effect to look for."""

    kind: str
    name: str
    text: str
    attack: str
    benign: tuple[str, ...]
    hosts: tuple[str, ...] = ()


def _body(*lines: str) -> str:
    return "".join(f"    {line}\n" for line in "\n".join(lines).split("\n"))


def _handle(head: str, *lines: str) -> str:
    return f"from flask import request\n{head}\n\n\ndef handle():\n{_body(*lines)}"


ANY = "x' OR 1=1 --"
SQLITE = "import sqlite3"
PSYCOPG = "import psycopg2"
MYSQL = "import MySQLdb"
ALCHEMY = "from sqlalchemy import create_engine, text"

_SQL_TEXT = {
    "plus": "\"SELECT id FROM users WHERE name = '\" + request.args['q'] + \"'\"",
    "fstring": "f\"SELECT id FROM users WHERE name = '{name}'\"",
    "percent": "\"SELECT id FROM users WHERE name = '%s'\" % name",
    "percent tuple": "\"SELECT id FROM users WHERE name = '%s' AND id < %s\" % (name, 99)",
    "percent names": "\"SELECT id FROM users WHERE name = '%(name)s'\" % {'name': name}",
    "format": "\"SELECT id FROM users WHERE name = '{}'\".format(name)",
    "format names": "\"SELECT id FROM users WHERE name = '{name}'\".format(name=name)",
    "format index": "\"SELECT id FROM users WHERE name = '{0}' OR nick = '{0}'\".format(name)",
    "like": "f\"SELECT id FROM users WHERE name LIKE '%{name}%'\"",
    "triple": 'f"""\n        SELECT id\n        FROM users\n        WHERE name = \'{name}\'\n        ORDER BY id\n    """',
    "beside": '"SELECT id FROM users " "WHERE name = \'" + name + "\' ORDER BY id"',
    "table kept": "f\"SELECT id FROM {TABLE} WHERE name = '{name}'\"",
    "join": '"".join(["SELECT id FROM users WHERE name = \'", name, "\'"])',
    "conversion": "f\"SELECT id FROM users WHERE name = '{name!s}'\"",
}
_CONNECT = {
    "sqlite3": (SQLITE, "db = sqlite3.connect('app.db')"),
    "psycopg2": (PSYCOPG, "conn = psycopg2.connect('dbname=app')\ndb = conn.cursor()"),
    "MySQLdb": (MYSQL, "conn = MySQLdb.connect(db='app')\ndb = conn.cursor()"),
}


def _sql() -> list[Case]:
    made = []
    for driver, (head, connect) in _CONNECT.items():
        for shape, text in _SQL_TEXT.items():
            run = "db.execute(" + text + ")\nreturn sorted(r[0] for r in db.fetchall())"
            run = run if driver != "sqlite3" else "return sorted(r[0] for r in db.execute(" + text + "))"
            made.append(
                Case(
                    "sql",
                    f"{driver}: {shape}",
                    _handle(head + "\nTABLE = 'users'", "name = request.args['q']", connect, run),
                    ANY,
                    ("ann", "bob", "nobody"),
                )
            )
    for shape, text in _SQL_TEXT.items():
        run = f"with ENGINE.connect() as db:\n    return sorted(r[0] for r in db.execute(text({text})))"
        made.append(
            Case(
                "sql",
                f"sqlalchemy: {shape}",
                _handle(
                    ALCHEMY + "\nTABLE = 'users'\nENGINE = create_engine('sqlite:///app.db')",
                    "name = request.args['q']",
                    run,
                ),
                ANY,
                ("ann", "nobody"),
            )
        )
    db = "db = sqlite3.connect('app.db')"
    more = {
        "variable": (
            "name = request.args['q']",
            db,
            'query = "SELECT id FROM users WHERE name = \'" + name + "\'"',
            "return sorted(r[0] for r in db.execute(query))",
        ),
        "variable, cursor": (
            db,
            "cur = db.cursor()",
            "query = \"SELECT id FROM users WHERE name = '%s'\" % request.args['q']",
            "cur.execute(query)",
            "return sorted(r[0] for r in cur.fetchall())",
        ),
        "two values": (
            "name, nick = request.args['q'], request.args['p']",
            db,
            "return sorted(r[0] for r in db.execute(f\"SELECT id FROM users WHERE name = '{name}' AND nick = '{nick}'\"))",
        ),
        "with parameters": (
            "name = request.args['q']",
            db,
            "return sorted(r[0] for r in db.execute(f\"SELECT id FROM users WHERE id < ? AND name = '{name}' AND id > ?\", (9, 0)))",
        ),
        "nested": (
            "name = request.args['q']",
            db,
            "where = f\"name = '{name}'\"",
            "query = f'SELECT id FROM users WHERE {where} ORDER BY id'",
            "return sorted(r[0] for r in db.execute(query))",
        ),
        "commented": (
            "name = request.args['q']",
            db,
            "# look the user up",
            'rows = db.execute("SELECT id FROM users WHERE name = \'" + name + "\'")  # by name',
            "return sorted(r[0] for r in rows)",
        ),
        "keyword": (
            "name = request.args['q']",
            db,
            "cur = db.cursor()",
            'sql = "SELECT id FROM users WHERE name = \'" + name + "\'"',
            "return sorted(r[0] for r in cur.execute(sql).fetchall())",
        ),
        "added": (
            "name = request.args['q']",
            db,
            "query = 'SELECT id FROM users WHERE id > 0'",
            "if name:",
            '    query += " AND name = \'" + name + "\'"',
            "return sorted(r[0] for r in db.execute(query))",
        ),
        "lines": (
            "name = request.args['q']",
            db,
            "query = (",
            '    "SELECT id FROM users "',
            "    f\"WHERE name = '{name}' \"",
            '    "ORDER BY id"',
            ")",
            "return sorted(r[0] for r in db.execute(query))",
        ),
        "used twice": (
            "name = request.args['q']",
            db,
            'query = "SELECT id FROM users WHERE name = \'" + name + "\'"',
            "print(query)",
            "return sorted(r[0] for r in db.execute(query))",
        ),
    }
    made += [
        Case("sql", f"sqlite3: {name}", _handle(SQLITE, *lines), ANY, ("ann", "nobody")) for name, lines in more.items()
    ]
    made.append(
        Case(
            "sql",
            "sqlite3: number",
            _handle(
                SQLITE,
                db,
                "return sorted(r[0] for r in db.execute('SELECT id FROM users WHERE id = ' + request.args['q']))",
            ),
            "0 OR 1=1",
            ("1", "2", "77"),
        )
    )
    made.append(
        Case(
            "sql",
            "sqlite3: insert",
            _handle(
                SQLITE,
                db,
                "name = request.args['q']\ndb.execute(f\"INSERT INTO users VALUES (9, '{name}', 'n')\")",
                "return db.execute('SELECT count(*), max(name) FROM users').fetchall()",
            ),
            "x', 'y'), (10, 'z",
            ("eve",),
        )
    )
    made.append(
        Case(
            "sql",
            "sqlite3: limit",
            _handle(
                SQLITE,
                db,
                "limit = request.args['q']",
                "return [r[0] for r in db.execute(f'SELECT id FROM users WHERE id < 3 ORDER BY id LIMIT {limit}')]",
            ),
            "1 OFFSET 0 + (SELECT 1)",
            ("1", "2"),
        )
    )
    made.append(
        Case(
            "sql",
            "sqlite3: order by",
            _handle(
                SQLITE, db, "return [r[0] for r in db.execute('SELECT id FROM users ORDER BY ' + request.args['q'])]"
            ),
            "(CASE WHEN 1 THEN -id END)",
            ("name", "id"),
        )
    )
    made.append(
        Case(
            "sql",
            "sqlite3: table",
            _handle(
                SQLITE,
                db,
                "table = request.args['q']\nreturn sorted(r[0] for r in db.execute(f'SELECT id FROM {table}'))",
            ),
            "users UNION SELECT 77",
            ("users",),
        )
    )
    made.append(
        Case(
            "sql",
            "sqlite3: in a method",
            "import sqlite3\nfrom flask import request\n\n\nclass Store:\n    def __init__(self):\n        self.db = sqlite3.connect('app.db')\n\n    def find(self, name):\n        return sorted(r[0] for r in self.db.execute(\"SELECT id FROM users WHERE name = '%s'\" % name))\n\n\ndef handle():\n    return Store().find(request.args['q'])\n",
            ANY,
            ("ann", "nobody"),
        )
    )
    return made


_COMMANDS = {
    "os.system plus": ("import os", "os.system('cat ' + name + ' > out.txt')"),
    "os.system f-string": ("import os", "os.system(f'cat {name} > out.txt')"),
    "os.system percent": ("import os", "os.system('cat %s > out.txt' % name)"),
    "os.system format": ("import os", "os.system('cat {} > out.txt'.format(name))"),
    "os.system quoted": ("import os", "os.system('cat \"' + name + '\" > out.txt')"),
    "os.system single quoted": ("import os", "os.system(f\"cat '{name}' > out.txt\")"),
    "os.system inside quotes": ("import os", "os.system(f'cat \"./{name}\" > out.txt')"),
    "os.system imported": ("from os import system", "system('cat ' + name + ' > out.txt')"),
    "os.system variable": ("import os", "cmd = 'cat ' + name + ' > out.txt'\nos.system(cmd)"),
    "os.system added": ("import os", "cmd = 'cat '\ncmd += name\ncmd += ' > out.txt'\nos.system(cmd)"),
    "os.popen": ("import os", "return os.popen('cat ' + name).read()"),
    "getoutput": ("import subprocess", "return subprocess.getoutput('cat ' + name)"),
    "run shell": ("import subprocess", "return subprocess.run('cat ' + name, shell=True, capture_output=True).stdout"),
    "run shell f-string": (
        "import subprocess",
        "return subprocess.run(f'cat {name}', shell=True, capture_output=True, text=True).stdout",
    ),
    "call shell": ("import subprocess", "return subprocess.call('cat %s' % name, shell=True)"),
    "check_output shell": ("import subprocess", "return subprocess.check_output(f'cat ./{name}', shell=True)"),
    "check_output quoted": ("import subprocess", "return subprocess.check_output(f'cat \"{name}\"', shell=True)"),
    "check_output pipe": (
        "import subprocess",
        "return subprocess.check_output('cat ' + name + ' | wc -l', shell=True)",
    ),
    "check_output two": ("import subprocess", "return subprocess.check_output('cat ' + name + ' ' + name, shell=True)"),
    "Popen shell": (
        "from subprocess import PIPE, Popen",
        "return Popen('cat ' + name, shell=True, stdout=PIPE).communicate()[0]",
    ),
    "alias": ("import subprocess as sp", "return sp.check_output('cat ' + name, shell=True)"),
    "sh -c": ("import subprocess", "return subprocess.run(['sh', '-c', 'cat ' + name], capture_output=True).stdout"),
    "glob": ("import subprocess", "return subprocess.check_output('cat *.md ' + name, shell=True)"),
    "environment": ("import subprocess", "return subprocess.check_output('echo $HOME; cat ' + name, shell=True)"),
    "many lines": (
        "import subprocess",
        "return subprocess.run(\n    f'cat {name}',\n    shell=True,\n    capture_output=True,\n).stdout",
    ),
    "whole": ("import os", "os.system(name)"),
    "eval": ("import os", "os.system('eval cat ' + name + ' > out.txt')"),
    "tool kept": ("import subprocess", "return subprocess.check_output(f'{TOOL} {name}', shell=True)"),
}


def _command() -> list[Case]:
    return [
        Case(
            "command",
            shape,
            _handle(
                f"{head}\nTOOL = 'cat -n'",
                "name = request.args['q']",
                use,
                *(
                    ()
                    if use.startswith("return")
                    else ("return open('out.txt').read()" if "out.txt" in use else "return None",)
                ),
            ),
            'note.md"; touch pwned; "'
            if '"' in use and "'{" not in use
            else "note.md'; touch pwned; '"
            if "'{name}'" in use
            else "note.md; touch pwned",
            () if shape == "whole" else ("note.md",),
        )
        for shape, (head, use) in _COMMANDS.items()
    ]


_PAGES = {
    "plus": "return '<p>' + name + '</p>'",
    "f-string": "return f'<p>{name}</p>'",
    "percent": "return '<p>%s</p>' % name",
    "format": "return '<p>{}</p>'.format(name)",
    "variable": "page = '<p>' + name + '</p>'\nreturn page",
    "added": "page = '<ul>'\npage += '<li>' + name + '</li>'\npage += '</ul>'\nreturn page",
    "attribute": "return f'<input value=\"{name}\">'",
    "bare": "return name",
    "status": "return f'<p>{name}</p>', 200",
    "triple": 'return f"""\n<html>\n  <body>Hello {name}</body>\n</html>\n"""',
    "two": "other = request.args['p']\nreturn f'<p>{name} {other}</p>'",
    "constant kept": "return f'{HEAD}<p>{name}</p>'",
    "default": "return '<p>' + (name or 'nobody') + '</p>'",
    "script": "return f'<script>var a = \"{name}\";</script>'",
    "unquoted": "return f'<input value={name}>'",
    "formatted": "return f'<p>{name:>8}</p>'",
}


def _html() -> list[Case]:
    head = "from flask import Flask, make_response\nimport markupsafe\napp = Flask(__name__)\nHEAD = '<b>x</b>'"
    made = []
    for shape, lines in _PAGES.items():
        attack = (
            "<script>a</script>"
            if shape not in ("attribute", "unquoted", "script")
            else {
                "attribute": '"><script>a</script>',
                "unquoted": "x><script>a</script>",
                "script": '";</script><script>evil();</script>',
            }[shape]
        )
        text = f"from flask import request\n{head}\n\n\n@app.route('/')\ndef handle():\n{_body('name = request.args[' + chr(39) + 'q' + chr(39) + ']', lines)}"
        made.append(Case("html", f"return: {shape}", text, attack, ("ann", "x y")))
    for shape, use in {
        "make_response": "return make_response('<p>' + name + '</p>').get_data(as_text=True)",
        "make_response variable": "page = f'<p>{name}</p>'\nresponse = make_response(page)\nreturn response.get_data(as_text=True)",
        "Markup": "return str(markupsafe.Markup('<p>' + name + '</p>'))",
        "Markup f-string": "return str(markupsafe.Markup(f'<p>{name}</p>'))",
    }.items():
        made.append(
            Case("html", shape, _handle(head, "name = request.args['q']", use), "<script>a</script>", ("ann", "x y"))
        )
    return made


_PATHS = {
    "join": ("import os", "return open(os.path.join('files', name)).read()"),
    "with": ("import os", "with open(os.path.join('files', name)) as f:\n    return f.read()"),
    "variable": ("import os", "path = os.path.join(BASE, name)\nwith open(path) as f:\n    return f.read()"),
    "constant": ("import os", "path = os.path.join(BASE, 'sub', name)\nreturn open(path).read()"),
    "plus": ("", "return open('files/' + name).read()"),
    "f-string": ("", "return open(f'files/{name}').read()"),
    "f-string base": ("", "return open(f'{BASE}/{name}').read()"),
    "percent": ("", "return open('files/%s' % name).read()"),
    "format": ("", "return open('files/{}'.format(name)).read()"),
    "suffix": ("", "return open('files/' + name + '.txt').read()"),
    "pathlib": ("from pathlib import Path", "return (Path(BASE) / name).read_text()"),
    "pathlib open": ("from pathlib import Path", "with open(Path(BASE) / name) as f:\n    return f.read()"),
    "pathlib method": ("from pathlib import Path", "with (Path('files') / name).open() as f:\n    return f.read()"),
    "pathlib variable": ("from pathlib import Path", "path = Path(BASE) / name\nreturn path.read_text()"),
    "pathlib joinpath": ("from pathlib import Path", "return Path(BASE).joinpath(name).read_text()"),
    "imported": ("from os.path import join", "return open(join('files', name)).read()"),
    "mode": ("import os", "return open(os.path.join('files', name), 'rb').read()"),
    "no base": ("", "return open(name).read()"),
    "comprehension": ("import os", "return [open(os.path.join('files', n)).read() for n in [name]][0]"),
    "one line if": ("import os", "if name: return open(os.path.join('files', name)).read()"),
    "send_file": ("from flask import send_file", "return send_file('files/' + name)"),
}


def _path() -> list[Case]:
    made = []
    for shape, (head, use) in _PATHS.items():
        deep = "../" * (2 if shape == "constant" else 1)
        attack = f"{deep}secret" + ("" if shape == "suffix" else ".txt")
        benign = (
            ("a",)
            if shape == "suffix"
            else ("files/a.txt",)
            if shape == "no base"
            else ("c.txt",)
            if shape == "constant"
            else ("a.txt", "sub/c.txt")
        )
        made.append(
            Case(
                "path",
                shape,
                _handle(f"{head}\nBASE = 'files'", "name = request.args['q']", use),
                attack if shape != "no base" else "secret.txt",
                benign,
            )
        )
    return made


def _others() -> list[Case]:
    yaml_attack = "!!python/object/apply:os.mkdir [pwned]"
    return [
        Case(
            "deserialize",
            "yaml Loader",
            _handle("import yaml", "return yaml.load(request.args['q'], Loader=yaml.Loader)"),
            yaml_attack,
            ("a: 1", "[1, 2]"),
        ),
        Case(
            "deserialize",
            "yaml UnsafeLoader",
            _handle("import yaml", "return yaml.load(request.args['q'], yaml.UnsafeLoader)"),
            yaml_attack,
            ("a: 1",),
        ),
        Case(
            "deserialize",
            "yaml unsafe_load",
            _handle("import yaml", "return yaml.unsafe_load(request.args['q'])"),
            yaml_attack,
            ("a: 1",),
        ),
        Case(
            "deserialize",
            "yaml load_all",
            _handle("import yaml", "return list(yaml.load_all(request.args['q'], Loader=yaml.UnsafeLoader))"),
            yaml_attack,
            ("a: 1",),
        ),
        Case(
            "deserialize",
            "yaml imported",
            _handle("from yaml import UnsafeLoader, load", "return load(request.args['q'], Loader=UnsafeLoader)"),
            yaml_attack,
            ("a: 1",),
        ),
        Case(
            "deserialize",
            "pickle",
            _handle("import pickle", "return pickle.loads(bytes.fromhex(request.args['q']))"),
            "PICKLE",
            ("80045d942e",),
        ),
        Case(
            "deserialize",
            "marshal",
            _handle(
                "import pickle\nimport io",
                "return pickle.Unpickler(io.BytesIO(bytes.fromhex(request.args['q']))).load()",
            ),
            "PICKLE",
            ("80045d942e",),
        ),
        Case(
            "code",
            "eval list",
            _handle("", "items = eval(request.args.get('q', '[]'))", "return sorted(items)"),
            "[__import__('os').mkdir('pwned'), 1][1:]",
            ("[3, 1]",),
        ),
        Case(
            "code",
            "eval dict",
            _handle("", "options = eval(request.args['q'])", "return options['a']"),
            "{'a': __import__('os').mkdir('pwned')}",
            ("{'a': 1}",),
        ),
        Case(
            "code",
            "eval loop",
            _handle("", "total = 0", "for n in eval(request.args['q']):", "    total += n", "return total"),
            "[__import__('os').mkdir('pwned') or 1]",
            ("(1, 2)",),
        ),
        Case(
            "code",
            "eval sum",
            _handle("", "return eval(request.args['q'])"),
            "__import__('os').mkdir('pwned')",
            ("1 + 2",),
        ),
        Case(
            "code",
            "exec",
            _handle("", "scope = {}", "exec(request.args['q'], scope)", "return scope.get('x')"),
            "import os; os.mkdir('pwned')",
            ("x = 1",),
        ),
        Case(
            "template",
            "string",
            _handle(
                "from flask import render_template_string",
                "name = request.args['q']",
                "return render_template_string('<p>' + name + '</p>')",
            ),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "string f-string",
            _handle(
                "from flask import render_template_string",
                "name = request.args['q']",
                "return render_template_string(f'<p>{name}</p>')",
            ),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "string percent",
            _handle(
                "from flask import render_template_string",
                "name = request.args['q']",
                "return render_template_string('<p>%s</p>{{ x }}' % name, x=1)",
            ),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "jinja2 chained",
            _handle("from jinja2 import Template", "return Template('Hello ' + request.args['q']).render()"),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "jinja2 variable",
            _handle("import jinja2", "page = jinja2.Template('Hello ' + request.args['q'])", "return page.render(a=1)"),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "jinja2 from_string",
            _handle(
                "import jinja2",
                "env = jinja2.Environment(autoescape=True)",
                "return env.from_string('Hello ' + request.args['q']).render()",
            ),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "template",
            "whole",
            _handle("from jinja2 import Template", "return Template(request.args['q']).render()"),
            "{{ 7 * 191 }}",
            ("ann",),
        ),
        Case(
            "xpath",
            "plus",
            _handle(
                "from lxml import etree",
                "tree = etree.parse('users.xml')",
                "return tree.xpath(\"//user[@name='\" + request.args['q'] + \"']/@id\")",
            ),
            "x' or '1'='1",
            ("ann", "nobody"),
        ),
        Case(
            "xpath",
            "f-string",
            _handle(
                "from lxml import etree",
                "name = request.args['q']",
                "tree = etree.parse('users.xml')",
                "return tree.xpath(f\"//user[@name='{name}']/@id\")",
            ),
            "x' or '1'='1",
            ("ann",),
        ),
        Case(
            "xpath",
            "double",
            _handle(
                "from lxml import etree",
                "name = request.args['q']",
                "tree = etree.parse('users.xml')",
                "query = '//user[@name=\"%s\"]/@id' % name",
                "return tree.xpath(query)",
            ),
            'x" or "1"="1',
            ("ann",),
        ),
        Case(
            "xpath",
            "find",
            _handle(
                "import xml.etree.ElementTree as ET",
                "name = request.args['q']",
                "tree = ET.parse('users.xml')",
                "return [u.get('id') for u in tree.getroot().findall(f\".//user[@name='{name}']\")]",
            ),
            "ann']/../user[@id='2",
            ("ann",),
        ),
        Case(
            "ldap",
            "filter plus",
            _handle(
                "import ldap",
                "db = ldap.initialize('ldap://x')",
                "return db.search_s('dc=x', ldap.SCOPE_SUBTREE, '(uid=' + request.args['q'] + ')')",
            ),
            "*)(uid=*",
            ("ann",),
        ),
        Case(
            "ldap",
            "filter f-string",
            _handle(
                "import ldap",
                "name = request.args['q']",
                "db = ldap.initialize('ldap://x')",
                "return db.search_s('dc=x', ldap.SCOPE_SUBTREE, f'(&(uid={name})(a=b))')",
            ),
            "*)(uid=*",
            ("ann",),
        ),
        Case(
            "ldap",
            "filter variable",
            _handle(
                "import ldap",
                "query = '(uid=%s)' % request.args['q']",
                "db = ldap.initialize('ldap://x')",
                "return db.search_s('dc=x', ldap.SCOPE_SUBTREE, query)",
            ),
            "*)(uid=*",
            ("ann",),
        ),
        Case(
            "xxe",
            "lxml parser",
            _handle(
                "from lxml import etree",
                "parser = etree.XMLParser(resolve_entities=True)",
                "return etree.fromstring(request.args['q'].encode(), parser).text",
            ),
            "XXE",
            ("<a>x</a>",),
        ),
        Case(
            "xxe",
            "lxml parser inline",
            _handle(
                "from lxml import etree",
                "return etree.fromstring(request.args['q'].encode(), etree.XMLParser(resolve_entities=True, load_dtd=True)).text",
            ),
            "XXE",
            ("<a>x</a>",),
        ),
        Case(
            "xxe",
            "lxml keyword",
            _handle(
                "import io\nfrom lxml import etree",
                "parser = etree.XMLParser(resolve_entities=True)",
                "return etree.parse(io.BytesIO(request.args['q'].encode()), parser=parser).getroot().text",
            ),
            "XXE",
            ("<a>x</a>",),
        ),
        Case(
            "entities",
            "ElementTree",
            _handle("import xml.etree.ElementTree as ET", "return ET.fromstring(request.args['q']).text"),
            "BOMB",
            ("<a>x</a>",),
        ),
        Case(
            "entities",
            "ElementTree imported",
            _handle("from xml.etree.ElementTree import fromstring", "return fromstring(request.args['q']).text"),
            "BOMB",
            ("<a>x</a>",),
        ),
        Case(
            "entities",
            "minidom",
            _handle(
                "from xml.dom import minidom",
                "return minidom.parseString(request.args['q']).documentElement.firstChild.data",
            ),
            "BOMB",
            ("<a>x</a>",),
        ),
        Case(
            "redirect",
            "args",
            _handle("from flask import redirect", "return redirect(request.args['q'])"),
            "https://evil.example/x",
            ("/home", "/a/b?c=1&d=%20e#f"),
        ),
        Case(
            "redirect",
            "slashes",
            _handle("from flask import redirect", "return redirect(request.args['q'])"),
            "//evil.example/x",
            ("/home",),
        ),
        Case(
            "redirect",
            "backslash",
            _handle("from flask import redirect", "target = request.args['q']", "return redirect(target)"),
            "/\\evil.example/x",
            ("/home",),
        ),
        Case(
            "redirect",
            "default",
            _handle("from flask import redirect", "return redirect(request.args.get('q') or '/')"),
            "https://evil.example/x",
            ("/home",),
        ),
        Case(
            "redirect",
            "listed",
            _handle(
                "from flask import redirect\nALLOWED_HOSTS = {'good.example'}", "return redirect(request.args['q'])"
            ),
            "https://evil.example/x",
            ("https://good.example/a",),
        ),
        Case(
            "ssrf",
            "no list",
            _handle("import requests", "return requests.get(request.args['q']).text"),
            "http://169.254.169.254/x",
            ("http://good.example/a",),
        ),
        Case(
            "ssrf",
            "listed",
            _handle("import requests\nALLOWED_HOSTS = {'good.example'}", "return requests.get(request.args['q']).text"),
            "http://169.254.169.254/x",
            ("http://good.example/a",),
        ),
        Case(
            "ssrf",
            "configured",
            _handle("import requests", "url = request.args['q']", "return requests.get(url, timeout=3).text"),
            "http://169.254.169.254/x",
            ("http://good.example/a",),
            hosts=("good.example",),
        ),
        Case(
            "ssrf",
            "configured host",
            _handle("import requests", "host = request.args['q']", "return requests.get(f'http://{host}/a').text"),
            "169.254.169.254",
            ("good.example",),
            hosts=("good.example",),
        ),
        Case(
            "log injection",
            "plus",
            _handle("import logging", "logging.warning('user ' + request.args['q'])"),
            "x\nWARNING:root:forged",
            ("ann",),
        ),
        Case(
            "log injection",
            "arguments",
            _handle("import logging", "logging.warning('user %s of %s', request.args['q'], 'site')"),
            "x\nWARNING:root:forged",
            ("ann",),
        ),
        Case(
            "log injection",
            "f-string",
            _handle(
                "import logging\nLOG = logging.getLogger('app')",
                "name = request.args['q']",
                "LOG.warning(f'user {name}')",
            ),
            "x\nWARNING:root:forged",
            ("ann",),
        ),
        Case(
            "log injection",
            "percent",
            _handle("import logging", "name = request.args['q']", "logging.warning('user %s' % name)"),
            "x\nWARNING:root:forged",
            ("ann",),
        ),
        Case(
            "log injection",
            "format",
            _handle("import logging", "name = request.args['q']", "logging.warning('user {}'.format(name))"),
            "x\nWARNING:root:forged",
            ("ann",),
        ),
        Case(
            "secret",
            "arguments",
            _handle(
                "import logging\nimport os",
                "logging.warning('key %s of %s', os.environ['APP_API_KEY'], request.args['q'].strip() and 'me')",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "secret",
            "plus",
            _handle("import logging\nimport os", "key = os.environ['APP_API_KEY']", "logging.warning('key=' + key)"),
            "SECRET",
            ("ann",),
        ),
        Case(
            "secret",
            "f-string",
            _handle(
                "import logging\nimport os",
                "key = os.environ['APP_API_KEY']",
                "logging.warning(f'key={key} ok')",
                "return len(key)",
            ),
            "SECRET",
            ("ann",),
        ),
        Case("secret", "print", _handle("import os", "print('key', os.environ['APP_API_KEY'])"), "SECRET", ("ann",)),
        Case(
            "secret",
            "dictionary",
            _handle(
                "import logging\nimport os",
                "logging.warning('settings %s', {'key': os.environ['APP_API_KEY'], 'a': 1})",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "secret",
            "sent",
            _handle(
                "import os\nimport requests",
                "return requests.post('https://good.example', data=os.environ['APP_API_KEY']).text",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "pii",
            "field",
            _handle(
                "import json\nimport logging\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass User:\n    email: str\n    nick: str",
                "user = User(json.load(open('user.json'))['email'], 'nick')",
                "logging.warning('user %s %s', user.email, user.nick)",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "pii",
            "f-string",
            _handle(
                "import json\nimport logging\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass User:\n    email: str",
                "user = User(json.load(open('user.json'))['email'])",
                "logging.warning(f'user {user.email}')",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "pii",
            "response",
            _handle(
                "import json\nfrom dataclasses import dataclass\nfrom flask import jsonify\n\n\n@dataclass\nclass User:\n    ssn: str",
                "user = User(json.load(open('user.json'))['email'])",
                "return jsonify(ssn=user.ssn).get_data(as_text=True)",
            ),
            "SECRET",
            ("ann",),
        ),
        Case(
            "weak hash",
            "md5",
            _handle("import hashlib", "return hashlib.md5(request.args['q'].encode()).hexdigest()"),
            "HASH",
            ("ann",),
        ),
        Case(
            "weak hash",
            "sha1 imported",
            _handle("from hashlib import sha1", "return sha1(request.args['q'].encode()).hexdigest()"),
            "HASH",
            ("ann",),
        ),
        Case(
            "weak hash",
            "new",
            _handle("import hashlib", "return hashlib.new('md5', request.args['q'].encode()).hexdigest()"),
            "HASH",
            ("ann",),
        ),
        Case(
            "weak hash",
            "update",
            _handle(
                "import hashlib",
                "made = hashlib.sha1()",
                "made.update(request.args['q'].encode())",
                "return made.hexdigest()",
            ),
            "HASH",
            ("ann",),
        ),
        Case(
            "weak hash",
            "stored",
            _handle(
                "import hashlib",
                "return hashlib.md5(request.args['q'].encode()).hexdigest() == '5f4dcc3b5aa765d61d8327deb882cf99'",
            ),
            "HASH",
            ("ann",),
        ),
        Case(
            "random",
            "choices",
            _handle(
                "import random\nimport string",
                "token = ''.join(random.choices(string.ascii_letters, k=24))",
                "return token",
            ),
            "RANDOM",
            ("ann",),
        ),
        Case(
            "random",
            "comprehension",
            _handle(
                "import random\nimport string",
                "token = ''.join(random.choice(string.digits) for _ in range(24))",
                "return token",
            ),
            "RANDOM",
            ("ann",),
        ),
        Case(
            "random",
            "randint",
            _handle("import random", "token = str(random.randint(10**9, 10**10 - 1))", "return token"),
            "RANDOM",
            ("ann",),
        ),
        Case(
            "random",
            "imported",
            _handle(
                "from random import choice, sample\nimport string",
                "password = ''.join(choice(string.ascii_letters) for _ in range(12))",
                "return password",
            ),
            "RANDOM",
            ("ann",),
        ),
        Case(
            "random",
            "seeded",
            _handle("import random", "random.seed(request.args['q'])", "token = str(random.random())", "return token"),
            "RANDOM",
            ("ann",),
        ),
        Case(
            "cookie",
            "plain",
            _handle(
                "from flask import make_response",
                "response = make_response('x')",
                "response.set_cookie('id', 'abc')",
                "return response",
            ),
            "COOKIE",
            ("ann",),
        ),
        Case(
            "cookie",
            "switched off",
            _handle(
                "from flask import make_response",
                "response = make_response('x')",
                "response.set_cookie('id', 'abc', secure=False, httponly=False, max_age=60)",
                "return response",
            ),
            "COOKIE",
            ("ann",),
        ),
        Case(
            "cookie",
            "lines",
            _handle(
                "from flask import make_response",
                "response = make_response('x')",
                "response.set_cookie(",
                "    'id',",
                "    'abc',",
                "    max_age=60,",
                ")",
                "return response",
            ),
            "COOKIE",
            ("ann",),
        ),
        Case(
            "cookie",
            "not for scripts",
            _handle(
                "from flask import make_response",
                "response = make_response('x')",
                "response.set_cookie('id', 'abc', secure=True)",
                "return response",
            ),
            "COOKIE",
            ("ann",),
        ),
        Case(
            "archive",
            "with",
            _handle(
                "import os\nimport tarfile",
                "with tarfile.open(os.path.basename(request.args['q'])) as archive:",
                "    archive.extractall('files')",
                "return sorted(os.listdir('files'))",
            ),
            "TAR",
            ("good.tar",),
        ),
        Case(
            "archive",
            "variable",
            _handle(
                "import os\nimport tarfile",
                "archive = tarfile.open(os.path.basename(request.args['q']))",
                "archive.extractall(path='files')",
                "return sorted(os.listdir('files'))",
            ),
            "TAR",
            ("good.tar",),
        ),
        Case(
            "autoescape",
            "loader",
            _handle(
                "import jinja2",
                "env = jinja2.Environment(loader=jinja2.DictLoader({'a.html': '<p>{{ x }}</p>'}))",
                "return env.get_template('a.html').render(x=request.args['q'])",
            ),
            "<script>a</script>",
            ("ann",),
        ),
        Case(
            "autoescape",
            "off",
            _handle(
                "from jinja2 import DictLoader, Environment",
                "env = Environment(loader=DictLoader({'a.html': '<p>{{ x }}</p>'}), autoescape=False)",
                "return env.get_template('a.html').render(x=request.args['q'])",
            ),
            "<script>a</script>",
            ("ann",),
        ),
        Case(
            "trust",
            "session",
            _handle("from flask import session", "session['role'] = request.args['q']", "return session['role']"),
            "admin",
            ("user",),
        ),
    ]


def cases() -> list[Case]:
    """All cases."""
    return [*_sql(), *_command(), *_html(), *_path(), *_others()]
