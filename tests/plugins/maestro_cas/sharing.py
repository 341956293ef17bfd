"""Two machines and a remote between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_cas import writer
from maestro_cas.settings import CasSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.maestro_cas.machines import Machine

MADE = {"a.txt": b"alpha\nalpha\n", "b.txt": b"beta\nbeta\n"}


def share(make_machine: Callable[..., Machine], remote: str) -> tuple[Machine, Machine]:
    one, two = make_machine("one"), make_machine("two")
    one.settings = CasSettings(remotes=(remote,), publish=True, remote_wait_s=1, remote_budget_s=3)
    key = writer.public_text(str(one.root))
    two.settings = CasSettings(remotes=(remote,), writers=(key,), remote_wait_s=1, remote_budget_s=3)
    assert one.run() == ""
    return one, two
