"""Action records: what an action made, from what, and who says so; canonical JSON inside a DSSE envelope.

Invariant: a record that parses has the key it was asked by, names only outputs below the root, and holds no path that
another of its outputs could redirect. The signed bytes are the parsed bytes.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas.key import key_of
from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, dsse, shape, signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.maestro.action+json"
SCHEMA = "maestro.action/2"
MAX_OUTPUTS = 1_000_000
MAX_BYTES = 256 * 1024 * 1024
_WHERE = "action record"
_TOP = (
    "schema",
    "key",
    "components",
    "created",
    "durationMs",
    "inputs",
    "outputs",
    "log",
    "reads",
    "seen",
    "notify",
    "shared",
)


@dataclass(frozen=True, slots=True, order=True)
class Output:
    """One thing made: ``kind`` ``f`` file, ``l`` link or ``d`` empty directory; ``digest`` or the link's target."""

    path: str
    kind: str
    mode: int = 0
    size: int = 0
    digest: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob by digest and size."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Reads:
    """How undeclared reads were looked for (``none``, ``audit``, ``strace``) and which were found."""

    method: str
    undeclared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A successful action.

    ``seen`` holds its witnesses (see ``reads.witness``); ``shared`` is whether it may leave this machine (it may not
    without a lock).
    """

    key: str
    components: Mapping[str, object]
    created: str
    duration_ms: int
    inputs: Blob
    outputs: tuple[Output, ...]
    log: Blob
    reads: Reads
    seen: Blob
    notify: tuple[str, ...] = ()
    shared: bool = True

    def blobs(self) -> list[Blob]:
        """Every blob the record needs, once each."""
        wanted = {b.digest: b for b in (self.inputs, self.log, self.seen)}
        wanted.update({o.digest: Blob(o.digest, o.size) for o in self.outputs if o.kind == "f"})
        return list(wanted.values())

    @property
    def size(self) -> int:
        """Bytes of output."""
        return sum(o.size for o in self.outputs)


def encode(record: Record) -> bytes:
    """The canonical payload."""
    return canonical.encode(
        {
            "schema": SCHEMA,
            "key": record.key,
            "components": dict(record.components),
            "created": record.created,
            "durationMs": record.duration_ms,
            "inputs": _blob_object(record.inputs),
            "outputs": [_output_object(o) for o in sorted(record.outputs)],
            "log": _blob_object(record.log),
            "reads": {"method": record.reads.method, "undeclared": list(record.reads.undeclared)},
            "seen": _blob_object(record.seen),
            "notify": list(record.notify),
            "shared": record.shared,
        }
    )


def sign(payload: bytes, key: PrivateKey) -> bytes:
    """The envelope, canonical JSON, signed by ``key``."""
    made = dsse.Signature(signature.public_of(key).id, signature.sign(key, dsse.pae(PAYLOAD_TYPE, payload)))
    return canonical.encode(dsse.envelope_object(dsse.Envelope(PAYLOAD_TYPE, payload, (made,))))


def open_envelope(data: bytes) -> dsse.Envelope:
    """Parse an envelope; nothing is verified. Raises ``EvidenceError``."""
    value = canonical.decode(data, canonical=True, where=_WHERE, max_bytes=MAX_BYTES)
    return dsse.parse_envelope(value, where=_WHERE, payload_type=PAYLOAD_TYPE)


def signer_of(envelope: dsse.Envelope, trusted: Iterable[PublicKey]) -> PublicKey | None:
    """The trusted key that signed these bytes; every key is tried, the key id decides nothing."""
    message = envelope.signed_bytes()
    for key in trusted:
        if any(signature.verify(key, s.sig, message) for s in envelope.signatures):
            return key
    return None


def parse(payload: bytes, *, key: str) -> Record:
    """Parse a payload that must be the record of ``key``. Raises ``EvidenceError``."""
    value = canonical.decode(payload, canonical=True, where=_WHERE, max_bytes=MAX_BYTES)
    body = shape.members(value, required=_TOP, where=_WHERE)
    shape.one_of(body["schema"], (SCHEMA,), where=f"{_WHERE} schema")
    components = body["components"]
    if not isinstance(components, dict) or body["key"] != key or key_of(components) != key:
        raise EvidenceError("is about another key than the one asked for", where=_WHERE)
    if not isinstance(body["shared"], bool):
        raise EvidenceError("expected true or false", where=f"{_WHERE} shared")
    reads = shape.members(body["reads"], required=("method", "undeclared"), where=f"{_WHERE} reads")
    outputs = tuple(_parse_output(o) for o in _bounded(body["outputs"]))
    check_layout(outputs)
    shape.time(body["created"], where=f"{_WHERE} created")
    return Record(
        key=key,
        components=components,
        created=shape.text(body["created"], where=_WHERE),
        duration_ms=_natural(body["durationMs"]),
        inputs=_parse_blob(body["inputs"]),
        outputs=outputs,
        log=_parse_blob(body["log"]),
        reads=Reads(
            shape.one_of(reads["method"], ("none", "audit", "strace"), where=f"{_WHERE} method"),
            _texts(reads["undeclared"]),
        ),
        seen=_parse_blob(body["seen"]),
        notify=_texts(body["notify"]),
        shared=body["shared"],
    )


def check_layout(outputs: Iterable[Output]) -> None:
    """Refuse outputs that leave the root, collide, or stand below another output that is no directory.

    Raises:
        EvidenceError: naming the first such path.
    """
    seen: dict[str, Output] = {}
    for output in outputs:
        if output.path in seen:
            raise EvidenceError("two outputs have one path", where=output.path)
        seen[output.path] = output
        check_path(output.path)
        if output.kind == "l":
            landing = posixpath.normpath(posixpath.join(posixpath.dirname(output.path), output.target))
            if output.target.startswith("/") or landing.split("/")[0] == "..":
                raise EvidenceError(f"the link leaves the project: {output.target}", where=output.path)
    for path in seen:
        parent = posixpath.dirname(path)
        while parent:
            if parent in seen:
                raise EvidenceError(f"stands below the output {parent}", where=path)
            parent = posixpath.dirname(parent)


def check_path(path: str) -> None:
    """Refuse a path that is not plainly below the root. Raises ``EvidenceError``."""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts) or parts[0] in (".git", ".maestro"):
        raise EvidenceError("no path an output may have", where=repr(path)[:200])


def _output_object(output: Output) -> dict[str, object]:
    if output.kind == "l":
        return {"path": output.path, "kind": "l", "target": output.target}
    if output.kind == "d":
        return {"path": output.path, "kind": "d", "mode": f"{output.mode:04o}"}
    return {
        "path": output.path, "kind": "f", "mode": f"{output.mode:04o}", "size": output.size, "sha256": output.digest
    }  # fmt: skip


def _parse_output(value: object) -> Output:
    where = f"{_WHERE} output"
    kind = value.get("kind") if isinstance(value, dict) else None
    fields = {"f": ("mode", "size", "sha256"), "l": ("target",), "d": ("mode",)}
    shape.one_of(kind, fields, where=where)
    body = shape.members(value, required=("path", "kind", *fields[str(kind)]), where=where)
    path = shape.text(body["path"], where=where)
    if kind == "l":
        return Output(path, "l", target=shape.text(body["target"], where=where))
    mode = shape.text(body["mode"], where=where)
    if len(mode) != 4 or mode[0] != "0" or not set(mode) <= set("01234567"):
        raise EvidenceError(f"mode {mode!r:.20} is none of 0000 to 0777", where=where)
    if kind == "d":
        return Output(path, "d", mode=int(mode, 8))
    return Output(
        path, "f", mode=int(mode, 8), size=_natural(body["size"]), digest=shape.sha256_hex(body["sha256"], where=where)
    )


def _blob_object(blob: Blob) -> dict[str, object]:
    return {"sha256": blob.digest, "size": blob.size}


def _parse_blob(value: object) -> Blob:
    body = shape.members(value, required=("sha256", "size"), where=f"{_WHERE} blob")
    return Blob(shape.sha256_hex(body["sha256"], where=f"{_WHERE} blob"), _natural(body["size"]))


def _bounded(value: object) -> list[object]:
    items = shape.array(value, where=f"{_WHERE} outputs")
    if len(items) > MAX_OUTPUTS:
        raise EvidenceError(f"more than {MAX_OUTPUTS} outputs", where=_WHERE)
    return items


def _natural(value: object) -> int:
    return shape.integer(value, low=0, high=canonical.MAX_SAFE_INTEGER, where=_WHERE)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(shape.text(item, where=_WHERE) for item in shape.array(value, where=_WHERE))
