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
    return Facts(_words(b" ".join(_IMPORT.findall(data))), _words(b" ".join(_CLASS.findall(data))))


def _words(data: bytes) -> frozenset[str]:
    return frozenset(word.decode("utf-8", "replace") for word in set(_WORD.findall(data)))


def mentions(data: bytes, words: frozenset[str] | set[str]) -> bool:
    """Whether a file's bytes hold one of some words."""
    return not words.isdisjoint(w.decode("utf-8", "replace") for w in set(_WORD.findall(data)))
