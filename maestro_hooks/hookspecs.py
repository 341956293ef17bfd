"""The whole contract between the host and its plugins, one page.

Each hook takes one frozen object. The host calls plugins one at a time, exhausts what they return inside its own
guard, and sorts results by (plugin, key). A *gate* fails closed: its crash is an obligation with verdict
``error``. An *accelerator* fails open: its crash means "do the work", and the user is told. An *observer* only
watches: its crash is recorded and reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.evidence.steps import Step
    from maestro_hooks.registry import Registry
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
        StampRequest,
        StoreRequest,
        TestOutcome,
        TestPlan,
        TestRun,
        VerifyRequest,
    )

MAESTRO_API = 1
PROJECT = "maestro"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

HookKind = Literal["setup", "gate", "accelerator", "observer"]

KINDS: dict[str, HookKind] = {
    "maestro_register": "setup",
    "maestro_check": "gate",
    "maestro_leave_out": "accelerator",
    "maestro_select": "accelerator",
    "maestro_test_finished": "observer",
    "maestro_tests_finished": "gate",
    "maestro_fetch": "accelerator",
    "maestro_store": "accelerator",
    "maestro_before_seal": "gate",
    "maestro_commit": "gate",
    "maestro_attach": "gate",
    "maestro_timestamp": "gate",
    "maestro_log": "gate",
    "maestro_sealed": "observer",
    "maestro_verify": "gate",
    "maestro_advise": "observer",
}


# Hooks that answer with one object instead of several.
ONE_ANSWER = frozenset({"maestro_fetch", "maestro_log"})


@hookspec
def maestro_register(registry: Registry) -> None:
    """Declare commands, a settings table, key namespaces and rules. Every process; cheap; no input or output."""


@hookspec
def maestro_check(request: CheckRequest) -> Iterable[Obligation]:  # type: ignore[empty-body]
    """Gate. Files in, obligations out. Command line, hooks and seal; must not import the files it reads."""


@hookspec
def maestro_leave_out(plan: CollectionPlan) -> Iterable[FileSkip]:  # type: ignore[empty-body]
    """Accelerator. Files that need not even be collected, with every test in them; failure leaves none out.

    Called before collection in each pytest process that collects, unless the command line asks for certain tests or
    an installed plugin looks at all of them, so the answer must be a function of the plan and the tree.
    """


@hookspec
def maestro_select(plan: TestPlan) -> Iterable[Skip | RunAll]:  # type: ignore[empty-body]
    """Accelerator. Tests that need not run, or why all must; failure skips nothing.

    Called in each pytest process that collects, so the answer must be a function of the plan and the tree.
    """


@hookspec
def maestro_test_finished(outcome: TestOutcome) -> None:
    """Observer. After each test, in the pytest process that reports it (the controller under xdist)."""


@hookspec
def maestro_tests_finished(run: TestRun) -> Iterable[Obligation]:  # type: ignore[empty-body]
    """Gate. After the last test, in the process that reports: claims about the run, recorded beside pytest's own."""


@hookspec
def maestro_fetch(request: FetchRequest) -> CacheEntry | None:
    """Accelerator, first result wins. Look a content key up; ``None`` is a miss, failure counts as one.

    Called when a plugin asks the ``cache`` of the request it was handed, in that plugin's process.
    """


@hookspec
def maestro_store(request: StoreRequest) -> None:
    """Accelerator. Offer a result to every cache tier; failure loses the offer, never the result."""


@hookspec
def maestro_before_seal(view: LedgerView) -> Iterable[Obligation]:  # type: ignore[empty-body]
    """Gate. Sealing process, before the tree is built; may add obligations, never remove one."""


@hookspec
def maestro_commit(request: CommitRequest) -> Iterable[Commitment]:  # type: ignore[empty-body]
    """Gate. Sealing process, before the leaves exist: commitments to numbers that are not to be published."""


@hookspec
def maestro_attach(draft: SealDraft) -> Iterable[Section | Documents]:  # type: ignore[empty-body]
    """Gate. Sealing process, after the tree, before the signature: sections of the predicate, files to ship."""


@hookspec
def maestro_timestamp(request: StampRequest) -> bytes | None:
    """Gate. Sealing process, after the signature: an RFC 3161 token (``TimeStampResp`` in DER) over it.

    ``None`` says that this plugin asks nobody. Failure stops the seal if the trust file demands timestamps; else it is
    a warning.
    """


@hookspec
def maestro_log(request: LogRequest) -> LogProof | None:
    """Gate, first result wins. Sealing process, after the signature: enter it in a transparency log.

    ``None`` says that this plugin keeps no log; failure stops the seal, for the bundle would lack its proof.
    """


@hookspec
def maestro_sealed(bundle: SealedBundle) -> None:
    """Observer. Sealing process, after the bundle is on disk: publish it, log it."""


@hookspec
def maestro_verify(request: VerifyRequest) -> Iterable[Step]:  # type: ignore[empty-body]
    """Gate. Verifying process: check the section of the plugin's own name, without settings, ledger or network.

    Only that plugin is loaded. A section whose plugin is absent, broken or crashes is "not checked", never green.
    """


@hookspec
def maestro_advise(request: AdviceRequest) -> Iterable[Advice]:  # type: ignore[empty-body]
    """Observer. For the Decision Card: remedies for what is not met, with cost and risk."""
