"""Read the certificates of a timestamp authority that is to be trusted.

Invariant: what is handed on is a chain, the certificate that signs tokens first, and that one is for timestamping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import UsageError
from maestro_hooks.evidence.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate


def read_authority(path: Path) -> Authority:
    """The authority whose certificates ``path`` holds (PEM): the signing one, then its issuers up to the root.

    It is named by the subject of the first, and trusted as long as that one is valid.

    Raises:
        UsageError: the file cannot be read, or these are not such certificates.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - only for this

    try:
        chain = load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise UsageError("these are no certificates in PEM", where=str(path)) from error
    problem = _problem(chain)
    if problem:
        raise UsageError(problem, where=str(path), fix="give the signing certificate, then its issuers up to the root")
    leaf = chain[0]
    return Authority(
        name=leaf.subject.rfc4514_string(),
        certificates=tuple(certificate.public_bytes(Encoding.DER) for certificate in chain),
        valid_from=leaf.not_valid_before_utc,
        valid_to=leaf.not_valid_after_utc,
    )


def _problem(chain: list[Certificate]) -> str | None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    try:
        usage = chain[0].extensions.get_extension_for_class(ExtendedKeyUsage)
        if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            return "the first certificate is not for timestamping alone (RFC 3161, 2.3)"
        for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            certificate.verify_directly_issued_by(issuer)
    except ExtensionNotFound:
        return "the first certificate is not for timestamping"
    except (ValueError, TypeError, InvalidSignature):
        return "a certificate is not issued by the next, or the last not by itself"
    return None
