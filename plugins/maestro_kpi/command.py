"""``maestro kpi``: the board of this work tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace
from maestro_kpi.board import html_page, lines, payload
from maestro_kpi.history import read_history
from maestro_kpi.measures import board

if TYPE_CHECKING:
    from argparse import Namespace


def run(arguments: Namespace) -> ExitCode:
    """0 if no measured value misses its target (what is not measured misses nothing), 1 otherwise."""
    workspace = open_workspace(arguments.root)
    history = read_history(workspace.root, workspace.root / workspace.host.settings.dist)
    measures = board(history)
    if arguments.html:
        sys.stdout.write(html_page(measures, history.unread, title=workspace.root.name))
    else:
        emit(payload(measures, history.unread), lines(measures, history.unread), as_json=arguments.json)
    return ExitCode.UNMET if any(measure.met is False for measure in measures) else ExitCode.OK
