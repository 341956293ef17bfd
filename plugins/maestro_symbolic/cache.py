"""Verdicts kept between runs under ``.maestro/symbolic``, by the digest of everything they depend on.

Invariant: an entry is a pure function of its key; a damaged or foreign entry is a miss.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.state import state_directory
from maestro_hooks.tools import code_digest
from maestro_symbolic.verdicts import Outcome

if TYPE_CHECKING:
    from pathlib import Path

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
    """The verdicts of one repository."""

    root: Path

    def _place(self, key: str) -> Path:
        return self.root / ".maestro" / "symbolic" / key[:2] / f"{key}.json"

    def get(self, key: str) -> Outcome | None:
        """What was concluded before, or ``None``."""
        try:
            return msgspec.json.decode(self._place(key).read_bytes(), type=Outcome)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep a conclusion."""
        place = self._place(key)
        state_directory(self.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, msgspec.json.encode(outcome), mode=0o600)
