from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from maestro_hooks.testing import assert_plugin_contract

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(p.name for p in (ROOT / "plugins").iterdir() if p.is_dir() and p.name.startswith("maestro_"))
POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["maestro"]


def test_there_are_plugins() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_plugin_keeps_the_contract(folder: str) -> None:
    assert_plugin_contract(importlib.import_module(folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_plugin_folder_is_complete(folder: str) -> None:
    place = ROOT / "plugins" / folder
    assert (place / "py.typed").is_file()
    assert (place / "README.md").is_file()
    assert POINTS.get(folder.removeprefix("maestro_")) == folder


def test_plugins_is_no_package() -> None:
    assert not (ROOT / "plugins" / "__init__.py").exists()
