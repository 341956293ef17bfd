"""Warm equals cold, byte for byte, after any sequence of edits, renames, moves, deletions and reverts."""

# ruff: noqa: E501 - a program per line reads better than a broken one
from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.maestro_taint.test_taint_cache import checked

NAMES = ("a", "b", "c", "d")
HOMES = ("", "pkg/", "pkg/deep/")
BODIES = (
    "from flask import request\ndef get():\n    return request.args['q']\n",
    "import os\ndef put(x):\n    os.system('ls ' + x)\n",
    "import {0}, {1}\ndef go():\n    {1}.put({0}.get())\n",
    "from {0} import *\nfrom {1} import put as send\ndef pass_on(x):\n    send(x)\ndef all_of():\n    pass_on(get())\n",
    "from {0} import get\nclass Base:\n    def load(self):\n        self.x = get()\n    def use(self):\n        pass\n",
    (
        "import os\nfrom {0} import Base\nclass Heir(Base):\n    def use(self):\n        os.system(self.x)\n"
        "def run():\n    h = Heir()\n    h.load()\n    h.use()\n"
    ),
    (
        "import os\nfrom {0} import pass_on\ndef even(n, x):\n    return odd(n - 1, x) if n else pass_on(x)\n"
        "def odd(n, x):\n    os.system(x)\n    return even(n - 1, x)\n"
    ),
    "LAST = ''\ndef keep(x):\n    global LAST\n    LAST = x\n",
    "import os\nimport {0}\nfrom {1} import get\ndef store():\n    {0}.keep(get())\ndef show():\n    os.system({0}.LAST)\n",
    "def wrap(f):\n    def inner(*args, **kwargs):\n        return f(*args, **kwargs)\n    return inner\n",
    (
        "import os\nfrom {0} import wrap\nfrom flask import request\n@wrap\ndef run(x):\n    os.system(x)\n"
        "def view():\n    run(request.form['y'])\n"
    ),
    "\n\n# moved down\nimport os\nfrom {0} import *\ndef put(x, y=''):\n    os.system(x + y)\ndef other(z):\n    eval(z)\n",
    "def broken(:\n",
    "",
)
place = st.sampled_from([home + name + ".py" for home in HOMES for name in NAMES])
text = st.builds(lambda body, one, two: body.format(one, two), st.sampled_from(BODIES), st.sampled_from(NAMES),
                 st.sampled_from(NAMES))  # fmt: skip
step = st.one_of(
    st.tuples(st.just("write"), place, text),
    st.tuples(st.just("write"), place, text),
    st.tuples(st.just("move"), place, place),
    st.tuples(st.just("delete"), place, st.none()),
    st.tuples(st.just("revert"), st.none(), st.none()),
)


def apply(root: Path, what: str, at: str | None, other: str | None) -> None:
    """One edit of the work tree; one that cannot be made changes nothing."""
    if what == "revert":
        subprocess.run(["git", "checkout", "-q", "--", "."], cwd=root, check=False, capture_output=True)
        return
    assert at is not None
    here = root / at
    if what == "write":
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_text(str(other), encoding="utf-8")
    elif what == "delete":
        here.unlink(missing_ok=True)
    elif here.exists():
        there = root / str(other)
        there.parent.mkdir(parents=True, exist_ok=True)
        here.replace(there)


def python_files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*.py"))


def compared(start: list[tuple[str, str]], edits: list[tuple[str, str | None, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root, cold = Path(scratch, "warm"), Path(scratch, "cold")
        root.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        for name, body in start:
            apply(root, "write", name, body)
        (root / ".maestro").mkdir()
        subprocess.run(["git", "add", "-A"], cwd=root, check=True, capture_output=True)
        for what, at, other in (("delete", "none.py", None), *edits):
            apply(root, what, at, other)
            names = python_files(root)
            shutil.rmtree(cold, ignore_errors=True)
            shutil.copytree(root, cold, ignore=shutil.ignore_patterns("cache"))
            for asked in (names[:1], names[-2:], names):
                assert not asked or checked(root, *asked) == checked(cold, *asked)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(place, text), min_size=2, max_size=7), st.lists(step, min_size=1, max_size=4))
def test_warm_equals_cold(start: list[tuple[str, str]], edits: list[tuple[str, str | None, str | None]]) -> None:
    compared(start, edits)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(place, text), min_size=3, max_size=12), st.lists(step, min_size=1, max_size=8))
def test_warm_equals_cold_after_many_edits(
    start: list[tuple[str, str]], edits: list[tuple[str, str | None, str | None]]
) -> None:
    compared(start, edits)


def test_the_edits_bring_flows_and_take_them_away(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".maestro").mkdir()
    for name, body in zip(("a.py", "b.py", "c.py"), (BODIES[0], BODIES[1], BODIES[2].format("a", "b")), strict=True):
        apply(tmp_path, "write", name, body)
    assert checked(tmp_path, "b.py")[0].value == 1
    apply(tmp_path, "move", "a.py", "d.py")
    assert checked(tmp_path, "b.py")[0].value == 0
