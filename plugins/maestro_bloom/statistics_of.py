"""Sizes of an index: what each part of it costs per test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_bloom.index_file import Stored


def statistics_of(stored: Stored, path: Path | None) -> dict[str, object]:
    """Counts and bytes, filters apart from tables."""
    index = stored.index
    tests = len(index.tests)
    filter_bytes = sum(row.bits for row in index.tests) // 8
    size = path.stat().st_size if path is not None else 0
    keys = sorted(row.keys for row in index.tests)
    return {
        "digest": stored.digest,
        "tests": tests,
        "files": len(index.files),
        "blocks": sum(len(row.blocks) for row in index.files),
        "inputs": len(index.inputs),
        "keys_per_test_median": keys[tests // 2] if tests else 0,
        "keys_per_test_max": keys[-1] if tests else 0,
        "filter_bytes": filter_bytes,
        "filter_bytes_per_test": filter_bytes // tests if tests else 0,
        "file_bytes": size,
        "file_bytes_per_test": size // tests if tests else 0,
        "opaque_tests": sum(1 for row in index.tests if row.flags & 1),
        "full_runs_measured": index.audit.runs,
        "skips_measured": index.audit.skippable,
        "false_skips": index.audit.false_skips,
    }
