"""Whatever the bytes, a parser returns or raises ``EvidenceError``; nothing else escapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.bundle import parse_bundle
from maestro_hooks.evidence.disclosure import parse_disclosures
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.manifest import parse_manifest
from maestro_hooks.evidence.policy_document import parse_policy
from maestro_hooks.evidence.trust import check_trust, parse_trust
from tests.evidence.shipment import NOW, ship

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPMENT = ship()
PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "bundle": (parse_bundle, SHIPMENT.bundle),
    "leaf file": (parse_disclosures, SHIPMENT.leaves),
    "leaf": (parse_leaf, SHIPMENT.sealed.leaves.data[8]),
    "manifest": (parse_manifest, SHIPMENT.sealed.payload),
    "policy": (parse_policy, SHIPMENT.policy),
    "trust": (lambda data: check_trust(parse_trust(data), now=NOW), SHIPMENT.trust),
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["0", "-1", "a" * 64, "AA=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
QUICK = settings(derandomize=True, max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def mutate(value: Any, path: list[int], junk: object) -> Any:
    """``value`` with the part that ``path`` leads to replaced by ``junk``."""
    if not path or not isinstance(value, dict | list) or not value:
        return junk
    choice, *rest = path
    if isinstance(value, list):
        place = choice % len(value)
        return [mutate(item, rest, junk) if i == place else item for i, item in enumerate(value)]
    name = sorted(value)[choice % len(value)]
    return {key: mutate(item, rest, junk) if key == name else item for key, item in value.items()}


@pytest.mark.parametrize("name", PARSERS)
def test_the_seeds_parse(name: str) -> None:
    parse, seed = PARSERS[name]
    parse(seed)


@pytest.mark.parametrize("name", PARSERS)
@QUICK
@given(path=st.lists(st.integers(0, 20), min_size=1, max_size=6), junk=JUNK)
def test_any_part_may_be_junk(name: str, path: list[int], junk: object) -> None:
    parse, seed = PARSERS[name]
    try:
        parse(canonical.encode(mutate(json.loads(seed), path, junk)))
    except EvidenceError:
        return


@pytest.mark.parametrize("name", PARSERS)
@QUICK
@given(start=st.integers(0, 3000), length=st.integers(0, 20), piece=st.binary(max_size=8))
def test_any_bytes_may_be_replaced(name: str, start: int, length: int, piece: bytes) -> None:
    parse, seed = PARSERS[name]
    start %= len(seed)
    try:
        parse(seed[:start] + piece + seed[start + length :])
    except EvidenceError:
        return


@pytest.mark.parametrize("name", PARSERS)
@QUICK
@given(data=st.binary(max_size=60) | JUNK.map(json.dumps).map(str.encode))
def test_any_input_may_be_junk(name: str, data: bytes) -> None:
    parse, _ = PARSERS[name]
    try:
        parse(data)
    except EvidenceError:
        return
