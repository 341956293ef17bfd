"""A random order that keeps what shares a setup together: modules are shuffled, then classes, then tests."""

from __future__ import annotations

import random
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest


def shuffle(items: Sequence[pytest.Item], *, seed: str) -> list[pytest.Item]:
    """The items in an order that is a function of ``seed`` alone."""
    source = random.Random(seed)  # noqa: S311 - an order, not a secret
    return _shuffled(list(items), (_module, _owner), source)


def _shuffled(
    items: list[pytest.Item], levels: tuple[Callable[[pytest.Item], str], ...], source: random.Random
) -> list[pytest.Item]:
    if not levels:
        source.shuffle(items)
        return items
    groups = [list(group) for _, group in groupby(items, key=levels[0])]
    source.shuffle(groups)
    return [item for group in groups for item in _shuffled(group, levels[1:], source)]


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _owner(item: pytest.Item) -> str:
    return item.parent.nodeid if item.parent is not None else ""
