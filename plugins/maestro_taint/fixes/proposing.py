"""Repairs shown with a finding that blocks: tried on a copy, each by itself, as edits of the files as they are.

Invariant: what is shown held V1 to V5; the work tree stays as it is.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Location, Replacement
from maestro_taint.fixes.apply import trial
from maestro_taint.fixes.tree import Tree
from maestro_taint.frontend.parse import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Finding
    from maestro_hooks.requests import CheckRequest, SourceFile
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings

SOME = 5  # shown for a check of some files; a whole tree has "maestro taint fix", which tries them all


def most(request: CheckRequest, settings: TaintSettings) -> int:
    """For how many findings a repair is tried."""
    return settings.propose if settings.propose is not None else 0 if request.whole else SOME


def proposed(
    request: CheckRequest,
    settings: TaintSettings,
    models: Models,
    chosen: list[SourceFile],
    findings: tuple[Finding, ...],
) -> tuple[Finding, ...]:
    """The findings, the first of them with a repair, or with why there is none."""
    from maestro_taint.running import neighbours  # noqa: PLC0415 - running imports the gate's parts

    files = {f.path: f.data for f in chosen}
    around = {} if request.whole else neighbours(request, set(files))
    tree = Tree(files, settings, models, request.root, around)
    count = most(request, settings)
    return (*(_one(tree, f) for f in findings[:count]), *findings[count:])


def _one(tree: Tree, finding: Finding) -> Finding:
    outcome, patch = trial(tree, finding)
    words = f"{outcome.state}: {outcome.detail}"
    if patch is None:
        hint = f"mend it by hand ({outcome.detail}); maestro taint explain {finding.fingerprint}"
        return replace(finding, properties={**finding.properties, "repair": words, "next": hint})
    edits = tuple(e for one in patch.all() for e in replacements(one.path, tree.files[one.path], one.data))
    lines = sum(e.inserted.rstrip("\n").count("\n") + 1 for e in edits)
    hint = f"maestro taint fix {finding.fingerprint}  # changes {lines} line{'s' if lines > 1 else ''}"
    return replace(finding, fix=edits, properties={**finding.properties, "repair": words, "next": hint})


def replacements(path: str, old: bytes, new: bytes) -> Iterator[Replacement]:
    """The edits that turn one text into another, by whole lines."""
    before, after = decode(old).split("\n"), decode(new).split("\n")
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        text = "\n".join(after[start:end])
        if first == last:
            yield Replacement(Location(path, first + 1, 1, first + 1, 1), text + "\n")
        elif start == end:
            yield Replacement(Location(path, first + 1, 1, last + 1, 1), "")
        else:
            yield Replacement(Location(path, first + 1, 1, last, len(before[last - 1]) + 1), text)
