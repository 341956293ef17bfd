"""The reference page says what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_made_from_this_code() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert module.page() == written, "run 'nox -s sync'"
    for heading in ("## Verbs", "### `[tool.maestro.bloom]`", "`maestro_check`", "`taint-sql`"):
        assert heading in written
