"""Installed but not switched on, the plugin loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)

CONFTEST = """
    import sys
    def pytest_sessionfinish():
        heavy = {"numpy", "scipy", "sklearn", "libcst", "z3", "cryptography", "rich", "yaml", "msgspec"}
        print("HEAVY", sorted(heavy & sys.modules.keys()))
        print("OURS", sorted(name for name in sys.modules if name.startswith("maestro")))
"""


def test_an_idle_pytest_loads_the_thin_module_only(project: Project) -> None:
    project.write(test_a="def test_one(): pass\n", conftest=CONFTEST)
    result = project.pytester.runpytest_subprocess("--collect-only", "-p", "no:hypothesispytest")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "HEAVY []",
            (
                "OURS ['maestro_bloom', 'maestro_bloom.pytest_options', 'maestro_hooks', 'maestro_hooks.hookspecs', "
                "'maestro_hooks.integrations', 'maestro_hooks.integrations.pytest_plugin']"
            ),
        ]
    )


def test_an_idle_pytest_shows_nothing(project: Project) -> None:
    project.write(test_a="def test_one(): pass\n")
    result = project.idle()
    assert result.ret == 0
    # The list of installed plugins names the distribution; nothing else may.
    assert [line for line in result.outlines if "aestro" in line and not line.startswith("plugins: ")] == []


def test_help_lists_the_options_in_one_group(project: Project) -> None:
    result = project.idle("--help")
    result.stdout.fnmatch_lines(["maestro: *", *(f"*{name}*" for name in ("--maestro ", "--no-maestro"))])
    for name in ("--maestro-select", "--maestro-run", "--maestro-json", "maestro (bool)", "maestro_select (string)"):
        assert name in result.stdout.str()
