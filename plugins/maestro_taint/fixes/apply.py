"""Repairing a tree: one finding at a time, each repair tried on a copy and checked before it is kept.

Theorem: a kept repair parses, leaves every other finding as it was, makes its own disappear, and adds none.
The rungs: V1 parses; V2 only the sink, its feed and imports changed; V3 imports resolve; V4 analysed again; V5 a
second pass changes nothing. Tests (V6) are the user's to run: the tree is changed, the commit fails once.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Obligation
from maestro_hooks.project.files import write_atomic
from maestro_taint.analysis import analyse
from maestro_taint.fixes.edits import Refusal
from maestro_taint.fixes.patch import patched
from maestro_taint.models.load import project_models
from maestro_taint.report.findings import findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import CheckRequest, SourceFile
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings

MAX_CHANGED_LINES = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one finding: ``verified`` with the highest rung, ``refused``, or ``failed`` at a rung."""

    finding: Finding
    state: str
    detail: str


@dataclass(slots=True)
class Tree:
    """Files in memory, and how they are analysed."""

    files: dict[str, bytes]
    settings: TaintSettings
    models: Models

    def findings(self) -> list[Finding]:
        """Blocking findings of the tree as it is."""
        result = analyse(sorted(self.files.items()), self.models)
        return [f for f in findings_of(result, self.settings, self.models) if f.level == "error"]


def repair(tree: Tree, only: set[str] | None = None) -> list[Outcome]:
    """Try every finding once; the tree's files are those after the repairs that held."""
    outcomes: list[Outcome] = []
    tried: set[tuple[str, int, int, str]] = set()
    found = tree.findings()
    while True:
        todo = [f for f in found if _place(f) not in tried and (only is None or f.fingerprint in only)]
        if not todo:
            return outcomes
        finding = todo[0]
        tried.add(_place(finding))
        outcome, files, after = _attempt(tree, finding, found)
        outcomes.append(outcome)
        if files is not None:
            tree.files = files
            found = after


def _attempt(
    tree: Tree, finding: Finding, before: list[Finding]
) -> tuple[Outcome, dict[str, bytes] | None, list[Finding]]:
    old = tree.files[finding.at.path]
    made = patched(old, finding, tree.settings)
    if isinstance(made, Refusal):
        return Outcome(finding, "refused", made.reason), None, before
    problem = _checked(old, made)
    if problem:
        return Outcome(finding, "failed", problem), None, before
    files = {**tree.files, finding.at.path: made}
    after = Tree(files, tree.settings, tree.models).findings()
    was, now = Counter(map(_identity, before)), Counter(map(_identity, after))
    if now[_identity(finding)] >= was[_identity(finding)]:
        return Outcome(finding, "failed", "V4: the flow is still there"), None, before
    if now - was:
        return Outcome(finding, "failed", "V4: the repair brings a new finding"), None, before
    return Outcome(finding, "verified", "V5"), files, after


def _place(f: Finding) -> tuple[str, int, int, str]:
    """Where a finding is; a repair above may move it, and then it is tried once more."""
    return (f.at.path, f.at.line, f.at.column, f.rule)


def _identity(f: Finding) -> tuple[str, str, str]:
    """Without the ordinal: equal flows of one function are told apart by their number only."""
    return (f.at.path, f.rule, f.fingerprint.rpartition("-")[0])


def _checked(old: bytes, new: bytes) -> str:
    """V1 to V3 on the text; empty if all hold."""
    try:
        tree = ast.parse(new)
    except (SyntaxError, ValueError, RecursionError):
        return "V1: the result does not parse"
    before, after = old.decode("latin-1").split("\n"), new.decode("latin-1").split("\n")
    changed = [x for x in list(difflib.unified_diff(before, after, n=0))[2:] if x[:1] in "+-"]
    if not changed or len(changed) > MAX_CHANGED_LINES:
        return "V2: nothing, or more than the sink, changed"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            top = node.names[0].name.partition(".")[0]
            if f"import {node.names[0].name}".encode() not in old and importlib.util.find_spec(top) is None:
                return f"V3: the module {top} is not installed"
    return ""


def fix_tree(request: CheckRequest, settings: TaintSettings, chosen: list[SourceFile]) -> Iterator[Obligation]:
    """Repair the files of a request in the work tree; what was found still fails the check once."""
    models = project_models(request.root, settings)
    files = {f.path: f.data for f in chosen}
    tree = Tree(dict(files), settings, models)
    outcomes = repair(tree)
    places = {f.path: f.place for f in chosen}
    for path, data in tree.files.items():
        if data != files[path]:
            write_atomic(places[path], data, mode=places[path].stat().st_mode & 0o777)
    told = tuple(replace(o.finding, message=f"[{o.state}: {o.detail}] {o.finding.message}") for o in outcomes)
    paths = tuple(sorted(files))
    fixed = sum(o.state == "verified" for o in outcomes)
    yield Obligation(key="taint/flows", value=len(told), max=0, kind="taint", files=paths, findings=told)
    yield Obligation(key="taint/fixes", value=fixed, kind="taint", files=paths)
    yield Obligation(key="taint/fixes-refused", value=len(told) - fixed, kind="taint", files=paths)
