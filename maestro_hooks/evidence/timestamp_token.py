"""Read one RFC 3161 token and say when its authority saw a message.

Theorem: a time is returned only if the pinned certificate's key signed it over this message, and the certificate chain
was valid then and for timestamping. Every byte is signed or compared with what it must be: no changed bit is accepted.

Signature, chain, key usage and imprint are checked by ``rfc3161_client`` (OpenSSL below). It does not look at the parts
of CMS that no signature covers (RFC 5652, 5.3); these are compared here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

_WHERE = "timestamp"
_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo: granted, no text
_VERSION_3, _VERSION_1 = bytes.fromhex("020103"), bytes.fromhex("020101")
_CERTIFICATES = 0xA0
_RSA = "2a864886f70d0101"  # 1.2.840.113549.1.1
_ECDSA = "2a8648ce3d0403"  # 1.2.840.10045.4.3
# Object identifiers: a digest of SHA-2, and what may stand beside it as the signature's algorithm.
_SIGNED_WITH = {
    "608648016503040201": (f"{_RSA}01", f"{_RSA}0b", f"{_ECDSA}02"),
    "608648016503040202": (f"{_RSA}01", f"{_RSA}0c", f"{_ECDSA}03"),
    "608648016503040203": (f"{_RSA}01", f"{_RSA}0d", f"{_ECDSA}04"),
}


def stamped_at(token: bytes, message: bytes, certificates: Sequence[bytes]) -> datetime:
    """The time in ``token`` (a ``TimeStampResp`` in DER) over ``message``, by the holder of ``certificates[0]``.

    Raises:
        EvidenceError: the token does not prove it.
        ImportError: ``rfc3161_client`` is not installed.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415

    leaf, *issuers = (_certificate(certificate) for certificate in certificates)
    roots, between = (issuers[-1:], issuers[:-1]) if issuers else ([leaf], [])
    verifier = VerifierBuilder(tsa_certificate=leaf, intermediates=between, roots=roots).build()
    try:
        response = decode_timestamp_response(token)
        if response.as_bytes() != token:
            raise EvidenceError("the token is not in DER", where=_WHERE)
        if not {bytes(certificate) for certificate in response.signed_data.certificates} <= {*certificates}:
            raise EvidenceError("the token brings a certificate that is not pinned", where=_WHERE)
        verifier.verify_message(response, message)
        _check_frame(token, leaf)
        moment = response.tst_info.gen_time
    except (ValueError, VerificationError) as error:
        raise EvidenceError(_words(error), where=_WHERE) from error
    return moment


def _certificate(der: bytes) -> Certificate:
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate  # noqa: PLC0415 - only for tokens

    try:
        return load_der_x509_certificate(der)
    except (ValueError, InvalidVersion) as error:
        raise EvidenceError("a pinned certificate is no X.509 in DER", where=_WHERE) from error


def _words(error: Exception) -> str:
    """What OpenSSL says, if it says something: its error stack is no reading for people."""
    stack = re.findall(r'data: "([^"]+)"', str(error))
    return "; ".join(stack) or str(error)[:200]


def bare(token: bytes) -> bytes:
    """A ``TimeStampResp`` around ``token`` (a ``ContentInfo`` in DER) that is granted and says nothing else."""
    content = _GRANTED + token
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    header = length if len(content) < 128 else bytes([0x80 | len(length)]) + length
    return b"\x30" + header + content


def _check_frame(token: bytes, leaf: Certificate) -> None:
    """Compare what is not signed with the only thing it may say. Raises ``EvidenceError`` or ``ValueError``."""
    status, content_info = _inside(token)
    _, holder = _inside(content_info)
    version, digests, _, *optional, signers = _inside(*_inside(holder))
    (signer,) = _inside(signers)
    signer_version, signer_id, digest, _, algorithm, _ = _inside(signer)
    _, serial, _, issuer, *_ = _inside(leaf.tbs_certificate_bytes)
    same = (
        status == _GRANTED,
        (version, signer_version) == (_VERSION_3, _VERSION_1),
        [part[0] for part in optional] in ([], [_CERTIFICATES]),
        _inside(digests) == [digest],
        _inside(signer_id) == [issuer, serial],
        _object_identifier(algorithm) in _SIGNED_WITH.get(_object_identifier(digest), ()),
    )
    if not all(same):
        raise EvidenceError("an unsigned part of the token is not what it must be", where=_WHERE)


def _object_identifier(algorithm: bytes) -> str:
    """The identifier of an ``AlgorithmIdentifier`` without parameters, or with NULL; else an empty text."""
    identifier, *parameters = _inside(algorithm)
    return identifier[2:].hex() if identifier[0] == 6 and parameters in ([], [b"\x05\x00"]) else ""


def _inside(element: bytes) -> list[bytes]:
    """The elements inside a constructed one, headers included. The decoder has checked tags and lengths before."""
    found = []
    start, end = _content(element)
    while start < end:
        stop = start + _content(element[start:end])[1]
        found.append(element[start:stop])
        start = stop
    return found


def _content(element: bytes) -> tuple[int, int]:
    """Where the content of the first element starts and ends."""
    first = element[1]
    start = 2 if first < 0x80 else 2 + (first & 0x7F)
    return start, start + (first if first < 0x80 else int.from_bytes(element[2:start]))
