"""Remove what crashes left in a log's directory: drafts, and partial tiles whose full tile is published.

Invariant: nothing that belongs to a published tree is removed, except partial tiles that their full tile replaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence import tiles

if TYPE_CHECKING:
    from pathlib import PurePath

    from maestro_seal.disk import Disk


def sweep(disk: Disk, size: int) -> int:
    """Sweep a log whose published size is ``size``; return how many drafts and partial tiles went."""
    top = disk.root / "tile"
    filled = [p for p in sorted(top.rglob("*.p")) if _is_filled(p.relative_to(top), size)]
    drafts = list(disk.root.glob(".*.tmp"))
    disk.remove([p.relative_to(disk.root).as_posix() for p in filled])
    for draft in drafts:
        draft.unlink()
    return len(filled) + len(drafts)


def _is_filled(path: PurePath, size: int) -> bool:
    """Whether the full tile beside the directory ``<L>/<N>.p`` lies whole below the published size."""
    kind, *groups = path.parts
    level = 0 if kind == "entries" else int(kind)
    index = int("".join(groups).removesuffix(".p").replace("x", ""))
    return tiles.width_at(level, index, size) == tiles.WIDTH
