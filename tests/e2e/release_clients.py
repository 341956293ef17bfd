"""Every third-party client on the files of one release.

    python -m tests.e2e.release_clients DIST LOG

Each answers yes or no on its own: Sigstore's JavaScript verifier, securesystemslib, OpenSSL, in-toto's and CycloneDX's
readers, Go's log client, and the verifier page in Chromium.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # re-exported without __all__

from maestro_hooks.evidence import note
from maestro_hooks.evidence.bundle import Bundle, parse_bundle
from maestro_hooks.evidence.trust import TrustedKey, parse_trust

CLIENTS = Path(__file__).parents[1] / "clients"
PAGE = Path(__file__).parents[2] / "plugins" / "maestro_seal" / "page" / "verifier.html"


class Release:
    """The files of a release in ``dist``, and the keys its trust file names."""

    def __init__(self, dist: Path, log: Path) -> None:
        self.dist, self.log = dist, log
        (self.bundle_path,) = dist.glob("*.sigstore.json")
        self.stem = self.bundle_path.name.removesuffix(".sigstore.json")
        self.bundle: Bundle = parse_bundle(self.bundle_path.read_bytes())
        trust = parse_trust((dist / "trust.json").read_bytes()).trust
        self.release_key: TrustedKey = trust.of_role("release")[-1]
        self.log_key: TrustedKey = trust.of_role("log")[-1]

    def file(self, suffix: str) -> Path:
        return self.dist / f"{self.stem}.{suffix}"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sigstore(release: Release, scratch: Path) -> bool:
    """npm ``@sigstore/verify``."""
    key = release.log_key
    trust = {
        "origin": key.name,
        "logKey": encoded(key.public.spki),
        "logId": encoded(note.key_hash(key.name, note.ED25519, key.public)),
        "releaseKey": encoded(release.release_key.public.spki),
    }
    cases = scratch / "cases.json"
    cases.write_text(json.dumps({"trust": trust, "cases": [release.bundle_path.read_text()]}))
    done = subprocess.run(
        ["node", str(CLIENTS / "sigstore.mjs"), str(cases)], capture_output=True, text=True, check=True
    )
    answer: list[Any] = json.loads(done.stdout)
    return answer == [True]


def securesystemslib(release: Release, _scratch: Path) -> bool:
    """PyPI ``securesystemslib``, over the envelope."""
    public = load_der_public_key(release.release_key.public.spki)
    key = SSlibKey.from_crypto(public, keyid=release.release_key.public.id)
    document = json.loads(release.bundle_path.read_text())["dsseEnvelope"]
    try:
        Envelope.from_dict(copy.deepcopy(document)).verify([key], 1)
    except VerificationError:
        return False
    return True


def openssl(release: Release, scratch: Path) -> bool:
    """OpenSSL, over the pre-authentication encoding."""
    pem = load_der_public_key(release.release_key.public.spki).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    envelope = release.bundle.envelope
    for name, data in {"key": pem, "pae": envelope.signed_bytes(), "sig": envelope.signatures[0].sig}.items():
        (scratch / name).write_bytes(data)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "pae", "-sigfile", "sig"]
    return subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode == 0


def in_toto(release: Release, _scratch: Path) -> bool:
    """PyPI ``in-toto-attestation``, over the manifest and the statements beside it."""
    statements = [release.bundle.envelope.payload]
    statements += [release.file(name).read_bytes() for name in ("provenance.slsa.json", "test-result.json", "vsa.json")]
    for data in statements:
        Statement.copy_from_pb(json_format.Parse(data, StatementMessage())).validate()
    return True


def cyclonedx(release: Release, _scratch: Path) -> bool:
    """CycloneDX's own schema, strictly."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    return validator.validate_str(release.file("sbom.cdx.json").read_text()) is None


def go(release: Release, scratch: Path) -> bool:
    """Go's ``sumdb/note`` and ``tlog``: the log's tiles, and the proof that stands alone."""
    paths = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(scratch / "cache"), "GOFLAGS": ""}
    client, entry = scratch / "tlog", release.bundle.log_entry
    build = ["go", "build", "-o", str(client), str(CLIENTS / "tlog" / "main.go")]
    subprocess.run(build, env={**os.environ, **paths}, capture_output=True, check=True)
    if entry is None:
        return False
    vkey = note.vkey(release.log_key.name, note.ED25519, release.log_key.public)
    (scratch / "entry").write_bytes(entry.body)
    proof = [str(client), "--proof", str(release.file("tlog-proof")), vkey, str(scratch / "entry")]
    tiles = [str(client), str(release.log), vkey, str(entry.index)]
    said = [subprocess.run(command, capture_output=True, text=True, check=False).stdout for command in (proof, tiles)]
    return all(words.startswith("accepted") for words in said)


def page(release: Release, scratch: Path) -> bool:
    """The page in headless Chromium, everything dropped onto it."""
    files = [str(place) for place in sorted(release.dist.iterdir()) if not place.name.startswith(".")]
    command = ["node", str(CLIENTS / "chromium.mjs"), "drop", str(PAGE), str(scratch), *files]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    report = json.loads((scratch / "result.json").read_text())["object"]
    return report["verdict"] == "pass" and all(step["status"] != "not-checked" for step in report["steps"])


ALL = (sigstore, securesystemslib, openssl, in_toto, cyclonedx, go, page)


def answers(dist: Path, log: Path) -> dict[str, bool]:
    """What each client says of the release."""
    release = Release(dist, log)
    with tempfile.TemporaryDirectory() as place:
        found = {}
        for client in ALL:
            scratch = Path(place) / client.__name__
            scratch.mkdir()
            found[client.__name__] = client(release, scratch)
        return found


if __name__ == "__main__":
    said = answers(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write("".join(f"{'accepts' if good else 'REFUSES':8} {name}\n" for name, good in said.items()))
    raise SystemExit(0 if all(said.values()) else 1)
