"""Files that are not even collected, because an accelerator says that every test in them need not run.

Invariant: a file is left out only where pytest was about to collect it, so what is told as left out is what this run
would have found. Wherever somebody may look at all tests (an option that chooses among them, a plugin that could
rearrange them) every file is collected.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from maestro_hooks.session_requests import CollectionPlan, FileSkip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from maestro_hooks.host import Host, Results
    from maestro_hooks.session_requests import Skip

# Options that choose tests, or tell about all of them, by what collecting finds.
CHOOSING = (
    *("keyword", "markexpr", "deselect", "lf", "lastfailed", "failedfirst", "newfirst", "stepwise", "stepwise_skip"),
    *("keepduplicates", "looponfail", "pyargs", "showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"),
)
# Hooks that see more than one test at a time, or count what was found.
LOOKING = (
    *("pytest_collection", "pytest_collection_modifyitems", "pytest_itemcollected", "pytest_collectreport"),
    *("pytest_collectstart", "pytest_make_collect_report", "pytest_deselected"),
)
# Plugins whose implementations look at each test by itself, change the order alone, or only count.
_HARMLESS = frozenset(
    {
        *("_pytest", "maestro_bloom", "maestro_hooks", "xdist", "pytest_cov", "_hypothesis_pytestplugin", "hypothesis"),
        *(
            "pytest_asyncio",
            "anyio",
            "pytest_timeout",
            "pytest_mock",
            "pytest_rerunfailures",
            "pytest_randomly",
            "pytest_django",
        ),
    }
)


def chooses(config: pytest.Config) -> bool:
    """Whether the command line asks for certain tests, so that what is collected is not all there is."""
    return any(config.getoption(name, None) for name in CHOOSING) or any("::" in argument for argument in config.args)


def stranger(config: pytest.Config, root: Path) -> str:
    """An installed plugin that may look at all tests, or ``''``; what the project itself does, accelerators judge."""
    for name in LOOKING:
        for implementation in getattr(config.hook, name).get_hookimpls():
            module = getattr(implementation.function, "__module__", "") or ""
            if module.partition(".")[0] not in _HARMLESS and not _of_project(module, root):
                return module or repr(implementation.plugin)
    return ""


def _of_project(module: str, root: Path) -> bool:
    place = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(place, str) or "site-packages" in place or "dist-packages" in place:
        return False
    return os.path.abspath(place).startswith(f"{root}{os.sep}")  # noqa: PTH100 - text in, text compared


def _directories(config: pytest.Config) -> tuple[str, ...]:
    """The directories that are to be collected, each with a separator at its end."""
    base = config.invocation_params.dir
    places = [os.path.abspath(base / argument) for argument in config.args]  # noqa: PTH100 - links as pytest has them
    return tuple(place.rstrip(os.sep) + os.sep for place in places if os.path.isdir(place))  # noqa: PTH112 - text in


class Uncollected:
    """A test of a file that was not collected, where pytest counts deselected items; plugins ask for attributes."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


class LeftOut:
    """The files of one collection: what may be left out, and what was."""

    def __init__(self, root: Path) -> None:
        self._root = str(root) + os.sep
        self._asked: tuple[str, ...] = ()
        self._may: dict[str, tuple[str, tuple[Skip, ...]]] = {}
        self._was: dict[str, tuple[str, tuple[Skip, ...]]] = {}

    def ask(self, host: Host, config: pytest.Config, root: Path) -> Results | None:
        """Ask the accelerators; ``None`` where nobody may be asked."""
        if not host.implementing("maestro_leave_out") or chooses(config) or stranger(config, root):
            return None
        self._asked = _directories(config)
        results = host.call("maestro_leave_out", CollectionPlan(root=root, config=config))
        if not results.failures:
            for plugin, value in results.values:
                if isinstance(value, FileSkip):
                    self._may.setdefault(value.path, (plugin, value.skips))
        return results

    def leave_out(self, place: Path) -> bool:
        """Whether this file, which is about to be collected, is left out; remembered if so."""
        if not self._may:
            return False
        path = str(place)
        # On the way to a file that was named, pytest asks about its neighbours, too, which it would not collect.
        if not path.startswith(self._root) or not path.startswith(self._asked):
            return False
        path = path[len(self._root) :].replace(os.sep, "/")
        found = self._may.get(path)
        if found is not None:
            self._was[path] = found
        return found is not None

    def skips(self) -> Iterator[tuple[str, Skip]]:
        """Each test of the files that were left out, with the plugin that justified it."""
        for plugin, skips in self._was.values():
            for skip in skips:
                yield plugin, skip
