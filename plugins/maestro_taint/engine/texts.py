"""Text made from parts by format strings, and text with something taken out.

Invariant: a format string that is not understood prints all it is given.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import CLEAN, NO_CONST, Val, cleared, constant, join_atoms, restored
from maestro_taint.kinds import BIT, DOUBLE, HOSTS, INJECTION, QUOTED, SINGLE

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

FIXED_HOST = re.compile(r"\A[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]+[/?#]|\A/[^/\\]")
MASKED = 4
_PERCENT = re.compile(r"%(?:\((?P<name>[^)]*)\))?[-#0 +]*(?:\d+)?(?:\.\d+)?(?P<kind>[a-zA-Z%])")
_DOLLAR = re.compile(r"\$(?:\$|(?P<name>[_a-z]\w*)|\{(?P<braced>[_a-z]\w*)\})", re.IGNORECASE)
_LINES = BIT["log_injection"] | BIT["header"]
_ENTITIES = ("&lt;", "&gt;", "&amp;", "&quot;", "&#39;")
# What a value can no longer be dangerous for once every occurrence of a text is gone from it.
_WITHOUT = {
    "'": SINGLE, '"': DOUBLE,
    "\n": _LINES, "\r\n": _LINES, "\r": BIT["header"], "<": BIT["html"], "..": BIT["path"],
    "/": BIT["path"] | BIT["path_absolute"],
}  # fmt: skip


def glued(f: Frame, parts: list[Val]) -> Val:
    """Text made of parts in order. What stands before a part can make some kinds impossible for it."""
    atoms: dict[Any, Any] = {}
    lit = True
    prefix: str | None = ""
    asked = False  # whether a question mark stands before: what follows it chooses no host
    for p in parts:
        if p.const is not NO_CONST:
            prefix = None if prefix is None else prefix + str(p.const)
            asked = asked or "?" in str(p.const)
            continue
        inner = f.solver.attributes.printed(f, p)
        lit = lit and p.lit
        if inner:
            bits = BIT["path_absolute"] if prefix is None or prefix else 0
            if prefix:
                bits |= between(prefix) | (HOSTS if FIXED_HOST.match(prefix) else 0)
            bits |= HOSTS if asked else 0
            atoms = join_atoms(atoms, cleared(inner, bits) if bits else inner)
        prefix = None
    return Val(atoms, lit=lit)


def short(bounds: list[Val | None]) -> bool:
    """Whether a slice keeps so few characters that it masks: the last four of a card, the first two of a name."""
    start, stop = ([None if b is None else b.const for b in bounds] + [None, None])[:2]
    if isinstance(start, int) and stop is None:
        return -MASKED <= start < 0
    return isinstance(stop, int) and start in (None, 0) and 0 < stop <= MASKED


def between(prefix: str) -> int:
    """Kinds that what follows a text cannot be dangerous for, by the quotes the text leaves open."""
    open_quote = ""
    for c in prefix:
        if c == open_quote:
            open_quote = ""
        elif not open_quote and c in "'\"":
            open_quote = c
    if not open_quote:
        return 0
    return QUOTED & ~(SINGLE if open_quote == "'" else DOUBLE)


def quoted(v: Val) -> Val:
    """What ``repr`` shows: line breaks written as escapes, a text in quotes."""
    return Val(cleared(v.atoms, _LINES | BIT["code"]), lit=v.lit)


def marked_up(f: Frame, a: Val, b: Val) -> Val:
    """``Markup % x``, ``Markup + x``: the other operand is escaped."""
    atoms: dict[Any, Any] = {}
    for v in (a, b):
        markup = ("x", "markupsafe.Markup") in v.types
        atoms = join_atoms(atoms, v.atoms if markup else cleared(f.deep(v), BIT["html"]))
    return Val(atoms, types=(("x", "markupsafe.Markup"),), lit=a.lit and b.lit)


def formatted(f: Frame, text: str, args: list[Val], kwargs: dict[str, Val], mapping: Val | None = None) -> Val:
    """``text.format(*args, **kwargs)``, ``text.format_map(mapping)``: the fields it names, in their places."""
    parts: list[Val] = []
    serial = 0
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError:
        return glued(f, [*args, *kwargs.values()])
    for literal, name, spec, conversion in pieces:
        if literal:
            parts.append(constant(literal))
        if name is None:
            continue
        head = re.split(r"[.\[]", name)[0]
        value: Val | None
        if head.isdigit() or not head:
            index = int(head) if head else serial
            serial += not head
            value = args[index] if index < len(args) else None
        else:
            value = kwargs.get(head) if mapping is None else f.place(mapping, f"={head!r}")
        if value is None or "{" in (spec or ""):
            return glued(f, [CLEAN, *args, *kwargs.values()])
        value = value if head == name else Val(f.deep(value), lit=value.lit)
        parts.append(quoted(Val(f.deep(value), lit=value.lit)) if conversion in ("r", "a") else value)
    return glued(f, parts)


def percent(f: Frame, text: str, operand: Val) -> Val:
    """``text % operand``: of a tuple its elements one by one, of a mapping those it names."""
    from maestro_taint.engine.containers import exact_items  # noqa: PLC0415 - containers import expressions

    items = exact_items(f, operand)
    named = bool(operand.objs) and any(f.get(o).kind == "dict" for o in operand.objs)
    sole = items is None and not operand.objs
    parts: list[Val] = []
    end = count = 0
    for found in _PERCENT.finditer(text):
        if found.start() > end:
            parts.append(constant(text[end : found.start()]))
        end = found.end()
        if found["kind"] == "%":
            parts.append(constant("%"))
            continue
        if found["name"] is not None and (named or operand.objs):
            value = f.place(operand, f"={found['name']!r}")
        elif items is not None and count < len(items):
            value = items[count]
        elif sole and count == 0:
            value = operand
        else:
            return glued(f, [CLEAN, Val(f.deep(operand), lit=operand.lit)])
        count += 1
        if found["kind"] in "diouxXeEfFgGc" and found["kind"] != "c":
            value = Val(cleared(value.atoms, INJECTION), lit=value.lit)
        elif found["kind"] in "ra":
            value = quoted(Val(f.solver.attributes.printed(f, value), lit=value.lit))
        parts.append(value)
    if "*" in text or (items is not None and count != len(items)):
        return glued(f, [CLEAN, Val(f.deep(operand), lit=operand.lit)])
    return glued(f, [*parts, constant(text[end:])] if end < len(text) else parts)


def replaced(receiver: Val, args: list[Val]) -> Val | None:
    """``text.replace(old, new)`` with both known: every ``old`` is gone, unless ``new`` brings it back."""
    if len(args) != 2 or not all(isinstance(a.const, str) for a in args):
        return None
    old, new = args[0].const, args[1].const
    bits = _WITHOUT.get(old, 0) if old not in new else 0
    if old == new[:1] == new[1:] and old in "'\"":  # doubled: it no longer ends the text it stands in
        bits = SINGLE & ~BIT["xpath"] if old == "'" else DOUBLE & ~BIT["xpath_double"]
    if "<" in new or old in _ENTITIES:
        return Val(restored(receiver.atoms, BIT["html"]), lit=receiver.lit)
    return Val(cleared(receiver.atoms, bits) if bits else receiver.atoms, lit=receiver.lit)


def template(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``string.Template(text)``."""
    text = given.get(0, "template")
    return Val(types=(("x", "string.Template"), ("tag", "text", text)), lit=True) if text is not None else CLEAN


def substituted(f: Frame, given: Arguments) -> Val:
    """``string.Template(text).substitute(...)``: the names the text holds."""
    text = next((t[2] for t in given.receiver.types if t[:2] == ("tag", "text")), None) if given.receiver else None
    first = given.get(0)
    everything = [v for v in (text, *given.everything()) if v is not None]
    if text is None or not isinstance(text.const, str):
        return Val(_deep(f, everything), lit=all(v.lit for v in everything))
    parts: list[Val] = []
    end = 0
    for found in _DOLLAR.finditer(text.const):
        if found.start() > end:
            parts.append(constant(text.const[end : found.start()]))
        end = found.end()
        name = found["name"] or found["braced"]
        if name is None:
            parts.append(constant("$"))
        elif name in given.kwargs:
            parts.append(given.kwargs[name])
        elif first is not None:
            parts.append(f.place(first, f"={name!r}"))
    return glued(f, [*parts, constant(text.const[end:])] if end < len(text.const) else parts)


def _deep(f: Frame, values: list[Val]) -> dict[Any, Any]:
    atoms: dict[Any, Any] = {}
    for v in values:
        atoms = join_atoms(atoms, f.deep(v))
    return atoms


def _translated(f: Frame, receiver: Val, table: Val) -> Val | None:
    """``text.translate(table)`` with known keys: those characters are gone, unless another is turned into them."""
    obj = f.get(table.objs[0]) if len(table.objs) == 1 else None
    if obj is None or not obj.exact or obj.rest is not None:
        return None
    new = "".join(str(v.const) for v in obj.fields.values() if isinstance(v.const, str))
    gone = {chr(int(p[1:])) if p[1:].isdigit() else p[2:-1] for p in obj.fields} - set(new)
    bits = _LINES if {"\n", "\r"} <= gone or {"\\n", "\\r"} <= gone else 0
    for c in gone:
        bits |= _WITHOUT.get(c, 0) if c not in "\r\n" else 0
    return Val(cleared(receiver.atoms, bits), lit=receiver.lit)


def without(f: Frame, receiver: Val, name: str, args: list[Val]) -> Val | None:  # noqa: PLR0911 - one per method
    """A text method whose result lacks what some kinds need; ``None`` if it is none."""
    if name == "translate" and args:
        return _translated(f, receiver, args[0])
    if name in ("encode", "decode") and args and args[0].const in ("unicode_escape", "unicode-escape"):
        change = cleared if name == "encode" else restored
        return Val(change(receiver.atoms, _LINES), lit=receiver.lit)
    if name == "splitlines":
        return Val(cleared(receiver.atoms, _LINES), lit=receiver.lit)
    if name == "lstrip" and args and isinstance(args[0].const, str) and "/" in args[0].const:
        return Val(cleared(receiver.atoms, BIT["path_absolute"]), lit=receiver.lit)
    if name == "split" and not args:
        return Val(cleared(receiver.atoms, _LINES), lit=receiver.lit)
    if name == "hex" and not args:
        return Val(cleared(receiver.atoms, INJECTION), lit=receiver.lit)
    return None


def method(f: Frame, receiver: Val, name: str, args: list[Val], kwargs: dict[str, Val]) -> Val | None:
    """A text method on a value that is not a constant, where it says more than "all goes through"."""
    if name == "replace":
        return replaced(receiver, args)
    if name in ("format", "format_map") and receiver.const is not NO_CONST and isinstance(receiver.const, str):
        if name == "format_map":
            return formatted(f, receiver.const, [], {}, args[0]) if args else None
        return formatted(f, receiver.const, args, kwargs)
    return None
