"""The private side of commitments: files ``.maestro/zk/<digest>.openings.json``, mode 0600, never published.

Invariant: every opening that loads opens its commitment; a damaged file is an error, never skipped.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.project.files import private_directory, write_atomic
from maestro_hooks.project.state import state_directory
from maestro_zk.field import L
from maestro_zk.pedersen import commit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = "maestro.zk.openings/1"
SUFFIX = ".openings.json"


class StoredOpening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A hidden number as decimal text and its blinding as 64 hexadecimal digits (32 bytes, little-endian)."""

    id: str
    metric: str
    scale: int
    round: str
    q: str
    blinding: str
    commit: str

    @property
    def value(self) -> int:
        """The scaled number."""
        return int(self.q)

    @property
    def factor(self) -> int:
        """The blinding as a scalar."""
        return int.from_bytes(bytes.fromhex(self.blinding), "little")

    def opens(self) -> bool:
        """Whether ``q * B + r * B~`` is the commitment."""
        return self.factor < L and commit(self.value, self.factor).hex() == self.commit


class OpeningsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file: what was committed to together."""

    schema: str
    openings: tuple[StoredOpening, ...]


def directory(root: Path) -> Path:
    """Where openings are kept."""
    return root / ".maestro" / "zk"


def encode(openings: Sequence[StoredOpening]) -> bytes:
    """The file's bytes."""
    return msgspec.json.encode(OpeningsFile(schema=SCHEMA, openings=tuple(openings))) + b"\n"


def parse(data: bytes, *, where: str) -> tuple[StoredOpening, ...]:
    """Read a file and check every opening. Raises ``EvidenceError``."""
    try:
        document = msgspec.json.decode(data, type=OpeningsFile)
        good = document.schema == SCHEMA and all(opening.opens() for opening in document.openings)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EvidenceError(f"no openings file: {error}", where=where) from error
    if not good:
        raise EvidenceError("an opening does not open its commitment", where=where)
    return document.openings


def store(root: Path, openings: Sequence[StoredOpening]) -> Path:
    """Keep openings, readable by this user only.

    Raises:
        ToolError: a commitment was made before (the randomness repeats), or the file cannot be written.
    """
    known = load(root)
    if repeated := [o.id for o in openings if o.commit in known]:
        raise ToolError("a commitment repeats: the source of randomness is broken", where=repeated[0])
    name = sha256("".join(sorted(o.commit for o in openings)).encode()).hexdigest()[:32]
    try:
        state_directory(root)
        private_directory(directory(root))
        place = directory(root) / f"{name}{SUFFIX}"
        write_atomic(place, encode(openings), mode=0o600)
    except OSError as error:
        raise ToolError(f"cannot keep the openings: {error.strerror}", where=str(directory(root))) from error
    return place


def load(root: Path) -> dict[str, StoredOpening]:
    """Commitment to opening, of every file kept here. Raises ``EvidenceError`` for a damaged one."""
    found: dict[str, StoredOpening] = {}
    for place in sorted(directory(root).glob(f"*{SUFFIX}")):
        found |= {opening.commit: opening for opening in parse(place.read_bytes(), where=str(place))}
    return found
