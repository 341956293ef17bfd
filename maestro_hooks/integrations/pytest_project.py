"""The repository a pytest process works in, found once for the host and for plugins that start before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_hooks.project.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

_FOUND = pytest.StashKey[tuple["Path", Repository]]()
_HEAD = pytest.StashKey[str]()


def repository_of(config: pytest.Config) -> Repository:
    """The repository around the root directory of this pytest. Raises ``UsageError`` outside one."""
    found = config.stash.get(_FOUND, None)
    if found is None or found[0] != config.rootpath:
        found = config.stash[_FOUND] = (config.rootpath, Repository.find(config.rootpath))
    return found[1]


def head_of(config: pytest.Config) -> str:
    """The commit this pytest began with, or ``''`` before the first; asked of git when it is first needed."""
    if _HEAD not in config.stash:
        config.stash[_HEAD] = repository_of(config).head
    return config.stash[_HEAD]
