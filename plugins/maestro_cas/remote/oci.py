"""Results in an OCI registry (distribution spec 1.1): a manifest per action, tagged ``ac-<key>``.

Invariant: blobs go before the manifest that names them, and nothing is believed because a registry says it: every
blob is hashed on arrival, and the record inside is signed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from maestro_cas.record import Blob
from maestro_cas.remote import credentials
from maestro_cas.remote.http import Answer, Client
from maestro_cas.remote.packs import PACK_ABOVE, Pack, is_digest, pack_stream, parse_packs, plan_packs, unpack
from maestro_cas.remote.referrers import MANIFEST, Referrer, attach, referrers
from maestro_cas.remote.tier import RemoteError
from maestro_hooks.errors import ConfigError, EvidenceError
from maestro_hooks.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO

    from maestro_cas.engine import Prepared
    from maestro_cas.remote.tier import Deadline, Offer
    from maestro_cas.store import Store

ARTIFACT = "application/vnd.maestro.action.v1+json"
RECORD = "application/vnd.maestro.action.record.v1+json"
BLOB = "application/vnd.maestro.action.blob.v1"
PACK = "application/vnd.maestro.action.pack.v1"
PACKS = "application/vnd.maestro.action.packs.v1+json"
PROVENANCE = "application/vnd.in-toto+json"
PREDICATE = "in-toto.io/predicate-type"
SLSA = "https://slsa.dev/provenance/v1"
EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
MAX_RECORD = 64 * 1024 * 1024


class OciTier:
    """One repository of one registry. ``?mount=OTHER`` names a repository on it to take blobs from."""

    def __init__(self, address: str, *, tls: bool) -> None:
        place, _, query = address.partition("?")
        host, _, repository = place.partition("/")
        if not host or not repository or "@" in host:
            raise ConfigError(f"{place!r:.80} is no HOST/REPOSITORY", where="tool.maestro.cas.remotes")
        self._host, self._repository = host, repository.strip("/")
        self._mount = query.removeprefix("mount=") if query.startswith("mount=") else ""
        self._base = f"{'https' if tls else 'http'}://{host}/v2/"
        self._client = Client()
        self._authorization = ""
        self._manifests: dict[str, list[Mapping[str, Any]]] = {}

    @property
    def name(self) -> str:
        """Its address."""
        return f"oci {self._host}/{self._repository}"

    def close(self) -> None:
        """End connections."""
        self._client.close()

    def find(self, prepared: Prepared, *, deadline: Deadline) -> bytes | None:
        """The envelope in the manifest of this key."""
        answer = self._ask("GET", f"manifests/ac-{prepared.key}", deadline, headers={"Accept": MANIFEST})
        if answer.status == 404:
            return None
        self._expect(answer, 200)
        layers = _layers(answer.body)
        self._manifests[prepared.key] = layers
        record = next((layer for layer in layers if layer["mediaType"] == RECORD), None)
        if record is None or record["size"] > MAX_RECORD:
            raise EvidenceError("the manifest holds no record", where=self.name)
        return self._small(Blob(record["digest"].removeprefix("sha256:"), record["size"]), deadline)

    def fetch(self, prepared: Prepared, blobs: Sequence[Blob], store: Store, *, deadline: Deadline) -> None:
        """Bring blobs in, from packs where they are packed."""
        missing = {b.digest: b for b in blobs}
        layers = self._manifests.get(prepared.key, [])
        index = next((layer for layer in layers if layer["mediaType"] == PACKS), None)
        if index is not None:
            described = Blob(index["digest"].removeprefix("sha256:"), index["size"])
            for pack in parse_packs(self._small(described, deadline)):
                if any(b.digest in missing for b in pack.blobs):
                    self._unpack(pack, missing, store, deadline)
                    missing = {d: b for d, b in missing.items() if not store.has(d, b.size)}
        for blob in missing.values():
            with store.incoming(blob.digest, blob.size) as incoming:
                answer = self._ask("GET", f"blobs/sha256:{blob.digest}", deadline, sink=incoming.write)
                self._expect(answer, 200)

    def publish(self, offer: Offer, store: Store, *, deadline: Deadline) -> int:
        """Send blobs, then the manifest under its tag, then the provenance that refers to it."""
        record, envelope = offer.record, offer.envelope
        sent = self._put_bytes(EMPTY, deadline) + self._put_bytes(envelope, deadline)
        layers = [_descriptor(RECORD, envelope)]
        alone, packs = plan_packs(record.blobs()) if len(record.outputs) > PACK_ABOVE else (record.blobs(), [])
        for blob in alone:
            with open(store.blob_path(blob.digest), "rb") as stream:
                sent += self._put(blob, stream, deadline)
            layers.append({"mediaType": BLOB, "digest": f"sha256:{blob.digest}", "size": blob.size})
        made: list[dict[str, object]] = []
        for pack in packs:
            with pack_stream(store, pack) as (whole, stream):
                sent += self._put(whole, stream, deadline)
            layers.append({"mediaType": PACK, "digest": f"sha256:{whole.digest}", "size": whole.size})
            made.append({"sha256": whole.digest, "size": whole.size, "blobs": [[b.digest, b.size] for b in pack]})
        if made:
            index = canonical.encode({"packs": made})
            sent += self._put_bytes(index, deadline)
            layers.append(_descriptor(PACKS, index))
        manifest = canonical.encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": ARTIFACT,
                "config": _descriptor(EMPTY_TYPE, EMPTY),
                "layers": layers,
            }
        )
        headers = {"Content-Type": MANIFEST}
        self._expect(self._ask("PUT", f"manifests/ac-{record.key}", deadline, headers=headers, body=manifest), 201)
        if offer.provenance:
            sent += self._attach(manifest, offer, deadline)
        return sent + len(manifest)

    def _attach(self, subject: bytes, offer: Offer, deadline: Deadline) -> int:
        """Attach the signed provenance, as an attestation that other people's tools list."""
        sent = self._put_bytes(offer.provenance, deadline)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": PROVENANCE,
            "config": _descriptor(EMPTY_TYPE, EMPTY),
            "layers": [
                {**_descriptor(PROVENANCE, offer.provenance), "annotations": {"in-toto.io/predicate-type": SLSA}}
            ],
            "annotations": {
                "in-toto.io/predicate-type": SLSA,
                "org.opencontainers.image.created": offer.record.created,
            },
        }
        return sent + attach(self._ask, subject, manifest, kind="slsa", deadline=deadline)

    def attached(self, key: str, *, deadline: Deadline) -> list[tuple[Referrer, bytes]]:
        """What refers to the result of ``key``, each with the bytes of its first layer; none if there is no result."""
        answer = self._ask("GET", f"manifests/ac-{key}", deadline, headers={"Accept": MANIFEST})
        if answer.status == 404:
            return []
        self._expect(answer, 200)
        listed = referrers(self._ask, hashlib.sha256(answer.body).hexdigest(), deadline)
        return [(one, self._first_layer(one, deadline)) for one in listed]

    def _first_layer(self, one: Referrer, deadline: Deadline) -> bytes:
        answer = self._ask("GET", f"manifests/sha256:{one.digest}", deadline, headers={"Accept": MANIFEST})
        self._expect(answer, 200)
        if hashlib.sha256(answer.body).hexdigest() != one.digest:
            raise EvidenceError("these are not the bytes asked for", where=f"{self.name} {one.digest[:12]}")
        layers = _layers(answer.body, artifact=one.artifact_type)
        if not layers or layers[0]["size"] > MAX_RECORD:
            return b""
        return self._small(Blob(layers[0]["digest"].removeprefix("sha256:"), layers[0]["size"]), deadline)

    def _unpack(self, pack: Pack, missing: Mapping[str, Blob], store: Store, deadline: Deadline) -> None:
        with unpack(pack, missing, store) as sink:
            answer = self._ask("GET", f"blobs/sha256:{pack.whole.digest}", deadline, sink=sink)
            self._expect(answer, 200)

    def _small(self, blob: Blob, deadline: Deadline) -> bytes:
        pieces: list[bytes] = []
        answer = self._ask("GET", f"blobs/sha256:{blob.digest}", deadline, sink=pieces.append)
        self._expect(answer, 200)
        data = b"".join(pieces)
        if len(data) != blob.size or hashlib.sha256(data).hexdigest() != blob.digest:
            raise EvidenceError("these are not the bytes asked for", where=f"{self.name} {blob.digest[:12]}")
        return data

    def _put_bytes(self, data: bytes, deadline: Deadline) -> int:
        import io  # noqa: PLC0415 - cheap

        return self._put(Blob(hashlib.sha256(data).hexdigest(), len(data)), io.BytesIO(data), deadline)

    def _put(self, blob: Blob, stream: IO[bytes], deadline: Deadline) -> int:
        """Send a blob unless it is there or can be mounted; returns the bytes sent."""
        digest = f"sha256:{blob.digest}"
        there = self._ask("HEAD", f"blobs/{digest}", deadline)
        if there.status == 200:
            return 0
        mount = f"?mount={digest}&from={self._mount}" if self._mount else ""
        begun = self._ask("POST", f"blobs/uploads/{mount}", deadline, headers={"Content-Length": "0"})
        if begun.status == 201:
            return 0
        self._expect(begun, 202)
        location = urljoin(self._url("blobs/uploads/"), begun.headers.get("location", ""))
        if urlsplit(location).netloc != self._host:
            raise RemoteError("sends uploads to another host", where=self.name)
        target = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        self._expect(self._ask("PUT", target, deadline, headers=headers, body=stream), 201)
        return blob.size

    def _ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        url = path if path.startswith(("http://", "https://")) else self._url(path)

        def send() -> Answer:
            mine = {"Authorization": self._authorization} if self._authorization else {}
            return self._client.request(
                method, url, headers={**(headers or {}), **mine}, deadline=deadline, body=body, sink=sink
            )

        answer = send()
        if answer.status == 401:
            self._log_in(answer.headers.get("www-authenticate", ""), deadline)
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            answer = send()
        if answer.status in (401, 403):
            raise RemoteError(f"refuses access ({answer.status})", where=self.name, fix="log in with docker or podman")
        return answer

    def _log_in(self, challenge: str, deadline: Deadline) -> None:
        scheme = urlsplit(self._base).scheme
        if not credentials.may_send(scheme, self._host):
            raise RemoteError("wants credentials over plain text", where=self.name, fix="use oci://, which is TLS")
        if challenge.lower().startswith("bearer"):
            self._authorization = credentials.bearer(self._client, challenge, host=self._host, deadline=deadline)
            return
        stored = credentials.basic(self._host)
        if stored is None:
            raise RemoteError(
                "wants credentials, and none are stored", where=self.name, fix="log in with docker or podman"
            )
        self._authorization = stored

    def _url(self, path: str) -> str:
        return f"{self._base}{self._repository}/{path}"

    def _expect(self, answer: Answer, status: int) -> None:
        if answer.status != status:
            raise RemoteError(f"answers {answer.status} where {status} was due", where=self.name)


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _layers(body: bytes, *, artifact: str = ARTIFACT) -> list[Mapping[str, Any]]:
    document = canonical.decode_object(body, canonical=False, where="manifest")
    layers = document.get("layers")
    if document.get("artifactType") != artifact or not isinstance(layers, list):
        raise EvidenceError("is no manifest of an action", where="manifest")
    for layer in layers:
        if (
            not isinstance(layer, dict)
            or not isinstance(layer.get("mediaType"), str)
            or not isinstance(layer.get("size"), int)
            or not is_digest(str(layer.get("digest", "")).removeprefix("sha256:"))
        ):
            raise EvidenceError("a layer has no proper descriptor", where="manifest")
    return layers
