from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from maestro_bloom import index_file
from maestro_bloom.fork_server import ForkServer
from maestro_bloom.index import FOLDED
from maestro_bloom.store import Store
from tests.plugins.maestro_bloom.preloaded import PRELOADED

if TYPE_CHECKING:
    from pathlib import Path

# What counts as run inside a function whose effect outlives the call, seen in the index of one run.

SOURCE = """
import threading

_kept = {}


def inside():
    return 1


def deeper():
    return inside()


def keep(name):
    _kept[name] = deeper()
    return _kept[name]


def keep_and_fail(name):
    _kept[name] = in_failing()
    raise ValueError(name)


def in_failing():
    return 2


def keep_by_thread(name):
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    _kept[name] = 3


def in_thread():
    return 4


def after():
    return 5


def before_and_inside():
    return 6


def keep_what_ran(name):
    _kept[name] = before_and_inside()


class Box:
    def __init__(self):
        self.value = None

    def get(self):
        if self.value is None:
            self.value = 7
        return self.value


class Passing(Box):
    def get(self):
        if self.value is None:
            self.value = in_passing()
        return self.value


def in_passing():
    return 8


box = Box()


def keep_hot(number, call=None):
    _kept["hot"] = number
    if call:
        call()


def in_hot():
    return 9


def keep_deep(depth, call=None):
    _kept["deep"] = depth
    if depth:
        keep_deep(depth - 1, call)
    if call and depth == 2:
        call()


def in_deep():
    return in_deeper()


def in_deeper():
    return 10


def in_thread_of_hot():
    return 11


def start_thread():
    thread = threading.Thread(target=in_thread_of_hot)
    thread.start()
    thread.join()


def fail():
    raise ValueError


def beside_hot():
    return 12


def beside_failing():
    return 13
"""

TESTS = """
import kept
import pytest


def test_kept():
    kept.keep("a")
    assert kept.after() == 5


def test_left_by_an_exception():
    with pytest.raises(ValueError):
        kept.keep_and_fail("b")
    assert kept.after() == 5


def test_in_a_thread():
    kept.keep_by_thread("c")
    assert kept.after() == 5


def test_often():
    for number in range(2000):
        kept.keep(number)
    assert kept.after() == 5


def test_ran_before():
    kept.before_and_inside()
    kept.keep_what_ran("d")
    assert kept.after() == 5


def test_a_memo_of_one_that_stays_after_many_that_go():
    for _ in range(5):
        kept.Box().get()
    assert kept.box.get() == 7


def test_memos_of_those_that_go():
    kept.in_passing()
    for _ in range(5):
        assert kept.Passing().get() == 8
    assert kept.after() == 5


def test_hot_and_late():
    for number in range(1000):
        kept.keep_hot(number, kept.in_hot if number == 700 else None)
        if number in (100, 900):
            assert kept.beside_hot() == 12


def test_hot_and_deep():
    for number in range(1000):
        kept.keep_deep(3)
    kept.keep_deep(3, kept.in_deep)
    assert kept.beside_hot() == 12


def test_hot_and_in_a_thread():
    for number in range(1000):
        kept.keep_hot(number)
    kept.keep_hot(0, kept.start_thread)


def test_hot_and_failing():
    for number in range(1000):
        kept.keep_hot(number)
    with pytest.raises(ValueError):
        kept.keep_hot(0, kept.fail)
    assert kept.beside_failing() == 13
"""


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    root: Path = tmp_path_factory.mktemp("project")
    (root / "kept.py").write_text(SOURCE)
    (root / "test_kept.py").write_text(TESTS)
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
        subprocess.run(command, cwd=root, check=True)
    with ForkServer(preload=PRELOADED) as server:
        code = server.run(root, ["--maestro", "-p", "no:cacheprovider"], output=root / "output.out")
    assert code == 0, (root / "output.out").read_text()
    (path,) = Store(root).candidates()
    (row,) = [row for row in index_file.read(path).index.files if row.path == "kept.py"]
    return {block.qualname for block in row.blocks if block.flags & FOLDED}


def test_all_that_runs_inside_is_folded(folded: set[str]) -> None:
    assert {"keep", "deeper", "inside"} <= folded
    assert {"keep_what_ran", "before_and_inside"} <= folded


def test_an_exception_ends_the_inside_and_keeps_what_ran_there(folded: set[str]) -> None:
    assert {"keep_and_fail", "in_failing"} <= folded


def test_a_thread_started_inside_is_inside(folded: set[str]) -> None:
    assert {"keep_by_thread", "in_thread"} <= folded


def test_what_runs_afterwards_is_not(folded: set[str]) -> None:
    assert "after" not in folded


def test_a_memo_is_asked_for_each_of_its_objects(folded: set[str]) -> None:
    assert "Box.get" in folded
    assert not {"Passing.get", "in_passing"} & folded


def test_the_inside_of_one_called_often_is_folded_however_late_it_runs(folded: set[str]) -> None:
    assert {"keep_hot", "in_hot", "keep_deep", "in_deep", "in_deeper", "in_thread_of_hot"} <= folded
    assert not {"beside_hot", "beside_failing"} & folded
