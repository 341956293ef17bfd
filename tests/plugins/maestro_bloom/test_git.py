from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from maestro_bloom.model_cache import Models
from maestro_bloom.store import Store
from maestro_bloom.tree import read_tree
from tests.plugins.maestro_bloom.test_runs import Project, project, ran, server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["project", "server"]  # fixtures

# What git does between a recording and a run: an index speaks of contents, whatever the history is.

BROKEN = ("src/pkg.py", "return 2", "return 3")


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def test_a_rebased_branch_runs_what_either_side_changed(project: Project) -> None:
    project.run()
    git(project.root, "branch", "-m", "trunk")
    git(project.root, "checkout", "-qb", "topic")
    project.edit(*BROKEN)
    git(project.root, "commit", "-qam", "two")
    git(project.root, "checkout", "-q", "trunk")
    project.edit("src/pkg.py", "return 1", "return 7")
    git(project.root, "commit", "-qam", "one")
    assert ran(project.run()) == {"test_one"}
    git(project.root, "checkout", "-q", "topic")
    git(project.root, "rebase", "-q", "trunk")
    assert ran(project.run()) == {"test_one", "test_two"}  # the one fails as it did before
    git(project.root, "checkout", "-q", "trunk~1")
    result = project.run()
    assert (ran(result), result["code"]) == ({"test_one", "test_two"}, 0)


def test_stashed_staged_and_restored_changes(project: Project) -> None:
    project.run()
    project.edit(*BROKEN)
    git(project.root, "stash", "-q")
    assert ran(project.run("--maestro-record=off")) == set()
    git(project.root, "stash", "pop", "-q")
    assert ran(project.run("--maestro-record=off")) == {"test_two"}
    # In git's index, but not on disk: what runs is on disk.
    git(project.root, "add", "-A")
    (project.root / "src/pkg.py").write_text(git(project.root, "show", "HEAD:src/pkg.py"))
    assert ran(project.run("--maestro-record=off")) == set()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_told_not_to_look_at(project: Project, flag: str) -> None:
    project.run()
    git(project.root, "update-index", flag, "src/pkg.py")
    project.edit(*BROKEN)
    assert git(project.root, "status", "--porcelain", "-uno") == ""
    assert ran(project.run("--maestro-record=off")) == {"test_two"}


def test_tests_of_the_same_name_in_two_directories_of_one_repository(project: Project) -> None:
    for name in ("one", "two"):
        (project.root / name / "tests").mkdir(parents=True)
        (project.root / name / "pytest.ini").write_text("[pytest]\n")
        (project.root / name / "tests/test_x.py").write_text(f"def test_x():\n    assert {name!r} == 'one'\n")
    first = project.run("--rootdir=one", "-c", "one/pytest.ini", "one/tests")
    assert (ran(first), first["code"]) == ({"test_x"}, 0)
    second = project.run("--rootdir=two", "-c", "two/pytest.ini", "two/tests")
    assert (ran(second), second["code"]) == ({"test_x"}, 1)
    assert "option rootdir one -> two" in second["output"]


def test_a_submodule_is_part_of_the_tree(project: Project, tmp_path: Path) -> None:
    library = tmp_path / "library"
    shutil.copytree(project.root / "src", library / "vendored", ignore=shutil.ignore_patterns("__pycache__"))
    (library / "vendored/__init__.py").write_text("")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        git(library, *command)
    git(project.root, "submodule", "--quiet", "add", str(library), "src/library")
    test = (
        "from library.vendored import pkg\n\n\ndef test_three():\n    assert pkg.two() == 2\n\n\n"
        "def test_four():\n    try:\n        from library.vendored import more\n"
        "    except ImportError:\n        return\n"
        "    assert not more\n"
    )
    (project.root / "tests/test_library.py").write_text(test)
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "submodule")
    assert ran(project.run()) == {"test_one", "test_two", "test_three", "test_four"}
    assert ran(project.run()) == set()
    inner = project.root / "src/library/vendored"
    project.edit("src/library/vendored/pkg.py", "return 2", "return 3")
    assert ran(project.run("--maestro-record=off")) == {"test_three"}
    git(inner, "commit", "-qam", "three")
    assert ran(project.run("--maestro-record=off")) == {"test_three"}
    git(inner, "checkout", "-q", "HEAD~1")
    (inner / "more.py").write_text("")
    assert "test_four" in ran(project.run("--maestro-record=off"))


def test_a_worktree_and_a_shallow_clone_use_an_index_from_elsewhere(project: Project, tmp_path: Path) -> None:
    secret = "\n[tool.maestro.bloom]\nsalt = 'shared'\n"
    (project.root / "pyproject.toml").write_text((project.root / "pyproject.toml").read_text() + secret)
    git(project.root, "commit", "-qam", "salt")
    project.run()
    index = project.indexes[0]
    git(project.root, "worktree", "add", "-q", str(tmp_path / "other"), "HEAD")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project.root}", "shallow")
    for root in (tmp_path / "other", tmp_path / "shallow"):
        place = Store(root).directory / index.parent.name / index.name
        place.parent.mkdir(parents=True)
        shutil.copy(index, place)
        copy = Project(root, project.server)
        assert ran(copy.run("--maestro-record=off")) == set()
        copy.edit(*BROKEN)
        assert ran(copy.run("--maestro-record=off")) == {"test_two"}


def test_modes_and_links_are_kinds_of_their_own(project: Project) -> None:
    place = project.root / "src/pkg.py"
    assert read_tree(project.root).kind("src/pkg.py") == "file"
    place.chmod(0o755)
    assert read_tree(project.root).kind("src/pkg.py") == "program"
    git(project.root, "commit", "-qam", "mode")
    assert read_tree(project.root).kind("src/pkg.py") == "program"
    (project.root / "link.py").symlink_to("src/pkg.py")
    tree = read_tree(project.root)
    assert tree.kind("link.py") == "link src/pkg.py: program"
    assert Models(project.root).of(tree.content("link.py"), project.root / "link.py") is not None


def test_line_ends_that_git_does_not_tell_apart(project: Project) -> None:
    place, attributes = project.root / "data.txt", project.root / ".git/info/attributes"
    place.write_bytes(b"one\n")
    test = "from pathlib import Path\n\n\ndef test_ends():\n    assert Path('data.txt').read_bytes() == b'one\\n'\n"
    (project.root / "tests/test_ends.py").write_text(test)
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "data")
    project.run()
    assert ran(project.run("--maestro-record=off")) == set()
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.txt text eol=crlf\n")
    place.unlink()
    git(project.root, "checkout", "data.txt")
    assert (place.read_bytes(), git(project.root, "status", "--short")) == (b"one\r\n", "")
    result = project.run()
    assert (ran(result), result["code"]) == ({"test_ends"}, 1)


def test_a_checkout_named_through_a_link(project: Project, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere/link"
    link.parent.mkdir()
    link.symlink_to(project.root)
    test = "from pathlib import Path\n\n\ndef test_data():\n"
    test += "    assert (Path(__file__).parent / 'data.txt').read_text() == '1'\n"
    (project.root / "tests/test_data.py").write_text(test)
    (project.root / "tests/data.txt").write_text("1")
    outside = Project(link.parent, project.server)
    named = [f"--rootdir={link}", str(link / "tests")]
    assert len(ran(outside.run(*named))) == 3
    assert ran(outside.run("--maestro-record=off", *named)) == set()
    (project.root / "tests/data.txt").write_text("2")
    project.edit(*BROKEN)
    assert ran(outside.run("--maestro-record=off", *named)) == {"test_two", "test_data"}
