"""Find and read the policy of a repository, with the layers it extends."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError, UsageError
from maestro_hooks.policy.document import Policy
from maestro_hooks.policy.facts import HAZARD_KEY, Facts
from maestro_hooks.policy.layers import merge
from maestro_hooks.policy.strict_yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.policy.strict_yaml import Document
    from maestro_hooks.project.repository import Repository

MAX_LAYERS = 8


def load_policy(root: Path, name: str) -> Policy:
    """The policy file ``name`` below ``root``, its layers merged in.

    Raises:
        UsageError: there is none.
        ConfigError: it, or a layer it extends, is wrong; with file, line and column.
    """
    return read_layers(root, name)[0]


def read_layers(root: Path, name: str) -> tuple[Policy, Document]:
    """The merged policy and the document of the file ``name`` itself, which locates what is in it. Raises alike."""
    try:
        data = (root / name).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the policy: {error.strerror}",
            where=name,
            fix="run 'maestro init' to write one, then read what it requires",
        ) from error
    return _read(root, name, data, above=())


def _read(root: Path, name: str, data: bytes, *, above: tuple[str, ...]) -> tuple[Policy, Document]:
    document = read_yaml(data, where=name)
    own = document.convert(Policy)
    merged: Policy | None = None
    for i, layer in enumerate(own.extends):
        place = document.at(f"$.extends[{i}].file")
        path = _inside(layer.file, place)
        if path in (*above, name):
            raise ConfigError(f"{path} extends itself", where=place, fix="break the circle")
        if len(above) >= MAX_LAYERS:
            raise ConfigError(f"more than {MAX_LAYERS} layers", where=place, fix="flatten them")
        below, _ = _read(root, path, _pinned(root, path, layer.sha256, place), above=(*above, name))
        merged = below if merged is None else _merged(merged, below, document)
    policy = own if merged is None else _merged(merged, own, document)
    _check_authors(policy, document)
    return policy, document


def _merged(below: Policy, above: Policy, document: Document) -> Policy:
    try:
        return merge(below, above)
    except ValueError as error:
        place = document.at(getattr(error, "path", "$.extends"))
        raise ConfigError(str(error), where=place, fix="make the layers agree") from error


def _inside(path: str, place: str) -> str:
    """A layer's path, refused unless it stays below the repository root."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ConfigError(f"{path!r} lies outside the repository", where=place, fix="copy the layer into it")
    return str(parts)


def _pinned(root: Path, path: str, sha256: str, place: str) -> bytes:
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the layer {path}: {error.strerror}", where=place, fix="add the file") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ConfigError(
            f"the layer {path} is not the pinned one: its SHA-256 is {found}",
            where=place,
            fix="restore the file, or review its changes and pin it anew",
        )
    return data


def _check_authors(policy: Policy, document: Document) -> None:
    own = {entry.get("id"): i for i, entry in enumerate(document.value["rules"])}
    for rule in policy.rules:
        kind = None if rule.when is None else rule.when.author
        if kind is not None and kind not in policy.authors:
            raise ConfigError(
                f"rule {rule.id}: no kind of author {kind!r}; declared: {', '.join(sorted(policy.authors)) or 'none'}",
                where=document.at(f"$.rules[{own[rule.id]}].when.author" if rule.id in own else "$.extends"),
                fix="declare the e-mail patterns of this kind under 'authors'",
            )


def facts_of(repository: Repository, files: Iterable[str], *, committed: bool, records: Iterable[Record]) -> Facts:
    """What the conditions of rules may ask about this repository, this process and what was recorded."""
    environment = "ci" if os.environ.get("CI") else "local"
    hazard = next((r.text or "" for r in records if r.key == HAZARD_KEY), "")
    return Facts(
        branch=repository.branch,
        environment=environment,
        files=tuple(sorted(files)),
        author=repository.author if committed else "",
        hazard=hazard,
    )
