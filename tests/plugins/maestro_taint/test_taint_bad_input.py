# ruff: noqa: E501 - a program per line reads better than a broken one
"""Files nobody wants: each is analysed or named, in bounded time, without a crash."""

from __future__ import annotations

import pytest

from maestro_taint.analysis import analyse
from tests.plugins.maestro_taint.analysing import analysed, blocking, models


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("syntax", b"def f(:\n"),
        ("null byte", b"x = 1\0\n"),
        ("not utf-8", b"x = '\xff\xfe'\n"),
        ("unknown encoding", b"# -*- coding: nonsense -*-\nx = 1\n"),
        ("python 2", b"print 'x'\n"),
        ("deep parentheses", b"x = " + b"(" * 5000 + b")" * 5000 + b"\n"),
        ("only an opening", b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_named(name: str, data: bytes) -> None:
    result = analyse([(f"{name}.py", data)], models())
    assert [g.path for g in result.gaps] == [f"{name}.py"]
    assert result.gaps[0].reason


def test_a_long_sum_is_analysed_or_named() -> None:
    result = analyse([("a.py", b"x = " + b"+".join([b"a"] * 5000) + b"\n")], models())
    assert len(result.gaps) + len(result.analysed) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = {" + ", ".join(f"'k{i}': {i}" for i in range(20_000)) + "}\n",
        "".join(f"x{i} = {i}\n" for i in range(30_000)),
        "def f(x):\n" + "".join(f"    if x == {i}:\n        y = {i}\n" for i in range(300)) + "    return y\n",
        "def f(x): return g(x)\ndef g(x): return h(x)\ndef h(x): return f(g(h(x)))\n",
        "class A(A): pass\nclass B(C): pass\nclass C(B): pass\nB().x\n",
        "f = lambda: f\nwhile f: f = f()\n",
    ],
)
def test_large_and_twisted_programs_end(text: str) -> None:
    assert analysed({"a.py": text}).analysed == ["a.py"]


def test_newer_syntax_is_read_by_the_fallback() -> None:
    text = 'import os\nfrom flask import request\nd = {"k": request.args["q"]}\nos.system(f"ls {d["k"]}")\ndef f[T](x: T) -> T:\n    return x\n'
    assert (4, "taint-command") in blocking(text)


def test_a_byte_order_mark_and_latin_1_are_read() -> None:
    source = "import os\nfrom flask import request\nos.system(request.args['\u00e9'])\n"
    for data in (b"\xef\xbb\xbf" + source.encode(), b"# coding: latin-1\n" + source.encode("latin-1")):
        result = analyse([("a.py", data)], models())
        assert not result.gaps
        assert result.solver.flows


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    def __iter__(self):\n        return A()\ndef f(request):\n    for x in A():\n        print(x, request)\nimport django\n",
        "class A:\n    def __getattr__(self, n):\n        return getattr(self, n + 'x')\nimport os\nos.system(A().y + os.environ['A_TOKEN'])\n",
        "class A:\n    def __str__(self):\n        return str(self)\nimport os\nprint(A(), os.environ['A_TOKEN'])\n",
        "class A:\n    def __getitem__(self, k):\n        return self[k]\nimport os\nprint(A()['k'], os.environ['A_TOKEN'])\n",
        "class A:\n    def __add__(self, o):\n        return self + o\nimport os\nprint(A() + os.environ['A_TOKEN'])\n",
    ],
)  # fmt: skip
def test_special_methods_that_call_themselves_end(text: str) -> None:
    result = analyse([("a.py", text.encode())], models())
    assert result.analysed == ["a.py"]
    assert result.gaps == []
