"""``[tool.maestro.bloom]``: when a run must be full, and how much the index may be wrong before it is not used."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from maestro_hooks.registry import Settings


class BloomSettings(Settings, frozen=True, kw_only=True):
    """What the project says about test selection."""

    level: Annotated[
        Literal["safe", "names"],
        Meta(description="How a change of a module's top level is followed: to all importers, or by name."),
    ] = "safe"
    full_every_days: Annotated[int, Meta(ge=1, description="An older full run makes the next run full.")] = 14
    false_skip_budget_ppm: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Skips per million that may prove wrong at night.")
    ] = 10_000
    random_order: Annotated[bool, Meta(description="Full runs shuffle modules and the tests in them.")] = True
    keep: Annotated[int, Meta(ge=1, description="Index files kept for each environment.")] = 5
    salt: Annotated[str, Meta(description="Secret salt of the filters, if they are to be published.")] = ""
