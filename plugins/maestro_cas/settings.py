"""The table ``[tool.maestro.cas]``.

Invariant: nothing here is a secret; credentials come from the registry client's own configuration.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from msgspec import Meta

from maestro_hooks.registry import Settings

Mode = Literal["trust", "observe", "enforce"]
Access = Literal["rw", "ro", "off", "refresh"]

ACCESS_VARIABLE = "MAESTRO_CACHE"
_PULL_REQUEST_SET = ("CI_MERGE_REQUEST_IID", "CHANGE_ID", "SYSTEM_PULLREQUEST_PULLREQUESTID")


class CasSettings(Settings, frozen=True, kw_only=True):
    """Settings of the build cache.

    Raises:
        ValueError: a remote that is neither ``oci://`` nor ``grpc://`` or ``grpcs://``.
    """

    directory: Annotated[str, Meta(description="The store; relative to the root, or ~/... for one per user.")] = (
        ".maestro/cas"
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
    remote_wait_s: Annotated[int, Meta(ge=1, le=600, description="Longest wait for a remote's next answer.")] = 5
    remote_budget_s: Annotated[int, Meta(ge=1, le=3600, description="Longest time remotes may take per action.")] = 60
    remote_rest_s: Annotated[int, Meta(ge=0, description="How long a failed remote is left alone.")] = 120
    unlocked_hours: Annotated[int, Meta(ge=0, description="How long a result without a lock file is reused.")] = 24

    def __post_init__(self) -> None:
        for remote in self.remotes:
            if not remote.startswith(("oci://", "oci+http://", "grpc://", "grpcs://")):
                raise ValueError(f"remotes: {remote!r} is none of oci://, oci+http://, grpc:// and grpcs://")


def store_home(root: str, directory: str) -> str:
    """The absolute path of the store."""
    return os.path.normpath(os.path.join(root, os.path.expanduser(directory)))  # noqa: PTH111, PTH118


def may_publish(settings: CasSettings, access: Access) -> bool:
    """Whether results may be written to remotes from this process."""
    return settings.publish and access in ("rw", "refresh") and not in_pull_request()


def in_pull_request() -> bool:
    """Whether a CI system says that this job builds a pull request, whose author need not be trusted."""
    if os.environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return True
    if os.environ.get("BUILDKITE_PULL_REQUEST", "false") != "false":
        return True
    return any(os.environ.get(name) for name in _PULL_REQUEST_SET)


def access_mode() -> Access:
    """``MAESTRO_CACHE``: rw (default), ro, off or refresh.

    Raises:
        ConfigError: another word.
    """
    word = os.environ.get(ACCESS_VARIABLE) or "rw"
    if word not in ("rw", "ro", "off", "refresh"):
        from maestro_hooks.errors import ConfigError  # noqa: PLC0415 - only on an error

        raise ConfigError(f"{word!r} is no cache mode", where=ACCESS_VARIABLE, fix="use rw, ro, off or refresh")
    return word  # type: ignore[return-value]
