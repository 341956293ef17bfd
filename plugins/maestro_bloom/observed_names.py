"""Names of environment variables that matter, shared by the recorder and by the selection.

Invariant: both sides leave out the same variables, so an unchanged environment compares equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_VARIABLE = "*"
"""Stands for the names of all variables: something walked over them."""
EVERY_VALUE = "**"
"""Stands for all variables with their values: a program was started, and nobody sees what it reads."""

_HARNESS = ("PYTEST_", "MAESTRO_", "COV_CORE_", "COVERAGE_")
_SHELL = frozenset({"_", "SHLVL", "OLDPWD"})


def is_aside(name: str) -> bool:
    """Whether the machinery that runs the tests, or a shell's bookkeeping, sets a variable anew in every run."""
    return name.startswith(_HARNESS) or name in _SHELL


def every_variable(variables: Mapping[str, str]) -> str:
    """The sorted names, as one text."""
    return "\0".join(sorted(name for name in variables if not is_aside(name)))


def every_value(variables: Mapping[str, str]) -> str:
    """The sorted names and values, as one text."""
    return "\0".join(f"{name}={value}" for name, value in sorted(variables.items()) if not is_aside(name))
