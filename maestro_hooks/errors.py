"""Every error a user may meet, each with what, where and what to do, and its exit code.

Invariant: the command line maps an error to an exit code in one place, by reading ``exit_code``.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes, the same for the command line, hooks and nox sessions."""

    OK = 0
    UNMET = 1
    USAGE = 2
    TOOL_FAILED = 3
    EVIDENCE_INVALID = 4
    INTERRUPTED = 130


class MaestroError(Exception):
    """An expected failure, told to the user as what / where / what to do."""

    exit_code: ExitCode = ExitCode.TOOL_FAILED

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.fix:
            parts.append(f"  to do: {self.fix}")
        return "\n".join(parts)


class UsageError(MaestroError):
    """The command line, or the state of the repository, does not allow what was asked."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A configuration, policy or model file is wrong; ``where`` locates the value."""


class ToolError(MaestroError):
    """A tool Maestro runs (git, a build backend, a plugin) failed."""

    exit_code = ExitCode.TOOL_FAILED


class UnavailableError(ToolError):
    """A plugin's optional dependency is missing; ``fix`` is the command that installs it."""


class EvidenceError(MaestroError):
    """Evidence is malformed, contradictory or tampered with."""

    exit_code = ExitCode.EVIDENCE_INVALID
