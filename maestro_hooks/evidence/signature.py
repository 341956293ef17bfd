"""Public keys, the policy they must meet, and signatures by Ed25519, ECDSA P-256 and ML-DSA-44.

Invariant: a key that verifiers could disagree about (small order, non-canonical, off the curve) is refused when it is
loaded, so that every later signature check means the same in every implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

    PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | MLDSA44PrivateKey

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256"
ML_DSA_44 = "ml-dsa-44"  # FIPS 204; witnesses only
SIGNATURE_BYTES = {ED25519: 64, ML_DSA_44: 2420}

_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 section 10.1
_SPKI_ML_DSA_44 = bytes.fromhex("30820532300b06096086480165030403110382052100")  # RFC 9881
_ML_DSA_44_BYTES = 1312
_P = 2**255 - 19
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665/121666 mod p


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that passed ``load_public``: algorithm and SubjectPublicKeyInfo in DER."""

    alg: str
    spki: bytes

    @property
    def id(self) -> str:
        """SHA-256 of the SPKI, lowercase hexadecimal."""
        return sha256(self.spki).hexdigest()


def load_public(alg: str, spki: bytes, *, where: str) -> PublicKey:
    """Check a public key against the key policy. Raises ``EvidenceError``."""
    if alg == ED25519:
        if len(spki) != 44 or not spki.startswith(_SPKI_ED25519):
            raise EvidenceError("no Ed25519 public key in SPKI form (RFC 8410)", where=where)
        check_ed25519_point(spki[12:], where=where)
    elif alg == ECDSA_P256:
        _check_p256(spki, where)
    elif alg == ML_DSA_44:
        if len(spki) != len(_SPKI_ML_DSA_44) + _ML_DSA_44_BYTES or not spki.startswith(_SPKI_ML_DSA_44):
            raise EvidenceError("no ML-DSA-44 public key in SPKI form (RFC 9881)", where=where)
    else:
        raise EvidenceError(f"algorithm {alg!r:.40} is none of those this verifier knows", where=where)
    return PublicKey(alg, spki)


def spki_of(alg: str, raw: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a raw Ed25519 or ML-DSA-44 key; ``load_public`` decides whether it is one."""
    return (_SPKI_ED25519 if alg == ED25519 else _SPKI_ML_DSA_44) + raw


def raw_of(key: PublicKey) -> bytes:
    """The raw bytes of an Ed25519 or ML-DSA-44 key: 32 or 1,312."""
    return key.spki[len(_SPKI_ED25519 if key.alg == ED25519 else _SPKI_ML_DSA_44) :]


def check_ed25519_point(raw: bytes, *, where: str) -> None:
    """Refuse 32 bytes that are no canonical encoding of a curve point, or a point of order 1, 2, 4 or 8.

    RFC 8032 section 5.1.3 says how to decode; small order is ``8 * A == identity``.
    """
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    sign = raw[31] >> 7
    if y >= _P:
        raise EvidenceError("the Ed25519 public key is not canonically encoded", where=where)
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if x_squared and pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise EvidenceError("the Ed25519 public key is not a point of the curve", where=where)
    if not x_squared and sign:
        raise EvidenceError("the Ed25519 public key is not canonically encoded", where=where)
    # Order 1, 2: x = 0. Order 4: y = 0. Order 8: x*x == -y*y, for then doubling gives y = 0.
    if not x_squared or not y or (x_squared + y * y) % _P == 0:
        raise EvidenceError("the Ed25519 public key has small order: anyone can sign for it", where=where)


def verify(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (64 bytes, 2,420 for ML-DSA-44, or DER for ECDSA) by ``key`` is over ``message``."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy, only here

    try:
        if key.alg == ED25519:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

            Ed25519PublicKey.from_public_bytes(raw_of(key)).verify(signature, message)
        elif key.alg == ML_DSA_44:
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # noqa: PLC0415

            MLDSA44PublicKey.from_public_bytes(raw_of(key)).verify(signature, message)
        else:
            from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
            from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

            _load_p256(key.spki).verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Sign by Ed25519 (64 bytes), ML-DSA-44 (2,420 bytes) or ECDSA P-256 with SHA-256 (DER)."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey  # noqa: PLC0415

    if not isinstance(key, EllipticCurvePrivateKey):
        return key.sign(message)
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    return key.sign(message, ECDSA(SHA256()))


def public_of(key: PrivateKey) -> PublicKey:
    """The public half. Raises ``EvidenceError`` for an elliptic curve other than P-256."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    other = ML_DSA_44 if spki.startswith(_SPKI_ML_DSA_44) else ED25519
    alg = ECDSA_P256 if isinstance(key, EllipticCurvePrivateKey) else other
    return load_public(alg, spki, where="signing key")


def _check_p256(spki: bytes, where: str) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    try:
        key = _load_p256(spki)
    except ValueError as error:
        raise EvidenceError(f"no P-256 public key in SPKI form: {error}", where=where) from error
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise EvidenceError("the P-256 public key is not canonically encoded", where=where)


def _load_p256(spki: bytes) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("another algorithm or curve")  # noqa: TRY004 - one error for a key that does not fit
    return key
