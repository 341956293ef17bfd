"""Hidden numbers are marked before anything is decided, and an export does not tell them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from maestro_hooks.evidence.export import export
from maestro_hooks.evidence.ledger import Merged
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import record_of
from maestro_hooks.pipeline.privacy import conceal
from maestro_hooks.registry import Settings
from maestro_zk.settings import ZkSettings
from tests.evidence.shipment import INPUTS, producer

if TYPE_CHECKING:
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.host import Host


@dataclass
class Tables:
    """All that ``conceal`` asks of a host."""

    tables: dict[str, Settings] = field(default_factory=dict)


def records() -> list[Record]:
    claims = [
        Obligation(key="coverage/total", value=Decimal("0.8147"), min=Decimal("0.5"), scale=10_000),
        Obligation(key="coverage/text", value="8147 lines"),
        Obligation(key="bench/p95", value=1953617, private=True),
        Obligation(key="pytest/failed", value=0, max=0),
    ]
    return [record_of(claim, producer=producer(), inputs=INPUTS) for claim in claims]


def test_settings_mark_numbers_and_nothing_else() -> None:
    host = cast("Host", Tables({"zk": ZkSettings(private=("coverage/*",)), "other": Settings()}))
    made = conceal(host, records())
    assert [(r.key, r.private) for r in made] == [
        ("coverage/total", True),
        ("coverage/text", False),  # the seal refuses to hide a text
        ("bench/p95", True),
        ("pytest/failed", False),
    ]
    assert conceal(cast("Host", Tables()), records()) == tuple(records())


def test_an_export_keeps_private_numbers_back() -> None:
    host = cast("Host", Tables({"zk": ZkSettings(private=("coverage/total",))}))
    merged = Merged(records=conceal(host, records()), inputs={})
    data = export(merged, run="r", tree="t")
    assert b"1953617" not in data
    assert b'"q":"8147"' not in data
    assert b'"key":"coverage/total"' in data
    assert b'"q":"0"' in data  # what is open is told
