"""Obligation keys from report paths and test names, whatever characters those hold.

Invariant: ``key`` always returns a well-formed key; subjects that differ after NFC give keys that differ,
except with the probability of a 64-bit hash collision.
"""

from __future__ import annotations

import hashlib
import unicodedata
from urllib.parse import quote

from maestro_hooks.evidence.obligation import MAX_KEY_BYTES


def key(metric: str, subject: str) -> str:
    """``metric/subject`` with control characters and surrogates percent-encoded, long subjects shortened by hash."""
    text = "".join(_printable(c) for c in unicodedata.normalize("NFC", subject))
    room = MAX_KEY_BYTES - len(metric) - 1
    encoded = text.encode()
    if len(encoded) > room:
        tail = hashlib.sha256(encoded).hexdigest()[:16]
        text = encoded[: room - 17].decode("utf-8", "ignore") + "~" + tail
    return f"{metric}/{unicodedata.normalize('NFC', text)}"


def _printable(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cs"):
        return quote(character, safe="", errors="surrogatepass")
    return character
