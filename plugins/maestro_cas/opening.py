"""Open the store and the remotes of a project, by its configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from maestro_cas.access import access_mode, store_home
from maestro_cas.settings import CasSettings, may_publish
from maestro_cas.store import StoreError, open_store
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_cas.remote.access import Remotes
    from maestro_cas.store import Store


def read_settings(root: str) -> CasSettings:
    """The validated table ``[tool.maestro.cas]``. Raises ``ConfigError``."""
    from pathlib import Path  # noqa: PLC0415 - only where work is done

    from maestro_hooks.config import plugin_settings, read_layers  # noqa: PLC0415

    layers = read_layers(Path(root), env=os.environ, overrides={}, plugins=("cas",))
    return plugin_settings(layers, "cas", CasSettings)


def open_for(root: str, settings: CasSettings) -> Store:
    """The project's store, made on first use. Raises ``StoreError``."""
    prepare_state(root)
    return open_store(store_home(root, settings.directory))


def prepare_state(root: str) -> None:
    """Make the host's state directory. Raises ``StoreError``."""
    from pathlib import Path  # noqa: PLC0415

    from maestro_hooks.project.state import state_directory  # noqa: PLC0415

    try:
        state_directory(Path(root))
    except ToolError as error:
        raise StoreError(error.what, where=error.where, fix=error.fix) from error


def remotes_of(store: Store, settings: CasSettings, *, root: str, announce: Callable[[str], None]) -> Remotes:
    """The configured remotes; nothing is connected before one is asked."""
    from maestro_cas.remote.access import Remotes  # noqa: PLC0415 - only after a local miss

    return Remotes(store, settings, root=root, publishing=may_publish(settings, access_mode()), announce=announce)
