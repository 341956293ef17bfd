"""At a seal: have a plugin ask a timestamp authority, and keep a token only if a verifier would believe it.

Invariant: a bundle whose trust file demands timestamps is not written without them; else failing to get one is said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence.timestamps import INSTALL, NAME, token_time
from maestro_hooks.evidence.trust import parse_trust
from maestro_hooks.requests import StampRequest

if TYPE_CHECKING:
    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.trust import Trust
    from maestro_hooks.workspace import Workspace


def stamped(workspace: Workspace, bundle: Bundle, trust_file: bytes) -> tuple[Bundle, tuple[str, ...]]:
    """The bundle with the tokens a plugin got for its signature, and warnings.

    Raises:
        ToolError: the trust file demands more timestamps than there are.
    """
    trust = parse_trust(trust_file).trust
    request = StampRequest(root=workspace.root, signature=bundle.envelope.signatures[0].sig)
    results = workspace.host.call("maestro_timestamp", request)
    problems = [str(failure) for failure in results.failures]
    tokens = []
    for plugin, token in results.values:
        if not isinstance(token, bytes):
            problems.append(f"plugin {plugin} answered maestro_timestamp with a {type(token).__name__}")
        elif problem := _not_believed(token, bundle, trust):
            problems.append(problem)
        else:
            tokens.append(token)
    needed = trust.thresholds.get(NAME, 0)
    if len(tokens) < needed:
        words = f"timestamps demanded by the trust file: {needed}, there: {len(tokens)}"
        raise ToolError(
            "; ".join([words, *problems]), fix="set timestamp in [tool.maestro.seal], or mend the authority"
        )
    return replace(bundle, timestamps=tuple(tokens)), tuple(f"no timestamp: {problem}" for problem in problems)


def _not_believed(token: bytes, bundle: Bundle, trust: Trust) -> str | None:
    """Why a verifier with this trust file would reject the token; nothing if it names no authority."""
    if not trust.authorities:
        return None
    try:
        token_time(token, bundle, trust, now=datetime.now(UTC))
    except EvidenceError as error:
        return error.what
    except ImportError:
        return f"the token cannot be checked: {INSTALL}"
    return None
