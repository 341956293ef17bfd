"""Find plugins through the one entry-point group ``maestro`` and load each.

Finding reads metadata only and imports nothing of a plugin; loading runs plugin code, so the host guards it.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, distribution, distributions
from typing import TYPE_CHECKING, Literal

from maestro_hooks.hookspecs import KINDS, MAESTRO_API, PROJECT
from maestro_hooks.registry import Registry
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from pluggy import HookCaller, PluginManager

GROUP = "maestro"
State = Literal["loaded", "disabled", "unavailable", "broken"]


class Found(Value, frozen=True):
    """An entry point before it is loaded: its name, target module, and the distribution that brought it."""

    name: str
    module: str
    distribution: str = ""
    version: str = ""


class Plugin(Value, frozen=True):
    """A plugin after the attempt to load it; ``reason`` says why it is not loaded."""

    name: str
    module_name: str
    version: str
    state: State
    reason: str = ""
    fix: str = ""
    registry: Registry | None = None
    hooks: tuple[str, ...] = ()


class ContractError(Exception):
    """A plugin does not keep the contract: wrong API version, unknown hook, wrong arguments, a wrapper."""


def find_plugins() -> tuple[Found, ...]:
    """Every entry point of the group, sorted by name; reads metadata only, imports nothing of a plugin."""
    found: set[Found] = set()
    for candidate in distributions():
        # Parsing every distribution's entry points, as ``entry_points`` does, costs more than all the rest of this.
        text = candidate.read_text("entry_points.txt") or ""
        if f"[{GROUP}]" in text:
            metadata = candidate.metadata
            name, version = metadata["Name"] or "", metadata["Version"] or ""
            if not name or _is_first(name, text):
                points = candidate.entry_points.select(group=GROUP)
                found |= {Found(point.name, point.value, name, version) for point in points}
    return tuple(sorted(found, key=lambda f: (f.name, f.module, f.version)))


def _is_first(name: str, text: str) -> bool:
    """Whether it is the one that counts: of a distribution seen twice (a checkout and its build) the first does."""
    try:
        return distribution(name).read_text("entry_points.txt") == text
    except PackageNotFoundError:
        return False


def load(found: Found, manager: PluginManager) -> Plugin:
    """Import, check and register one plugin; runs the plugin's own code, so call it behind a guard.

    Raises:
        ContractError: see :func:`check_contract`.
    """
    module = importlib.import_module(found.module)
    hooks = check_contract(module, found.name, manager)
    registry = Registry(found.name)
    if "maestro_register" in hooks:
        module.maestro_register(registry)
    registry.namespaces.add(found.name)
    state: State = "loaded"
    reason = fix = ""
    if registry.extra is not None and importlib.util.find_spec(registry.extra[0]) is None:
        manager.unregister(module)
        state, reason = "unavailable", f"needs {registry.extra[0]}"
        fix = f"pip install 'maestro-conductor[{registry.extra[1]}]'"
    return Plugin(found.name, found.module, found.version, state, reason, fix, registry, hooks)


def check_contract(module: ModuleType, name: str, manager: PluginManager) -> tuple[str, ...]:
    """Register ``module`` with ``manager`` and return the hooks it implements.

    Raises:
        ContractError: the API version is absent or another, a hook is misspelt, undecorated or takes a wrong
            argument, or a hook is a wrapper (which would see other plugins' results).
    """
    api = getattr(module, "MAESTRO_API", None)
    if api != MAESTRO_API:
        raise ContractError(f"MAESTRO_API is {api!r}, this host supports {MAESTRO_API}")
    for hook in sorted(KINDS.keys() & vars(module).keys()):
        if not hasattr(getattr(module, hook), f"{PROJECT}_impl"):
            raise ContractError(f"{hook} lacks @hookimpl, so it would never be called")
    manager.register(module, name)
    callers = manager.get_hookcallers(module) or []
    try:
        for caller in callers:
            _check_hook(caller, module)
    except ContractError:
        manager.unregister(module)
        raise
    return tuple(sorted(caller.name for caller in callers))


def _check_hook(caller: HookCaller, module: ModuleType) -> None:
    if not caller.has_spec():
        near = difflib.get_close_matches(caller.name, KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known hooks: {', '.join(KINDS)}"
        raise ContractError(f"unknown hook {caller.name}; {hint}")
    for implementation in caller.get_hookimpls():
        if implementation.plugin is module and (implementation.wrapper or implementation.hookwrapper):
            raise ContractError(f"{caller.name} is a wrapper; wrappers defeat the isolation of plugins")


def duplicates(found: Iterable[Found]) -> tuple[str, ...]:
    """Names that more than one entry point claims: neither is trusted."""
    seen: dict[str, set[str]] = {}
    for f in found:
        seen.setdefault(f.name, set()).add(f.module)
    return tuple(sorted(name for name, modules in seen.items() if len(modules) > 1))
