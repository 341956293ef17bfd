"""The repository a pytest process works in, asked of git once for the host and for plugins that start before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_hooks.project.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.project.listing import Listing

_FOUND = pytest.StashKey[tuple["Path", Repository, str]]()
_BEFORE = pytest.StashKey["Listing"]()
_AFTER = pytest.StashKey["Listing"]()


def repository_of(config: pytest.Config) -> Repository:
    """The repository around the root directory of this pytest. Raises ``UsageError`` outside one."""
    return _found(config)[1]


def head_of(config: pytest.Config) -> str:
    """The commit this pytest began with, or ``''`` before the first."""
    return _found(config)[2]


def _found(config: pytest.Config) -> tuple[Path, Repository, str]:
    found = config.stash.get(_FOUND, None)
    if found is None or found[0] != config.rootpath:
        found = config.stash[_FOUND] = (config.rootpath, *Repository.find_at_head(config.rootpath))
    return found


def listing_before(config: pytest.Config) -> Listing:
    """What git listed when this was first asked: before any test ran. Raises ``ToolError``."""
    if _BEFORE not in config.stash:
        config.stash[_BEFORE] = repository_of(config).listing()
    return config.stash[_BEFORE]


def listing_after(config: pytest.Config) -> Listing:
    """What git listed when this was first asked, which nobody may do before the last test. Raises ``ToolError``."""
    if _AFTER not in config.stash:
        config.stash[_AFTER] = repository_of(config).listing()
    return config.stash[_AFTER]
