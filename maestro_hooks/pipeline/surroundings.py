"""What a child process is handed besides the tree: interpreter, installed distributions, environment variables.

Invariant: two child processes with the same fingerprint start from the same interpreter, the same installations and
the same variables, or the fingerprint is ``""`` and nothing may be reused.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# What a terminal, a login or a parent shell sets anew each time and no test is about.
_OF_THE_TERMINAL = frozenset(
    """
    COLUMNS DISPLAY LINES LS_COLORS MAESTRO_RUN OLDPWD PWD SHLVL STY TERM TERM_PROGRAM TERM_SESSION_ID TMUX TMUX_PANE
    WINDOWID _
    """.split()  # noqa: SIM905 - names in columns read better than one to a line
)
_OF_THE_LOGIN = ("SSH_", "XDG_SESSION_", "DBUS_", "GPG_", "VSCODE_", "ITERM_")


def fingerprint(root: Path) -> str:
    """SHA-256 of the surroundings in hexadecimal; ``""`` if code from outside ``root`` may change unseen."""
    places = [place or "." for place in sys.path]
    if any(not _below(source, root) for source in editable_sources(places)):
        return ""
    parts = (
        f"{sys.implementation.name}-{platform.python_version()} {sys.platform}-{platform.machine()}",
        sys.executable,
        installations_digest(places),
        variables_digest(os.environ),
    )
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def variables_digest(environ: Mapping[str, str]) -> str:
    """SHA-256 over the environment without what belongs to the terminal or the login; holds no value in clear."""
    kept = sorted(
        (name, value)
        for name, value in environ.items()
        if name not in _OF_THE_TERMINAL and not name.startswith(_OF_THE_LOGIN)
    )
    return hashlib.sha256(json.dumps(kept).encode("utf-8", "surrogateescape")).hexdigest()


def installations_digest(search_path: Iterable[str]) -> str:
    """SHA-256 over every ``*.dist-info`` folder and when it was written: installing the same version anew counts."""
    said = sorted(f"{place.name} {place.stat().st_mtime_ns}" for place in _dist_infos(search_path))
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogateescape")).hexdigest()


def editable_sources(search_path: Iterable[str]) -> tuple[str, ...]:
    """The folders that editable installations come from (PEP 610 ``direct_url.json``), sorted."""
    sources = set()
    for place in _dist_infos(search_path):
        try:
            origin = json.loads((place / "direct_url.json").read_bytes())
            if origin.get("dir_info", {}).get("editable"):
                sources.add(url2pathname(urlsplit(origin["url"]).path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, AttributeError, KeyError):
            sources.add("")  # an origin nobody can read may be anywhere
    return tuple(sorted(sources))


def _dist_infos(search_path: Iterable[str]) -> Iterator[Path]:
    for place in dict.fromkeys(search_path):
        try:
            with os.scandir(place) as entries:
                yield from (Path(entry.path) for entry in entries if entry.name.endswith(".dist-info"))
        except OSError:
            continue  # archives and absent folders on the path hold no such folder


def _below(source: str, root: Path) -> bool:
    return bool(source) and Path(source).resolve().is_relative_to(root.resolve())
