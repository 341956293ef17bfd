"""A nox environment that is made when it is first needed, so that a cache hit makes none.

Invariant: whatever asks for the environment's programs, or whether it was reused, finds it made; the backend's own
name is a real one, so nox treats it as it treats any.
"""

from __future__ import annotations

import functools
from typing import Any

from nox import virtualenv

NAMES = {"maestro": "virtualenv", "maestro-uv": "uv", "maestro-venv": "venv"}


class LazyEnv(virtualenv.VirtualEnv):
    """A ``VirtualEnv`` whose ``create`` waits; used only where the noxfile asks for it."""

    _built = False
    _made = False
    _was_reused = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # older releases of nox ask for bin_paths in here
        self._built = True

    def create(self) -> bool:
        """Do nothing yet. Says "new", as nox's own does for an environment it makes."""
        return True

    def make(self) -> None:
        """Make the environment now, once."""
        if not self._made:
            self._made = True  # first: the real method asks for bin_paths itself
            super().create()

    @property
    def made(self) -> bool:
        """Whether it exists by now."""
        return self._made

    @property
    def bin_paths(self) -> list[str]:
        """Where the environment's programs are; makes it."""
        if self._built:
            self.make()
        return super().bin_paths

    @property
    def _reused(self) -> bool:
        """Nox asks this before ``--no-install``, so it must be true only of an environment that is there."""
        self.make()
        return self._was_reused

    @_reused.setter
    def _reused(self, value: bool) -> None:
        self._was_reused = value


def register() -> None:
    """Teach nox the backends ``maestro``, ``maestro-uv`` and ``maestro-venv``; doing it twice changes nothing."""
    for name, real in NAMES.items():
        virtualenv.ALL_VENVS[name] = functools.partial(LazyEnv, venv_backend=real)
