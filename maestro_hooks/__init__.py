"""Maestro Conductor: the names a plugin author uses, and nothing else.

Importing this package is cheap: every public name is resolved on first use (PEP 562),
so a hook process or an idle pytest pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_hooks.errors import MaestroError
    from maestro_hooks.evidence.obligation import Finding, Obligation, Verdict
    from maestro_hooks.hookspecs import hookimpl
    from maestro_hooks.registry import Registry, Settings
    from maestro_hooks.requests import CheckRequest, SourceFile

__version__ = "0.1.0"

_HOMES = {
    "CheckRequest": "maestro_hooks.requests",
    "Finding": "maestro_hooks.evidence.obligation",
    "MaestroError": "maestro_hooks.errors",
    "Obligation": "maestro_hooks.evidence.obligation",
    "Registry": "maestro_hooks.registry",
    "Settings": "maestro_hooks.registry",
    "SourceFile": "maestro_hooks.requests",
    "Verdict": "maestro_hooks.evidence.obligation",
    "hookimpl": "maestro_hooks.hookspecs",
}

__all__ = [  # noqa: RUF022 - __version__ last, as in the field
    "CheckRequest",
    "Finding",
    "MaestroError",
    "Obligation",
    "Registry",
    "Settings",
    "SourceFile",
    "Verdict",
    "hookimpl",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import a public name from its home module the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
