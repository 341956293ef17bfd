"""Verification, offline and without any plugin: every step of evidence format 4.9, in its order.

Invariant: fail closed. Each step is named in the report whether it passed, failed, could not be checked for want of an
input, or is not required by the trust file; only a run of passes is a ``pass``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle, shape, steps
from maestro_hooks.evidence.bundle import parse_bundle
from maestro_hooks.evidence.disclosure import parse_disclosures
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.log_entry import alone
from maestro_hooks.evidence.log_steps import check_log
from maestro_hooks.evidence.manifest import parse_manifest
from maestro_hooks.evidence.policy_document import parse_policy
from maestro_hooks.evidence.report import Report
from maestro_hooks.evidence.required import check_required
from maestro_hooks.evidence.signers import check_signatures
from maestro_hooks.evidence.steps import Status, Step
from maestro_hooks.evidence.timestamps import check_timestamps
from maestro_hooks.evidence.trust import parse_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import TypeAlias

    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.disclosure import Disclosure
    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.log_steps import LastSeen
    from maestro_hooks.evidence.manifest import Manifest
    from maestro_hooks.evidence.policy_document import Policy
    from maestro_hooks.evidence.trust import TrustFile

    Checker: TypeAlias = Callable[[Manifest, Mapping[int, Leaf]], Sequence[Step]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be verified: file contents, digests of artifacts, and the time.

    Attributes:
        bundles: one bundle file per signer, over the identical payload.
        trust: the trust file, if there is one.
        policy: the exported policy document, if there is one.
        leaves: leaf files.
        artifacts: (name, SHA-256 in hexadecimal) of the files at hand.
        source: the git tree id of a checkout at hand, or ``""``.
        now: the verifier's clock; the only trusted time unless witnesses cosigned the log or an authority stamped it.
        seen: the head of the log accepted last, if the verifier keeps one.
        checkers: section name (``zk``) to the function that checks it, given the manifest and the included leaves
            by index.
    """

    bundles: Sequence[bytes]
    now: datetime
    trust: bytes | None = None
    policy: bytes | None = None
    leaves: Sequence[bytes] = ()
    artifacts: Sequence[tuple[str, str]] = ()
    source: str = ""
    seen: LastSeen | None = None
    checkers: Mapping[str, Checker] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    bundles: tuple[Bundle, ...]
    manifest: Manifest
    trust: TrustFile | None
    policy: Policy | None
    disclosures: tuple[Disclosure, ...]


def verify(submission: Submission) -> Report:
    """Run every step; never raises for bad evidence, the report says it."""
    try:
        parsed = _parse(submission)
    except EvidenceError as error:
        failed = Step("parse", Status.FAIL, _words(error))
        rest = [Step(name, Status.NOT_CHECKED, "not reached: an input does not parse") for name in steps.ORDER[1:]]
        return Report(steps=(failed, *rest), disclosed={})
    manifest, trust = parsed.manifest, parsed.trust
    leaf_step, disclosed = _check_leaves(parsed.disclosures, manifest)
    leaves = {leaf.id: leaf for leaf in disclosed.values()}
    stamps = check_timestamps(parsed.bundles, trust.trust if trust else None, now=submission.now)
    log = check_log(parsed.bundles, trust.trust if trust else None, now=submission.now, seen=submission.seen)
    found = [
        Step("parse", Status.PASS, f"{_count(submission)} read strictly; {manifest.size} leaves in the manifest"),
        check_signatures(parsed.bundles, trust, now=submission.now, log=log, stamps=stamps),
        _check_subject(submission, parsed, disclosed),
        *log.steps,
        check_required(
            manifest,
            leaves,
            policy=parsed.policy,
            pinned=trust.trust.policy if trust else None,
            now=submission.now,
        ),
        leaf_step,
        *_sections(submission, manifest, disclosed),
        *([stamps.step] if stamps.step else []),
    ]
    return Report(
        steps=tuple(found),
        manifest=manifest,
        manifest_sha256=sha256(parsed.bundles[0].envelope.payload).hexdigest(),
        disclosed=disclosed,
        witnesses=log.witnesses,
        heads=log.heads,
    )


def _parse(submission: Submission) -> _Parsed:
    bundles = tuple(parse_bundle(data) for data in submission.bundles)
    if not bundles:
        raise EvidenceError("there is no bundle", where="bundle")
    payload = bundles[0].envelope.payload
    if any(bundle.envelope.payload != payload for bundle in bundles):
        raise EvidenceError("the bundles hold different payloads", where="bundle")
    return _Parsed(
        bundles=bundles,
        manifest=parse_manifest(payload),
        trust=None if submission.trust is None else parse_trust(submission.trust),
        policy=None if submission.policy is None else parse_policy(submission.policy),
        disclosures=tuple(item for data in submission.leaves for item in parse_disclosures(data)),
    )


def _count(submission: Submission) -> str:
    inputs = len(submission.bundles) + len(submission.leaves)
    inputs += (submission.trust is not None) + (submission.policy is not None)
    return f"{inputs} files"


def _check_subject(submission: Submission, parsed: _Parsed, disclosed: Mapping[int, Leaf]) -> Step:
    """Files by SHA-256, a checkout by its git tree id: each must be a subject, or what a disclosed leaf rests on.

    The proof of the log entry, as a file of its own, repeats what the bundle says.
    """
    artifacts, source, manifest = submission.artifacts, submission.source, parsed.manifest
    known = {*manifest.files(), *(digest for leaf in disclosed.values() for _, digest in leaf.evidence)}
    known |= {sha256(alone(b.log_entry)).hexdigest() for b in parsed.bundles if b.log_entry is not None}
    if "sbom" in manifest.sections:
        known.add(_sbom_digest(manifest))
    strangers = [name for name, digest in artifacts if digest not in known]
    trees = {s.digest["gitTree"] for s in manifest.subjects if "gitTree" in s.digest}
    if source and source not in trees:
        strangers.append(f"source tree {source[:12]}")
    if strangers:
        return Step("subject", Status.FAIL, f"the manifest does not speak about {', '.join(strangers[:3])}")
    released = [name for name, digest in artifacts if digest in manifest.files()]
    if not released and not source:
        given = "none of the released files was given" if artifacts else "no artifact and no source tree was given"
        return Step("subject", Status.NOT_CHECKED, f"{given}: what the manifest means is not compared")
    words = [f"{', '.join(released[:3])}: SHA-256 is a subject"] if released else []
    others = [name for name, digest in artifacts if digest not in manifest.files()]
    words += [f"{', '.join(others[:3])}: named by a leaf, a section or the log entry"] if others else []
    words += [f"source tree {source[:12]} is a subject"] if source else []
    return Step("subject", Status.PASS, "; ".join(words))


def _check_leaves(disclosures: Sequence[Disclosure], manifest: Manifest) -> tuple[Step, dict[int, Leaf]]:
    """Check every given leaf; return the step and the leaves that are truly in the tree, by index."""
    if not disclosures:
        return Step("leaf", Status.NOT_REQUIRED, "no leaf given, nothing to check"), {}
    good: dict[int, Leaf] = {}
    problems: list[str] = []
    tree = merkle.InclusionVerifier(manifest.size, manifest.root)
    for item in disclosures:
        try:
            tree.verify(merkle.leaf_hash(item.leaf), item.index, item.hashes)
            good[item.index] = parse_leaf(item.leaf)
        except EvidenceError as error:
            problems.append(f"leaf at index {item.index}: {_words(error)}")
    ids = [leaf.id for _, leaf in sorted(good.items())]
    if any(before >= after for before, after in pairwise(ids)):
        problems.append("the leaves are not sorted by id")
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return Step("leaf", Status.FAIL, problems[0] + more), good
    return Step("leaf", Status.PASS, f"{len(good)} of {manifest.size} leaves disclosed, each in the signed tree"), good


def _sections(submission: Submission, manifest: Manifest, leaves: Mapping[int, Leaf]) -> list[Step]:
    found: list[Step] = []
    if "zk" not in manifest.sections and (hidden := _unproved(leaves)):
        words = f"{hidden}: a hidden number with a bound, and the manifest has no zero-knowledge section"
        found.append(Step("zk", Status.FAIL, words))
    elif "zk" not in manifest.sections:
        found.append(Step("zk", Status.NOT_REQUIRED, "the manifest has no zero-knowledge section"))
    elif "zk" in submission.checkers:
        found += _ask(submission.checkers["zk"], "zk", manifest, leaves)
    else:
        found.append(Step("zk", Status.NOT_CHECKED, "there is a zero-knowledge section and nothing here to check it"))
    if "sbom" in manifest.sections:
        digest = _sbom_digest(manifest)
        given = next((name for name, sha in submission.artifacts if sha == digest), None)
        status = Status.PASS if given else Status.NOT_CHECKED
        words = f"{given}: SHA-256 is the signed one" if given else f"the SBOM {digest[:12]} was not given"
        found.append(Step("sbom", status, words))
    return found


def _unproved(leaves: Mapping[int, Leaf]) -> str | None:
    """The id of a leaf that passes by a hidden number, whose bound only a proof could show."""
    for leaf in leaves.values():
        for metric in leaf.metrics.values():
            if metric.commit is not None and leaf.verdict == "pass" and (metric.min, metric.max) != (None, None):
                return leaf.id
    return None


def _ask(checker: Checker, name: str, manifest: Manifest, leaves: Mapping[int, Leaf]) -> Sequence[Step]:
    """A checker that says nothing has checked nothing."""
    return checker(manifest, leaves) or [Step(name, Status.NOT_CHECKED, "its checker gave no answer")]


def _sbom_digest(manifest: Manifest) -> str:
    return shape.digest(manifest.sections["sbom"]["digest"], where="manifest sbom")


def _words(error: EvidenceError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what
