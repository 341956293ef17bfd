"""Private keys and the trust file they are announced in.

Invariant: a private key has its own file, named by its key id, and none is overwritten. ``trust.json`` is replaced only
after the keys it names are on disk, and retired keys are deleted only after that, so a crash at any point leaves a
trust file whose keys are there. A rotation is signed by the old and the new root keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import signature
from maestro_hooks.evidence.note import check_name
from maestro_hooks.evidence.trust import NONE, Trust, TrustedKey, TrustFile, check_trust, parse_trust, sign_trust
from maestro_hooks.project.files import private_directory, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from maestro_hooks.evidence.authority import Authority
    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

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


def key_path(root: Path, public: PublicKey) -> Path:
    """Where the private half of ``public`` stands."""
    return root / ".maestro" / "keys" / f"{public.id[:32]}.pem"


def create(root: Path, *, now: datetime, encrypted_with: bytes | None, policy: str | None = None) -> Trust:
    """Make a root key, a release key and ``trust.json`` version 1.

    Args:
        root: the repository root.
        now: the keys are valid from this moment on, for two years.
        encrypted_with: the passphrase of the private keys; ``None`` stores them unencrypted (mode 0600), which the
            caller must have been asked for and must say.
        policy: SHA-256 of the policy document to pin, hexadecimal.

    Raises:
        UsageError: if there is a trust file already.
    """
    if trust_path(root).exists():
        raise UsageError(
            "there is a trust file already",
            where=str(trust_path(root)),
            fix="'maestro keys rotate' replaces the keys and keeps the trust",
        )
    root_key, release_key = _generate(), _generate()
    trust = Trust(
        version=1,
        expires=now + LIFETIME,
        keys=(_trusted("root-1", root_key, "root", now), _trusted("release-1", release_key, "release", now)),
        thresholds={"root": 1, "release": 1},
        policy=policy,
    )
    _store(root, [root_key, release_key], encrypted_with)
    write_atomic(trust_path(root), sign_trust(trust, [root_key]))
    return trust


def rotate(root: Path, *, now: datetime, passphrase: bytes | None, with_root: bool = False) -> Trust:
    """Replace the release key (``with_root``: the root key too): new version, old key valid until ``now``.

    Bundles signed by the old key stay valid under the trust file they were shipped with. The old private keys are
    deleted.

    Raises:
        UsageError: if the private root key is not here or the passphrase is wrong.
        EvidenceError: if the trust file at hand is not sound, or has expired.
    """
    old = check_trust(load_trust(root), now=now)
    roots = [load_private(root, key.public, passphrase) for key in _usable(root, old, "root", now)]
    version = old.version + 1
    fresh = {role: _generate() for role in (("release", "root") if with_root else ("release",))}
    retired = [key for key in old.keys if key.role in fresh and key.valid_at(now)]
    # A root key that stays lives as long as the new file.
    kept = [
        replace(key, valid_to=now)
        if key in retired
        else replace(key, valid_to=now + LIFETIME)
        if key.role == "root" and key.valid_at(now)
        else key
        for key in old.keys
    ]
    added = [_trusted(f"{role}-{version}", key, role, now) for role, key in fresh.items()]
    trust = replace(old, version=version, expires=now + LIFETIME, keys=(*kept, *added))
    data = sign_trust(trust, [*roots, *(key for role, key in fresh.items() if role == "root")])
    _store(root, list(fresh.values()), passphrase)
    write_atomic(trust_path(root), data)
    for key in retired:
        key_path(root, key.public).unlink(missing_ok=True)
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
    return _sign_next(root, old, replace(old, policy=policy), now=now, passphrase=passphrase)


def add_log(root: Path, origin: str, *, now: datetime, passphrase: bytes | None) -> Trust:
    """Make a key for the log ``origin`` and sign a trust file that demands this log.

    Raises:
        UsageError: if the trust file names a log already, or the private root key is not here.
        EvidenceError: if the trust file is not sound, or the origin cannot name a key.
    """
    old = check_trust(load_trust(root), now=now)
    if old.log != NONE:
        raise UsageError(f"the trust file names the log {old.log} already", where=str(trust_path(root)))
    key = _generate()
    trust = replace(old, log=check_name(origin), keys=(*old.keys, _trusted(origin, key, "log", now)))
    return _sign_next(root, old, trust, now=now, passphrase=passphrase, fresh=[key])


def add_witness(
    root: Path, name: str, public: PublicKey, *, quorum: int, now: datetime, passphrase: bytes | None
) -> Trust:
    """Sign a trust file that counts cosignatures of this witness and demands ``quorum`` of them in all.

    Raises:
        UsageError: if there is no log to witness, too few witnesses for the quorum, or no private root key here.
        EvidenceError: if the trust file is not sound, or the name cannot name a key.
    """
    old = check_trust(load_trust(root), now=now)
    if old.log == NONE:
        raise UsageError("there is no log to witness", where=str(trust_path(root)), fix="run 'maestro log init'")
    added = TrustedKey(name=check_name(name), public=public, role="witness", valid_from=now, valid_to=now + LIFETIME)
    trust = replace(old, keys=(*old.keys, added), quorum=quorum)
    if len(trust.of_role("witness")) < quorum:
        raise UsageError(f"a quorum of {quorum} needs as many witnesses", where="--quorum")
    return _sign_next(root, old, trust, now=now, passphrase=passphrase)


def add_authority(root: Path, authority: Authority, *, demanded: int, now: datetime, passphrase: bytes | None) -> Trust:
    """Sign a trust file that counts tokens of this timestamp authority and demands ``demanded`` (0: none) in all.

    Raises:
        UsageError: if it is named already, too few are named for what is demanded, or no private root key is here.
        EvidenceError: if the trust file is not sound.
    """
    old = check_trust(load_trust(root), now=now)
    if authority.certificates[0] in [known.certificates[0] for known in old.authorities]:
        raise UsageError("the trust file names this authority already", where=str(trust_path(root)))
    if demanded > len(old.authorities) + 1:
        raise UsageError(f"{demanded} timestamps need as many authorities", where="--timestamps")
    thresholds = {role: count for role, count in old.thresholds.items() if role != "timestamp"}
    thresholds |= {"timestamp": demanded} if demanded else {}
    changed = replace(old, authorities=(*old.authorities, authority), thresholds=thresholds)
    return _sign_next(root, old, changed, now=now, passphrase=passphrase)


def log_key(root: Path, *, now: datetime, environ: Mapping[str, str]) -> tuple[str, PrivateKey]:
    """The origin that the trust file names, and the log's private key.

    Raises:
        UsageError: if no log is named, or its private key is not here or does not open.
        EvidenceError: if the trust file is not sound.
    """
    trust = check_trust(load_trust(root), now=now)
    if trust.log == NONE:
        raise UsageError("the trust file names no log", where=str(trust_path(root)), fix="run 'maestro log init'")
    passphrase = environ.get(PASSPHRASE_VARIABLE)
    public = _usable(root, trust, "log", now)[0].public
    return trust.log, load_private(root, public, passphrase.encode() if passphrase else None)


def stand_alone_key(path: Path, *, passphrase: bytes | None, alg: str = signature.ED25519) -> PrivateKey:
    """The key in ``path``, made for ``alg`` on first use (a witness's own); its directory is made private.

    Raises:
        UsageError: if it does not open.
    """
    if not path.exists():
        private_directory(path.parent)
        write_atomic(path, _pem(_generate(alg), passphrase), mode=0o600)
    return _open_pem(path.read_bytes(), passphrase, str(path))


def _sign_next(
    root: Path,
    old: Trust,
    changed: Trust,
    *,
    now: datetime,
    passphrase: bytes | None,
    fresh: Sequence[PrivateKey] = (),
) -> Trust:
    """Write the next version, signed by the root keys at hand, once the keys it newly names are on disk."""
    roots = [load_private(root, key.public, passphrase) for key in _usable(root, old, "root", now)]
    trust = replace(changed, version=old.version + 1)
    data = sign_trust(trust, roots)
    _store(root, fresh, passphrase)
    write_atomic(trust_path(root), data)
    return trust


def signer(root: Path, *, environ: Mapping[str, str], now: datetime, passphrase: bytes | None = None) -> Signer:
    """The release key to seal with: from ``MAESTRO_SIGNING_KEY`` (PEM text), else from ``.maestro/keys``.

    Raises:
        UsageError: if there is no key, it does not open, or the trust file does not let it sign now.
        EvidenceError: if the trust file is not sound.
    """
    trust = check_trust(load_trust(root), now=now)
    if passphrase is None and environ.get(PASSPHRASE_VARIABLE):
        passphrase = environ[PASSPHRASE_VARIABLE].encode()
    pem = environ.get(KEY_VARIABLE)
    if not pem:
        trusted = _usable(root, trust, "release", now)[0]
        return Signer(load_private(root, trusted.public, passphrase), trusted)
    key = _open_pem(pem.encode(), passphrase, f"environment variable {KEY_VARIABLE}")
    public = signature.public_of(key)
    for trusted in trust.of_role("release"):
        if trusted.public == public and trusted.valid_at(now):
            return Signer(key, trusted)
    raise UsageError(
        "trust.json does not let this key sign releases now",
        where=f"environment variable {KEY_VARIABLE}",
        fix="give the private half of a release key that trust.json names ('maestro keys show')",
    )


def _usable(root: Path, trust: Trust, role: str, now: datetime) -> list[TrustedKey]:
    """The keys of ``role`` that are valid now and whose private half is here, newest first; at least one."""
    valid = sorted((key for key in trust.of_role(role) if key.valid_at(now)), key=lambda k: k.valid_from, reverse=True)
    here = [key for key in valid if key_path(root, key.public).exists()]
    if not here:
        raise UsageError(
            f"no private {role} key that trust.json names is here",
            where=str(root / ".maestro" / "keys"),
            fix=f"copy it here, or set {KEY_VARIABLE}" if role == "release" else "run this where the root key is kept",
        )
    return here


def load_trust(root: Path) -> TrustFile:
    """Read ``trust.json``. Raises ``UsageError`` if it is not there, ``EvidenceError`` if it does not parse."""
    path = trust_path(root)
    try:
        return parse_trust(path.read_bytes())
    except FileNotFoundError:
        raise UsageError("there is no trust file", where=str(path), fix="run 'maestro keys new'") from None


def load_private(root: Path, public: PublicKey, passphrase: bytes | None) -> PrivateKey:
    """Read the private half of ``public`` (PKCS8 PEM). Raises ``UsageError`` without ever quoting its content."""
    path = key_path(root, public)
    key = open_key_file(path, passphrase)
    if signature.public_of(key) != public:
        raise UsageError("the file holds another key than its name says", where=str(path))
    return key


def open_key_file(path: Path, passphrase: bytes | None) -> PrivateKey:
    """Read a private key file (PKCS8 PEM). Raises ``UsageError`` without ever quoting its content."""
    try:
        return _open_pem(path.read_bytes(), passphrase, str(path))
    except OSError as error:
        raise UsageError(f"the private key cannot be read: {error.strerror}", where=str(path)) from error


def is_encrypted(pem: bytes) -> bool:
    """Whether a PEM file is encrypted PKCS8."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in pem


def _open_pem(pem: bytes, passphrase: bytes | None, where: str) -> PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - heavy, only for keys
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    if is_encrypted(pem) and not passphrase:
        raise UsageError("the private key is encrypted", where=where, fix=f"set {PASSPHRASE_VARIABLE}")
    try:
        key = load_pem_private_key(pem, passphrase if is_encrypted(pem) else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message may quote the input.
        raise UsageError("the private key does not open: wrong passphrase, or no PKCS8 PEM", where=where) from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey | MLDSA44PrivateKey):
        raise UsageError("a signing key is Ed25519 or ECDSA P-256, a witness's also ML-DSA-44", where=where)
    try:
        signature.public_of(key)
    except EvidenceError as error:
        raise UsageError(error.what, where=where) from error
    return key


def _generate(alg: str = signature.ED25519) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    if alg == signature.ML_DSA_44:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey  # noqa: PLC0415

        return MLDSA44PrivateKey.generate()
    return Ed25519PrivateKey.generate()


def _store(root: Path, keys: Sequence[PrivateKey], passphrase: bytes | None) -> None:
    for key in keys:
        path = key_path(root, signature.public_of(key))
        private_directory(path.parent)
        write_atomic(path, _pem(key, passphrase), mode=0o600)


def _pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def _trusted(name: str, key: PrivateKey, role: str, now: datetime) -> TrustedKey:
    return TrustedKey(name=name, public=signature.public_of(key), role=role, valid_from=now, valid_to=now + LIFETIME)
