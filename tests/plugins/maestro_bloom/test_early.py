from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

from maestro_bloom.early import is_loaded
from maestro_bloom.observations import Territory

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# Whether functions of the project have to be looked for: never "no" where there may be one.


def test_nothing_of_an_empty_project_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = [n for n, m in sys.modules.items() if m is not None and not isinstance(m, ModuleType)]
    for name in strange:
        if not name.startswith("typing."):  # ``typing.io``, a class until Python 3.12, is known
            monkeypatch.delitem(sys.modules, name)
    territory = Territory(str(tmp_path))
    assert not is_loaded(territory)
    monkeypatch.setitem(sys.modules, "blocked", None)
    assert not is_loaded(territory)
    module = ModuleType("project_module")
    module.__file__ = str(tmp_path / "module.py")
    monkeypatch.setitem(sys.modules, "project_module", module)
    assert is_loaded(territory)


def test_what_stands_for_a_module_may_be_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stand_in", SimpleNamespace())
    assert is_loaded(Territory(str(tmp_path)))
