"""``maestro cas attached KEY``: what the OCI remotes hold about a result, and whether a trusted writer signed it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from maestro_cas.opening import remotes_of
from maestro_cas.remote.packs import is_digest
from maestro_hooks.errors import ExitCode
from maestro_hooks.render import emit, table

if TYPE_CHECKING:
    from argparse import Namespace

    from maestro_cas.settings import CasSettings
    from maestro_cas.store import Store


def attached(arguments: Namespace, store: Store, settings: CasSettings, root: str) -> ExitCode:
    """List referrers. Raises ``UsageError`` for a beginning of no key, or of several."""
    from maestro_cas.command import chosen  # noqa: PLC0415 - it loads this module

    key = arguments.key if is_digest(arguments.key) else chosen(store, arguments.key).key
    remotes = remotes_of(store, settings, root=root, announce=_say)
    try:
        found = remotes.attached(key)
    finally:
        remotes.close()
    rows = [
        {
            "remote": name,
            "type": one.annotations.get("in-toto.io/predicate-type", one.artifact_type),
            "digest": one.digest,
            "size": one.size,
            "signer": signer,
        }
        for name, one, signer in found
    ]
    cells = [(r["remote"], r["type"], str(r["digest"])[:12], r["signer"] or "nobody trusted") for r in rows]
    lines = table(("remote", "what", "digest", "signed by"), [tuple(map(str, c)) for c in cells])
    nothing = ["nothing is attached" if settings.remotes else "no remotes are configured"]
    emit({"schema": "maestro.cas.attached/1", "ok": True, "key": key, "rows": rows}, lines if rows else nothing,
         as_json=arguments.json)  # fmt: skip
    return ExitCode.OK


def _say(words: str) -> None:
    sys.stderr.write(f"maestro cas: {words}\n")
