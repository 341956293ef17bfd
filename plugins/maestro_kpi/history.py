"""Read what was recorded here over time: ledger entries, sealed releases, and what the verifier says of bundles.

Invariant: nothing is left out silently; what cannot be read is told.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_hooks.errors import MaestroError
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.ledger import read_all
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.sealing.store import load_sealed, sealed_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.record import Record

VERIFY_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One ledger entry: when its segment was last written (seconds), the record, and a reader of its JSON blobs."""

    time: int
    record: Record
    meta: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One sealed manifest of this work tree, by the time it was sealed."""

    time: int
    name: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One bundle in the output directory: the verifier's verdict, its steps, and the artifacts it speaks about."""

    name: str
    verdict: str
    steps: Mapping[str, str]
    artifacts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything the board is computed from; ``artifacts`` are the built files lying in the output directory."""

    events: tuple[Event, ...] = ()
    releases: tuple[Release, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    artifacts: tuple[str, ...] = ()
    blobs: Mapping[str, Any] | None = None
    unread: tuple[str, ...] = ()


def read_history(root: Path, dist: Path) -> History:
    """Read ledger, sealed store and output directory.

    Raises:
        EvidenceError: a damaged ledger segment.
    """
    events = tuple(sorted(_events(root), key=lambda e: (e.time, e.record.key)))
    releases, unread = _releases(root)
    bundles = tuple(_verified(place) for place in sorted(dist.glob("*.sigstore.json")))
    built = sorted(p.name for pattern in ("*.whl", "*.tar.gz") for p in dist.glob(pattern))
    return History(
        events=events,
        releases=releases,
        bundles=bundles,
        artifacts=tuple(built),
        blobs=dict(_pytest_blobs(root, events)),
        unread=unread,
    )


def _events(root: Path) -> Iterator[Event]:
    ledger = read_all(root / ".maestro" / "ledger", run="")
    for segment in ledger.segments:
        time = int(segment.path.stat().st_mtime)
        for entry in segment.entries:
            yield Event(time=time, record=entry.record, meta=entry.meta)


def _pytest_blobs(root: Path, events: tuple[Event, ...]) -> Iterator[tuple[str, Any]]:
    """The skip lists and durations of test runs by digest; what is gone is left out and counts as not measured."""
    blobs = Blobs(root)
    wanted = {str(e.meta["durations"]) for e in events if "durations" in e.meta}
    wanted |= {ref.sha256 for e in events for ref in e.record.evidence if ref.name == "skips"}
    for digest in sorted(wanted):
        try:
            yield digest, json.loads(blobs.get(digest))
        except (MaestroError, ValueError):
            continue


def _releases(root: Path) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    found, unread = [], []
    for place in sorted(p for p in sealed_directory(root).glob("*") if p.is_dir()):
        try:
            sealed = load_sealed(root, place.name)
            leaves = tuple(parse_leaf(data) for data in sealed.leaves.data)
        except MaestroError as error:
            unread.append(f"sealed manifest {place.name[:12]}: {error.what}")
            continue
        release = sealed.manifest.release
        time = int((place / "payload.json").stat().st_mtime)
        found.append(Release(time=time, name=f"{release.name} {release.version}", leaves=leaves))
    return tuple(sorted(found, key=lambda r: (r.time, r.name))), tuple(unread)


def _verified(place: Path) -> Bundle:
    """What ``maestro verify`` says, run as an auditor would, with the artifacts beside the bundle."""
    subjects = _subjects(place)
    beside = [p for p in sorted(place.parent.iterdir()) if subjects.get(p.name) == _sha256(p)] if subjects else []
    command = [sys.executable, "-m", "maestro_hooks", "verify", str(place), "--json"]
    for artifact in beside:
        command += ["--artifact", str(artifact)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=VERIFY_TIMEOUT_S, check=False)
        report = json.loads(done.stdout)
        steps = {str(s["step"]): str(s["status"]) for s in report["steps"]}
        verdict = str(report["verdict"])
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        steps, verdict = {}, "fail"
    return Bundle(name=place.name, verdict=verdict, steps=steps, artifacts=tuple(p.name for p in beside))


def _subjects(place: Path) -> dict[str, str]:
    """Subject name to SHA-256, read from the bundle before it is verified: only to know which files to hand over."""
    import base64  # noqa: PLC0415 - needed here only

    try:
        payload = json.loads(base64.b64decode(json.loads(place.read_bytes())["dsseEnvelope"]["payload"]))
        return {s["name"]: s["digest"].get("sha256", "") for s in payload["subject"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sha256(place: Path) -> str:
    if not place.is_file():
        return "no file"
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
