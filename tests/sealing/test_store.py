from __future__ import annotations

import stat
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.sealing import store
from tests.evidence.shipment import ship

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_stored_loads(tmp_path: Path) -> None:
    sealed = ship().sealed
    name = store.store_sealed(tmp_path, sealed)
    assert name == store.latest(tmp_path) == sha256(sealed.payload).hexdigest()
    loaded = store.load_sealed(tmp_path, name)
    assert loaded == sealed
    place = store.sealed_directory(tmp_path) / name
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (place, place.parent)} == {0o700}
    assert store.store_sealed(tmp_path, sealed) == name


def test_nothing_sealed_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was sealed"):
        store.latest(tmp_path)
    with pytest.raises(UsageError, match="not here"):
        store.load_sealed(tmp_path, "0" * 64)


@pytest.mark.parametrize("name", ["../..", "latest", "a/b", "A" * 64, ""])
def test_a_name_that_is_no_digest_is_never_looked_up(tmp_path: Path, name: str) -> None:
    store.store_sealed(tmp_path, ship().sealed)
    with pytest.raises(UsageError):
        store.load_sealed(tmp_path, name)


@pytest.mark.parametrize("file", [store.PAYLOAD, store.LEAVES])
def test_damage_is_noticed(tmp_path: Path, file: str) -> None:
    name = store.store_sealed(tmp_path, ship().sealed)
    path = store.sealed_directory(tmp_path) / name / file
    data = path.read_bytes()
    for damaged in (data.replace(b"demo", b"dome"), data.replace(b'"q":"0"', b'"q":"1"'), data[:-9], b"", b"[]\n"):
        if damaged == data:
            continue
        path.write_bytes(damaged)
        with pytest.raises(EvidenceError):
            store.load_sealed(tmp_path, name)
