"""``maestro cas run`` as people use it: directories that stand there, folders that are empty, stores that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def cas(root: Path, *words: str, code: int = 0, **env: str) -> str:
    """Run ``maestro cas``; returns what it says on both streams."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MAESTRO")}
    done = subprocess.run(
        [sys.executable, "-m", "maestro_hooks", "cas", *words], cwd=root, env={**clean, **env}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(root: Path, script: str, *options: str, code: int = 0, **env: str) -> str:
    words = ("run", "--inputs", "src", "--outputs", "out/", *options, "--", "sh", "-c", script)
    return cas(root, *words, code=code, **env)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p/src").mkdir(parents=True)
    (tmp_path / "p/src/a.txt").write_text("alpha\n")
    return tmp_path / "p"


def test_no_git_is_needed_and_a_directory_above_with_state_is_the_root(root: Path) -> None:
    assert "stored" in build(root, "mkdir -p out; cp src/a.txt out/")
    assert "from local" in build(root / "src", "mkdir -p out; cp src/a.txt out/")


def test_an_output_directory_the_user_made_stands_there_for_every_run(root: Path) -> None:
    (root / "out").mkdir()
    script = "cp src/a.txt out/b.txt"
    build(root, script)
    (root / "src/a.txt").write_text("again\n")
    build(root, script)
    assert (root / "out/b.txt").read_text() == "again\n"


def test_an_output_directory_the_command_makes_is_gone_before_it_runs_again(root: Path) -> None:
    script = "mkdir out; cp src/a.txt out/b.txt"
    build(root, script)
    (root / "src/a.txt").write_text("again\n")
    build(root, script)
    subprocess.run(["rm", "-r", str(root / "out")], check=True)
    assert "from local" in build(root, script)
    (root / "src/a.txt").write_text("a third time\n")
    build(root, script)  # the directory was made by the hit


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_build_tool_that_lists_its_directory_is_reused_when_its_outputs_are_gone(root: Path, mode: str) -> None:
    (root / "Makefile").write_text("out/deep/app: src/a.txt\n\tmkdir -p out/deep\n\tcp $< $@\n")
    words = ["run", "--mode", mode, "--inputs", "src", "Makefile", "--outputs", "out/deep/app"]
    tools = ["--tool", "mkdir", "cp", "--"] if mode == "enforce" else ["--"]
    said = cas(root, *words, *tools, "make")
    if mode == "enforce" and "needs strace" in said:
        pytest.skip("strace with seccomp filters is not available here")
    assert " stored " in said, said
    subprocess.run(["rm", "-r", str(root / "out")], check=True)
    assert "from local" in cas(root, *words, *tools, "make")
    assert (root / "out/deep/app").read_text() == "alpha\n"


def test_what_is_wrong_with_a_declaration_is_said_in_one_place(root: Path) -> None:
    for words, code, expected in (
        (("--inputs", "nothing", "--outputs", "x"), 2, "an input pattern matches nothing"),
        (("--inputs", "../x", "--outputs", "x"), 2, "leaves the root by '..'"),
        (("--inputs", "src", "--outputs", "/abs"), 2, "is absolute"),
        (("--inputs", "src", "--outputs", "src"), 2, "is both an input and an output"),
        (("--inputs", "src", "--outputs", "zz"), 0, "not stored: zz: a declared output was not made; to do:"),
    ):
        assert expected in cas(root, "run", *words, "--", "true", code=code)


def test_empty_directories_modes_and_links_come_back(root: Path) -> None:
    script = (
        "mkdir -p out/empty/inner out/full; echo x > out/full/x; chmod 750 out/full/x; chmod 700 out/empty/inner;"
        "ln -s full/x out/link"
    )
    build(root, script)

    def tree() -> list[tuple[str, int, str]]:
        paths = sorted((root / "out").rglob("*"))
        return [(str(p), p.lstat().st_mode, os.readlink(p) if p.is_symlink() else "") for p in paths]

    before = tree()
    subprocess.run(["rm", "-r", str(root / "out")], check=True)
    assert "from local" in build(root, script)
    assert tree() == before
    (root / "out/full/x").chmod(0o600)
    (root / "out/empty/inner").rmdir()
    (root / "out/stray").mkdir()
    (root / "out/deep/er").mkdir(parents=True)
    (root / "out/deep/er/file").write_text("stray")
    assert "from local" in build(root, script)
    assert tree() == before, "modes are mended, strays and what held only them are gone"


def test_an_empty_directory_that_was_only_kept_for_the_command_is_no_output(root: Path) -> None:
    (root / "out").mkdir()
    assert "a declared output was not made" in build(root, "true")


def test_outputs_of_before_come_back_after_a_failure_beside_what_it_made(root: Path) -> None:
    build(root, "mkdir -p out/deep; echo old > out/deep/a; echo old > out/b")
    said = build(root, "mkdir -p out; echo half > out/b; exit 3", code=3)
    assert "not stored: exit code 3" in said
    assert (root / "out/deep/a").read_text() == "old\n"
    assert (root / "out/b").read_text() == "half\n"


def test_a_command_that_is_not_found_inside_says_where_it_looked(root: Path) -> None:
    said = build(root, "no-such-program-anywhere", code=127)
    assert "--tool" in said
    assert "/usr/bin" in said


def test_a_program_named_as_a_tool_is_found(root: Path) -> None:
    tool = root.parent / "tools/special"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho special\n")
    tool.chmod(0o755)
    build(root, "mkdir -p out; special > out/x", "--tool", str(tool))
    assert (root / "out/x").read_text() == "special\n"


@pytest.mark.parametrize("damage", ["cas", "locks", "drafts", "stat", "ac"])
def test_a_store_of_which_a_part_was_deleted_is_mended(root: Path, damage: str) -> None:
    script = "mkdir -p out; cp src/a.txt out/"
    build(root, script)
    subprocess.run(["rm", "-r", str(root / ".maestro/cas" / damage)], check=True)
    (root / "out/a.txt").unlink()
    build(root, script)
    assert (root / "out/a.txt").read_text() == "alpha\n"
    assert "from local" in build(root, script)


@pytest.mark.parametrize("trouble", ["version", "a file"])
def test_a_store_that_cannot_be_used_is_told_and_the_command_runs(root: Path, trouble: str) -> None:
    script = "mkdir -p out; cp src/a.txt out/"
    build(root, script)
    home = root / ".maestro/cas"
    if trouble == "version":
        (home / "VERSION").write_text("maestro.cas/99\n")
    else:
        subprocess.run(["rm", "-r", str(home)], check=True)
        home.write_text("not a store")
    (root / "out/a.txt").unlink()
    said = build(root, script)
    assert "not cached:" in said
    assert "to do" in said or "delete" in said
    assert (root / "out/a.txt").read_text() == "alpha\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("full", ["from the start", "while storing", "read-only"])
def test_a_full_or_read_only_file_system_never_stops_a_command(root: Path, full: str) -> None:
    """The store lies on a tmpfs of 300 kB, the project does not."""
    small = root.parent / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small)], check=False)
    if done.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        (root / "maestro.toml").write_text(f'[cas]\ndirectory = "{small}/store"\n')
        build(root, "mkdir -p out; echo first > out/x")
        if full == "from the start":
            filling = ["dd", "if=/dev/zero", f"of={small}/fill", "bs=4k"]
            assert subprocess.run(filling, capture_output=True, check=False).returncode != 0
        elif full == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        said = build(root, "mkdir -p out; head -c 400000 /dev/zero > out/big; echo made > out/x")
        assert "not stored" in said or "not cached" in said
        assert (root / "out/x").read_text() == "made\n"
        assert (root / "out/big").stat().st_size == 400000
        assert "Traceback" not in said
        again = build(root, "mkdir -p out; echo first > out/x")
        assert (root / "out/x").read_text() == "first\n", again
        assert not (root / "out/big").exists() or "not cached" in again
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_second_builder_is_told_that_it_waits(root: Path) -> None:
    words = [sys.executable, "-m", "maestro_hooks", "cas", "run", "--inputs", "src", "--outputs", "out/", "--"]
    slow = "mkdir -p out; touch out/begun; while ! test -f ../go; do sleep 0.05; done; echo once >> ../count"
    first = subprocess.Popen([*words, "sh", "-c", slow], cwd=root, stderr=subprocess.PIPE, text=True)
    while not (root / "out/begun").exists():
        assert first.poll() is None
    second = subprocess.Popen([*words, "sh", "-c", slow], cwd=root, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "another process does this now" in second.stderr.readline()
    (root.parent / "go").touch()
    first.communicate(timeout=30)
    second.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)


def test_why_explains_each_kind_of_look_up(root: Path) -> None:
    def why(*words: str, code: int) -> str:
        return cas(root, "why", *words, code=code)

    (root / "config.h").write_text("one\n")
    script = "mkdir -p out; cat src/* config.h > out/x"
    named = ("--name", "make", "--env", "CC")
    assert "nothing was looked up yet" in why(code=2)
    build(root, script, *named)
    assert "no earlier result of this name" in why(code=1)
    build(root, script, *named)
    assert "make: hit" in why("make", code=0)
    (root / "config.h").write_text("two\n")
    build(root, script, *named)
    said = why("make", code=1)
    assert "has this key, but what its run read besides its inputs differs" in said
    assert "  the undeclared file config.h changed" in said
    assert "to do: declare these files as inputs" in said
    (root / "src/b.txt").write_text("beta\n")
    build(root, script, *named, CC="clang")
    said = why("make", code=1)
    assert "  env CC: is set now" in said
    assert "  input added: src/b.txt" in said
    assert "clang" not in said
    build(root, "exit 4", *named, code=4)
    said = why("make", code=2)
    assert "the run that followed was not stored: the command failed with exit code 4" in said
    assert "command: " in said
    assert "known are: make" in why("mkae", code=2)
    build(root, script, "--name", "other")
    assert "other names: make" in why(code=1)


def test_a_long_difference_is_cut_around_its_first_letter() -> None:
    from maestro_cas.why import _change_of

    before, after = ["sh", "-c", "x" * 100 + "old" + "y" * 100], ["sh", "-c", "x" * 100 + "new" + "y" * 100]
    said = _change_of(before, after)
    assert "old" in said
    assert "new" in said
    assert len(said) < 150
    assert _change_of(None, "-x") == "nothing -> -x"
