"""True findings to repair: per kind, the shapes people write, with an attack and ordinary inputs.

The programs are data (``programs/*.yaml``; ``second`` and ``third`` were each written when the repairs of the
set before were done, ``fourth`` against them).
Each defines ``handle()`` and takes its input from ``request.args["q"]``. Whether it is really vulnerable is not written
there: the harness runs the attack. Nothing there knows how repairs are made.
"""

from __future__ import annotations

import codecs
from pathlib import Path

import msgspec

PROGRAMS = Path(__file__).parent / "programs"
SETS = ("first", "second", "third", "fourth")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program, the input that breaks it, inputs that must work as before, and hosts it may reach (a setting).

    ``files`` are modules beside it; ``form`` is how its bytes are written: ``crlf``, ``bom``, ``latin-1``.
    """

    name: str
    attack: str
    benign: tuple[str, ...]
    text: str
    hosts: tuple[str, ...] = ()
    kind: str = ""
    form: str = ""
    files: dict[str, str] = {}

    def data(self) -> bytes:
        """The program's bytes."""
        if self.form == "latin-1":
            return b"# -*- coding: latin-1 -*-\n" + self.text.encode("latin-1")
        text = self.text.replace("\n", "\r\n") if self.form == "crlf" else self.text
        return (codecs.BOM_UTF8 if self.form == "bom" else b"") + text.encode()

    def others(self) -> dict[str, bytes]:
        """The modules beside the program."""
        return {name: text.encode() for name, text in self.files.items()}


def cases(which: str = "first") -> list[Case]:
    """All cases of a set, by kind."""
    made: list[Case] = []
    for place in sorted((PROGRAMS if which == "first" else PROGRAMS / which).glob("*.yaml")):
        kind = place.stem.replace("-", " ")
        made += [
            msgspec.structs.replace(c, kind=kind) for c in msgspec.yaml.decode(place.read_bytes(), type=list[Case])
        ]
    return made
