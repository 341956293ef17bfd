"""Methods of lists, dictionaries and strings.

Invariant: a method is modelled exactly or is unsupported by name; Unicode is never approximated by ASCII.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from maestro_symbolic.engine.comparing import code_points, is_text, text_of
from maestro_symbolic.engine.texts import Texts
from maestro_symbolic.engine.values import DictCell, Exact, ListCell, NeedTextError, Opaque, Ref, SetCell, Sym, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.engine.values import Value

PURE_TEXT = frozenset(
    [
        "upper",
        "lower",
        "strip",
        "lstrip",
        "rstrip",
        "startswith",
        "endswith",
        "find",
        "rfind",
        "index",
        "count",
        "replace",
        "isdigit",
        "isalpha",
        "isalnum",
        "isspace",
        "isupper",
        "islower",
        "isdecimal",
        "isidentifier",
        "isascii",
        "title",
        "capitalize",
        "casefold",
        "removeprefix",
        "removesuffix",
        "zfill",
        "ljust",
        "rjust",
        "center",
        "swapcase",
    ]
)


MAX_DIGIT_BITS = 2 * sys.int_info.default_max_str_digits


class MethodCalls(Texts):
    """Calls of modelled methods on one path."""

    def call_modelled(self, target: Value, name: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """``target.name(*values, **named)`` for a list, dictionary or string."""
        if is_text(target):
            return self._text_method(target, name, values, named)
        if isinstance(target, Exact):
            return self.exact_method(target, name, values, dict(named))
        cell = self.heap[target.id] if isinstance(target, Ref) else None
        if isinstance(cell, SetCell):
            return self.set_method(target, name, values)
        kind = "list" if isinstance(cell, ListCell) else "dict" if isinstance(cell, DictCell) else ""
        handler = getattr(self, f"_{kind}_{name}", None) if kind else None
        if handler is None:
            raise self.unsupported(f"method {name} of this value")
        try:
            return handler(target, *values, **named)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise self.unsupported(f"these arguments of {name}") from error

    def _items(self, target: Ref) -> tuple[Value, ...]:
        cell = self.heap[target.id]
        assert isinstance(cell, ListCell)  # noqa: S101 - the dispatch has looked
        return cell.items

    def _entries(self, target: Ref) -> tuple[tuple[Value, Value], ...]:
        cell = self.heap[target.id]
        assert isinstance(cell, DictCell)  # noqa: S101 - the dispatch has looked
        return cell.entries

    # -- lists ------------------------------------------------------------------------------------------------

    def _list_append(self, target: Ref, item: Value) -> None:
        self.heap[target.id] = ListCell((*self._items(target), item))

    def _list_extend(self, target: Ref, items: Value) -> None:
        self.heap[target.id] = ListCell((*self._items(target), *self.items_of(items)))

    def _list_insert(self, target: Ref, index: Value, item: Value) -> None:
        items = list(self._items(target))
        index = self.resolve(index)
        if isinstance(index, Sym):
            raise self.unsupported("insert at an unknown index")
        items.insert(int(index), item)
        self.heap[target.id] = ListCell(tuple(items))

    def _list_pop(self, target: Ref, index: Value = -1) -> Value:
        if not self._items(target):
            raise self.raised(IndexError, "pop from empty list")
        return self.take(target, index)

    def _list_remove(self, target: Ref, item: Value) -> None:
        self.take(target, self._position(target, item))

    def _list_index(self, target: Ref, item: Value) -> Value:
        return self._position(target, item)

    def _position(self, target: Ref, item: Value) -> int:
        for n, known in enumerate(self._items(target)):
            if self.decide(self.identical_or_equal(known, item)):
                return n
        raise self.raised(ValueError, "not in list")

    def _list_count(self, target: Ref, item: Value) -> Value:
        answers = [self.value_of("b", self.identical_or_equal(known, item)) for known in self._items(target)]
        return self.call_builtin("sum", (tuple(answers),), {})

    def _list_clear(self, target: Ref) -> None:
        self.heap[target.id] = ListCell(())

    def _list_copy(self, target: Ref) -> Value:
        return self.new(ListCell(self._items(target)))

    def _list_reverse(self, target: Ref) -> None:
        self.heap[target.id] = ListCell(self._items(target)[::-1])

    def _list_sort(self, target: Ref, key: Value = None, reverse: Value = False) -> None:  # noqa: FBT002
        if not isinstance(reverse, bool):
            raise self.unsupported("sorting in an unknown direction")
        self.heap[target.id] = ListCell(tuple(self.sort(list(self._items(target)), key, reverse=reverse)))

    # -- dictionaries -----------------------------------------------------------------------------------------

    def _dict_get(self, target: Ref, key: Value, default: Value = None) -> Value:
        return self.get_or(DictCell(self._entries(target)), key, default)

    def _dict_keys(self, target: Ref) -> Value:
        return View(target, "keys")

    def _dict_values(self, target: Ref) -> Value:
        return View(target, "values")

    def _dict_items(self, target: Ref) -> Value:
        return View(target, "items")

    def _dict_popitem(self, target: Ref) -> Value:
        *rest, last = self._entries(target) or (None,)
        if last is None:
            raise self.raised(KeyError, "popitem(): dictionary is empty")
        self.heap[target.id] = DictCell(tuple(rest))
        return last

    def _dict_pop(self, target: Ref, key: Value, *default: Value) -> Value:
        if default and not self.decide(self.contains(key, target)):
            return default[0]
        return self.take(target, key)

    def _dict_setdefault(self, target: Ref, key: Value, default: Value = None) -> Value:
        if not self.decide(self.contains(key, target)):
            self.store(target, key, default)
        return self.subscript(target, key)

    def _dict_update(self, target: Ref, other: Value = ()) -> None:
        other = self.resolve(other)
        cell = self.heap[other.id] if isinstance(other, Ref) else None
        pairs = cell.entries if isinstance(cell, DictCell) else [self.items_of(p) for p in self.items_of(other)]
        for key, value in pairs:
            self.store(target, key, value)

    def _dict_clear(self, target: Ref) -> None:
        self.heap[target.id] = DictCell(())

    def _dict_copy(self, target: Ref) -> Value:
        return self.new(DictCell(self._entries(target)))

    # -- strings ----------------------------------------------------------------------------------------------

    def _text_method(self, target: Value, name: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        if isinstance(target, Sym):
            raise NeedTextError
        known = all(isinstance(v, str | int | type(None)) for v in values)
        if isinstance(target, str) and known and not named and name in PURE_TEXT:
            try:
                return getattr(target, name)(*values)
            except (ValueError, TypeError) as error:
                raise self.raised(type(error), str(error)) from error
        if name in ("startswith", "endswith") and len(values) == 1:
            return self._affix(target, name, self.resolve(values[0]))
        if name == "join" and len(values) == 1:
            return self._text_join(target, self.items_of(values[0]))
        if name == "split" and isinstance(target, str) and known:
            return self.new(ListCell(tuple(target.split(*values))))
        model = self.text_method(name)
        if model is None:
            raise self.unsupported(f"str.{name} on unknown text")
        try:
            return model(target, *values, **named)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise self.unsupported(f"these arguments of str.{name}") from error

    def _affix(self, target: Value, name: str, affix: Value) -> Value:
        if isinstance(affix, tuple):
            return self.value_of("b", self.any_of([self.truth(self._affix(target, name, a)) for a in affix]))
        if not is_text(affix):
            raise self.raised(TypeError, f"{name} first arg must be str")
        own, part = code_points(target), code_points(affix)
        if len(part) > len(own):
            return False
        piece = own[: len(part)] if name == "startswith" else own[len(own) - len(part) :]
        return self.value_of("b", self.all_of([self.equal(a, b) for a, b in zip(piece, part, strict=True)]))

    def _text_join(self, separator: Value, items: tuple[Value, ...]) -> Value:
        points: list[Value] = []
        for n, item in enumerate(items):
            text = self.resolve(item)
            if not is_text(text):
                raise self.raised(TypeError, "sequence item: expected str instance")
            points += (*code_points(separator), *code_points(text)) if n else code_points(text)
        return text_of(points)

    def _on_joinedstr(self, node: ast.JoinedStr) -> Value:
        """Spelled out at once where everything is known, and only when somebody looks where it is not."""
        parts: list[tuple[Value, str, str]] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append((part.value, "", ""))
                continue
            assert isinstance(part, ast.FormattedValue)  # noqa: S101 - the grammar knows nothing else
            spec = "" if part.format_spec is None else self.resolve(self.evaluate(part.format_spec))
            if not isinstance(spec, str):
                raise self.unsupported("an unknown format", node)
            conversion = "" if part.conversion == -1 else chr(part.conversion)
            parts.append((self.evaluate(part.value), conversion, spec))
        return self.text_of_parts(parts)

    def text_of_parts(self, parts: list[tuple[Value, str, str]]) -> Value:
        """Text of parts, lazily if one of them is unknown."""
        enormous = [v for v, _, _ in parts if isinstance(v, int) and v.bit_length() > MAX_DIGIT_BITS]
        if enormous:
            raise self.unsupported("the digits of an enormous int")
        if all(isinstance(v, bool | int | float | str | type(None)) and c in ("", "s") for v, c, _ in parts):
            return self.spelled(Opaque(tuple(parts)))
        return Opaque(tuple(parts))
