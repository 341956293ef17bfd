"""Which Bandit tests are about what flows into a call, and the sink kinds each speaks of.

Invariant: a test about how a program is set up (TLS, permissions, weak hashes, PATH look-ups) is not listed: a proof
that an argument is constant says nothing about it, so it stays Bandit's.
"""

from __future__ import annotations

import re

KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("B102", "B307"), ("code",)),
    **dict.fromkeys(("B602", "B603", "B604", "B605", "B606"), ("command",)),
    **dict.fromkeys(("B608", "B610", "B611"), ("sql",)),
    **dict.fromkeys(("B301", "B302", "B506", "B614"), ("deserialize",)),
    "B310": ("ssrf", "path"),
    **dict.fromkeys(("B308", "B703", "B704"), ("html",)),
    **dict.fromkeys(("B313", "B314", "B315", "B316", "B317", "B318", "B319"), ("xxe", "entities")),
}
# A file without any of these words has no flow-type result: Bandit, slow to load, need not be loaded for it.
TRIGGERS = re.compile(
    rb"\b(?:eval|exec|pickle|cPickle|marshal|dill|shelve|jsonpickle|yaml|torch|subprocess|popen\w*|Popen|system|spawn\w*|"
    rb"exec[vl]\w*|startfile|shell|commands|mark_safe|Markup|SafeString|SafeText|xml|sax|minidom|pulldom|expatreader|"
    rb"expatbuilder|lxml|urlopen|urlretrieve|URLopener|FancyURLopener|extra|RawSQL|read_pickle)\b|"
    rb"(?i:\bselect\b.{0,200}\bfrom\b|\binsert\s+into\b|\bdelete\s+from\b|\bupdate\b.{0,200}\bset\b|\bwith\s+\w+\s+as\b)",
    re.DOTALL,
)


def may_apply(data: bytes) -> bool:
    """Whether a file can have a flow-type result at all."""
    return TRIGGERS.search(data) is not None
