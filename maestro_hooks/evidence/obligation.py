"""The one data type that crosses every wall: a claim with a bound and what backs it.

Invariant: a value is exact. Floats are refused at construction, so none can reach signed bytes,
and a plugin states a value and a bound, never a verdict.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from fractions import Fraction

    from maestro_hooks.evidence.finding import Finding, Level, Location, Replacement, Suppression

    Number: TypeAlias = bool | int | Decimal | Fraction
    Value: TypeAlias = Number | str

__all__ = [
    "MAX_KEY_BYTES",
    "MAX_TEXT_BYTES",
    "Attachment",
    "Finding",
    "Kind",
    "Level",
    "Location",
    "Number",
    "Obligation",
    "Replacement",
    "Suppression",
    "Value",
    "Verdict",
    "check_key",
]

Kind: TypeAlias = Literal["test", "policy", "sbom", "guard", "invariant", "taint", "bloom", "build"]

MAX_KEY_BYTES = 256
MAX_TEXT_BYTES = 1024


class Verdict(StrEnum):
    """What the host concluded. ``error``: no claim could be produced. ``waived``: unmet, accepted by name."""

    MET = "met"
    UNMET = "unmet"
    ERROR = "error"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that backs a claim (SARIF, JUnit, counterexample); the host stores it by its SHA-256."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """A claim a plugin makes: ``value`` against ``min``/``max`` (or ``allowed`` for text).

    Args:
        key: ``plugin/metric`` or ``plugin/metric/subject``; NFC, at most 256 UTF-8 bytes.
        value: exact; ``Decimal``/``Fraction`` need a ``scale``.
        min: lower bound (inclusive). Only for numbers.
        max: upper bound (inclusive). Only for numbers.
        allowed: for a text value, the texts that meet the claim; empty means "recorded, not bounded".
        scale: numbers are carried as integers, ``q = round(value * scale)``, rounded against the claimant.
        kind: the leaf kind of the manifest (evidence format v3).
        files: the paths the claim speaks about; ``None`` means every file of the request.
        findings: what was found, if anything.
        attachments: files that back the claim.
        private: commit to the value instead of publishing it (needs the zero-knowledge plugin).

    Raises:
        ValueError: for a malformed key, a float, or bounds that do not fit the value.
    """

    key: str
    value: Value
    min: Number | None = None
    max: Number | None = None
    allowed: tuple[str, ...] | list[str] = ()
    scale: int = 1
    kind: Kind = "policy"
    files: tuple[str, ...] | list[str] | None = None
    findings: tuple[Finding, ...] | list[Finding] = ()
    attachments: tuple[Attachment, ...] | list[Attachment] = ()
    private: bool = False

    def __post_init__(self) -> None:
        check_key(self.key)
        # A plugin author naturally passes lists; a frozen value holds tuples.
        for name in ("allowed", "findings", "attachments"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.files is not None:
            object.__setattr__(self, "files", tuple(sorted(set(self.files))))
        _check_value(self)


def check_key(key: str) -> None:
    """Raise ``ValueError`` unless ``key`` is a well-formed obligation key (leaf ``id``, evidence format 4.2)."""
    if not isinstance(key, str) or not 1 <= len(key.encode("utf-8", "surrogatepass")) <= MAX_KEY_BYTES:
        raise ValueError(f"obligation key must be 1 to {MAX_KEY_BYTES} bytes of UTF-8: {key!r}")
    # Printable ASCII, the common case, holds neither; the ledger asks this for every record it reads or writes.
    if not (key.isascii() and key.isprintable()):
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in key):
            raise ValueError(f"obligation key holds a control character or a lone surrogate: {key!r}")
        if unicodedata.normalize("NFC", key) != key:
            raise ValueError(f"obligation key is not in Unicode normal form C: {key!r}")
    parts = key.split("/")
    if len(parts) < 2 or not parts[0] or not parts[1]:
        raise ValueError(f"obligation key must read plugin/metric or plugin/metric/subject: {key!r}")


def _check_value(o: Obligation) -> None:
    if not isinstance(o.scale, int) or isinstance(o.scale, bool) or not 1 <= o.scale <= 10**12:
        raise ValueError(f"{o.key}: scale must be an integer from 1 to 10**12, got {o.scale!r}")
    if isinstance(o.value, str):
        if o.min is not None or o.max is not None or o.scale != 1:
            raise ValueError(f"{o.key}: a text value takes 'allowed', not min, max or scale")
        if len(o.value.encode()) > MAX_TEXT_BYTES:
            raise ValueError(f"{o.key}: a text value holds at most {MAX_TEXT_BYTES} bytes; attach a file instead")
        return
    if o.allowed:
        raise ValueError(f"{o.key}: 'allowed' is for text values; use min and max for numbers")
    for name, number in (("value", o.value), ("min", o.min), ("max", o.max)):
        _check_number(o, name, number)


def _check_number(o: Obligation, name: str, number: Number | None) -> None:
    if number is None:
        return
    if isinstance(number, float) or not (isinstance(number, int | Decimal) or _is_fraction(number)):
        raise ValueError(f"{o.key}: {name} must be bool, int, Decimal or Fraction, got {type(number).__name__}")
    if isinstance(number, Decimal) and not number.is_finite():
        raise ValueError(f"{o.key}: {name} must be finite, got {number}")


def _is_fraction(number: object) -> bool:
    from fractions import Fraction  # noqa: PLC0415 - most claims are integers, and every pytest run makes claims

    return isinstance(number, Fraction)


def __getattr__(name: str) -> object:
    """What findings are made of, for whoever looks for it here: most obligations hold none (PEP 562)."""
    if name not in ("Finding", "Level", "Location", "Replacement", "Suppression"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from maestro_hooks.evidence import finding  # noqa: PLC0415 - as above

    return getattr(finding, name)
