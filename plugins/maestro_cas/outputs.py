"""Outputs on disk: take them into the store after a run, put them back on a hit.

Invariant: after ``restore`` the declared outputs are exactly those of the record, whatever stood there before; every
byte was hashed on its way out of the store. A blob that is missing or damaged makes it a miss, never a partial hit.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas.aside import absent_outputs, note_made
from maestro_cas.globs import compile_globs
from maestro_cas.record import Output, check_layout
from maestro_cas.scan import parse_listing, present, walk
from maestro_hooks.errors import ConfigError, ToolError

if TYPE_CHECKING:
    from maestro_cas.globs import Globs
    from maestro_cas.record import Record
    from maestro_cas.scan import Walked
    from maestro_cas.stat_cache import StatCache
    from maestro_cas.store import Store

_FICLONE = 0x40049409  # linux/fs.h: share the extents of another file
_NO_CLONE = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: files and bytes written, files that already stood right, strays removed."""

    files: int = 0
    size: int = 0
    kept: int = 0
    removed: int = 0


def collect(root: str, globs: Globs, store: Store) -> tuple[Output, ...]:
    """Store every declared output.

    Raises:
        ToolError: a pattern matches nothing, an output is no file or link, changed meanwhile, or the disk is full.
        EvidenceError: a link leaves the project.
    """
    walked = walk(root, globs, prune=False, empty=True)
    for pattern in globs.patterns:
        if not pattern.startswith("!") and not any(
            map(compile_globs((pattern,), where="outputs").matches, walked.paths)
        ):
            raise ToolError("a declared output was not made", where=pattern, fix="correct 'outputs', or make it")
    outputs = []
    for i, path in enumerate(walked.paths):
        mode, size, mtime_ns = walked.stats[6 * i : 6 * i + 3]
        if stat.S_ISLNK(mode):
            outputs.append(Output(path, "l", target=os.readlink(f"{root}/{path}")))
            continue
        if stat.S_ISDIR(mode):
            outputs.append(Output(path, "d", mode=stat.S_IMODE(mode) & 0o777))
            continue
        if not stat.S_ISREG(mode):
            raise ToolError("an output is no file, directory or link", where=path)
        try:
            digest, stored = store.put_file(f"{root}/{path}")
            after = os.lstat(f"{root}/{path}")
        except OSError as error:
            raise ToolError(f"cannot read an output: {error.strerror}", where=path) from error
        if stored != size or (after.st_size, after.st_mtime_ns) != (size, mtime_ns):
            raise ToolError("an output changed while it was stored", where=path, fix="end all processes that write it")
        outputs.append(Output(path, "f", mode=stat.S_IMODE(mode) & 0o777, size=stored, digest=digest))
    check_layout(outputs)
    return tuple(sorted(outputs))


def restore(
    store: Store, record: Record, root: str, *, globs: Globs, cache: StatCache, read_only: bool = False
) -> Restored | str:
    """Make the declared outputs those of ``record``; a text says why that cannot be done (a miss).

    Raises:
        ToolError: the work tree cannot be written.
    """
    strange = next((o.path for o in record.outputs if not globs.matches(o.path)), None)
    if strange is not None:
        return f"the record holds {strange}, which is no declared output"
    tree, walked = present(root, globs, cache)
    there = parse_listing(tree.listing)
    wanted = [o for o in record.outputs if there.get(o.path) != _as_listed(o)]
    for output in wanted:
        if output.kind == "f" and not store.has(output.digest, output.size):
            return f"the content of {output.path} is not in the store"
    absent = absent_outputs(root, globs) if wanted else []
    strays = sorted(set(there) - {o.path for o in record.outputs}, reverse=True)
    try:
        for path in strays:
            _remove_stray(root, path, globs)
        for output in wanted:
            _parents(root, output.path)
            if not _write(store, output, root, read_only=read_only):
                return f"the content of {output.path} was damaged"
        note_made(root, absent)
        if not read_only:  # a hard link shares its mode with the store
            _mend_modes(root, record, walked, written={o.path for o in wanted})
    except OSError as error:
        raise ToolError(
            f"cannot restore an output: {error.strerror}",
            where=str(error.filename),
            fix="free space or mend permissions",
        ) from error
    size = sum(o.size for o in wanted)
    return Restored(len(wanted), size, len(record.outputs) - len(wanted), len(strays))


def _remove_stray(root: str, path: str, globs: Globs) -> None:
    """Remove what is no output of the record, and the output directories that are empty without it."""
    place = f"{root}/{path}"
    if os.path.isdir(place) and not os.path.islink(place):
        os.rmdir(place)
    else:
        os.unlink(place)
    above = os.path.dirname(path)
    while above and globs.matches(above):
        try:
            os.rmdir(f"{root}/{above}")
        except OSError:  # not empty
            return
        above = os.path.dirname(above)


def _mend_modes(root: str, record: Record, walked: Walked, *, written: set[str]) -> None:
    """Give files that stood right in content the mode they had."""
    numbers = walked.by_path()
    for output in record.outputs:
        if output.kind != "l" and output.path not in written and numbers[output.path][0] & 0o777 != output.mode:
            os.chmod(f"{root}/{output.path}", output.mode)


def _as_listed(output: Output) -> tuple[str, int, str]:
    if output.kind == "l":
        target = os.fsencode(output.target)
        return "l", len(target), hashlib.sha256(target).hexdigest()
    if output.kind == "d":
        return "d", 0, "-"
    return "x" if output.mode & 0o100 else "f", output.size, output.digest


def _parents(root: str, path: str) -> None:
    """Make the directories above an output; one that is a link could lead anywhere."""
    place = root
    for part in path.split("/")[:-1]:
        place = f"{place}/{part}"
        try:
            if stat.S_ISDIR(os.lstat(place).st_mode):
                continue
        except FileNotFoundError:
            os.mkdir(place)
            continue
        raise ToolError("stands where an output's directory must be", where=place, fix="move it away")


def _write(store: Store, output: Output, root: str, *, read_only: bool) -> bool:
    place = f"{root}/{output.path}"
    if output.kind == "d":
        with suppress(FileNotFoundError):
            os.unlink(place)
        os.mkdir(place)
        os.chmod(place, output.mode)
        return True
    draft = f"{os.path.dirname(place)}/.maestro-{os.urandom(6).hex()}"
    try:
        if output.kind == "l":
            os.symlink(output.target, draft)
        elif not _content(store, output, draft, read_only=read_only):
            return False
        if os.path.isdir(place) and not os.path.islink(place):
            os.rmdir(place)
        os.replace(draft, place)
    finally:
        with suppress(OSError):
            os.unlink(draft)
    return True


def _content(store: Store, output: Output, draft: str, *, read_only: bool) -> bool:
    """Write a blob's verified bytes to ``draft``: a hard link for read-only outputs, shared extents, or a copy."""
    blob = store.blob_path(output.digest)
    link = read_only and not output.mode & 0o111
    digest = hashlib.sha256()
    try:
        with open(blob, "rb") as source:
            if link:
                digest = hashlib.file_digest(source, "sha256")
            else:
                with open(draft, "xb") as target:
                    cloned = _clone(source.fileno(), target.fileno())
                    while piece := source.read(1 << 20):
                        digest.update(piece)
                        if not cloned:
                            target.write(piece)
                    os.fchmod(target.fileno(), output.mode)
    except FileNotFoundError:
        return False
    if digest.hexdigest() != output.digest:
        store.quarantine(blob)
        return False
    if link:
        try:
            os.link(blob, draft)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            return _content(store, output, draft, read_only=False)
    return True


def _clone(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        return False
    return True


def check_disjoint(inputs: Globs, outputs: Globs) -> None:
    """Refuse outputs that are inputs by name. Raises ``ConfigError``."""
    for pattern in outputs.patterns:
        if pattern in inputs.patterns:
            raise ConfigError("is both an input and an output", where=pattern, fix="name what is made apart")
