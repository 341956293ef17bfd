"""Two layers of policy become one: organisation below, repository above, and the stricter side wins.

Theorem: whatever meets the merged policy meets each layer taken alone under the merged waivers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from maestro_hooks.policy.coherence import MisplacedError, check_rules, check_waivers
from maestro_hooks.policy.document import Policy, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def merge(below: Policy, above: Policy) -> Policy:
    """``above`` added to ``below``: the union of the rules; under one id the stricter of each part.

    Raises:
        ValueError: both layers give one id different requirements or conditions, declare different authors, or are
            together contradictory.
    """
    rules = {rule.id: rule for rule in below.rules}
    for i, rule in enumerate(above.rules):
        try:
            rules[rule.id] = stricter(rules[rule.id], rule) if rule.id in rules else rule
        except ValueError as error:
            raise MisplacedError(str(error), f"$.rules[{i}]") from None
    if below.authors and above.authors and below.authors != above.authors:
        raise ValueError("authors: this layer and the one it extends declare them differently")
    limits = [p.max_waiver_days for p in (below, above) if p.max_waiver_days is not None]
    waivers = tuple(dict.fromkeys((*below.waivers, *above.waivers)))
    max_days = min(limits, default=None)
    _located(check_rules, tuple(rules.values()), above.rules, "rules")
    _located(lambda merged: check_waivers(merged, max_days), waivers, above.waivers, "waivers")
    return Policy(
        version=1,
        rules=tuple(rules.values()),
        waivers=waivers,
        authors=dict(below.authors or above.authors),
        max_waiver_days=max_days,
        extends=tuple(dict.fromkeys((*below.extends, *above.extends))),
    )


def _located(check: Callable[[tuple[T, ...]], None], merged: tuple[T, ...], above: tuple[T, ...], table: str) -> None:
    """Run ``check``; what is wrong is placed in the upper layer's own list, if it stands there."""
    try:
        check(merged)
    except MisplacedError as error:
        wrong = merged[int(error.path.partition("[")[2].partition("]")[0])]
        path = f"$.{table}[{above.index(wrong)}]" if wrong in above else "$.extends"
        raise MisplacedError(str(error), path) from None


def stricter(one: Rule, other: Rule) -> Rule:
    """The rule that demands what both demand.

    Raises:
        ValueError: they speak about different things, so neither is stricter.
    """
    if one.require != other.require:
        raise ValueError(f"rule {one.id}: it requires {one.require!r} in one layer and {other.require!r} in another")
    if one.when is not None and other.when is not None and one.when != other.when:
        raise ValueError(f"rule {one.id}: it has another condition in another layer; give it another id")
    if {e.key for e in one.exempt} != {e.key for e in other.exempt}:
        # Neither side is stricter: an exempt key is not judged, but it does not answer for a missing one either.
        raise ValueError(f"rule {one.id}: it has other exemptions in another layer; give it another id")
    return msgspec.structs.replace(
        one,
        why=other.why or one.why,
        min=max((b for b in (one.min, other.min) if b is not None), default=None),
        max=min((b for b in (one.max, other.max) if b is not None), default=None),
        accept=tuple(word for word in one.accept if word in other.accept),
        severity="block" if "block" in (one.severity, other.severity) else "warn",
        when=one.when if other.when is not None else None,
        allow_empty=one.allow_empty and other.allow_empty,
    )
