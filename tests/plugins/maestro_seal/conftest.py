"""Logs in these tests need not survive a real power cut: the ones that matter are made by ``CuttingDisk``."""

from __future__ import annotations

import os

import pytest

from maestro_seal.disk import Disk


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_disk" not in request.fixturenames:
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        monkeypatch.setattr(Disk, "settle", lambda self: None)


@pytest.fixture
def real_disk() -> None:
    """Ask for real syncing."""
