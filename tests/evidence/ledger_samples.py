"""Records, inputs and segments for the ledger's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence import chain
from maestro_hooks.evidence.inputs import Inputs, digest, encode
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Producer, Record, error_record, record_of
from maestro_hooks.evidence.segment import SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRODUCER = Producer(plugin="p", version="1", hook="maestro_check")
TREE = "f" * 40
FILES = {f"{name}.py": name * 64 for name in "abcd"}


def inputs_of(*names: str, tree: str = "", config: str = "", **changed: str) -> Inputs:
    """Inputs that read the named files of ``FILES``, with some contents changed."""
    files = {f"{name}.py": changed.get(name, name) * 64 for name in names}
    return Inputs(plugin="p", version="1", config=config, files=files or None, tree=tree)


def sha(inputs: Inputs) -> str:
    return digest(encode(inputs))


def record(key: str, value: int, inputs: Inputs) -> Record:
    return record_of(Obligation(key=key, value=value, max=5), producer=PRODUCER, inputs=sha(inputs))


def failure(key: str, inputs: Inputs, words: str = "ValueError") -> Record:
    return error_record(key, producer=PRODUCER, inputs=sha(inputs), error=words)


def write(directory: Path, claims: Iterable[tuple[Record, Inputs]], *, finish: bool = True) -> Path:
    """One segment that holds ``claims``, finished or not."""
    writer = SegmentWriter(directory, run=directory.name, process="test")
    for number, (one, inputs) in enumerate(claims):
        writer.inputs(inputs)
        writer.append(one, {"at": number})
    if finish:
        writer.close()
    else:
        writer.abandon()
    assert writer.path is not None, "no claims, no segment"
    return writer.path


def forged(run: str, bodies: Iterable[tuple[chain.Member, bytes, bytes]], *, header: bytes | None = None) -> bytes:
    """A finished segment with a sound chain over any bodies: what someone who knows the format can make."""
    first = header or msgspec.json.encode({"schema": chain.SCHEMA, "run": run, "process": "", "api": 1, "parent": ""})
    lines, head = [first], chain.first_link(first)
    for member, body, meta in bodies:
        new = chain.link(head, member, body, meta)
        lines.append(chain.frame(head, new, member, body, meta))
        head = new
    lines.append(chain.end_line(len(lines), head))
    return b"".join(line + b"\n" for line in lines)
