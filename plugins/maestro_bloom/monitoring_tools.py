"""Python 3.12 and later: the recorder's two tool ids of ``sys.monitoring``, and whether they are still its own.

A test may free all tool ids, take them, or register other callbacks. What runs then is not seen.

Invariant: once anything was taken away, ``lost`` says so for ever, and no id that another holds is touched.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

HITS, SEGMENTS = 3, 4
"""The ids without a conventional owner: one whose events fall silent, one for segments, whose must not."""

_NAMES = {HITS: "maestro-bloom", SEGMENTS: "maestro-bloom-segments"}
_CHILD = "maestro-bloom-child"
_monitoring: Any = getattr(sys, "monitoring", None)


class ToolTakenError(Exception):
    """Another tool holds a tool id: nothing can be recorded in this process."""


class MonitoringTools:
    """Both ids with their callbacks."""

    def __init__(self) -> None:
        self.lost = ""
        """What was taken away, in words."""
        self._callbacks: dict[tuple[int, int], Callable[..., object]] = {}
        self._suspicion = False
        self._asking = False

    def take(self) -> None:
        """Take the ids. Raises ``ToolTakenError``."""
        for tool in _NAMES:
            if _monitoring.get_tool(tool) == _CHILD:
                _monitoring.free_tool_id(tool)  # a recorded child that records on its own: it leaves no result
            if _monitoring.get_tool(tool) is not None:
                raise ToolTakenError(f"sys.monitoring tool {tool} is used by {_monitoring.get_tool(tool)!r}")
        for tool, name in _NAMES.items():
            _monitoring.use_tool_id(tool, name)

    def register(self, tool: int, event: int, callback: Callable[..., object]) -> None:
        """Call this on that event."""
        self._callbacks[tool, event] = callback
        _monitoring.register_callback(tool, event, callback)

    def set_events(self, tool: int, code: CodeType, events: int) -> None:
        """Watch these events in this code object, unless that is no longer possible."""
        if self.intact():
            _monitoring.set_local_events(tool, code, events)

    def tell_again(self, tool: int, codes: list[CodeType], events: int) -> None:
        """Wake what was disabled of these events in these code objects, as far as that is possible."""
        if codes and self.intact():
            set_events = _monitoring.set_local_events
            for code in codes:
                # Setting the same events again would change nothing.
                set_events(tool, code, 0)
                set_events(tool, code, events)

    def watch_everywhere(self, tool: int, events: int) -> None:
        """Watch these events in all code, if that is possible."""
        if self.intact():
            _monitoring.set_events(tool, events)

    def suspect(self) -> None:
        """Somebody registered a callback: look whose place it took, when next asked."""
        self._suspicion = not self._asking

    def intact(self) -> bool:
        """Whether nothing was taken away."""
        if not self.lost:
            for tool, name in _NAMES.items():
                if _monitoring.get_tool(tool) != name:
                    self.lost = f"sys.monitoring tool {tool} was taken away"
            if self._suspicion and not self.lost:
                self._ask()
        return not self.lost

    def _ask(self) -> None:
        self._suspicion, self._asking = False, True
        for (tool, event), own in self._callbacks.items():
            if _monitoring.register_callback(tool, event, own) is not own:
                self.lost = f"the callbacks of sys.monitoring tool {tool} were taken away"
        self._asking = False

    def give_back(self) -> None:
        """Free what is still held."""
        for tool, event in self._callbacks:
            if _monitoring.get_tool(tool) == _NAMES[tool]:
                _monitoring.register_callback(tool, event, None)
        for tool, name in _NAMES.items():
            if _monitoring.get_tool(tool) == name:
                _monitoring.free_tool_id(tool)
