"""Configuration in ``[tool.maestro]``: layers merged into one dictionary, then converted once into typed settings.

Order, last wins: defaults, file, environment ``MAESTRO_*``, command line. An unknown key is an error with a
suggestion; every error of every table is told together. No file above the repository root is read.
"""

from __future__ import annotations

import difflib
import tomllib
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from maestro_hooks.errors import ConfigError
from maestro_hooks.registry import Settings
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

S = TypeVar("S", bound=Settings)

# Variables of the same prefix that are no settings.
RESERVED_VARIABLES = frozenset(
    {"MAESTRO_CACHE", "MAESTRO_CAS_KEY_FILE", "MAESTRO_RUN", "MAESTRO_KEY_PASSPHRASE", "MAESTRO_SIGNING_KEY"}
)


class RunSettings(Settings, frozen=True, kw_only=True):
    """``[tool.maestro.run]``: how ``maestro run`` drives the project."""

    tests: Annotated[
        Literal["all", "affected"],
        Meta(description="Run every test, or leave out those a plugin justifies; a policy can bound how many."),
    ] = "all"
    pytest_arguments: Annotated[tuple[str, ...], Meta(description="Extra arguments for pytest.")] = ()
    build: Annotated[bool, Meta(description="Build the wheel and the source distribution.")] = True
    test_timeout_s: Annotated[int, Meta(ge=1, description="Stop the test process after this many seconds.")] = 3600
    build_timeout_s: Annotated[int, Meta(ge=1, description="Stop the build after this many seconds.")] = 900


class HostSettings(Settings, frozen=True, kw_only=True):
    """``[tool.maestro]``: what the host itself reads."""

    require: Annotated[tuple[str, ...], Meta(description="Plugins whose gates must have run at seal.")] = ()
    disable: Annotated[tuple[str, ...], Meta(description="Plugins that are not loaded.")] = ()
    policy: Annotated[str, Meta(min_length=1, description="The policy file.")] = "maestro-policy.yaml"
    dist: Annotated[str, Meta(min_length=1, description="Where builds and bundles go.")] = "dist"
    exclude: Annotated[tuple[str, ...], Meta(description="Glob patterns of files no gate reads.")] = ()
    run: RunSettings = RunSettings()


class Layers(Value, frozen=True):
    """The merged raw configuration, and for each dotted key where its value came from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    ignored: tuple[str, ...] = ()


def read_layers(root: Path, *, env: Mapping[str, str], overrides: Mapping[str, Any], plugins: Iterable[str]) -> Layers:
    """Merge file, environment and command line. ``plugins`` are the names whose tables may exist.

    Raises:
        ConfigError: the file is not TOML, or ``[tool.maestro]`` is no table.
    """
    values, where = _read_file(root)
    origins = dict.fromkeys(_dotted(values), where)
    ignored = _merge_environment(values, origins, env, tuple(plugins))
    for key, value in overrides.items():
        values[key] = value
        origins[key] = "command line"
    return Layers(values, origins, ignored)


def host_settings(layers: Layers, plugins: Iterable[str]) -> HostSettings:
    """The host's own settings. Raises ``ConfigError`` naming every wrong key and value."""
    names = tuple(plugins)
    fields = _fields(HostSettings)
    problems = [_unknown(layers, key, (*fields, *names)) for key in layers.values if key not in (*fields, *names)]
    own = {key: value for key, value in layers.values.items() if key in fields}
    return _convert(own, HostSettings, layers=layers, prefix="", problems=problems)


def plugin_settings(layers: Layers, plugin: str, settings_type: type[S]) -> S:
    """The validated table ``[tool.maestro.<plugin>]``. Raises ``ConfigError``."""
    table = layers.values.get(plugin, {})
    if not isinstance(table, dict):
        raise ConfigError("expected a table", where=_where(layers, plugin), fix=f"write [tool.maestro.{plugin}]")
    return _convert(table, settings_type, layers=layers, prefix=plugin, problems=[])


def _read_file(root: Path) -> tuple[dict[str, Any], str]:
    for name, path in (("maestro.toml", ()), ("pyproject.toml", ("tool", "maestro"))):
        place = root / name
        if not place.is_file():
            continue
        try:
            document: Any = parsed_toml(place.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"not valid TOML: {error}", where=name, fix="correct the file") from error
        for part in path:
            document = document.get(part, {}) if isinstance(document, dict) else None
        if not isinstance(document, dict):
            raise ConfigError("expected a table", where=f"{name}: tool.maestro", fix="write [tool.maestro]")
        if document or name == "maestro.toml":
            return deepcopy(document), f"{name}: tool.maestro" if path else name
    return {}, "pyproject.toml: tool.maestro"


@lru_cache(maxsize=4)
def parsed_toml(text: str) -> dict[str, Any]:
    """A TOML document, parsed once in a process; nobody may change it. Raises ``tomllib.TOMLDecodeError``."""
    return tomllib.loads(text)


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")


def _merge_environment(
    values: dict[str, Any], origins: dict[str, str], env: Mapping[str, str], plugins: tuple[str, ...]
) -> tuple[str, ...]:
    """``MAESTRO_POLICY`` sets ``policy``; ``MAESTRO_BLOOM__LEVEL`` sets ``bloom.level``; lists split at commas."""
    ignored: list[str] = []
    given = sorted(v for v in env if v.startswith("MAESTRO_") and v not in RESERVED_VARIABLES)
    if not given:
        return ()
    tables = {*plugins, *(name for name, field in _types(HostSettings).items() if _is_table(field))}
    for variable in given:
        first, _, second = variable.removeprefix("MAESTRO_").lower().partition("__")
        if second and first in tables:
            table = values.setdefault(first, {})
            values[first] = {**table, second: env[variable]} if isinstance(table, dict) else table
            origins[f"{first}.{second}"] = f"environment {variable}"
        elif first in _fields(HostSettings) and not second:
            values[first] = env[variable]
            origins[first] = f"environment {variable}"
        else:
            ignored.append(variable)
    return tuple(ignored)


def _convert(
    table: Mapping[str, Any], settings_type: type[S], *, layers: Layers, prefix: str, problems: list[str]
) -> S:
    if not table and not problems:
        with suppress(TypeError):  # something required is missing: told below
            return settings_type()
    found = list(problems)
    prepared = _prepare(table, settings_type, layers=layers, prefix=prefix, problems=found)
    try:
        settings = msgspec.convert(prepared, settings_type, strict=False)
    except msgspec.ValidationError as error:
        found.append(_located(error, table, layers, prefix))
    if found:
        raise ConfigError("\n".join(found), fix="run 'maestro config' to see every key and its meaning")
    return settings


def _prepare(
    table: Mapping[str, Any], settings_type: type[Settings], *, layers: Layers, prefix: str, problems: list[str]
) -> dict[str, Any]:
    """Find unknown keys in this table and below, and split environment strings meant as lists."""
    types = _types(settings_type) if table else {}
    prepared: dict[str, Any] = {}
    for key, value in table.items():
        dotted = f"{prefix}.{key}" if prefix else key
        if key not in types:
            if prefix:
                problems.append(_unknown(layers, dotted, tuple(types)))
            continue
        inner = types[key]
        if _is_table(inner) and isinstance(value, dict):
            prepared[key] = _prepare(value, inner, layers=layers, prefix=dotted, problems=problems)
        elif isinstance(value, str) and layers.origins.get(dotted, "").startswith("environment") and _is_list(inner):
            prepared[key] = [part.strip() for part in value.split(",") if part.strip()]
        else:
            prepared[key] = value
    return prepared


def _located(error: msgspec.ValidationError, table: Mapping[str, Any], layers: Layers, prefix: str) -> str:
    """Rewrite msgspec's ``... - at `$.a.b``` as file, dotted key, and the value that stands there."""
    words, _, path = str(error).partition(" - at `$")
    inner = path.rstrip("`").lstrip(".")
    value: Any = table
    for part in inner.split(".") if inner else ():
        value = value.get(part.partition("[")[0]) if isinstance(value, dict) else value
    dotted = ".".join(p for p in (prefix, inner) if p)
    return f"{_where(layers, dotted)}: {words[:1].lower()}{words[1:]}, got {value!r}"


def _unknown(layers: Layers, dotted: str, known: tuple[str, ...]) -> str:
    name = dotted.rpartition(".")[2]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(sorted(known))}"
    return f"{_where(layers, dotted)}: unknown key{hint}"


def _where(layers: Layers, dotted: str) -> str:
    origin = layers.origins.get(dotted.partition("[")[0], "")
    if origin.startswith(("environment", "command")):
        return origin
    return f"{origin or 'pyproject.toml: tool.maestro'}.{dotted}".replace("maestro.toml.", "maestro.toml: ")


def _types(settings_type: type[Settings]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(settings_type)}


def _fields(settings_type: type[Settings]) -> tuple[str, ...]:
    return settings_type.__struct_encode_fields__


def _is_table(field_type: Any) -> bool:
    return isinstance(field_type, type) and issubclass(field_type, Settings)


def _is_list(field_type: Any) -> bool:
    inspected = msgspec.inspect.type_info(field_type)
    while isinstance(inspected, msgspec.inspect.Metadata):
        inspected = inspected.type
    return isinstance(inspected, msgspec.inspect.VarTupleType | msgspec.inspect.ListType)
