"""What keeps a pytest process's start and end short; this module imports nothing of Maestro."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_collections() -> Iterator[None]:
    """Keep the garbage collector away while much is made and nothing thrown away: at the start and at the end.

    It would look at every object of the process again, which in a large suite takes longer than what is done here.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def own_imports() -> Iterator[None]:
    """Import what is Maestro's past pytest's assertion rewriting.

    Pytest marks all modules of a distribution that brings a plugin, and loads a marked one by way of Python code, which
    takes twice as long. Nothing of Maestro's asserts anything to a test.
    """
    before = list(sys.meta_path)
    rewriting = [finder for finder in before if type(finder).__name__ == "AssertionRewritingHook"]
    for finder in rewriting:
        sys.meta_path.remove(finder)
    try:
        yield
    finally:
        for finder in rewriting:
            sys.meta_path.insert(before.index(finder), finder)
