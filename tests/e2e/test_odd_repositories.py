"""Repositories that are not a tidy package: the main job works on them or says what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.git_repository import GitRepository
from tests.support.user import User

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 need a file system that allows them")
def test_strange_names_a_submodule_a_shallow_clone_and_nothing_to_build(
    repository: GitRepository, tmp_path: Path
) -> None:
    raw = os.fsencode(repository.root) + b"/caf\xe9.py"
    Path(os.fsdecode(raw)).write_text("x = 1\n", encoding="utf-8")
    config = '[tool.maestro.run]\npytest_arguments = ["tests"]\n'
    repository.commit({'we"ird.py': "y = 1\n", "tests/test_a.py": "def test_a(): pass\n", "pyproject.toml": config})
    inner = GitRepository(tmp_path / "inner")
    inner.root.mkdir()
    inner.git("init", "--quiet")
    inner.commit({"test_broken.py": "import nowhere\n"})
    shallow = GitRepository(tmp_path / "shallow")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(shallow.root))
    shallow.git("submodule", "--quiet", "add", str(inner.root), "vendor/inner")
    shallow.commit(message="add a submodule")

    user = User(shallow.root)
    user.run("maestro", "init")
    done = user.json("maestro", "run")
    assert done["ok"]
    assert done["card"]["not_checked"] == ["vendor/inner: a submodule's files are not this tree's"]
    assert next(s for s in done["steps"] if s["name"] == "build")["words"].startswith("nothing to build")
    bundle = str(Path(done["bundle"]).relative_to(shallow.root))
    assert user.json("maestro", "verify", bundle, "--source", ".")["verdict"] == "pass"
    # With neither file nor checkout at hand the verifier cannot decide, and does not say yes.
    assert user.json("maestro", "verify", bundle, code=3)["first_failure"] == "subject"
    shallow.write({"tests/test_a.py": "def test_a(): assert True\n"})
    assert user.json("maestro", "verify", bundle, "--source", ".", code=4)["first_failure"] == "subject"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda r: None, "no commit yet"),
        (lambda r: (r.commit({"a.py": "1"}), (r.root / ".git" / "HEAD").write_text("garbage")), "git"),
        (
            lambda r: (r.commit({"a.py": "1"}), (r.root / "maestro-policy.yaml").write_text("rules: [")),
            "not valid YAML",
        ),
        (
            lambda r: (r.commit({"a.py": "1"}), (r.root / ".maestro").write_text("a file")),
            "cannot use the state directory",
        ),
    ],
    ids=["no commit", "broken git", "broken policy", "state is a file"],
)
def test_what_cannot_work_says_what_to_do(
    repository: GitRepository, prepare: Callable[[GitRepository], object], words: str
) -> None:
    (repository.root / "maestro-policy.yaml").write_text(
        "version: 1\nrules:\n  - {id: a, require: bandit/issues}\n", encoding="utf-8"
    )
    prepare(repository)
    shown = User(repository.root).run("maestro", "run", code=None)
    assert words in shown
    assert "to do:" in shown
    assert "Traceback" not in shown
    assert not (repository.root / "dist").exists()
