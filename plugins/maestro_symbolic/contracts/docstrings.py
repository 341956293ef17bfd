"""PEP 316 contracts: ``pre:``, ``post:``, ``inv:`` and ``raises:`` lines of docstrings.

Invariant: a line that begins with one of the words and does not parse is reported as unreadable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_symbolic.contracts.clauses import Clause, parse_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from maestro_symbolic.contracts.clauses import ClauseKind, Draft

LINE = re.compile(r"^\s*(pre|post|inv|raises)\s*(\[[^\]]*\])?\s*::?\s*(.*)$")


def read(text: str, line: int, names: Sequence[str], draft: Draft) -> None:
    """Add what a function's docstring says."""
    for word, content, at in _lines(text, line):
        if word == "raises":
            draft.raises.update(name.strip() for name in content.split(",") if name.strip())
            draft.styles.add("pep316")
        elif word == "pre":
            _add(content, at, {n: f"arg:{n}" for n in names}, draft, kind="pre")
        elif word == "post":
            roles = {"__return__": "result", "__old__": "old", "_": "result", **{n: f"arg:{n}" for n in names}}
            _add(content, at, roles, draft, kind="post")


def read_invariants(text: str, line: int, draft: Draft) -> None:
    """Add what a class's docstring says."""
    for word, content, at in _lines(text, line):
        if word == "inv":
            _add(content, at, {"self": "self"}, draft, kind="inv")


def _add(content: str, line: int, roles: dict[str, str], draft: Draft, *, kind: ClauseKind) -> None:
    draft.styles.add("pep316")
    try:
        expression = parse_expression(content, line)
    except (SyntaxError, ValueError):
        draft.unreadable.append((line, f"{kind}: {content}"))
        return
    draft.clauses.append(Clause(kind=kind, text=content, line=line, expression=expression, roles=roles))


def _lines(text: str, first: int) -> Iterator[tuple[str, str, int]]:
    """(word, content, line) of each contract line; an open bracket continues on the next lines."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        match = LINE.match(lines[index])
        start = index
        index += 1
        if match is None or not match.group(3).strip():
            continue
        content = match.group(3)
        while _open_brackets(content) > 0 and index < len(lines):
            content += " " + lines[index].strip()
            index += 1
        if match.group(1) == "raises" and not re.fullmatch(r"[\w.]+(\s*,\s*[\w.]+)*", content.strip()):
            continue
        yield match.group(1), content.strip(), first + start


def _open_brackets(content: str) -> int:
    return sum(content.count(c) for c in "([{") - sum(content.count(c) for c in ")]}")
