"""Code that is no source file: texts that are compiled, pickles, and functions whose body is looked at, not run.

Audit events tell of all three. What a text or a pickle imports is an import of whoever runs it, for the module may
have been loaded long before.

Invariant: a text is analysed once; analysing raises no event that is watched again.
"""

from __future__ import annotations

import ast
import os
import sys
import warnings
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from maestro_bloom.recorder import Recorder

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

_KEPT = 1000
# They look at a function's header, or ask what kind it is; both are parts of the skeleton.
_HEADERS = (
    "inspect",
    "functools",
    "dataclasses",
    "typing",
    "unittest",
    "asyncio",
    "_pytest",
    "pluggy",
    "maestro_bloom",
)

# They parse sources that are executed, too, and are then seen as modules.
_ANALYSERS = ("maestro_bloom", "_pytest.assertion")


class Texts:
    """Passes on what is seen to a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._names: dict[str, tuple[str, ...]] = {}
        self._busy = False

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """Per audit event."""
        return {
            "compile": self._on_compile,
            "pickle.find_class": self._on_pickle,
            "object.__getattr__": self._on_attribute,
        }

    def _on_compile(self, arguments: tuple[Any, ...]) -> None:
        source, filename = arguments[0], arguments[1]
        if self._busy or not isinstance(source, str | bytes):
            return
        text = source if isinstance(source, str) else source.decode("utf-8", "replace")
        # A module's own file is analysed as such.
        if "import" not in text or (isinstance(filename, str | bytes) and os.fsdecode(filename).endswith(".py")):
            return
        frame = _beyond_ast(_getframe(2))
        if frame is None or frame.f_globals.get("__name__", "").startswith(_ANALYSERS):
            return
        for name in self._imports(text):
            self._recorder.import_edge(name, frame)

    def _imports(self, source: str) -> tuple[str, ...]:
        if source not in self._names:
            self._busy = True
            from maestro_bloom import syntax_nodes  # noqa: PLC0415 - most suites compile no text
            from maestro_bloom.imports_of import imports  # noqa: PLC0415 - as above

            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = imports(ast.parse(source)).names
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                found = ()
            finally:
                self._busy = False
                syntax_nodes.forget()
            if len(self._names) >= _KEPT:
                self._names.clear()
            self._names[source] = found
        return self._names[source]

    def _on_pickle(self, arguments: tuple[Any, ...]) -> None:
        self._recorder.import_edge(str(arguments[0]), _getframe(2))

    def _on_attribute(self, arguments: tuple[Any, ...]) -> None:
        if self._busy or arguments[1] != "__code__" or type(arguments[0]) is not FunctionType:
            return
        frame = _getframe(2)
        if frame.f_globals.get("__name__", "").partition(".")[0] in _HEADERS:
            return
        self._busy = True
        try:
            code = arguments[0].__code__
        finally:
            self._busy = False
        path = self._recorder.territory.path(code.co_filename)
        if path is not None:
            for bag in self._recorder.targets(frame):
                bag.codes.add((path, code.co_qualname, code.co_firstlineno))


def _beyond_ast(frame: FrameType | None) -> FrameType | None:
    """The frame that had a text parsed."""
    while frame is not None and frame.f_globals.get("__name__") == "ast":
        frame = frame.f_back
    return frame
