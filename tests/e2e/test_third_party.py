"""The main job on real projects: source distributions from the package index, put under git as they are."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.support.user import User

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git_repository import GitRepository

WAIVER = """\
waivers:
  - {key: bandit/issues, owner: adopter@example.org, reason: "findings of before the adoption", expires: 2099-12-31}
"""


@pytest.mark.slow
@pytest.mark.engine("package index")
@pytest.mark.parametrize("requirement", ["inflection==0.5.1", "toolz==1.0.0"])
def test_the_main_job_on_a_real_project(repository: GitRepository, tmp_path: Path, requirement: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*command, "--dest", str(tmp_path / "sdist"), requirement], check=True, capture_output=True)
    (archive,) = (tmp_path / "sdist").iterdir()
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    for place in source.iterdir():
        place.rename(repository.root / place.name)
    # The archives lack their projects' ``.gitignore``; bytecode is written or not as whoever runs this has it.
    (repository.root / ".git" / "info" / "exclude").write_text("__pycache__/\n", encoding="utf-8")
    repository.commit(message=requirement)

    user = User(repository.root)
    user.run("maestro", "init")
    policy = repository.root / "maestro-policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").partition("# An unmet")[0] + WAIVER, encoding="utf-8")
    repository.commit(message="adopt maestro")
    done = user.json("maestro", "run", code=None)
    assert done["ok"], done
    assert done["card"]["proof"]["verdict"] == "pass"
    passed = next(o for o in done["obligations"] if o["key"] == "pytest/passed")
    assert int(passed["quantity"]["q"]) > 50
    assert repository.git("status", "--porcelain") == ""
    name = requirement.partition("==")[0]
    assert {p.suffix for p in (repository.root / "dist").glob(f"{name}-*")} == {".whl", ".gz", ".json"}
