"""The table ``[tool.maestro.seal]``: where the log is, who witnesses it and who says the time."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from maestro_hooks.registry import Settings

Address: TypeAlias = Annotated[
    str,
    Meta(pattern=r"^https?://[^\s]+$", max_length=500, description="A witness: the address before /add-checkpoint."),
]


class SealSettings(Settings, frozen=True, kw_only=True):
    """Settings of the seal plugin."""

    log: Annotated[
        str,
        Meta(
            min_length=1,
            description="The log's directory; none; or auto: .maestro/log if the trust file names a log.",
        ),
    ] = "auto"
    witnesses: tuple[Address, ...] = ()
    dist: Annotated[str, Meta(min_length=1, description="Where the build put its files; as in [tool.maestro].")] = (
        "dist"
    )
    attest: Annotated[
        tuple[Literal["sbom", "provenance", "test-result", "page"], ...],
        Meta(description="Documents to seal as leaves and to ship; page is the verifier page."),
    ] = ()
    timestamp: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            max_length=500,
            description="A timestamp authority (RFC 3161) to ask at a seal; empty asks nobody.",
        ),
    ] = ""
    timestamp_timeout_s: Annotated[int, Meta(ge=1, le=60, description="How long the authority has to answer.")] = 10
    witness_timeout_s: Annotated[int, Meta(ge=1, le=60, description="How long to wait for each witness.")] = 5
