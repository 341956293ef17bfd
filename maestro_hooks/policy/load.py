"""Find and read the policy of a repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from maestro_hooks.errors import UsageError
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.evaluate import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from maestro_hooks.policy.document import Policy
    from maestro_hooks.project.repository import Repository


def load_policy(root: Path, name: str) -> Policy:
    """The policy file ``name`` below ``root``.

    Raises:
        UsageError: there is none.
        ConfigError: it is wrong.
    """
    place = root / name
    try:
        data = place.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the policy: {error.strerror}",
            where=name,
            fix="run 'maestro init' to write one, then read what it requires",
        ) from error
    return read_policy(data, where=name)


def facts_of(repository: Repository, files: Iterable[str]) -> Facts:
    """What the conditions of rules may ask about this repository and process."""
    environment = "ci" if os.environ.get("CI") else "local"
    return Facts(branch=repository.branch, environment=environment, files=tuple(files))
