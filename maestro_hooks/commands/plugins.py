"""``maestro plugins``: every installed plugin, loaded or not, and why. Works with every plugin broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_hooks.config import HostSettings, host_settings
from maestro_hooks.discovery import Plugin, duplicates, find_plugins
from maestro_hooks.errors import ExitCode, MaestroError
from maestro_hooks.hookspecs import KINDS
from maestro_hooks.host import Host, load_plugin, new_manager
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit, table
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from maestro_hooks.config import Layers
    from maestro_hooks.discovery import Found
    from maestro_hooks.registry import Command


def add_arguments(parser: ArgumentParser) -> None:
    """No arguments of its own."""
    parser.epilog = "exit code 3 if a plugin is broken"


def run(arguments: Namespace) -> ExitCode:
    """List plugins; exit code 3 if one is broken."""
    plugins, trouble = load_anyway(arguments.root)
    rows = [_row(p) for p in plugins]
    payload = {
        "schema": "maestro.plugins/1",
        "ok": not any(p.state == "broken" for p in plugins) and not trouble,
        "plugins": rows,
        "configuration": trouble,
    }
    lines = table(
        ("plugin", "version", "state", "gates and hooks", "verbs"),
        [(r["name"], r["version"], r["state"], _hooks(r), " ".join(r["verbs"])) for r in rows],
    )
    for row in rows:
        if row["reason"]:
            lines.append(f"{row['name']}: {row['reason']}" + (f"; to do: {row['fix']}" if row["fix"] else ""))
    if trouble:
        lines.append(f"configuration: {trouble}")
    if not rows:
        lines = ["no plugins are installed"]
    emit(payload, lines, as_json=arguments.json)
    if trouble:
        return ExitCode.USAGE
    return ExitCode.OK if payload["ok"] else ExitCode.TOOL_FAILED


def load_anyway(start: Path) -> tuple[tuple[Plugin, ...], str]:
    """Load all plugins, with the project's configuration if it can be read, else without; and what was wrong."""
    found = find_plugins()
    try:
        return Host.load(_configuration(start, found), found).plugins, ""
    except MaestroError as error:
        manager = new_manager()
        return tuple(load_plugin(f, HostSettings(), duplicates(found), manager) for f in found), str(error)


def _configuration(start: Path, found: tuple[Found, ...]) -> Layers:
    try:
        root = Repository.find(start).root
    except MaestroError:
        root = start
    return read_configuration(root, found)


def plugin_commands(start: Path, verb: str) -> tuple[dict[str, Command], tuple[Plugin, ...]]:
    """The verbs plugins add, by name, and the plugins that are broken.

    A plugin that goes by the name of ``verb`` is asked first, and if it has it, no other plugin is loaded.
    """
    found = find_plugins()
    for own in (f for f in found if f.name == verb):
        try:
            settings = host_settings(_configuration(start, found), (f.name for f in found))
        except MaestroError:
            settings = HostSettings()
        plugin = load_plugin(own, settings, duplicates(found), new_manager())
        commands = {c.name: c for c in plugin.registry.commands} if plugin.registry is not None else {}
        if plugin.state == "loaded" and verb in commands:
            return {verb: commands[verb]}, ()
    plugins, _ = load_anyway(start)
    commands = {c.name: c for p in plugins if p.registry is not None for c in p.registry.commands}
    return commands, tuple(p for p in plugins if p.state == "broken")


def _row(plugin: Plugin) -> dict[str, Any]:
    registry = plugin.registry
    return {
        "name": plugin.name,
        "module": plugin.module_name,
        "version": plugin.version,
        "state": plugin.state,
        "reason": plugin.reason,
        "fix": plugin.fix,
        "hooks": {hook: KINDS[hook] for hook in plugin.hooks},
        "verbs": sorted(c.name for c in registry.commands) if registry else [],
        "rules": [r.id for r in registry.rules] if registry else [],
        "namespaces": sorted(registry.namespaces) if registry else [],
    }


def _hooks(row: dict[str, Any]) -> str:
    return " ".join(h.removeprefix("maestro_") for h in row["hooks"] if h != "maestro_register")
