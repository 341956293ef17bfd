"""The pure parts: globs, stat cache, undeclared reads, wire format, why, reuse."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_cas import engine, journal, scan
from maestro_cas.globs import compile_globs
from maestro_cas.journal import Event
from maestro_cas.key import environment, key_of, portable
from maestro_cas.reads import audit, judge, strace
from maestro_cas.reads.judge import Access
from maestro_cas.remote import wire
from maestro_cas.reuse import by_name
from maestro_cas.stat_cache import StatCache
from maestro_cas.why import explain
from maestro_hooks.errors import ConfigError, EvidenceError
from tests.plugins.maestro_cas.machines import age

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugins.maestro_cas.machines import Machine


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("src", ["src", "src/a", "src/b/c"], ["srcs", "a/src"]),
        ("src/", ["src/a", "src/b/c"], ["source/a"]),
        ("*.toml", ["a.toml"], ["b/a.toml", "a.tomls"]),
        ("src/**/*.py", ["src/a.py", "src/b/c/d.py"], ["src/a.pyc", "a.py"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a"]),
        ("v[0-9]?.txt", ["v1a.txt"], ["vxa.txt", "v1/.txt"]),
        ("v[!0-9].txt", ["va.txt"], ["v1.txt"]),
        ("a+b(1).txt", ["a+b(1).txt"], ["aab1.txt"]),
    ],
)
def test_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    globs = compile_globs((pattern,), where="test")
    assert [p for p in yes if not globs.matches(p)] == []
    assert [p for p in no if globs.matches(p)] == []
    for path in yes:
        parts = path.split("/")
        assert all(globs.enters("/".join(parts[:i])) for i in range(len(parts)))


@pytest.mark.parametrize("pattern", ["/etc", "../x", "a/../b", "", "~/x", "a//b", "./a", "C:/x", "a\\b", "a\nb", "!"])
def test_patterns_that_could_leave_the_root_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        compile_globs((pattern,), where="inputs")


def test_exclusion() -> None:
    globs = compile_globs(("src", "!src/**/*.log"), where="test")
    assert globs.matches("src/a.py")
    assert not globs.matches("src/b/a.log")


def record_hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are hashed from now on."""
    hashed: list[str] = []
    real = scan.hash_file

    def noting(path: str) -> str:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(scan, "hash_file", noting)
    return hashed


def test_an_unchanged_tree_is_not_hashed_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    age(machine.root)
    # utime is a change of its own: let the change time grow older than a tick, as it would in life.
    monkeypatch.setattr("maestro_cas.stat_cache.TICK_NS", -(10**12))
    before = machine.prepare()
    hashed = record_hashing(monkeypatch)
    assert machine.prepare().key == before.key
    assert hashed == []
    (machine.root / "src/a.txt").write_text("new")
    assert machine.prepare().key != before.key
    assert [p.rpartition("/")[2] for p in hashed] == ["a.txt"]


def test_a_file_changed_within_the_tick_is_hashed_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.prepare()
    hashed = record_hashing(monkeypatch)
    machine.prepare()
    assert len(hashed) == 2


def test_a_damaged_stat_cache_is_an_empty_one(machine: Machine) -> None:
    before = machine.prepare().key
    rng = random.Random(1)  # noqa: S311
    for _ in range(20):
        for path in (machine.root / ".maestro/cas/stat").iterdir():
            data = bytearray(path.read_bytes())
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
        assert machine.prepare().key == before


def test_concurrent_edits_while_hashing_are_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = scan.hash_file

    def slow(path: str) -> str:
        digest = real(path)
        with open(path, "a") as stream:
            stream.write("!")
        return digest

    monkeypatch.setattr(scan, "hash_file", slow)
    with pytest.raises(Exception, match="changed while it was read"):
        scan.scan(str(machine.root), compile_globs(("src",), where="t"), StatCache(str(machine.root / "cache")))


ROOT = "/home/u/p"


def judged(*accesses: Access, programs: tuple[str, ...] = (), strict: bool = True) -> tuple[str, ...]:
    scope = judge.Scope(
        root=ROOT,
        inputs=compile_globs(("src", "conf/*.cfg"), where="t"),
        outputs=compile_globs(("out/",), where="t"),
        covered=["/opt/python", f"{ROOT}/.venv", "/home/u"],
        programs=programs,
        strict=strict,
    )
    return judge.undeclared(accesses, scope)


@pytest.mark.parametrize(
    ("access", "found"),
    [
        (Access(f"{ROOT}/src/a", "read"), ()),
        (Access(f"{ROOT}/conf/new.cfg", "absent"), ()),
        (Access(f"{ROOT}/secret", "read"), ("secret",)),
        (Access(f"{ROOT}/secret", "absent"), ("secret (absent)",)),
        (Access(f"{ROOT}/.venv/lib/x", "read"), ()),
        (Access("/usr/lib/libc.so", "read"), ()),
        (Access("/opt/python/lib/os.py", "read"), ()),
        (Access("/srv/data", "read"), ("/srv/data",)),
        (Access("/srv/data", "absent"), ("/srv/data (absent)",)),
        (Access(f"{ROOT}/out/x", "read"), ()),
        (Access("/usr/bin/gcc", "execute"), ("/usr/bin/gcc (program)",)),
        (Access("/usr/bin/make", "execute"), ()),
    ],
)
def test_what_is_undeclared(access: Access, found: tuple[str, ...]) -> None:
    assert judged(access, programs=("/usr/bin/make",)) == found


def test_what_the_action_wrote_itself_is_no_input() -> None:
    assert judged(Access(f"{ROOT}/tmp1", "write"), Access(f"{ROOT}/tmp1", "read")) == ()
    assert judged(Access(f"{ROOT}/tmp1", "read"), Access(f"{ROOT}/tmp1", "write")) == ("tmp1",)


PROBE = """
import os, subprocess
open('src/a.txt').read()
open('secret.txt').read()
os.path.exists('ghost.cfg')
os.listdir('other')
open('made.txt', 'w').write('x'); open('made.txt').read()
subprocess.run(['cat', 'native.txt'], check=True)
open('link/outside.txt').read()
os.makedirs('/tmp/' + str(os.getpid()) + '/inner')
import shutil; shutil.rmtree('/tmp/' + str(os.getpid()))
os.chdir('other'); open('deep.txt').read()
"""


@pytest.fixture
def probed(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    for folder in ("src", "other"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/outside.txt").write_text("o")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("src/a.txt", "secret.txt", "native.txt", "other/deep.txt"):
        (root / name).write_text("x")
    return root


def found_in(root: Path, seen: list[Access]) -> tuple[str, ...]:
    covered = [sys.prefix, sys.base_prefix]
    globs = [compile_globs((p,), where="t") for p in ("src", "out/")]
    scope = judge.Scope(root=str(root), inputs=globs[0], outputs=globs[1], covered=covered, strict=True)
    return judge.undeclared(seen, scope)


@pytest.mark.engine("strace")
def test_strace_sees_every_kind_of_undeclared_read(probed: Path, tmp_path: Path) -> None:
    if not strace.available():
        pytest.skip("strace with seccomp filters is not available here")
    log = tmp_path / "log"
    subprocess.run(
        [*strace.command(log), sys.executable, "-S", "-c", PROBE], cwd=probed, check=True, capture_output=True
    )
    found = found_in(probed, list(strace.accesses(log.read_text().splitlines(), str(probed))))
    outside = str(tmp_path / "elsewhere/outside.txt")
    wanted = {"secret.txt", "ghost.cfg (absent)", "native.txt", outside, "other", "other/deep.txt"}
    assert wanted <= set(found)
    assert [f for f in found if "made" in f or f.startswith("src")] == ["made.txt (written)"]


def test_the_audit_hook_sees_what_python_opens_and_not_the_rest(probed: Path, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    audit.sitecustomize(hook)
    env = {**os.environ, "PYTHONPATH": str(hook), audit.VARIABLE: str(tmp_path / "log")}
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=probed, check=True, env=env, capture_output=True)
    assert done.stderr == b""
    found = set(found_in(probed, list(audit.accesses(tmp_path / "log"))))
    assert {"secret.txt", str(tmp_path / "elsewhere/outside.txt"), "other", "other/deep.txt"} <= found
    assert not [f for f in found if "inner" in f], "a name below a directory handle is not one of the project"
    assert "native.txt" not in found, "native children are not seen: the record says 'audit'"


def test_an_unreadable_trace_is_an_error() -> None:
    with pytest.raises(ValueError, match="garbage"):
        list(strace.accesses(["garbage without a pid"], "/"))


def test_a_trace_with_interleaved_processes_is_put_together() -> None:
    lines = [
        '10 openat(AT_FDCWD</w>, "a b", O_RDONLY <unfinished ...>',
        '11 chdir("/other") = 0',
        '11 openat(AT_FDCWD</other>, "x\\303\\244", O_RDONLY|O_CLOEXEC) = 3</other/x\\303\\244>',
        "10 <... openat resumed>) = -1 ENOENT (No such file or directory)",
        '10 rename("new", "old") = 0',
        "10 +++ exited with 0 +++",
    ]
    seen = list(strace.accesses(lines, "/w"))
    moved = [Access("/w/new", "move", "/w/old"), Access("/w/old", "write")]
    assert seen == [Access("/other/xä", "read"), Access("/w/a b", "absent"), *moved]


@settings(derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 2**28), st.one_of(st.integers(1, 2**64 - 1), st.binary(max_size=40)))))
def test_the_wire_format_reads_what_it_writes(fields: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(wire.number(f, v) if isinstance(v, int) else wire.message(f, v) for f, v in fields)
    wanted: dict[int, list[int | bytes]] = {}
    for field, value in fields:
        wanted.setdefault(field, []).append(value)
    assert wire.decode(data) == wanted


@settings(derandomize=True, max_examples=200)
@given(st.binary(max_size=64))
def test_the_wire_reader_survives_anything(data: bytes) -> None:
    try:
        wire.decode(data)
    except EvidenceError:
        return


def test_values_of_variables_are_not_in_the_key() -> None:
    made = environment(["TOKEN", "ABSENT", "EMPTY"], {"TOKEN": "hunter2", "EMPTY": ""})
    assert "hunter2" not in repr(made)
    assert made["ABSENT"] == "unset" != made["EMPTY"]
    assert key_of({"env": made}) != key_of({"env": environment(["TOKEN"], {"TOKEN": "hunter3"})})


def test_two_checkouts_have_one_key() -> None:
    assert portable(["-I/a/b/src", "x"], "/a/b") == portable(["-I/c/src", "x"], "/c")


def test_why_names_the_true_component(machine: Machine) -> None:
    def look(**components: object) -> list[str]:
        prepared = machine.prepare(**components)
        outcome = machine.look_up(prepared)
        engine.observe(machine.store, prepared, outcome, began=0, ended=0)
        answer = explain(machine.store, "build")
        assert answer is not None
        return list(answer.lines)

    assert look(env={"A": "unset"}) == ["there is no earlier result of this name to compare with"]
    machine.run(machine.prepare(env={"A": "unset"}))
    assert look(env={"A": "sha256:1"}) == ["env A: is set now"]
    assert look(env={"A": "unset"}, posargs=["-x"]) == ["posargs: nothing -> -x"]
    (machine.root / "src/a.txt").write_text("changed")
    (machine.root / "src/new.txt").write_text("n")
    (machine.root / "src/deep/b.txt").unlink()
    assert look(env={"A": "unset"}) == [
        "input added: src/new.txt", "input removed: src/deep/b.txt", "input changed: src/a.txt",
    ]  # fmt: skip


def test_reuse_adds_up() -> None:
    events = [
        Event(at=1, name="a", key="k", root="/", result="miss", duration_ms=100, size=10, reason="new"),
        Event(at=2, name="a", key="k", root="/", result="hit", saved_ms=100, size=10),
        Event(at=3, name="a", key="k", root="/", result="remote-hit", saved_ms=100, size=10),
        Event(at=4, name="b", key="k", root="/", result="bypass", duration_ms=7),
    ]
    a, b, everything = by_name(events)
    assert (a.lookups, a.action_permille, a.byte_permille, a.saved_ms, a.spent_ms) == (3, 666, 666, 200, 100)
    assert (b.lookups, b.action_permille) == (1, 0)
    assert (everything.lookups, everything.action_permille) == (4, 500)
    assert by_name([])[-1].action_permille == 0


def test_a_torn_line_of_the_journal_is_counted(machine: Machine) -> None:
    store = machine.store
    journal.note(store, Event(at=1, name="a", key="k", root="/", result="hit"))
    path = next((machine.root / ".maestro/cas/journal").iterdir())
    path.write_bytes(path.read_bytes() + b'{"at": 1, "na')
    assert [e is None for e in journal.events(store)] == [False, True]
