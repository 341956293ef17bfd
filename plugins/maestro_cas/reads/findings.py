"""What a run's undeclared reads mean, in words for whoever wrote the declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.record import Reads

SHOWN = 10
_SAID = {
    "absent": "undeclared read: {} (looked for, not there)",
    "program": "undeclared program: {}",
    "written": "undeclared output: {} (it is only checked, never restored)",
}


def findings(reads: Reads) -> Iterator[str]:
    """One line per undeclared read or file left behind, at most ``SHOWN``, and what may be done about them."""
    for text in reads.undeclared[:SHOWN]:
        path, _, how = text.removesuffix(")").rpartition(" (")
        yield _SAID[how].format(path) if how in _SAID else f"undeclared read: {text}"
    if len(reads.undeclared) > SHOWN:
        yield f"and {len(reads.undeclared) - SHOWN} more; 'maestro cas stat KEY' lists them"
    if reads.undeclared:
        yield "to do: add them to the inputs, outputs or caches; until then the result stays on this machine"
