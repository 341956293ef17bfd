# ruff: noqa: E501 - a program per line reads better than a broken one
"""Files nobody wants, as bytes, with what a check must say of them: text for the tests of bad input."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "import os\nfrom flask import request\n"
SINK = "os.system(request.args['q'])\n"


@dataclass(frozen=True, slots=True)
class Bad:
    """Files by name; ``wanted``: ``unanalysed``, ``flow``, ``either`` of both, ``clean``, or ``any`` answer but a crash.

    ``long``: it takes more than a few seconds.
    """

    name: str
    files: dict[str, bytes]
    wanted: str
    long: bool = False


def one(name: str, text: str | bytes, wanted: str, *, long: bool = False) -> Bad:
    return Bad(name, {"x.py": text.encode() if isinstance(text, str) else text}, wanted, long)


UNREADABLE = [
    one("does not parse", "def f(:\n", "unanalysed"),
    one("Python 2", "print 'a'\nexec 'b'\n", "unanalysed"),
    one("null byte", b"x = 1\0\n", "unanalysed"),
    one("not UTF-8", b"x = '\xff\xfe\xfa'\n", "unanalysed"),
    one("UTF-16", "x = 1\n".encode("utf-16"), "unanalysed"),
    one("unknown encoding", "# coding: nonsense\nx = 1\n", "unanalysed"),
    one("no text encoding", "# coding: rot13\nx = 1\n", "unanalysed"),
    one("another encoding declared", "# coding: ascii\nx = 'é'\n", "unanalysed"),
    one("empty", b"", "clean"),
    one("only a byte order mark", b"\xef\xbb\xbf", "clean"),
    one("old line ends", (HEAD + SINK).replace("\n", "\r"), "flow"),
]
LARGE = [
    one("100,000 lines", HEAD + "".join(f"x{i} = {i}\n" for i in range(100_000)) + SINK, "flow", long=True),
    one(
        "100,000 lines of functions",
        HEAD + "".join(f"def f{i}(a):\n    b = a + {i}\n    return b\n" for i in range(33_333))
        + "os.system(f7(request.args['q']))\n",
        "flow", long=True,
    ),
    one(
        "100,000 lines in one function",
        HEAD + "def f():\n    a = request.args['q']\n" + "".join(f"    a{i} = a + '{i}'\n" for i in range(100_000))
        + "    os.system(a7)\n",
        "either", long=True,
    ),
    one(
        "50,000 branches",
        HEAD + "def f(c):\n    a = request.args['q']\n"
        + "".join(f"    if c == {i}:\n        a = a + 'x'\n" for i in range(50_000)) + "    os.system(a)\n",
        "either", long=True,
    ),
    one("a huge dictionary", HEAD + "D = {" + ",".join(f"'k{i}': {i}" for i in range(100_000)) + "}\n" + SINK, "flow", long=True),
    one("a huge line", HEAD + "x = '" + "a" * 10_000_000 + "'\n" + SINK, "flow"),
    one("a huge line of code", HEAD + ";".join(f"x{i}={i}" for i in range(100_000)) + "\n" + SINK, "flow", long=True),
    one("a comment full of words", HEAD + SINK + "# " + "maestro: ignore[" * 100_000 + "\n", "flow"),
    one("text full of words", HEAD + SINK + "'''" + "select " * 200_000 + "'''\n# " + "import " * 200_000 + "\n", "flow"),
]  # fmt: skip
DEEP = [
    *(
        one(f"5,000 deep: {name}", f"x = {o * 5000}1{c * 5000}\n", "any")
        for name, o, c in (("parentheses", "(", ")"), ("lists", "[", "]"), ("calls", "f(", ")"), ("dicts", "{1:", "}"),
                           ("not", "not ", ""), ("lambda", "lambda: ", ""), ("f-strings", "f'{", "}'"))
    ),
    *(one(f"5,000 in a row: {name}", f"x = a{c * 5000}\n", "any")
      for name, c in (("attributes", ".b"), ("subscripts", "[0]"), ("calls", ".f()"))),
    one("a sum of 5,000", HEAD + "os.system('a'" + "+ request.args['q']" * 5000 + ")\n", "either"),
    one("5,000 elif", "def f(x):\n    if x:\n        return 0\n"
        + "".join(f"    elif x == {i}:\n        return {i}\n" for i in range(5000)), "any"),
    one("95 nested blocks", "".join("    " * i + "if x:\n" for i in range(95)) + "    " * 95 + "pass\n", "any"),
    one("99 nested functions", "".join(" " * i + f"def f{i}():\n" for i in range(99)) + " " * 99 + "pass\n", "any"),
]  # fmt: skip
TWISTED = [
    Bad("an import cycle", {
        "a.py": b"import b\ndef f(x):\n    return b.g(x)\n",
        "x.py": b"import os, a\nfrom flask import request\ndef g(x):\n    os.system(x)\n    return a.f(x)\ng(request.args['q'])\n",
    }, "flow"),
    Bad("stars in a circle", {
        "a.py": b"from b import *\nfrom x import *\n", "b.py": b"from x import *\nfrom a import *\n",
        "x.py": (HEAD + "from a import *\nfrom b import *\n" + SINK).encode(),
    }, "flow"),
    Bad("200 modules in a ring", {
        **{f"m{i}.py": f"from m{(i + 1) % 200} import f{(i + 1) % 200}\ndef f{i}(x):\n    return f{(i + 1) % 200}(x)\n".encode()
           for i in range(200)},
        "x.py": (HEAD + "from m0 import f0\nos.system(f0(request.args['q']))\n").encode(),
    }, "any", long=True),
    one("a module that imports itself", HEAD + SINK + "import x\nfrom x import *\nx.x.x.x\n", "flow"),
    one("doubling", HEAD + "a = request.args['q']\n" + "a = a + a\n" * 2000 + "os.system(a)\n", "either"),
    one("recursion that grows", HEAD + "def f(x, y):\n    return f(x + y, [x, y]) + g((x, y), f)\n"
        "def g(a, b):\n    return b(a, g) + f(b, a)\nos.system(f(request.args['q'], f))\n", "any"),
    one("calls that multiply", HEAD + "def f0(x): return x\n"
        + "".join(f"def f{i}(x): return f{i - 1}(f{i - 1}(x)) + f{i - 1}(x)\n" for i in range(1, 60))
        + "os.system(f59(request.args['q']))\n", "either", long=True),
    one("functions handed round", HEAD
        + "".join(f"def f{i}(g): return g(f{(i * 7 + 1) % 40})(f{(i * 3 + 2) % 40})\n" for i in range(40))
        + "os.system(f0(f1)(request.args['q']))\n", "any"),
    one("classes in a circle", HEAD + "class A(B): pass\nclass B(C): pass\nclass C(A): pass\n"
        "os.system(A(request.args['q']).x)\n", "any"),
    one("300 classes with 20 bases", "".join(
        f"class C{i}({','.join(f'C{j}' for j in range(max(0, i - 20), i))}): pass\n" for i in range(300)), "any"),
    one("a decorator that decorates itself", HEAD + "@d\ndef d(f):\n    return d(f)\n@d\ndef g(x):\n    os.system(x)\n"
        "g(request.args['q'])\n", "any"),
    one("2,000 match cases", HEAD + "match request.args['q']:\n" + "".join(
        f"    case {{'a{i}': [{i}, *rest], **kw}} | [{i}, *rest] as kw:\n        os.system(str(rest))\n"
        for i in range(2000)), "any", long=True),
    one("a name of a million letters", HEAD + "a" * 1_000_000 + " = request.args['q']\nos.system(" + "a" * 1_000_000 + ")\n",
        "flow"),
]  # fmt: skip
BAD = [*UNREADABLE, *LARGE, *DEEP, *TWISTED]
