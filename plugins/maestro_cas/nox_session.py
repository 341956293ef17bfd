"""The session a cached function gets: it cleans the environment of commands, keeps their output, and watches reads.

Invariant: commands run by ``run`` see declared variables only (except in mode ``trust``); ``install`` sees everything,
because what it may install is what the lock says.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nox.sessions import Session

from maestro_cas.reads import audit
from maestro_cas.running import DEFAULT_PATH, FIXED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nox.sessions import SessionRunner

    from maestro_cas.reads.watching import Watch
    from maestro_cas.tee import Tee

INSTALL_LOG = "install.log"


@dataclass(slots=True)
class Notes:
    """What a session did that the record must say or that forbids storing it."""

    watch: Watch
    tee: Tee
    env: Mapping[str, str] | None
    notify: list[str] = field(default_factory=list)
    refused: str = ""
    hooked: bool = False
    ran: bool = False


class CachedSession(Session):
    """A ``nox.Session`` over the same runner; nox's is the interface, this one listens."""

    __slots__ = ("_notes",)

    def __init__(self, runner: SessionRunner, notes: Notes) -> None:
        super().__init__(runner)
        self._notes = notes

    @property
    def interactive(self) -> bool:
        """As in nox; a session that asks depends on the terminal, so it is not stored."""
        self._notes.refused = self._notes.refused or "the session asks whether it is interactive"
        return super().interactive

    def run(self, *args: Any, env: Mapping[str, str | None] | None = None, **options: Any) -> Any:
        """As in nox, watched, in a clean environment."""
        if args and callable(args[0]):
            self._notes.refused = "session.run was given a function, whose reads cannot be seen"
            return super().run(*args, env=env, **options)
        self._notes.ran = True
        if self._notes.watch.method == "audit":
            self._hook()
        if self._notes.env is not None and options.get("include_outer_env", True):
            options["include_outer_env"] = False
            # The environment's programs come first; not every release of nox sees to that when PATH is given.
            path = os.pathsep.join((*(self.bin_paths or ()), self._notes.env["PATH"]))
            env = {**self._notes.env, "PATH": path, **(env or {})}
        watching = dict(self._notes.watch.env)
        if self._notes.hooked:
            watching.pop("PYTHONPATH", None)  # the environment's own hook is enough
        env = {**(env or {}), **watching}
        if self._notes.watch.prefix:
            if options.get("log", True):
                self.log(shlex.join(map(str, args)))  # as nox would, without the words of the watch
            options["log"] = False
            args = (self._found(str(args[0])), *args[1:])
            args = (*self._notes.watch.prefix, *args)
            options["external"] = True
        if not options.get("silent") and options.get("stdout") is None:
            options["stdout"] = self._notes.tee.descriptor
            options.setdefault("stderr", subprocess.STDOUT)
        return super().run(*args, env=env, **options)

    def _found(self, program: str) -> str:
        """Where nox would find a program: in the environment, else by the caller's ``PATH``."""
        places = os.pathsep.join((*(self.bin_paths or ()), os.environ.get("PATH", DEFAULT_PATH)))
        return shutil.which(program, path=places) or program

    def install(self, *args: str, env: Mapping[str, str | None] | None = None, **options: Any) -> Any:
        """As in nox; what it reads below the project (to build it, or a requirements file) counts as read."""
        return super().install(*args, env=self._watched_install(env), **options)

    def run_install(self, *args: Any, env: Mapping[str, str | None] | None = None, **options: Any) -> Any:
        """As in nox, with the same watch as ``install``."""
        return super().run_install(*args, env=self._watched_install(env), **options)

    def _watched_install(self, env: Mapping[str, str | None] | None) -> dict[str, str | None]:
        if self._notes.watch.method == "none":
            return dict(env or {})
        self._hook()
        return {**(env or {}), audit.VARIABLE: str(self._notes.watch.scratch / INSTALL_LOG)}

    def notify(self, target: Any, posargs: Iterable[str] | None = None) -> None:
        """As in nox; a hit does it again."""
        words = None if posargs is None else list(posargs)
        self._notes.notify.append(json.dumps([str(target), words]))
        super().notify(target, words)

    def _hook(self) -> None:
        """Put the audit hook into the session's own environment, once."""
        if self._notes.hooked:
            return
        location = getattr(self.virtualenv, "location", "")
        if location and self.bin_paths:
            for site_packages in Path(location).glob("lib/python*/site-packages"):
                audit.install_in(site_packages)
                self._notes.hooked = True


def clean_environment(declared: Iterable[str], home: Path) -> dict[str, str]:
    """The variables commands see, besides those nox itself sets for the environment."""
    fixed = {**FIXED, "PATH": DEFAULT_PATH, "HOME": str(home), "TMPDIR": str(home)}
    return {**fixed, **{name: os.environ[name] for name in declared if name in os.environ}}
