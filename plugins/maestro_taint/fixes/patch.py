"""One finding to one changed file: the sink found by its place, the edit of its rule made.

Invariant: nothing is written here; the answer is new bytes for one path, or the reason why there are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.edits import edit
from maestro_taint.fixes.imports import meaning
from maestro_taint.fixes.site import Site
from maestro_taint.fixes.view import Edit, Refusal, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.settings import TaintSettings


@dataclass(frozen=True, slots=True)
class Patch:
    """New bytes for a path; ``lines`` are those of the old file that were meant to change."""

    path: str
    data: bytes
    lines: frozenset[int]
    imports: tuple[str, ...]
    note: str


def patched(
    files: dict[str, bytes],
    finding: Finding,
    settings: TaintSettings,
    persists: Callable[[str, bytes, int], bool],
    canonical: Callable[[str], str],
) -> Patch | Refusal:
    """The repair of one finding.

    Args:
        files: the tree's files.
        finding: what to repair.
        settings: the project's settings.
        persists: whether the finding is still there with other bytes for a path, up to so many lines higher.
        canonical: the name a thing is modelled under.
    """
    path = _where(finding)
    if path not in files:
        return Refusal("the value comes from a file outside the check")
    try:
        view = View(files[path])
    except (cst.ParserSyntaxError, RecursionError, UnicodeDecodeError) as error:
        return Refusal(f"the file cannot be rewritten: {type(error).__name__}")
    node = view.module if finding.rule == "taint-random" else located(view, finding, canonical)
    if node is None:
        return Refusal("the sink's place is not a call, a return or an assignment")

    def probe(swaps: list[tuple[cst.CSTNode, cst.CSTNode]]) -> bool:
        moved = sum(view.code(old).count("\n") for old, _ in swaps)
        return persists(path, view.write(Edit(swaps)), moved)

    def elsewhere(name: str) -> bool:
        word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
        return any(word.search(data) for other, data in files.items() if other != path)

    def line(where: str, number: int) -> str:
        lines = files.get(where, b"").split(b"\n")
        return lines[number - 1].decode("utf-8", "replace") if 0 < number <= len(lines) else ""

    sink = str(finding.properties.get("sink", ""))
    site = Site(view, finding, node, sink, settings, probe, canonical, elsewhere, line)
    made = edit(site)
    if isinstance(made, Refusal):
        return made
    return Patch(path, view.write(made), _lines(view, made), tuple(s for s in made.imports if s), made.note)


def _where(finding: Finding) -> str:
    """The file to change: for weak numbers the one they come from."""
    return finding.trace[0].path if finding.rule == "taint-random" and finding.trace else finding.at.path


def located(view: View, finding: Finding, canonical: Callable[[str], str]) -> Any:
    """The sink's node: a call of the sink's name, a return, or an assignment that begins at the finding's place."""
    sink = str(finding.properties.get("sink", ""))
    at = finding.at
    if sink.endswith(" response"):
        return next(iter(view.at(at.line, at.column, cst.Return)), None)
    name = sink.rpartition(".")[2]
    calls = view.at(at.line, at.column, cst.Call)
    named = [c for c in calls if canonical(meaning(view, c.func)) == sink] or [c for c in calls if _name(c) == name]
    if len(named) == 1 or len(calls) == 1:
        return (named or calls)[0]
    if not calls:
        for kind in (cst.Assign, cst.AnnAssign, cst.AugAssign):
            found = view.at(at.line, at.column, kind)
            if found:
                return found[0]
        return _on_line(view, at.line, name)
    return named[0] if named else None


def _on_line(view: View, line: int, name: str) -> Any:
    """The only call of the name on the line: where columns are not known (newer syntax)."""
    found = [c for c in view.nodes(cst.Call) if view.positions[c].start.line == line and _name(c) == name]
    return found[0] if len(found) == 1 else None


def _name(call: cst.Call) -> str:
    func = call.func
    return func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")


def _lines(view: View, made: Edit) -> frozenset[int]:
    """The lines of everything an edit means to change."""
    lines: set[int] = set()
    for node in (*(old for old, _ in made.swaps), *(n for n, _ in (*made.before, *made.after))):
        span = view.positions[node]
        end = span.start.line if any(node is n for n, _ in made.before) else span.end.line
        lines.update(range(span.start.line, end + 1))
    if made.imports or made.unused:
        for kind in (cst.Import, cst.ImportFrom):
            for one in view.nodes(kind):
                lines.update(range(view.positions[one].start.line, view.positions[one].end.line + 1))
    return frozenset(lines)
