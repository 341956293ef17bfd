"""The step ``timestamp``: authorities that the trust file names saw each signature while its key was valid (RFC 3161).

Theorem: if the step passes and gives a time, every signature existed by then, unless as many authorities lied as the
trust file demands. Tokens by authorities it does not name make nothing green: without any named, they are not required.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import shape
from maestro_hooks.evidence.log_steps import CLOCK_SKEW
from maestro_hooks.evidence.steps import Status, Step
from maestro_hooks.evidence.timestamp_token import stamped_at
from maestro_hooks.evidence.trust import signers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from maestro_hooks.evidence.authority import Authority
    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.trust import Trust

NAME = "timestamp"
INSTALL = "pip install 'maestro-conductor[timestamp]'"


@dataclass(frozen=True, slots=True)
class Timestamps:
    """The step, where there is anything to say, and the time by which every signature is proved to exist."""

    step: Step | None = None
    time: datetime | None = None

    @property
    def undecided(self) -> bool:
        """Whether there are tokens that might date the signatures and could not be checked."""
        return self.step is not None and self.step.status is Status.NOT_CHECKED


def check_timestamps(bundles: Sequence[Bundle], trust: Trust | None, *, now: datetime) -> Timestamps:
    """Run the step over every bundle. Every token must be good: whoever adds a bad one has changed the bundle."""
    count = sum(len(bundle.timestamps) for bundle in bundles)
    needed = trust.thresholds.get(NAME, 0) if trust else 0
    if not count and not needed:
        return Timestamps()
    if trust is None:
        return _said(Status.NOT_CHECKED, f"{_tokens(count)}, and no trust file says whose word counts")
    if not trust.authorities:
        words = f"{_tokens(count)}; the trust file names no timestamp authority, so they prove nothing here"
        return _said(Status.NOT_REQUIRED, words)
    try:
        _check_count(min(len(bundle.timestamps) for bundle in bundles), needed)
        times = [_bundle_time(bundle, trust, now) for bundle in bundles if bundle.timestamps]
    except ImportError:
        return _said(Status.NOT_CHECKED, f"{_tokens(count)}; to have them checked: {INSTALL}")
    except EvidenceError as error:
        return _said(Status.FAIL, error.what)
    words = f"{_tokens(count)} of named authorities: signed by {shape.time_text(max(times))} at the latest"
    return Timestamps(Step(NAME, Status.PASS, words), max(times) if len(times) == len(bundles) else None)


def _said(status: Status, words: str) -> Timestamps:
    return Timestamps(Step(NAME, status, words))


def _check_count(there: int, needed: int) -> None:
    if there < needed:
        words = f"timestamps demanded for each signature: {needed}, there: {there}"
        raise EvidenceError(words, where=NAME)


def _tokens(count: int) -> str:
    return "1 RFC 3161 token" if count == 1 else f"{count} RFC 3161 tokens"


def _bundle_time(bundle: Bundle, trust: Trust, now: datetime) -> datetime:
    """The earliest time that an honest one among the demanded authorities must have said."""
    needed = trust.thresholds.get(NAME, 0)
    times: dict[str, datetime] = {}
    for token in bundle.timestamps:
        authority, moment = token_time(token, bundle, trust, now=now)
        times[authority] = min(moment, times.get(authority, moment))
    if len(times) < needed:
        raise EvidenceError(f"{len(times)} of the {needed} authorities demanded", where=NAME)
    return sorted(times.values())[max(1, needed) - 1]


def token_time(token: bytes, bundle: Bundle, trust: Trust, *, now: datetime) -> tuple[str, datetime]:
    """Which authority saw the bundle's signature, and when: not after ``now``, and while the signing key was valid.

    Raises:
        EvidenceError: no authority that ``trust`` names proves it.
        ImportError: the library that checks it is not installed.
    """
    signature = bundle.envelope.signatures[0].sig
    authority, moment = _seen_by(token, signature, trust.authorities)
    text = shape.time_text(moment)
    if not authority.valid_from <= moment <= authority.valid_to:
        raise EvidenceError(f"{authority.name} is not trusted for {text}", where=NAME)
    if moment > now + CLOCK_SKEW:
        raise EvidenceError(f"{authority.name} says {text}, which is yet to come", where=NAME)
    made_by = signers(trust.of_role("release"), bundle.envelope.signed_bytes(), [signature])
    if made_by and not any(key.valid_at(moment) for key in made_by):
        raise EvidenceError(f"{authority.name} says {text}, when {made_by[0].name} was not valid", where=NAME)
    return authority.certificates[0].hex(), min(moment, now)


def _seen_by(token: bytes, message: bytes, authorities: Sequence[Authority]) -> tuple[Authority, datetime]:
    reasons = []
    for authority in authorities:
        try:
            return authority, stamped_at(token, message, authority.certificates)
        except EvidenceError as error:
            reasons.append(f"not by {authority.name}: {error.what}")
    raise EvidenceError("; ".join(reasons), where=NAME)
