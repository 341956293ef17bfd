"""Ask the configured remotes in order, within a time budget, and believe only what a trusted writer signed.

Invariant: nothing in here fails a build. A remote that fails is left alone for a while (by all processes of this
store), so that it costs one wait; a remote that lies is reported and dropped.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from maestro_cas import record as records
from maestro_cas.remote.tier import Deadline, Offer, RemoteError, TransientError
from maestro_hooks.errors import EvidenceError, MaestroError
from maestro_hooks.remote import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_cas.engine import Action, Prepared
    from maestro_cas.record import Blob, Record
    from maestro_cas.remote.referrers import Referrer
    from maestro_cas.remote.tier import Tier
    from maestro_cas.settings import CasSettings
    from maestro_cas.store import Store
    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

    class Attached(Protocol):
        """A tier's list of what is attached to a result."""

        def __call__(self, key: str, *, deadline: Deadline) -> list[tuple[Referrer, bytes]]:
            """The referrers, each with the bytes of its first layer."""


T = TypeVar("T")
_POLICY = retry.RetryPolicy(attempts=3, base_ms=100, cap_ms=1_000, deadline_ms=10_000)


class Remotes:
    """The remotes of one process. ``words`` are what the user should know; ``reason`` why the last look-up missed."""

    def __init__(
        self, store: Store, settings: CasSettings, *, root: str, publishing: bool, announce: Callable[[str], None]
    ) -> None:
        self._store, self._settings, self._root = store, settings, root
        self._publishing = publishing
        self._announce = announce
        self._tiers: list[Tier] | None = None
        self._trusted: list[PublicKey] = []
        self.reason = ""

    def writer(self) -> PrivateKey:
        """The key this machine signs its records with."""
        from maestro_cas.writer import writer_key  # noqa: PLC0415 - heavy

        return writer_key(self._root)

    def fetch(self, prepared: Prepared) -> tuple[Record, str] | None:
        """The record of an action with all its blobs brought into the store, and the tier's name."""
        self.reason = ""
        for tier in self._open():
            found = self._guarded(tier, partial(self._fetch_from, tier, prepared))
            if found is not None:
                return found, tier.name
        return None

    def publish(self, prepared: Prepared, record: Record, envelope: bytes) -> None:
        """Offer a stored result to every remote, if this process may write."""
        if not self._publishing:
            return
        told = self._settings.provenance and record.outputs and "entry" not in record.components
        provenance = self._provenance(record) if told else b""
        offer = Offer(prepared=prepared, record=record, envelope=envelope, provenance=provenance)
        for tier in self._open():
            self._guarded(tier, partial(self._publish_to, tier, offer))

    def attached(self, key: str) -> list[tuple[str, Referrer, str]]:
        """What others attached to a result: the remote, the referrer, and who signed it (``""``: nobody trusted)."""
        found = []
        for tier in self._open():
            ask = getattr(tier, "attached", None)
            listed = self._guarded(tier, partial(_attached, ask, key)) if ask is not None else None
            found += [(tier.name, one, self._signer(data)) for one, data in listed or ()]
        return found

    def _signer(self, data: bytes) -> str:
        from maestro_cas.provenance import signer  # noqa: PLC0415 - only for attachments

        return signer(data, self._trusted)

    def _provenance(self, record: Record) -> bytes:
        from maestro_cas.provenance import signed_statement  # noqa: PLC0415 - only when something is published

        return signed_statement(record, self._store, self.writer())

    def close(self) -> None:
        """End connections."""
        for tier in self._tiers or ():
            tier.close()

    def _fetch_from(self, tier: Tier, prepared: Prepared, deadline: Deadline) -> Record | None:
        envelope = tier.find(prepared, deadline=deadline)
        if envelope is None:
            self.reason = f"no result for this key, nor at {tier.name}"
            return None
        opened = records.open_envelope(envelope)
        if records.signer_of(opened, self._trusted) is None:
            self.reason = f"{tier.name} has a result, but no trusted writer signed it"
            self._announce(self.reason)
            return None
        found = records.parse(opened.payload, key=prepared.key)
        if not found.shared:
            raise EvidenceError("holds a result that was not to be shared", where=tier.name)
        if found.seen.size:
            self._bring(tier, prepared, [found.seen], deadline)
            changed = self._changes(prepared.action, found)
            if changed:
                self.reason = f"{tier.name} has a result, but {changed[0]}"
                return None
        self._bring(tier, prepared, found.blobs(), deadline)
        self._store.sync()
        self._store.put_record(prepared.key, envelope, fetched=True)
        return found

    def _bring(self, tier: Tier, prepared: Prepared, blobs: Sequence[Blob], deadline: Deadline) -> None:
        missing = [b for b in blobs if not self._store.has(b.digest, b.size)]
        if missing:
            tier.fetch(prepared, missing, self._store, deadline=deadline)

    def _changes(self, action: Action, found: Record) -> list[str]:
        """What this machine has otherwise than the machine that made the result."""
        from maestro_cas.engine import seen_cache  # noqa: PLC0415 - the engine loads this module
        from maestro_cas.reads import witness  # noqa: PLC0415

        lines = self._store.get(found.seen.digest)
        if lines is None:
            return ["the list of what it read was damaged"]
        return witness.changes(lines, action.scope, seen_cache(self._store, action), system=False)

    def _publish_to(self, tier: Tier, offer: Offer, deadline: Deadline) -> int:
        return tier.publish(offer, self._store, deadline=deadline)

    def _guarded(self, tier: Tier, call: Callable[[Deadline], T]) -> T | None:
        """Call, trying again what may pass; a failure closes the tier for a while."""
        try:
            deadline = self._deadline()
            return retry.call(
                lambda: call(deadline),
                policy=_POLICY,
                retry_on=(TransientError,),
                clock_ms=lambda: int(time.monotonic() * 1000),
                sleep_ms=lambda ms: time.sleep(ms / 1000),
                draw=lambda: random.getrandbits(retry.DRAW_BITS),
            )
        except RemoteError as error:
            words = f"{tier.name} is not used for {self._settings.remote_rest_s} s: {error.what}"
        except EvidenceError as error:
            words = f"{tier.name} answered with what it should not: {error}"
        except MaestroError as error:  # our own side, a full disk: the remote is not to blame
            self.reason = f"{tier.name}: {error}"
            self._announce(self.reason)
            return None
        self.reason = words
        self._announce(words)
        self._rest(tier)
        return None

    def _deadline(self) -> Deadline:
        clock = time.monotonic
        return Deadline(clock() + self._settings.remote_budget_s, self._settings.remote_wait_s, clock)

    def _open(self) -> Sequence[Tier]:
        if self._tiers is None:
            from maestro_cas.writer import trusted_writers  # noqa: PLC0415 - heavy

            self._trusted = trusted_writers(self._root, self._settings.writers)
            self._tiers = []
            for address in self._settings.remotes:
                try:
                    self._tiers.append(connect(address))
                except MaestroError as error:
                    self.reason = f"{address}: {error}"
                    self._announce(self.reason)
        return [t for t in self._tiers if not self._resting(t)]

    def _resting(self, tier: Tier) -> bool:
        try:
            age = time.time() - os.stat(self._mark(tier)).st_mtime
        except OSError:
            return False
        return 0 <= age < self._settings.remote_rest_s  # a mark from the future (clock set back) does not count

    def _rest(self, tier: Tier) -> None:
        with suppress(OSError), open(self._mark(tier), "wb"):
            os.utime(self._mark(tier))

    def _mark(self, tier: Tier) -> str:
        return f"{self._store.home}/locks/rest-{hashlib.sha256(tier.name.encode()).hexdigest()[:24]}"


def _attached(ask: Attached, key: str, deadline: Deadline) -> list[tuple[Referrer, bytes]]:
    return ask(key, deadline=deadline)


def connect(address: str) -> Tier:
    """The tier at an address. Raises ``UnavailableError`` if its client is not installed, ``ConfigError``."""
    scheme, _, rest = address.partition("://")
    if scheme in ("oci", "oci+http"):
        from maestro_cas.remote.oci import OciTier  # noqa: PLC0415 - only what is configured

        return OciTier(rest, tls=scheme == "oci")
    from maestro_cas.remote.reapi import ReapiTier  # noqa: PLC0415

    return ReapiTier(rest, tls=scheme == "grpcs")
