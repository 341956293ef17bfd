"""The garbage collector, kept away from a pytest process's start and end: it imports nothing of Maestro."""

from __future__ import annotations

import gc
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
