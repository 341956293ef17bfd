"""The models of a project: those shipped and those it names.

Invariant: a project's models only add; an unreadable or wrong file stops the check with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError
from maestro_taint.models.compile import compiled, shipped

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings


def project_models(root: Path, settings: TaintSettings) -> Models:
    """Shipped models, then the project's files in the order given. Raises ``ConfigError``."""
    files = shipped()
    for name in settings.models:
        try:
            files.append((name, (root / name).read_bytes()))
        except OSError as error:
            raise ConfigError(
                f"cannot read the model file: {error.strerror}", where=name, fix="mend tool.maestro.taint.models"
            ) from error
    models = compiled(files)
    models.names_are_sources = settings.names
    return models
