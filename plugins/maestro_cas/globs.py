"""Glob patterns of declared inputs and outputs, compiled to one regular expression.

Invariant: a pattern names paths below the root only; an absolute pattern or one with ``..`` is refused, so what a
pattern matches can never leave the root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Globs:
    """Compiled patterns. ``starts`` are the directories a walk must look at, each with its depth limit or ``None``."""

    patterns: tuple[str, ...]
    accept: re.Pattern[str]
    refuse: re.Pattern[str] | None
    starts: tuple[tuple[str, int | None], ...]

    def matches(self, path: str) -> bool:
        """Whether a POSIX path below the root is meant."""
        if not self.accept.fullmatch(path):
            return False
        return self.refuse is None or not self.refuse.fullmatch(path)

    def enters(self, directory: str) -> bool:
        """Whether something below ``directory`` (``""`` is the root) could be meant."""
        for start, depth in self.starts:
            if _below(start, directory):
                return True
            if _below(directory, start) and (depth is None or _levels(directory) - _levels(start) < depth):
                return True
        return False


def compile_globs(patterns: Sequence[str], *, where: str) -> Globs:
    """Compile patterns: ``*``, ``?``, ``[...]``, ``**``; ``dir`` or ``dir/`` means all below it, ``!`` excludes.

    Raises:
        ConfigError: for a pattern that is empty, absolute, has ``..``, a backslash or a control character.
    """
    for pattern in patterns:
        _check(pattern.removeprefix("!"), where)
    wanted = [p for p in patterns if not p.startswith("!")]
    unwanted = [p[1:] for p in patterns if p.startswith("!")]
    return Globs(
        tuple(patterns),
        re.compile("|".join(_regex(p) for p in wanted) or r"(?!)"),
        re.compile("|".join(_regex(p) for p in unwanted)) if unwanted else None,
        tuple(_start(p) for p in wanted),
    )


def is_literal(pattern: str) -> bool:
    """Whether a pattern has no wildcard: it then names one file or one directory."""
    return not _WILD.search(pattern)


def _check(pattern: str, where: str) -> None:
    parts = pattern.rstrip("/").split("/")
    bad = (
        "is empty" if not pattern.strip("/")
        else "is absolute" if pattern.startswith(("/", "~")) or re.match(r"[A-Za-z]:", pattern)
        else "leaves the root by '..'" if ".." in parts
        else "has an empty or '.' part" if "" in parts or "." in parts
        else "holds a backslash or a control character" if re.search(r"[\\\x00-\x1f\x7f]", pattern)
        else ""
    )  # fmt: skip
    if bad:
        raise ConfigError(f"pattern {pattern!r} {bad}", where=where, fix="name files below the root, as src/**/*.py")


def _regex(pattern: str) -> str:
    text = pattern.rstrip("/")
    below = "" if not is_literal(text) and not pattern.endswith("/") else "(?:/.*)?"
    parts = text.split("/")
    result = ""
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if part == "**":
            result += ".*" if last else "(?:[^/]+/)*"
        else:
            result += _part(part) + ("" if last else "/")
    return f"(?s:{result}{below})"


def _part(part: str) -> str:
    result, i = "", 0
    while i < len(part):
        char = part[i]
        end = part.find("]", i + 2) if char == "[" else -1
        if char == "*":
            result += "[^/]*"
        elif char == "?":
            result += "[^/]"
        elif end > 0:
            body = part[i + 1 : end].replace("^", r"\^")
            result += f"[^/{body[1:]}]" if body.startswith("!") else f"[{body}]"
            i = end
        else:
            result += re.escape(char)
        i += 1
    return result


def _start(pattern: str) -> tuple[str, int | None]:
    """Where a walk begins for this pattern, and how many levels it goes down (``None``: all)."""
    text = pattern.rstrip("/")
    if is_literal(text):
        return text, None
    parts = text.split("/")
    fixed = 0
    while is_literal(parts[fixed]):
        fixed += 1
    rest = parts[fixed:]
    return "/".join(parts[:fixed]), None if "**" in rest or pattern.endswith("/") else len(rest)


def _below(path: str, directory: str) -> bool:
    return directory in ("", path) or path.startswith(f"{directory}/")


def _levels(directory: str) -> int:
    return directory.count("/") + 1 if directory else 0


NOTHING = compile_globs((), where="nothing")
