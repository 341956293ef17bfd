from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from maestro_cas import engine
from maestro_cas.engine import Hit, Miss
from maestro_cas.record import Reads
from maestro_hooks.errors import ConfigError, ToolError

if TYPE_CHECKING:
    from tests.plugins.maestro_cas.machines import Machine


def test_a_second_look_up_restores_what_the_run_made(machine: Machine) -> None:
    assert isinstance(machine.look_up(), Miss)
    assert machine.run() == ""
    made = machine.result()
    machine.clear()
    outcome = machine.look_up()
    assert isinstance(outcome, Hit)
    assert outcome.restored.files == 2
    assert machine.result() == made == {"a.txt": b"alpha\nalpha\n", "b.txt": b"beta\nbeta\n"}


def test_outputs_that_stand_right_are_left_alone(machine: Machine) -> None:
    machine.run()
    before = os.stat(machine.root / "out/a.txt").st_ino
    outcome = machine.look_up()
    assert isinstance(outcome, Hit)
    assert (outcome.restored.files, outcome.restored.kept) == (0, 2)
    assert os.stat(machine.root / "out/a.txt").st_ino == before


def test_an_output_edited_or_truncated_after_the_run_is_put_right(machine: Machine) -> None:
    machine.run()
    (machine.root / "out/a.txt").write_bytes(b"alpha\nALPHA\n")
    (machine.root / "out/b.txt").write_bytes(b"")
    (machine.root / "out/stray.txt").write_bytes(b"of an older run")
    outcome = machine.look_up()
    assert isinstance(outcome, Hit)
    assert (outcome.restored.files, outcome.restored.removed) == (2, 1)
    assert machine.result() == {"a.txt": b"alpha\nalpha\n", "b.txt": b"beta\nbeta\n"}


@pytest.mark.parametrize("change", ["edit", "add", "remove", "mode", "rename", "same size and time"])
def test_any_change_of_an_input_is_a_miss(machine: Machine, change: str) -> None:
    machine.run()
    source = machine.root / "src/a.txt"
    stat = source.stat()
    if change == "edit":
        source.write_text("alpha!\n")
    elif change == "add":
        (machine.root / "src/new.txt").write_text("")
    elif change == "remove":
        source.unlink()
    elif change == "mode":
        source.chmod(0o755)
    elif change == "rename":
        source.rename(machine.root / "src/A.txt")
    else:
        source.write_text("ALPHA\n")
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert isinstance(machine.look_up(), Miss)


def test_another_component_is_another_key(machine: Machine) -> None:
    machine.run()
    assert isinstance(machine.look_up(machine.prepare(posargs=["-x"])), Miss)


def test_an_input_edited_during_the_run_is_not_stored(machine: Machine) -> None:
    prepared = machine.prepare()
    (machine.root / "src/a.txt").write_text("edited while running\n")
    assert machine.run(prepared) == "the inputs changed during the run"
    assert isinstance(machine.look_up(), Miss)
    (machine.root / "src/a.txt").write_text("alpha\n")
    assert isinstance(machine.look_up(), Miss)


def test_an_input_edited_and_put_back_during_the_run_is_not_stored(machine: Machine) -> None:
    prepared = machine.prepare()
    (machine.root / "src/a.txt").write_text("other\n")
    machine.build()
    (machine.root / "src/a.txt").write_text("alpha\n")
    assert "was written during the run" in machine.run(prepared)
    assert isinstance(machine.look_up(), Miss)


def test_a_missing_output_is_not_stored(machine: Machine) -> None:
    machine.outputs = ("out/", "report.xml")
    assert "report.xml: a declared output was not made" in machine.run()
    assert isinstance(machine.look_up(), Miss)


def test_enforce_stores_nothing_with_an_undeclared_read(machine: Machine) -> None:
    machine.mode = "enforce"
    assert machine.run(reads=Reads("strace", ("secret.cfg",))) == "undeclared read: secret.cfg"
    assert "needs strace" in machine.run(reads=Reads("audit"))
    assert isinstance(machine.look_up(), Miss)
    assert machine.run(reads=Reads("strace")) == ""
    assert isinstance(machine.look_up(), Hit)


def test_a_pattern_that_matches_nothing_is_an_error(machine: Machine) -> None:
    machine.inputs = ("src", "nowhere/*.c")
    with pytest.raises(ConfigError, match="matches nothing"):
        machine.prepare()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside.txt", "../secret.txt"])
def test_an_input_link_to_what_is_not_declared_is_an_error(machine: Machine, target: str) -> None:
    (machine.root / "secret.txt").write_text("not declared")
    (machine.root.parent / "outside.txt").write_text("not ours")
    (machine.root / "src/link").symlink_to(target)
    with pytest.raises(ConfigError, match=r"leaves the project|not declared"):
        machine.prepare()


def test_an_output_link_that_leaves_the_project_is_not_stored(machine: Machine) -> None:
    prepared = machine.prepare()
    (machine.root / "out").mkdir()
    (machine.root / "out/escape").symlink_to("/etc/passwd")
    assert "leaves the project" in machine.run(prepared)


def test_links_among_outputs_are_restored_as_links(machine: Machine) -> None:
    prepared = machine.prepare()
    (machine.root / "out").mkdir()
    (machine.root / "out/latest").symlink_to("a.txt")
    assert machine.run(prepared) == ""
    machine.clear()
    assert isinstance(machine.look_up(), Hit)
    assert os.readlink(machine.root / "out/latest") == "a.txt"


def test_a_directory_that_became_a_link_is_not_written_through(machine: Machine) -> None:
    machine.outputs = ("build/x/a.txt",)
    prepared = machine.prepare()
    (machine.root / "build/x").mkdir(parents=True)
    (machine.root / "build/x/a.txt").write_text("made")
    assert machine.run(prepared) == ""
    outside = machine.root.parent / "outside"
    outside.mkdir()
    (machine.root / "build/x/a.txt").unlink()
    (machine.root / "build/x").rmdir()
    (machine.root / "build/x").symlink_to(outside)
    with pytest.raises(ToolError, match="must be"):
        machine.look_up()
    assert list(outside.iterdir()) == []


def test_a_result_without_a_lock_expires_also_when_the_clock_goes_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.max_age_s = 3600
    machine.run()
    assert isinstance(machine.look_up(), Hit)
    real = time.time
    for jump in (2 * 3600, -2 * 3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        assert isinstance(machine.look_up(), Miss)
        monkeypatch.setattr(time, "time", real)
    assert not machine.prepare().action.shared


def test_read_only_outputs_are_hard_links_and_damage_is_found(machine: Machine) -> None:
    machine.run()
    store = machine.store
    prepared = machine.prepare()
    found = store.record(prepared.key)
    assert found is not None
    machine.clear()
    action = replace(prepared.action, read_only=True)
    ready = replace(prepared, action=action)
    assert isinstance(engine.look_up(store, ready), Hit)
    assert os.stat(machine.root / "out/a.txt").st_nlink == 2
    os.chmod(machine.root / "out/a.txt", 0o644)
    (machine.root / "out/a.txt").write_bytes(b"an editor wrote in place")
    outcome = engine.look_up(store, ready)
    assert isinstance(outcome, Miss)
    assert "damaged" in outcome.reason or "not in the store" in outcome.reason
