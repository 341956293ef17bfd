"""What the recorder itself looks with, kept from the beginning: a test may replace any of it, or count its calls.

Invariant: nothing here asks ``os``, ``sys`` or ``threading`` by name when it is called, and none fails where the
working directory is gone.
"""

from __future__ import annotations

import os
import sys
import threading
from gc import collect

__all__ = [
    "SEPARATOR",
    "absolute",
    "active_threads",
    "collect",
    "current_frames",
    "is_absolute",
    "listdir",
    "lstat",
    "real_path",
    "stat",
]

SEPARATOR = os.sep
listdir, lstat, stat = os.listdir, os.lstat, os.stat
is_absolute, real_path = os.path.isabs, os.path.realpath
active_threads = threading.active_count
current_frames = sys._current_frames  # noqa: SLF001 - the documented way
_getcwd, _join, _normal = os.getcwd, os.path.join, os.path.normpath


def absolute(name: str) -> str | None:
    """The absolute form of a path, links left alone; ``None`` for a relative one where there is no directory."""
    if is_absolute(name):
        return _normal(name)
    try:
        return _normal(_join(_getcwd(), name))
    except OSError:
        return None
