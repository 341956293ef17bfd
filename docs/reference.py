"""Writes ``docs/reference.md`` from the code: verbs, settings, hooks and rules. ``python docs/reference.py``."""

from __future__ import annotations

import json
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_hooks import hookspecs
from maestro_hooks.cli import COMMANDS
from maestro_hooks.commands.config import schema_of
from maestro_hooks.config import HostSettings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.host import load_plugin, new_manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.discovery import Plugin
    from maestro_hooks.registry import Registry

PLACE = Path(__file__).with_name("reference.md")
HEAD = """\
# Reference

Made by `nox -s sync` from the code; edit that, not this page.
"""


def page() -> str:
    """The whole page; the same installation makes the same bytes."""
    manager = new_manager()
    # Without the settings of any project: what is described is what is there.
    plugins = [load_plugin(found, HostSettings(), (), manager) for found in find_plugins()]
    ours = sorted((p for p in plugins if p.module_name.startswith("maestro_")), key=lambda p: p.name)
    parts = (HEAD, *_verbs(ours), *_settings(ours), *_hooks(), *_rules(ours))
    return "\n".join(parts) + "\n"


def _verbs(plugins: list[Plugin]) -> Iterator[str]:
    yield "## Verbs\n\n`maestro VERB --help` lists a verb's options; every verb takes `--json` and `-C DIR`.\n"
    yield "| verb | does | from |\n|---|---|---|"
    for name, words in COMMANDS.items():
        yield f"| `{name}` | {words} | the host |"
    for plugin, registry in _registries(plugins):
        for command in registry.commands:
            yield f"| `{command.name}` | {command.help} | {plugin} |"


def _settings(plugins: list[Plugin]) -> Iterator[str]:
    types = {name: registry.settings_type for name, registry in _registries(plugins) if registry.settings_type}
    schema = schema_of(types)
    yield (
        "\n## Settings\n\nIn `pyproject.toml` below `[tool.maestro]`, or in `maestro.toml`; an environment variable"
        " such as `MAESTRO_BLOOM__KEEP` wins. An unknown key is an error. `maestro config --origin` shows what holds."
    )
    yield from _table("tool.maestro", schema["$defs"][HostSettings.__name__], schema["$defs"])


def _table(name: str, definition: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    inner: list[tuple[str, dict[str, Any]]] = []
    rows: list[str] = []
    for key, value in definition["properties"].items():
        target = definitions[_target(value)] if _target(value) else value
        if "properties" in target and "$ref" in value:
            inner.append((f"{name}.{key}", target))
        else:
            rows.append(f"| `{key}` | {_type(value)} | {_default(value)} | {_cell(_meaning(value))} |")
    if rows:
        yield f"\n### `[{name}]`\n\n{_cell(definition.get('description', '').partition(chr(10) * 2)[0])}\n"
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        yield from rows
    for place, target in inner:
        yield from _table(place, target, definitions)


def _target(value: dict[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _type(value: dict[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(f"`{choice}`" for choice in value["enum"])
    if "anyOf" in value:
        return " or ".join(_type(option) for option in value["anyOf"])
    if "$ref" in value:
        return "table"
    kind = value.get("type", "any")
    if kind == "array" and isinstance(value.get("items"), dict):
        return f"array of {_type(value['items'])}"
    low, high = value.get("minimum"), value.get("maximum")
    bounds = (
        f" {low if low is not None else ''}..{high if high is not None else ''}" if (low, high) != (None,) * 2 else ""
    )
    return f"{kind}{bounds}"


def _meaning(value: dict[str, Any]) -> str:
    """The description of a value, else of its items or its first alternative that has one."""
    inner = [value.get("items"), *value.get("anyOf", ()), value.get("additionalProperties")]
    own = str(value.get("description", ""))
    return own or next((found for part in inner if isinstance(part, dict) and (found := _meaning(part))), "")


def _default(value: dict[str, Any]) -> str:
    return f"`{json.dumps(value['default'])}`" if "default" in value else ""


def _hooks() -> Iterator[str]:
    yield "\n## Hooks\n\nA plugin implements any of them; each takes one frozen object.\n"
    yield "| hook | kind | when, and what it means |\n|---|---|---|"
    for name, kind in hookspecs.KINDS.items():
        yield f"| `{name}` | {kind} | {_cell(getdoc(getattr(hookspecs, name)) or '')} |"


def _rules(plugins: list[Plugin]) -> Iterator[str]:
    yield "\n## Rules\n\nWhat `# maestro: ignore[rule] reason` and SARIF name.\n"
    yield "| rule | title | CWE | from |\n|---|---|---|---|"
    for plugin, registry in _registries(plugins):
        for rule in sorted(registry.rules, key=lambda r: r.id):
            yield f"| `{rule.id}` | {_cell(rule.title)} | {rule.cwe or ''} | {plugin} |"


def _registries(plugins: list[Plugin]) -> Iterator[tuple[str, Registry]]:
    for plugin in plugins:
        if plugin.registry is not None:
            yield plugin.name, plugin.registry


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    PLACE.write_text(page(), encoding="utf-8")
