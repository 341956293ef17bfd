"""What a claim was made from: file contents, configuration, plugin and tool versions, in one digest.

Invariant: an obligation holds for a tree if and only if every part its inputs document names is equal there.
"""

from __future__ import annotations

import hashlib

import msgspec


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Everything a producer read. ``files`` maps path to SHA-256, or ``tree`` names a whole git tree.

    ``tree`` is empty and ``files`` is ``None`` for claims about no file of the repository.
    """

    plugin: str
    version: str
    config: str = ""
    files: dict[str, str] | None = None
    tree: str = ""
    tools: dict[str, str] = {}
    arguments: tuple[str, ...] = ()


def encode(inputs: Inputs) -> bytes:
    """The bytes that are hashed and stored: keys sorted, so equal inputs have equal bytes."""
    return msgspec.json.encode(inputs, order="sorted")


def digest(encoded: bytes) -> str:
    """Lowercase hexadecimal SHA-256 of an encoded inputs document."""
    return hashlib.sha256(encoded).hexdigest()


def hold(inputs: Inputs, *, tree: str, files: dict[str, str]) -> bool:
    """Whether claims made from ``inputs`` still speak about a work tree (its git tree id, path to SHA-256)."""
    if inputs.tree:
        return inputs.tree == tree
    return all(files.get(path) == sha256 for path, sha256 in (inputs.files or {}).items())
