"""What a session function is made of: the project's own modules that are loaded, and the data its code names.

Invariant: a changed helper module, a changed argument, and a changed value of plain data that the function or a helper
of the project refers to (however the noxfile came by it: a file, a variable, a call) change the key. Objects that
are no plain data count by their type only.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from maestro_cas.key import file_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from maestro_cas.key import Components

_DEPTH = 20
_NOT_CODE = frozenset({".nox", ".tox", ".venv", ".maestro", "site-packages", "node_modules"})


def code_components(function: Callable[..., None], root: str, parameters: Mapping[str, object]) -> Components:
    """``modules``: files of the project's loaded modules; ``data``: what the function's code and arguments name."""
    files = sorted({path for module in list(sys.modules.values()) if (path := _own_file(module, root))})
    data = {**_data(function, root), **{f"argument {n}": described(v, root) for n, v in parameters.items()}}
    return {
        "modules": {os.path.relpath(path, root): file_digest(path) for path in files},
        "data": {name: _digest(value) for name, value in data.items()},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _own_file(module: object, root: str) -> str:
    """The source of a module of the project, or ``""``; Maestro itself is known by its version."""
    path = getattr(module, "__file__", None)
    name = str(getattr(module, "__name__", ""))
    if not isinstance(path, str) or not path.startswith(f"{root}/") or name.partition(".")[0].startswith("maestro_"):
        return ""
    return "" if _NOT_CODE.intersection(path[len(root) :].split("/")) else path


def _data(function: Callable[..., Any], root: str) -> dict[str, str]:
    """Plain data reachable by name from a function: its defaults, its closure, globals, and those of its helpers."""
    found: dict[str, str] = {}
    pending: list[object] = [function]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if id(one) in seen or not isinstance(one, FunctionType):
            continue
        seen.add(id(one))
        for name, value in _named(one):
            if isinstance(value, FunctionType):
                inside = value.__code__.co_filename
                if inside.startswith(f"{root}/") and not _NOT_CODE.intersection(inside.split("/")):
                    pending.append(value)
            elif not isinstance(value, ModuleType):
                found[f"{name} (in {one.__qualname__})"] = described(value, root)
    return found


def _named(function: FunctionType) -> Iterator[tuple[str, object]]:
    names = set(_names(function.__code__))
    space = function.__globals__
    for name in sorted(names & space.keys()):
        yield name, space[name]
        if isinstance(space[name], ModuleType):
            attributes = vars(space[name])
            yield from ((f"{name}.{a}", attributes[a]) for a in sorted(names & attributes.keys()) if a in attributes)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"closure {name}", cell.cell_contents
        except ValueError:  # not bound yet
            continue
    for i, value in enumerate((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
        yield f"default {i}", value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def described(value: object, root: str, depth: int = 0) -> str:
    """A text that is equal for equal plain data in any checkout; of other objects, their type."""
    if isinstance(value, str | PurePath):
        return f"{'' if isinstance(value, str) else 'path '}{str(value).replace(root, '{root}')!r}"
    if value is None or isinstance(value, bool | int | float | complex | bytes):
        return repr(value)
    if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
        parts = [described(v, root, depth + 1) for v in value]
        ordered = parts if isinstance(value, list | tuple) else sorted(parts)
        return f"{type(value).__name__}[{','.join(ordered)}]"
    if depth < _DEPTH and isinstance(value, dict):
        pairs = [f"{described(k, root, depth + 1)}:{described(v, root, depth + 1)}" for k, v in value.items()]
        return f"dict[{','.join(sorted(pairs))}]"
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
