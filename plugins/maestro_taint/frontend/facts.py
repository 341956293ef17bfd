"""What is known of a file without parsing it: the words of its imports and of its classes' bases.

Invariant: each is a superset of what parsing would find; computed by regular expressions over bytes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(rb"[^\W\d]\w*")
_IMPORT = re.compile(
    rb"^[ \t]*(?:[^#'\"\n]*[;:][ \t]*)?(?:from|import)[ \t][^\n(]*(?:\([^)]*\))?(?:\\\r?\n[^\n]*)*", re.MULTILINE
)
_CLASS = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*(?:\[[^\]]*\])?[ \t]*\(([^)]*)\)", re.MULTILINE)


class Facts(NamedTuple):
    """The facts of one file."""

    imports: frozenset[str]
    bases: frozenset[str]


def facts_of(data: bytes) -> Facts:
    """Look at a file's bytes."""
    return Facts(words_of(b" ".join(_IMPORT.findall(data))), words_of(b" ".join(_CLASS.findall(data))))


def mentions(data: bytes, words: list[bytes]) -> bool:
    """Whether one of some names stands among the names in a file's bytes."""
    return any(word in data and re.search(rb"(?<!\w)" + word + rb"(?!\w)", data) for word in words)


def words_of(data: bytes) -> frozenset[str]:
    """The names in a file's bytes, keywords and words of comments among them."""
    return frozenset(word.decode("utf-8", "replace") for word in set(_WORD.findall(data)))
