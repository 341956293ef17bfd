"""A hit after something changed that nobody declared would be a wrong one: each change must make the command run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from maestro_cas.globs import compile_globs
from maestro_cas.names import keys_of
from maestro_cas.reads import strace, witness
from maestro_cas.reads.judge import Access, Scope
from maestro_cas.stat_cache import StatCache
from maestro_cas.store import open_store
from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Work:
    """A project whose one command is cached, with a watch that is forced by what is on ``PATH``."""

    root: Path
    strace: bool
    program: tuple[str, ...] = ("sh", "-c")

    def make(self, code: str, *options: str) -> tuple[str, str]:
        """Run; returns what ``out.txt`` holds then, and what was said."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAESTRO")}
        if not self.strace:
            env["PATH"] = f"{self.root.parent / 'no-strace'}:{env['PATH']}"
        done = subprocess.run(
            [sys.executable, "-m", "maestro_hooks", "cas", "run", "--inputs", "src", "--outputs", "out.txt", "--name",
             "make", *options, "--", *self.program, code],
            cwd=self.root, env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return (self.root / "out.txt").read_text(), done.stderr


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Work]:
    root = tmp_path / "p"
    for folder in ("src", "other", "v1", "v2"):
        (root / folder).mkdir(parents=True)
        (root / folder / "x.txt").write_text(f"{folder}\n")
    (root / "current").symlink_to("v1")
    (root / "config.h").write_text("one\n")
    (root / "sized").write_text("")
    (tmp_path / "outside.cfg").write_text("far\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    broken = tmp_path / "no-strace" / "strace"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)

    def make(*, traced: bool = True) -> Work:
        if traced and not strace.available():
            pytest.skip("strace with seccomp filters is not available here")
        return Work(root, traced)

    return make


PYTHON = """
import glob, os
def text(p): return open(p).read() if os.path.exists(p) else ''
w = open('out.txt', 'w')
w.write(text('src/x.txt') + open('config.h').read() + open('../outside.cfg').read() + open('current/x.txt').read())
w.write(' '.join(sorted(glob.glob('other/*'))))
try: w.write(open('optional.cfg').read())
except OSError: pass
"""
SHELL = """cat src/x.txt config.h ../outside.cfg current/x.txt > out.txt; echo other/* >> out.txt
test -s sized && echo full >> out.txt
if test -f optional.cfg; then cat optional.cfg >> out.txt; fi"""


def turned(root: Path) -> None:
    (root / "current").unlink()
    (root / "current").symlink_to("v2")


def copied(root: Path) -> None:
    (root / "current").unlink()
    (root / "current").mkdir()
    (root / "current/x.txt").write_text("copy\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "an undeclared file": lambda root: (root / "config.h").write_text("two\n"),
    "a file outside": lambda root: (root.parent / "outside.cfg").write_text("near\n"),
    "a file that was not there": lambda root: (root / "optional.cfg").write_text("new\n"),
    "a name in a directory": lambda root: (root / "other/y.txt").write_text(""),
    "where a link leads": turned,
    "a link that became a copy": copied,
    "an undeclared file, same size and time": lambda root: rewrite(root / "config.h", "six\n"),
}


def rewrite(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_size_of_a_file_that_was_only_asked_about_counts(work: Callable[..., Work]) -> None:
    w = work()
    assert "full" not in w.make(SHELL)[0]
    assert "sized" not in w.make(SHELL)[1], "no finding: its content was not read"
    (w.root / "sized").write_text("x")
    made, said = w.make(SHELL)
    assert "from local" not in said
    assert "full" in made


@pytest.mark.parametrize("declared", [True, False])
def test_a_linked_work_tree_reads_its_git_directories_as_any_reads_dot_git(
    work: Callable[..., Work], declared: bool
) -> None:
    w = work()
    git = ["git", "-C", str(w.root), "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(w.root.parent / "linked")], check=True)
    linked = Work(w.root.parent / "linked", w.strace)
    (linked.root / "src").mkdir()
    (linked.root / "src/x.txt").write_text("x\n")
    options = ("--caches", ".git") if declared else ()
    listed, said = linked.make("git rev-parse HEAD > out.txt", *options)
    assert len(listed.strip()) == 40
    assert ("commondir" in said) is not declared
    assert ("undeclared read" in said) is not declared, said
    assert "from local" in linked.make("git rev-parse HEAD > out.txt", *options)[1]


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_another_machine_s_choice_of_a_version_behind_a_shim_is_no_hit(work: Callable[..., Work]) -> None:
    w = work()
    manager = w.root.parent / "manager"
    for version in ("1", "2"):
        script(manager / f"versions/{version}/bin/tool", f'#!/bin/sh\necho {version} > "$1"\n')
    shim = 'here="$(dirname "$0")/.."; exec "$here/versions/$(cat "$here/version")/bin/tool" "$@"'
    w.program = (str(script(manager / "shims/tool", f"#!/bin/sh\n{shim}\n")),)
    (manager / "version").write_text("1")
    made, said = w.make("out.txt")
    assert (made, "undeclared" in said) == ("1\n", False), said
    store = open_store(str(w.root / ".maestro/cas"))
    key = keys_of(store, "make")[0]
    envelope = store.envelope(key)
    assert envelope is not None
    store.put_record(key, envelope, fetched=True)
    assert "from local" in w.make("out.txt")[1], "the same choice: the other machine's result is ours"
    (manager / "version").write_text("2")
    made, said = w.make("out.txt")
    assert made == "2\n", said


def test_the_interpreter_under_a_virtual_environment_is_no_finding(work: Callable[..., Work]) -> None:
    w = work()
    place = w.root.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    body = "import json, sys\nopen(sys.argv[1], 'w').write(json.dumps(1))"
    w.program = (str(script(place / "bin/tool", f"#!{place}/bin/python\n{body}\n")),)
    assert "undeclared" not in w.make("out.txt")[1]
    assert "from local" in w.make("out.txt")[1]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("watch", ["strace", "audit"])
def test_a_change_of_what_was_not_declared_is_no_hit(work: Callable[..., Work], watch: str, change: str) -> None:
    w = work(traced=watch == "strace")
    w.program, code = ((sys.executable, "-S", "-c"), PYTHON) if watch == "audit" else (("sh", "-c"), SHELL)
    if watch == "audit":
        w.program = (sys.executable, "-c")
    first, said = w.make(code)
    assert "undeclared read: config.h" in said
    again, said = w.make(code)
    assert (again, "from local" in said) == (first, True), said
    CHANGES[change](w.root)
    second, said = w.make(code)
    assert "from local" not in said
    assert second != first, "the change shows in the output"


def test_a_started_program_that_changes_is_no_hit(work: Callable[..., Work]) -> None:
    w = work()
    tool = w.root.parent / "tool"
    tool.write_text("#!/bin/sh\necho one\n")
    tool.chmod(0o755)
    assert w.make("../tool > out.txt")[0] == "one\n"
    tool.write_text("#!/bin/sh\necho two\n")
    assert w.make("../tool > out.txt")[0] == "two\n"


@pytest.mark.parametrize("watch", ["strace", "audit"])
def test_an_output_nobody_declared_is_told_and_its_loss_is_a_miss(work: Callable[..., Work], watch: str) -> None:
    w = work(traced=watch == "strace")
    w.program = (sys.executable, "-c")
    code = "open('out.txt', 'w').write('x'); open('side.log', 'w').write('y')"
    assert "undeclared output: side.log" in w.make(code)[1]
    assert "from local" in w.make(code)[1]
    (w.root / "side.log").unlink()
    assert "from local" not in w.make(code)[1]
    assert (w.root / "side.log").read_text() == "y", "no output is lost"


def test_a_file_rewritten_by_somebody_else_during_the_run_forbids_storing(work: Callable[..., Work]) -> None:
    w = work()
    waiting = "cat src/x.txt config.h > out.txt; touch begun; while ! grep -q three config.h; do sleep 0.05; done"
    somebody = subprocess.Popen(
        ["sh", "-c", "while ! test -f begun; do sleep 0.05; done; echo three > config.h"], cwd=w.root
    )
    _, said = w.make(waiting)
    assert somebody.wait() == 0
    assert "not stored: config.h, which it read, was written during the run" in said


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_temporary_file_of_the_run_itself_is_no_finding(work: Callable[..., Work], mode: str) -> None:
    w = work()
    w.program = (sys.executable, "-S", "-c")
    code = (
        "import os; os.mkdir('t'); open('t/a', 'w').write('x'); os.rename('t', 'u'); v = open('u/a').read();"
        "os.unlink('u/a'); os.rmdir('u'); open('out.txt', 'w').write(v)"
    )
    said = w.make(code, "--mode", mode)[1]
    assert "u/a" not in said
    assert "t/a" not in said


def scope(root: Path) -> Scope:
    globs = [compile_globs((p,), where="t") for p in ("src", "out/")]
    return Scope(root=str(root), inputs=globs[0], outputs=globs[1])


def test_witness_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("x")
    (tmp_path / "d").mkdir()
    accesses = [
        Access(f"{tmp_path}/a b", "read"), Access(f"{tmp_path}/d", "listing"), Access(f"{tmp_path}/none", "absent"),
        Access("/usr/bin/env", "execute"), Access("/proc/self/maps", "read"), Access(f"{tmp_path}/src/x", "read"),
    ]  # fmt: skip
    asked, own = witness.wanted(accesses, scope(tmp_path), variables=["MODE"])
    assert own == set()
    cache = StatCache(str(tmp_path / "cache"))
    lines = witness.write(witness.snapshot(asked, scope(tmp_path), cache, {"MODE": "secret value"}))
    assert b"secret" not in lines
    assert b"/proc" not in lines
    assert b"src/x" not in lines
    assert witness.write(witness.parse(lines)) == lines
    assert {w.path for w in asked} >= {"a b", "d", "none", "MODE"}


@pytest.mark.parametrize("line", [b"garbage\n", b"q f 1 aa path\n", b"p f\n", b"\xff\n"])
def test_a_line_that_is_no_witness_is_told(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(EvidenceError):
        witness.parse(line)
    cache = StatCache(str(tmp_path / "cache"))
    (words,) = witness.changes(line, scope(tmp_path), cache, system=True)
    assert "cannot be checked" in words


def test_a_name_with_a_line_break_cannot_be_a_witness(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="line break"):
        witness.write({witness.Wanted("p", "state", "a\nb"): "a 0 -"})
