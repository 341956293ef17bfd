"""What pytest found in each file it collected as a whole, before anybody deselected anything.

Invariant: a file is told of only if all of it was collected without an error or a skip, because pytest came to it by
itself, and no mark keeps one of its tests running.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from maestro_bloom.leaving_out import digest
from maestro_hooks.integrations.pytest_leaving_out import chooses
from maestro_hooks.integrations.pytest_selection import node_names

if TYPE_CHECKING:
    import pytest

    from maestro_bloom.observations import Territory


class Collected:
    """A pytest plugin; ``files`` are known once collection is over: path to the digest of its node ids."""

    def __init__(self, territory: Territory) -> None:
        self._territory = territory
        self._items: list[pytest.Item] = []
        self._incomplete: set[str] = set()
        self.files: dict[str, bytes] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Remember a test; its marks are asked for when all are there."""
        self._items.append(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a file of which a part failed, or was skipped."""
        if report.outcome != "passed":
            self._incomplete.add(report.nodeid.partition("::")[0])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Make the digests."""
        items, self._items = self._items, []
        if chooses(session.config):
            return
        plain = node_names(session.config)
        found: defaultdict[str, list[str]] = defaultdict(list)
        aside = {""}
        for item in items:
            path = self._territory.path(str(item.path)) or ""
            found[path].append(plain(item.nodeid))
            # Who names a file on the command line has it collected even if its name is that of no file of tests.
            part = item.nodeid.partition("::")[0] in self._incomplete or session.isinitpath(item.path)
            if part or item.get_closest_marker("maestro_always"):
                aside.add(path)
        self.files = {path: digest(ids) for path, ids in found.items() if path not in aside}
