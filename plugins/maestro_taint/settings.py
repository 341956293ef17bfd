"""The table ``[tool.maestro.taint]``.

Invariant: every field has a bound or a closed set of values; an unknown key is refused by the host.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from maestro_hooks.registry import Settings


class TaintSettings(Settings, frozen=True, kw_only=True):
    """How the taint gate works in a project."""

    models: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ("test_*.py", "*_test.py", "conftest.py", "tests/*", "*/tests/*")
    test_level: Literal["error", "warning", "note", "off"] = "note"
    levels: dict[str, Literal["error", "warning", "note", "off"]] = {}  # noqa: RUF012 - msgspec copies defaults
    block: Literal["error", "warning", "note"] = "error"
    names: bool = True
    bandit: Literal["auto", "always", "never"] = "auto"
    baseline: str = ".maestro-taint-baseline.json"
    callers: Literal["bounded", "all"] = "bounded"
    redactor: str = ""
    hosts: tuple[str, ...] = ()
    fix_tests: tuple[str, ...] = ()
    propose: Annotated[int, Meta(ge=0)] | None = None
