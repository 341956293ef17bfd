"""A project with a store, an action over it, and ways to run it: what one developer or CI job has."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_cas import engine
from maestro_cas.engine import Action, Hit, Miss, Mode, Prepared, Run
from maestro_cas.globs import compile_globs
from maestro_cas.record import Reads
from maestro_cas.remote.access import Remotes
from maestro_cas.settings import CasSettings
from maestro_cas.store import Store, open_store

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Machine:
    """A project directory with a store of its own: what one developer or CI job has."""

    root: Path
    settings: CasSettings = field(default_factory=CasSettings)
    inputs: tuple[str, ...] = ("src",)
    outputs: tuple[str, ...] = ("out/",)
    mode: Mode = "observe"
    words: list[str] = field(default_factory=list)
    max_age_s: int | None = None
    opened: list[Remotes] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return open_store(str(self.root / ".maestro" / "cas"))

    def action(self, **components: object) -> Action:
        return Action(
            name="build",
            root=str(self.root),
            inputs=compile_globs(self.inputs, where="inputs"),
            outputs=compile_globs(self.outputs, where="outputs"),
            components={"command": ["make"], **components},
            mode=self.mode,
            max_age_s=self.max_age_s,
        )

    def prepare(self, **components: object) -> Prepared:
        return engine.prepare(self.store, self.action(**components))

    def remotes(self) -> Remotes:
        made = Remotes(
            self.store,
            self.settings,
            root=str(self.root),
            publishing=self.settings.publish,
            announce=self.words.append,
        )
        self.opened.append(made)
        return made

    def close(self) -> None:
        """End connections to remotes."""
        while self.opened:
            self.opened.pop().close()

    def look_up(self, prepared: Prepared | None = None) -> Hit | Miss:
        remotes = self.remotes if self.settings.remotes else None
        try:
            return engine.look_up(self.store, prepared or self.prepare(), remotes)
        finally:
            self.close()

    def build(self) -> None:
        """The "compiler": out/ holds each source twice."""
        out = self.root / "out"
        out.mkdir(exist_ok=True)
        for source in sorted((self.root / "src").rglob("*")):
            if source.is_file():
                (out / source.name).write_bytes(source.read_bytes() * 2)

    def run(self, prepared: Prepared | None = None, reads: Reads | None = None) -> str:
        """Build and store; returns why it was not stored."""
        ready = prepared or self.prepare()
        self.build()
        result = Run(
            duration_ms=1000, log=b"built\n", reads=reads or Reads("audit"), witnesses=b"p a 0 - optional.cfg\n"
        )
        try:
            return engine.store_run(self.store, ready, result, remotes=self.remotes, now=time.time())
        finally:
            self.close()

    def clear(self) -> None:
        """Remove the outputs."""
        for path in sorted((self.root / "out").rglob("*"), reverse=True):
            path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()

    def result(self) -> dict[str, bytes]:
        """The outputs as they stand."""
        out = self.root / "out"
        return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def age(root: Path, seconds: int = 60) -> None:
    """Make files old enough for the stat cache to trust (it cannot see an edit within a clock tick)."""
    then = time.time() - seconds
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (then, then))
