"""Where the third-party clients are: a test needing one that is absent is skipped with the reason, but fails in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "tests" / "clients"
PAGE = ROOT / "plugins" / "maestro_seal" / "page"
BUILT = PAGE / "verifier.html"


def need(condition: object, reason: str) -> None:
    """Skip for ``reason`` unless ``condition``; in CI, where every client is installed, fail instead."""
    if not condition:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def node() -> str:
    """The Node.js program, its packages in ``tests/clients`` installed."""
    need(shutil.which("node"), "Node.js is not installed")
    need((CLIENTS / "node_modules").is_dir(), "run 'npm ci --ignore-scripts' in tests/clients")
    return "node"


def chromium() -> str:
    """Node.js, with Chromium beside it."""
    need(shutil.which("chromium"), "Chromium is not installed (apt-get install chromium)")
    return node()
