"""Model files to the tables the engine asks.

Invariant: compilation is a pure function of the documents; entries about one name are merged, never dropped.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from maestro_hooks.errors import ConfigError
from maestro_taint.kinds import ACTIVE, BIT, mask
from maestro_taint.models.document import ConditionEntry, Document
from maestro_taint.models.model import (
    CallModel,
    Condition,
    EntryModel,
    Models,
    PatternModel,
    SinkModel,
    SourceModel,
    StoreModel,
)
from maestro_taint.models.short import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA = Path(__file__).parent / "data"


def shipped() -> list[tuple[str, bytes]]:
    """The model files that come with the plugin, by name."""
    return [(path.name, path.read_bytes()) for path in sorted(DATA.glob("*.yaml"))]


def decode(name: str, data: bytes) -> Document:
    """One model file, checked. Raises ``ConfigError`` with the place of the first fault."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = yaml.load(data, Loader=loader)  # noqa: S506 - a safe loader either way  # nosec B506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"no valid YAML: {error}", where=name, fix="mend the file") from error
    except RecursionError as error:
        raise ConfigError("nested too deeply", where=name, fix="write it flat") from error
    if not isinstance(raw, dict):
        raise ConfigError("a model file is a mapping", where=name, fix="begin with 'version: 1'")
    try:
        document = msgspec.convert(raw, Document, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=name, fix="see the models' shape in the plugin's README") from error
    if document.version != 1:
        raise ConfigError(f"model version {document.version} is not known", where=name, fix="write 'version: 1'")
    return document


def compiled(files: Iterable[tuple[str, bytes]]) -> Models:
    """The tables of several model files; later files add to earlier ones."""
    models = Models()
    digest = hashlib.sha256()
    for name, data in files:
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        _add(models, expanded(decode(name, data), name), name)
    models.digest = digest.hexdigest()
    return models


def names(value: tuple[str, ...] | str) -> tuple[str, ...]:
    """One name or several."""
    return (value,) if isinstance(value, str) else value


def _add(models: Models, document: Document, where: str) -> None:  # noqa: C901, PLR0912 - one branch per form
    for target, given in document.aliases.items():
        for alias in names(given):
            models.aliases[alias] = target
    for parameter, dotted in document.parameters.items():
        models.parameters[parameter] = (*names(dotted), *models.parameters.get(parameter, ()))
    models.item_paths.update(document.items)
    for s in document.sources:
        _source(models, s, where)
    for k in document.sinks:
        _sink(models, k, where)
    for z in document.sanitizers:
        bits = _mask(z.clears, where)  # type: ignore[union-attr]
        models.clean_reads.update(dict.fromkeys(names(z.read), bits))  # type: ignore[union-attr]
        for call in names(z.call):  # type: ignore[union-attr]
            _merge(models.calls, call, clears=bits, clear_when=_conditions(z.when), flow=z.flow or "all")  # type: ignore[union-attr]
    for p in document.propagators:
        for call in names(p.call):
            _merge(
                models.calls, call, flow=p.flow, returns=p.returns, restores=_mask(p.restores, where), into=p.into,
                literal=p.literal,
            )  # fmt: skip
    for e in document.entrypoints:
        bits = _mask(e.returns, where)
        for decorator in names(e.decorator):
            models.entries[decorator] = EntryModel(e.id, e.params, bits, e.skip)
        for door in (*names(e.base), *((e.first,) if e.first else ())):
            models.entries[door] = EntryModel(
                e.id, e.params, bits, e.skip, e.methods, base=True, confidence=e.confidence, within=e.within
            )
    for w in document.patterns:
        made = PatternModel(
            w.id, w.rule, w.cwe, w.message, _conditions(w.when), w.unless_in, w.unless_beside, w.weighed
        )
        for call in names(w.call):
            old = models.calls.get(call, CallModel())
            _merge(models.calls, call, patterns=(*old.patterns, made), returns=w.returns)


def _source(models: Models, s: Any, where: str) -> None:
    if s.kind.partition(".")[0] not in ACTIVE:
        raise ConfigError(f"source {s.id}: unknown kind {s.kind!r}", where=where, fix=f"one of {', '.join(ACTIVE)}")
    made = SourceModel(s.id, s.kind, s.confidence)
    for read in names(s.read):
        models.reads[read] = made
    for call in names(s.call):
        _merge(models.calls, call, source=made)
    for method in names(s.method):
        _merge(models.methods, method, source=made)
    models.env = (*models.env, *s.env)
    fields = s.field.get("name", ())
    models.fields = (*models.fields, *((f, s.kind) for f in ([fields] if isinstance(fields, str) else fields)))
    for name in s.annotation:
        models.annotations[name] = s.kind


def _sink(models: Models, k: Any, where: str) -> None:
    bits = _mask(names(k.kind), where)
    if k.store:
        models.stores[k.store] = StoreModel(k.id, _mask((k.key,), where) if k.key else 0, bits)
        models.attributes[k.store] = StoreModel(k.id, 0, bits)
        return
    clear = (k.clear_when,) if isinstance(k.clear_when, ConditionEntry) else k.clear_when
    when = (*_conditions(k.when), *_conditions(tuple(_inverted(c) for c in clear)))
    made = SinkModel(k.id, k.args, bits, k.cwe, when, k.special, k.confidence)
    extra: dict[str, Any] = {"flow": k.flow} if k.flow else {}
    if k.returns:
        extra["returns"] = k.returns
    for call in names(k.call):
        old = models.calls.get(call, CallModel())
        _merge(models.calls, call, sinks=(*old.sinks, made), **extra)
    for method in names(k.method):
        old = models.methods.get(method, CallModel())
        _merge(models.methods, method, sinks=(*old.sinks, made), **extra)
        if k.receiver:
            models.hints[method] = tuple(dict.fromkeys((*models.hints.get(method, ()), *k.receiver)))


def _merge(table: dict[str, CallModel], call: str, **changes: Any) -> None:
    """Add facts to a call's model; an empty fact leaves what is known."""
    old = table.get(call, CallModel())
    kept = {name: value for name, value in changes.items() if value not in (None, "", 0, ()) or name == "into"}
    if kept.get("into", 0) is None:
        del kept["into"]
    if "clears" in kept:
        kept["clears"] |= old.clears
    if kept.get("flow") == "all" and old.flow != "all":
        del kept["flow"]
    table[call] = replace(old, **kept)


def _inverted(c: ConditionEntry) -> ConditionEntry:
    opposite = {"true": "false", "false": "true", "present": "absent", "absent": "present", "": ""}
    return ConditionEntry(c.arg, opposite[c.is_], c.not_in, c.in_, c.at)


def _conditions(entries: tuple[ConditionEntry, ...]) -> tuple[Condition, ...]:
    made = []
    for c in entries:
        op = c.is_ or ("in" if c.in_ else "not in")
        made.append(Condition(c.arg, op, c.in_ or c.not_in, c.at))
    return tuple(made)


def _mask(kinds: Iterable[str], where: str) -> int:
    try:
        return mask(tuple(kinds))
    except KeyError as error:
        known = ", ".join((*BIT, "injection", "confidential", "path", "all"))
        raise ConfigError(f"unknown kind {error}", where=where, fix=f"one of {known}") from error
