"""A timestamp authority on loopback that answers by ``openssl ts``, with certificates good and bad."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from maestro_hooks.evidence.authority import Authority
from tests.plugins.maestro_seal.clients import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY = timedelta(days=1)
CONFIGURATION = """
[tsa]
default_tsa = it
[it]
serial = {place}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
"""


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass(frozen=True)
class Tsa:
    """A root, a key, and the certificate of that key for timestamping; ``place`` holds what openssl needs."""

    place: Path
    root_key: ec.EllipticCurvePrivateKey
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    leaf: x509.Certificate

    def reply(self, query: bytes) -> bytes:
        """The ``TimeStampResp`` of openssl."""
        need(shutil.which("openssl"), "openssl is not installed (apt-get install openssl)")
        (self.place / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-signer", "tsa.pem"]
        command += ["-inkey", "tsa.key", "-out", "reply"]
        done = subprocess.run(command, cwd=self.place, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return (self.place / "reply").read_bytes()

    def authority(self, *chain: x509.Certificate, **dates: datetime) -> Authority:
        """What a trust file says about it; another chain is pinned if one is given."""
        certificates = chain or (self.leaf, self.root)
        start, end = (
            datetime.now(UTC).replace(microsecond=0) - 300 * DAY,
            datetime.now(UTC).replace(microsecond=0) + DAY,
        )
        return Authority(
            name="tsa",
            certificates=tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates),
            valid_from=dates.get("valid_from", start),
            valid_to=dates.get("valid_to", end),
        )

    def pem(self) -> bytes:
        return self.leaf.public_bytes(Encoding.PEM) + self.root.public_bytes(Encoding.PEM)

    def certificate(
        self,
        *,
        usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        critical: bool = True,
        days: tuple[int, int] = (-100, 100),
    ) -> x509.Certificate:
        """Another certificate of the same key, serial and issuer."""
        return issue(self.root_key, self.key, usage=usage, critical=critical, days=days)


def issue(
    issuer: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    *,
    usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    critical: bool = True,
    days: tuple[int, int] = (-100, 100),
    root: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name("Root"),
        subject_name=name("Root" if root else "Authority"),
        public_key=key.public_key(),
        serial_number=1 if root else 2,
        not_valid_before=now + days[0] * DAY,
        not_valid_after=now + days[1] * DAY,
    )
    if root:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    elif usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=critical)
    return builder.sign(issuer, hashes.SHA256())


def make_tsa(place: Path, *, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> Tsa:
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    root = issue(root_key, root_key, root=True, days=(-200, 200))
    made = Tsa(place, root_key, root, key, issue(root_key, key))
    place.mkdir()
    (place / "serial").write_text("01\n")
    (place / "tsa.cnf").write_text(CONFIGURATION.format(place=place))
    (place / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (place / "tsa.pem").write_bytes(made.leaf.public_bytes(Encoding.PEM))
    (place / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    """A server on loopback that answers every POST by ``answer``; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsr?a=b"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(
    handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, kind: str = "application/timestamp-reply"
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving_tsa(tsa: Tsa) -> Iterator[str]:
    with serving(lambda handler, query: send(handler, tsa.reply(query))) as address:
        yield address
