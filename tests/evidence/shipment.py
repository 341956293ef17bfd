"""A small honest release, made anew for each test, with every part at hand to be tampered with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from maestro_hooks.evidence import canonical, leafset, manifest, signature
from maestro_hooks.evidence.bundle import sign_bundle
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.evidence.obligation import Obligation, Verdict
from maestro_hooks.evidence.record import Producer, Record, error_record, record_of
from maestro_hooks.evidence.trust import Trust, TrustedKey, sign_trust
from maestro_hooks.evidence.verify import Submission, verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.evidence.report import Report
    from maestro_hooks.evidence.signature import PrivateKey

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
WHEEL = b"the bytes of a wheel"
INPUTS = hashlib.sha256(b"inputs").hexdigest()


def entropy(count: int) -> bytes:
    """Pseudo-random bytes, the same each time."""
    return hashlib.shake_128(b"salts").digest(count)


def private_key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))


ROOT_KEY, RELEASE_KEY, OTHER_KEY = private_key(1), private_key(2), private_key(3)


def producer(plugin: str = "pytest") -> Producer:
    return Producer(plugin, "1.2", "maestro_check")


def records() -> list[Record]:
    """Twelve obligations: enough for proofs with inner and border hashes."""
    claims = [
        Obligation(key="pytest/failed", value=0, max=0, kind="test"),
        Obligation(key="reports/coverage", value=Decimal("0.9312"), min=Decimal("0.8"), scale=10_000, kind="test"),
        Obligation(key="reports/coverage/größe.py", value=Decimal("0.5"), scale=100, kind="test"),
        Obligation(key="build/reproducible", value="yes", allowed=("yes",), kind="build"),
        *(Obligation(key=f"taint/flows/src/m{n}.py", value=0, max=0, kind="taint") for n in range(6)),
    ]
    made = [record_of(claim, producer=producer(claim.key.split("/")[0]), inputs=INPUTS) for claim in claims]
    unmet = record_of(Obligation(key="reports/slow", value=9, max=3), producer=producer("reports"), inputs=INPUTS)
    waived = Record(**{f: getattr(unmet, f) for f in Record.__struct_fields__} | {"verdict": Verdict.WAIVED})
    return [*made, waived, error_record("bandit/scan", producer=producer("bandit"), inputs=INPUTS, error="boom")]


REQUIRED = ("build/reproducible", "pytest/failed", "reports/coverage", "reports/slow", "taint/flows/src/m0.py")
RULES: tuple[dict[str, object], ...] = (
    {"id": "tests", "require": "pytest/failed", "accept": ["pass"], "max": "0", "severity": "block"},
    {"id": "coverage", "require": "reports/coverage", "min": "80", "scale": 100, "severity": "block"},
    {"id": "slow", "require": "reports/slow", "severity": "block"},
    {"id": "taint", "require": "taint/flows/*", "max": "0", "severity": "block"},
    {"id": "style", "require": "style/*", "severity": "warn"},
    {"id": "fleet", "require": "fleet/*", "severity": "block", "when": {"deploy": "production"}},
)
WAIVERS: tuple[dict[str, object], ...] = (
    {"key": "reports/slow", "owner": "ann", "reason": "known, issue 12", "expires": "2026-06-30"},
)


def policy_bytes(rules: Sequence[object] = RULES, waivers: Sequence[object] = WAIVERS) -> bytes:
    return canonical.encode({"schema": "maestro.policy/1", "rules": list(rules), "waivers": list(waivers)})


def trusted(key: PrivateKey, name: str, role: str, **changes: object) -> TrustedKey:
    made = TrustedKey(name=name, public=signature.public_of(key), role=role, valid_from=NOW - YEAR, valid_to=NOW + YEAR)
    return replace(made, **changes)  # type: ignore[arg-type]  # the caller names real fields


def trust_document(**changes: object) -> Trust:
    made = Trust(
        version=1,
        expires=NOW + YEAR,
        keys=(trusted(ROOT_KEY, "root-1", "root"), trusted(RELEASE_KEY, "release-1", "release")),
        thresholds={"root": 1, "release": 1},
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the caller names real fields


def trust_bytes(**changes: object) -> bytes:
    return sign_trust(trust_document(**changes), [ROOT_KEY])


@dataclass(frozen=True)
class Shipment:
    """The files of one release."""

    sealed: manifest.Sealed
    bundle: bytes
    trust: bytes
    policy: bytes
    leaves: bytes

    def submission(self, **changes: object) -> Submission:
        made = Submission(
            bundles=[self.bundle],
            trust=self.trust,
            policy=self.policy,
            leaves=[self.leaves],
            artifacts=[("demo.whl", hashlib.sha256(WHEEL).hexdigest())],
            now=NOW,
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # the caller names real fields

    def verify(self, **changes: object) -> Report:
        return verify(self.submission(**changes))


def ship(
    *,
    required: Sequence[str] = REQUIRED,
    policy: bytes | None = None,
    key: Ed25519PrivateKey = RELEASE_KEY,
    trust: bytes | None = None,
    sections: Mapping[str, Mapping[str, object]] | None = None,
    made_of: Sequence[Record] | None = None,
) -> Shipment:
    """Seal, sign and disclose the required leaves."""
    policy = policy_bytes() if policy is None else policy
    leaves = leafset.leaf_set(records() if made_of is None else made_of, entropy=entropy)
    sealed = manifest.seal(
        leaves,
        release=manifest.Release("demo", "1.0", "refs/tags/v1.0"),
        subjects=[
            manifest.Subject("demo.whl", {"sha256": hashlib.sha256(WHEEL).hexdigest()}),
            manifest.Subject("source", {"gitTree": "a" * 40, "gitCommit": "b" * 40}),
        ],
        required=required,
        policy=hashlib.sha256(policy).hexdigest(),
        sections=sections,
    )
    return Shipment(
        sealed=sealed,
        bundle=sign_bundle(sealed.payload, key),
        trust=trust_bytes() if trust is None else trust,
        policy=policy,
        leaves=encode_disclosures([leaves.disclose(leaf_id) for leaf_id in required]),
    )


def status(report: Report, step: str) -> str:
    """The status of one step."""
    return next(s.status.value for s in report.steps if s.step == step)


def detail(report: Report, step: str) -> str:
    """The words of one step."""
    return next(s.detail for s in report.steps if s.step == step)
