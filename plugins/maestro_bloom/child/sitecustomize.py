"""Records what a Python child of a test touches, and hands it to the parent when the child ends properly.

The parent puts this directory on the child's ``PYTHONPATH`` and names a result file and the root in one variable; both
are put back before anything else runs. A child that never gets here (``-I``, another program), is killed, or forks,
leaves no result, and its test counts as opaque. Standard library only, for it must not load what the child may test.

Invariant: the child behaves as without it; its result is written whole or not at all.
"""

# No package, no pathlib, and imports where they are needed: this runs first in a process that is not ours.
# ruff: noqa: INP001, PLC0415, PTH100, PTH105, PTH118, PTH120, PTH123, SLF001

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Any

VARIABLE = "MAESTRO_BLOOM_CHILD"
TOOL = "maestro-bloom-child"
_OPAQUE = frozenset(
    {
        *("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen"),
        *("socket.connect", "code.__new__", "ctypes.dlopen"),
    }
)


def _restore(here: str) -> str:
    """Leave neither the variable nor the path entry, and return what the variable said."""
    given = os.environ.pop(VARIABLE, "")
    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part != here]
    if path:
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    else:
        os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [part for part in sys.path if part != here]
    return given


def _database(given: object) -> object:
    """The path of a database that may be named by a URI."""
    if isinstance(given, str) and given.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        return unquote(urlsplit(given).path)
    return given


class _Recorder:
    def __init__(self, result: str, root: str) -> None:
        self.result = result
        self.prefix = root + os.sep
        self.live = True
        self.code: set[tuple[str, str, int]] = set()
        self.modules: set[str] = set()
        self.files: set[str] = set()
        self.directories: set[str] = set()
        self.paths: set[str] = set()
        self.variables: set[str] = set()
        self.missing: set[str] = set()
        self.opaque: set[str] = set()
        self.kept: list[CodeType] = []
        self.tool: int | None = None
        self.profile: Any = None

    def inside(self, given: object) -> str | None:
        """The absolute path of something below the root, or nothing."""
        if not isinstance(given, (str, bytes, os.PathLike)):
            return None
        path = os.path.abspath(os.fsdecode(given))
        return path if path.startswith(self.prefix) else None

    def start(self) -> None:
        """Watch from here on."""
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            self._profile()
        else:
            self._monitor(monitoring)
        self._watch_variables()
        self._watch_paths()
        self._watch_spawning()
        sys.addaudithook(self._audit)
        finders: list[Any] = sys.meta_path
        finders.append(self)
        import atexit

        atexit.register(self.finish)

    def _watch_spawning(self) -> None:
        """``multiprocessing`` starts spawned children by a call that raises no audit event."""
        try:
            import _posixsubprocess
        except ImportError:
            return
        module: Any = _posixsubprocess
        original = module.fork_exec

        def fork_exec(*arguments: Any) -> Any:
            self.opaque.add("multiprocessing")
            return original(*arguments)

        module.fork_exec = fork_exec

    def _monitor(self, monitoring: Any) -> None:
        self.tool = next((tool for tool in (4, 3) if monitoring.get_tool(tool) is None), None)
        if self.tool is None:
            self.opaque.add("sys.monitoring is taken")
            return
        monitoring.use_tool_id(self.tool, TOOL)
        disable = monitoring.DISABLE

        def seen(code: CodeType, _offset: int) -> object:
            self.code.add((code.co_filename, code.co_qualname, code.co_firstlineno))
            return disable

        monitoring.register_callback(self.tool, monitoring.events.PY_START, seen)

    def _arm(self, code: CodeType) -> None:
        monitoring: Any = vars(sys)["monitoring"]
        monitoring.set_local_events(self.tool, code, monitoring.events.PY_START)
        self.kept.append(code)
        for constant in code.co_consts:
            if isinstance(constant, type(code)):
                self._arm(constant)

    def _profile(self) -> None:
        import threading

        known: set[int] = set()

        def seen(frame: Any, event: str, _argument: object) -> None:
            code = frame.f_code
            if event == "call" and id(code) not in known:
                known.add(id(code))
                self.kept.append(code)
                if self.inside(code.co_filename):
                    self.code.add((code.co_filename, code.co_qualname, code.co_firstlineno))

        self.profile = seen
        threading.setprofile(seen)
        sys.setprofile(seen)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.live:
            return
        if event == "exec":
            self._executed(arguments[0])
        elif event == "open":
            self._opened(arguments)
        elif event in ("os.listdir", "os.scandir"):
            path = self.inside(os.path.join(os.fsdecode(arguments[0] or "."), "x"))
            if path and not self._importing():
                self.directories.add(os.path.dirname(path))
        elif event == "sqlite3.connect":
            self.files.update(filter(None, [self.inside(_database(arguments[0]))]))
        elif event in _OPAQUE and (event != "ctypes.dlopen" or arguments[0]):
            self.opaque.add(event)

    def _executed(self, code: Any) -> None:
        path = self.inside(getattr(code, "co_filename", None))
        if path and not code.co_filename.startswith("<"):
            if code.co_name == "<module>":
                self.modules.add(path)
            if self.tool is not None:
                self._arm(code)

    def _opened(self, arguments: tuple[Any, ...]) -> None:
        path = self.inside(arguments[0])
        if not path or path.endswith((".pyc", ".pyo")):
            return
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        output = flags & (os.O_WRONLY | os.O_RDWR) == os.O_WRONLY and flags & (os.O_TRUNC | os.O_CREAT)
        if not output and not (path.endswith(".py") and self._importing()):
            self.files.add(path)

    def _importing(self) -> bool:
        """Whether the import system reads, or the interpreter itself, which reads the script it is to run."""
        frame: Any = sys._getframe()
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        return frame is None or frame.f_code.co_filename.startswith("<frozen importlib")

    def _watch_variables(self) -> None:
        mapping: Any = type(os.environ)
        get, walk = mapping.__getitem__, mapping.__iter__

        def getitem(this: Any, name: Any) -> Any:
            self.variables.add(os.fsdecode(name) if isinstance(name, (str, bytes)) else "")
            return get(this, name)

        def iterate(this: Any) -> Iterator[Any]:
            self.variables.add("*")
            found: Iterator[Any] = walk(this)
            return found

        mapping.__getitem__, mapping.__iter__ = getitem, iterate

    def _watch_paths(self) -> None:
        for name in ("stat", "lstat", "access"):
            original = getattr(os, name)

            def asked(path: Any, *arguments: Any, _original: Any = original, **named: Any) -> Any:
                found = self.inside(path)
                if found and named.get("dir_fd") is None:
                    self.paths.add(found)
                return _original(path, *arguments, **named)

            asked.__name__ = name
            setattr(os, name, asked)
            for capability in ("dir_fd", "fd", "follow_symlinks", "effective_ids"):
                members: set[Any] = getattr(os, f"supports_{capability}")
                if original in members:
                    members.add(asked)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Last in ``sys.meta_path``: what nobody found."""
        if self.live:
            self.missing.add(name)

    def finish(self) -> None:
        """Write the result, unless something took the place of the watching."""
        self.live = False
        watching = sys.getprofile() is self.profile
        if self.tool is not None:
            watching = vars(sys)["monitoring"].get_tool(self.tool) == TOOL
        if not watching:
            return
        names = ("code", "modules", "files", "directories", "paths", "variables", "missing", "opaque")
        import json

        body = json.dumps({name: sorted(getattr(self, name)) for name in names})
        try:
            with open(self.result + ".part", "w", encoding="utf-8", errors="surrogatepass") as stream:
                stream.write(body)
            os.replace(self.result + ".part", self.result)
        except (OSError, ValueError):
            return


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    given = _restore(here)
    own = sys.modules.pop("sitecustomize")
    if given:
        result, _, root = given.partition("\n")
        _Recorder(result, root).start()
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", own)


_begin()
