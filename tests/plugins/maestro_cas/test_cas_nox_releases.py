"""The contract with nox, which has no documented extension interface: each supported release keeps what we rely on."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
# The oldest release that pyproject.toml allows, and the last of each half year since.
RELEASES = ("2024.10.9", "2025.5.1", "2025.11.12", "2026.4.10", "2026.10.20")

NOXFILE = """
import os, pathlib
import nox
from maestro_hooks.integrations import nox as maestro

def note(word):
    pathlib.Path(".nox").mkdir(exist_ok=True)
    with open(".nox/notes", "a") as stream:
        stream.write(word + " ")

@nox.session(venv_backend="maestro-venv", venv_params=["--without-pip"], python=PYTHONS)
@nox.parametrize("word", ["one", "two"])
@maestro.cached(inputs=["src"], outputs=["out/"], env=["SHOWN"], lock="lock.txt")
def build(session, word):
    "Builds."
    note(word)
    code = "import os; os.makedirs('out', exist_ok=True); open('out/x', 'w').write(repr((%r, %r, sorted(os.environ))))"
    session.run("python", "-c", code % (word, session.posargs))
    session.notify("after")

@nox.session(venv_backend="none")
def after(session):
    note("after")

@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def fails(session):
    note("fails")
    session.run("false", external=True)
"""


def check(root: Path, wanted: str, **env: str) -> None:
    """Everything the integration uses of nox, through nox's own command line."""
    (root / "src").mkdir(parents=True)
    (root / "src/a.txt").write_text("alpha")
    (root / "lock.txt").write_text("pinned==1")
    (root / "noxfile.py").write_text(NOXFILE.replace("PYTHONS", repr([f"{sys.version_info[0]}.{sys.version_info[1]}"])))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAESTRO", "NOX"))}

    def nox(*words: str, ok: bool = True, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nox", *words], cwd=root, env={**clean, **env, "HIDDEN": "h", **more},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def notes() -> list[str]:
        return (root / ".nox/notes").read_text().split()

    assert wanted in nox("--version")
    assert "Builds." in nox("--list")
    said = nox("-s", "build", SHOWN="s")
    assert said.count("stored") == 2, said
    assert notes() == ["one", "two", "after"]
    made = (root / "out/x").read_text()
    assert "SHOWN" in made
    assert "HIDDEN" not in made
    environments = [p for p in (root / ".nox").iterdir() if p.is_dir()]
    assert len(environments) == 2
    subprocess.run(["rm", "-r", str(root / "out"), *map(str, environments)], check=True)
    said = nox("-s", "build", SHOWN="s")
    assert said.count("> cached") == 2, said
    assert notes() == ["one", "two", "after", "after"], "a hit notifies again"
    assert (root / "out/x").read_text() == made
    assert not [p for p in (root / ".nox").iterdir() if p.is_dir()], "no environment was made"
    assert "stored" in nox("-s", "build", "--", "-x", SHOWN="s"), "positional arguments are in the key"
    (root / "src/a.txt").write_text("beta")
    assert "> cached" not in nox("-s", "build", SHOWN="s")
    before = len(notes())
    nox("-s", "fails", ok=False)
    nox("-s", "fails", ok=False)
    assert len(notes()) == before + 2, "a failure is not stored"
    assert "not cached" in nox("-s", "build", "--install-only", SHOWN="s")


def test_the_installed_release_keeps_the_contract(tmp_path: Path) -> None:
    check(tmp_path / "p", version("nox"))


def test_the_oldest_release_tested_is_the_oldest_allowed() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    allowed = [line for line in project["dependency-groups"]["test"] if str(line).startswith("nox>=")]
    assert [RELEASES[0].startswith(line.removeprefix("nox>=")) for line in allowed] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
def test_each_supported_release_keeps_the_contract(tmp_path: Path, release: str) -> None:
    place = tmp_path / "nox"
    install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(place)]
    done = subprocess.run([*install, f"nox=={release}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nox {release} cannot be installed here: {done.stderr[-200:]}")
    check(tmp_path / "p", release, PYTHONPATH=str(place))
