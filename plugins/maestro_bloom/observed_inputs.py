"""Inputs that are no code: files, directories, variables, missing modules, computed imports, acts nobody can follow.

Files and processes are seen through a ``sys.addaudithook`` (which can never be removed, so it becomes a no-op when
stopped), variables through ``os.environ``'s own methods, failed imports by standing last in ``sys.meta_path``.

Invariant: watching changes no result: wrappers return what the wrapped return, and nothing is printed or left open.
"""

from __future__ import annotations

import functools
import importlib.util
import linecache
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from maestro_bloom import observed_paths
from maestro_bloom.observed_names import EVERY_VARIABLE, is_aside
from maestro_bloom.observed_texts import Texts
from maestro_bloom.originals import SEPARATOR, listdir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    from maestro_bloom.observed_children import Children
    from maestro_bloom.recorder import Recorder

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

# Readers of sources that are no inputs: importing and assertion rewriting are seen as execution.
_LOADERS = ("<frozen importlib", "importlib/", "_pytest/assertion/rewrite.py", "maestro_bloom/", "maestro_hooks/")
# Who reads variables for its own sake in every run.
_HARNESS = tuple(
    f"/{name}/"
    for name in (
        *("_pytest", "pluggy", "iniconfig", "xdist", "execnet", "coverage", "pytest_cov", "hypothesis"),
        *("maestro_bloom", "maestro_hooks"),
    )
)

_OPAQUE = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system", "os.exec", "socket.connect")
_FORKS = ("os.fork", "os.forkpty", "os.posix_spawn")
_TRACING = ("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback")


# They read variables for whoever called them.
_ASIDE = ("os", "shutil", "_collections_abc", "collections.abc")


class Watcher:
    """Installs the watching of one process and passes on what is seen."""

    def __init__(self, recorder: Recorder, execute: Callable[[CodeType, str], None], children: Children) -> None:
        self._recorder = recorder
        self._children = children
        self._execute = execute
        self._path = recorder.territory.path
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Start watching."""
        handlers: dict[str, Callable[[Any], None]] = {
            "exec": self._on_exec,
            "open": self._on_open,
            "os.rename": self._on_rename,
            "os.listdir": self._on_list,
            "os.scandir": self._on_scan,
            **Texts(self._recorder).handlers(),
            "sqlite3.connect": self._on_database,
            "ctypes.dlopen": self._on_library,
            "code.__new__": self._on_code,
            **{event: functools.partial(self._on_tracing, event) for event in _TRACING},
            **{event: functools.partial(self._on_opaque, event) for event in _OPAQUE},
        }
        recorder = self._recorder
        find = handlers.get

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            # A running suite raises a hundred thousand events of which few are of interest.
            handler = find(event)
            if handler is not None and recorder.active:
                handler(arguments)

        sys.addaudithook(hook)
        self._undo.append(handlers.clear)
        self._patch_environment()
        self._patch_linecache()
        self._patch_import_module()
        self._undo += [*observed_paths.watch(recorder), *self._children.watch()]
        finder = _LastFinder(recorder)
        sys.meta_path.append(finder)
        self._undo.append(lambda: sys.meta_path.remove(finder) if finder in sys.meta_path else None)

    def stop(self) -> None:
        """Stop watching and put everything back that can be."""
        self._recorder.active = False
        while self._undo:
            self._undo.pop()()

    # Audit events -------------------------------------------------------------------------------------------------

    def _on_exec(self, arguments: tuple[Any, ...]) -> None:
        if getattr(arguments[0], "co_name", "") != "<module>":
            return
        path = self._recorder.territory.source(arguments[0].co_filename)
        if path is not None:
            self._recorder.executing(path)
            self._execute(arguments[0], path)

    def _on_open(self, arguments: tuple[Any, ...]) -> None:
        if not isinstance(arguments[0], str | bytes | os.PathLike):
            return  # a descriptor: whoever made it was seen
        name = os.fsdecode(arguments[0])
        if name.endswith((".pyc", ".pyo")):
            return
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
        self._pass_on(name, flags)
        path = self._path(name)
        if path is None or _is_output(flags):
            if path is None and self._recorder.collecting and not _is_output(flags):
                self._outside(name, _getframe(2))
            return
        frame = _getframe(2)
        if path.endswith(".py") and _reader(frame).startswith(_LOADERS):
            return
        found = False
        for bag in self._recorder.targets(frame):
            bag.files.add(path)
            found = True
        if not found and _of_plugin(frame):
            self._recorder.session.files.add(path)

    def _outside(self, name: str, frame: FrameType) -> None:
        if not _reader(frame).startswith(_LOADERS):
            self._recorder.read_outside(name, frame)

    def _pass_on(self, name: str, flags: int) -> None:
        """Who reads what another test wrote depends on what that test ran."""
        bag, written = self._recorder.open_bag, self._recorder.written
        if bag is not None:
            if not _is_output(flags):
                written.read(name, bag)
            if flags & (os.O_WRONLY | os.O_RDWR):
                written.wrote(name, bag, anew=bool(flags & os.O_TRUNC))

    def _on_rename(self, arguments: tuple[Any, ...]) -> None:
        old, new = arguments[0], arguments[1]
        if isinstance(old, str | bytes | os.PathLike) and isinstance(new, str | bytes | os.PathLike):
            self._recorder.written.moved(os.fsdecode(old), os.fsdecode(new))

    def _on_scan(self, arguments: tuple[Any, ...]) -> None:
        """Entries tell sizes and times, unseen: who scans on his own account depends on the contents."""
        given = arguments[0] if arguments and arguments[0] is not None else "."
        frame = _getframe(2)
        inside = self._given(given)
        if inside is not None and self._path(frame.f_code.co_filename) is not None:
            with suppress(OSError):  # the scan itself tells
                names = listdir(given)  # which this event reports too
                for bag in self._recorder.targets(frame):
                    bag.files.update(f"{inside}/{os.fsdecode(name)}" for name in names)
        self._list(arguments, frame)

    def _on_list(self, arguments: tuple[Any, ...]) -> None:
        self._list(arguments, _getframe(2))

    def _list(self, arguments: tuple[Any, ...], frame: FrameType) -> None:
        given = arguments[0] if arguments and arguments[0] is not None else "."
        if not isinstance(given, str | bytes | os.PathLike):
            return
        # A name below the directory, because a directory itself (the root) may be no path of the territory.
        inside = self._path(f"{os.fsdecode(given)}{SEPARATOR}x")
        if inside is None or _reader(frame).startswith("<frozen importlib"):
            if inside is None and self._recorder.collecting:
                self._outside(os.fsdecode(given), frame)
            return
        for bag in self._recorder.targets(frame):
            bag.directories.add(inside.rpartition("/")[0])

    def _on_database(self, arguments: tuple[Any, ...]) -> None:
        place = arguments[0]
        if isinstance(place, str) and place.startswith("file:"):
            place = unquote(urlsplit(place).path)
        path = self._given(place)
        if isinstance(place, str | bytes | os.PathLike):
            self._pass_on(os.fsdecode(place), os.O_RDWR)
        if path is not None:
            for bag in self._recorder.targets(_getframe(2)):
                bag.files.add(path)

    def _on_library(self, arguments: tuple[Any, ...]) -> None:
        if arguments and arguments[0]:
            self._opaque("ctypes.dlopen", _getframe(2))

    def _on_code(self, arguments: tuple[Any, ...]) -> None:
        """Code made by hand from the project's is a stranger to the tracer: what it runs cannot be seen."""
        frame = _getframe(2)
        name = arguments[1] if len(arguments) > 1 else ""
        if isinstance(name, str) and self._path(name) is not None and not _of_harness(frame.f_code.co_filename):
            self._opaque("code.__new__", frame)

    def _on_tracing(self, event: str, _arguments: tuple[Any, ...]) -> None:
        """While the interpreter calls a tracing function it tells nobody what that runs."""
        frame = _getframe(2)
        if self._recorder.tracer is not None:
            self._recorder.tracer.suspect()
        if self._recorder.territory.nearest(frame) is not None:
            self._opaque(event, frame)

    def _on_opaque(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self._children.armed and event in ("subprocess.Popen", "os.posix_spawn"):
            return
        frame = _getframe(2)
        if event in _FORKS and self._recorder.in_test:
            self._recorder.processes.forks(frame)
        self._opaque(event, frame)

    def _opaque(self, event: str, frame: FrameType) -> None:
        for bag in self._recorder.targets(frame):
            bag.unseen(event)

    def _given(self, given: object) -> str | None:
        if isinstance(given, str | bytes | os.PathLike):
            return self._path(os.fsdecode(given))
        return None  # a descriptor: whoever made it was seen

    # Patches ------------------------------------------------------------------------------------------------------

    def _patch_environment(self) -> None:
        cls: Any = type(os.environ)
        get, walk, copy = cls.__getitem__, cls.__iter__, cls.copy
        recorder = self._recorder
        quiet = [0]

        def seen(name: str) -> None:
            if recorder.active and not quiet[0] and not is_aside(name) and not recorder.repeats(name):
                _read(recorder, name, _getframe(2))

        @functools.wraps(get)
        def getitem(self: Any, key: Any) -> Any:
            __tracebackhide__ = True
            seen(os.fsdecode(key) if isinstance(key, str | bytes) else "")
            return get(self, key)

        @functools.wraps(walk)
        def iterate(self: Any) -> Iterator[Any]:
            seen(EVERY_VARIABLE)
            return walk(self)  # type: ignore[no-any-return]

        @functools.wraps(copy)
        def copied(self: Any) -> Any:
            # mock.patch.dict copies everything only to put it back.
            restoring = _getframe(1).f_globals.get("__name__") == "unittest.mock"
            quiet[0] += restoring
            try:
                return copy(self)
            finally:
                quiet[0] -= restoring

        for name, wrapper in (("__getitem__", getitem), ("__iter__", iterate), ("copy", copied)):
            setattr(cls, name, wrapper)
        for name, original in (("__getitem__", get), ("__iter__", walk), ("copy", copy)):
            self._undo.append(functools.partial(setattr, cls, name, original))

    def _patch_linecache(self) -> None:
        original = linecache.getlines
        recorder, path_of = self._recorder, self._path

        @functools.wraps(original)
        def getlines(filename: str, module_globals: Any = None) -> list[str]:
            path = path_of(filename) if recorder.active and isinstance(filename, str) else None
            if path is not None:
                for bag in recorder.targets(_getframe(1)):
                    bag.files.add(path)
            return original(filename, module_globals)

        linecache.getlines = getlines
        self._undo.append(functools.partial(setattr, linecache, "getlines", original))

    def _patch_import_module(self) -> None:
        """Watch what ``import_module`` calls, so that whoever has that function by another name is seen too."""
        bootstrap: Any = sys.modules["_frozen_importlib"]
        original = bootstrap._gcd_import  # noqa: SLF001 - the one place all such imports pass
        recorder = self._recorder

        def gcd_import(name: Any, package: Any = None, level: int = 0) -> Any:
            __tracebackhide__ = True
            if recorder.active and isinstance(name, str):
                with suppress(ImportError, AttributeError):
                    full = importlib.util.resolve_name("." * level + name, package) if level else name
                    recorder.import_edge(full, _getframe(1))
            return original(name, package, level)

        # A frame of the import machinery, which warnings do not count.
        gcd_import.__code__ = gcd_import.__code__.replace(co_filename=original.__code__.co_filename)
        bootstrap._gcd_import = functools.update_wrapper(gcd_import, original)  # noqa: SLF001 - as above
        self._undo.append(functools.partial(setattr, bootstrap, "_gcd_import", original))


def _read(recorder: Recorder, name: str, frame: FrameType | None) -> None:
    """A variable was read, for whoever asked ``os.environ``."""
    asker = _asker(frame)
    if asker is not None and not _of_harness(asker.f_code.co_filename):
        recorder.read(name, asker)


class _LastFinder:
    """Stands last in ``sys.meta_path``: asked only for what nobody found."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Remember who missed the module."""
        recorder = self._recorder
        if not recorder.active:
            return
        frame = _getframe(1)
        importer = recorder.territory.nearest(frame)
        if importer is not None:
            recorder.edges[importer].add(name)
        for bag in recorder.targets(frame):
            bag.missing.add(name)


def _is_output(flags: int) -> bool:
    return flags & (os.O_WRONLY | os.O_RDWR) == os.O_WRONLY and bool(flags & (os.O_TRUNC | os.O_CREAT))


def _asker(frame: FrameType | None) -> FrameType | None:
    """Skip the frames of ``os``, of the mapping classes, and of ``shutil``, which asks how wide the terminal is."""
    while frame is not None and frame.f_globals.get("__name__") in _ASIDE:
        frame = frame.f_back
    return frame


def _of_plugin(frame: FrameType | None) -> bool:
    """Whether an installed package other than the harness reads, through the standard library or not."""
    while frame is not None:
        name = frame.f_code.co_filename
        if "site-packages" in name or "dist-packages" in name:
            return not _of_harness(name)
        frame = frame.f_back
    return False


@functools.lru_cache(maxsize=4096)
def _of_harness(filename: str) -> bool:
    return any(part in filename for part in _HARNESS)


def _reader(frame: FrameType) -> str:
    """The reading frame's file, from the last part that tells who it is; ``pathlib`` and ``io`` read for others."""
    current: FrameType | None = frame
    while current is not None and current.f_globals.get("__name__", "").startswith(("pathlib", "io", "_io")):
        current = current.f_back
    name = current.f_code.co_filename.replace(SEPARATOR, "/") if current is not None else ""
    for start in _LOADERS:
        at = name.rfind(start)
        if at >= 0:
            return name[at:]
    return name
