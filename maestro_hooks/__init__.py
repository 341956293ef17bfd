"""Maestro Conductor: the names a plugin author uses, and nothing else.

Importing this package is cheap: every public name is resolved on first use (PEP 562),
so a hook process or an idle pytest pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_hooks.errors import MaestroError
    from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation, Replacement, Verdict
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.evidence.steps import Step
    from maestro_hooks.hookspecs import hookimpl
    from maestro_hooks.registry import Command, Registry, Rule, Settings
    from maestro_hooks.requests import (
        Advice,
        AdviceRequest,
        CacheEntry,
        CheckRequest,
        CollectionPlan,
        Commitment,
        CommitRequest,
        Documents,
        FetchRequest,
        FileSkip,
        LedgerView,
        LogProof,
        LogRequest,
        RunAll,
        SealDraft,
        SealedBundle,
        Section,
        Skip,
        SourceFile,
        StampRequest,
        StoreRequest,
        TestOutcome,
        TestPlan,
        TestRun,
        VerifyRequest,
    )

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - __version__ last, as in the field
    "Advice",
    "AdviceRequest",
    "Attachment",
    "CacheEntry",
    "CheckRequest",
    "CollectionPlan",
    "Command",
    "CommitRequest",
    "Commitment",
    "Documents",
    "FetchRequest",
    "FileSkip",
    "Finding",
    "LedgerView",
    "Location",
    "LogProof",
    "LogRequest",
    "MaestroError",
    "Obligation",
    "Record",
    "Registry",
    "Replacement",
    "Rule",
    "RunAll",
    "SealDraft",
    "SealedBundle",
    "Section",
    "Settings",
    "Skip",
    "SourceFile",
    "StampRequest",
    "Step",
    "StoreRequest",
    "TestOutcome",
    "TestPlan",
    "TestRun",
    "Verdict",
    "VerifyRequest",
    "hookimpl",
    "__version__",
]

_PUBLIC = {
    "maestro_hooks.errors": ("MaestroError",),
    "maestro_hooks.evidence.obligation": (
        "Attachment",
        "Finding",
        "Location",
        "Obligation",
        "Replacement",
        "Verdict",
    ),
    "maestro_hooks.evidence.record": ("Record",),
    "maestro_hooks.evidence.steps": ("Step",),
    "maestro_hooks.hookspecs": ("hookimpl",),
    "maestro_hooks.registry": (
        "Command",
        "Registry",
        "Rule",
        "Settings",
    ),
    "maestro_hooks.requests": (
        "Advice",
        "AdviceRequest",
        "CacheEntry",
        "CheckRequest",
        "CollectionPlan",
        "Commitment",
        "CommitRequest",
        "Documents",
        "FetchRequest",
        "FileSkip",
        "LedgerView",
        "LogProof",
        "LogRequest",
        "RunAll",
        "SealDraft",
        "SealedBundle",
        "Section",
        "Skip",
        "SourceFile",
        "StampRequest",
        "StoreRequest",
        "TestOutcome",
        "TestPlan",
        "TestRun",
        "VerifyRequest",
    ),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name from its home module the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
