"""The host: calls plugins one at a time, so that one broken plugin never silences another.

Invariant: ``Host.call`` raises nothing because of a plugin. A crash, an early exit, a value of the wrong type or a
generator that dies midway becomes a ``Failure``, and nothing that plugin yielded in that call is kept.
"""

from __future__ import annotations

import dataclasses
import traceback
from typing import TYPE_CHECKING, TypeVar

import pluggy

from maestro_hooks import discovery, hookspecs
from maestro_hooks.config import HostSettings, Layers, host_settings, plugin_settings
from maestro_hooks.discovery import Found, Plugin
from maestro_hooks.errors import ConfigError, MaestroError, UnavailableError
from maestro_hooks.hookspecs import KINDS, ONE_ANSWER
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType

    from maestro_hooks.registry import Settings

T = TypeVar("T")


class Failure(Value, frozen=True):
    """A plugin that did not answer: which hook, what kind of error, its words, and the traceback for a report."""

    plugin: str
    hook: str
    error_class: str
    message: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.plugin}: {self.hook} failed ({self.error_class}: {self.message})"


class Results(Value, frozen=True):
    """What one hook call brought: (plugin, value) sorted by plugin, and the plugins that failed."""

    values: tuple[tuple[str, object], ...] = ()
    failures: tuple[Failure, ...] = ()
    called: tuple[str, ...] = ()


class Host(Value, frozen=True):
    """Loaded plugins with their settings. Make one with :meth:`load`; there is no global host."""

    settings: HostSettings
    layers: Layers
    plugins: tuple[Plugin, ...]
    tables: Mapping[str, Settings]
    manager: pluggy.PluginManager

    @classmethod
    def load(cls, layers: Layers, found: Iterable[Found]) -> Host:
        """Load every plugin that is not disabled.

        Raises:
            ConfigError: a wrong key or value in the configuration, or a required plugin is not installed.
        """
        entries = tuple(sorted(found, key=lambda f: (f.name, f.module)))
        settings = host_settings(layers, (f.name for f in entries))
        manager = new_manager()
        clashes = discovery.duplicates(entries)
        plugins = tuple(load_plugin(f, settings, clashes, manager) for f in entries)
        tables = {
            plugin.name: plugin_settings(layers, plugin.name, plugin.registry.settings_type)
            for plugin in plugins
            if plugin.state == "loaded" and plugin.registry is not None and plugin.registry.settings_type is not None
        }
        host = cls(settings, layers, plugins, tables, manager)
        host._check_enabled()
        return host

    def _check_enabled(self) -> None:
        """An unavailable plugin is an error only if the configuration wants it."""
        for plugin in self.plugins:
            wanted = plugin.name in self.settings.require or plugin.name in self.layers.values
            if plugin.state == "unavailable" and wanted:
                raise UnavailableError(f"plugin {plugin.name} {plugin.reason}", fix=plugin.fix)
        unknown = sorted(set(self.settings.require) - {p.name for p in self.plugins})
        if unknown:
            raise ConfigError(
                f"required plugins are not installed: {', '.join(unknown)}",
                where="tool.maestro.require",
                fix="install them, or correct the names ('maestro plugins' lists what is there)",
            )

    def plugin(self, name: str) -> Plugin | None:
        """The plugin of this name, whatever its state."""
        return next((p for p in self.plugins if p.name == name), None)

    def implementing(self, hook: str) -> tuple[Plugin, ...]:
        """The loaded plugins that implement ``hook``, sorted by name."""
        return tuple(p for p in self.plugins if p.state == "loaded" and hook in p.hooks)

    def broken(self, hook: str) -> tuple[Failure, ...]:
        """Plugins that could not be loaded, as failures of ``hook``: an absent gate must not look like a passed one."""
        return tuple(
            Failure(p.name, hook, "LoadError", f"{p.reason}; {p.fix}") for p in self.plugins if p.state == "broken"
        )

    def call(self, hook: str, request: object, *, only: Iterable[str] | None = None) -> Results:
        """Call ``hook`` of each plugin (or of ``only``) with ``request``, each with its own settings table."""
        values: list[tuple[str, object]] = []
        failures: list[Failure] = []
        chosen = [p for p in self.implementing(hook) if only is None or p.name in set(only)]
        for plugin in chosen:
            outcome = guarded(plugin.name, hook, lambda p=plugin: self._answer(p, hook, request))  # type: ignore[misc]
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                values.extend((plugin.name, value) for value in outcome)
        return Results(tuple(values), tuple(failures), tuple(p.name for p in chosen))

    def first(self, hook: str, request: object) -> tuple[object | None, tuple[Failure, ...]]:
        """The first non-``None`` answer in plugin order, and the failures met on the way."""
        failures: list[Failure] = []
        for plugin in self.implementing(hook):
            outcome = guarded(plugin.name, hook, lambda p=plugin: self._answer(p, hook, request))  # type: ignore[misc]
            if isinstance(outcome, Failure):
                failures.append(outcome)
            elif outcome:
                return outcome[0], tuple(failures)
        return None, tuple(failures)

    def _answer(self, plugin: Plugin, hook: str, request: object) -> list[object]:
        """Run one implementation and exhaust what it returns, so that a generator dies inside the guard."""
        module: ModuleType | None = self.manager.get_plugin(plugin.name)
        answer = getattr(module, hook)(self._addressed(plugin.name, request))
        if answer is None:
            return []
        if KINDS[hook] == "setup" or hook in ONE_ANSWER or isinstance(answer, str | bytes):
            return [answer]
        return list(answer)

    def _addressed(self, plugin: str, request: object) -> object:
        """The request with what belongs to its receiver alone: its settings table and its cache."""
        if not dataclasses.is_dataclass(request) or isinstance(request, type):
            return request
        own: dict[str, object] = {}
        if hasattr(request, "settings"):
            own["settings"] = self.tables.get(plugin)
        if hasattr(request, "cache") and hasattr(request, "root"):
            from maestro_hooks.caching import HostCache  # noqa: PLC0415 - whoever has such a request has loaded it

            own["cache"] = HostCache(self, plugin, request.root)
        return dataclasses.replace(request, **own)


def guarded(plugin: str, hook: str, call: Callable[[], T]) -> T | Failure:
    """The result of ``call``, or the ``Failure`` it became. The one broad handler of the host.

    ``SystemExit`` counts as a crash: a dependency that calls ``exit`` must not end the process with success.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - plugins are foreign code: any error is theirs
        words = str(error) if isinstance(error, MaestroError) else f"{error}"
        return Failure(plugin, hook, type(error).__name__, words or "no message", traceback.format_exc())


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the contract and no plugin."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugin(
    found: Found, settings: HostSettings, clashes: tuple[str, ...], manager: pluggy.PluginManager
) -> Plugin:
    """Load one plugin unless it is disabled or its name is claimed twice; its crash is a state, not an error."""
    if found.name in settings.disable:
        return Plugin(found.name, found.module, found.version, "disabled", "disabled by configuration")
    if found.name in clashes:
        reason = f"two installed distributions claim the name {found.name}"
        return Plugin(found.name, found.module, found.version, "broken", reason, "uninstall one of them")
    outcome = guarded(found.name, "load", lambda: discovery.load(found, manager))
    if isinstance(outcome, Plugin):
        return outcome
    reason = f"{outcome.error_class}: {outcome.message}"
    return Plugin(found.name, found.module, found.version, "broken", reason, "fix, upgrade or uninstall it")
