"""YAML as plain data, read strictly, with the line and column of every value.

Invariant: what is read has one meaning: no anchors, aliases, tags, duplicate keys, octal, sexagesimal or binary
numbers, empty values, and no dates; a number with a point is an exact ``Decimal``. Anything else is an error with its
place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import msgspec.inspect
import yaml

from maestro_hooks.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

_NOTHING = ("", "~", "null", "Null", "NULL")
_WORDS: dict[str, object] = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}\Z")
# What other readers of YAML take for a number, in a base or precision people do not expect.
_TREACHEROUS = re.compile(
    r"[-+]?(\.?[0-9][0-9_]*|[0-9_]*\.?[0-9_]+e[-+]?[0-9]+|[0-9]+\.e[-+]?[0-9]+|0[xob][0-9a-f_]+|[0-9]+(:[0-5]?[0-9])+|\.(inf|nan))\Z",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file and where each value stands: path as ``$.rules[0].max`` to (line, column) from 1."""

    value: Any
    places: Mapping[str, tuple[int, int]]
    where: str

    def at(self, path: str) -> str:
        """``file: line 3, column 5 (rules[0].max)``, of the value or the nearest one around it."""
        line, column = self._place(path)
        shown = path.removeprefix("$").lstrip(".").replace("[...]", "")
        return f"{self.where}: line {line}, column {column}" + (f" ({shown})" if shown else "")

    def line(self, path: str) -> int:
        """The line of the value, or of the nearest one around it."""
        return self._place(path)[0]

    def _place(self, path: str) -> tuple[int, int]:
        while path not in self.places and path:
            # Keys may hold dots; what is cut too short is found at the next value around.
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, (1, 1))

    def convert(self, into: type[T]) -> T:
        """The data as ``into``. Raises ``ConfigError`` with place and, for an unknown field, a suggestion."""
        try:
            # Decimals are what this reader makes: a text is no number, though it may read like one.
            return msgspec.convert(self.value, into, builtin_types=(Decimal,))
        except msgspec.ValidationError as error:
            words, _, path = str(error).partition(" - at `")
            path = getattr(error.__cause__, "path", "") or path.rstrip("`") or "$"
            words = words.replace("`int | decimal | null`", "a number")
            fix = "correct the file"
            unknown = _UNKNOWN.search(words)
            if unknown:
                path = f"{path}.{unknown['name']}"
                near = get_close_matches(unknown["name"], sorted(_fields(msgspec.inspect.type_info(into))), n=1)
                fix = f"did you mean '{near[0]}'?" if near else fix
            raise ConfigError(words, where=self.at(path), fix=fix) from error


def _fields(info: object) -> set[str]:
    """The names of all fields of a type and of what it holds."""
    if isinstance(info, msgspec.inspect.StructType):
        return {field.encode_name for field in info.fields}.union(*(_fields(field.type) for field in info.fields))
    inner = [getattr(info, name, None) for name in ("item_type", "value_type")]
    return set[str]().union(*(_fields(part) for part in (*inner, *getattr(info, "types", ())) if part is not None))


def read_yaml(data: bytes, *, where: str) -> Document:
    """Parse one YAML document.

    Raises:
        ConfigError: with file, line and column.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES} bytes", where=where, fix="split or shorten the file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8: {error}", where=where, fix="save the file as UTF-8") from error
    reader = _Reader(yaml.parse(text, Loader=yaml.SafeLoader), where)
    try:
        return Document(reader.document(), reader.places, where)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {_words(error)}", where=where, fix="correct the file") from error


def _words(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return str(error) or type(error).__name__


class _Reader:
    """Builds data straight from parser events: an alias is met as an event and never expanded."""

    def __init__(self, events: Iterator[yaml.Event], where: str) -> None:
        self._events = events
        self._where = where
        self.places: dict[str, tuple[int, int]] = {}

    def document(self) -> object:
        event = self._skip(yaml.StreamStartEvent, yaml.DocumentStartEvent)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value = self._value(event, "$", depth=0)
        self._skip(yaml.DocumentEndEvent)
        after = next(self._events, None)
        if after is not None and not isinstance(after, yaml.StreamEndEvent):
            raise self._error(after, "more than one document")
        return value

    def _skip(self, *kinds: type[yaml.Event]) -> yaml.Event:
        for event in self._events:
            if not isinstance(event, kinds):
                return event
            if isinstance(event, yaml.DocumentEndEvent):
                return event
        raise ConfigError("the document ends early", where=self._where, fix="correct the file")

    def _value(self, event: yaml.Event, path: str, *, depth: int) -> object:
        self.places[path] = _place(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._error(event, "anchors and aliases are not allowed")
        if getattr(event, "tag", None) is not None:
            raise self._error(event, "tags are not allowed")
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        raise self._error(event, "expected a value")

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(event, "keys must be plain text")
            key = event.value
            if key in found:
                raise self._error(event, f"duplicate key {key!r}")
            if event.implicit[0] and (key in _NOTHING or not isinstance(self._scalar(event), str)):
                raise self._error(event, f"keys must be plain text, write {key!r} in quotes")
            found[key] = self._value(next(self._events), f"{path}.{key}", depth=depth + 1)
            self.places[f"{path}.{key}"] = _place(event)
        return found

    def _sequence(self, path: str, depth: int) -> list[object]:
        found: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self._value(event, f"{path}[{len(found)}]", depth=depth + 1))
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        text: str = event.value
        if not event.implicit[0]:  # quoted or a block: text, whatever it reads like
            return text
        if text in _NOTHING:
            # A bound, a condition or an expiry that was begun and not written must not be taken for none.
            raise self._error(event, "no value is written here; write one, or leave the field out")
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return Decimal(text)
        if _TREACHEROUS.match(text):
            raise self._error(
                event, f"{text!r} is no exact decimal number of at most 18 digits; quote it if it is text"
            )
        return text

    def _error(self, event: yaml.Event, words: str) -> ConfigError:
        line, column = _place(event)
        return ConfigError(words, where=f"{self._where}: line {line}, column {column}", fix="correct the file")


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
