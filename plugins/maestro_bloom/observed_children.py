"""Python children of a test: they record themselves, and their results are read when the index is made.

A child is armed through its ``PYTHONPATH`` (see ``child/sitecustomize.py``). Whoever leaves no result (another
program, ``-I``, a killed child, one that forks) makes its test opaque: it runs whenever anything changed.

Invariant: only a child's environment is altered, and the child puts it back before anything else runs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_bloom.lasting_work import is_servant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_bloom.recorder import Recorder

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

VARIABLE = "MAESTRO_BLOOM_CHILD"
_HOOK = str(Path(__file__).parent / "child")


class Result(msgspec.Struct, frozen=True):
    """What a child touched: absolute paths, names, and (file, qualified name, first line) of its code."""

    code: list[tuple[str, str, int]]
    modules: list[str]
    files: list[str]
    directories: list[str]
    paths: list[str]
    variables: list[str]
    missing: list[str]
    opaque: list[str]


def read(place: str) -> Result | None:
    """The result a child left, or ``None``; it is read once."""
    try:
        result = msgspec.json.decode(Path(place).read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    with suppress(OSError):
        Path(place).unlink()
    return result


class Children:
    """Arms the Python children of this process; results go to ``directory``."""

    def __init__(self, recorder: Recorder, root: str, directory: Path) -> None:
        self._recorder = recorder
        self._root = root
        self._directory = directory
        self._armed = 0
        self._ours: dict[str, bool] = {}

    @property
    def armed(self) -> bool:
        """Whether a child is being started that records itself: its start is no opaque act."""
        return self._armed > 0

    def watch(self) -> list[Callable[[], None]]:
        """Wrap the start of processes; what is returned puts it back."""
        original = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # noqa: SLF001 - the one place all starts pass
        children = self

        def execute(popen: Any, args: Any, executable: Any, *others: Any) -> Any:
            __tracebackhide__ = True
            # preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell
            shell, env = others[7], others[4]
            altered = None if shell or not children._recorder.active else children._arm(args, executable, env)
            children._armed += altered is not None
            try:
                result = original(
                    popen, args, executable, *others[:4], env if altered is None else altered, *others[5:]
                )
            finally:
                children._armed -= altered is not None
            if children._recorder.in_test:
                children._recorder.processes.started(popen.pid)
            return result

        subprocess.Popen._execute_child = execute  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        return [lambda: setattr(subprocess.Popen, "_execute_child", original), *self._watch_spawning()]

    def _watch_spawning(self) -> list[Callable[[], None]]:
        """``multiprocessing`` starts spawned children and fork servers by a call that raises no audit event."""
        try:
            import _posixsubprocess  # noqa: PLC0415 - absent where a start always raises an event
        except ImportError:
            return []
        module: Any = _posixsubprocess
        original = module.fork_exec

        def fork_exec(*arguments: Any) -> Any:
            frame = _getframe(1)
            if self._recorder.active:
                for bag in self._recorder.targets(frame):
                    bag.unseen("multiprocessing")
            process = original(*arguments)
            if self._recorder.in_test and not is_servant(frame):
                self._recorder.processes.started(process)
            return process

        module.fork_exec = fork_exec
        return [lambda: setattr(module, "fork_exec", original)]

    def _arm(self, args: Any, executable: Any, env: Mapping[str, str] | None) -> dict[str, str] | None:
        """The environment of a child that will record itself, or ``None`` for one that cannot."""
        first = args if isinstance(args, str | bytes | os.PathLike) else next(iter(args), "")
        given = self._environment(env)
        if given is None or not self._is_ours(os.fsdecode(executable or first), given.get("PATH")):
            return None
        place = str(self._directory / f"{os.getpid()}-{secrets.token_hex(6)}.json")
        found = False
        for bag in self._recorder.targets(_getframe(2)):
            if self._recorder.is_open(bag):
                bag.children.add(place)
                found = True
            else:
                bag.opaque.add("subprocess.Popen")
        if not found:
            return None
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = [_HOOK, *filter(None, [given.get("PYTHONPATH")])]
        return given | {VARIABLE: f"{place}\n{self._root}", "PYTHONPATH": os.pathsep.join(path)}

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str] | None:
        if env is not None:
            return dict(env) if all(isinstance(name, str) for name in env) else None
        active, self._recorder.active = self._recorder.active, False
        try:
            return dict(os.environ)
        finally:
            self._recorder.active = active

    def _is_ours(self, program: str, search: str | None) -> bool:
        """Whether a program is this interpreter, or a script that names it in its first line."""
        place = shutil.which(program, path=search) or ""
        if place not in self._ours:
            own = os.path.realpath(sys.executable)
            named = place
            with suppress(OSError), open(place, "rb") as stream:  # noqa: PTH123 - text in
                head = stream.read(256)
                if head.startswith(b"#!"):
                    named = os.fsdecode(head[2:].split(b"\n")[0].strip().split(b" ")[0])
            self._ours[place] = bool(place) and os.path.realpath(named) == own
        return self._ours[place]
