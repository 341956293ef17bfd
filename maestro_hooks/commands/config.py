"""``maestro config``: the effective configuration, where each value comes from, and the schema of every table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_hooks.commands.plugins import load_anyway
from maestro_hooks.config import HostSettings, host_settings, plugin_settings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ExitCode, MaestroError
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.registry import Settings


def add_arguments(parser: ArgumentParser) -> None:
    """``--origin`` and ``--schema``."""
    parser.add_argument("--origin", action="store_true", help="say which file, variable or option set each value")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of [tool.maestro]")


def run(arguments: Namespace) -> ExitCode:
    """Show configuration. A plugin that cannot be loaded leaves its table unchecked, and that is said."""
    plugins, _ = load_anyway(arguments.root)
    types = {p.name: p.registry.settings_type for p in plugins if p.registry and p.registry.settings_type}
    if arguments.schema:
        emit({}, [json.dumps(schema_of(types), indent=2, sort_keys=True)], as_json=False)
        return ExitCode.OK
    try:
        root = Repository.find(arguments.root).root
    except MaestroError:
        root = arguments.root.resolve()
    found = find_plugins()
    layers = read_configuration(root, found)
    values = {"": msgspec.to_builtins(host_settings(layers, (f.name for f in found)))}
    for name, settings_type in sorted(types.items()):
        values[name] = msgspec.to_builtins(plugin_settings(layers, name, settings_type))
    unchecked = {p.name: p.reason for p in plugins if p.state == "broken" and p.name in layers.values}
    lines = _lines(values, layers.origins, arguments.origin)
    lines += [f"[tool.maestro.{name}] is unchecked: {reason}" for name, reason in unchecked.items()]
    lines += [f"# ignored environment variable: {name}" for name in layers.ignored]
    payload = {"schema": "maestro.config/1", "ok": True, "values": values, "origins": dict(layers.origins)}
    payload |= {"unchecked": unchecked, "ignored": list(layers.ignored)}
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK


def schema_of(types: dict[str, type[Settings]]) -> dict[str, Any]:
    """The JSON schema of ``[tool.maestro]`` with one property per plugin table."""
    schema = msgspec.json.schema(HostSettings)
    definitions = schema["$defs"]
    own = definitions[HostSettings.__name__]
    for name, settings_type in types.items():
        inner = msgspec.json.schema(settings_type)
        definitions |= inner["$defs"]
        own["properties"][name] = {"$ref": inner["$ref"]}
    return schema


def _lines(values: dict[str, Any], origins: Any, with_origin: bool) -> list[str]:  # noqa: FBT001 - one private caller
    lines = []
    for table, entries in values.items():
        lines.append(f"[tool.maestro{'.' + table if table else ''}]")
        for key, value in _flat(entries):
            dotted = f"{table}.{key}" if table else key
            origin = f"  # {origins.get(dotted, 'default')}" if with_origin else ""
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}{origin}")
        lines.append("")
    return lines[:-1]


def _flat(entries: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    for key, value in entries.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return flat
