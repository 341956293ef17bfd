"""The table ``[tool.maestro.cas]``.

Invariant: nothing here is a secret; credentials come from the registry client's own configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from maestro_cas.access import DIRECTORY, UNLOCKED_HOURS, in_pull_request
from maestro_hooks.registry import Settings

if TYPE_CHECKING:
    from maestro_cas.access import Access

Mode = Literal["trust", "observe", "enforce"]


class CasSettings(Settings, frozen=True, kw_only=True):
    """Settings of the build cache.

    Raises:
        ValueError: a remote that is neither ``oci://`` nor ``grpc://`` or ``grpcs://``.
    """

    directory: Annotated[str, Meta(description="The store; relative to the root, or ~/... for one per user.")] = (
        DIRECTORY
    )
    max_bytes: Annotated[int, Meta(ge=1_000_000, description="Collect garbage above this size.")] = 10_000_000_000
    remotes: Annotated[
        tuple[str, ...],
        Meta(description="Shared tiers in order: oci://HOST/REPOSITORY, oci+http://..., grpc://HOST:PORT, grpcs://..."),
    ] = ()
    writers: Annotated[
        tuple[str, ...], Meta(description="Public keys (base64 SPKI) whose records are accepted from a remote.")
    ] = ()
    publish: Annotated[bool, Meta(description="Store signed results in the remotes (never from a pull request).")] = (
        False
    )
    provenance: Annotated[
        bool, Meta(description="Attach signed SLSA provenance to what is published in an OCI registry.")
    ] = True
    remote_wait_s: Annotated[int, Meta(ge=1, le=600, description="Longest wait for a remote's next answer.")] = 5
    remote_budget_s: Annotated[int, Meta(ge=1, le=3600, description="Longest time remotes may take per action.")] = 60
    remote_rest_s: Annotated[int, Meta(ge=0, description="How long a failed remote is left alone.")] = 120
    unlocked_hours: Annotated[int, Meta(ge=0, description="How long a result without a lock file is reused.")] = (
        UNLOCKED_HOURS
    )

    def __post_init__(self) -> None:
        for remote in self.remotes:
            if not remote.startswith(("oci://", "oci+http://", "grpc://", "grpcs://")):
                raise ValueError(f"remotes: {remote!r} is none of oci://, oci+http://, grpc:// and grpcs://")


def may_publish(settings: CasSettings, access: Access) -> bool:
    """Whether results may be written to remotes from this process."""
    return settings.publish and access in ("rw", "refresh") and not in_pull_request()
