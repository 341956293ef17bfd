"""The next step when skipped tests would have failed: run them all, which measures and mends the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import AdviceRequest

KEYS = ("bloom/false_skips", "bloom/false_skip_ppm", "bloom/last_full_age_s")


def advise(request: AdviceRequest) -> Iterator[Advice]:
    """One full run answers every measured claim about skips."""
    for key in (*(record.key for record in request.unmet), *request.missing):
        if key in KEYS:
            words = "run every test once, which measures what was skipped and renews the index"
            yield Advice(key, words, ("pytest", "--maestro", "--maestro-full"), 300)
