"""From records to commitments, from leaves to the section ``zk``.

Theorem: every leaf this plugin hid a number of, and whose verdict is ``pass``, has a statement for each bound that the
obligation or the policy states, the stricter of the two.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.evidence.record import Quantity
from maestro_hooks.requests import Commitment, Section
from maestro_zk import openings as store
from maestro_zk.openings import StoredOpening
from maestro_zk.pedersen import commit, fresh_blinding
from maestro_zk.prover import Opening
from maestro_zk.section import Statement, ZkSection, context, encode_section
from maestro_zk.statement import MAX_ROWS, prove_rows
from maestro_zk.verifier import NAME, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.requests import CommitRequest, SealDraft
    from maestro_zk.settings import ZkSettings


def commitments(
    request: CommitRequest, settings: ZkSettings, *, entropy: Callable[[int], bytes] = os.urandom
) -> Iterator[Commitment]:
    """Commit to the numbers that are private, by their own word or by the settings', and keep the openings.

    Raises:
        ToolError: a name in the settings hides nothing, or a number cannot support its bounds.
    """
    _check_names(request, settings)
    chosen = [r for r in request.records if _hidden(r, settings) and r.verdict is not Verdict.ERROR]
    made = [(record, _quantity(record, request)) for record in chosen]
    kept = [_open(record, quantity, entropy) for record, quantity in made]
    if kept:
        store.store(request.root, kept)
    for (record, quantity), opening in zip(made, kept, strict=True):
        yield Commitment(record.key, opening.commit, quantity)


def sections(draft: SealDraft, settings: ZkSettings) -> Iterator[Section]:
    """One proof for the bounds of every hidden number whose leaf passes; nothing if there is none.

    Raises:
        ToolError: a hidden number without an opening here, or more statements than one proof holds.
        NotProvableError: a number that does not meet its bound.
    """
    found = _statements(draft)
    if not found:
        return
    if len(found) > MAX_ROWS:
        raise ToolError(
            f"{len(found)} bounds of hidden numbers, and one proof holds {MAX_ROWS}",
            where="tool.maestro.zk.private",
            fix="hide fewer numbers",
        )
    known = store.load(draft.root)
    if strangers := [s.id for s, _ in found if s.commit not in known]:
        raise ToolError("the opening of a hidden number is not here", where=strangers[0], fix="seal again")
    openings = [Opening(known[s.commit].value, known[s.commit].factor) for s, _ in found]
    bound_to = context([dict(s) for s in draft.subjects], root=draft.tree_root, size=len(draft.leaves))
    rows = [row_of(statement, rounding) for statement, rounding in found]
    proof = prove_rows(bound_to, rows, openings=openings, bits=settings.bits)
    yield Section(NAME, encode_section(ZkSection(settings.bits, tuple(s for s, _ in found), proof)))


def _check_names(request: CommitRequest, settings: ZkSettings) -> None:
    """A name that hides nothing is a mistake that would publish a number."""
    for name in settings.private:
        records = [r for r in request.records if matches(name, r.key)]
        texts = [r.key for r in records if r.quantity is None and r.verdict is not Verdict.ERROR]
        if not records or texts:
            what = f"{texts[0]} is no number" if texts else f"no obligation {name} was recorded for this tree"
            raise ToolError(what, where="tool.maestro.zk.private", fix="correct the name, or record the number")


def _hidden(record: Record, settings: ZkSettings) -> bool:
    return record.quantity is not None and (record.private or any(matches(n, record.key) for n in settings.private))


def _quantity(record: Record, request: CommitRequest) -> Quantity:
    """The record's number with the stricter of its own bounds and the policy's, rounded to support them."""
    quantity = record.quantity
    if quantity is None or record.verdict is not Verdict.MET:
        return quantity or Quantity(1, "exact", "0")
    low, high = request.demanded.get(record.key, (None, None))
    minimum = _stricter(quantity.min, low, quantity.scale, lower=True)
    maximum = _stricter(quantity.max, high, quantity.scale, lower=False)
    rounding, q = quantity.round, int(quantity.q)
    if rounding == "floor" and maximum is not None and minimum is None:
        rounding, q = "ceil", q + 1  # rounded down only if it was no integer, so the next one is its ceiling
    if (rounding == "ceil" and minimum is not None) or (rounding == "floor" and maximum is not None):
        raise ToolError(
            "a rounded number cannot support both a lower and an upper bound",
            where=record.key,
            fix="give the obligation a scale at which its value is exact",
        )
    return Quantity(quantity.scale, rounding, str(q), minimum, maximum)


def _stricter(own: str | None, demanded: Fraction | None, scale: int, *, lower: bool) -> str | None:
    """The stricter of two bounds at ``scale``; what the policy demands is rounded against the claimant."""
    if demanded is None:
        return own
    scaled = math.ceil(demanded * scale) if lower else math.floor(demanded * scale)
    if own is None:
        return str(scaled)
    return str(max(int(own), scaled) if lower else min(int(own), scaled))


def _open(record: Record, quantity: Quantity, entropy: Callable[[int], bytes]) -> StoredOpening:
    value = int(quantity.q)
    blinding = fresh_blinding(value, entropy=entropy)
    return StoredOpening(
        id=record.key,
        metric=record.key.split("/", 2)[1],
        scale=quantity.scale,
        round=quantity.round,
        q=quantity.q,
        blinding=blinding.to_bytes(32, "little").hex(),
        commit=commit(value, blinding).hex(),
    )


def _statements(draft: SealDraft) -> list[tuple[Statement, str]]:
    """The statements the leaves call for, in order, each with its leaf's rounding."""
    found = []
    for _, data, index in draft.leaves:
        if b'"commit":"' not in data:  # spares parsing a hundred thousand open leaves
            continue
        leaf = parse_leaf(data)
        if leaf.verdict != "pass":
            continue
        for name, metric in leaf.metrics.items():
            bounds = ((">=", metric.min), ("<=", metric.max)) if metric.commit is not None else ()
            for op, bound in bounds:
                if bound is not None and metric.commit is not None:
                    statement = Statement(
                        id=leaf.id,
                        metric=name,
                        scale=metric.scale,
                        op=">=" if op == ">=" else "<=",
                        threshold=bound,
                        commit=metric.commit,
                        leaf=index,
                    )
                    found.append((statement, metric.round))
    return sorted(found, key=lambda pair: pair[0].order)
