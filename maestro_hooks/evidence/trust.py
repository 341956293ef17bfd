"""The trust file: which keys may sign what, until when, and which steps a verifier must demand (evidence format 4.8).

Theorem: a trust file is accepted only if enough of its own root keys signed these very bytes; a newer version only if
enough root keys of the version before it signed them too. Who trusts one version need trust nobody for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, dsse, shape, signature
from maestro_hooks.evidence.authority import authority_object, parse_authorities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from maestro_hooks.evidence.authority import Authority
    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.maestro.trust+json"
SCHEMA = "maestro.trust/1"
NONE = "none"
ROLES = ("root", "release", "log", "witness")

_SIGNED = ("schema", "version", "expires", "keys", "thresholds", "log", "minTreeSize", "quorum")
_KEY = ("id", "name", "alg", "public", "role", "validFrom", "validTo")
_WHERE = "trust file"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key, what it may sign and when. ``max_index``: only log entries below it (set after a compromise)."""

    name: str
    public: PublicKey
    role: str
    valid_from: datetime
    valid_to: datetime
    max_index: int | None = None

    def valid_at(self, now: datetime) -> bool:
        """Whether the key may be used at ``now``."""
        return self.valid_from <= now <= self.valid_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The signed part. ``log`` is the log's origin or ``none``; ``quorum`` 0 means that no witness is demanded.

    ``thresholds`` of ``timestamp``: how many of ``authorities`` must have stamped each signature; none by default.
    """

    version: int
    expires: datetime
    keys: tuple[TrustedKey, ...]
    thresholds: Mapping[str, int]
    log: str = NONE
    min_tree_size: int = 0
    quorum: int = 0
    policy: str | None = None
    authorities: tuple[Authority, ...] = ()

    def of_role(self, role: str) -> tuple[TrustedKey, ...]:
        """The keys of a role, valid or not."""
        return tuple(key for key in self.keys if key.role == role)


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A parsed file: the document, the exact bytes that were signed, and the signatures."""

    trust: Trust
    signed: bytes
    signatures: tuple[dsse.Signature, ...]
    sha256: str


def encode_trust(trust: Trust) -> bytes:
    """The canonical bytes that root keys sign (inside DSSE's pre-authentication encoding)."""
    document: dict[str, object] = {
        "schema": SCHEMA,
        "version": trust.version,
        "expires": shape.time_text(trust.expires),
        "keys": [_key_object(key) for key in trust.keys],
        "thresholds": dict(trust.thresholds),
        "log": trust.log,
        "minTreeSize": str(trust.min_tree_size),
        "quorum": trust.quorum or NONE,
    }
    if trust.policy is not None:
        document["policy"] = {"digest": {"sha256": trust.policy}}
    if trust.authorities:
        document["timestampAuthorities"] = [authority_object(authority) for authority in trust.authorities]
    return canonical.encode(document)


def sign_trust(trust: Trust, keys: Sequence[PrivateKey]) -> bytes:
    """The trust file, one canonical JSON line, signed by every key given."""
    signed = encode_trust(trust)
    message = dsse.pae(PAYLOAD_TYPE, signed)
    signatures = {signature.public_of(key).id: canonical.base64_encode(signature.sign(key, message)) for key in keys}
    outer = {
        "signatures": [{"keyid": keyid, "sig": sig} for keyid, sig in sorted(signatures.items())],
        "signed": canonical.decode(signed, canonical=True),
    }
    return canonical.encode(outer) + b"\n"


def parse_trust(data: bytes) -> TrustFile:
    """Parse a trust file; nothing is verified yet. Raises ``EvidenceError``."""
    line = data.removesuffix(b"\n")
    document = canonical.decode(line, canonical=True, where=_WHERE)
    body = shape.members(document, required=("signatures", "signed"), where=_WHERE)
    signatures = []
    for item in shape.array(body["signatures"], where=f"{_WHERE} signatures"):
        entry = shape.members(item, required=("keyid", "sig"), where=f"{_WHERE} signature")
        sig = canonical.base64_decode(entry["sig"], where=f"{_WHERE} sig")
        signatures.append(dsse.Signature(shape.text(entry["keyid"], where=f"{_WHERE} keyid"), sig))
    # The whole line is canonical, so encoding its part gives the bytes that part was received as.
    signed = canonical.encode(body["signed"])
    return TrustFile(_parse_signed(body["signed"]), signed, tuple(signatures), sha256(data).hexdigest())


def check_trust(file: TrustFile, *, now: datetime) -> Trust:
    """Return the document if its own root keys signed it and it has not expired. Raises ``EvidenceError``."""
    trust = file.trust
    if now > trust.expires:
        raise EvidenceError(
            f"expired at {shape.time_text(trust.expires)}", where=_WHERE, fix="get the current trust file"
        )
    _check_root(file, trust, now=now, whose="its own")
    return trust


def accept_update(old: TrustFile, new: TrustFile, *, now: datetime) -> Trust:
    """Return the newer document if old and new root thresholds signed it and its version is higher.

    Raises:
        EvidenceError: otherwise; keep the old file then.
    """
    if new.trust.version <= old.trust.version:
        raise EvidenceError(
            f"version {new.trust.version} is not above version {old.trust.version} already trusted", where=_WHERE
        )
    _check_root(new, old.trust, now=now, whose="the previous version's")
    return check_trust(new, now=now)


def signers(keys: Iterable[TrustedKey], message: bytes, signatures: Iterable[bytes]) -> list[TrustedKey]:
    """The distinct keys by which at least one of ``signatures`` is over ``message``."""
    made = list(signatures)
    return [key for key in keys if any(signature.verify(key.public, sig, message) for sig in made)]


def _check_root(file: TrustFile, judge: Trust, *, now: datetime, whose: str) -> None:
    roots = [key for key in judge.of_role("root") if key.valid_at(now)]
    message = dsse.pae(PAYLOAD_TYPE, file.signed)
    found = len(signers(roots, message, [s.sig for s in file.signatures]))
    needed = judge.thresholds["root"]
    if found < needed:
        raise EvidenceError(
            f"signed by {found} of the {needed} valid root keys needed ({whose} root keys)", where=_WHERE
        )


def _key_object(key: TrustedKey) -> dict[str, object]:
    result: dict[str, object] = {
        "id": key.public.id,
        "name": key.name,
        "alg": key.public.alg,
        "public": canonical.base64_encode(key.public.spki),
        "role": key.role,
        "validFrom": shape.time_text(key.valid_from),
        "validTo": shape.time_text(key.valid_to),
    }
    if key.max_index is not None:
        result["maxIndex"] = str(key.max_index)
    return result


def _parse_signed(value: object) -> Trust:
    body = shape.members(value, required=_SIGNED, optional=("policy", "timestampAuthorities"), where=_WHERE)
    shape.one_of(body["schema"], (SCHEMA,), where=f"{_WHERE} schema")
    keys = tuple(_parse_key(item) for item in shape.array(body["keys"], where=f"{_WHERE} keys"))
    if len({key.public.spki for key in keys}) != len(keys):
        raise EvidenceError("a key is listed twice: one key has one role", where=f"{_WHERE} keys")
    policy = None
    if "policy" in body:
        holder = shape.members(body["policy"], required=("digest",), where=f"{_WHERE} policy")
        policy = shape.digest(holder["digest"], where=f"{_WHERE} policy")
    log = shape.text(body["log"], where=f"{_WHERE} log")
    quorum = 0
    if body["quorum"] != NONE:
        quorum = shape.integer(body["quorum"], low=1, high=1000, where=f"{_WHERE} quorum")
    if not log or (log == NONE and quorum):
        raise EvidenceError("witnesses cosign a log: a quorum needs a log origin", where=f"{_WHERE} log")
    thresholds = _parse_thresholds(body["thresholds"])
    return Trust(
        version=shape.integer(body["version"], low=1, high=canonical.MAX_SAFE_INTEGER, where=f"{_WHERE} version"),
        expires=shape.time(body["expires"], where=f"{_WHERE} expires"),
        keys=keys,
        thresholds=thresholds,
        log=log,
        min_tree_size=shape.natural(body["minTreeSize"], where=f"{_WHERE} minTreeSize"),
        quorum=quorum,
        policy=policy,
        authorities=parse_authorities(
            body.get("timestampAuthorities", []),
            demanded=thresholds.get("timestamp", 0),
            where=f"{_WHERE} timestampAuthorities",
        ),
    )


def _parse_thresholds(value: object) -> dict[str, int]:
    where = f"{_WHERE} thresholds"
    body = shape.members(value, required=("root", "release"), optional=("log", "witness", "timestamp"), where=where)
    return {role: shape.integer(count, low=1, high=1000, where=where) for role, count in body.items()}


def _parse_key(value: object) -> TrustedKey:
    where = f"{_WHERE} key"
    body = shape.members(value, required=_KEY, optional=("maxIndex",), where=where)
    where = f"{where} {shape.text(body['name'], where=where)!r:.80}"
    spki = canonical.base64_decode(body["public"], where=where)
    public = signature.load_public(shape.text(body["alg"], where=where), spki, where=where)
    if body["id"] != public.id:
        raise EvidenceError("the id is not the SHA-256 of the public key", where=where)
    role = shape.one_of(body["role"], ROLES, where=where)
    if public.alg == signature.ML_DSA_44 and role != "witness":
        raise EvidenceError("an ML-DSA-44 key cosigns, it has no other role", where=where)
    return TrustedKey(
        name=shape.text(body["name"], where=where),
        public=public,
        role=role,
        valid_from=shape.time(body["validFrom"], where=where),
        valid_to=shape.time(body["validTo"], where=where),
        max_index=shape.natural(body["maxIndex"], where=where) if "maxIndex" in body else None,
    )
