"""Results in a Bazel Remote Execution API v2 cache (ContentAddressableStorage, ActionCache, ByteStream) over gRPC.

Invariant: the ``ActionResult`` is updated last, when every blob it names is there; every blob that comes back is
hashed, because a server may serve a flipped one as good.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from maestro_cas.remote import reapi_messages as messages
from maestro_cas.remote import wire
from maestro_cas.remote.tier import RemoteError, TransientError
from maestro_hooks.errors import ConfigError, EvidenceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from maestro_cas.engine import Prepared
    from maestro_cas.record import Blob
    from maestro_cas.remote.tier import Deadline, Offer
    from maestro_cas.store import Store

_API = "/build.bazel.remote.execution.v2"
_BATCH = 4_000_000  # messages above 4 MiB are refused by common servers; the rest is room for digests
_PER_BLOB = 120
_CHUNK = 1 << 20
_AHEAD = 2  # batches under way at once: memory is bounded by as many messages
_MAX_RECORD = 64 * 1024 * 1024
TOKEN_VARIABLE = "MAESTRO_REAPI_TOKEN"  # noqa: S105 - the name of a variable


class ReapiTier:
    """One instance of one server: ``HOST:PORT[/INSTANCE]`` or ``unix:PATH``."""

    def __init__(self, address: str, *, tls: bool) -> None:
        try:
            grpc: Any = importlib.import_module("grpc")  # heavy, an extra, and ships no types
        except ImportError as error:
            raise UnavailableError(
                "grpcio is not installed", fix="pip install maestro-conductor[cas-remote]"
            ) from error
        host, _, instance = (address, "", "") if address.startswith("unix:") else address.partition("/")
        if not host or "@" in host:
            raise ConfigError(f"{address!r:.80} is no HOST:PORT", where="tool.maestro.cas.remotes")
        self._grpc = grpc
        self._host, self._instance = host, instance
        options = [("grpc.max_receive_message_length", 8 * 1024 * 1024), ("grpc.enable_retries", 0)]
        self._channel: Any = (
            grpc.secure_channel(host, grpc.ssl_channel_credentials(), options)
            if tls
            else grpc.insecure_channel(host, options)
        )
        token = os.environ.get(TOKEN_VARIABLE) if tls else None
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    @property
    def name(self) -> str:
        """Its address."""
        return f"reapi {self._host}" + (f"/{self._instance}" if self._instance else "")

    def close(self) -> None:
        """End the channel."""
        self._channel.close()

    def find(self, prepared: Prepared, *, deadline: Deadline) -> bytes | None:
        """The signed record named in the ``ActionResult`` of this action."""
        asked, _ = messages.action(prepared)
        request = wire.text(1, self._instance) + wire.message(2, messages.digest(asked))
        result = self._call("ActionCache/GetActionResult", request, deadline, absent_is_none=True)
        if result is None:
            return None
        blob = messages.record_blob(result)
        if blob is None or not 0 < blob.size <= _MAX_RECORD:
            raise EvidenceError("the result names no record", where=self.name)
        pieces: list[bytes] = []
        self._stream(blob, pieces.append, deadline)
        data = b"".join(pieces)
        if messages.blob_of(data) != blob:
            raise EvidenceError("these are not the bytes asked for", where=self.name)
        return data

    def fetch(self, prepared: Prepared, blobs: Sequence[Blob], store: Store, *, deadline: Deadline) -> None:
        """Bring blobs in: small ones in batches, large ones by ByteStream."""
        del prepared  # content addressing needs no context
        batches = list(_batches([b for b in blobs if b.size <= _BATCH - _PER_BLOB]))
        asked = (
            wire.text(1, self._instance) + b"".join(wire.message(2, messages.digest(b)) for b in batch)
            for batch in batches
        )
        answers = self._calls("ContentAddressableStorage/BatchReadBlobs", asked, deadline)
        for batch, answer in zip(batches, answers, strict=True):
            self._keep_batch(batch, answer, store)
        for blob in blobs:
            if blob.size > _BATCH - _PER_BLOB:
                with store.incoming(blob.digest, blob.size) as incoming:
                    self._stream(blob, incoming.write, deadline)

    def publish(self, offer: Offer, store: Store, *, deadline: Deadline) -> int:
        """Send what is missing, then the ``ActionResult``; the protocol has no place for a provenance of its own."""
        record, envelope = offer.record, offer.envelope
        asked, described = messages.action(offer.prepared)
        own = {messages.blob_of(data): data for data in (*described, envelope)}
        wanted = list({b.digest: b for b in (*own, *record.blobs())}.values())
        missing = self._missing(wanted, deadline)
        small = [b for b in missing if b.size <= _BATCH - _PER_BLOB]
        sent = (self._batch_update([(b, own.get(b) or _stored(store, b)) for b in part]) for part in _batches(small))
        for answer in self._calls("ContentAddressableStorage/BatchUpdateBlobs", sent, deadline):
            for item in wire.all_bytes(wire.decode(answer), 1):
                self._check_status(wire.last_bytes(wire.decode(item), 2))
        for blob in missing:
            if blob.size > _BATCH - _PER_BLOB:
                self._upload(blob, own.get(blob), store, deadline)
        result = messages.action_result(record, envelope)
        request = wire.text(1, self._instance) + wire.message(2, messages.digest(asked)) + wire.message(3, result)
        self._call("ActionCache/UpdateActionResult", request, deadline)
        return sum(b.size for b in missing)

    def _missing(self, blobs: Sequence[Blob], deadline: Deadline) -> list[Blob]:
        found: set[str] = set()
        for start in range(0, len(blobs), 20_000):
            part = blobs[start : start + 20_000]
            request = wire.text(1, self._instance) + b"".join(wire.message(2, messages.digest(b)) for b in part)
            answer = self._call("ContentAddressableStorage/FindMissingBlobs", request, deadline) or b""
            found |= {messages.parse_digest(d).digest for d in wire.all_bytes(wire.decode(answer), 2)}
        return [b for b in blobs if b.digest in found]

    def _batch_update(self, batch: Sequence[tuple[Blob, bytes]]) -> bytes:
        return wire.text(1, self._instance) + b"".join(
            wire.message(2, wire.message(1, messages.digest(blob)) + wire.text(2, data)) for blob, data in batch
        )

    def _keep_batch(self, batch: Sequence[Blob], answer: bytes, store: Store) -> None:
        wanted = {b.digest: b for b in batch}
        for item in wire.all_bytes(wire.decode(answer), 1):
            fields = wire.decode(item)
            self._check_status(wire.last_bytes(fields, 3))
            blob = wanted.pop(messages.parse_digest(wire.last_bytes(fields, 1)).digest, None)
            if blob is None:
                raise EvidenceError("answers with a blob nobody asked for", where=self.name)
            with store.incoming(blob.digest, blob.size) as incoming:
                incoming.write(wire.last_bytes(fields, 2))
        if wanted:
            raise EvidenceError(f"leaves out {len(wanted)} blobs", where=self.name)

    def _stream(self, blob: Blob, sink: Callable[[bytes], None], deadline: Deadline) -> None:
        name = f"{self._instance}/blobs/{blob.digest}/{blob.size}".lstrip("/")
        call = self._channel.unary_stream("/google.bytestream.ByteStream/Read")
        seen = 0
        try:
            # A stream may take as long as it moves; the whole budget bounds it.
            deadline.timeout()
            for answer in call(wire.text(1, name), timeout=deadline.ends - deadline.clock(), metadata=self._metadata):
                piece = wire.last_bytes(wire.decode(answer), 10)
                seen += len(piece)
                if seen > blob.size:
                    raise EvidenceError("sends more bytes than the blob has", where=self.name)
                sink(piece)
        except self._grpc.RpcError as error:
            raise self._trouble(error) from error

    def _upload(self, blob: Blob, data: bytes | None, store: Store, deadline: Deadline) -> None:
        name = f"{self._instance}/uploads/{uuid4()}/blobs/{blob.digest}/{blob.size}".lstrip("/")

        def requests() -> Iterator[bytes]:
            at = 0
            for piece in _pieces(store.blob_path(blob.digest), data):
                last = at + len(piece) == blob.size
                head = wire.text(1, name) if at == 0 else b""
                yield head + wire.number(2, at) + wire.number(3, int(last)) + wire.text(10, piece)
                at += len(piece)

        call = self._channel.stream_unary("/google.bytestream.ByteStream/Write")
        try:
            deadline.timeout()
            call(requests(), timeout=deadline.ends - deadline.clock(), metadata=self._metadata)
        except self._grpc.RpcError as error:
            raise self._trouble(error) from error

    def _call(self, method: str, request: bytes, deadline: Deadline, *, absent_is_none: bool = False) -> bytes | None:
        call = self._channel.unary_unary(f"{_API}.{method}")
        try:
            answer: bytes = call(request, timeout=deadline.timeout(), metadata=self._metadata)
        except self._grpc.RpcError as error:
            if absent_is_none and error.code() == self._grpc.StatusCode.NOT_FOUND:
                return None
            raise self._trouble(error) from error
        return answer

    def _calls(self, method: str, requests: Iterable[bytes], deadline: Deadline) -> Iterator[bytes]:
        """The answers in order; the next request is on its way while the caller works on an answer."""
        call = self._channel.unary_unary(f"{_API}.{method}")
        waiting: deque[Any] = deque()
        try:
            for request in requests:
                waiting.append(call.future(request, timeout=deadline.timeout(), metadata=self._metadata))
                if len(waiting) >= _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except self._grpc.RpcError as error:
            raise self._trouble(error) from error
        finally:
            for one in waiting:
                one.cancel()

    def _trouble(self, error: Any) -> RemoteError:
        code = error.code()
        words = f"answers {code.name}"
        passing = (
            self._grpc.StatusCode.INTERNAL,
            self._grpc.StatusCode.RESOURCE_EXHAUSTED,
            self._grpc.StatusCode.ABORTED,
        )
        return (TransientError if code in passing else RemoteError)(words, where=self.name)

    def _check_status(self, status: bytes) -> None:
        code = wire.last_int(wire.decode(status), 1)
        if code:
            raise RemoteError(f"answers status {code} for a blob", where=self.name)


def _batches(blobs: Sequence[Blob]) -> Iterator[list[Blob]]:
    batch: list[Blob] = []
    size = 0
    for blob in blobs:
        cost = blob.size + _PER_BLOB
        if batch and size + cost > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(blob)
        size += cost
    if batch:
        yield batch


def _stored(store: Store, blob: Blob) -> bytes:
    data = store.get(blob.digest)
    if data is None:
        raise EvidenceError("a blob to be sent is damaged", where=blob.digest)
    return data


def _pieces(path: str, data: bytes | None) -> Iterator[bytes]:
    if data is not None:
        for at in range(0, len(data), _CHUNK):
            yield data[at : at + _CHUNK]
        return
    with open(path, "rb") as stream:
        while piece := stream.read(_CHUNK):
            yield piece
