"""Critical functions as people write them, right and with a seeded fault: ``«right|faulty»`` in the text files.

``everyday.txt`` was written before the subset was widened and showed where; ``everyday_unseen.txt`` was written, and
first run, when that was done, and is reported apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HEAD = re.compile(r"^### (\w+)\n", flags=re.MULTILINE)
CHANGE = re.compile(r"«(.*?)\|(.*?)»")
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Everyday:
    """One module, and the same with its fault."""

    name: str
    right: str
    faulty: str


def everyday(file: str) -> list[Everyday]:
    """The modules of a file."""
    parts = HEAD.split((FOLDER / file).read_text(encoding="utf-8"))[1:]
    return [
        Everyday(name, CHANGE.sub(r"\1", text), CHANGE.sub(r"\2", text))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]
