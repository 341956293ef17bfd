"""The steps about the transparency log: log-entry, log-inclusion, checkpoint, witness, freshness (format 4.9).

Theorem: if all five pass, a log key that the trust file names has signed a tree that holds this very signature, at
least ``quorum`` witnesses saw that tree, and it is no older than the trust file and the last seen head allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import log_entry, merkle, note
from maestro_hooks.evidence.checkpoint import cosigned_at, log_signed, parse_checkpoint
from maestro_hooks.evidence.steps import Status, Step
from maestro_hooks.evidence.trust import NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.checkpoint import Checkpoint, Head
    from maestro_hooks.evidence.log_entry import LoggedEntry
    from maestro_hooks.evidence.trust import Trust, TrustedKey

    Consistency = Callable[[int, int], Sequence[bytes]]

NAMES = ("log-entry", "log-inclusion", "checkpoint", "witness", "freshness")
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """The head a verifier accepted last, and how to prove that another one continues it.

    Attributes:
        head: size and root.
        consistency: gives the RFC 9162 proof from an older to a newer size, out of a copy of the log; ``None`` when
            no copy is at hand. It is trusted for nothing, the proof is verified.
    """

    head: Head
    consistency: Consistency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFindings:
    """The five steps; how many trusted witnesses cosigned; the time they prove; each bundle's proved index."""

    steps: tuple[Step, ...]
    witnesses: int = 0
    time: datetime | None = None
    indices: tuple[int, ...] = ()
    heads: tuple[Head, ...] = ()


def check_log(bundles: Sequence[Bundle], trust: Trust | None, *, now: datetime, seen: LastSeen | None) -> LogFindings:
    """Run the steps over every bundle; a step fails if it fails for one of them."""
    if trust is None:
        return _all(Status.NOT_CHECKED, "no trust file given")
    if trust.log == NONE:
        return _all(Status.NOT_REQUIRED, "not required by this trust file (log: none)")
    per_bundle = [_check_bundle(bundle, trust, now, seen) for bundle in bundles]
    columns = zip(*(found.steps for found in per_bundle), strict=True)
    times = [found.time for found in per_bundle]
    return LogFindings(
        steps=tuple(_worst(column) for column in columns),
        witnesses=min(found.witnesses for found in per_bundle),
        time=None if None in times else max(time for time in times if time is not None),
        indices=tuple(index for found in per_bundle for index in found.indices),
        heads=tuple(head for found in per_bundle for head in found.heads),
    )


def _all(status: Status, words: str) -> LogFindings:
    return LogFindings(steps=tuple(Step(name, status, words) for name in NAMES))


def _worst(steps: Sequence[Step]) -> Step:
    order = (Status.FAIL, Status.NOT_CHECKED, Status.NOT_REQUIRED, Status.PASS)
    return min(steps, key=lambda step: order.index(step.status))


def _check_bundle(bundle: Bundle, trust: Trust, now: datetime, seen: LastSeen | None) -> LogFindings:
    entry = bundle.log_entry
    if entry is None:
        words = f"the trust file demands the log {trust.log}, and the bundle has no log entry"
        rest = (Step(name, Status.NOT_CHECKED, "there is no log entry") for name in NAMES[1:])
        return LogFindings(steps=(Step(NAMES[0], Status.FAIL, words), *rest))
    first = _entry_step(bundle, entry, trust)
    try:
        checkpoint = parse_checkpoint(entry.checkpoint)
    except EvidenceError as error:
        unread = [Step(name, Status.NOT_CHECKED, "the checkpoint does not parse") for name in NAMES]
        failed = Step("checkpoint", Status.FAIL, error.what)
        return LogFindings(steps=(first, unread[1], failed, *unread[3:]))
    witness, count, time = _witness_step(checkpoint, trust, now)
    included = _inclusion_step(entry, checkpoint)
    signed = _checkpoint_step(entry, checkpoint, trust, time or now)
    steps = (first, included, signed, witness, _freshness_step(checkpoint.head, trust, seen))
    # A witness's clock dates the signature only if the cosigned tree is the log's and holds the entry.
    dated = all(step.status is Status.PASS for step in (first, included, signed, witness))
    return LogFindings(
        steps=steps,
        witnesses=count,
        time=time if dated else None,
        indices=(entry.index,) if dated or included.status is signed.status is Status.PASS else (),
        heads=(checkpoint.head,),
    )


def _entry_step(bundle: Bundle, entry: LoggedEntry, trust: Trust) -> Step:
    envelope = bundle.envelope
    sig = envelope.signatures[0].sig
    for key in trust.of_role("release"):
        if entry.body == log_entry.entry_bytes(envelope.payload, sig, key.public):
            return Step("log-entry", Status.PASS, f"the entry is this signature over this payload, by {key.name}")
    return Step("log-entry", Status.FAIL, "the logged entry is not about this payload, signature and a release key")


def _inclusion_step(entry: LoggedEntry, checkpoint: Checkpoint) -> Step:
    name, head = "log-inclusion", checkpoint.head
    if (entry.size, entry.root) != (head.size, head.root):
        return Step(name, Status.FAIL, "size or root of the proof are not those of the checkpoint")
    if entry.index != entry.proof_index:
        return Step(name, Status.FAIL, f"two indices are stated, {entry.index} and {entry.proof_index}")
    try:
        merkle.verify_inclusion(merkle.leaf_hash(entry.body), entry.index, head.size, entry.hashes, head.root)
    except EvidenceError as error:
        return Step(name, Status.FAIL, error.what)
    return Step(name, Status.PASS, f"entry {entry.index} of {head.size} in the log")


def _checkpoint_step(entry: LoggedEntry, checkpoint: Checkpoint, trust: Trust, moment: datetime) -> Step:
    name = "checkpoint"
    if checkpoint.origin != trust.log:
        return Step(name, Status.FAIL, f"of the log {checkpoint.origin:.80}, but {trust.log} is trusted")
    try:
        signers = [key for key in _note_keys(trust, "log") if log_signed(checkpoint, key.name, key.public)]
    except EvidenceError as error:
        return Step(name, Status.FAIL, error.what)
    good = [key for key in signers if key.valid_at(moment) and _covers(key, entry.index)]
    needed = trust.thresholds.get("log", 1)
    if len(good) < needed:
        why = "outside its validity" if signers else "not signed by a trusted log key"
        return Step(name, Status.FAIL, f"{len(good)} of {needed} log signatures count: {why}")
    if entry.log_id not in [note.key_hash(key.name, note.ED25519, key.public) for key in good]:
        return Step(name, Status.FAIL, "the bundle's log id is not that of the key that signed")
    return Step(name, Status.PASS, f"{checkpoint.origin} signed the head of size {checkpoint.head.size}")


def _covers(key: TrustedKey, index: int) -> bool:
    return key.max_index is None or index < key.max_index


def _note_keys(trust: Trust, role: str) -> list[TrustedKey]:
    """The keys of a role that can sign notes: logs by Ed25519, witnesses by ML-DSA-44 as well."""
    return [key for key in trust.of_role(role) if key.public.alg in note.COSIGNATURES]


def _witness_step(checkpoint: Checkpoint, trust: Trust, now: datetime) -> tuple[Step, int, datetime | None]:
    """The step, the count, and the time by which an honest witness among the quorum had seen the head."""
    times: list[datetime] = []
    try:
        for key in _note_keys(trust, "witness"):
            seconds = cosigned_at(checkpoint, key.name, key.public)
            moment = None if seconds is None else _moment(seconds)
            if moment is not None and key.valid_at(moment) and moment <= now + CLOCK_SKEW:
                times.append(min(moment, now))
    except EvidenceError as error:
        return Step("witness", Status.FAIL, error.what), 0, None
    count, quorum = len(times), trust.quorum
    if count < quorum:
        return Step("witness", Status.FAIL, f"{count} of the {quorum} witnesses demanded cosigned"), count, None
    if not quorum:
        return (
            Step("witness", Status.NOT_REQUIRED, f"{count} witnesses cosigned, the trust file demands none"),
            count,
            None,
        )
    # Fewer than quorum witnesses lie, so one of the quorum earliest is honest and had seen the head by its time.
    return (
        Step("witness", Status.PASS, f"{count} witnesses cosigned, {quorum} demanded"),
        count,
        sorted(times)[quorum - 1],
    )


def _moment(seconds: int) -> datetime | None:
    """The time of a cosignature, or ``None`` when it is outside every calendar."""
    return datetime.fromtimestamp(seconds, UTC) if seconds < 253_402_300_800 else None


def _freshness_step(head: Head, trust: Trust, seen: LastSeen | None) -> Step:
    name = "freshness"
    if head.size < trust.min_tree_size:
        return Step(name, Status.FAIL, f"the head has size {head.size}, the trust file demands {trust.min_tree_size}")
    if seen is None:
        words = f"size {head.size} is at least {trust.min_tree_size}; no earlier head to compare"
        return Step(name, Status.PASS, words)
    older, newer = sorted((seen.head, head), key=lambda h: h.size)
    if older.size not in (0, newer.size) and seen.consistency is None:
        words = f"whether it continues the head of size {seen.head.size} seen before needs a copy of the log"
        return Step(name, Status.NOT_CHECKED, words)
    path: Sequence[bytes] = ()
    try:
        if older.size not in (0, newer.size) and seen.consistency is not None:
            path = seen.consistency(older.size, newer.size)
        merkle.verify_consistency((older.size, older.root), (newer.size, newer.root), path)
    except EvidenceError as error:
        return Step(name, Status.FAIL, f"the head of size {seen.head.size} seen before: {error.what}")
    return Step(name, Status.PASS, f"consistent with the head of size {seen.head.size} seen before")
