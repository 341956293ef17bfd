"""Putting indexes together: the parts of one run by OR, and a run's index over the one it selected with.

Theorems: ``merge`` is commutative and idempotent on filters and monotone, so no order of shards loses a key. After
``update`` the index speaks about the new tree: a test is in it if it was recorded there, or if nothing it holds has
changed since its own recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from maestro_bloom import bloom_filter
from maestro_hooks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from maestro_bloom.index import Audit, FileRow, Filters, Index, InputRow, TestRow
    from maestro_bloom.index_file import Stored

_WORST = ("passed", "skipped", "xfailed", "xpassed", "error", "failed")


def merge(parts: Iterable[tuple[Index, Filters]]) -> tuple[Index, Filters]:
    """One index of many made on the same tree and environment. Raises ``UsageError`` if they were not."""
    found: tuple[Index, Filters] | None = None
    for part in parts:
        found = part if found is None else _pair(found, part)
    if found is None:
        raise UsageError("nothing to merge", fix="name at least one index or shard")
    return found


def _pair(left: tuple[Index, Filters], right: tuple[Index, Filters]) -> tuple[Index, Filters]:
    a, b = left[0], right[0]
    for name in ("salt", "tree", "environment"):
        if getattr(a, name) != getattr(b, name):
            raise UsageError(
                f"the indexes differ in their {name}",
                where=f"runs {a.run} and {b.run}",
                fix="merge parts of one tree in one environment (and one tool.maestro.bloom.salt)",
            )
    filters = dict(left[1])
    for nodeid, own in right[1].items():
        filters[nodeid] = bloom_filter.union(filters[nodeid], own) if nodeid in filters else own
    tests = {row.nodeid: row for row in a.tests}
    for row in b.tests:
        tests[row.nodeid] = _worse(tests[row.nodeid], row) if row.nodeid in tests else row
    made = replace(
        max(a, b, key=lambda index: index.made),
        last_full=max(a.last_full, b.last_full),
        audit=max(a.audit, b.audit, key=lambda audit: audit.runs),
        files=_files(a.files, b.files),
        inputs=tuple(sorted({*a.inputs, *b.inputs})),
        session=tuple(sorted({*a.session, *b.session})),
        everywhere=tuple(sorted({*a.everywhere, *b.everywhere})),
        extensions={**a.extensions, **b.extensions},
        foreign=tuple(sorted({*a.foreign, *b.foreign})),
        tests=tuple(tests[nodeid] for nodeid in sorted(tests)),
    )
    return made, filters


def _worse(left: TestRow, right: TestRow) -> TestRow:
    worst = max(left, right, key=lambda row: _WORST.index(row.outcome) if row.outcome in _WORST else len(_WORST))
    return replace(worst, flags=left.flags | right.flags, keys=max(left.keys, right.keys))


def _files(left: Iterable[FileRow], right: Iterable[FileRow]) -> tuple[FileRow, ...]:
    rows = {row.path: row for row in left}
    for row in right:
        rows[row.path] = _file(rows[row.path], row) if row.path in rows else row
    return tuple(rows[path] for path in sorted(rows))


def _file(old: FileRow, new: FileRow) -> FileRow:
    """``new`` with what ``old`` knows more: runs of blocks that are still the same, names, edges, import-time reads."""
    flags = {(b.qualname, b.n, b.digest): b.flags for b in old.blocks}
    inputs: dict[tuple[str, str], InputRow] = {(row.kind, row.name): row for row in (*old.inputs, *new.inputs)}
    targets = {s.digest: s.targets for s in old.statements if s.targets}
    collected, confirmed = _collected(old, new)
    return replace(
        new,
        wildcard=new.wildcard or (old.wildcard and old.blob == new.blob),
        # A module that was not executed this time does what it was seen to do.
        statements=tuple(
            replace(s, targets=tuple(sorted({*s.targets, *targets[s.digest]}))) if s.digest in targets else s
            for s in new.statements
        ),
        collected=collected,
        confirmed=confirmed,
        blocks=tuple(replace(b, flags=b.flags | flags.get((b.qualname, b.n, b.digest), 0)) for b in new.blocks),
        names=tuple(sorted({*old.names, *new.names})),
        edges=tuple(sorted({*old.edges, *new.edges})),
        inputs=tuple(inputs[key] for key in sorted(inputs)),
        early=old.early or new.early,
    )


def _collected(old: FileRow, new: FileRow) -> tuple[bytes, bool]:
    """What collecting a file found in parts of one run, each of which may have seen it."""
    if old.collected and new.collected and old.collected != new.collected:
        return b"", False
    return new.collected or old.collected, old.confirmed and new.confirmed


def _recollected(old: Index, rows: Iterable[FileRow], *, lasting: Collection[str]) -> tuple[FileRow, ...]:
    """Rows with what is known of their tests: seen anew and compared, or of the files ``lasting`` as it was."""
    before = {row.path: row for row in old.files}
    found = []
    for row in rows:
        earlier = before.get(row.path)
        if row.collected:
            confirmed = earlier is not None and earlier.collected == row.collected
            found.append(replace(row, confirmed=confirmed))
        elif earlier is not None and row.path in lasting:
            found.append(replace(row, collected=earlier.collected, confirmed=earlier.confirmed))
        else:
            found.append(row)
    return tuple(found)


def update(
    old: Stored,
    fresh: tuple[Index, Filters],
    *,
    unaffected: Collection[str],
    gone: Collection[str],
    lasting: Collection[str] = (),
) -> tuple[Index, Filters]:
    """The index after a run: ``unaffected`` are the old tests nothing of which has changed, ``gone`` exist no more.

    ``lasting`` are the files that would be collected as before.
    """
    index, filters = fresh[0], dict(fresh[1])
    before = old.filters()
    tests = {row.nodeid: row for row in index.tests}
    keep = set(unaffected) - set(gone)
    for row in old.index.tests:
        own = before[row.nodeid]
        if row.nodeid not in tests:
            if row.nodeid in keep:
                tests[row.nodeid], filters[row.nodeid] = row, own
        elif row.nodeid in keep and filters[row.nodeid][1] == own[1] and not _full(own):
            # Another order may have shown what this one hid.
            filters[row.nodeid] = (filters[row.nodeid][0] | own[0], own[1])
    paths = {row.path for row in index.files}
    held = {(row.kind, row.name): row for row in old.index.inputs}
    held |= {(row.kind, row.name): row for row in index.inputs}
    made = replace(
        index,
        last_full=max(index.last_full, old.index.last_full),
        audit=max(index.audit, old.index.audit, key=lambda audit: audit.runs),
        files=_recollected(
            old.index,
            _files((replace(r, collected=b"") for r in old.index.files if r.path in paths), index.files),
            lasting=lasting,
        ),
        inputs=tuple(held[key] for key in sorted(held)),
        everywhere=tuple(sorted({*old.index.everywhere, *index.everywhere} & paths)),
        # What is gone or changed made all tests run, so that nothing of the old index is kept.
        extensions={**(old.index.extensions if keep else {}), **index.extensions},
        foreign=tuple(sorted({*old.index.foreign, *index.foreign})),
        tests=tuple(tests[nodeid] for nodeid in sorted(tests)),
    )
    return made, filters


def _full(own: tuple[int, int]) -> bool:
    """Whether nights of ORs have filled a filter so far that it selects too much: then this night's stands alone."""
    return own[0].bit_count() > own[1] * 0.58


def with_audit(index: Index, audit: Audit) -> Index:
    """The index with a later measure of its skips."""
    return replace(index, audit=audit)
