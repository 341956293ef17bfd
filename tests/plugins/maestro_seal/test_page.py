"""The committed page is what its sources build to, and works from a file, without a network, by keyboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.evidence.shipment import WHEEL
from tests.plugins.maestro_seal.clients import BUILT, CLIENTS, PAGE, chromium, need
from tests.plugins.maestro_seal.logged import logged_trust, ship_logged

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 250_000


def test_the_committed_page_is_what_its_sources_build_to(tmp_path: Path) -> None:
    need(shutil.which("node"), "Node.js is not installed")
    need((PAGE / "node_modules").is_dir(), "run 'npm ci --ignore-scripts' in plugins/maestro_seal/page")
    for name in ("first.html", "second.html"):
        command = ["node", str(PAGE / "build.mjs"), str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes() == BUILT.read_bytes()


def test_the_page_is_one_file_with_a_strict_policy() -> None:
    html = BUILT.read_text(encoding="utf-8")
    assert len(html.encode()) < MAX_BYTES
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    parts = [part.split()[0] for part in policy[1].split("; ")]
    assert parts == ["default-src", "script-src", "style-src", "base-uri", "form-action"]
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    head = html.partition("<script>")[0]
    assert not re.search(r"(src|href)=|\son[a-z]+=", head)


def dropped(place: Path, files: dict[str, bytes]) -> dict[str, object]:
    """What the page shows for files dropped at once, in this order."""
    program = chromium()
    for name, data in files.items():
        (place / name).write_bytes(data)
    given = map(str, map(place.joinpath, files))
    command = [program, str(CLIENTS / "chromium.mjs"), "drop", str(BUILT), str(place), *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads((place / "result.json").read_text())
    return result


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the page shows for a release whose waiver has expired, dropped as files."""
    place = tmp_path_factory.mktemp("page")
    shipment = ship_logged()
    files = {
        "demo.sigstore.json": shipment.bundle,
        "trust.json": shipment.trust,
        "demo.policy.json": shipment.policy,
        "demo.ce-leaf.json": shipment.leaves,
        "demo.whl": b"the bytes of a wheel",
    }
    result = dropped(place, files)
    assert (place / "light.png").stat().st_size > 10_000
    return result


def test_files_are_known_by_what_they_hold_and_told_if_there_are_two(tmp_path: Path) -> None:
    """Renamed documents are recognized; a decision that quotes the policy is not the policy."""
    shipment = ship_logged(trust=logged_trust(quorum=1))
    policy = shipment.policy.decode()
    card = b'{"basis":{"policy":' + policy.encode() + b'},"schema":"maestro.decision/1"}'
    documents = {
        "a.json": shipment.bundle,
        "b.json": shipment.trust,
        "c.json": shipment.policy,
        "d.json": shipment.leaves,
        "e.json": card,
        "demo.whl": WHEEL,
    }
    found = dropped(tmp_path, documents)
    assert found["kinds"] == ["bundle", "trust", "policy", "leaf", "artifact", "artifact"]
    del documents["e.json"]
    twice = dropped(tmp_path, {**documents, "trust.json": logged_trust(quorum=1, min_tree_size=1)})
    assert "first: parse" in str(twice["verdict"])
    assert "more than one" in str(twice["steps"])


def test_the_page_sends_nothing_and_logs_no_error(shown: dict[str, object]) -> None:
    assert shown["requests"] == [BUILT.as_uri()]
    assert shown["problems"] == []
    assert shown["fetch"] == "refused"


def test_the_page_shows_every_step_in_words_and_never_green_when_one_fails(shown: dict[str, object]) -> None:
    assert shown["marks"] == ["pass"] * 8 + ["FAIL", "pass", "not required"]
    assert shown["verdict"] == "Not valid: demo 1.0 — first: required"
    assert shown["live"] == "polite"
    assert shown["focus"] == "input"


def test_the_page_breaks_no_accessibility_rule_in_light_or_dark(shown: dict[str, object]) -> None:
    assert shown["violations"] == []
    assert int(str(shown["rules"])) > 30


def test_the_page_works_by_keyboard(shown: dict[str, object]) -> None:
    assert shown["focused"] == "verdict"
    keyboard = shown["keyboard"]
    assert isinstance(keyboard, dict)
    assert keyboard["reached"] == ["Print", "Start again", "build/reproducible", "pytest/failed"]
    assert keyboard["way"].startswith("Way of pytest/failed (leaf ")


def test_the_page_draws_the_ways_to_the_roots(shown: dict[str, object]) -> None:
    # Each way of n hashes: n siblings and n + 1 nodes of its own.
    assert shown["pictures"] == [9, 11]
    assert shown["html"] == 0
