"""Credentials of registries, from where docker and podman keep them; never from Maestro's own configuration.

Invariant: a credential leaves this module only inside an ``Authorization`` value for the host it was stored for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from maestro_cas.remote.tier import RemoteError
from maestro_hooks.evidence import canonical

if TYPE_CHECKING:
    from maestro_cas.remote.http import Client
    from maestro_cas.remote.tier import Deadline

_PARAMETER = re.compile(r'([a-zA-Z]+)="([^"]*)"')
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


def basic(host: str) -> str | None:
    """The value ``Basic ...`` for a host, or ``None`` if nothing is stored for it."""
    for path in _files():
        try:
            document: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(document, dict):
            continue
        entry = _mapping(document.get("auths")).get(host)
        if isinstance(entry, dict) and isinstance(entry.get("auth"), str) and entry["auth"]:
            return f"Basic {entry['auth']}"
        helper = _mapping(document.get("credHelpers")).get(host) or document.get("credsStore")
        if isinstance(helper, str) and re.fullmatch(r"[A-Za-z0-9._-]+", helper):
            found = _helped(helper, host)
            if found is not None:
                return found
    return None


def bearer(client: Client, challenge: str, *, host: str, deadline: Deadline) -> str:
    """The value ``Bearer ...`` for a ``WWW-Authenticate`` challenge (docker's token protocol).

    Raises:
        RemoteError: the token is refused, or would have to be fetched in plain text.
    """
    words = dict(_PARAMETER.findall(challenge))
    realm = words.get("realm", "")
    place = urlsplit(realm)
    if place.scheme != "https" and place.hostname not in _LOOPBACK:
        raise RemoteError("wants credentials over plain text", where=host)
    query = urlencode({k: words[k] for k in ("service", "scope") if k in words})
    stored = basic(host)
    headers = {"Authorization": stored} if stored else {}
    answer = client.request("GET", f"{realm}?{query}", headers=headers, deadline=deadline)
    if answer.status != 200:
        raise RemoteError(f"refuses a token ({answer.status})", where=host, fix="log in with docker or podman")
    try:
        body: Any = json.loads(answer.body)
    except ValueError as error:
        raise RemoteError("gives a token that is no JSON", where=host) from error
    token = _mapping(body).get("token") or _mapping(body).get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", token):
        raise RemoteError("gives no token", where=host)
    return f"Bearer {token}"


def may_send(scheme: str, host: str) -> bool:
    """Whether a credential may go there: by TLS, or to this machine."""
    return scheme == "https" or urlsplit(f"//{host}").hostname in _LOOPBACK


def _files() -> list[Path]:
    home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [
        *([Path(os.environ["REGISTRY_AUTH_FILE"])] if os.environ.get("REGISTRY_AUTH_FILE") else []),
        home / "config.json",
        *([Path(runtime) / "containers" / "auth.json"] if runtime else []),
    ]


def _helped(helper: str, host: str) -> str | None:
    with suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"], input=host.encode(), capture_output=True, timeout=10, check=False
        )
        body: Any = json.loads(done.stdout) if done.returncode == 0 else {}
        user, secret = _mapping(body).get("Username"), _mapping(body).get("Secret")
        if isinstance(user, str) and isinstance(secret, str):
            return "Basic " + canonical.base64_encode(f"{user}:{secret}".encode())
    return None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
