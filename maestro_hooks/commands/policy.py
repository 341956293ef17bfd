"""``maestro policy``: check the policy file and say in words what it requires."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.config import host_settings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ExitCode
from maestro_hooks.policy.load import load_policy
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit, table
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.policy.document import Rule


def add_arguments(parser: ArgumentParser) -> None:
    """The action: ``check`` (default) or ``export``."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("check", "export"),
        default="check",
        help="check the file and explain it, or print the canonical JSON an auditor gets",
    )


def run(arguments: Namespace) -> ExitCode:
    """0 for a valid policy, 2 with file and place for any other."""
    root, found = Repository.find(arguments.root).root, find_plugins()
    settings = host_settings(read_configuration(root, found), (f.name for f in found))
    policy = load_policy(root, settings.policy)
    exported = policy.exported()
    if arguments.action == "export":
        emit({}, [exported.decode()], as_json=False)
        return ExitCode.OK
    digest = hashlib.sha256(exported).hexdigest()
    rows = [(r.id, r.require, _bounds(r), r.severity, r.why) for r in policy.rules]
    lines = [f"{settings.policy}: {len(policy.rules)} rules, {len(policy.waivers)} waivers, sha256 {digest}", ""]
    lines += table(("rule", "requires", "bound", "severity", "because"), rows)
    lines += [f"waived until {w.expires}: {w.key} by {w.owner}: {w.reason}" for w in policy.waivers]
    payload = {"schema": "maestro.policy-check/1", "ok": True, "digest": digest}
    payload |= {"rules": msgspec.to_builtins(policy.rules), "waivers": msgspec.to_builtins(policy.waivers)}
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK


def _bounds(rule: Rule) -> str:
    parts = [f">= {rule.min}"] if rule.min is not None else []
    parts += [f"<= {rule.max}"] if rule.max is not None else []
    return " and ".join(parts) or "met"
