"""Verdicts kept between runs under ``.maestro/symbolic``, by the digest of everything they depend on.

Invariant: an entry is a pure function of its key; a damaged or foreign entry is a miss. What is not here may come from
another machine through the project's cache, which accepts only signed results of trusted writers.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.state import state_directory
from maestro_hooks.requests import NO_CACHE, CacheEntry
from maestro_hooks.tools import code_digest
from maestro_symbolic.verdicts import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.requests import Cache as SharedCache

_OUTCOME = "outcome.json"
SOLVERS = ("z3-solver", "cvc5", "bitwuzla")


def versions() -> tuple[str, ...]:
    """Engine, solvers and Python, as far as a verdict depends on them; without importing any."""
    # By its code, not a number somebody must remember to raise: a mended engine must not repeat an old mistake.
    found = [f"engine {code_digest('maestro_symbolic')}", f"python {'.'.join(platform.python_version_tuple()[:2])}"]
    for name in SOLVERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Cache:
    """The verdicts of one repository, and those that other machines ``shared``."""

    root: Path
    shared: SharedCache = NO_CACHE

    def _place(self, key: str) -> Path:
        return self.root / ".maestro" / "symbolic" / key[:2] / f"{key}.json"

    def get(self, key: str) -> Outcome | None:
        """What was concluded before, here or elsewhere, or ``None``."""
        try:
            return msgspec.json.decode(self._place(key).read_bytes(), type=Outcome)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return self._fetched(key)

    def _fetched(self, key: str) -> Outcome | None:
        entry = self.shared.fetch(key)
        if entry is None:
            return None
        try:
            outcome = msgspec.json.decode(entry.blobs.get(_OUTCOME, b""), type=Outcome)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        self._keep(key, outcome)
        return outcome

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep a conclusion, and offer it to other machines."""
        self._keep(key, outcome)
        self.shared.store(key, CacheEntry(metadata={}, blobs={_OUTCOME: msgspec.json.encode(outcome)}))

    def _keep(self, key: str, outcome: Outcome) -> None:
        place = self._place(key)
        state_directory(self.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, msgspec.json.encode(outcome), mode=0o600)
