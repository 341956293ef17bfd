"""Releases with hidden numbers, logged and cosigned: honest, and changed by a signer who signs anything."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from maestro_hooks.evidence import canonical, merkle
from maestro_hooks.evidence.bundle import encode_bundle, sign_payload
from maestro_hooks.evidence.disclosure import encode_disclosures, parse_disclosures
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.verify import Submission
from maestro_hooks.pipeline.section_checks import check_section
from maestro_zk.field import L
from maestro_zk.settings import ZkSettings
from tests.evidence.shipment import NOW, RELEASE_KEY, WHEEL, policy_bytes
from tests.plugins.maestro_seal import logged
from tests.plugins.maestro_zk import releases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Case = tuple[str, Submission]


@dataclass(frozen=True)
class Hidden:
    """One release with hidden numbers: its manifest, its leaf file, its policy."""

    payload: bytes
    leaves: bytes
    policy: bytes

    def submission(self, **changes: object) -> Submission:
        bundle = sign_payload(self.payload, RELEASE_KEY)
        made = Submission(
            bundles=[encode_bundle(replace(bundle, log_entry=logged.logged_entry(bundle)))],
            trust=logged.logged_trust(),
            policy=self.policy,
            leaves=[self.leaves],
            artifacts=[("demo.whl", hashlib.sha256(WHEEL).hexdigest())],
            now=NOW,
            checkers={"zk": lambda *given: check_section("zk", *given)},
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # the caller names real fields

    def document(self) -> dict[str, Any]:
        """The statement, to be edited."""
        value = canonical.decode(self.payload, canonical=True)
        assert isinstance(value, dict)
        return value

    def signed(self, document: object) -> Submission:
        """As if the signer had signed ``document``."""
        return replace(self, payload=canonical.encode(document)).submission()

    def proof(self, data: bytes) -> Submission:
        """The release with another proof."""
        document = self.document()
        document["predicate"]["zk"]["proof"] = base64.b64encode(data).decode()
        return self.signed(document)

    def shown(self, keep: Sequence[str]) -> bytes:
        """A leaf file of the leaves with these ids."""
        found = [d for d in parse_disclosures(self.leaves) if any(f'"id":"{k}"'.encode() in d.leaf for k in keep)]
        return encode_disclosures(found)


@cache
def hidden(seed: int = 0) -> Hidden:
    """Four hidden numbers behind five bounds; another seed makes other blindings and salts."""
    assert seed >= 0
    return _sealed()


def _sealed(numbers: Sequence[Obligation] | None = None, *, bits: Literal[32, 64] = 32) -> Hidden:
    """A release with these hidden numbers, or the usual ones, and one open claim."""
    open_claim = Obligation(key="pytest/failed", value=0, max=0, kind="test")
    claims = None if numbers is None else [open_claim, *numbers]
    rules = releases.RULES if numbers is None else releases.RULES[:1]
    policy = policy_bytes(rules, ())
    with TemporaryDirectory() as place:
        made = releases.seal(Path(place), made=claims, settings=ZkSettings(bits=bits))
    disclosed = encode_disclosures([made.leaves.disclose(i) for i in sorted(made.leaves.ids, key=str.encode)])
    return Hidden(made.payload(policy=hashlib.sha256(policy).hexdigest()), disclosed, policy)


def honest() -> Iterator[Case]:
    made = hidden()
    yield "hidden numbers", made.submission()
    stated = [s["id"] for s in made.document()["predicate"]["zk"]["statements"]]
    one = {"key": "a/b", "private": True}
    for what, fields in {
        "a bound of zero": {"value": 5, "min": 0},
        "both bounds, both zero": {"value": 0, "min": 0, "max": 0},
        "negative bounds": {"value": -3, "min": -5, "max": -1},
    }.items():
        claim = Obligation(**{**one, **fields})  # type: ignore[arg-type]  # real fields
        yield f"a hidden number with {what}", _sealed([claim]).submission()
    far = Obligation(key="a/b", value=2**40, min=0, private=True)
    yield "a hidden number of 64 bits", _sealed([far], bits=64).submission()
    many = [Obligation(key=f"a/b/{n:02}\N{GRINNING FACE}", value=n, min=0, private=True) for n in range(16)]
    yield "sixteen hidden numbers", _sealed(many).submission()
    yield "hidden numbers, only the leaves that ship", made.submission(leaves=[made.shown([*stated, "pytest/failed"])])


def attacks() -> Iterator[Case]:
    """What the verifier must name ``zk`` for: by a signer, so everything before it passes."""
    made, other = hidden(), hidden(1)
    proof = base64.b64decode(made.document()["predicate"]["zk"]["proof"])
    yield "the proof of another manifest", made.proof(base64.b64decode(other.document()["predicate"]["zk"]["proof"]))
    for place in range(0, len(proof), 32):
        edited = bytearray(proof)
        edited[place + 3] ^= 8
        yield f"zk proof, a bit of element {place // 32}", made.proof(bytes(edited))
        yield f"zk proof, element {place // 32} zero", made.proof(proof[:place] + bytes(32) + proof[place + 32 :])
    for place in (4, 5, 6, len(proof) // 32 - 2, len(proof) // 32 - 1):
        scalar = int.from_bytes(proof[32 * place : 32 * place + 32], "little") + int(L)
        data = proof[: 32 * place] + scalar.to_bytes(32, "little") + proof[32 * place + 32 :]
        yield f"zk proof, scalar {place} plus L", made.proof(data)
    yield "zk proof cut", made.proof(proof[:-32])
    yield "zk proof one byte longer", made.proof(proof + b"\0")
    yield "zk proof two elements longer", made.proof(proof[:-64] + proof[-128:-64] + proof[-64:])
    yield from _moved_statements(made)


def _moved_statements(made: Hidden) -> Iterator[Case]:
    count = len(made.document()["predicate"]["zk"]["statements"])
    for place in range(count):
        document = made.document()
        del document["predicate"]["zk"]["statements"][place]
        yield f"zk statement {place} dropped", made.signed(document)
        document = made.document()
        statements = document["predicate"]["zk"]["statements"]
        one, next_ = statements[place], statements[(place + 1) % count]
        one["commit"], next_["commit"] = next_["commit"], one["commit"]
        if one["id"] != next_["id"]:
            yield f"zk commitments {place} swapped", made.signed(document)
        for step in (-1, 1):
            document = made.document()
            one = document["predicate"]["zk"]["statements"][place]
            one["threshold"] = str(int(one["threshold"]) + step)
            yield f"zk threshold {place} {step:+}", made.signed(document)
    document = made.document()
    document["predicate"]["zk"]["bits"] = 64
    yield "zk bits", made.signed(document)
    document = made.document()
    del document["predicate"]["zk"]
    yield "hidden numbers without their section", made.signed(document)


def undecided() -> Iterator[Case]:
    """What leaves the verifier without an answer."""
    made = hidden()
    yield "the hidden leaves were not given", made.submission(leaves=[made.shown(["pytest/failed"])])
    yield "one hidden leaf was not given", made.submission(leaves=[made.shown(["pytest/failed", releases.COVERAGE])])


def edited(mutations: Any) -> Iterator[Case]:
    """Every field of the section, and every field of a hidden leaf with the tree planted anew."""
    made = hidden()
    document = made.document()
    for what, section in mutations(document["predicate"]["zk"]):
        document["predicate"]["zk"] = section
        yield f"re-signed zk {what}", made.signed(document)
    disclosures = parse_disclosures(made.leaves)
    place = next(n for n, d in enumerate(disclosures) if f'"id":"{releases.COVERAGE}"'.encode() in d.leaf)
    for what, leaf in mutations(canonical.decode(disclosures[place].leaf, canonical=True)):
        leaves = [d.leaf for d in disclosures]
        leaves[place] = canonical.encode(leaf)
        tree = merkle.grow(merkle.leaf_hashes(leaves))
        again = made.document()
        again["predicate"]["tree"]["root"] = tree.root.hex()
        shown = [replace(d, leaf=leaves[d.index], hashes=tree.inclusion(d.index)) for d in disclosures]
        changed = replace(made, payload=canonical.encode(again))
        yield f"forged hidden leaf {what}", changed.submission(leaves=[encode_disclosures(shown)])
