"""``maestro run``: the main job, ending in a Decision Card."""

from __future__ import annotations

import datetime as dt
import os
import sys
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import ExitCode
from maestro_hooks.evidence.canonical import encode
from maestro_hooks.pipeline.card import to_json
from maestro_hooks.pipeline.card_text import lines
from maestro_hooks.pipeline.main_job import MainJob, Step
from maestro_hooks.project.files import write_atomic
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.pipeline.card import Card


def add_arguments(parser: ArgumentParser) -> None:
    """``--fresh`` and ``--show``."""
    parser.add_argument(
        "--fresh", action="store_true", help="check, test and build again, even where an earlier result holds"
    )
    parser.add_argument("--show", action="store_true", help="show the output of the tests while they run")


def run(arguments: Namespace) -> ExitCode:
    """0 sealed and verified, 1 the policy is not met, 3 a step failed as a tool, 4 the evidence does not verify."""
    workspace = open_workspace(arguments.root)

    def told(step: Step) -> None:
        if arguments.json:
            return
        mark = "ok  " if step.ok else "FAIL"
        emit({}, [f"{mark} {step.name:<7} {step.seconds:6.1f} s  {step.words}"], as_json=False)
        if step.tail and not step.ok:
            emit({}, [f"     | {line}" for line in step.tail.splitlines()], as_json=False)

    job = MainJob(
        workspace=workspace,
        now=dt.datetime.now(dt.UTC),
        env=os.environ,
        told=told,
        fresh=arguments.fresh,
        show=arguments.show and not arguments.json,
    )
    card = job.run()
    place = workspace.root / ".maestro" / "card.json"
    write_atomic(place, encode(to_json(card)), mode=0o600)
    _tell(job, card, as_json=arguments.json)
    if job.sealed is None:
        return ExitCode.UNMET
    return ExitCode.OK if job.sealed.ok else ExitCode.EVIDENCE_INVALID


def _tell(job: MainJob, card: Card, *, as_json: bool) -> None:
    sealed = job.sealed
    payload = {
        "schema": "maestro.run/1",
        "ok": sealed is not None and sealed.ok,
        "steps": [{"name": s.name, "ok": s.ok, "words": s.words, "seconds": round(s.seconds, 3)} for s in job.steps],
        "obligations": [] if job.decided is None else [msgspec.to_builtins(r) for r in job.decided.decision.records],
        "bundle": None if sealed is None else str(sealed.release.bundle),
        "saved": job.saved,
        "card": to_json(card),
    }
    words = ["", *lines(card)]
    if sealed is not None:
        words += ["", *sealed.words]
    emit(payload, words, as_json=as_json)
    sys.stdout.flush()
