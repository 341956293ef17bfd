"""Contract with nox: real noxfiles, real nox processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from maestro_cas.reads import strace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """
import os, pathlib, sys
import nox
from maestro_hooks.integrations import nox as maestro
ROOT = pathlib.Path(__file__).parent

def note(word):
    # In nox's own directory: what stands there is nobody's input or output.
    (ROOT / ".nox").mkdir(exist_ok=True)
    with (ROOT / ".nox/notes").open("a") as stream:
        stream.write(word + " ")
"""


@dataclass
class Project:
    root: Path

    def nox(self, *words: str, ok: bool = True, **env: str) -> str:
        """Run nox; returns what it says."""
        import os

        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAESTRO", "NOX"))}
        done = subprocess.run(
            [sys.executable, "-m", "nox", *words], cwd=self.root, env={**clean, **env}, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def notes(self) -> list[str]:
        path = self.root / ".nox/notes"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Project]:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.txt").write_text("alpha")
    (tmp_path / "lock.txt").write_text("pinned==1")

    def make(noxfile: str) -> Project:
        (tmp_path / "noxfile.py").write_text(HEAD + noxfile)
        return Project(tmp_path)

    return make


BUILD = """
@nox.session(venv_backend="maestro-venv", venv_params=["--without-pip"])
@maestro.cached(inputs=["src"], outputs=["out/"], lock="lock.txt")
def build(session):
    "Doubles."
    note("ran")
    session.run("python", "-c", "import os; os.mkdir('out'); open('out/x', 'w').write(open('src/a.txt').read() * 2)")
    print("said")
"""


def test_a_hit_makes_no_environment_and_restores(project: Callable[[str], Project]) -> None:
    p = project(BUILD)
    assert "Doubles." in p.nox("--list")
    assert "stored" in p.nox("-s", "build")
    assert (p.root / ".nox/build").is_dir()
    for path in (p.root / "out/x", p.root / ".nox/build"):
        subprocess.run(["rm", "-r", str(path)], check=True)
    said = p.nox("-s", "build")
    assert "cached" in said
    assert "1 outputs restored" in said
    assert (p.root / "out/x").read_text() == "alphaalpha"
    assert not (p.root / ".nox/build").exists()
    assert p.notes == ["ran"]


@pytest.mark.parametrize("change", ["input", "posargs", "lock", "noxfile"])
def test_what_the_key_holds_makes_a_miss(project: Callable[[str], Project], change: str) -> None:
    p = project(BUILD)
    p.nox("-s", "build")
    words: tuple[str, ...] = ()
    if change == "input":
        (p.root / "src/a.txt").write_text("beta")
    elif change == "posargs":
        words = ("--", "-x")
    elif change == "lock":
        (p.root / "lock.txt").write_text("pinned==2")
    else:
        (p.root / "noxfile.py").write_text(HEAD + BUILD + "\n# another\n")
    assert "not cached" in p.nox("-s", "build", *words)
    assert p.notes == ["ran", "ran"]


def test_modes_of_the_variable(project: Callable[[str], Project]) -> None:
    p = project(BUILD)
    assert "MAESTRO_CACHE=ro" in p.nox("-s", "build", MAESTRO_CACHE="ro")
    assert "not cached" in p.nox("-s", "build")
    assert "MAESTRO_CACHE=off" in p.nox("-s", "build", MAESTRO_CACHE="off", ok=False)
    p.nox("-s", "build", MAESTRO_CACHE="refresh")
    assert "cached" in p.nox("-s", "build")
    assert "no cache mode" in p.nox("-s", "build", MAESTRO_CACHE="perhaps", ok=False)


def test_what_failed_or_only_installed_is_not_stored(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def failing(session):
    note("ran")
    session.run("false", external=True)

@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def skipping(session):
    note("ran")
    session.skip("not today")

@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def good(session):
    note("ran")
    session.run("true", external=True)
"""
    )
    p.nox("-s", "failing", ok=False)
    p.nox("-s", "failing", ok=False)
    p.nox("-s", "skipping")
    p.nox("-s", "skipping")
    p.nox("-s", "good", "--install-only")
    assert "stored" in p.nox("-s", "good")
    assert p.notes == ["ran"] * 6


def test_outputs_of_before_come_back_when_a_run_fails(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["out/"])
def build(session):
    assert not os.path.exists("out")
    session.run("false", external=True)
"""
    )
    (p.root / "out").mkdir()
    (p.root / "out/precious").write_text("of before")
    p.nox("-s", "build", ok=False)
    assert (p.root / "out/precious").read_text() == "of before"


def test_parametrised_sessions_have_keys_of_their_own(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@nox.parametrize("word", ["one", "two"])
@maestro.cached(inputs=["src"], outputs=["out/"])
def build(session, word):
    note(word)
    os.mkdir("out")
    pathlib.Path("out/word").write_text(word)
"""
    )
    p.nox("-s", "build")
    assert p.notes == ["one", "two"]
    assert (p.root / "out/word").read_text() == "two"
    p.nox("-s", "build(word='one')")
    assert (p.root / "out/word").read_text() == "one"
    assert p.notes == ["one", "two"]


def test_a_notification_is_repeated_by_a_hit(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def first(session):
    session.notify("second", posargs=["a", "b"])

@nox.session(venv_backend="none")
def second(session):
    note("+".join(session.posargs))
"""
    )
    p.nox("-s", "first")
    assert "cached" in p.nox("-s", "first")
    assert p.notes == ["a+b", "a+b"]


def test_undeclared_variables_are_hidden(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["out/"], env=["WANTED"])
def build(session):
    code = "import os; os.mkdir('out'); e = os.environ.get; open('out/e', 'w').write(repr((e('WANTED'), e('HIDDEN'))))"
    session.run(sys.executable, "-c", code, external=True)
"""
    )
    p.nox("-s", "build", WANTED="1", HIDDEN="2")
    assert (p.root / "out/e").read_text() == "('1', None)"
    assert "cached" in p.nox("-s", "build", WANTED="1", HIDDEN="3")
    assert "not cached" in p.nox("-s", "build", WANTED="2")


SECRET = """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["out/"], mode="MODE")
def build(session):
    code = "import os; os.mkdir('out'); open('out/x', 'w').write(open('secret.cfg').read())"
    session.run(sys.executable, "-c", code, external=True)
"""


def test_an_undeclared_read_of_a_python_child_is_told(project: Callable[[str], Project]) -> None:
    p = project(SECRET.replace("MODE", "observe"))
    (p.root / "secret.cfg").write_text("s")
    said = p.nox("-s", "build")
    assert "undeclared read: secret.cfg" in said
    assert "stored" in said


@pytest.mark.engine("strace")
def test_enforce_refuses_to_store_an_undeclared_read(project: Callable[[str], Project]) -> None:
    if not strace.available():
        pytest.skip("strace with seccomp filters is not available here")
    p = project(SECRET.replace("MODE", "enforce"))
    (p.root / "secret.cfg").write_text("s")
    said = p.nox("-s", "build")
    assert "undeclared read: secret.cfg" in said
    assert "not stored: undeclared read" in said
    assert "not cached" in p.nox("-s", "build")
    text = (p.root / "noxfile.py").read_text().replace('inputs=["src"]', 'inputs=["src", "secret.cfg"]')
    (p.root / "noxfile.py").write_text(text)
    assert "stored" in p.nox("-s", "build")
    assert "cached" in p.nox("-s", "build")


def test_the_decorator_above_nox_session_is_refused(project: Callable[[str], Project]) -> None:
    p = project(
        """
@maestro.cached(inputs=["src"])
@nox.session
def build(session):
    pass
"""
    )
    assert "must stand below @nox.session" in p.nox("--list", ok=False)


def test_a_session_over_several_pythons_loads(project: Callable[[str], Project]) -> None:
    """Nox copies the function's attributes for each of them."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    p = project(
        f"""
@nox.session(venv_backend="maestro-venv", venv_params=["--without-pip"], python=["{version}", "3.99"])
@maestro.cached(inputs=["src"], lock="lock.txt")
def build(session):
    note(session.python)
    session.run("python", "-c", "pass")
"""
    )
    assert "build-3.99 skipped" in p.nox(
        "-s", "build", "--download-python", "never", "--no-error-on-missing-interpreters"
    )
    assert "cached" in p.nox("-s", f"build-{version}")
    assert p.notes == [version]


def test_a_local_hit_imports_no_network_and_no_crypto(project: Callable[[str], Project]) -> None:
    p = project(
        BUILD
        + """
import atexit
atexit.register(lambda: (ROOT / "modules").write_text("\\n".join(sys.modules)))
"""
    )
    p.nox("-s", "build")
    assert "cached" in p.nox("-s", "build")
    loaded = set((p.root / "modules").read_text().split())
    heavy = {
        "grpc",
        "requests",
        "urllib3",
        "http.client",
        "ssl",
        "cryptography",
        "msgspec",
        "sqlite3",
        "asyncio",
    }
    assert "maestro_cas.engine" in loaded
    assert loaded & heavy == set()


INSTALLED = """
@nox.session(venv_backend="maestro")
@maestro.cached(inputs=["src"], outputs=["out/"], lock="lock.txt", mode="MODE")
def build(session):
    session.install("--no-build-isolation", "--no-index", "--no-deps", "./lib")
    session.run("python", "-c", "import os; os.mkdir('out'); open('out/x', 'w').write('x')")
"""

BACKEND = """
import pathlib, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "thing-1-py3-none-any.whl"
    text = pathlib.Path("thing.py").read_text()
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as wheel:
        wheel.writestr("thing.py", text)
        wheel.writestr("thing-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: thing\\nVersion: 1\\n")
        wheel.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("thing-1.dist-info/RECORD", "")
    return name
"""


def test_a_local_project_that_is_installed_counts_as_read(project: Callable[[str], Project]) -> None:
    """The lock does not pin it, and the environment it lands in covers what is read from there."""
    p = project(INSTALLED.replace("MODE", "observe"))
    (p.root / "lib").mkdir()
    (p.root / "lib/thing.py").write_text("x = 1\n")
    (p.root / "lib/backend.py").write_text(BACKEND.replace("\\\\", "\\"))
    table = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (p.root / "lib/pyproject.toml").write_text(table + '[project]\nname = "thing"\nversion = "1"\n')
    said = p.nox("-s", "build")
    assert "undeclared read: lib/thing.py" in said


@pytest.mark.engine("strace")
def test_enforce_sees_every_command_of_a_session(project: Callable[[str], Project]) -> None:
    if not strace.available():
        pytest.skip("strace with seccomp filters is not available here")
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], mode="enforce")
def build(session):
    session.run("cat", "secret.cfg", external=True)
    session.run("cat", "src/a.txt", external=True)
"""
    )
    (p.root / "secret.cfg").write_text("s")
    assert "not stored: undeclared read: secret.cfg" in p.nox("-s", "build")


def test_outputs_moved_away_by_a_run_that_was_killed_come_back(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["out/"])
def build(session):
    if (ROOT / "die").exists():
        os.kill(os.getpid(), 9)
    session.run("false", external=True)
"""
    )
    (p.root / "out").mkdir()
    (p.root / "out/precious").write_text("of before")
    (p.root / "die").write_text("")
    p.nox("-s", "build", ok=False)
    assert list((p.root / "out").iterdir()) == []
    (p.root / "die").unlink()
    p.nox("-s", "build", ok=False)
    assert (p.root / "out/precious").read_text() == "of before"


CODE_OF_THE_NOXFILE = """
sys.path.insert(0, str(ROOT))
import helper
VERSION = (ROOT / "VERSION").read_text()
LEVEL = os.environ.get("LEVEL", "0")

def title():
    return VERSION + LEVEL

@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["out/"])
def build(session):
    note("ran")
    os.mkdir("out")
    words = [title(), helper.greeting(), os.environ.get("MODE", "-"), (ROOT / "data.txt").read_text()]
    pathlib.Path("out/x").write_text(" ".join(words))
"""


@pytest.mark.parametrize("change", ["helper", "file at import", "variable at import", "variable", "file"])
def test_what_the_noxfile_itself_reads_makes_a_miss(project: Callable[[str], Project], change: str) -> None:
    p = project(CODE_OF_THE_NOXFILE)
    for name, text in (("helper.py", "def greeting(): return 'hello'\n"), ("VERSION", "1"), ("data.txt", "d")):
        (p.root / name).write_text(text)
    p.nox("-s", "build")
    assert "cached" in p.nox("-s", "build", OTHER="x")
    changed = {"variable at import": {"LEVEL": "9"}, "variable": {"MODE": "m"}}.get(change, {})
    if change in ("helper", "file at import", "file"):
        name = {"helper": "helper.py", "file at import": "VERSION", "file": "data.txt"}[change]
        (p.root / name).write_text("def greeting(): return 'bye'\n" if change == "helper" else "2")
    before = (p.root / "out/x").read_text()
    said = p.nox("-s", "build", ok=True, **changed)
    assert p.notes == ["ran", "ran"], said
    assert (p.root / "out/x").read_text() != before
    assert "cached" in p.nox("-s", "build", ok=True, **changed)


def test_data_is_described_alike_in_every_checkout() -> None:
    from pathlib import PurePosixPath

    from maestro_cas.nox_code import described

    def of(root: str) -> str:
        value = {"b": [1, 2.5, None, f"{root}/x"], "a": {PurePosixPath(f"{root}/y")}, "c": (b"z", True, object())}
        return described(value, root)

    assert of("/one") == of("/other/two")
    assert described({"b": 1, "a": 2}, "/r") == described({"a": 2, "b": 1}, "/r")
    assert described([1, 2], "/r") != described([2, 1], "/r")
    assert described("1", "/r") != described(1, "/r")


def test_the_outputs_of_another_session_are_no_news_in_the_directory(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"])
def listing(session):
    note("listing")
    session.run("python", "-c", "import os; os.listdir('.')", external=True)

@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], outputs=["dist/"])
def wheel(session):
    session.run("python", "-c", "import os; os.mkdir('dist'); open('dist/x', 'w').close()", external=True)
"""
    )
    p.nox("-s", "listing", "wheel")
    p.nox("-s", "listing", "wheel")
    assert p.notes == ["listing"]
    (p.root / "news").mkdir()
    p.nox("-s", "listing")
    assert p.notes == ["listing", "listing"]


def test_a_lock_that_is_installed_from_is_no_finding(project: Callable[[str], Project]) -> None:
    p = project(
        """
@nox.session(venv_backend="none")
@maestro.cached(inputs=["src"], lock="lock.txt")
def build(session):
    session.run(sys.executable, "-c", "open('lock.txt').read()", external=True)
"""
    )
    said = p.nox("-s", "build")
    assert "undeclared read: lock.txt" not in said
    assert "stored" in said
