"""The thin pytest plugin ``maestro_bloom``: two options, and the recorder before any conftest when it is wanted.

Invariant: without ``--maestro`` this module is all of the plugin that pytest imports.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add to the host's option group."""
    group = parser.getgroup("maestro")
    group.addoption("--maestro-record", choices=("on", "off"), help="record what each test touches (default: on)")
    group.addoption(
        "--maestro-full", action="store_true", help="run all tests in random order, and measure earlier skips"
    )
    parser.addini("maestro_record", "default of --maestro-record: on or off", default="on")


# Before any conftest is imported: what runs at import time is part of the record.
@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the active part if Maestro is switched on."""
    known = early_config.known_args_namespace
    if not early_config.pluginmanager.hasplugin("maestro") or getattr(known, "help", False):
        return
    wanted = known.maestro
    if wanted or (wanted is None and early_config.getini("maestro")):
        from maestro_hooks.integrations.quick import no_collections, own_imports  # noqa: PLC0415 - only when switched on

        with no_collections():
            with own_imports():
                from maestro_bloom.pytest_part import start  # noqa: PLC0415 - as above
            start(early_config)
