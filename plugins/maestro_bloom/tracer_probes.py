"""Python 3.11: which code runs, by a probe at the head of each function of the project.

A probe stores a one into a byte array that is a constant of the code object, so it needs no name in the module. Probed
bytecode never reaches ordinary ``.pyc`` files: modules are cached under ``.maestro/bloom`` by content, and pytest's
rewritten test modules under a tag of their own.

Invariant: without ``install`` no module holds a probe, and a probe changes no line number and no value.
"""

from __future__ import annotations

import ast
import hashlib
import marshal
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar

from maestro_bloom.owned_memos import ASKED
from maestro_bloom.probing import AGAIN, ARRAY, BASE, insert
from maestro_hooks.project.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from maestro_bloom.recorder import Recorder
    from maestro_bloom.source_parts import SourceModel

    ModelOf = Callable[[str], SourceModel | None]

SCHEMA = 8

# How many contents of the array are remembered in one bag; each is as long as the project has functions.
_KEPT = 1024


class HitMap(bytearray):
    """One byte per unit. Hashable and equal only to itself, because code objects hash and compare their constants."""

    recorder: Recorder
    tables: dict[int, tuple[str, ...]]
    seen: set[int]
    asked: dict[int, int]

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> str:
        return "NOWHERE"  # a function sent to another process leaves its probes there unheard

    def hit(self, unit: int) -> None:
        """A probe that is an expression."""
        self[unit] = 1

    def enter(self, unit: int) -> None:
        """A function whose effect outlives the call begins."""
        if self.recorder.collecting:
            tracer = self.recorder.tracer
            if tracer is not None:
                self.recorder.acted(tracer.units[unit][0])
        else:
            self.recorder.enter(unit)
        self._see(unit)

    def own(self, unit: int, owner: object) -> None:
        """A method that may fill a memo on ``owner`` begins."""
        recorder = self.recorder
        if recorder.collecting or recorder.folding:
            self.enter(unit)
            return
        recorder.enter(unit, (owner, self.tables.get(unit, ())))
        if unit not in recorder.folded:
            asked = self.asked[unit] = self.asked.get(unit, 0) + 1
            for memo in recorder.filling:
                memo.units.add(unit)
            if asked > ASKED:
                recorder.fold({unit})
        self._see(unit)

    def _see(self, unit: int) -> None:
        """Once for each bag, and until it is folded where all is: a byte set anew has to be handed over anew."""
        if unit not in self.seen or (self.recorder.folding and unit not in self.recorder.folded):
            self.seen.add(unit)
            self[unit] = 1

    def leave(self, unit: int) -> None:
        """It ends."""
        self.recorder.leave(unit)

    def around(self, unit: int, _entered: None, value: object) -> object:
        """A lambda whose effect outlives the call: entered before its value, left behind it (not if it raises)."""
        self.leave(unit)
        return value

    def whole(self, unit: int) -> None:
        """A generator or coroutine whose effect outlives it begins."""
        self[unit] = 1
        self.recorder.fold_all()


NOWHERE = HitMap()


class ProbeTracer:
    """Loads the project's modules with probes and hands over what ran."""

    def __init__(self, recorder: Recorder, model_of: ModelOf, cache: Path) -> None:
        self._recorder = recorder
        self._model_of = model_of
        self._cache = cache
        self.units: list[tuple[str, int]] = []
        self._hits = HitMap()
        self._hits.recorder = recorder
        self._hits.tables = {}
        self._hits.seen = set()
        self._hits.asked = {}
        self._again = HitMap()
        self._again.recorder = recorder
        self._resumed: set[int] = set()
        self._handed: tuple[set[bytes], set[bytes]] = (set(), set())
        """Contents of the array that the open bag has got: without and with folding."""
        self._first: dict[str, int] = {}
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Stand in for the loader of sources and for pytest's rewriting of assertions."""
        from _pytest.assertion import rewrite  # noqa: PLC0415 - only in a recording pytest

        get_code, rewrite_asserts, tail = SourceFileLoader.get_code, rewrite.rewrite_asserts, rewrite.PYC_TAIL
        tracer = self

        def probed_code(loader: SourceFileLoader, name: str) -> CodeType | None:
            filename = loader.get_filename(name)
            path = tracer._recorder.territory.source(filename) if tracer._recorder.active else None
            return get_code(loader, name) if path is None else tracer.arm(tracer.load(filename), path)

        def probed_asserts(mod: ast.Module, source: bytes, module_path: str | None = None, config: Any = None) -> None:
            rewrite_asserts(mod, source, module_path, config)
            if module_path and tracer._recorder.territory.source(module_path) is not None:
                insert(mod, source)

        def bound_exec(code: CodeType, namespace: dict[str, Any]) -> None:
            path = tracer._recorder.territory.source(code.co_filename)
            exec(code if path is None else tracer.arm(code, path), namespace)  # noqa: S102 - pytest's own call  # nosec B102

        loader: Any = SourceFileLoader
        loader.get_code = probed_code
        rewrite.rewrite_asserts = probed_asserts
        rewrite.exec = bound_exec  # type: ignore[attr-defined]
        # Its own name beside pytest's, so that neither reads the other's.
        rewrite.PYC_TAIL = tail.replace(".pyc", f"-maestro-{SCHEMA}.pyc")
        self._undo += [
            lambda: setattr(loader, "get_code", get_code),
            lambda: setattr(rewrite, "rewrite_asserts", rewrite_asserts),
            lambda: setattr(rewrite, "PYC_TAIL", tail),
            lambda: vars(rewrite).pop("exec"),
        ]

    def uninstall(self) -> None:
        """Load modules without probes from now on; those loaded keep theirs, unheard."""
        while self._undo:
            self._undo.pop()()

    def arm_loaded(self) -> None:
        """Modules loaded before have no probes: whoever uses them is unknown, so they count as used by all."""
        territory = self._recorder.territory
        for module in list(sys.modules.values()):
            filename = getattr(module, "__file__", None)
            path = territory.path(filename) if isinstance(filename, str) else None
            if path is not None:
                self._recorder.early.add(path)

    def load(self, filename: str) -> CodeType:
        """The probed code of a source, from the cache if its content is known there."""
        with open(filename, "rb") as stream:  # noqa: PTH123 - a loader's name for it is text
            data = stream.read()
        digest = hashlib.blake2b(data, digest_size=16, key=str(SCHEMA).encode())
        digest.update(filename.encode("utf-8", "surrogateescape"))
        place = self._cache / f"{digest.hexdigest()}.{sys.implementation.cache_tag}.probed"
        with suppress(OSError, ValueError, EOFError, TypeError):
            code = marshal.loads(place.read_bytes())  # noqa: S302 - own cache, private directory  # nosec B302
            if isinstance(code, CodeType):
                return code
        tree = ast.parse(data, filename)
        insert(tree, data)
        made: CodeType = compile(tree, filename, "exec", dont_inherit=True)
        with suppress(OSError):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(place, marshal.dumps(made), mode=0o600)
        return made

    def arm(self, code: CodeType, path: str) -> CodeType:
        """The code with its stand-ins replaced by this process's array and numbers."""
        if path not in self._first:
            self._first[path] = len(self.units)
            model = self._model_of(path)
            count = len(model.blocks) if model else 0
            first = len(self.units)
            self._hits.tables.update(
                {first + i: b.tables for i, b in enumerate(model.blocks if model else ()) if b.tables}
            )
            # The last unit stands for lambdas and for whatever the model does not know.
            self.units += [*((path, i) for i in range(count)), (path, -1)]
            self._hits.extend(bytes(count + 1))
            self._again.extend(bytes(count + 1))
        return self._bind(code, self._first[path])

    def _bind(self, code: CodeType, first: int) -> CodeType:
        limit = len(self.units)
        constants: list[object] = []
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                constants.append(self._bind(constant, first))
            elif constant == ARRAY:
                constants.append(self._hits)
            elif constant == AGAIN:
                constants.append(self._again)
            elif type(constant) is int and BASE <= constant < BASE + (1 << 31):
                constants.append(min(first + constant - BASE, limit - 1))
            else:
                constants.append(constant)
        return code.replace(co_consts=tuple(constants))

    def drain(self) -> set[int]:
        """Units seen since the last call, see ``Tracer``."""
        handed = self._handed[self._recorder.keeps_all]
        if len(handed) < _KEPT and not self._recorder.filling:
            handed.add(bytes(self._hits))
        seen = _taken(self._hits)
        again = _taken(self._again)
        self._resumed = again - seen
        return seen | again

    def resumed(self) -> set[int]:
        """See ``Tracer``."""
        return self._resumed

    @property
    def idle(self) -> bool:
        """Whether no probe was met since the last call of ``drain``, or just those that some call before met."""
        if self._again.find(1) >= 0:
            return False
        if self._hits.find(1) < 0:
            return True
        recorder = self._recorder
        if bytes(self._hits) in self._handed[recorder.keeps_all] and not recorder.filling:
            self._hits[:] = bytes(len(self._hits))
            return True
        return False

    def rearm(self) -> None:
        """See ``Tracer``; a probe needs no waking."""

    def another_bag(self) -> None:
        """See ``Tracer``."""
        self._hits.seen.clear()
        for handed in self._handed:
            handed.clear()

    def wake(self) -> None:
        """See ``Tracer``."""
        self.another_bag()
        self._hits.asked.clear()

    @property
    def lost(self) -> str:
        """See ``Tracer``; nobody takes a probe away."""
        return ""

    def suspect(self) -> None:
        """See ``Tracer``."""

    unsettled: ClassVar[list[bool]] = []

    def settle(self) -> None:
        """See ``Tracer``; probes tell every end."""

    def begin(self, frame: FrameType) -> None:
        """See ``Tracer``."""


def _taken(hits: HitMap) -> set[int]:
    """The units marked, which are marked no more."""
    seen = set()
    at = hits.find(1)
    while at >= 0:
        seen.add(at)
        hits[at] = 0
        at = hits.find(1, at + 1)
    return seen
