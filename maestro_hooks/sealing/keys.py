"""Private keys and the trust file they are announced in.

Invariant: ``trust.json`` is replaced only after every private key it names is safely on disk, and a rotation is signed
by the old and the new root keys, so that whoever trusts the old file can check the new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import signature
from maestro_hooks.evidence.trust import Trust, TrustedKey, TrustFile, check_trust, parse_trust, sign_trust
from maestro_hooks.project.files import private_directory, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from maestro_hooks.evidence.signature import PrivateKey

KEY_VARIABLE = "MAESTRO_SIGNING_KEY"
PASSPHRASE_VARIABLE = "MAESTRO_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
LIFETIME = timedelta(days=730)
TRUST_NAME = "trust.json"


@dataclass(frozen=True, slots=True)
class Signer:
    """A release key that the trust file names and that is valid now."""

    key: PrivateKey
    trusted: TrustedKey


def trust_path(root: Path) -> Path:
    """Where the public trust file stands."""
    return root / TRUST_NAME


def key_path(root: Path, role: str) -> Path:
    """Where the private key of ``role`` (``root`` or ``release``) stands."""
    return root / ".maestro" / "keys" / f"{role}.pem"


def create(root: Path, *, now: datetime, encrypted_with: bytes | None, policy: str | None = None) -> Trust:
    """Make a root key, a release key and ``trust.json`` version 1.

    Args:
        root: the repository root.
        now: the keys are valid from this moment on, for two years.
        encrypted_with: the passphrase of the private keys; ``None`` stores them unencrypted (mode 0600), which the
            caller must have been asked for and must say.
        policy: SHA-256 of the policy document to pin, hexadecimal.

    Raises:
        UsageError: if there are keys or a trust file already.
    """
    for path in (trust_path(root), key_path(root, "root"), key_path(root, "release")):
        if path.exists():
            raise UsageError(
                "keys exist already", where=str(path), fix="'maestro keys rotate' replaces them and keeps the trust"
            )
    root_key, release_key = _generate(), _generate()
    trust = Trust(
        version=1,
        expires=now + LIFETIME,
        keys=(_trusted("root-1", root_key, "root", now), _trusted("release-1", release_key, "release", now)),
        thresholds={"root": 1, "release": 1},
        policy=policy,
    )
    _store(root, {"root": root_key, "release": release_key}, encrypted_with)
    write_atomic(trust_path(root), sign_trust(trust, [root_key]))
    return trust


def rotate(root: Path, *, now: datetime, passphrase: bytes | None, with_root: bool = False) -> Trust:
    """Replace the release key (``with_root``: the root key too): new version, old key valid until ``now``.

    Bundles signed by the old key stay valid under the trust file they were shipped with.

    Raises:
        UsageError: if the private root key is not here or the passphrase is wrong.
        EvidenceError: if the trust file at hand is not sound.
    """
    old = load_trust(root)
    check_trust(old, now=now)
    roots = [load_private(key_path(root, "root"), passphrase)]
    fresh = {"release": _generate()} | ({"root": _generate()} if with_root else {})
    version = old.trust.version + 1
    kept = tuple(replace(key, valid_to=min(key.valid_to, now)) if key.role in fresh else key for key in old.trust.keys)
    added = tuple(_trusted(f"{role}-{version}", key, role, now) for role, key in sorted(fresh.items()))
    if not with_root:
        kept = tuple(replace(key, valid_to=now + LIFETIME) if _is_ours(key, roots[0]) else key for key in kept)
    trust = replace(old.trust, version=version, expires=now + LIFETIME, keys=(*kept, *added))
    data = sign_trust(trust, [*roots, *([fresh["root"]] if with_root else [])])
    _store(root, fresh, passphrase)
    write_atomic(trust_path(root), data)
    return trust


def pin(root: Path, *, policy: str, now: datetime, passphrase: bytes | None) -> Trust:
    """Sign a new version of the trust file that pins another policy (SHA-256, hexadecimal); equal pins change nothing.

    Raises:
        UsageError: if the private root key is not here or the passphrase is wrong.
        EvidenceError: if the trust file at hand is not sound.
    """
    old = check_trust(load_trust(root), now=now)
    if old.policy == policy:
        return old
    root_key = load_private(key_path(root, "root"), passphrase)
    trust = replace(old, version=old.version + 1, policy=policy)
    write_atomic(trust_path(root), sign_trust(trust, [root_key]))
    return trust


def signer(root: Path, *, environ: Mapping[str, str], now: datetime, passphrase: bytes | None = None) -> Signer:
    """The release key to seal with: from ``MAESTRO_SIGNING_KEY`` (PEM text), else from ``.maestro/keys``.

    Raises:
        UsageError: if there is no key, it does not open, or the trust file does not let it sign now.
        EvidenceError: if the trust file is not sound.
    """
    pem = environ.get(KEY_VARIABLE)
    if passphrase is None and environ.get(PASSPHRASE_VARIABLE):
        passphrase = environ[PASSPHRASE_VARIABLE].encode()
    if pem:
        where, key = f"environment variable {KEY_VARIABLE}", _open_pem(pem.encode(), passphrase, KEY_VARIABLE)
    else:
        where = str(key_path(root, "release"))
        key = load_private(key_path(root, "release"), passphrase)
    public = signature.public_of(key)
    trust = check_trust(load_trust(root), now=now)
    for trusted in trust.of_role("release"):
        if trusted.public == public and trusted.valid_at(now):
            return Signer(key, trusted)
    raise UsageError("trust.json does not let this key sign releases now", where=where, fix="run 'maestro keys rotate'")


def load_trust(root: Path) -> TrustFile:
    """Read ``trust.json``. Raises ``UsageError`` if it is not there, ``EvidenceError`` if it does not parse."""
    path = trust_path(root)
    try:
        return parse_trust(path.read_bytes())
    except FileNotFoundError:
        raise UsageError("there is no trust file", where=str(path), fix="run 'maestro keys new'") from None


def load_private(path: Path, passphrase: bytes | None) -> PrivateKey:
    """Read a private key file (PKCS8 PEM). Raises ``UsageError`` without ever quoting its content."""
    try:
        return _open_pem(path.read_bytes(), passphrase, str(path))
    except FileNotFoundError:
        raise UsageError(
            "the private key is not here", where=str(path), fix=f"run 'maestro keys new' or set {KEY_VARIABLE}"
        ) from None


def is_encrypted(pem: bytes) -> bool:
    """Whether a PEM file is encrypted PKCS8."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in pem


def _open_pem(pem: bytes, passphrase: bytes | None, where: str) -> PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - heavy, only for keys
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    if is_encrypted(pem) and not passphrase:
        raise UsageError("the private key is encrypted", where=where, fix=f"set {PASSPHRASE_VARIABLE}")
    try:
        key = load_pem_private_key(pem, passphrase if is_encrypted(pem) else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message may quote the input.
        raise UsageError("the private key does not open: wrong passphrase, or no PKCS8 PEM", where=where) from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise UsageError("a signing key is Ed25519 or ECDSA P-256", where=where)
    try:
        signature.public_of(key)
    except EvidenceError as error:
        raise UsageError(error.what, where=where) from error
    return key


def _generate() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.generate()


def _store(root: Path, keys: Mapping[str, PrivateKey], passphrase: bytes | None) -> None:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    private_directory(key_path(root, "root").parent)
    for role, key in keys.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        write_atomic(key_path(root, role), pem, mode=0o600)


def _trusted(name: str, key: PrivateKey, role: str, now: datetime) -> TrustedKey:
    return TrustedKey(name=name, public=signature.public_of(key), role=role, valid_from=now, valid_to=now + LIFETIME)


def _is_ours(key: TrustedKey, root_key: PrivateKey) -> bool:
    return key.public == signature.public_of(root_key)
