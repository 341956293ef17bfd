"""Run git with argument lists, bytes in and out, and errors a user can act on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Hooks run with these set for the outer repository; a question about a path must not inherit the answer.
_REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
TIMEOUT_S = 120


def git(
    root: Path, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None, check: bool = True
) -> bytes:
    """The standard output of ``git arguments`` in ``root``; with ``check=False``, empty bytes on failure.

    Raises:
        UsageError: git is not installed.
        ToolError: git failed or did not answer in ``TIMEOUT_S`` seconds.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _REPOSITORY_VARIABLES}
    # A status must not take locks another git may want, and words must not depend on the locale.
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", fix="install git and run again") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"git {arguments[0]} did not answer in {TIMEOUT_S} s", where=str(root)) from error
    if done.returncode != 0:
        if not check:
            return b""
        words = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise ToolError(f"git {arguments[0]} failed: {words}", where=str(root), fix="repair the repository, then retry")
    return done.stdout
