"""One finding to one changed file: the sink found by its place, the edit of its rule made.

Invariant: nothing is written here; the answer is new bytes for one path, or the reason why there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.edits import edit
from maestro_taint.fixes.imports import meaning
from maestro_taint.fixes.project import Project, Views
from maestro_taint.fixes.rendering import Unwritable
from maestro_taint.fixes.site import Site
from maestro_taint.fixes.view import Edit, Refusal, View

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.settings import TaintSettings


@dataclass(frozen=True, slots=True)
class Patch:
    """New bytes for a path; ``lines`` are those of the old file that were meant to change; ``more`` in other files."""

    path: str
    data: bytes
    lines: frozenset[int]
    imports: tuple[str, ...]
    note: str
    more: tuple[Patch, ...] = ()

    def all(self) -> tuple[Patch, ...]:
        """This file's patch and those of others that belong to it."""
        return (self, *self.more)


# Whether the finding is still there with other bytes for some paths, up to so many lines higher.
Persists = Callable[[dict[str, bytes], int], bool]


def patched(
    files: dict[str, bytes],
    finding: Finding,
    settings: TaintSettings,
    persists: Persists,
    canonical: Callable[[str], str],
    views: Views,
) -> Patch | Refusal:
    """The repair of one finding.

    Args:
        files: the tree's files.
        finding: what to repair.
        settings: the project's settings.
        persists: whether the finding is still there with other bytes.
        canonical: the name a thing is modelled under.
        views: files opened before.
    """
    path = _where(finding)
    if path not in files:
        return Refusal("the value comes from a file outside the check")
    project = Project(files, path, views)
    view = project.open(path)
    if view is None:
        return Refusal("the file cannot be rewritten: it is not understood, or nested too deeply")
    node = view.module if finding.rule == "taint-random" else located(view, finding, canonical)
    if node is None:
        return Refusal("the sink's place is not a call, a return or an assignment")

    def probe(nodes: list[cst.CSTNode]) -> bool:
        by_path: dict[str, list[cst.CSTNode]] = {path: []}
        for node in nodes:
            by_path.setdefault(project.holder(node) or path, []).append(node)
        moved = sum(view.code(node).count("\n") for node in by_path[path])
        changed = {p: one.blanked(own) for p, own in by_path.items() if (one := project.open(p)) is not None}
        return persists(changed, moved)

    sink = str(finding.properties.get("sink", ""))
    site = Site(view, finding, node, sink, settings, probe, canonical, project)
    try:
        made = edit(site)
        return made if isinstance(made, Refusal) else _patch(project, *_main(path, made))
    except Unwritable as problem:
        return Refusal(str(problem))


def _main(path: str, made: Edit) -> tuple[str, Edit]:
    """The edit of the sink's file, or of the first other file where that one stays as it is."""
    if made.swaps or made.before or made.after or not made.elsewhere:
        return path, made
    (first, edit), *rest = made.elsewhere
    edit.elsewhere = rest
    return first, edit


def _patch(project: Project, path: str, made: Edit) -> Patch:
    more = tuple(_patch(project, other, edit) for other, edit in made.elsewhere)
    view = project.open(path)
    if view is None:
        raise Unwritable(f"{path} cannot be rewritten")
    return Patch(path, view.write(made), _lines(view, made), tuple(s for s in made.imports if s), made.note, more)


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
