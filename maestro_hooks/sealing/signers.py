"""Which key seals: the repository's release key where it is at hand, else a local development key.

Invariant: a development key never passes for a release key: it stands in a trust file of its own, under
``.maestro/local``, and whoever seals with it is told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import UsageError
from maestro_hooks.project.state import state_directory
from maestro_hooks.sealing import keys

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from maestro_hooks.evidence.signature import PrivateKey
    from maestro_hooks.policy.document import Policy


LOCAL = Path(".maestro") / "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """A private key, the trust file that announces it, and words for the user."""

    key: PrivateKey
    trust: bytes
    words: tuple[str, ...]


def find_signer(root: Path, *, now: dt.datetime, env: Mapping[str, str], policy: Policy) -> SealingKey:
    """The key to seal with.

    A key in ``MAESTRO_SIGNING_KEY`` or a release key under ``.maestro/keys`` must be the one ``trust.json`` names: no
    silent fall back from a release key that does not fit. Without either, a development key is made on first use.

    Raises:
        UsageError: a release key is at hand but cannot be used.
        EvidenceError: a trust file is damaged.
    """
    now = now.replace(microsecond=0)
    if env.get(keys.KEY_VARIABLE) or _has_release_key(root):
        found = keys.signer(root, environ=env, now=now)
        return SealingKey(
            key=found.key,
            trust=keys.trust_path(root).read_bytes(),
            words=(f"signed with release key {found.trusted.name}, announced in {keys.TRUST_NAME}",),
        )
    return _development_key(root, now=now, policy=hashlib.sha256(policy.exported()).hexdigest())


def keys_home(root: Path) -> Path:
    """Where the trust file and keys that ``find_signer`` takes stand: ``root``, or the development keys' directory.

    Raises:
        UsageError: neither exists yet.
    """
    local = root / LOCAL
    if keys.trust_path(root).exists():
        return root
    if keys.trust_path(local).exists():
        return local
    raise UsageError("there are no keys yet", where=str(root), fix="run 'maestro keys new'")


def _has_release_key(root: Path) -> bool:
    """Whether a private release key that ``trust.json`` names lies here; a damaged trust file is an error, not a no."""
    if not keys.trust_path(root).exists():
        return False
    trust = keys.load_trust(root).trust
    return any(keys.key_path(root, key.public).exists() for key in trust.of_role("release"))


def _development_key(root: Path, *, now: dt.datetime, policy: str) -> SealingKey:
    state_directory(root)
    home = root / LOCAL
    home.mkdir(mode=0o700, exist_ok=True)
    if not keys.trust_path(home).exists():
        keys.create(home, now=now, encrypted_with=None, policy=policy)
    try:
        keys.pin(home, policy=policy, now=now, passphrase=None)
        found = keys.signer(home, environ={}, now=now)
    except UsageError as error:
        raise UsageError(
            f"the local development key cannot be used: {error.what}", where=str(home), fix="delete that directory"
        ) from error
    words = (
        "signed with this machine's development key (unencrypted, not a release key)",
        "for releases: maestro keys new",
    )
    return SealingKey(key=found.key, trust=keys.trust_path(home).read_bytes(), words=words)
