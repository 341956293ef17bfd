"""The KPI board: what was promised against what was measured, from ledgers and sealed releases alone.

Invariant: a number on the board was computed from records that can be named; where none exist the board says "not
measured" and which records would measure it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Command

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from maestro_hooks.registry import Registry

MAESTRO_API = 1


def add_arguments(parser: ArgumentParser) -> None:
    """``--html``."""
    parser.add_argument("--html", action="store_true", help="print one HTML file with plots that loads nothing")


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the verb."""
    registry.command(
        Command(
            name="kpi",
            help="measured values against their targets, from ledgers and bundles",
            run="maestro_kpi.command:run",
            add_arguments=add_arguments,
        )
    )
