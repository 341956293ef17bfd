"""Repairing a tree: one finding at a time, each repair tried on a copy and kept only if it climbs the ladder.

Theorem: after a repair the tree holds the same findings as before, less the repaired one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_hooks.project.files import write_atomic
from maestro_taint.fixes import ladder
from maestro_taint.fixes.patch import Patch, patched
from maestro_taint.fixes.tree import Tree
from maestro_taint.fixes.view import Refusal
from maestro_taint.models.load import project_models
from maestro_taint.report import baseline, suppress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.obligation import Finding
    from maestro_hooks.requests import CheckRequest, SourceFile
    from maestro_taint.settings import TaintSettings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one finding: ``verified`` with the highest rung, ``refused``, or ``failed`` at a rung."""

    finding: Finding
    state: str
    detail: str


def repair(tree: Tree, only: set[str] | None = None) -> list[Outcome]:
    """Try every finding once; the tree's files are those after the repairs that held.

    In each round repairs that touch different files are tried together, and one by one if together they do not hold.
    """
    outcomes: list[Outcome] = []
    tried: set[tuple[str, int, int, str]] = set()
    start = dict(tree.files)
    found = tree.findings()
    while True:
        todo = [f for f in found if _place(f) not in tried and (only is None or f.fingerprint in only)]
        if not todo:
            break
        batch = _round(tree, sorted(todo, key=_first), tried, outcomes)
        found = _applied(tree, batch, found, outcomes, only)
    return _tested(tree, start, outcomes)


Trial = tuple["Finding", Patch]


def trial(tree: Tree, finding: Finding) -> tuple[Outcome, Patch | None]:
    """What would become of one finding, looked at with the files on its way; nothing is changed."""
    patch, problem = _tried(tree, finding)
    if patch is None:
        return Outcome(finding, *problem), None
    near = {finding.at.path, *(s.path for s in finding.trace), *(p.path for p in patch.all())}
    after = _after(tree, [(finding, patch)], tree.findings(near), near)
    if isinstance(after, str):
        return Outcome(finding, "failed", after), None
    return Outcome(finding, "verified", f"V5{f' ({patch.note})' if patch.note else ''}"), patch


def _round(
    tree: Tree, todo: list[Finding], tried: set[tuple[str, int, int, str]], outcomes: list[Outcome]
) -> list[Trial]:
    """Patches for findings that have nothing to do with one another: no file is on the way of two."""
    made: list[Trial] = []
    touched: set[str] = set()
    for finding in todo:
        own = {finding.at.path, *(s.path for s in finding.trace)}
        if own & touched:
            continue
        tried.add(_place(finding))
        patch, problem = _tried(tree, finding)
        if patch is None:
            outcomes.append(Outcome(finding, *problem))
            continue
        own |= {p.path for p in patch.all()}
        if own & touched:
            tried.discard(_place(finding))
            continue
        made.append((finding, patch))
        touched |= own
    return made


def _applied(
    tree: Tree, batch: list[Trial], found: list[Finding], outcomes: list[Outcome], only: set[str] | None
) -> list[Finding]:
    """The findings after a batch is taken into the tree: as a whole, else those of it that hold alone."""
    if not batch:
        return found
    after = _after(tree, batch, found)
    if not isinstance(after, str):
        return _kept(tree, batch, found, after, outcomes, only)
    if len(batch) == 1:
        outcomes.append(Outcome(batch[0][0], "failed", after))
    else:
        for one in batch:
            found = _applied(tree, [one], found, outcomes, only)
    return found


def _after(tree: Tree, batch: list[Trial], before: list[Finding], only: set[str] | None = None) -> list[Finding] | str:
    """V4: the findings of the tree with the patches, if theirs are gone and none is new; else why not."""
    new = {p.path: p.data for _, patch in batch for p in patch.all()}
    after = replace(tree, files={**tree.files, **new}).findings(only)
    was, now = Counter(map(_identity, before)), Counter(map(_identity, after))
    if any(now[_identity(finding)] >= was[_identity(finding)] for finding, _ in batch):
        return "V4: the flow is still there"
    return "V4: the repair brings a new finding" if now - was else after


def _kept(
    tree: Tree,
    batch: list[Trial],
    before: list[Finding],
    after: list[Finding],
    outcomes: list[Outcome],
    only: set[str] | None,
) -> list[Finding]:
    """Take the patches into the tree, and say what became of their findings and of others that are gone with them."""
    tree.files = {**tree.files, **{p.path: p.data for _, patch in batch for p in patch.all()}}
    done = [finding for finding, _ in batch]
    gone = _gone_too(done, before, after, only)
    kept = [o for o in outcomes if o.state == "verified" or not any(g.finding is o.finding for g in gone)]
    kept += [Outcome(f, "verified", f"V5{f' ({patch.note})' if patch.note else ''}") for f, patch in batch]
    outcomes[:] = [*kept, *gone]
    return after


def _tried(tree: Tree, finding: Finding) -> tuple[Patch | None, tuple[str, str]]:
    """The patch if it climbs the rungs about the text, else the state and why."""
    try:
        return _patch_of(tree, finding)
    except Exception as error:  # noqa: BLE001 - a repair that fails on some code must not hide the finding it is for
        return None, ("failed", f"the repair itself failed: {type(error).__name__}: {error}")


def _patch_of(tree: Tree, finding: Finding) -> tuple[Patch | None, tuple[str, str]]:
    made = patched(
        {**tree.around, **tree.files}, finding, tree.settings, tree.persists(finding), tree.models.canonical, tree.views
    )
    if isinstance(made, Refusal):
        return None, ("refused", made.reason)
    for one in made.all():
        if one.path not in tree.files:
            return None, ("refused", f"{one.path} would have to change, and is not among the files to repair")
    problems = (ladder.text_problem(tree.files[one.path], one, tree.files, tree.root) for one in made.all())
    problem = next((p for p in problems if p), "")
    # A module that is not there is the project's to add: no fault of the repair.
    state = "refused" if problem.startswith("V3") else "failed"
    return (None, (state, problem)) if problem else (made, ("", ""))


def _tested(tree: Tree, start: dict[str, bytes], outcomes: list[Outcome]) -> list[Outcome]:
    """V6: all repairs together under the project's tests; if these fail that passed before, none is kept."""
    changed = {p: d for p, d in tree.files.items() if d != start[p]}
    command = tree.settings.fix_tests
    if not changed or not command or tree.root is None:
        return outcomes
    problem = ladder.tests_pass(tree.root, changed, command)
    if not problem:
        return [replace(o, detail=o.detail.replace("V5", "V6")) if o.state == "verified" else o for o in outcomes]
    already = ladder.tests_pass(tree.root, {}, command)
    tree.files = start
    why = (
        f"V6: the tests fail before any repair: {already}"
        if already
        else f"V6: with the repairs the tests fail: {problem}"
    )
    return [replace(o, state="failed", detail=why) if o.state == "verified" else o for o in outcomes]


def _first(f: Finding) -> tuple[bool, str, int, int]:
    """Values that leave a log come first: nothing else need be done to them then."""
    return (not f.rule.startswith(("taint-pii", "taint-secret")), f.at.path, f.at.line, f.at.column)


def _gone_too(done: list[Finding], before: list[Finding], after: list[Finding], only: set[str] | None) -> list[Outcome]:
    """Other findings that repairs removed."""
    left = Counter(map(_identity, after)) + Counter(map(_identity, done))
    made = []
    for f in before:
        if left[_identity(f)]:
            left[_identity(f)] -= 1
        elif only is None or f.fingerprint in only:
            near = next((d for d in done if d.at.path == f.at.path), done[0])
            made.append(Outcome(f, "verified", f"V5 (with {near.rule} in line {near.at.line})"))
    return made


def _place(f: Finding) -> tuple[str, int, int, str]:
    """Where a finding is; a repair above may move it, and then it is tried once more."""
    return (f.at.path, f.at.line, f.at.column, f.rule)


def _identity(f: Finding) -> tuple[str, str, str]:
    """Without the ordinal: equal flows of one function are told apart by their number only."""
    return (f.at.path, f.rule, f.fingerprint.rpartition("-")[0])


def fix_tree(
    request: CheckRequest, settings: TaintSettings, chosen: list[SourceFile]
) -> tuple[list[Outcome], list[SourceFile]]:
    """Repair the files of a request in the work tree: what became of each finding, and the files as they are now.

    What a comment or the baseline accepts is not touched.
    """
    from maestro_taint.running import beside, neighbours  # noqa: PLC0415 - running imports the gate's parts

    files = {f.path: f.data for f in chosen}
    around = {} if request.whole else neighbours(request, set(files))
    tree = Tree(dict(files), settings, project_models(request.root, settings), request.root, around)
    found = tree.findings()
    others = beside(request.root, {f.at.path for f in found} - set(files))
    judged = suppress.judge(found, {f.path: f for f in (*chosen, *others)})
    held = baseline.read(request.root / settings.baseline)
    fresh, _ = baseline.split(judged.open, held, lambda path: path in files or not (request.root / path).exists())
    outcomes = repair(tree, {f.fingerprint for f in fresh})
    now = []
    for f in chosen:
        data = tree.files[f.path]
        if data != files[f.path]:
            write_atomic(f.place, data, mode=f.place.stat().st_mode & 0o777)
        now.append(replace(f, digest=hashlib.sha256(data).hexdigest()))
    return outcomes, now


def told(outcomes: Iterable[Outcome], left: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What a check that repaired reports: the findings left, each with why it was not repaired, and those repaired."""
    reasons = {_identity(o.finding): o for o in outcomes if o.state != "verified"}
    made = []
    for f in left:
        why = reasons.get(_identity(f))
        made.append(f if why is None else _marked(f, why))
    done = (o for o in outcomes if o.state == "verified")
    return (*made, *(replace(_marked(o.finding, o), trace=()) for o in done))


def _marked(f: Finding, o: Outcome) -> Finding:
    words = "repaired" if o.state == "verified" else f"not repaired ({o.state})"
    kept = {k: v for k, v in f.properties.items() if k != "next" or o.state != "verified"}
    return replace(
        f, message=f"{words}: {o.detail}: {f.message}", properties={**kept, "fix": o.state, "fix_detail": o.detail}
    )
