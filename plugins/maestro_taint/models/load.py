"""The models of a project: those shipped and those it names.

Invariant: a project's models only add; an unreadable or wrong file stops the check with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError
from maestro_taint.models.compile import compiled, decode, shipped

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings


def project_models(root: Path, settings: TaintSettings) -> Models:
    """Shipped models, then the project's files in the order given.

    Raises:
        ConfigError: a file is wrong, or names something that is not there.
    """
    files = shipped()
    own = len(files)
    for name in settings.models:
        try:
            files.append((name, (root / name).read_bytes()))
        except OSError as error:
            raise ConfigError(
                f"cannot read the model file: {error.strerror}", where=name, fix="mend tool.maestro.taint.models"
            ) from error
    if len(files) > own:
        from maestro_taint.models.resolving import check, names_in  # noqa: PLC0415 - only for a project with models of its own

        known = {dotted for name, data in files[:own] for _, dotted in names_in(decode(name, data))}
        for name, data in files[own:]:
            check(decode(name, data), name, root, known)
    models = compiled(files)
    models.names_are_sources = settings.names
    return models
