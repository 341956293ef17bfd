from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.trust import Trust, accept_update, check_trust, parse_trust, sign_trust
from tests.evidence.shipment import (
    NOW,
    OTHER_KEY,
    RELEASE_KEY,
    ROOT_KEY,
    YEAR,
    private_key,
    trust_bytes,
    trust_document,
    trusted,
)


def test_a_trust_file_round_trips_as_one_canonical_line() -> None:
    full = trust_document(
        log="log.example/maestro",
        min_tree_size=12,
        quorum=2,
        policy="a" * 64,
        keys=(*trust_document().keys, trusted(OTHER_KEY, "old", "log", max_index=7)),
    )
    data = sign_trust(full, [ROOT_KEY])
    assert data.count(b"\n") == 1
    assert data.endswith(b"}\n")
    assert parse_trust(data).trust == full
    assert check_trust(parse_trust(data), now=NOW) == full
    assert parse_trust(data.removesuffix(b"\n")).trust == full


def test_an_expired_file_is_refused() -> None:
    file = parse_trust(trust_bytes())
    check_trust(file, now=NOW + YEAR)
    with pytest.raises(EvidenceError, match="expired"):
        check_trust(file, now=NOW + YEAR + timedelta(seconds=1))


@pytest.mark.parametrize(
    "keys", [[], [RELEASE_KEY], [OTHER_KEY]], ids=["unsigned", "by the release key", "by a stranger"]
)
def test_a_file_its_root_keys_did_not_sign_is_refused(keys: list[Any]) -> None:
    with pytest.raises(EvidenceError, match="0 of the 1 valid root keys"):
        check_trust(parse_trust(sign_trust(trust_document(), keys)), now=NOW)


def test_a_root_threshold_counts_distinct_keys() -> None:
    second = private_key(9)
    keys = (*trust_document().keys, trusted(second, "root-2", "root"))
    document = trust_document(keys=keys, thresholds={"root": 2, "release": 1})
    check_trust(parse_trust(sign_trust(document, [ROOT_KEY, second])), now=NOW)
    with pytest.raises(EvidenceError, match="1 of the 2"):
        check_trust(parse_trust(sign_trust(document, [ROOT_KEY])), now=NOW)
    once: Any = canonical.decode(sign_trust(document, [ROOT_KEY]).strip(), canonical=True)
    once["signatures"] = [*once["signatures"], *once["signatures"]]
    with pytest.raises(EvidenceError, match="1 of the 2"):
        check_trust(parse_trust(canonical.encode(once)), now=NOW)


def test_a_retired_root_key_does_not_count() -> None:
    retired = trusted(ROOT_KEY, "root-1", "root", valid_to=NOW - timedelta(days=1))
    data = sign_trust(trust_document(keys=(retired, trust_document().keys[1])), [ROOT_KEY])
    with pytest.raises(EvidenceError, match="0 of the 1"):
        check_trust(parse_trust(data), now=NOW)


def successor(**changes: object) -> Trust:
    new_root = trusted(OTHER_KEY, "root-2", "root")
    return replace(trust_document(version=2, keys=(new_root, trust_document().keys[1])), **changes)  # type: ignore[arg-type]


def test_an_update_needs_old_and_new_roots() -> None:
    old = parse_trust(trust_bytes())
    both = parse_trust(sign_trust(successor(), [ROOT_KEY, OTHER_KEY]))
    assert accept_update(old, both, now=NOW) == successor()
    for keys, whose in (([OTHER_KEY], "previous"), ([ROOT_KEY], "its own")):
        with pytest.raises(EvidenceError, match=whose):
            accept_update(old, parse_trust(sign_trust(successor(), keys)), now=NOW)


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_never_goes_back(version: int) -> None:
    old = parse_trust(sign_trust(successor(), [ROOT_KEY, OTHER_KEY]))
    with pytest.raises(EvidenceError, match="version"):
        accept_update(old, parse_trust(sign_trust(successor(version=version), [ROOT_KEY, OTHER_KEY])), now=NOW)


def test_any_edit_of_the_signed_part_is_refused() -> None:
    data = trust_bytes()
    start = data.index(b'"signed":') + 9
    accepted = []
    for position in range(start, len(data) - 2):
        edited = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        try:
            check_trust(parse_trust(edited), now=NOW)
        except EvidenceError:
            continue
        accepted.append(position)
    assert not accepted


def change(path: str, value: object) -> bytes:
    whole: Any = canonical.decode(trust_bytes().strip(), canonical=True)
    inner: Any = whole
    *way, last = path.split(".")
    for step in way:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return canonical.encode(whole)


BAD: dict[str, tuple[str, object]] = {
    "unknown member": ("signed.extra", 1),
    "unknown outer member": ("extra", 1),
    "unknown schema": ("signed.schema", "maestro.trust/2"),
    "version 0": ("signed.version", 0),
    "version true": ("signed.version", True),
    "no expiry": ("signed.expires", ...),
    "expiry with offset": ("signed.expires", "2027-01-01T00:00:00+01:00"),
    "expiry on no day": ("signed.expires", "2027-02-30T00:00:00Z"),
    "quorum 0": ("signed.quorum", 0),
    "quorum without log": ("signed.quorum", 1),
    "empty log": ("signed.log", ""),
    "threshold 0": ("signed.thresholds.release", 0),
    "no root threshold": ("signed.thresholds.root", ...),
    "unknown threshold": ("signed.thresholds.ci", 1),
    "tree size as number": ("signed.minTreeSize", 0),
    "id of another key": ("signed.keys.0.id", "a" * 64),
    "unknown role": ("signed.keys.0.role", "ci"),
    "unknown algorithm": ("signed.keys.0.alg", "rsa"),
    "unknown key member": ("signed.keys.0.extra", 1),
    "key in sloppy base64": ("signed.keys.0.public", "AB=="),
    "policy no digest": ("signed.policy", "a" * 64),
    "signature no object": ("signatures", ["x"]),
    "keys no array": ("signed.keys", {}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(name: str) -> None:
    with pytest.raises(EvidenceError):
        parse_trust(change(*BAD[name]))


def test_one_key_has_one_role() -> None:
    keys = (trusted(ROOT_KEY, "root", "root"), trusted(ROOT_KEY, "release", "release"))
    with pytest.raises(EvidenceError, match="twice"):
        parse_trust(trust_bytes(keys=keys))


def test_another_layout_is_refused() -> None:
    with pytest.raises(EvidenceError, match="canonical"):
        parse_trust(b" " + trust_bytes())
    with pytest.raises(EvidenceError):
        parse_trust(trust_bytes() + b"\n")
