"""Source models by content: a source is parsed once, whoever needs it, in whichever run.

Invariant: a model is a function of (content, Python version, schema); the file's name carries the last two, so a
stale or foreign cache is never read. Losing the cache costs time only.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from maestro_bloom.source_parts import SCHEMA, SourceModel
from maestro_hooks.project.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


class Models:
    """Looks models up by content identifier; ``directory`` is ``.maestro/bloom``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, SourceModel] | None = None
        self._used: dict[str, SourceModel] = {}
        self._new = False

    def of(self, blob: str, place: Path) -> SourceModel | None:
        """The model of the file at ``place`` whose content is ``blob``; ``None`` if it cannot be read."""
        model = self._used.get(blob) or self._entries().get(blob)
        if model is None:
            from maestro_bloom.source_model import model_of  # noqa: PLC0415 - only for a source that is new

            try:
                data = place.read_bytes()
            except OSError:
                return None
            model = model_of(data)
            self._new = True
        self._used[blob] = model
        return model

    def _entries(self) -> dict[str, SourceModel]:
        if self._known is None:
            self._known = {}
            # A damaged cache is an empty one: everything in it can be made again.
            with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                self._known = msgspec.msgpack.decode(self._path().read_bytes(), type=dict[str, SourceModel])
        return self._known

    def _path(self) -> Path:
        return self._directory / f"models-{sys.implementation.cache_tag}-{SCHEMA}.cache"

    def save(self) -> None:
        """Keep what was made, if anything was; failure costs the next run its time."""
        if not self._new:
            return
        kept = self._entries() if len(self._entries()) <= 4 * len(self._used) else {}
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # the first run of all keeps its models, too
            write_atomic(self._path(), msgspec.msgpack.encode({**kept, **self._used}), mode=0o600)
        self._new = False
