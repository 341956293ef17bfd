"""Which numbers are nobody's business: marked private before anything is decided, shown, exported or sealed.

Theorem: of a record that a plugin's settings hide, or that is private by its own word, neither card nor export tells
the number. A hidden number keeps its bound, which the sealed leaf states too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.policy_document import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.host import Host


def conceal(host: Host, records: Iterable[Record]) -> tuple[Record, ...]:
    """``records``, those whose numbers the settings of ``host``'s plugins hide marked private."""
    names = sorted({name for table in host.tables.values() for name in table.hides()})
    return tuple(
        msgspec.structs.replace(record, private=True)
        if record.quantity is not None and not record.private and any(matches(name, record.key) for name in names)
        else record
        for record in records
    )
