"""What is analysed for a request: the files asked about, and of the rest what they call and what may call them.

Invariant: only files asked about are reported on; another file is read only if it may matter to them.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.requests import SourceFile
from maestro_taint.analysis import Analysis, analyse_tree
from maestro_taint.cache import Store, version
from maestro_taint.frontend.facts import facts_of
from maestro_taint.frontend.index import Index
from maestro_taint.frontend.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from maestro_hooks.requests import CheckRequest
    from maestro_taint.frontend.facts import Facts
    from maestro_taint.models.model import Models

MAX_LOOSE = 5000  # files looked at beside one that lies in no repository
PYTHON = (".py", ".pyi")
SETTLED = 2_000_000_000  # nanoseconds: the coarsest clock of a file system


def run(
    request: CheckRequest,
    chosen: list[SourceFile],
    models: Models,
    *,
    sinks: bool = False,
    bound: int | None = None,
) -> Analysis:
    """Analyse the request; with ``sinks``, say of every sink whether what it gets is constant.

    ``bound`` is that of :func:`maestro_taint.analysis.analyse_tree`.
    """
    asked = {f.path: f for f in chosen}
    store = store_of(request.root)
    if store is not None:
        store.open_facts()
    places = {} if request.whole else _neighbours(request.root)
    paths: dict[str, Callable[[], bytes | None]] = {p: _reading(place) for p, place in places.items()}
    paths.update({path: _given(f) for path, f in asked.items()})
    places.update({path: f.place for path, f in asked.items()})
    index = None if request.whole else Index(_facts(paths, places, store))
    result = analyse_tree(Tree(paths, store), sorted(asked), models, index=index, sinks=sinks, bound=bound)
    if store is not None:
        store.close(paths)
        result.damaged = store.damaged
    result.gaps = [g for g in result.gaps if g.path in asked]
    return result


def store_of(root: Path) -> Store | None:
    """The cache of a repository the host keeps state for; none for files that lie in no repository."""
    state = root / ".maestro"
    if not state.is_dir():
        return None
    return Store(state / "cache" / "taint", version())


def neighbours(request: CheckRequest, asked: set[str]) -> dict[str, bytes]:
    """Python files of the repository that were not asked about but may be imported, all read."""
    found = {path: _reading(place)() for path, place in _neighbours(request.root).items() if path not in asked}
    return {path: data for path, data in found.items() if data is not None}


def beside(root: Path, paths: Iterable[str]) -> list[SourceFile]:
    """Files that were not asked about, in which flows of those end: comments there may accept them."""
    made: list[SourceFile] = []
    for path in sorted(paths):
        data = _reading(root / path)()
        if data is not None:
            made.append(SourceFile(path, root / path, hashlib.sha256(data).hexdigest()))
    return made


def _neighbours(root: Path) -> dict[str, Path]:
    """Python files of the repository, or of the directory where there is none, that may be imported."""
    from maestro_hooks.errors import MaestroError  # noqa: PLC0415 - not needed for a whole tree
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415

    try:
        return {path: place for path, place in Repository(root).files() if path.endswith(PYTHON)}
    except MaestroError:
        return _walked(root)


def _walked(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n[0] != "." and n != "__pycache__")
        for name in sorted(files):
            place = Path(folder, name)
            if name.endswith(PYTHON) and not place.is_symlink():
                found[place.relative_to(root).as_posix()] = place
        if len(found) > MAX_LOOSE:
            break
    return found


def _reading(place: Path) -> Callable[[], bytes | None]:
    def read() -> bytes | None:
        try:
            return place.read_bytes()
        except OSError:
            return None  # it may vanish while we look; it was not asked about

    return read


def _given(file: SourceFile) -> Callable[[], bytes | None]:
    return lambda: file.data


def _facts(
    paths: dict[str, Callable[[], bytes | None]], places: dict[str, Path], store: Store | None
) -> dict[str, Facts]:
    """What is known of each file without parsing it, from the cache where the file is as it was."""
    found: dict[str, Facts] = {}
    for path, read in paths.items():
        try:
            status = places[path].stat()
        except OSError:
            continue
        stamp = (status.st_size, status.st_mtime_ns)
        known = store.fact(path, stamp) if store is not None else None
        if known is None:
            data = read()
            if data is None:
                continue
            known = facts_of(data)
            # A file changed just now may change again within one tick of the clock, and keep its size.
            if store is not None and time.time_ns() - status.st_mtime_ns > SETTLED:
                store.learn(path, stamp, known)
        found[path] = known
    return found
