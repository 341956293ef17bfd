from __future__ import annotations

import stat
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import signature
from maestro_hooks.evidence.trust import accept_update, check_trust
from maestro_hooks.sealing import keys
from tests.evidence.shipment import NOW, OTHER_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_hooks.evidence.signature import PrivateKey

WORD = b"a passphrase"
LATER = NOW + timedelta(days=30)


def test_new_keys_are_private_encrypted_and_announced(tmp_path: Path) -> None:
    trust = keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    assert check_trust(keys.load_trust(tmp_path), now=NOW) == trust
    assert (trust.version, trust.log, trust.thresholds) == (1, "none", {"root": 1, "release": 1})
    assert stat.S_IMODE((tmp_path / ".maestro" / "keys").stat().st_mode) == 0o700
    for trusted in trust.keys:
        path = keys.key_path(tmp_path, trusted.public)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert keys.is_encrypted(path.read_bytes())
        assert signature.public_of(keys.load_private(tmp_path, trusted.public, WORD)) == trusted.public
    assert b"PRIVATE" not in keys.trust_path(tmp_path).read_bytes()


def test_unencrypted_keys_are_possible_when_asked_for(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    assert not keys.is_encrypted(release_path(tmp_path).read_bytes())
    assert keys.signer(tmp_path, environ={}, now=NOW).trusted.name == "release-1"


def release_path(root: Path) -> Path:
    return keys.key_path(root, keys.load_trust(root).trust.of_role("release")[-1].public)


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    before = files(tmp_path)
    with pytest.raises(UsageError, match="already"):
        keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    assert files(tmp_path) == before
    keys.trust_path(tmp_path).unlink()
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    assert before.items() - files(tmp_path).items() == {(keys.trust_path(tmp_path), before[keys.trust_path(tmp_path)])}


@pytest.mark.parametrize("with_root", [False, True])
def test_a_rotation_is_accepted_by_whoever_trusted_the_old_file(tmp_path: Path, *, with_root: bool) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    old = keys.load_trust(tmp_path)
    trust = keys.rotate(tmp_path, now=LATER, passphrase=WORD, with_root=with_root)
    new = keys.load_trust(tmp_path)
    assert accept_update(old, new, now=LATER) == trust
    first, second = trust.of_role("release")
    assert (trust.version, first.valid_to, second.valid_from) == (2, LATER, LATER)
    assert len(trust.of_role("root")) == 1 + with_root
    assert len(list(keys.key_path(tmp_path, first.public).parent.glob("*.pem"))) == 2
    assert keys.signer(tmp_path, environ={keys.PASSPHRASE_VARIABLE: WORD.decode()}, now=LATER).trusted == second
    much_later = LATER + timedelta(days=600)
    again = keys.rotate(tmp_path, now=much_later, passphrase=WORD, with_root=with_root)
    assert accept_update(new, keys.load_trust(tmp_path), now=much_later) == again


def test_a_rotation_that_fails_changes_nothing(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    before = files(tmp_path)
    with pytest.raises(UsageError):
        keys.rotate(tmp_path, now=LATER, passphrase=b"wrong")
    with pytest.raises(EvidenceError, match="expired"):
        keys.rotate(tmp_path, now=NOW + 2 * keys.LIFETIME, passphrase=WORD)
    assert before == files(tmp_path)


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("with_root", [False, True])
def test_a_crash_while_rotating_leaves_keys_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, *, with_root: bool
) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    old = keys.load_trust(tmp_path)
    left = step
    real_replace, real_unlink = type(tmp_path).replace, type(tmp_path).unlink

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(self: Path, *args: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return real(self, *args, **named)

        return call

    monkeypatch.setattr(type(tmp_path), "replace", counted(real_replace))
    monkeypatch.setattr(type(tmp_path), "unlink", counted(real_unlink))
    with suppress(KeyboardInterrupt):
        keys.rotate(tmp_path, now=LATER, passphrase=None, with_root=with_root)
    monkeypatch.undo()
    new = keys.load_trust(tmp_path)
    if new.trust.version > 1:
        accept_update(old, new, now=LATER)
    assert keys.signer(tmp_path, environ={}, now=LATER).key
    keys.rotate(tmp_path, now=LATER + timedelta(days=1), passphrase=None, with_root=with_root)


@pytest.mark.parametrize(("passphrase", "words"), [(None, "encrypted"), (b"wrong", "does not open")])
def test_a_key_that_does_not_open_says_so_and_nothing_more(
    tmp_path: Path, passphrase: bytes | None, words: str
) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    with pytest.raises(UsageError, match=words) as caught:
        keys.signer(tmp_path, environ={}, now=NOW, passphrase=passphrase)
    assert "MII" not in str(caught.value)
    assert WORD.decode() not in str(caught.value)


def pem(key: PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_ci_signs_with_the_key_of_the_environment(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    text = release_path(tmp_path).read_text()
    release_path(tmp_path).unlink()
    made = keys.signer(tmp_path, environ={keys.KEY_VARIABLE: text}, now=NOW)
    assert made.trusted.name == "release-1"
    with pytest.raises(UsageError, match="no private release key"):
        keys.signer(tmp_path, environ={}, now=NOW)


def test_an_encrypted_key_of_the_environment_needs_its_passphrase(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=WORD)
    text = release_path(tmp_path).read_text()
    environ = {keys.KEY_VARIABLE: text, keys.PASSPHRASE_VARIABLE: WORD.decode()}
    assert keys.signer(tmp_path, environ=environ, now=NOW).trusted.role == "release"
    with pytest.raises(UsageError, match="encrypted"):
        keys.signer(tmp_path, environ={keys.KEY_VARIABLE: text}, now=NOW)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no PEM at all", "does not open"),
        (pem(OTHER_KEY), "does not let this key sign"),
        (pem(ec.derive_private_key(5, ec.SECP384R1())), "P-256"),
        (pem(rsa.generate_private_key(65537, 2048)), "Ed25519 or ECDSA"),
    ],
    ids=["junk", "stranger", "P-384", "RSA"],
)
def test_a_key_the_trust_file_does_not_name_cannot_sign(tmp_path: Path, text: str, words: str) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    with pytest.raises(UsageError, match=words):
        keys.signer(tmp_path, environ={keys.KEY_VARIABLE: text}, now=NOW)


def test_an_expired_key_cannot_sign(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    with pytest.raises(EvidenceError, match="expired"):
        keys.signer(tmp_path, environ={}, now=NOW + 2 * keys.LIFETIME)


def test_without_a_trust_file_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trust") as caught:
        keys.load_trust(tmp_path)
    assert "maestro keys new" in caught.value.fix


def test_a_key_file_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    keys.create(tmp_path, now=NOW, encrypted_with=None)
    root_key = keys.load_trust(tmp_path).trust.of_role("root")[0]
    release_path(tmp_path).write_bytes(keys.key_path(tmp_path, root_key.public).read_bytes())
    with pytest.raises(UsageError, match="another key"):
        keys.signer(tmp_path, environ={}, now=NOW)
