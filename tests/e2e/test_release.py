"""``nox -s release``: a logged, sealed bundle that verifies in a second process, or a failure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e import release_clients
from tests.plugins.maestro_seal.clients import CLIENTS, need

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shelf"
version = "1.0"

[tool.maestro.seal]
log = "log"
attest = ["sbom", "provenance", "test-result"]
"""
NOXFILE = """\
import nox

from maestro_hooks.integrations import nox as maestro

nox.options.default_venv_backend = "none"
maestro.sessions(install=(), test_install=())
"""


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}
    return subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, timeout=300, check=False)


def accepted_by_strangers(root: Path, bundle: Path) -> None:
    """Every third-party client accepts the release, and none that reads the envelope accepts an edited signature."""
    for tool in ("node", "go", "openssl", "chromium"):
        need(shutil.which(tool), f"{tool} is not installed")
    need((CLIENTS / "node_modules").is_dir(), "run 'npm ci --ignore-scripts' in tests/clients")
    said = release_clients.answers(root / "dist", root / "log")
    assert said == dict.fromkeys(said, True)
    assert len(said) == 7
    honest = bundle.read_bytes()
    document = json.loads(honest)
    sig = document["dsseEnvelope"]["signatures"][0]["sig"]
    document["dsseEnvelope"]["signatures"][0]["sig"] = sig[:20] + ("A" if sig[20] != "A" else "B") + sig[21:]
    bundle.write_text(json.dumps(document))
    said = release_clients.answers(root / "dist", root / "log")
    assert [said[name] for name in ("sigstore", "securesystemslib", "openssl", "page")] == [False] * 4
    bundle.write_bytes(honest)


@pytest.mark.slow
def test_a_release_is_logged_and_verified_or_fails(repository: GitRepository) -> None:
    root = repository.root
    repository.commit(
        {
            "pyproject.toml": PYPROJECT,
            "noxfile.py": NOXFILE,
            "shelf/__init__.py": "def books() -> int:\n    return 3\n",
            "tests/test_shelf.py": "from shelf import books\n\n\ndef test_books() -> None:\n    assert books() == 3\n",
            ".gitignore": "__pycache__/\ndist/\nlog/\n.nox/\n.pytest_cache/\n",
        }
    )
    for words in (
        ["init"],
        ["keys", "new", "--no-passphrase"],
        ["log", "init", "log", "--origin", "shelf.example/log"],
    ):
        done = run(root, "maestro", *words)
        assert done.returncode == 0, done.stdout + done.stderr
    repository.commit(message="keys and a log")
    released = run(root, "nox", "-s", "release")
    assert released.returncode == 0, released.stdout + released.stderr
    bundle = root / "dist" / "shelf-1.0.sigstore.json"
    verified = json.loads(run(root, "maestro", "verify", str(bundle), "--json").stdout)
    assert verified["verdict"] == "pass"
    passed = [step["step"] for step in verified["steps"] if step["status"] == "pass"]
    assert {"log-entry", "log-inclusion", "checkpoint", "freshness", "sbom"} <= set(passed)
    for name in ("sbom.cdx.json", "provenance.slsa.json", "test-result.json", "vsa.json"):
        document = root / "dist" / f"shelf-1.0.{name}"
        given = ("--artifact", str(document), "--artifact", str(root / "dist" / "shelf-1.0.tar.gz"))
        assert run(root, "maestro", "verify", str(bundle), *given).returncode == 0, name
        honest = document.read_bytes()
        document.write_bytes(honest + b" ")
        edited = json.loads(run(root, "maestro", "verify", str(bundle), *given, "--json").stdout)
        assert edited["first_failure"] == "subject", name
        document.write_bytes(honest)
    sealed_before = bundle.read_bytes()
    accepted_by_strangers(root, bundle)

    repository.commit({"tests/test_more.py": "def test_more() -> None:\n    raise AssertionError\n"})
    failed = run(root, "nox", "-s", "release")
    assert failed.returncode != 0
    assert "nothing was sealed" in failed.stdout + failed.stderr
    assert bundle.read_bytes() == sealed_before

    repository.git("rm", "--quiet", "tests/test_more.py")
    trust = (root / "trust.json").read_text()
    repository.commit({"trust.json": trust.replace("shelf.example", "other.example")})
    forged = run(root, "nox", "-s", "release")
    assert forged.returncode != 0
    assert "trust file" in forged.stdout + forged.stderr
    assert bundle.read_bytes() == sealed_before
