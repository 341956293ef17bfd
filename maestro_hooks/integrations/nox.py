"""Ready-made nox sessions: ``check``, ``tests``, ``build``, ``seal`` and ``release``.

In a noxfile::

    from maestro_hooks.integrations import nox as maestro

    maestro.sessions()


    @nox.session(venv_backend="maestro")
    @maestro.cached(inputs=["src", "pyproject.toml"], outputs=["dist"], lock="requirements.lock")
    def wheel(session): ...

All sessions of one invocation share one ledger run, because every process derives its name from the same tree.
Importing this module imports nox; nothing else of Maestro does. ``cached`` belongs to the plugin ``cas`` and is loaded
when it is named.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nox

from maestro_hooks.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    cached: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]

# Names plugins offer to noxfiles: loaded by name when first used, so the host imports no plugin.
_OFFERED = {"cached": "maestro_cas.nox_cached"}

NAMES = ("check", "tests", "build", "seal", "release")


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_OFFERED[name]), name)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"maestro.{name} needs a plugin that is not installed: {error.name}") from error


def sessions(
    *,
    names: Sequence[str] = NAMES,
    install: Sequence[str] = ("-e", "."),
    test_install: Sequence[str] = ("pytest",),
    python: str | Sequence[str] | None = None,
) -> None:
    """Register the named sessions with nox.

    Args:
        names: which of ``NAMES`` to register.
        install: what ``pip install`` gets, so that Maestro and the project are in the environment.
        test_install: further requirements of the tests.
        python: interpreters of the ``tests`` session; the others use the one that runs nox.

    Raises:
        ValueError: an unknown name.
    """
    bodies: dict[str, Callable[[nox.Session], None]] = {
        "check": _check,
        "tests": _tests,
        "build": _build,
        "seal": _seal,
        "release": release,
    }
    unknown = sorted(set(names) - set(bodies))
    if unknown:
        raise ValueError(f"unknown sessions: {', '.join(unknown)}; known: {', '.join(NAMES)}")
    for name in names:
        extra = tuple(test_install) if name in ("tests", "seal", "release") else ()
        register = nox.session(name=name, python=python if name == "tests" else None)
        register(_with_install(bodies[name], (*install, *extra)))


def _with_install(body: Callable[[nox.Session], None], requirements: Sequence[str]) -> Callable[[nox.Session], None]:
    def session(session: nox.Session) -> None:
        if requirements:
            session.install(*requirements)
        body(session)

    session.__doc__ = body.__doc__
    return session


def _check(session: nox.Session) -> None:
    """Run every gate over the whole tree."""
    session.run("maestro", "check", *session.posargs)


def _tests(session: nox.Session) -> None:
    """Run the tests and record their outcome in the ledger."""
    session.run("python", "-m", "pytest", "--maestro", *session.posargs)


def _build(session: nox.Session) -> None:
    """Build sdist and wheel from a clean copy of the tree and record their digests."""
    session.run("maestro", "build", *session.posargs)


def _seal(session: nox.Session) -> None:
    """Decide over what the other sessions recorded, and write the signed bundle."""
    session.run("maestro", "seal", *session.posargs)


def release(session: nox.Session, *, env: Mapping[str, str] | None = None) -> None:
    """The whole main job, then the bundle checked once more by itself; fails unless both succeed.

    ``env`` adds settings (``MAESTRO_*``) for a release alone.
    """
    session.run("maestro", "run", *session.posargs, env=env)
    bundles = sorted(Path("dist").glob("*.sigstore.json"), key=lambda p: p.stat().st_mtime)
    if not bundles:
        session.error("maestro run wrote no bundle")
    artifacts = [
        arg for p in sorted(Path("dist").iterdir()) if p.suffix in (".whl", ".gz") for arg in ("--artifact", str(p))
    ]
    session.run("maestro", "verify", str(bundles[-1]), *artifacts)
