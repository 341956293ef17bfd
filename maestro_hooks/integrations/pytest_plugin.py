"""The pytest plugin ``maestro``: options, ini keys, one mark, and one registration when it is switched on.

Invariant: an idle pytest imports this module and nothing else of Maestro; the rest arrives with ``--maestro``.

A Maestro plugin with pytest options of its own brings them the same way: a thin top-level module under its own
``pytest11`` entry point, which adds to the group ``maestro`` and asks ``config.pluginmanager.has_plugin(SESSION)``.
So the options of an absent plugin do not exist, and this module knows no plugin by name.
"""

from __future__ import annotations

import pytest

SESSION = "maestro-session"
"""The name the active part is registered under with pytest's plugin manager."""

MODES = ("on", "off", "report")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option group ``maestro`` and the ini keys."""
    group = parser.getgroup("maestro", "maestro: outcomes as obligations, justified skips")
    group.addoption(
        "--maestro", dest="maestro", action="store_const", const=True, help="record this run as evidence, skip tests"
    )
    group.addoption(
        "--no-maestro", dest="maestro", action="store_const", const=False, help="do nothing, whatever the ini file says"
    )
    group.addoption(
        "--maestro-select", choices=MODES, help="skip tests a plugin justifies (on), none (off), or only tell (report)"
    )
    group.addoption(
        "--maestro-run", metavar="ID", help="ledger run to join (default: MAESTRO_RUN, else from the git index)"
    )
    group.addoption("--maestro-json", metavar="PATH", help="write the results as one JSON document")
    parser.addini("maestro", "switch Maestro on without --maestro", type="bool", default=False)
    parser.addini("maestro_select", "default of --maestro-select: on, off or report", default="on")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and the active part if asked for."""
    config.addinivalue_line("markers", "maestro_always: never skipped by Maestro's test selection")
    wanted = config.getoption("maestro")
    if wanted or (wanted is None and config.getini("maestro")):
        from maestro_hooks.integrations.quick import no_collections, own_imports  # noqa: PLC0415 - only when switched on

        with no_collections():
            with own_imports():
                from maestro_hooks.integrations.pytest_session import register  # noqa: PLC0415 - as above
            register(config)
    elif wanted is None and (config.getoption("maestro_json") or config.getoption("maestro_run")):
        raise pytest.UsageError("--maestro-json and --maestro-run need --maestro (or 'maestro = true' in the ini file)")
