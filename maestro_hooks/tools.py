"""The versions a claim depends on: interpreter, plugin code, and the distributions a plugin names."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_hooks.discovery import Plugin


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
    files = [origin] if package is None else sorted(p for p in package.rglob("*") if _is_code(p))
    digest = hashlib.sha256()
    for file in files:
        name = file.name if package is None else file.relative_to(package).as_posix()
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_code(path: Path) -> bool:
    return path.is_file() and path.suffix in {".py", ".yaml", ".json", ".so"} and "__pycache__" not in path.parts
