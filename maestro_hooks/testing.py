"""For plugin authors: run a gate over files given as text, and check a plugin against the contract.

A plugin's test file needs five lines::

    from maestro_hooks.testing import assert_plugin_contract, check
    import maestro_docstrings

    def test_contract() -> None:
        assert_plugin_contract(maestro_docstrings)
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.config import Layers, plugin_settings
from maestro_hooks.discovery import Found, check_contract
from maestro_hooks.host import Host, new_manager
from maestro_hooks.pipeline.gates import claims_of, gate_inputs
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.registry import Registry
from maestro_hooks.requests import CheckRequest, SourceFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from maestro_hooks.pipeline.gates import Claim

# Importing a plugin must not import these; they belong inside the function that needs them.
HEAVY = ("numpy", "scipy", "sklearn", "libcst", "z3", "bandit", "rich", "grpc", "requests", "pytest")


def check(
    module: ModuleType, files: Mapping[str, str | bytes], *, settings: Mapping[str, object] | None = None
) -> tuple[Claim, ...]:
    """What the gate ``module`` claims about ``files`` (path to content), through the real host.

    Raises:
        AssertionError: the gate failed; the message holds its traceback.
    """
    name = plugin_name(module)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        sources = tuple(_source(root, path, content) for path, content in sorted(files.items()))
        layers = Layers({name: dict(settings or {})}, {})
        host = Host.load(layers, [Found(name, module.__name__, name, "0")])
        plugin = host.plugin(name)
        assert plugin is not None  # noqa: S101 - an assertion is this function's contract
        assert plugin.state == "loaded", plugin.reason  # noqa: S101
        inputs = gate_inputs(host, plugin, "maestro_check", files={s.path: s.digest for s in sources})
        request = CheckRequest(root=root, files=sources, whole=True)
        claims, failure = claims_of(host, plugin, "maestro_check", request=request, inputs=inputs, blobs=Blobs(root))
        assert failure is None, failure.trace if failure else ""  # noqa: S101
        return claims


def _source(root: Path, path: str, content: str | bytes) -> SourceFile:
    data = content.encode() if isinstance(content, str) else content
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return SourceFile(path, place, hashlib.sha256(data).hexdigest())


def plugin_name(module: ModuleType) -> str:
    """The name a plugin goes by: its package's name without ``maestro_``."""
    return module.__name__.rpartition(".")[2].removeprefix("maestro_")


def assert_plugin_contract(module: ModuleType) -> None:
    """Assert that ``module`` is a plugin: API version, known hooks, documented, registers twice alike, light to import.

    Raises:
        AssertionError: naming what is not kept.
    """
    hooks = check_contract(module, plugin_name(module), new_manager())
    assert hooks, f"{module.__name__} implements no hook"  # noqa: S101
    assert (module.__doc__ or "").strip(), f"{module.__name__} has no docstring that states its claim"  # noqa: S101
    first, second = Registry(plugin_name(module)), Registry(plugin_name(module))
    if "maestro_register" in hooks:
        module.maestro_register(first)
        module.maestro_register(second)
    assert _shape(first) == _shape(second), "maestro_register is not deterministic"  # noqa: S101
    if first.settings_type is not None:
        plugin_settings(Layers({}, {}), plugin_name(module), first.settings_type)  # every setting has a default
    heavy = imported_by(module.__name__, HEAVY)
    assert not heavy, f"importing {module.__name__} imports {', '.join(heavy)}"  # noqa: S101


def _shape(registry: Registry) -> tuple[object, ...]:
    return (
        [c.name for c in registry.commands],
        [r.id for r in registry.rules],
        sorted(registry.namespaces),
        registry.settings_type,
    )


def imported_by(module: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of ``names`` a fresh interpreter has loaded after importing ``module``."""
    code = f"import sys, {module}; print(' '.join(n for n in {names!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return tuple(done.stdout.split())


__all__ = ["HEAVY", "assert_plugin_contract", "check", "imported_by", "plugin_name"]
