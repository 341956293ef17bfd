"""The table ``[tool.maestro.zk]``: which numbers are committed to instead of published.

Invariant: thresholds are not set here. They are the obligations' own bounds and the policy's, whichever is stricter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from maestro_hooks.registry import Settings


class ZkSettings(Settings, frozen=True, kw_only=True):
    """Settings of the zk plugin."""

    private: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...],
        Meta(description="Numeric obligations to hide, besides those marked private: keys, '*' for any characters."),
    ] = ()
    bits: Annotated[
        Literal[32, 64], Meta(description="A hidden value lies less than 2**bits from its bound, at its scale.")
    ] = 32

    def hides(self) -> tuple[str, ...]:
        """The configured names."""
        return self.private
