"""Next steps for functions whose contract was refuted or not proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import AdviceRequest

PREFIX = "symbolic/verdict/"


def advise(request: AdviceRequest) -> Iterator[Advice]:
    """A refuted function has an input that shows it; an undecided one needs a stronger contract or simpler code."""
    for record in request.unmet:
        if record.key.startswith(PREFIX):
            function = record.key.removeprefix(PREFIX)
            show = ("maestro", "symbolic", "show", function)
            if record.text == "refuted":
                yield Advice(record.key, f"mend {function}: the recorded input breaks its contract", show, 900)
            else:
                words = f"bring {function} to a proof ({record.text or 'no verdict'}): bound its loops or its inputs"
                yield Advice(record.key, words, show, 1800, "medium")
