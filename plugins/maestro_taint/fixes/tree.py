"""Files in memory, and what the analysis finds in them.

Invariant: questions about one finding look at the files it can depend on; the answer about the tree looks at all.
"""

from __future__ import annotations

import marshal
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from maestro_taint import secret_literals
from maestro_taint.analysis import analyse_tree
from maestro_taint.cache import plain, revived
from maestro_taint.fixes.project import Views
from maestro_taint.frontend.facts import Facts, facts_of
from maestro_taint.frontend.index import Index
from maestro_taint.frontend.tree import Tree as Sources
from maestro_taint.report.findings import concerns, findings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.frontend import ir
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings


class Lowered:
    """What is known of files by their content: a repair analyses the same files many times."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, bytes], bytes] = {}
        self.facts: dict[str, tuple[bytes, Facts]] = {}
        self._index: Index | None = None
        self.names: dict[str, str] = {}
        self.modules: dict[str, str] = {}

    def module(self, path: str, name: str, data: bytes) -> ir.Module | None:
        """A copy of what a file was lowered to."""
        known = self.held.get((path, name, data))
        return None if known is None else revived(marshal.loads(known))  # noqa: S302 - our own bytes  # nosec B302

    def keep(self, path: str, data: bytes, module: ir.Module) -> None:
        """Keep a lowered file."""
        with suppress(ValueError):
            self.held[path, module.name, data] = marshal.dumps(plain(module))

    def index(self, files: Mapping[str, bytes]) -> Index:
        """Who imports whom in these files."""
        same = self._index is not None and len(self._index.facts) == len(files)
        facts: dict[str, Facts] = {}
        for path, data in files.items():
            known = self.facts.get(path)
            if known is None or known[0] is not data:
                found = facts_of(data)
                same = same and known is not None and known[1] == found
                self.facts[path] = known = (data, found)
            facts[path] = known[1]
        if not same or self._index is None:
            self._index = Index(facts)
        return self._index


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

    def everything(self) -> dict[str, bytes]:
        """All files by path."""
        return {**self.around, **self.files}

    def findings(self, only: Iterable[str] | None = None) -> list[Finding]:
        """Findings a repair is tried for: those that concern changeable files, or some files, with what these use."""
        if only is not None:
            return self._found(self.everything(), set(only) & set(self.everything()), near=True)
        return self._found(self.everything(), set(self.files))

    def _found(self, files: dict[str, bytes], asked: set[str], *, near: bool = False) -> list[Finding]:
        index = None
        if len(asked) < len(files):
            index = self.lowered.index({p: files[p] for p in asked} if near else files)
        read = {path: partial(bytes, data) for path, data in files.items()}
        sources = Sources(read, self.lowered, self.lowered.names, self.lowered.modules)
        literals = [one for path in sorted(asked) for one in secret_literals.findings(path, files[path])]
        analysis = analyse_tree(sources, sorted(asked & set(sources.modules)), self.models, index=index)
        found = findings_of(analysis, self.settings, self.models, literals)
        return [f for f in found if f.level != "note" and concerns(f, asked)]

    def persists(self, finding: Finding) -> Callable[[dict[str, bytes], int], bool]:
        """A question: with these bytes for some paths, is a finding of this rule and sink still at this place?"""
        everything = self.everything()
        on_the_way = {finding.at.path, *(s.path for s in finding.trace)} & set(everything)

        def there(changed: dict[str, bytes], moved: int, *, near: bool) -> bool:
            at = finding.at
            return any(
                f.rule == finding.rule and f.at.path == at.path and at.line - moved <= f.at.line <= at.line
                and f.properties.get("sink") == finding.properties.get("sink")
                for f in self._found({**everything, **changed}, on_the_way | set(changed), near=near)
            )  # fmt: skip

        # The files on the way are enough where they show the flow by themselves.
        near = there({}, 0, near=True)
        return lambda changed, moved: there(changed, moved, near=near)
