"""``maestro keys new|show|rotate|pin|add-tsa``: the signing keys and the trust file that announces them."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.config import host_settings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.policy.load import load_policy
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.evidence.trust import Trust


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action",
        choices=("new", "show", "rotate", "pin", "add-tsa"),
        help="make, list or replace the keys; pin the policy; trust a timestamp authority",
    )
    parser.add_argument(
        "--certificates", type=Path, metavar="PEM", help="add-tsa: its signing certificate, then the issuers, root last"
    )
    parser.add_argument(
        "--timestamps", type=int, default=0, metavar="N", help="add-tsa: demand N timestamps for each signature (0)"
    )
    parser.add_argument(
        "--no-passphrase", action="store_true", help="store the private keys unencrypted (readable by you alone)"
    )
    parser.add_argument("--with-root", action="store_true", help="rotate: replace the root key too")


def run(args: Namespace) -> ExitCode:
    """Do what ``action`` says, then list the keys of ``trust.json``."""
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415
    from maestro_hooks.render import emit  # noqa: PLC0415
    from maestro_hooks.sealing import keys  # noqa: PLC0415

    now = datetime.now(UTC).replace(microsecond=0)
    warnings: list[str] = []
    root = Repository.find(args.root).root
    if args.action == "show":
        trust = keys.load_trust(root).trust
    else:
        passphrase = _passphrase(args, confirm=args.action == "new")
        if passphrase is None:
            warnings.append("WARNING: the private keys are NOT encrypted; whoever can read .maestro/keys can sign")
        if args.action == "new":
            trust = keys.create(root, now=now, encrypted_with=passphrase, policy=_policy_digest(root))
        elif args.action == "add-tsa":
            trust = _add_authority(args, root, now=now, passphrase=passphrase)
        elif args.action == "pin":
            trust = keys.pin(root, policy=_policy_to_pin(_policy_digest(root)), now=now, passphrase=passphrase)
        else:
            trust = keys.rotate(root, now=now, passphrase=passphrase, with_root=args.with_root)
    path = keys.trust_path(root)
    payload = {"schema": "maestro.keys/1", "ok": True, "warnings": warnings, **_object(trust, str(path), now)}
    emit(payload, [*warnings, *_lines(trust, str(path), now)], as_json=args.json)
    return ExitCode.OK


def _add_authority(args: Namespace, root: Path, *, now: datetime, passphrase: bytes | None) -> Trust:
    from maestro_hooks.sealing import authorities, keys  # noqa: PLC0415

    if args.certificates is None or args.timestamps < 0:
        raise UsageError("which authority?", where="maestro keys add-tsa", fix="give --certificates CHAIN.pem")
    found = authorities.read_authority(args.certificates)
    return keys.add_authority(root, found, demanded=args.timestamps, now=now, passphrase=passphrase)


def _policy_digest(root: Path) -> str | None:
    """The SHA-256 of the exported policy that the configuration of ``root`` names, or ``None`` if it has no policy."""
    found = find_plugins()
    settings = host_settings(read_configuration(root, found), [f.name for f in found])
    if not (root / settings.policy).exists():
        return None
    return hashlib.sha256(load_policy(root, settings.policy).exported()).hexdigest()


def _policy_to_pin(digest: str | None) -> str:
    if digest is None:
        raise UsageError("there is no policy to pin", where="maestro keys", fix="run 'maestro init' to write one")
    return digest


def _passphrase(args: Namespace, *, confirm: bool) -> bytes | None:
    from maestro_hooks.sealing.keys import PASSPHRASE_VARIABLE  # noqa: PLC0415

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if args.no_passphrase:
        if given:
            raise UsageError(
                f"--no-passphrase contradicts {PASSPHRASE_VARIABLE}", where="maestro keys", fix="give one of the two"
            )
        return None
    if given:
        return given.encode()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "the private keys need a passphrase and there is no terminal to ask on",
            where="maestro keys",
            fix=f"set {PASSPHRASE_VARIABLE}, or ask for unencrypted keys with --no-passphrase",
        )
    return _ask(confirm=confirm)


def _ask(*, confirm: bool) -> bytes:
    from getpass import getpass  # noqa: PLC0415 - only on a terminal

    first = getpass("Passphrase for the private keys: ")
    if confirm and getpass("The same again: ") != first:
        raise UsageError("the two passphrases differ", where="maestro keys", fix="run it again")
    if not first:
        raise UsageError("the passphrase is empty", where="maestro keys", fix="or ask for --no-passphrase")
    return first.encode()


def _object(trust: Trust, path: str, now: datetime) -> dict[str, object]:
    from maestro_hooks.evidence.shape import time_text  # noqa: PLC0415

    return {
        "trust": path,
        "version": trust.version,
        "expires": time_text(trust.expires),
        "log": trust.log,
        "keys": [
            {
                "id": key.public.id,
                "name": key.name,
                "alg": key.public.alg,
                "role": key.role,
                "validFrom": time_text(key.valid_from),
                "validTo": time_text(key.valid_to),
                "valid": key.valid_at(now),
            }
            for key in trust.keys
        ],
        "timestamp_authorities": [
            {"name": a.name, "validFrom": time_text(a.valid_from), "validTo": time_text(a.valid_to)}
            for a in trust.authorities
        ],
        "timestamps": trust.thresholds.get("timestamp", 0),
    }


def _lines(trust: Trust, path: str, now: datetime) -> list[str]:
    from maestro_hooks.evidence.shape import time_text  # noqa: PLC0415

    head = f"{path}: version {trust.version}, expires {time_text(trust.expires)}, log: {trust.log}"
    return [
        head,
        *(
            f"  {key.role:<8} {key.name:<12} {key.public.id[:16]}  {key.public.alg:<10}"
            f"  {'valid until' if key.valid_at(now) else 'NOT valid, until'} {time_text(key.valid_to)}"
            for key in trust.keys
        ),
        *(f"  {'tsa':<8} {a.name}  until {time_text(a.valid_to)}" for a in trust.authorities),
        *(f"  timestamps demanded: {count}" for role, count in trust.thresholds.items() if role == "timestamp"),
    ]
