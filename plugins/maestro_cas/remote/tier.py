"""What a remote tier must offer, and how its troubles are told apart.

Invariant: a tier moves bytes. It decides nothing about trust: whoever asked checks signature, key and digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_cas.engine import Prepared
    from maestro_cas.record import Blob, Record
    from maestro_cas.store import Store


class RemoteError(ToolError):
    """A remote did not answer, refused, or answered nonsense; the build goes on without it."""


class TransientError(RemoteError):
    """A trouble that asking again may cure (5xx, a broken connection); silence is none: it was waited for already."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a remote may be asked, and the longest wait for one answer. Seconds of ``clock``."""

    ends: float
    wait_s: float
    clock: Callable[[], float]

    def timeout(self) -> float:
        """How long the next answer may take. Raises ``RemoteError`` when the time is used up."""
        left = self.ends - self.clock()
        if left <= 0:
            raise RemoteError("the time for remotes is used up")
        return min(left, self.wait_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A stored result to publish: the record in its signed envelope, and a signed SLSA provenance or ``b""``."""

    prepared: Prepared
    record: Record
    envelope: bytes
    provenance: bytes = b""


class Tier(Protocol):
    """A shared cache. All methods raise ``RemoteError``; ``fetch`` also ``EvidenceError`` for wrong bytes."""

    @property
    def name(self) -> str:
        """Its address without credentials."""
        ...

    def find(self, prepared: Prepared, *, deadline: Deadline) -> bytes | None:
        """The envelope stored for an action, unchecked; ``None`` if there is none."""
        ...

    def fetch(self, prepared: Prepared, blobs: Sequence[Blob], store: Store, *, deadline: Deadline) -> None:
        """Bring blobs into the local store, each checked on arrival."""
        ...

    def publish(self, offer: Offer, store: Store, *, deadline: Deadline) -> int:
        """Send blobs, then the record; returns the bytes sent."""
        ...

    def close(self) -> None:
        """End connections."""
        ...
