"""The cache the host lends to a plugin: look-ups and offers go to the plugins that implement the cache hooks.

Invariant: a plugin reads back only what a plugin of its own name stored, and no failure of a cache reaches it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from maestro_hooks.session_requests import CacheEntry
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from maestro_hooks.host import Failure, Host
    from maestro_hooks.requests import ContentKey

_LOG = logging.getLogger("maestro.cache")


class HostCache(Value, frozen=True):
    """The cache of ``plugin`` in the project at ``root``."""

    host: Host
    plugin: str
    root: Path

    def fetch(self, key: str) -> CacheEntry | None:
        """The entry under ``key``, from the first cache that has it; ``None`` is a miss."""
        from maestro_hooks.requests import FetchRequest  # noqa: PLC0415 - lent to every plugin, used by few

        answer, failures = self.host.first("maestro_fetch", FetchRequest(root=self.root, key=self._own(key)))
        self._tell(failures)
        if answer is None or isinstance(answer, CacheEntry):
            return answer
        _LOG.warning("%s: maestro_fetch answered %s instead of a CacheEntry: a miss", key, type(answer).__name__)
        return None

    def store(self, key: str, entry: CacheEntry) -> None:
        """Offer ``entry`` to every cache."""
        from maestro_hooks.requests import StoreRequest  # noqa: PLC0415 - as above

        self._tell(
            self.host.call("maestro_store", StoreRequest(root=self.root, key=self._own(key), entry=entry)).failures
        )

    def _own(self, key: str) -> ContentKey:
        from maestro_hooks.requests import ContentKey  # noqa: PLC0415 - as above

        return ContentKey(f"{self.plugin}/{key}")

    def _tell(self, failures: Iterable[Failure]) -> None:
        """A cache fails open, and the user is told."""
        for failure in failures:
            _LOG.warning("%s: the work is done without it", failure)
