from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.project.repository import Repository, path_text

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository


def test_work_tree_of_a_clean_checkout_is_the_commits_tree(repository: GitRepository) -> None:
    repository.commit({"a.py": "1", "d/b.txt": "2"})
    found = Repository.find(repository.root / "d")
    assert found.root == repository.root
    assert found.work_tree() == repository.git("rev-parse", "HEAD^{tree}")
    assert found.status().clean


def test_work_tree_counts_changed_and_new_files_and_leaves_git_alone(repository: GitRepository) -> None:
    repository.commit({"a.py": "1"})
    found, objects = Repository.find(repository.root), repository.git("count-objects", "-v")
    repository.write({"a.py": "2", "new.py": "3"})
    index = (repository.root / ".git" / "index").read_bytes()
    tree = found.work_tree()
    assert repository.git("count-objects", "-v") == objects
    assert (repository.root / ".git" / "index").read_bytes() == index
    assert (found.status().changed, found.status().untracked) == (("a.py",), ("new.py",))
    repository.commit()
    assert tree == repository.git("rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_see_is_seen(repository: GitRepository, flag: str) -> None:
    repository.commit({"a.py": "1", "b.py": "1"})
    found, before = Repository.find(repository.root), repository.git("rev-parse", "HEAD^{tree}")
    repository.git("update-index", flag, "a.py")
    assert found.work_tree() == before
    assert found.status().clean
    index = (repository.root / ".git" / "index").read_bytes()
    repository.write({"a.py": "2"})
    tree = found.work_tree()
    assert tree != before
    assert found.status().changed == ("a.py",)
    assert (repository.root / ".git" / "index").read_bytes() == index
    repository.git("update-index", flag.replace("--", "--no-"), "a.py")
    repository.commit()
    assert tree == repository.git("rev-parse", "HEAD^{tree}")


def test_a_change_in_the_clock_tick_of_the_index_is_seen(repository: GitRepository) -> None:
    repository.git("config", "core.trustctime", "false")  # the other clock cannot be set back
    place, index = repository.root / "a.py", repository.root / ".git" / "index"
    repository.write({"a.py": "1"})
    long_ago = 1_000_000_000_000_000_000
    os.utime(place, ns=(long_ago, long_ago))
    repository.commit()
    found, before = Repository.find(repository.root), repository.git("rev-parse", "HEAD^{tree}")
    place.write_bytes(b"2")  # as long as before, and as old: only reading it tells
    os.utime(place, ns=(long_ago, long_ago))
    os.utime(index, ns=(long_ago, long_ago))
    assert found.work_tree() != before


def test_ignored_files_and_bytecode_are_no_part_of_the_tree(repository: GitRepository) -> None:
    repository.commit({"a.py": "1", ".gitignore": "*.log\n"})
    found = Repository.find(repository.root)
    before = found.work_tree()
    repository.write({"x.log": "noise", "pkg/__pycache__/a.cpython-311.pyc": b"\0"})
    assert found.work_tree() == before
    assert found.status().clean
    assert [path for path, _ in found.files()] == [".gitignore", "a.py"]


def test_run_id_is_one_for_staged_content_and_the_commit_made_of_it(repository: GitRepository) -> None:
    repository.commit({"a.py": "1"})
    found = Repository.find(repository.root)
    repository.write({"a.py": "2"})
    repository.git("add", "a.py")
    staged = found.run_id()
    repository.commit()
    assert found.run_id() == staged
    repository.commit({"a.py": "3"})
    assert found.run_id() != staged


def test_no_repository_and_no_commit(tmp_path: Path, repository: GitRepository) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(UsageError, match="not a git repository"):
        Repository.find(outside)
    empty = Repository.find(repository.root)
    assert (empty.head, empty.commit_time(), empty.files()) == ("", None, ())
    assert len(empty.work_tree()) == 40


def test_a_bare_repository_says_so(tmp_path: Path, repository: GitRepository) -> None:
    repository.git("init", "--quiet", "--bare", str(tmp_path / "bare.git"))
    with pytest.raises(UsageError, match="bare git repository"):
        Repository.find(tmp_path / "bare.git")


def test_git_missing(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"):
        Repository.find(repository.root)


def test_a_damaged_repository_is_a_tool_error(repository: GitRepository) -> None:
    repository.commit({"a.py": "1"})
    (repository.root / ".git" / "index").write_bytes(b"garbage")
    with pytest.raises(ToolError, match="git .* failed"):
        Repository.find(repository.root).run_id()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 need a file system that allows them")
def test_names_that_are_not_utf8(repository: GitRepository) -> None:
    raw = os.fsencode(repository.root) + b"/caf\xe9.py"
    Path(os.fsdecode(raw)).write_text("x = 1\n", encoding="utf-8")
    repository.commit({"plain.py": "1"})
    found = Repository.find(repository.root)
    assert [path for path, _ in found.files()] == ['"caf\\351.py"', "plain.py"]
    assert found.status().clean


def test_quoted_names_do_not_collide() -> None:
    names = [b"caf\xe9.py", b'"caf\\351.py"', "café.py".encode(), b'"', b"\\"]
    assert len({path_text(name) for name in names}) == len(names)


def test_submodules_are_named(repository: GitRepository, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    from tests.support.git_repository import GitRepository as Repo

    inner = Repo(other)
    inner.git("init", "--quiet")
    inner.commit({"x.py": "1"})
    repository.commit({"a.py": "1"})
    repository.git("submodule", "--quiet", "add", str(other), "vendor/other")
    repository.commit()
    found = Repository.find(repository.root)
    assert found.submodules() == ("vendor/other",)
    assert found.work_tree() == repository.git("rev-parse", "HEAD^{tree}")
    assert [path for path, _ in found.files()] == [".gitmodules", "a.py"]


def test_a_shallow_clone_is_a_repository(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit({"a.py": "1"})
    repository.commit({"a.py": "2"})
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(tmp_path / "shallow"))
    found = Repository.find(tmp_path / "shallow")
    assert found.work_tree() == repository.git("rev-parse", "HEAD^{tree}")


def test_remote_url_never_shows_credentials(repository: GitRepository) -> None:
    repository.git("remote", "add", "origin", "https://user:secret@example.org/x.git")
    assert Repository.find(repository.root).remote_url() == "https://example.org/x.git"


def test_the_tree_of_what_is_listed_is_the_one_git_writes(repository: GitRepository) -> None:
    # Names around the slash sort differently as files and as directories.
    files: dict[str, str | bytes] = {
        "a-b": "1",
        "a/x.py": "2",
        "a.py": "3",
        "a/b/c/d": "4",
        "a0": "5",
        "é/ü": "6",
        "z": "",
    }
    repository.commit(files)
    (repository.root / "z").chmod(0o755)
    (repository.root / "link").symlink_to("a.py")
    repository.commit()
    listing = Repository.find(repository.root).listing()
    assert listing.dirty == frozenset()
    assert listing.tree == repository.git("rev-parse", "HEAD^{tree}")


def test_a_listing_tells_changed_deleted_and_new_files(repository: GitRepository) -> None:
    repository.commit({"a.py": "1", "b.py": "2", "c.py": "3", ".gitignore": "*.log\n"})
    found = Repository.find(repository.root)
    repository.write({"a.py": "9", "new.py": "4", "noise.log": "5"})
    (repository.root / "b.py").unlink()
    assert found.listing().dirty == {b"a.py", b"b.py", b"new.py"}


def test_an_unmerged_index_and_one_of_another_hash(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit({"a.py": "1"})
    repository.git("checkout", "-q", "-b", "other")
    repository.commit({"a.py": "2"})
    repository.git("checkout", "-q", "-")
    repository.commit({"a.py": "3"})
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "other")
    assert Repository.find(repository.root).listing().tree is None
    assert Repository.find(repository.root).work_tree()
    place = tmp_path / "sha256"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(place)], check=True)
    (place / "a").mkdir()
    (place / "a" / "b").write_text("1")
    subprocess.run(["git", "-C", str(place), "add", "."], check=True)
    written = subprocess.run(["git", "-C", str(place), "write-tree"], check=True, capture_output=True, text=True)
    assert Repository(place).work_tree() == written.stdout.strip()
