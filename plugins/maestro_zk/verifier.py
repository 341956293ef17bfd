"""The step ``zk``: every statement of the section holds for the value the signer committed to.

Theorem: if the step passes, each statement's leaf is in the signed tree and carries the same commitment, scale and
bound, every disclosed leaf that passes by a hidden number has a statement for each of its bounds, and the one proof
verifies.
Nothing here proves that a number was measured rightly: that is the signer's word. No secret is needed or read.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence.steps import Status, Step
from maestro_zk.field import ENGINE
from maestro_zk.section import context_of, parse_section
from maestro_zk.statement import ROUNDINGS, Row, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.evidence.leaf import Leaf, Metric
    from maestro_hooks.evidence.manifest import Manifest
    from maestro_hooks.requests import VerifyRequest
    from maestro_zk.section import Statement, ZkSection

NAME = "zk"
MEETS = "the value the signer committed to meets the bound"


def check_section(request: VerifyRequest) -> Step:
    """Check the sealed section of a manifest."""
    manifest, leaves = request.manifest, request.leaves
    try:
        section = parse_section(manifest.sections[NAME], size=manifest.size)
    except EvidenceError as error:
        return Step(NAME, Status.FAIL, f"{error.where}: {error.what}")
    unstated = _unstated(section, leaves)
    if unstated:
        return Step(NAME, Status.FAIL, f"{unstated}: passes by a hidden number that no statement speaks about")
    return check_statements(section, manifest, leaves, sealed=True)


def check_statements(section: ZkSection, manifest: Manifest, leaves: Mapping[int, Leaf], *, sealed: bool) -> Step:
    """Check statements and proof against the disclosed leaves.

    A ``sealed`` section must state the leaves' own bounds; a proof made later may state others.
    """
    problems = [p for s in section.statements if s.leaf in leaves and (p := _problem(s, leaves[s.leaf], sealed=sealed))]
    if problem := _shared_commitment(section) or next(iter(problems), None):
        return Step(NAME, Status.FAIL, problem)
    missing = [s.id for s in section.statements if s.leaf not in leaves]
    if missing:
        return Step(NAME, Status.NOT_CHECKED, f"the leaf of {missing[0]} was not given, so its commitment is unknown")
    rows = [row_of(s, leaves[s.leaf].metrics[s.metric].round) for s in section.statements]
    try:
        failure = check(context_of(manifest), rows, bits=section.bits, proof=section.proof)
    except ValueError as error:
        failure = str(error)
    if failure:
        return Step(NAME, Status.FAIL, failure)
    bounds = ", ".join(words(s) for s in section.statements)
    return Step(NAME, Status.PASS, f"{MEETS}: {bounds} ({len(section.proof)} bytes, {section.bits} bits, {ENGINE})")


def row_of(statement: Statement, rounding: str) -> Row:
    """A statement with the rounding its leaf states."""
    return Row(
        id=statement.id,
        metric=statement.metric,
        scale=statement.scale,
        round=rounding,
        op=statement.op,
        threshold=statement.threshold,
        commit=bytes.fromhex(statement.commit),
    )


def words(statement: Statement) -> str:
    """A statement as people write it, the exact number."""
    return f"{statement.id} {statement.op} {Fraction(statement.threshold, statement.scale)}"


def _problem(statement: Statement, leaf: Leaf, *, sealed: bool) -> str | None:
    """How a statement contradicts its leaf, or ``None``."""
    metric = leaf.metrics.get(statement.metric)
    if leaf.id != statement.id or metric is None or metric.commit is None:
        return f"{statement.id}: leaf {statement.leaf} is {leaf.id} and hides no such number {statement.metric}"
    differences = {
        "the statement's commitment is not the leaf's": metric.commit != statement.commit,
        "the statement's scale is not the leaf's": metric.scale != statement.scale,
        f"a number rounded by {metric.round} does not support {statement.op}": (
            metric.round not in ROUNDINGS[statement.op]
        ),
        f"a bound is proved for a leaf whose verdict is {leaf.verdict}": leaf.verdict != "pass",
        "the threshold is not the leaf's bound": sealed and _bound(metric, statement.op) != statement.threshold,
    }
    return next((f"{leaf.id}: {words}" for words, differs in differences.items() if differs), None)


def _bound(metric: Metric, op: str) -> int | None:
    return metric.min if op == ">=" else metric.max


def _shared_commitment(section: ZkSection) -> str | None:
    """Two numbers with one commitment: one was copied, or a blinding was used twice and shows that they are equal."""
    owners: dict[str, tuple[str, str]] = {}
    for statement in section.statements:
        owner = owners.setdefault(statement.commit, (statement.id, statement.metric))
        if owner != (statement.id, statement.metric):
            return f"{statement.id}: its commitment is also that of {owner[0]}"
    return None


def _unstated(section: ZkSection, leaves: Mapping[int, Leaf]) -> str | None:
    """The id of a disclosed leaf that passes by a hidden number without a statement for each of its bounds."""
    stated = {(s.id, s.metric, s.op, s.threshold) for s in section.statements}
    for leaf in leaves.values():
        for name, metric in leaf.metrics.items():
            if metric.commit is None or leaf.verdict != "pass":
                continue
            for op, bound in ((">=", metric.min), ("<=", metric.max)):
                if bound is not None and (leaf.id, name, op, bound) not in stated:
                    return leaf.id
    return None
