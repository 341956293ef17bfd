"""The directory ``.maestro`` at the repository root: ours alone, private, ignored by git from its first moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path


def state_directory(root: Path) -> Path:
    """``root/.maestro``, made on first use with a ``.gitignore`` that hides everything in it.

    Raises:
        ToolError: when it cannot be made or is no directory.
    """
    state = root / ".maestro"
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise ToolError(
            f"cannot use the state directory: {error.strerror}", where=str(state), fix="make the directory writable"
        ) from error
    return state
