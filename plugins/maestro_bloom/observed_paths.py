"""Questions about a path that open nothing: whether it exists, what it is, how large it is.

``os.stat`` and its kin raise no audit event, so they are wrapped. Whoever asks only for existence depends on that
alone; whoever asks for more (a size, a time) depends on the content.

Invariant: a wrapper returns what the wrapped returns, stands in the same sets of ``os``, and is like a built-in: kept
in a class it is no method, it can be pickled by name, and no traceback shows it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import stat
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Self

    from maestro_bloom.recorder import Recorder

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

_ASKED_OF_OS = ("stat", "lstat", "access", "readlink")
_CAPABILITIES = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")
# Modules that ask in somebody's name, and what they ask for when it is existence.
_IN_BETWEEN = ("genericpath", "posixpath", "ntpath", "pathlib", "pathlib._local", "pathlib._abc", "glob", "os")
_EXISTENCE = frozenset(
    """
    exists lexists isfile isdir islink ismount isjunction is_file is_dir is_symlink is_mount samefile sameopenfile
    access readlink glob iglob _glob1 _iterdir rglob makedirs mkdir walk
    """.split()  # noqa: SIM905 - twenty names in columns read better than one to a line
)
# ``resolve`` asks for every part of a path whether it is a link; and readers that are seen on their own.
_ASIDE_FUNCTIONS = frozenset({"realpath", "_joinrealpath", "resolve"})
_ASIDE_MODULES = ("linecache", "_pytest", "pluggy", "xdist", "coverage", "maestro_bloom", "maestro_hooks")


def watch(recorder: Recorder) -> list[Callable[[], None]]:
    """Wrap the questions of ``os``; what is returned puts them back."""
    undo: list[Callable[[], None]] = []
    for name in _ASKED_OF_OS:
        original = getattr(os, name)
        wrapper = _wrapper(recorder, original)
        setattr(os, name, wrapper)
        undo.append(functools.partial(setattr, os, name, original))
        for capability in _CAPABILITIES:
            members: set[Any] = getattr(os, capability)
            if original in members:
                members.add(wrapper)
                undo.append(functools.partial(members.discard, wrapper))
    return undo


def _wrapper(recorder: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:
    path_of = recorder.territory.path
    lstat = os.lstat
    askers = _Askers(recorder)

    def is_link(path: Any) -> bool:
        try:
            return stat.S_ISLNK(lstat(path).st_mode)
        except (OSError, ValueError):
            return False

    @functools.wraps(original)
    def asked(_os: _Os, path: Any, *arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        if recorder.active and (not named or named.get("dir_fd") is None):
            try:
                found = path_of(os.fsdecode(path))
            except TypeError:
                found = None  # a descriptor: whoever made it was seen
            if found is not None:
                frame = _getframe(1)
                asker = askers.of(frame)
                if asker is not None:
                    _remember(recorder, found, frame, asker, lambda: is_link(path))
        return original(path, *arguments, **named)

    own = inspect.Parameter("os", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(original)
    of_function: Any = asked
    of_function.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])
    del of_function.__wrapped__
    return MethodType(asked, _Os())


class _Os:
    """Whom the wrappers are bound to, so that no class binds them again; a pickle finds ``os`` in its place."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return importlib.import_module, ("os",)

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class _Askers:
    """Who asks, behind the modules that ask in somebody's name."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._aside: dict[str, bool] = {}

    def of(self, frame: FrameType | None) -> FrameType | None:
        """The asking frame; ``None`` if it is the machinery of the test run. It asks a lot, so this comes first."""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module not in _IN_BETWEEN:
                return None if self._is_aside(module, frame) else frame
            frame = frame.f_back
        return None

    def _is_aside(self, module: str, frame: FrameType) -> bool:
        """Whether a module is a part of the machinery, unless that is the project under test."""
        found = self._aside.get(module)
        if found is None:
            machinery = module.partition(".")[0] in _ASIDE_MODULES
            found = machinery and self._recorder.territory.path(frame.f_code.co_filename) is None
            self._aside[module] = found
        return found


def _remember(recorder: Recorder, path: str, frame: FrameType, asker: FrameType, is_link: Callable[[], bool]) -> None:
    """``frame`` is the nearest of the frames that ask in the asker's name."""
    existence = False
    current: FrameType | None = frame
    while current is not None and current is not asker:
        function = current.f_code.co_name
        if function in _ASIDE_FUNCTIONS:
            if not is_link():
                return
            existence = True
        existence = existence or function in _EXISTENCE
        current = current.f_back
    for bag in recorder.targets(asker):
        bag.paths.add(path)
        if not existence:
            bag.files.add(path)
