"""The step ``signature``: enough distinct release keys, valid now, signed exactly this payload.

Invariant: every valid release key is tried; the key id in an envelope is a hint and decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import shape
from maestro_hooks.evidence.steps import Status, Step
from maestro_hooks.evidence.trust import NONE, check_trust, signers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.log_steps import LogFindings
    from maestro_hooks.evidence.timestamps import Timestamps
    from maestro_hooks.evidence.trust import Trust, TrustedKey, TrustFile

NAME = "signature"


def check_signatures(
    bundles: Sequence[Bundle],
    file: TrustFile | None,
    *,
    now: datetime,
    log: LogFindings | None = None,
    stamps: Timestamps | None = None,
) -> Step:
    """Run the step. ``bundles`` hold the identical payload, one signature each.

    A key counts if it was valid by the earliest time that witnesses of the log or timestamps prove; without either, it
    must be valid now. An expired key is no failure yet where timestamps could not be checked: they might date it.
    """
    if file is None:
        return Step(NAME, Status.NOT_CHECKED, "no trust file given: nobody says whose signature counts")
    try:
        trust = check_trust(file, now=now)
    except EvidenceError as error:
        return Step(NAME, Status.FAIL, f"{error.where}: {error.what}")
    proved = [found.time for found in (log, stamps) if found and found.time]
    moment = min(proved, default=now)
    index = max(log.indices) if log and len(log.indices) == len(bundles) else None
    keys = [key for key in trust.of_role("release") if _refusal(key, trust, moment, index) is None]
    message = bundles[0].envelope.signed_bytes()
    signatures = [s.sig for bundle in bundles for s in bundle.envelope.signatures]
    found = signers(keys, message, signatures)
    needed = trust.thresholds["release"]
    if len(found) >= needed:
        names = ", ".join(f"{key.name} ({key.public.id[:12]})" for key in found)
        return Step(NAME, Status.PASS, f"signed by {names}; {needed} of {len(keys)} valid release keys needed")
    refused = {key: _refusal(key, trust, moment, index) for key in signers(trust.keys, message, signatures)}
    if stamps and stamps.undecided:
        dated = [key for key in refused if _refusal(key, trust, min(moment, key.valid_to), index) is None]
        if len(dated) >= needed:
            words = "; whether a timestamp dates it before that is not checked here"
            return Step(NAME, Status.NOT_CHECKED, f"{_why_not(refused)}{words}")
    reason = _why_not(refused) or (
        f"{len(found)} of the {needed} signatures needed are by a trusted release key over this payload"
    )
    return Step(NAME, Status.FAIL, reason)


def _refusal(key: TrustedKey, trust: Trust, moment: datetime, index: int | None) -> str | None:
    """Why a key does not count; ``index`` is the proved place in the log, if there is one."""
    if key.role != "release":
        return f"is a {key.role} key, not a release key"
    if moment < key.valid_from:
        return f"is valid only from {shape.time_text(key.valid_from)}"
    if moment > key.valid_to:
        return f"expired at {shape.time_text(key.valid_to)}"
    if key.max_index is None or (index is not None and index < key.max_index):
        return None
    if trust.log == NONE:
        return "is trusted only for early log entries, and there is no log"
    return f"is trusted only for log entries below {key.max_index}"


def _why_not(refused: Mapping[TrustedKey, str | None]) -> str | None:
    """If a key of the trust file did sign but does not count, say which and why."""
    return next(
        (f"signed by {key.name} ({key.public.id[:12]}), which {why}" for key, why in refused.items() if why), None
    )
