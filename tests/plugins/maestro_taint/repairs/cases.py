"""True findings to repair: per kind, the shapes people write, with an attack and ordinary inputs.

The programs are data (``programs/*.yaml``). Each defines ``handle()`` and takes its input from ``request.args["q"]``.
Whether it is really vulnerable is not written there: the harness runs the attack. Nothing there knows how repairs are
made.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

PROGRAMS = Path(__file__).parent / "programs"


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program, the input that breaks it, inputs that must work as before, and hosts it may reach (a setting)."""

    name: str
    attack: str
    benign: tuple[str, ...]
    text: str
    hosts: tuple[str, ...] = ()
    kind: str = ""


def cases() -> list[Case]:
    """All cases, by kind."""
    made: list[Case] = []
    for place in sorted(PROGRAMS.glob("*.yaml")):
        kind = place.stem.replace("-", " ")
        made += [
            msgspec.structs.replace(c, kind=kind) for c in msgspec.yaml.decode(place.read_bytes(), type=list[Case])
        ]
    return made
