"""What is run and read: enough to find what a look at everything finds, and bounded."""

# ruff: noqa: E501 - a program per line reads better than a broken one
from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from maestro_taint.analysis import Analysis, analyse, analyse_tree
from maestro_taint.engine import roots, statements
from maestro_taint.frontend.facts import facts_of
from maestro_taint.frontend.index import Index
from maestro_taint.frontend.tree import Tree
from maestro_taint.kinds import BY_BIT
from tests.plugins.maestro_taint.analysing import models

HANDED_ON = {
    "returned": {"a.py": "from flask import request\ndef get():\n    return request.args['q']\n",
                 "b.py": "import os\nfrom a import get as fetch\ndef go():\n    os.system(fetch())\n"},
    "by a property": {"a.py": "from flask import request\nclass R:\n    @property\n    def q(self):\n        return request.args['q']\n",
                      "b.py": "import os\nfrom a import R\ndef go():\n    os.system(R().q)\n"},
    "by a subclass": {"a.py": "from flask import request\nclass R:\n    def q(self):\n        return request.args['q']\nclass S(R):\n    pass\n",
                      "b.py": "import os\nfrom a import S\ndef go():\n    s = S()\n    os.system(s.q())\n"},
    "by a factory": {"a.py": "from flask import request\nclass R:\n    def q(self):\n        return request.args['q']\ndef make():\n    return R()\n",
                     "b.py": "import os\nfrom a import make\ndef go():\n    r = make()\n    os.system(r.q())\n"},
    "by a global": {"a.py": "from flask import request\nLAST = ''\ndef keep():\n    global LAST\n    LAST = request.args['q']\n",
                    "b.py": "import os\nimport a\ndef go():\n    os.system(a.LAST)\n"},
    "by a field": {"a.py": "import os\nfrom flask import request\nclass V:\n    def one(self):\n        self.q = request.args['q']\n    def two(self):\n        os.system(self.q)\n"},
    "by an alias of the source": {"a.py": "import os\nimport flask as f\ndef go():\n    os.system(f.request.args['q'])\n"},
    "re-exported": {"a.py": "from flask import request as req\n", "b.py": "import os\nfrom a import req\ndef go():\n    os.system(req.args['q'])\n"},
    "by a lambda": {"a.py": "from flask import request\nget = lambda: request.args['q']\n", "b.py": "import os\nfrom a import get\ndef go():\n    os.system(get())\n"},
    "by a table": {"a.py": "from flask import request\ndef one():\n    return request.args['q']\nTABLE = {'x': one}\n",
                   "b.py": "import os\nfrom a import TABLE\ndef go():\n    os.system(TABLE['x']())\n"},
    "to a callback": {"a.py": "from flask import request\ndef each(f):\n    f(request.args['q'])\n", "b.py": "import os\nfrom a import each\ndef go():\n    each(lambda v: os.system(v))\n"},
    "by a decorator": {"a.py": "from flask import request\ndef given(f):\n    def w():\n        return f(request.args['q'])\n    return w\n",
                       "b.py": "import os\nfrom a import given\n@given\ndef go(v):\n    os.system(v)\n"},
}  # fmt: skip


@pytest.mark.parametrize("how", HANDED_ON)
def test_a_source_is_followed_to_whoever_is_handed_it(how: str) -> None:
    files = [(path, text.encode()) for path, text in HANDED_ON[how].items()]
    found = analyse(files, models()).solver.flows
    assert {BY_BIT[site.bit].name for site, _ in found.values()} >= {"command"}


def test_a_function_that_no_source_reaches_is_not_run() -> None:
    text = "def quiet(x):\n    return x + 1\ndef other():\n    return quiet(2)\n"
    assert not analyse([("a.py", text.encode())], models()).solver.done


def part(files: dict[str, str], asked: str) -> tuple[set[str], set[str]]:
    """(files with flows, files opened) when one file is asked about."""
    data = {path: text.encode() for path, text in files.items()}
    tree = Tree({path: partial(bytes, d) for path, d in data.items()})
    index = Index({path: facts_of(d) for path, d in data.items()})
    result = analyse_tree(tree, [asked], models(), index=index)
    return {site.file for site, _ in result.solver.flows.values()}, set(tree.opened)


def test_callers_in_other_files_are_found_and_strangers_left_alone() -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/sink.py": "import os\ndef run(x):\n    os.system(x)\n",
        "pkg/mid.py": "from . import sink\ndef pass_on(x):\n    sink.run(x)\n",
        "web.py": "from flask import request\nfrom pkg.mid import pass_on\ndef view():\n    pass_on(request.args['q'])\n",
        "stranger.py": "import os\nfrom flask import request\ndef v():\n    os.system(request.args['q'])\n",
    }
    flows, opened = part(files, "pkg/sink.py")
    assert flows == {"pkg/sink.py"}
    assert "stranger.py" not in opened


def test_a_method_is_found_through_its_class() -> None:
    files = {
        "repo.py": "import sqlite3\nclass Repo:\n    def find(self, q):\n        sqlite3.connect('x').execute(q)\n",
        "web.py": "from flask import request\nfrom repo import Repo\ndef v():\n    Repo().find(request.args['q'])\n",
    }
    assert part(files, "repo.py")[0] == {"repo.py"}


def test_steps_are_bounded_and_what_was_cut_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_taint.analysis.FUNCTION_STEPS", 50)
    body = "".join(f"    a{i} = request.args['q']\n" for i in range(200))
    text = f"from flask import request\nimport os\ndef long():\n{body}def short():\n    os.system(request.args['q'])\n"
    result = analyse([("a.py", text.encode())], models())
    assert [g.reason.split(":")[0] for g in result.gaps] == ["a.long"]
    assert {site.function for site, _ in result.solver.flows.values()} == {"a.short"}


def test_an_engine_failure_is_a_gap_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inside")

    monkeypatch.setitem(statements.TABLE, 26, broken)
    result = analyse([("a.py", b"import os\ndef f():\n    os.environ['A_TOKEN']\n")], models())
    assert ["the engine failed" in g.reason for g in result.gaps] == [True]


def test_files_of_one_module_name_are_both_analysed() -> None:
    bad = b"import os\nfrom flask import request\nos.system(request.args['q'])\n"
    result = analyse([("a.py", bad), ("a/__init__.py", bad), ("a.pyi", bad)], models())
    assert {site.file for site, _ in result.solver.flows.values()} == {"a.py", "a/__init__.py", "a.pyi"}


def test_files_outside_any_repository_are_checked_and_nothing_is_written(tmp_path: Path) -> None:
    maestro = Path(sys.executable).with_name("maestro")
    if not maestro.exists():
        pytest.skip("the maestro command is not installed")
    (tmp_path / "app.py").write_text("import os\nimport lib\nos.system(lib.data())\n", encoding="utf-8")
    lib = "from flask import request\ndef data():\n    return request.args['q']\n"
    (tmp_path / "lib.py").write_text(lib, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def f(:\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    for cwd in (tmp_path, Path(__file__).parent):
        words = [str(maestro), "check", "--only", "taint", "--jsonl", str(tmp_path)]
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 1
        assert '"rule": "taint-command"' in done.stdout
        assert '"rule": "taint-unanalysed"' in done.stdout
    assert sorted(tmp_path.rglob("*")) == before
    one = subprocess.run(
        [*words[:-1], str(tmp_path / "app.py")], capture_output=True, text=True, check=False, timeout=120
    )
    assert '"rule": "taint-command"' in one.stdout
    gone = subprocess.run(
        [*words[:-1], str(tmp_path / "gone.py")], capture_output=True, text=True, check=False, timeout=120
    )
    assert gone.returncode == 2


def many_callers(count: int) -> dict[str, str]:
    """A sink that many quiet files call, and one that meets a source."""
    text = "from sink import run\ndef quiet(x):\n    y = x\n    y = y\n    run(y)\n"
    callers = {f"m{i:03}.py": text for i in range(count)}
    view = "from flask import request\nfrom sink import run\ndef view():\n    run(request.args['q'])\n"
    return {"sink.py": "import os\ndef run(x):\n    os.system(x)\n", **callers, "z.py": view}


def bounded(files: dict[str, str], asked: list[str], bound: int | None) -> Analysis:
    data = {path: text.encode() for path, text in files.items()}
    tree = Tree({path: partial(bytes, d) for path, d in data.items()})
    return analyse_tree(tree, asked, models(), index=Index({p: facts_of(d) for p, d in data.items()}), bound=bound)


def test_what_the_bound_on_callers_leaves_is_named() -> None:
    files = many_callers(50)
    whole, part = bounded(files, ["sink.py"], None), bounded(files, ["sink.py"], 20)
    assert whole.solver.flows
    assert not whole.unsearched
    assert "z.py" in part.unsearched
    assert "m000.py" not in part.unsearched
    assert part.unsearched == bounded(files, ["sink.py"], 20).unsearched
    assert part.solver.steps < whole.solver.steps


def test_files_asked_about_are_analysed_whatever_the_bound() -> None:
    files = many_callers(50)
    assert bounded(files, ["sink.py", "z.py"], 1).solver.flows


def test_the_nearest_callers_are_searched_first() -> None:
    files = {f"far{i}.py": f"import far{i - 1}\n" if i else "import sink\n" for i in range(3)}
    index = Index({p: facts_of(t.encode()) for p, t in {"sink.py": "", "zz.py": "import sink\n", **files}.items()})
    assert index.importers(["sink.py"]) == ["far0.py", "zz.py", "far1.py", "far2.py"]


def test_a_failure_where_a_handler_is_entered_is_a_gap_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr(roots, "_handler", broken)
    text = (
        "import os\nfrom flask import Flask, request\napp = Flask(__name__)\n@app.get('/')\ndef page():\n    return ''\n"
        "def other():\n    os.system(request.args['q'])\n"
    )
    result = analyse([("a.py", text.encode())], models())
    assert [g.reason.split(":")[0] for g in result.gaps] == ["a.page"]
    assert {site.function for site, _ in result.solver.flows.values()} == {"a.other"}
