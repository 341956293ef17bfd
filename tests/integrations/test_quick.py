from __future__ import annotations

import gc
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.integrations.quick import no_collections, own_imports

if TYPE_CHECKING:
    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with no_collections():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_finders_keep_their_order_and_one_that_came_stays() -> None:
    before = list(sys.meta_path)
    new = type("Finder", (), {"find_spec": lambda *_: None})()
    try:
        with own_imports():
            assert not any(type(finder).__name__ == "AssertionRewritingHook" for finder in sys.meta_path)
            sys.meta_path.append(new)
        assert sys.meta_path == [*before, new]
    finally:
        sys.meta_path[:] = before


def test_asserts_of_tests_and_conftests_are_rewritten_as_ever(project: Project) -> None:
    project.write(
        conftest="def pytest_sessionstart():\n    import helper\n",
        helper="def check(n):\n    assert n == 2\n",
        test_a="def test_a():\n    a = [1, 2]\n    assert a == [1, 3]\n",
    )
    project.commit()
    result = project.run()
    result.stdout.fnmatch_lines(["*assert [[]1, 2[]] == [[]1, 3[]]*"])


def test_maestro_is_not_loaded_by_way_of_assertion_rewriting(project: Project) -> None:
    project.write(test_a="def test_a():\n    pass\n")
    project.commit()
    code = (
        "import sys, pytest\npytest.main(['--maestro', '-q'])\n"
        "print([m for m in ('maestro_hooks.host', 'maestro_bloom.keeping', 'maestro_bloom.index')"
        " if 'Rewriting' in type(sys.modules[m].__loader__).__name__])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
