"""The table ``[tool.maestro.symbolic]``: which modules are critical, what is accepted there, and who waived what."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from maestro_hooks.registry import Settings

Module = Annotated[
    str, Meta(min_length=1, description="A dotted module, or a glob of paths below the repository root.")
]


class Waiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verdict accepted by name until a day: it holds for one contract, and an expired one blocks."""

    function: Annotated[str, Meta(min_length=1, description="The obligation's subject: module.function.")]
    contract: Annotated[str, Meta(pattern="^[0-9a-f]{12}$", max_length=12, description="Digest of the contract.")]
    reason: Annotated[str, Meta(min_length=10)]
    owner: Annotated[str, Meta(min_length=1)]
    expires: date


class SymbolicSettings(Settings, frozen=True, kw_only=True):
    """Settings of the symbolic plugin."""

    critical: Annotated[tuple[Module, ...], Meta(description="Modules where every function must be proven.")] = ()
    ordinary: Annotated[bool, Meta(description="Check contracted functions outside the critical modules too.")] = True
    exclude: Annotated[tuple[str, ...], Meta(description="Globs of files that are not checked.")] = ()
    allow_bounded: Annotated[bool, Meta(description="Accept 'bounded' in critical modules.")] = False
    crosshair: Annotated[bool, Meta(description="Ask CrossHair, if installed, about what is unsupported.")] = False
    crosshair_timeout_s: Annotated[int, Meta(ge=1, le=600)] = 10
    budget_units: Annotated[
        int, Meta(ge=1_000_000, description="Solver units for one run; what is left over is unknown(budget).")
    ] = 2_000_000_000
    waivers: tuple[Waiver, ...] = ()
