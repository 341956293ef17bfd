"""Who may read and write the cache, and where it is: what the hit path needs to know.

Invariant: a pull request never writes a remote, whatever is configured; importing this loads nothing heavy.
"""

from __future__ import annotations

import os
from typing import Literal

from maestro_hooks.errors import ConfigError

Access = Literal["rw", "ro", "off", "refresh"]

DIRECTORY = ".maestro/cas"
UNLOCKED_HOURS = 24
ACCESS_VARIABLE = "MAESTRO_CACHE"
_MODES: tuple[Access, ...] = ("rw", "ro", "off", "refresh")
_PULL_REQUEST_SET = ("CI_MERGE_REQUEST_IID", "CHANGE_ID", "SYSTEM_PULLREQUEST_PULLREQUESTID")


def store_home(root: str, directory: str) -> str:
    """The absolute path of the store."""
    return os.path.normpath(os.path.join(root, os.path.expanduser(directory)))


def in_pull_request() -> bool:
    """Whether a CI system says that this job builds a pull request, whose author need not be trusted."""
    if os.environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return True
    if os.environ.get("BUILDKITE_PULL_REQUEST", "false") != "false":
        return True
    return any(os.environ.get(name) for name in _PULL_REQUEST_SET)


def access_mode() -> Access:
    """``MAESTRO_CACHE``: rw (default), ro, off or refresh.

    Raises:
        ConfigError: another word.
    """
    word = os.environ.get(ACCESS_VARIABLE) or "rw"
    for mode in _MODES:
        if word == mode:
            return mode
    raise ConfigError(f"{word!r} is no cache mode", where=ACCESS_VARIABLE, fix="use rw, ro, off or refresh")
