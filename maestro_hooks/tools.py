"""The versions a claim depends on: interpreter, plugin code, and the distributions a plugin names."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.discovery import Plugin

_CODE = (".py", ".yaml", ".json", ".so")


def tools_of(plugin: Plugin) -> dict[str, str]:
    """Name to version of everything besides files and configuration that shapes the plugin's results."""
    tools = {"python": platform.python_version(), "plugin-code": code_digest(plugin.module_name)}
    distributions = plugin.registry.distributions if plugin.registry is not None else set()
    for name in sorted(distributions):
        try:
            tools[name] = version(name)
        except PackageNotFoundError:
            tools[name] = "absent"
    return tools


@cache
def code_digest(module_name: str) -> str:
    """SHA-256 over the plugin's own source and data files, because a version number lags behind a work tree."""
    spec = importlib.util.find_spec(module_name)
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    package = origin.parent if spec.submodule_search_locations else None
    files = [(origin.name, str(origin))] if package is None else sorted(_code(str(package), ""), key=_parts)
    digest = hashlib.sha256()
    for name, place in files:
        with open(place, "rb") as stream:  # noqa: PTH123 - text in, hundreds of times
            digest.update(f"{name}\0{hashlib.sha256(stream.read()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _code(directory: str, prefix: str) -> Iterator[tuple[str, str]]:
    """(POSIX name below the package, place) of every file of the package that is code or data of it."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _code(entry.path, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_CODE) and entry.is_file():
            yield prefix + entry.name, entry.path


def _parts(file: tuple[str, str]) -> list[str]:
    return file[0].split("/")
