"""Manifests that refer to another one (distribution spec 1.1): by the referrers API, else by its fallback tag.

Invariant: what is attached is found by any client that follows the specification. The fallback tag is an index that
every writer reads and writes again; registries ignore preconditions, so a lost update is looked for and made good a
few times, and no more is promised.
"""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_cas.remote.packs import is_digest
from maestro_cas.remote.tier import RemoteError
from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from maestro_cas.remote.http import Answer
    from maestro_cas.remote.tier import Deadline

    class Ask(Protocol):
        """How a repository is asked."""

        def __call__(
            self,
            method: str,
            path: str,
            deadline: Deadline,
            *,
            headers: Mapping[str, str] | None = None,
            body: bytes | None = None,
        ) -> Answer:
            """Send one request to the repository."""


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_TRIES = 4
_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest that names another as its subject."""

    digest: str
    size: int
    artifact_type: str
    annotations: Mapping[str, str]


def attach(ask: Ask, subject: bytes, manifest: Mapping[str, Any], *, kind: str, deadline: Deadline) -> int:
    """Put ``manifest`` as a referrer of the manifest ``subject``, tagged ``sha256-<hex>.<kind>``; returns bytes sent.

    Raises:
        RemoteError: the registry refuses it.
    """
    about = hashlib.sha256(subject).hexdigest()
    described = {"mediaType": MANIFEST, "digest": f"sha256:{about}", "size": len(subject)}
    body = canonical.encode({**manifest, "subject": described})
    tag = f"manifests/sha256-{about}.{kind}"
    answer = ask("PUT", tag, deadline, headers={"Content-Type": MANIFEST}, body=body)
    if answer.status != 201:
        raise RemoteError(f"answers {answer.status} to a referrer where 201 was due", where="registry")
    if "oci-subject" in answer.headers:
        return len(body)  # the registry keeps the list itself
    entry = {
        "mediaType": MANIFEST,
        "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "size": len(body),
        "artifactType": manifest["artifactType"],
        "annotations": dict(manifest.get("annotations", {})),
    }
    return len(body) + _merge(ask, about, entry, deadline)


def _merge(ask: Ask, about: str, entry: Mapping[str, Any], deadline: Deadline) -> int:
    """Read the fallback index, add an entry, write it, and see whether it stayed."""
    sent = 0
    for _ in range(_TRIES):
        there = _fallback(ask, about, deadline)
        if any(item.get("digest") == entry["digest"] for item in there):
            return sent
        body = canonical.encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*there, dict(entry)]})
        answer = ask("PUT", f"manifests/sha256-{about}", deadline, headers={"Content-Type": INDEX}, body=body)
        if answer.status != 201:
            raise RemoteError(f"answers {answer.status} to a list of referrers", where="registry")
        sent += len(body)
        time.sleep(random.random() * _WAIT_S if sent > len(body) else 0)  # noqa: S311 - to fall out of step
    return sent


def referrers(ask: Ask, about: str, deadline: Deadline) -> list[Referrer]:
    """What refers to the manifest with the SHA-256 ``about``. Raises ``RemoteError``, ``EvidenceError``."""
    answer = ask("GET", f"referrers/sha256:{about}", deadline, headers={"Accept": INDEX})
    found = _manifests(answer.body) if answer.status == 200 else _fallback(ask, about, deadline)
    return [_referrer(item) for item in found]


def _fallback(ask: Ask, about: str, deadline: Deadline) -> list[dict[str, Any]]:
    answer = ask("GET", f"manifests/sha256-{about}", deadline, headers={"Accept": INDEX})
    if answer.status == 404:
        return []
    if answer.status != 200:
        raise RemoteError(f"answers {answer.status} where a list of referrers was due", where="registry")
    return _manifests(answer.body)


def _manifests(body: bytes) -> list[dict[str, Any]]:
    listed = canonical.decode_object(body, canonical=False, where="list of referrers").get("manifests")
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise EvidenceError("is no index", where="list of referrers")
    return listed


def _referrer(item: Mapping[str, Any]) -> Referrer:
    digest, size = str(item.get("digest", "")).removeprefix("sha256:"), item.get("size")
    if not is_digest(digest) or not isinstance(size, int):
        raise EvidenceError("holds an entry without a proper descriptor", where="list of referrers")
    notes = item.get("annotations")
    pairs = {str(k): str(v) for k, v in notes.items()} if isinstance(notes, dict) else {}
    return Referrer(digest, size, str(item.get("artifactType", "")), pairs)
