"""Messages of the Remote Execution API v2 (build.bazel.remote.execution.v2), and an action in its terms.

Invariant: two machines that prepare the same action make the same ``Action`` digest; the key is its salt, so an entry
can only be found by who knows all components.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_cas.record import Blob
from maestro_cas.remote import wire
from maestro_cas.scan import parse_listing

if TYPE_CHECKING:
    from maestro_cas.engine import Prepared
    from maestro_cas.record import Record

RECORD_PATH = ".maestro/action-record"
INPUTS_PATH = ".maestro/inputs"
SEEN_PATH = ".maestro/seen"


@dataclass(slots=True)
class Node:
    """A directory while a tree is built."""

    files: dict[str, tuple[str, Blob]] = field(default_factory=dict)
    directories: dict[str, Node] = field(default_factory=dict)


def blob_of(data: bytes) -> Blob:
    """The blob of a message."""
    return Blob(hashlib.sha256(data).hexdigest(), len(data))


def digest(blob: Blob) -> bytes:
    """``Digest``."""
    return wire.text(1, blob.digest) + wire.number(2, blob.size)


def parse_digest(data: bytes) -> Blob:
    """The inverse of ``digest``."""
    fields = wire.decode(data)
    return Blob(wire.last_bytes(fields, 1).decode("ascii", "replace"), wire.last_int(fields, 2))


def action(prepared: Prepared) -> tuple[Blob, list[bytes]]:
    """The digest of the ``Action``, and the messages a reader may want: ``Action``, ``Command``, ``Directory``s."""
    components = prepared.components
    command = components.get("command") or ["nox", "-s", str(components.get("session", prepared.action.name))]
    words = [str(w) for w in command] if isinstance(command, list) else [str(command)]
    outputs = sorted({p.rstrip("/") for p in prepared.action.outputs.patterns if not p.startswith("!")})
    spoken = b"".join(wire.text(1, w) for w in words) + b"".join(wire.text(7, p) for p in outputs)
    root = Node()
    for path, (kind, size, sha256) in parse_listing(prepared.tree.listing).items():
        node = root
        *above, name = path.split("/")
        for part in above:
            node = node.directories.setdefault(part, Node())
        node.files[name] = (kind, Blob(sha256, size))
    messages: list[bytes] = []
    tree = _directory(root, messages)
    body = wire.message(1, digest(blob_of(spoken))) + wire.message(2, digest(tree)) + wire.text(9, prepared.key)
    return blob_of(body), [body, spoken, *messages]


def _directory(node: Node, messages: list[bytes]) -> Blob:
    data = b""
    for name, (kind, blob) in sorted(node.files.items()):
        entry = wire.text(1, name.encode("utf-8", "surrogateescape")) + wire.message(2, digest(blob))
        data += wire.message(1, entry + wire.number(4, int(kind == "x")))
    for name, below in sorted(node.directories.items()):
        data += wire.message(
            2,
            wire.text(1, name.encode("utf-8", "surrogateescape"))
            + wire.message(2, digest(_directory(below, messages))),
        )
    messages.append(data)
    return blob_of(data)


def action_result(record: Record, envelope: bytes) -> bytes:
    """``ActionResult``: the outputs, our signed record under a reserved path, exit code 0, the log as output."""
    files = [(o.path, Blob(o.digest, o.size), bool(o.mode & 0o100)) for o in record.outputs if o.kind == "f"]
    files += [(RECORD_PATH, blob_of(envelope), False), (INPUTS_PATH, record.inputs, False)]
    files.append((SEEN_PATH, record.seen, False))
    data = b"".join(
        wire.message(2, wire.text(1, path) + wire.message(2, digest(blob)) + wire.number(4, int(executable)))
        for path, blob, executable in sorted(files)
    )
    links = [(o.path, o.target) for o in record.outputs if o.kind == "l"]
    data += wire.message(6, digest(record.log))
    return data + b"".join(
        wire.message(12, wire.text(1, path) + wire.text(2, target)) for path, target in sorted(links)
    )


def record_blob(result: bytes) -> Blob | None:
    """Where an ``ActionResult`` says our record is."""
    for entry in wire.all_bytes(wire.decode(result), 2):
        fields = wire.decode(entry)
        if wire.last_bytes(fields, 1) == RECORD_PATH.encode():
            return parse_digest(wire.last_bytes(fields, 2))
    return None
