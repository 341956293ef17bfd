"""Methods of strings whose code points are unknown, and text formatted from unknowns.

Invariant: a method is modelled over all of Unicode or is unsupported by name; where the answer decides a length, every
length is followed.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine.comparing import code_points, is_mixed, is_text, text_of
from maestro_symbolic.engine.library_calls import LibraryCalls
from maestro_symbolic.engine.values import ListCell, Member, Opaque, Ref, Sym

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_symbolic.engine.values import Term, Value

MAX_DIGITS = 6
SPEC = re.compile(r"^(?P<zero>0?)(?P<width>\d*)d?$")
ASCII_END = 128


@functools.cache
def ranges(predicate: str) -> tuple[tuple[int, int], ...]:
    """The code points whose one-character string satisfies a method of ``str``, as closed ranges."""
    found: list[list[int]] = []
    for point in range(0x110000):
        if getattr(chr(point), predicate)():
            if found and found[-1][1] == point - 1:
                found[-1][1] = point
            else:
                found.append([point, point])
    return tuple((low, high) for low, high in found)


def among(point: Term, spans: Sequence[tuple[int, int]]) -> Term:
    """Whether a code point lies in one of some ranges; the ASCII ones are asked apart, as they are what matters."""
    plain = [z3.And(point >= low, point <= min(high, ASCII_END - 1)) for low, high in spans if low < ASCII_END]
    other = [z3.And(point >= low, point <= high) for low, high in spans if high >= ASCII_END]
    context = point.ctx
    first = z3.Or(*plain) if plain else z3.BoolVal(False, context)  # noqa: FBT003 - z3's signature
    second = z3.Or(*other) if other else z3.BoolVal(False, context)  # noqa: FBT003 - z3's signature
    return z3.If(point < ASCII_END, first, second)


class Texts(LibraryCalls):
    """Unknown text on one path."""

    def point_is(self, point: Value, predicate: str) -> Term:
        """Whether a character satisfies a predicate of ``str``."""
        if isinstance(point, int):
            return bool(getattr(chr(point), predicate)())
        return among(point.term, ranges(predicate))

    def text_method(self, name: str) -> Callable[..., Value] | None:
        """The model of a method on unknown text, if there is one."""
        if name in ("isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isascii", "isprintable"):
            return lambda target: self._all_are(target, name)
        if name in ("isupper", "islower"):
            return lambda target: self._cased(target, name)
        if name in ("upper", "lower"):
            return lambda target: self._turned(target, name)
        if name in ("strip", "lstrip", "rstrip"):
            return lambda target, *chars: self._stripped(target, name, *chars)
        return getattr(self, f"_text_{name}", None)

    def _all_are(self, target: Value, predicate: str) -> Value:
        points = code_points(target)
        if not points:
            return predicate in ("isascii", "isprintable")
        return self.value_of("b", self.all_of([self.point_is(p, predicate) for p in points]))

    def _cased(self, target: Value, name: str) -> Value:
        other = "islower" if name == "isupper" else "isupper"
        points = code_points(target)
        some = self.any_of([self.point_is(p, name) for p in points])
        none = self.all_of([self.negation(self.any_of([self.point_is(p, other), self._is_title(p)])) for p in points])
        return self.value_of("b", self.all_of([some, none]))

    def _is_title(self, point: Value) -> Term:
        """Title case proper: ``istitle`` of one character is true of upper case too."""
        return self.all_of([self.point_is(point, "istitle"), self.negation(self.point_is(point, "isupper"))])

    def _turned(self, target: Value, name: str) -> Value:
        low, high, step = (97, 122, -32) if name == "upper" else (65, 90, 32)
        turned = []
        for point in code_points(target):
            if isinstance(point, int) and point < ASCII_END:
                turned.append(ord(getattr(chr(point), name)()))
                continue
            if isinstance(point, int) or self.decide(point.term >= ASCII_END):
                raise self.unsupported(f"str.{name} beyond ASCII")
            inside = z3.And(point.term >= low, point.term <= high)
            turned.append(self.value_of("i", z3.If(inside, point.term + step, point.term)))
        return text_of(turned)

    def _stripped(self, target: Value, name: str, chars: Value = None) -> Value:
        points = list(code_points(target))
        known = self.resolve(chars)

        def goes(point: Value) -> Term:
            if known is None:
                return self.point_is(point, "isspace")
            return self.any_of([self.equal(point, one) for one in code_points(known)])

        while points and name != "rstrip" and self.decide(goes(points[0])):
            del points[0]
        while points and name != "lstrip" and self.decide(goes(points[-1])):
            del points[-1]
        return text_of(points)

    def _places(self, points: Sequence[Value], part: Sequence[Value], start: int = 0) -> int:
        """The first place of a part at or after ``start``, by forking; -1 if there is none."""
        for place in range(start, len(points) - len(part) + 1):
            here = [self.equal(a, b) for a, b in zip(points[place:], part, strict=False)]
            if self.decide(self.all_of(here)):
                return place
        return -1

    def _part(self, value: Value) -> tuple[Value, ...]:
        value = self.resolve(value)
        if not is_text(value):
            raise self.raised(TypeError, "must be str")
        return code_points(value)

    def _text_find(self, target: Value, part: Value) -> Value:
        return self._places(code_points(target), self._part(part))

    def _text_index(self, target: Value, part: Value) -> Value:
        place = self._places(code_points(target), self._part(part))
        if place < 0:
            raise self.raised(ValueError, "substring not found")
        return place

    def _pieces(self, target: Value, part: Value, limit: int = -1) -> list[Value]:
        points, separator, pieces = list(code_points(target)), self._part(part), []
        if not separator:
            raise self.raised(ValueError, "empty separator")
        while limit != 0 and (place := self._places(points, separator)) >= 0:
            pieces.append(text_of(points[:place]))
            points = points[place + len(separator) :]
            limit -= 1
        return [*pieces, text_of(points)]

    def _text_split(self, target: Value, sep: Value = None, maxsplit: Value = -1) -> Value:
        if isinstance(maxsplit, Sym):
            raise self.unsupported("an unknown number of splits")
        if self.resolve(sep) is not None:
            return self.new(ListCell(tuple(self._pieces(target, sep, maxsplit))))
        if maxsplit >= 0:
            raise self.unsupported("splitting at whitespace a number of times")
        words: list[list[Value]] = [[]]
        for point in code_points(target):
            if self.decide(self.point_is(point, "isspace")):
                words += [[]] if words[-1] else []
            else:
                words[-1].append(point)
        return self.new(ListCell(tuple(text_of(word) for word in words if word)))

    def _text_partition(self, target: Value, sep: Value) -> Value:
        pieces = self._pieces(target, sep, 1)
        return (pieces[0], self.resolve(sep), pieces[1]) if len(pieces) > 1 else (pieces[0], "", "")

    def _text_count(self, target: Value, part: Value) -> Value:
        return len(self._pieces(target, part)) - 1

    def _text_replace(self, target: Value, old: Value, new: Value) -> Value:
        separator = self._part(new)
        points: list[Value] = []
        for n, piece in enumerate(self._pieces(target, old)):
            points += (*separator, *code_points(piece)) if n else code_points(piece)
        return text_of(points)

    def _text_removeprefix(self, target: Value, part: Value) -> Value:
        points, prefix = code_points(target), self._part(part)
        found = len(prefix) <= len(points) and self._places(points[: len(prefix)], prefix) == 0
        return text_of(points[len(prefix) :]) if found else target

    def _text_removesuffix(self, target: Value, part: Value) -> Value:
        points, suffix = code_points(target), self._part(part)
        if not suffix or len(suffix) > len(points) or self._places(points[-len(suffix) :], suffix) < 0:
            return target
        return text_of(points[: -len(suffix)])

    def _text_zfill(self, target: Value, width: Value) -> Value:
        points = list(code_points(target))
        if isinstance(width, Sym):
            raise self.unsupported("an unknown width")
        signed = bool(points) and self.decide(self.any_of([self.equal(points[0], ord(c)) for c in "+-"]))
        zeros = [ord("0")] * max(0, int(width) - len(points))
        return text_of([*points[:1], *zeros, *points[1:]] if signed else [*zeros, *points])

    # -- numbers and text -------------------------------------------------------------------------------------

    def integer_of_text(self, target: Value, base: int) -> Value:
        """``int(text, base)``: whitespace around, a sign, digits of any script or letters, underscores between."""
        points = list(code_points(self._stripped(target, "strip")))
        negative = bool(points) and self.decide(self.equal(points[0], ord("-")))
        if negative or (points and self.decide(self.equal(points[0], ord("+")))):
            del points[0]
        total: Value = 0
        digit_before = False
        for point in points:
            if digit_before and self.decide(self.equal(point, ord("_"))):
                digit_before = False
                continue
            digit = self._digit(point) if self.decide(self.point_is(point, "isdecimal")) else self._letter(point)
            if not isinstance(digit, int) or digit >= base:
                self.forbid(digit >= base, ValueError, "invalid literal for int()")
            total = self.value_of("i", self.integer(total) * base + digit)
            digit_before = True
        if not digit_before:
            raise self.raised(ValueError, "invalid literal for int()")
        return self.negate(total) if negative else total

    def _letter(self, point: Value) -> Term:
        """The value of an ASCII letter as a digit; 36 for what is none."""
        term = z3.IntVal(point, self.context) if isinstance(point, int) else point.term
        lower, upper = z3.And(term >= 97, term <= 122), z3.And(term >= 65, term <= 90)
        return z3.simplify(z3.If(lower, term - 87, z3.If(upper, term - 55, 36)))

    def _digit(self, point: Value) -> Term:
        if isinstance(point, int):
            return int(chr(point))
        term = point.term
        result = term - ord("0")
        for low, high in ranges("isdecimal"):
            for start in range(low, high, 10):
                if start != ord("0"):
                    result = z3.If(z3.And(term >= start, term < start + 10), term - start, result)
        return result

    def digits(self, value: Value) -> tuple[Value, ...]:
        """The decimal digits of an int, its sign first, by forking on how many there are."""
        if not isinstance(value, Sym):
            return tuple(map(ord, str(int(value))))
        term = self.integer(value)
        options = []
        for count in range(1, MAX_DIGITS + 1):
            low = 0 if count == 1 else 10 ** (count - 1)
            options.append(z3.And(term >= low, term < 10**count))
            options.append(z3.And(-term >= max(low, 1), -term < 10**count))
        index = self.choose([*options, z3.Or(term >= 10**MAX_DIGITS, -term >= 10**MAX_DIGITS)])
        if index == len(options):
            raise self.unsupported(f"the digits of an int of more than {MAX_DIGITS}")
        count, size = index // 2 + 1, -term if index % 2 else term
        found = [self.value_of("i", (size / 10**n) % 10 + ord("0")) for n in range(count - 1, -1, -1)]
        return (ord("-"), *found) if index % 2 else tuple(found)

    def spelled(self, value: Opaque) -> Value:
        """The text formatted from unknowns, each part in turn."""
        points: list[Value] = []
        for part, conversion, spec in value.parts:
            points += self._formatted(self.resolve(part), conversion, spec)
        return text_of(points)

    def _formatted(self, value: Value, conversion: str, spec: str) -> tuple[Value, ...]:
        if conversion not in ("", "s"):
            raise self.unsupported("repr of an unknown value")
        if isinstance(value, bool | int | float | str | type(None)):
            try:
                return tuple(map(ord, format(str(value) if conversion else value, spec)))
            except (ValueError, TypeError) as error:
                raise self.raised(type(error), str(error)) from error
        if isinstance(value, Sym) and value.kind == "b" and not spec:
            return tuple(map(ord, str(self.decide(value.term))))
        if isinstance(value, Sym) and value.kind == "i" and (match := SPEC.match(spec)):
            return self._padded(self.digits(value), bool(match["zero"]), int(match["width"] or 0))
        if is_text(value) and not spec:
            return code_points(value)
        if isinstance(value, Member) and not spec and not is_mixed(value) and not self._speaks(value):
            return tuple(map(ord, f"{value.info.name}.{value.name}"))
        speaks = not spec and isinstance(value, Ref | Member) and self.find_method(value, "__str__") is not None
        if speaks and self.find_method(value, "__format__") is None:
            return code_points(self.resolve(self.call_method(value, "__str__", ())))
        raise self.unsupported(f"text of this value{f' as {spec!r}' if spec else ''}")

    def _speaks(self, value: Member) -> bool:
        return any(self.find_method(value, name) is not None for name in ("__str__", "__format__"))

    def _padded(self, points: tuple[Value, ...], zero: bool, width: int) -> tuple[Value, ...]:  # noqa: FBT001 - of a match
        if not zero:
            return (*[ord(" ")] * (width - len(points)), *points)
        signed = points[0] == ord("-") if isinstance(points[0], int) else False
        zeros = [ord("0")] * (width - len(points))
        return (*points[:1], *zeros, *points[1:]) if signed else (*zeros, *points)
