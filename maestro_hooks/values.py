"""Bases of internal values that every pytest run defines: as frozen (or plain) slotted dataclasses, made faster.

Defining a frozen slotted dataclass takes 0.3 to 0.6 ms, because its methods are compiled each time; a struct takes a
fifth of that (``benchmarks/pytest_idle.py`` counts what an active pytest pays). Annotations are never evaluated.
"""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True):
    """An immutable value: equal and hashed by its fields."""


class State(msgspec.Struct):
    """Something with named fields that changes."""
