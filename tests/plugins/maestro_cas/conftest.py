"""Machines whose sources are equal, in an environment that is nobody's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.plugins.maestro_cas.machines import Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_machine(tmp_path: Path) -> Callable[..., Machine]:
    """Make machines whose sources are equal."""

    def make(name: str = "one", **options: object) -> Machine:
        root = tmp_path / name
        (root / "src" / "deep").mkdir(parents=True)
        (root / "src" / "a.txt").write_text("alpha\n")
        (root / "src" / "deep" / "b.txt").write_text("beta\n")
        return Machine(root, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def machine(make_machine: Callable[..., Machine]) -> Machine:
    return make_machine()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the cache mode or the CI system of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("MAESTRO_", "GITHUB_", "BUILDKITE_")) or name in ("CI_MERGE_REQUEST_IID", "CHANGE_ID"):
            monkeypatch.delenv(name)
