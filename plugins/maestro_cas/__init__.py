"""Build results reused by content: nox sessions and any command, locally and through shared engines.

Invariant: what is restored is what a run with these inputs made; a result that might be another's is a miss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import CacheEntry, FetchRequest, LedgerView, StoreRequest

MAESTRO_API = 1


def _arguments(parser: ArgumentParser) -> None:
    from maestro_cas.command import add_arguments  # noqa: PLC0415 - only for this verb

    add_arguments(parser)


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table, the verb ``cas`` and the rule for undeclared reads."""
    from maestro_cas.settings import CasSettings  # noqa: PLC0415 - a nox hit imports this package without msgspec
    from maestro_hooks.registry import Command, Rule  # noqa: PLC0415

    registry.settings(CasSettings)
    registry.command(
        Command(
            name="cas",
            help="cache a command by its inputs; look into the cache",
            run="maestro_cas.command:run",
            add_arguments=_arguments,
        )
    )
    registry.rule(Rule("cas-undeclared-read", "A cached action read a file that it did not declare"))


@hookimpl
def maestro_before_seal(view: LedgerView) -> Iterator[Obligation]:
    """Say of each cached action whose inputs are this tree's: its record, and whether it was run or restored."""
    from maestro_cas.claims import obligations  # noqa: PLC0415 - only at the seal
    from maestro_cas.opening import open_for  # noqa: PLC0415
    from maestro_cas.settings import CasSettings  # noqa: PLC0415

    settings = view.settings if isinstance(view.settings, CasSettings) else CasSettings()
    yield from obligations(open_for(str(view.root), settings), str(view.root))


@hookimpl
def maestro_fetch(request: FetchRequest) -> CacheEntry | None:
    """Look a plugin's own cache entry up, here and in the remotes."""
    from maestro_cas.entries import fetch_for  # noqa: PLC0415 - only when asked

    return fetch_for(request)


@hookimpl
def maestro_store(request: StoreRequest) -> None:
    """Keep a plugin's own cache entry, and offer it to the remotes."""
    from maestro_cas.entries import keep_for  # noqa: PLC0415 - only when asked

    keep_for(request)
