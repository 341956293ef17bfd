"""What two child processes must have in common before the result of one may stand for the other."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.pipeline import surroundings

if TYPE_CHECKING:
    from pathlib import Path


def install(place: Path, name: str, origin: object = None) -> Path:
    folder = place / f"{name}.dist-info"
    folder.mkdir(parents=True)
    if origin is not None:
        text = origin if isinstance(origin, str) else json.dumps(origin)
        (folder / "direct_url.json").write_text(text, encoding="utf-8")
    return folder


def test_a_variable_counts_unless_the_terminal_or_the_login_sets_it() -> None:
    digest = surroundings.variables_digest
    assert digest({"A": "1", "TERM": "x", "SSH_TTY": "/dev/pts/1"}) == digest({"A": "1"})
    assert digest({"A": "1"}) != digest({"A": "2"})
    assert digest({"A": "1", "B": ""}) != digest({"A": "1"})
    assert digest({"A": "1", "B": "2"}) != digest({"A": '1", "B": "2'})


def test_the_same_version_installed_anew_counts(tmp_path: Path) -> None:
    folder = install(tmp_path, "one-1.0")
    before = surroundings.installations_digest([str(tmp_path)])
    assert before == surroundings.installations_digest([str(tmp_path), str(tmp_path / "absent.zip")])
    os.utime(folder, ns=(0, 0))
    assert surroundings.installations_digest([str(tmp_path)]) != before


@pytest.mark.parametrize(
    ("origin", "sources"),
    [
        (None, ()),
        ({"url": "file:///x/one", "dir_info": {}}, ()),
        ({"url": "https://example.org/one.whl", "archive_info": {}}, ()),
        ({"url": "file:///x/a%20b", "dir_info": {"editable": True}}, ("/x/a b",)),
        ("{", ("",)),
        ([], ("",)),
        ({"dir_info": {"editable": True}}, ("",)),
    ],
)
def test_where_editable_installations_come_from(tmp_path: Path, origin: object, sources: tuple[str, ...]) -> None:
    install(tmp_path, "one-1.0", origin)
    assert surroundings.editable_sources([str(tmp_path)]) == sources


def test_editable_code_from_elsewhere_has_no_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    root.mkdir()
    place = tmp_path / "site"
    monkeypatch.setattr(sys, "path", [str(place)])
    install(place, "own-1.0", {"url": root.as_uri(), "dir_info": {"editable": True}})
    assert len(surroundings.fingerprint(root)) == 64
    install(place, "other-1.0", {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    assert surroundings.fingerprint(root) == ""
