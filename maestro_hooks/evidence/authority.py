"""Timestamp authorities that a trust file names (RFC 3161): their certificates, and when their word counts.

Invariant: the certificates are pinned byte for byte; what a token brings along is never believed for being there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape

if TYPE_CHECKING:
    from datetime import datetime

_MEMBERS = ("name", "certificates", "validFrom", "validTo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """``certificates`` are X.509 in DER: the one that signs tokens, then its issuers up to the root, which may be it.

    A token counts if its time lies between ``valid_from`` and ``valid_to`` and the certificates were valid then.
    """

    name: str
    certificates: tuple[bytes, ...]
    valid_from: datetime
    valid_to: datetime


def authority_object(authority: Authority) -> dict[str, object]:
    """The JSON object in a trust file."""
    return {
        "name": authority.name,
        "certificates": [canonical.base64_encode(certificate) for certificate in authority.certificates],
        "validFrom": shape.time_text(authority.valid_from),
        "validTo": shape.time_text(authority.valid_to),
    }


def parse_authorities(value: object, *, demanded: int, where: str) -> tuple[Authority, ...]:
    """Parse the list; no two share a certificate that signs, and there are as many as are ``demanded``.

    Raises:
        EvidenceError: otherwise. The certificates are read only when a token is.
    """
    found = tuple(_parse(item, where=where) for item in shape.array(value, where=where))
    if len({authority.certificates[0] for authority in found}) != len(found):
        raise EvidenceError("an authority is listed twice", where=where)
    if len(found) < demanded:
        raise EvidenceError(f"{demanded} are demanded and {len(found)} named", where=where)
    return found


def _parse(value: object, *, where: str) -> Authority:
    body = shape.members(value, required=_MEMBERS, where=where)
    certificates = [
        canonical.base64_decode(item, where=where) for item in shape.array(body["certificates"], where=where)
    ]
    if not certificates:
        raise EvidenceError("an authority has no certificate", where=where)
    return Authority(
        name=shape.text(body["name"], where=where),
        certificates=tuple(certificates),
        valid_from=shape.time(body["validFrom"], where=where),
        valid_to=shape.time(body["validTo"], where=where),
    )
