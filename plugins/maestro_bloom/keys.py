"""The texts that go into filters: what a test touched, in the exact version it touched.

Invariant: two different things, or two versions of one thing, have different texts; a part never holds the
separator, because paths, names and digests cannot hold NUL.
"""

from __future__ import annotations

import hashlib

DIGEST_SIZE = 16
ABSENT = "absent"


def block(path: str, qualname: str, n: int, digest: bytes) -> bytes:
    """One version of a function body: ``n`` counts equal qualified names in the file."""
    return _text("blk", path, qualname, str(n), digest.hex())


def source(path: str) -> bytes:
    """A Python file of which the test ran something."""
    return _text("py", path)


def any_block(path: str) -> bytes:
    """A Python file any function of which the test may come to run."""
    return _text("any", path)


def every_class() -> bytes:
    """Whatever classes and modules there are, as something that walks over them sees them."""
    return _text("walk")


def file(path: str, content: str) -> bytes:
    """A data file read, by content hash, or ``absent``."""
    return _text("file", path, content)


def directory(path: str, listing: str) -> bytes:
    """A directory listed, by the hash of its sorted names."""
    return _text("dir", path, listing)


def path(name: str, kind: str) -> bytes:
    """A path asked about: whether it is a file, a directory, or nothing."""
    return _text("path", name, kind)


def missing(module: str) -> bytes:
    """A module that was looked for and not found."""
    return _text("missing", module)


def variable(name: str, value: str) -> bytes:
    """An environment variable read, by the keyed hash of its value, or ``absent``."""
    return _text("env", name, value)


def digest_of(data: bytes) -> str:
    """Hash of content, hexadecimal."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).hexdigest()


def value_digest(value: str | None, salt: bytes) -> str:
    """Keyed hash of an environment variable's value; without the salt it cannot be guessed."""
    if value is None:
        return ABSENT
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).hexdigest()


def _text(*parts: str) -> bytes:
    return "\0".join(parts).encode("utf-8", "surrogatepass")
