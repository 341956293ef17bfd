"""Everything one process of Maestro works with: the repository, its configuration, the loaded host, the stores."""

from __future__ import annotations

import os
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from maestro_hooks.config import Layers, read_layers
from maestro_hooks.discovery import Found, find_plugins
from maestro_hooks.evidence.segment import SegmentWriter
from maestro_hooks.host import Host
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.project.repository import Repository
from maestro_hooks.project.state import state_directory
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Workspace(Value, frozen=True):
    """A repository with its host. Make one with :func:`open_workspace`."""

    repository: Repository
    host: Host
    blobs: Blobs

    @property
    def root(self) -> Path:
        """The repository root."""
        return self.repository.root

    @property
    def ledger_directory(self) -> Path:
        """Where ledger runs live."""
        return self.root / ".maestro" / "ledger"

    def run_id(self) -> str:
        """``MAESTRO_RUN``, or the name derived from the index, under which processes of one tree meet."""
        return os.environ.get("MAESTRO_RUN") or self.repository.run_id()

    def writer(self, process: str, *, parent: str | None = None, run: str = "") -> SegmentWriter:
        """A new ledger segment of ``run`` (default: this one), begun at commit ``parent``; no file until a record."""
        state_directory(self.root)
        run = run or self.run_id()
        parent = self.repository.head if parent is None else parent
        return SegmentWriter(self.ledger_directory / run, run=run, process=process, parent=parent)


def open_workspace(start: Path | Repository, *, overrides: Mapping[str, Any] | None = None) -> Workspace:
    """Find the repository around ``start`` (or take the one found), read its configuration and load its plugins.

    Raises:
        UsageError: no repository.
        ConfigError: wrong configuration.
    """
    repository = start if isinstance(start, Repository) else Repository.find(start)
    found = find_plugins()
    layers = read_configuration(repository.root, found, overrides=overrides)
    return Workspace(repository, Host.load(layers, found), Blobs(repository.root))


def read_configuration(root: Path, found: Iterable[Found], *, overrides: Mapping[str, Any] | None = None) -> Layers:
    """The merged configuration layers of a project, given which plugins' tables may exist."""
    names = [f.name for f in found]
    return read_layers(root, env=os.environ, overrides=overrides or {}, plugins=names)


def progress(words: str) -> None:
    """One line of progress on standard error, only where somebody watches."""
    if sys.stderr.isatty() and not os.environ.get("CI"):
        sys.stderr.write(f"\r\x1b[2K{words[: get_terminal_size().columns - 1]}")
        sys.stderr.flush()


def progress_done() -> None:
    """Clear the progress line."""
    progress("")
