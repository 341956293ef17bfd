"""Values of a query that is put together step by step: each step adds its values to a list beside the text.

Invariant: wherever the text gets a part, the list gets that part's values, in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.forms import pieces
from maestro_taint.fixes.pieces import Hole
from maestro_taint.fixes.view import Edit, Refusal, added

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_taint.fixes.building import Built, Feed
    from maestro_taint.fixes.drivers import Target
    from maestro_taint.fixes.site import Site

CONDITIONALLY = Refusal("parts of the query are added conditionally")


def gathered(site: Site, target: Target, built: Built, values: Sequence[cst.BaseElement]) -> Edit | Refusal:
    """The values in a variable of their own, filled where the text's variable is."""
    from maestro_taint.fixes.sql import doubled, passed  # noqa: PLC0415 - the two need one another

    if (len(target.call.args) != 1 and not target.keyword) or target.style not in ("?", "%s"):
        return CONDITIONALLY
    hot = [f for f in built.feeds if f.tree is not None and any(built.is_hot(p) for p in pieces(f.tree))]
    names = {f.name for f in hot}
    if len(names) != 1 or names == {""}:
        return CONDITIONALLY
    group = [f for f in built.feeds if f.name in names]
    if not _steps(site, group):
        return CONDITIONALLY
    name = site.free(f"{names.pop()}_values")
    before: list[tuple[cst.CSTNode, tuple[str, ...]]] = []
    left = list(values)
    seen: dict[int, int] = {}
    for feed in sorted(group, key=lambda f: site.view.order(f.node)):
        own = _own(feed, built, left)
        listed = ", ".join(site.view.module.code_for_node(v.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for v in own)
        if feed.statement is None:
            return CONDITIONALLY
        at = seen.setdefault(id(feed.statement), len(before))
        if at < len(before):
            before[at] = (feed.statement, (_more(before[at][1][0], listed),))
        elif not feed.adds:
            before.append((feed.statement, (f"{name} = [{listed}]\n",)))
        else:
            before.append((feed.statement, (f"{name} += [{listed}]\n",)))
    kept = [(node, texts) for node, texts in before if not texts[0].endswith("+= []\n")]
    doubled(built, target.style)
    return site.edit((target.call, added(target.call, passed(target, cst.Name(name)))), *built.swaps(), before=kept)


def _steps(site: Site, group: list[Feed]) -> bool:
    """Whether every step is a statement of a block, the first of which gives the variable its first value."""
    ordered = sorted(group, key=lambda f: site.view.order(f.node))
    blocks = [site.view.parents.get(f.statement) for f in ordered if f.statement is not None]
    good = len(blocks) == len(ordered) and all(isinstance(b, cst.IndentedBlock | cst.Module) for b in blocks)
    return good and not ordered[0].adds


def _own(feed: Feed, built: Built, left: list[cst.BaseElement]) -> list[cst.BaseElement]:
    """The values of one step: values come in the order of the text, as the steps do."""
    if feed.tree is None:
        return []
    return [left.pop(0) for p in pieces(feed.tree) if isinstance(p, Hole) and built.is_hot(p)]


def _more(text: str, listed: str) -> str:
    if not listed:
        return text
    head = text.rstrip("\n").removesuffix("]")
    return f"{head}{'' if head.endswith('[') else ', '}{listed}]\n"
