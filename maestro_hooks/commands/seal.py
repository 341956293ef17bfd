"""``maestro seal``: complete what is missing, decide, and write the signed bundle; ``--check`` only decides."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode
from maestro_hooks.pipeline.card import to_json
from maestro_hooks.pipeline.card_text import lines
from maestro_hooks.pipeline.deciding import card_of, decide_tree
from maestro_hooks.pipeline.gathering import check_whole_tree, look_at_tree
from maestro_hooks.pipeline.sealing import seal_and_verify
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """``--check``, ``--artifact``, ``--allow-unfinished``."""
    parser.add_argument("--check", action="store_true", help="decide only: write no bundle (for a pre-push hook)")
    parser.add_argument(
        "--artifact", action="append", type=Path, default=[], metavar="F", help="a further file the bundle speaks about"
    )
    parser.add_argument(
        "--allow-unfinished", action="store_true", help="do not count segments of killed processes as errors"
    )


def run(arguments: Namespace) -> ExitCode:
    """0 sealed (or would be), 1 the policy is not met, 4 the evidence contradicts itself."""
    workspace = open_workspace(arguments.root)
    tree = look_at_tree(workspace)
    check_whole_tree(workspace)
    now = dt.datetime.now(dt.UTC)
    decided = decide_tree(workspace, tree, today=now.date(), allow_unfinished=arguments.allow_unfinished)
    sealed = None
    if decided.decision.met and not arguments.check:
        artifacts = tuple(path.resolve() for path in arguments.artifact)
        sealed = seal_and_verify(workspace, decided, artifacts=artifacts, now=now, env=os.environ)
    card = card_of(workspace, decided, cost=(), proof=None if sealed is None else sealed.proof)
    payload = {
        "schema": "maestro.seal/1",
        "ok": decided.decision.met and (sealed is None or sealed.ok),
        "checked_only": arguments.check,
        "bundle": None if sealed is None else str(sealed.release.bundle),
        "card": to_json(card),
    }
    words = lines(card)
    if decided.decision.met and arguments.check:
        words = ["every required obligation is met (nothing was sealed: --check)"]
    if sealed is not None:
        words += ["", *sealed.words]
    emit(payload, words, as_json=arguments.json)
    if not decided.decision.met:
        return ExitCode.UNMET
    return ExitCode.OK if sealed is None or sealed.ok else ExitCode.EVIDENCE_INVALID
