"""The key this machine signs action records with, and the keys whose records it believes.

Invariant: the cache writer's key is its own, never the release key: what may fill a cache may not sign a release.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError, EvidenceError
from maestro_hooks.evidence import canonical, signature
from maestro_hooks.project.files import private_directory, write_atomic
from maestro_hooks.project.state import state_directory
from maestro_hooks.sealing.keys import open_key_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

KEY_VARIABLE = "MAESTRO_CAS_KEY_FILE"


def writer_key(root: str) -> PrivateKey:
    """The key in the file ``MAESTRO_CAS_KEY_FILE``, else ``.maestro/keys/cas.pem``, made on first use (mode 0600).

    Raises:
        UsageError: the file is no private key.
    """
    given = os.environ.get(KEY_VARIABLE)
    path = Path(given) if given else Path(root) / ".maestro" / "keys" / "cas.pem"
    if not given and not path.exists():
        _create(Path(root), path)
    return open_key_file(path, None)


def trusted_writers(root: str, configured: Iterable[str]) -> list[PublicKey]:
    """The configured public keys and this machine's own. Raises ``ConfigError`` for a text that is no key."""
    return [*map(public_key, configured), signature.public_of(writer_key(root))]


def public_key(text: str) -> PublicKey:
    """A public key from base64 SPKI (DER), Ed25519 or ECDSA P-256. Raises ``ConfigError``."""
    try:
        spki = canonical.base64_decode(text, where="writers")
        algorithm = signature.ED25519 if len(spki) == 44 else signature.ECDSA_P256
        return signature.load_public(algorithm, spki, where="writers")
    except EvidenceError as error:
        raise ConfigError(
            f"{text!r:.24}... is no public key: {error.what}",
            where="tool.maestro.cas.writers",
            fix="see 'maestro cas key'",
        ) from error


def public_text(root: str) -> str:
    """This machine's public key as ``writers`` wants it."""
    return canonical.base64_encode(signature.public_of(writer_key(root)).spki)


def _create(root: Path, path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    state_directory(root)
    private_directory(path.parent)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write_atomic(draft, pem, mode=0o600)
    try:
        with suppress(FileExistsError):  # another process was first: its key is the one
            path.hardlink_to(draft)
    finally:
        draft.unlink()
