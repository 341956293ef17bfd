"""What a user installs: the wheel, the sdist, and the wheel built from the sdist."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from maestro_hooks.policy.cases import cases_name, read_suite
from maestro_hooks.policy.load import read_layers
from maestro_hooks.policy.program import compile_policy
from maestro_hooks.policy.scoring import score

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(p.name for p in (ROOT / "plugins").iterdir() if p.name.startswith("maestro_"))


def build(kind: str, source: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def test_the_wheel_holds_the_host_and_every_plugin_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    info = {t for t in tops if t.endswith(".dist-info")}
    assert len(info) == 1
    assert tops - info == {"maestro_hooks", *FOLDERS}


def test_every_package_is_typed_and_every_plugin_is_an_entry_point(wheel: Path) -> None:
    listed = names(wheel)
    assert all(f"{package}/py.typed" in listed for package in ("maestro_hooks", *FOLDERS))
    (points,) = [n for n in listed if n.endswith("entry_points.txt")]
    with zipfile.ZipFile(wheel) as opened:
        text = opened.read(points).decode()
    assert all(f"{f.removeprefix('maestro_')} = {f}" in text for f in FOLDERS)


def test_the_sdist_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert names(build("wheel", source, tmp_path / "out")) == names(wheel)


@pytest.mark.slow
def test_the_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, capture_output=True)
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "maestro", "plugins", "--json"], cwd=tmp_path, capture_output=True, check=False
    )
    states = {p["name"]: p["state"] for p in json.loads(done.stdout)["plugins"]}
    assert sorted(f"maestro_{name}" for name in states) == FOLDERS
    assert set(states.values()) <= {"loaded", "unavailable"}
    found = subprocess.run(
        [python, "-c", "import importlib.util as u; print(u.find_spec('plugins'))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "None\n"


def test_the_hook_manifest_is_a_byte_identical_copy() -> None:
    assert (ROOT / ".pre-commit-hooks.yaml").read_bytes() == (ROOT / "pre-commit-hooks.yaml").read_bytes()


def test_the_release_policy_extends_the_policy_and_its_cases_notice_every_change() -> None:
    """A stale pin is refused: 'nox -s sync' writes the new one."""
    name = "maestro-release.yaml"
    policy, _ = read_layers(ROOT, name)
    base, _ = read_layers(ROOT, "maestro-policy.yaml")
    assert {rule.id for rule in base.rules} < {rule.id for rule in policy.rules}
    cases = (ROOT / cases_name(name)).read_bytes()
    suite = read_suite(cases, where=cases_name(name), rules=[rule.id for rule in policy.rules])
    result = score(compile_policy(policy), suite.cases)
    assert result.failed == ()
    assert result.effective == 1


def test_nothing_imports_plugins_as_a_package() -> None:
    files = [p for top in ("maestro_hooks", "plugins", "tests") for p in (ROOT / top).rglob("*.py")]
    needles = ("import " + "plugins\n", "from " + "plugins ", "from " + "plugins.")
    assert [p for p in files if any(n in p.read_text(encoding="utf-8") for n in needles)] == []
