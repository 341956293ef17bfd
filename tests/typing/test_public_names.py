"""What ``maestro_hooks`` promises to plugin authors is there, and a type checker is told the same."""

from __future__ import annotations

import ast
from pathlib import Path

import maestro_hooks


def test_every_public_name_resolves_and_is_declared_for_type_checkers() -> None:
    for name in maestro_hooks.__all__:
        assert getattr(maestro_hooks, name) is not None
    tree = ast.parse(Path(maestro_hooks.__file__).read_text(encoding="utf-8"))
    (declared,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {(i.module, a.name) for i in declared.body if isinstance(i, ast.ImportFrom) for a in i.names}
    assert imported == {(module, name) for name, module in maestro_hooks._HOMES.items()}
    assert {name for _, name in imported} | {"__version__"} == set(maestro_hooks.__all__)


def test_every_type_in_the_hook_specifications_is_public() -> None:
    tree = ast.parse((Path(maestro_hooks.__file__).parent / "hookspecs.py").read_text(encoding="utf-8"))
    named = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0 for a in n.names}
    plugins_return = {name for name in named if name[0].isupper()} - {"TYPE_CHECKING", "Iterable", "Literal"}
    assert plugins_return <= set(maestro_hooks.__all__), plugins_return - set(maestro_hooks.__all__)
