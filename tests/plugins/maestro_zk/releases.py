"""A release with hidden numbers, made in memory through the plugin's own hooks, at hand to be tampered with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence import canonical, leafset, manifest
from maestro_hooks.evidence.bundle import sign_bundle
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import record_of
from maestro_hooks.evidence.verify import Submission, verify
from maestro_hooks.pipeline.section_checks import check_section
from maestro_hooks.requests import CommitRequest, SealDraft
from maestro_zk import sealing
from maestro_zk.settings import ZkSettings
from tests.evidence.shipment import INPUTS, NOW, RELEASE_KEY, WHEEL, entropy, policy_bytes, producer, trust_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.evidence.report import Report

COVERAGE, MUTATION, FLAKES, LATENCY = "coverage/total", "mutation/score", "tests/flake_rate", "bench/p95_us"
RULES = (
    {"id": "tests", "require": "pytest/failed", "max": "0", "severity": "block"},
    {"id": "coverage", "require": COVERAGE, "min": "80", "scale": 100, "severity": "block"},
)
SUBJECTS = [
    manifest.Subject("demo.whl", {"sha256": hashlib.sha256(WHEEL).hexdigest()}),
    manifest.Subject("source", {"gitTree": "a" * 40}),
]


def obligations() -> list[Obligation]:
    return [
        Obligation(key="pytest/failed", value=0, max=0, kind="test"),
        Obligation(key=COVERAGE, value=Decimal("0.93127"), min=Decimal("0.8"), scale=10_000, private=True),
        Obligation(key=MUTATION, value=Decimal("0.7"), min=Decimal("0.6"), max=1, scale=10_000, private=True),
        Obligation(key=FLAKES, value=Decimal("0.0012345"), max=Decimal("0.01"), scale=1_000_000, private=True),
        Obligation(key=LATENCY, value=Decimal("48000.5"), max=50_000, private=True),
        Obligation(key="size/wheel", value=1234, private=True),
    ]


def records(made: Sequence[Obligation] | None = None) -> list[Record]:
    claims = obligations() if made is None else made
    return [record_of(o, producer=producer(o.key.split("/")[0]), inputs=INPUTS) for o in claims]


@dataclass(frozen=True)
class Release:
    """The parts of one sealed release."""

    leaves: leafset.LeafSet
    sections: Mapping[str, Mapping[str, object]]
    required: tuple[str, ...]

    def payload(self, **changes: object) -> bytes:
        """The manifest, with what the caller changes about it."""
        parts: dict[str, object] = {
            "release": manifest.Release("demo", "1.0", "v1"),
            "subjects": SUBJECTS,
            "required": self.required,
            "policy": hashlib.sha256(policy_bytes(RULES, ())).hexdigest(),
            "sections": self.sections,
        }
        return manifest.seal(self.leaves, **(parts | changes)).payload  # type: ignore[arg-type]  # real names

    def verify(self, payload: bytes | None = None, *, shown: Sequence[str] | None = None, real: bool = True) -> Report:
        """What the core verifier says, reaching the checker as ``maestro verify`` does."""
        ids = sorted(set(self.leaves.ids) if shown is None else shown)
        submission = Submission(
            bundles=[sign_bundle(self.payload() if payload is None else payload, RELEASE_KEY)],
            trust=trust_bytes(),
            policy=policy_bytes(RULES, ()),
            leaves=[encode_disclosures([self.leaves.disclose(i) for i in ids])],
            artifacts=[("demo.whl", hashlib.sha256(WHEEL).hexdigest())],
            now=NOW,
            checkers={"zk": lambda *given: check_section("zk", *given)} if real else {},
        )
        return verify(submission)

    def with_section(self, change: Callable[[dict[str, object]], object]) -> Report:
        """Verify with the section changed by a signer who signs anything."""
        body = canonical.decode(canonical.encode(dict(self.sections["zk"])), canonical=True)
        assert isinstance(body, dict)
        change(body)
        return self.verify(self.payload(sections={"zk": body}))


def seal(
    root: Path,
    *,
    made: Sequence[Obligation] | None = None,
    demanded: Mapping[str, tuple[Fraction | None, Fraction | None]] | None = None,
    settings: ZkSettings | None = None,
) -> Release:
    """Commit, plant the leaves, prove."""
    settings = settings or ZkSettings()
    given = records(made)
    request = CommitRequest(root=root, records=tuple(given), demanded=demanded or {})
    by_key = {c.key: c for c in sealing.commitments(request, settings)}
    final = [
        msgspec.structs.replace(r, private=True, quantity=by_key[r.key].quantity) if r.key in by_key else r
        for r in given
    ]
    leaves = leafset.leaf_set(final, entropy=entropy, commitments={k: c.commit for k, c in by_key.items()})
    draft = SealDraft(
        root=root,
        subjects=tuple({"name": s.name, "digest": dict(s.digest)} for s in SUBJECTS),
        tree_root=leaves.tree.root,
        leaves=tuple((i, d, n) for n, (i, d) in enumerate(zip(leaves.ids, leaves.data, strict=True))),
    )
    sections = {s.name: s.body for s in sealing.sections(draft, settings)}
    required = tuple(i for i in ("pytest/failed", COVERAGE) if i in leaves.ids)
    return Release(leaves, sections, required)


def without(release: Release, *names: str) -> Release:
    """The same release with sections left out."""
    return replace(release, sections={n: b for n, b in release.sections.items() if n not in names})
