"""``maestro init``: write a first policy and make a key, asking nothing and overwriting nothing."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ExitCode
from maestro_hooks.pipeline.building import buildable
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.load import load_policy
from maestro_hooks.policy.starter import starter_policy
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.repository import Repository
from maestro_hooks.project.state import state_directory
from maestro_hooks.render import emit
from maestro_hooks.sealing.signers import find_signer
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """No arguments of its own."""
    parser.epilog = "existing files are left as they are"


def run(arguments: Namespace) -> ExitCode:
    """Prepare the repository around ``--root``; running it twice changes nothing."""
    from maestro_hooks.config import host_settings  # noqa: PLC0415 - msgspec only when needed

    repository = Repository.find(arguments.root)
    root, found = repository.root, find_plugins()
    settings = host_settings(read_configuration(root, found), (f.name for f in found))
    state_directory(root)
    made, kept = [], []
    place = root / settings.policy
    if place.exists():
        load_policy(root, settings.policy)
        kept.append(settings.policy)
    else:
        text = starter_policy(buildable=buildable(root)).encode()
        read_policy(text, where=settings.policy)
        write_atomic(place, text, mode=0o644)
        made.append(settings.policy)
    policy = load_policy(root, settings.policy)
    signer = find_signer(root, now=dt.datetime.now(dt.UTC), env=os.environ, policy=policy)
    payload = {"schema": "maestro.init/1", "ok": True, "root": str(root), "made": made, "kept": kept}
    lines = [f"wrote {name}" for name in made] + [f"kept {name} as it is" for name in kept]
    lines += [*signer.words, "", "next: maestro run"]
    if not repository.head:
        lines.insert(-1, "this repository has no commit yet: git add -A && git commit")
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK
