"""Ledger records in, leaf bytes out, by text templates: a release may carry a million of them.

Theorem: ``leaf_bytes(r, salt=s) == canonical.encode(the object of evidence format 4.2)``; the templates only
spare the walk over that object. A property test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import shape
from maestro_hooks.evidence.canonical import quote, salt_encode
from maestro_hooks.evidence.leaf import INPUTS, KINDS, MAX_LEAF_BYTES, MAX_SCALE, check_id, check_rounding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_hooks.evidence.record import Quantity, Record

SALT_SIZE = 16
# A crashed gate must not look like a pass; a waived claim is good only where the policy accepts "warn".
VERDICT_OF = {"met": "pass", "unmet": "fail", "error": "fail", "waived": "warn"}


def leaf_bytes(record: Record, *, salt: bytes, commitments: Mapping[str, str] | None = None) -> bytes:
    """The canonical bytes of one leaf.

    Args:
        record: a ledger record.
        salt: 16 bytes from the operating system, fresh per leaf and per manifest.
        commitments: for private records, key to the 64 hexadecimal digits of the value's commitment.

    Raises:
        EvidenceError: for a private record without a commitment, or a record no leaf can carry.
    """
    if len(salt) != SALT_SIZE:
        raise EvidenceError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}", where=f"leaf {record.key}")
    return LeafWriter(commitments or {}).write(record, salt_encode(salt))


def write_leaves(
    records: Sequence[Record], *, entropy: Callable[[int], bytes], commitments: Mapping[str, str] | None = None
) -> list[bytes]:
    """The leaf bytes of each record, in order; ``entropy(n)`` gives n random bytes (``os.urandom``)."""
    salts = _salt_texts(entropy(SALT_SIZE * len(records)), len(records))
    write = LeafWriter(commitments or {}).write
    return [
        write(record, salts[i : i + 22]) for i, record in zip(range(0, 24 * len(records), 24), records, strict=True)
    ]


def _salt_texts(entropy: bytes, count: int) -> str:
    """All salts in one text, 24 characters apart: two zero bytes after each 16 keep base64 groups aligned."""
    if len(entropy) != SALT_SIZE * count:
        raise EvidenceError("the source of randomness gave too few bytes", where="leaf salts")
    spaced = bytearray(18 * count)
    for byte in range(SALT_SIZE):
        spaced[byte::18] = entropy[byte::SALT_SIZE]
    return _base64url(bytes(spaced))


def _base64url(data: bytes) -> str:
    from base64 import urlsafe_b64encode  # noqa: PLC0415 - the verifier imports this package without writing leaves

    return urlsafe_b64encode(data).decode()


class LeafWriter:
    """Writes leaves, remembering what repeats from record to record: producers, and the inputs of the one before."""

    __slots__ = ("_commitments", "_last_inputs", "_producers")

    def __init__(self, commitments: Mapping[str, str]) -> None:
        self._commitments = commitments
        self._producers: dict[tuple[str, str], str] = {}
        self._last_inputs = ("", "")

    def write(self, record: Record, salt: str) -> bytes:
        """The bytes of one leaf; ``salt`` is 22 characters of base64url."""
        key = check_id(record.key)
        # The hash of an enum member is slow, its comparison is not; most claims are met.
        verdict = "pass" if record.verdict == "met" else _verdict(record)
        crashed = record.verdict == "error"
        # A number may be inside its bound although its producer crashed; such a leaf shows the error alone.
        text = record.error if crashed else record.text
        quantity = None if crashed else record.quantity
        if record.private and not crashed and (quantity is None or key not in self._commitments):
            raise EvidenceError(
                "a private value needs a commitment, and nothing provides one",
                where=f"leaf {key}",
                fix="publish the value (private=False), or enable a plugin that commits to numbers",
            )
        metrics = "" if quantity is None else self._metrics(record, quantity)
        value = "" if text is None else f',"value":{quote(text)}'
        # A digest of findings or of a small report can be guessed, and with it the number that is to be hidden.
        shown = bool(record.evidence) and not (record.private and quantity is not None)
        evidence = f"{self._inputs(record)}{_files(record)}" if shown else self._inputs(record)
        line = (
            f'{{"evidence":[{evidence}],"id":{quote(key)},"kind":{_kind(record)}{metrics},'
            f'"producer":{self._producer(record)},"salt":"{salt}","v":3{value},"verdict":"{verdict}"}}'
        )
        try:
            data = line.encode()
        except UnicodeEncodeError as error:
            raise EvidenceError("a text holds a lone surrogate", where=f"leaf {key!r}") from error
        if len(data) > MAX_LEAF_BYTES:
            raise EvidenceError(f"the leaf has {len(data)} bytes, the limit is {MAX_LEAF_BYTES}", where=f"leaf {key}")
        return data

    def _producer(self, record: Record) -> str:
        name = (record.producer.plugin, record.producer.version)
        found = self._producers.get(name)
        if found is None:
            found = f'{{"plugin":{quote(name[0])},"version":{quote(name[1])}}}'
            self._producers[name] = found
        return found

    def _inputs(self, record: Record) -> str:
        if record.inputs != self._last_inputs[0]:
            self._last_inputs = (record.inputs, _entry(INPUTS, record.inputs, record.key))
        return self._last_inputs[1]

    def _metrics(self, record: Record, quantity: Quantity) -> str:
        parts = record.key.split("/", 2)
        if len(parts) < 2 or not parts[1]:
            raise EvidenceError("a number's key reads plugin/metric or plugin/metric/subject", where=record.key)
        _check_quantity(record.verdict, quantity, record.key)
        low, high = quantity.min, quantity.max
        bounds = "" if high is None else f'"max":"{high}",'
        if low is not None:
            bounds += f'"min":"{low}",'
        if record.private:
            commit = shape.sha256_hex(self._commitments[record.key], where=record.key)
            frame = f'"commit":"{commit}",{bounds}'
        else:
            frame = f'{bounds}"q":"{quantity.q}",'
        return f',"metrics":{{{quote(parts[1])}:{{{frame}"round":"{quantity.round}","scale":{quantity.scale}}}}}'


def _verdict(record: Record) -> str:
    if record.verdict not in VERDICT_OF:
        raise EvidenceError(f"unknown verdict {record.verdict!r:.80}", where=f"leaf {record.key}")
    return VERDICT_OF[record.verdict]


def _check_quantity(verdict: str, quantity: Quantity, where: str) -> None:
    """Refuse what ``parse_leaf`` would refuse: a record edited after its verdict was derived."""
    shape.integer(quantity.scale, low=1, high=MAX_SCALE, where=where)
    q = shape.decimal(quantity.q, where=where)
    low = None if quantity.min is None else shape.decimal(quantity.min, where=where)
    high = None if quantity.max is None else shape.decimal(quantity.max, where=where)
    check_rounding(quantity.round, low=low is not None, high=high is not None, where=where)
    holds = (low is None or q >= low) and (high is None or q <= high)
    if verdict == ("unmet" if holds else "met"):
        raise EvidenceError(f"the verdict {verdict!s} contradicts its number and bounds", where=where)


def _kind(record: Record) -> str:
    if record.kind not in KINDS:
        raise EvidenceError(f"unknown kind {record.kind!r:.80}", where=f"leaf {record.key}")
    return f'"{record.kind}"'


def _files(record: Record) -> str:
    if any(item.name == INPUTS for item in record.evidence):
        raise EvidenceError(f"{INPUTS!r} is the name of the inputs digest", where=f"leaf {record.key}")
    entries = ",".join([_entry(item.name, item.sha256, record.key) for item in dict.fromkeys(record.evidence)])
    return f",{entries}" if record.inputs else entries


def _entry(name: str, sha256: str, key: str) -> str:
    shape.sha256_hex(sha256, where=f"leaf {key} evidence")
    return f'{{"digest":{{"sha256":"{sha256}"}},"name":{quote(name)}}}'
