from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.project.files import private_directory, write_atomic

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"one", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"one", 0o600)
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_never_exists_with_wider_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    write_atomic(tmp_path / "key", b"secret", mode=0o600)
    assert seen[0] == 0o600


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failure_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    from pathlib import Path as RealPath

    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else RealPath, broken, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "file", b"")


def test_a_private_directory_keeps_out_others_and_git(tmp_path: Path) -> None:
    place = tmp_path / "a" / "keys"
    private_directory(place)
    private_directory(place)
    assert mode(place) == 0o700
    assert (place / ".gitignore").read_text() == "*\n"
