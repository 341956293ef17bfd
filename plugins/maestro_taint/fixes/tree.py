"""Files in memory, and what the analysis finds in them.

Invariant: questions about one finding look at the files it can depend on; the answer about the tree looks at all.
"""

from __future__ import annotations

import marshal
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from maestro_taint import secret_literals
from maestro_taint.analysis import analyse_tree
from maestro_taint.cache import plain, revived
from maestro_taint.fixes.project import Views
from maestro_taint.frontend.tree import Tree as Sources
from maestro_taint.report.findings import findings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.frontend import ir
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings

_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([^#\n]+)|import[ \t]+([\w., \t]+))", re.MULTILINE
)
SMALL = 30


class Lowered:
    """Files lowered before, by content: a repair analyses the same files many times."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, bytes], bytes] = {}

    def module(self, path: str, name: str, data: bytes) -> ir.Module | None:
        """A copy of what a file was lowered to."""
        known = self.held.get((path, name, data))
        return None if known is None else revived(marshal.loads(known))  # noqa: S302 - our own bytes  # nosec B302

    def keep(self, path: str, data: bytes, module: ir.Module) -> None:
        """Keep a lowered file."""
        with suppress(ValueError):
            self.held[path, module.name, data] = marshal.dumps(plain(module))


@dataclass(slots=True)
class Tree:
    """``files`` may be changed, ``around`` are only read; ``root`` is where they lie, if anywhere."""

    files: dict[str, bytes]
    settings: TaintSettings
    models: Models
    root: Path | None = None
    around: dict[str, bytes] = field(default_factory=dict)
    views: Views = field(default_factory=Views)
    lowered: Lowered = field(default_factory=Lowered)

    def findings(self) -> list[Finding]:
        """Findings of the changeable files that a repair is tried for."""
        return self._found({**self.around, **self.files}.items())

    def _found(self, files: Iterable[tuple[str, bytes]]) -> list[Finding]:
        texts = sorted(files)
        literals = [one for path, data in texts if path in self.files for one in secret_literals.findings(path, data)]
        tree = Sources({path: partial(bytes, data) for path, data in texts}, self.lowered)
        found = findings_of(
            analyse_tree(tree, [p for p, _ in texts], self.models), self.settings, self.models, literals
        )
        return [f for f in found if f.level != "note" and f.at.path in self.files]

    def persists(self, finding: Finding) -> Callable[[dict[str, bytes], int], bool]:
        """A question: with these bytes for some paths, is a finding of this rule and sink still at this place?"""
        everything = {**self.around, **self.files}
        near = everything
        if len(everything) > SMALL:
            near = {p: everything[p] for p in _near(everything, {finding.at.path, *(s.path for s in finding.trace)})}

        def ask(changed: dict[str, bytes], moved: int) -> bool:
            at = finding.at
            return any(
                f.rule == finding.rule and f.at.path == at.path and at.line - moved <= f.at.line <= at.line
                and f.properties.get("sink") == finding.properties.get("sink")
                for f in self._found({**near, **changed}.items())
            )  # fmt: skip

        return ask


def _near(files: dict[str, bytes], start: set[str]) -> set[str]:
    """The files that some files import, directly or not."""
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(path.rpartition("/")[2].removesuffix(".py"), []).append(path)
        if path.endswith("/__init__.py"):
            by_name.setdefault(path.split("/")[-2], []).append(path)
    found: set[str] = set()
    todo = [p for p in start if p in files]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        for match in _IMPORT.finditer(files[path]):
            words = re.findall(r"\w+", b" ".join(g for g in match.groups() if g).decode("utf-8", "replace"))
            todo += [p for w in words for p in by_name.get(w, ()) if p not in found]
    return found
