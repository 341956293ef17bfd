"""The two settings the hit path needs, read without the configuration machinery (30 ms of imports).

Invariant: this never accepts what the full reader refuses in the keys it reads; whenever work is done after a miss, the
full reader runs and reports every other mistake.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas.access import DIRECTORY, UNLOCKED_HOURS, store_home
from maestro_cas.store import open_store
from maestro_hooks.errors import ConfigError

if TYPE_CHECKING:
    from maestro_cas.store import Store


@dataclass(frozen=True, slots=True)
class Quick:
    """Where the store is, how long an unlocked result holds, and whether there is any remote."""

    directory: str = DIRECTORY
    unlocked_hours: int = UNLOCKED_HOURS
    remotes: bool = False

    def open(self, root: str) -> Store:
        """The project's store; made with the host's state directory on first use."""
        home = store_home(root, self.directory)
        if not os.path.exists(f"{root}/.maestro/.gitignore"):
            from maestro_cas.opening import prepare_state  # noqa: PLC0415 - first use only

            prepare_state(root)
        return open_store(home)


def quick_settings(root: str) -> Quick:
    """Read ``maestro.toml`` or ``[tool.maestro.cas]``; environment variables go through the full reader.

    Raises:
        ConfigError: not TOML, or a value of the wrong type.
    """
    if any(name.startswith("MAESTRO_CAS__") for name in os.environ):
        return _full(root)
    table: object = {}
    for name, path in (("maestro.toml", ("cas",)), ("pyproject.toml", ("tool", "maestro", "cas"))):
        try:
            with open(f"{root}/{name}", "rb") as stream:
                table = tomllib.load(stream)
        except FileNotFoundError:
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"not valid TOML: {error}", where=name, fix="correct the file") from error
        for part in path:
            table = table.get(part, {}) if isinstance(table, dict) else {}
        break
    if not isinstance(table, dict):
        return _full(root)
    directory, hours = table.get("directory", DIRECTORY), table.get("unlocked_hours", UNLOCKED_HOURS)
    if not isinstance(directory, str) or not isinstance(hours, int) or isinstance(hours, bool) or hours < 0:
        return _full(root)
    return Quick(directory, hours, bool(table.get("remotes")))


def _full(root: str) -> Quick:
    from maestro_cas.opening import read_settings  # noqa: PLC0415 - the slow path

    settings = read_settings(root)
    return Quick(settings.directory, settings.unlocked_hours, bool(settings.remotes))
