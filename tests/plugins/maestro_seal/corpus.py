"""Honest and tampered releases: every field of every document, and every step, for all verifiers to agree about."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from maestro_hooks.evidence import canonical, dsse, merkle, signature
from maestro_hooks.evidence.authority import Authority
from maestro_hooks.evidence.bundle import encode_bundle, parse_bundle, sign_payload
from maestro_hooks.evidence.checkpoint import Head, parse_checkpoint
from maestro_hooks.evidence.disclosure import encode_disclosures, parse_disclosures
from maestro_hooks.evidence.log_entry import alone
from maestro_hooks.evidence.note import encode_note
from maestro_hooks.evidence.trust import PAYLOAD_TYPE
from tests.evidence.shipment import NOW, OTHER_KEY, RELEASE_KEY, ROOT_KEY, WHEEL, YEAR, ship, trusted
from tests.plugins.maestro_seal import hidden, logged
from tests.plugins.maestro_seal.logged import (
    ORIGIN,
    logged_trust,
    post_quantum_trust,
    ship_logged,
    trust_keys,
    with_entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.evidence.verify import Submission
    from tests.evidence.shipment import Shipment

Case = tuple[str, "Submission"]
AUTHORITY = Authority(name="tsa", certificates=(b"leaf", b"root"), valid_from=NOW - YEAR, valid_to=NOW + YEAR)
TOKEN = {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}


def honest() -> Iterator[Case]:
    """Releases that pass."""
    shipment = ship_logged()
    yield "honest", shipment.submission()
    yield "honest without a log", ship().submission()
    more = shipment.bundle.replace(b'"tlogEntries"', b' "tlogEntries"')
    yield "whitespace in the bundle", shipment.submission(bundles=[more])
    note = logged.checkpoint_note(head_of(shipment), witnesses=(*WITNESSES, ("unknown.example", OTHER_KEY)))
    yield "an unknown cosignature", shipment.submission(bundles=[with_entry(shipment, checkpoint=note)])
    yield "one witness of one", ship_logged(trust=logged_trust(quorum=1), witnesses=WITNESSES[:1]).submission()
    retired = replace(trust_keys()[1], valid_to=NOW - timedelta(minutes=30))
    keys = (*trust_keys()[:1], retired, *trust_keys()[2:])
    yield "a key that expired after the witnesses saw it", ship_logged(trust=logged_trust(keys=keys)).submission()
    early = (*trust_keys()[:1], replace(trust_keys()[1], max_index=12), *trust_keys()[2:])
    yield "an index below maxIndex", ship_logged(trust=logged_trust(keys=early)).submission()
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    files = [("demo.whl", sha256(WHEEL).hexdigest()), ("demo.tlog-proof", sha256(alone(entry)).hexdigest())]
    yield "the proof of the log entry as a file", shipment.submission(artifacts=files)
    yield "no timestamps, said so", with_timestamps(shipment, {"rfc3161Timestamps": []})
    yield "nothing about timestamps", with_timestamps(shipment, {})
    yield "a timestamp, and no authority named", with_timestamps(shipment, TOKEN)
    demanding = {"authorities": (AUTHORITY,), "thresholds": {"root": 1, "release": 1, "log": 1}}
    yield "an authority named, and no timestamp", ship_logged(trust=logged_trust(**demanding)).submission()
    yield "a witness by ML-DSA-44", ship_logged(trust=post_quantum_trust(), witnesses=ALL_WITNESSES).submission()


WITNESSES = ((logged.NAME_1, logged.WITNESS_1), (logged.NAME_2, logged.WITNESS_2))
ALL_WITNESSES = (*WITNESSES, (logged.NAME_PQ, logged.WITNESS_PQ))


def head_of(shipment: Shipment) -> Head:
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    return Head(entry.size, entry.root)


def per_step() -> Iterator[tuple[str, str, Submission]]:
    """(name, the step named first, submission) for each attack of the threat table."""
    shipment = ship_logged()
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    head = head_of(shipment)

    def note(**changes: object) -> Submission:
        made = logged.checkpoint_note(changes.pop("head", head), **changes)  # type: ignore[arg-type]  # real parameters
        return shipment.submission(bundles=[with_entry(shipment, checkpoint=made)])

    def swapped(**changes: object) -> Submission:
        return shipment.submission(bundles=[with_entry(shipment, **changes)])

    def trust(**changes: object) -> Submission:
        return shipment.submission(trust=logged_trust(**changes))

    strangers = logged.other_entries(1)[0]
    body_tree = merkle.grow(merkle.leaf_hashes([strangers] * 18))
    yield "no log entry", "log-entry", shipment.submission(bundles=[ship(trust=shipment.trust).bundle])
    yield "the entry of another release", "log-entry", swapped(body=strangers)
    yield "edited entry", "log-entry", swapped(body=entry.body.replace(b"SHA2_256", b"SHA2_512"))
    yield "other index", "log-inclusion", swapped(index=entry.index + 1, proof_index=entry.index + 1)
    yield "two indices", "log-inclusion", swapped(index=entry.index + 1)
    yield "index outside", "log-inclusion", swapped(index=18, proof_index=18)
    yield "other size", "log-inclusion", swapped(size=19)
    yield "other root", "log-inclusion", swapped(root=body_tree.root)
    yield "one hash less", "log-inclusion", swapped(hashes=entry.hashes[:-1])
    yield "one hash more", "log-inclusion", swapped(hashes=(*entry.hashes, bytes(32)))
    yield "swapped hashes", "log-inclusion", swapped(hashes=entry.hashes[::-1])
    yield "log id of another key", "checkpoint", swapped(log_id=bytes(32))
    yield "wrong origin", "checkpoint", note(origin="log.example/other")
    yield "longer origin", "checkpoint", note(origin=f"{ORIGIN}2")
    yield "another log key", "checkpoint", note(key=OTHER_KEY)
    yield "no note", "checkpoint", swapped(checkpoint=b"nonsense")
    yield "log signature edited", "checkpoint", swapped(checkpoint=flip_signature(entry.checkpoint, 0))
    yield "cosignature edited", "witness", swapped(checkpoint=flip_signature(entry.checkpoint, 2))
    yield "fork at equal size", "log-inclusion", note(head=Head(head.size, body_tree.root))
    yield "one witness", "witness", note(witnesses=WITNESSES[:1])
    yield "one witness twice", "witness", note(witnesses=(WITNESSES[0], WITNESSES[0]))
    yield "cosigned in the future", "witness", note(time=int((NOW + timedelta(hours=1)).timestamp()))
    yield "cosigned before the witness was trusted", "witness", note(time=int((NOW - 2 * YEAR).timestamp()))
    yield "too small a log", "freshness", trust(min_tree_size=19)
    yield "log key expired", "checkpoint", trust(keys=trust_keys(valid_to=NOW - timedelta(days=1)))
    yield "log key not yet valid", "checkpoint", trust(keys=trust_keys(valid_from=NOW + timedelta(days=1)))
    yield "log key retired before", "checkpoint", trust(keys=trust_keys(max_index=11))
    first, release, *others = trust_keys()
    yield "release key retired before", "signature", trust(keys=(first, replace(release, max_index=11), *others))
    yield (
        "release key expired before the witnesses saw it",
        "signature",
        trust(keys=(first, replace(release, valid_to=NOW - timedelta(hours=2)), *others)),
    )
    yield "trust of another log", "checkpoint", trust(log="log.example/2")
    yield "trust expired", "signature", trust(expires=NOW - timedelta(days=1))
    yield from other_inputs(shipment)
    yield from post_quantum()


def post_quantum() -> Iterator[tuple[str, str, Submission]]:
    """Attacks on a cosignature by ML-DSA-44, which commits to the witness's name, the time and the head."""
    shipment = ship_logged(trust=post_quantum_trust(), witnesses=ALL_WITNESSES)
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    head = head_of(shipment)

    def note(**changes: object) -> Submission:
        made = logged.checkpoint_note(head, **changes)  # type: ignore[arg-type]  # real parameters
        return shipment.submission(bundles=[with_entry(shipment, checkpoint=made)])

    yield "ML-DSA cosignature missing", "witness", note()
    edited = flip_signature(entry.checkpoint, 3)
    yield "ML-DSA cosignature edited", "witness", shipment.submission(bundles=[with_entry(shipment, checkpoint=edited)])
    later = flip_signature(entry.checkpoint, 3, at=11)
    yield "ML-DSA time edited", "witness", shipment.submission(bundles=[with_entry(shipment, checkpoint=later)])
    text, *lines = entry.checkpoint.decode().rsplit("\n", 5)
    assert len(lines) == 5
    cut = "\n".join([text, *lines[:3], lines[3][:-8], ""]).encode()
    yield "ML-DSA cosignature cut", "witness", shipment.submission(bundles=[with_entry(shipment, checkpoint=cut)])
    yield "ML-DSA witness of another name", "witness", note(witnesses=(*WITNESSES, ("w.example", logged.WITNESS_PQ)))
    other = Head(head.size, bytes(32))
    foreign = parse_checkpoint(logged.checkpoint_note(other, witnesses=ALL_WITNESSES)).note.signatures[3]
    own = parse_checkpoint(entry.checkpoint).note
    moved = encode_note(replace(own, signatures=(*own.signatures[:3], foreign)))
    yield (
        "ML-DSA cosignature of another head",
        "witness",
        shipment.submission(bundles=[with_entry(shipment, checkpoint=moved)]),
    )
    keys = (*trust_keys(), trusted(logged.WITNESS_PQ, "release-2", "release"))
    yield "an ML-DSA key as release key", "parse", shipment.submission(trust=logged_trust(keys=keys))


def with_timestamps(shipment: Shipment, value: object) -> Submission:
    document = canonical.decode(shipment.bundle, canonical=True)
    assert isinstance(document, dict)
    document["verificationMaterial"]["timestampVerificationData"] = value
    return shipment.submission(bundles=[canonical.encode(document)])


def other_inputs(shipment: Shipment) -> Iterator[tuple[str, str, Submission]]:
    """Attacks on everything but the log, and missing inputs."""
    yield "weakened policy", "required", shipment.submission(policy=shipment.policy.replace(b'"80"', b'"10"'))
    yield "another file", "subject", shipment.submission(artifacts=[("demo.whl", "0" * 64)])
    yield "signed by another key", "signature", shipment.submission(bundles=[resigned(shipment, key=OTHER_KEY)])
    yield "a required leaf not shown", "required", shipment.submission(leaves=[some_leaves(shipment, 1)])
    yield "a timestamp demanded and missing", "timestamp", ship_logged(trust=stamp_trust()).submission()
    yield "a timestamp, and no trust file", "signature", replace(with_timestamps(shipment, TOKEN), trust=None)
    for authorities in ((AUTHORITY, AUTHORITY), (replace(AUTHORITY, certificates=()),), ()):
        bad_trust = stamp_trust(authorities=authorities)
        yield f"{len(authorities)} bad authorities", "parse", shipment.submission(trust=bad_trust)
    wrong: tuple[object, ...] = (None, [], {"other": []}, {"rfc3161Timestamps": None}, {"rfc3161Timestamps": ["AAAA"]})
    for bad in wrong:
        yield f"timestamps {bad!r}", "parse", with_timestamps(shipment, bad)
    yield "no trust file", "signature", shipment.submission(trust=None)
    yield "no policy", "required", shipment.submission(policy=None)
    yield "no leaf", "required", shipment.submission(leaves=[])
    yield "no artifact", "subject", shipment.submission(artifacts=[])
    yield "no bundle", "parse", shipment.submission(bundles=[])
    yield "cut bundle", "parse", shipment.submission(bundles=[shipment.bundle[:-1]])
    yield "deep bundle", "parse", shipment.submission(bundles=[b"[" * 40 + b"]" * 40])
    double = shipment.bundle.replace(b'"mediaType"', b'"mediaType":"x","mediaType"', 1)
    yield "duplicate key", "parse", shipment.submission(bundles=[double])
    yield "two payloads", "parse", shipment.submission(bundles=[shipment.bundle, ship(required=()).bundle])


def unchecked_by_the_page() -> Iterator[tuple[str, str, Submission]]:
    """(what, its first failure where tokens are checked, the release): the page says "not checked" of these tokens."""
    shipment = ship_logged(trust=stamp_trust())
    yield "not a token", "timestamp", with_timestamps(shipment, TOKEN)
    stale = replace(trust_keys()[1], valid_to=NOW - timedelta(hours=2))
    keys = (*trust_keys()[:1], stale, *trust_keys()[2:])
    yield (
        "a key that a timestamp might date",
        "signature",
        with_timestamps(ship_logged(trust=stamp_trust(keys=keys)), TOKEN),
    )
    unborn = replace(trust_keys()[1], valid_from=NOW + timedelta(hours=2))
    keys = (*trust_keys()[:1], unborn, *trust_keys()[2:])
    yield "a key no timestamp can help", "signature", with_timestamps(ship_logged(trust=stamp_trust(keys=keys)), TOKEN)


def stamp_trust(**changes: Any) -> bytes:
    """A trust file that demands a timestamp."""
    demanded = {"root": 1, "release": 1, "timestamp": 1}
    return logged_trust(**{"authorities": (AUTHORITY,), "thresholds": demanded, **changes})


def some_leaves(shipment: Shipment, first: int) -> bytes:
    return encode_disclosures(parse_disclosures(shipment.leaves)[first:])


def flip_signature(note: bytes, line: int, *, at: int = -5) -> bytes:
    """One bit of the signature in one signature line: byte ``at`` of hint and signature."""
    text, _, block = note.decode().rpartition("\n\n")
    lines = block.split("\n")
    dash, name, encoded = lines[line].split(" ")
    blob = bytearray(base64.b64decode(encoded))
    blob[at] ^= 4
    lines[line] = f"{dash} {name} {base64.b64encode(blob).decode()}"
    return f"{text}\n\n{chr(10).join(lines)}".encode()


def resigned(shipment: Shipment, *, key: Any = RELEASE_KEY, payload: bytes | None = None) -> bytes:
    """The bundle signed, logged and cosigned anew."""
    bundle = sign_payload(shipment.sealed.payload if payload is None else payload, key)
    return encode_bundle(replace(bundle, log_entry=logged.logged_entry(bundle)))


def mutations(value: object) -> Iterator[tuple[str, object]]:
    """(what, the document with one thing changed), for every member, item and scalar of a JSON document."""
    if isinstance(value, dict):
        for key in value:
            yield f"-{key}", {k: v for k, v in value.items() if k != key}
            for what, inner in mutations(value[key]):
                yield f"{key}.{what}", {**value, key: inner}
        yield "+extra", {**value, "extra": "1"}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for what, inner in mutations(item):
                yield f"{place}.{what}", [*value[:place], inner, *value[place + 1 :]]
        if value:
            yield "drop", value[1:]
            yield "double", [*value, value[-1]]
            yield "reverse", value[::-1] if len(value) > 1 else [value]
    else:
        yield from scalar_mutations(value)


def scalar_mutations(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, str):
        yield "empty", ""
        yield "type", 1
        last = value[-1:]
        yield "last", value[:-1] + ("1" if last != "1" else "2")
        yield "first", ("f" if value[:1] != "f" else "e") + value[1:]
        yield "longer", value + "0"
        yield "surrogate-free", value + "\N{SNOWMAN}"
    elif isinstance(value, int):
        yield "plus", value + 1
        yield "zero", 0
        yield "type", str(value)


def edited_documents() -> Iterator[Case]:
    """Every field of every file edited as an attacker without keys can."""
    shipment = ship_logged()
    for what, document in mutations(canonical.decode(shipment.bundle, canonical=True)):
        yield f"bundle {what}", shipment.submission(bundles=[canonical.encode(document)])
    for what, document in mutations(canonical.decode(shipment.trust[:-1], canonical=True)):
        yield f"trust {what}", shipment.submission(trust=canonical.encode(document) + b"\n")
    for what, document in mutations(canonical.decode(shipment.policy, canonical=True)):
        yield f"policy {what}", shipment.submission(policy=canonical.encode(document))
    first = parse_disclosures(shipment.leaves)[0]
    alone = encode_disclosures([first])
    for what, document in mutations(canonical.decode(alone, canonical=True)):
        yield f"leaf file {what}", shipment.submission(leaves=[some_leaves(shipment, 1), canonical.encode(document)])
    for what, document in mutations(canonical.decode(first.leaf, canonical=True)):
        edited = encode_disclosures([replace(first, leaf=canonical.encode(document))])
        yield f"leaf {what}", shipment.submission(leaves=[some_leaves(shipment, 1), edited])


def spelled_otherwise() -> Iterator[Case]:
    """The bytes of each file spelled in another way: what JSON readers disagree about."""
    shipment = ship_logged()
    files = {"bundles": shipment.bundle, "trust": shipment.trust, "policy": shipment.policy, "leaves": shipment.leaves}
    for name, data in files.items():
        for what, edited in respellings(data):
            if edited == data:
                continue  # there is nothing to spell otherwise
            given = [edited] if name in ("bundles", "leaves") else edited
            yield f"respelled {name}: {what}", shipment.submission(**{name: given})


def respellings(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(what, the document with one spelling changed)."""
    for what, tail in {"a space": b" ", "a newline": b"\n", "a zero byte": b"\0", "another value": b"{}"}.items():
        yield f"{what} after it", data + tail
    yield "a byte order mark", b"\xef\xbb\xbf" + data
    yield "a space before it", b" " + data
    yield "invalid UTF-8", data.replace(b'":"', b'":"\xff', 1)
    yield "a lone surrogate", data.replace(b'":"', b'":"\\ud800', 1)
    yield "an escaped letter", data.replace(b'"s', b'"\\u0073', 1)
    yield "an escaped slash", data.replace(b"/", b"\\/", 1)
    start = data.index(b'"')
    first = data[start : data.index(b",", start)]
    yield "a member twice", data.replace(first, first + b"," + first, 1)
    yield "a member of the prototype", data.replace(b'{"', b'{"__proto__":1,"', 1)
    yield "URL-safe base64", data.replace(b"+", b"-").replace(b"/", b"_")
    yield "no padding", data.replace(b'="', b'"', 1)
    yield "more padding", data.replace(b'="', b'=="', 1)
    yield "a line in base64", data.replace(b'=="', b'\\n=="', 1)
    yield "a number as a float", data.replace(b":1", b":1.0", 1)
    yield "a comma too many", data.replace(b'"}', b'",}', 1)


def resigned_documents() -> Iterator[Case]:
    """Every field of the signed documents, edited by somebody who holds the keys."""
    shipment = ship_logged()
    for what, document in mutations(canonical.decode(shipment.sealed.payload, canonical=True)):
        bundle = resigned(shipment, payload=canonical.encode(document))
        yield f"re-signed manifest {what}", shipment.submission(bundles=[bundle])
    signed = canonical.decode(shipment.trust[:-1], canonical=True)
    assert isinstance(signed, dict)
    for what, document in mutations(signed["signed"]):
        yield f"re-signed trust {what}", shipment.submission(trust=resigned_trust(document))
    demanding = canonical.decode(stamp_trust()[:-1], canonical=True)
    assert isinstance(demanding, dict)
    for what, document in mutations(demanding["signed"]):
        if what.startswith(("timestampAuthorities", "thresholds")):
            trust = resigned_trust(document)
            yield f"re-signed stamp trust {what}", replace(with_timestamps(shipment, TOKEN), trust=trust)
    entry = parse_bundle(shipment.bundle).log_entry
    assert entry is not None
    lines = parse_checkpoint(entry.checkpoint).note.text.decode().split("\n")
    for place in range(len(lines)):
        for text in ("", "0", "x y", lines[place] + "0", "01"):
            edited = "\n".join([*lines[:place], text, *lines[place + 1 :]]).encode()
            whole = entry.checkpoint.replace("\n".join(lines).encode(), edited)
            yield (
                f"checkpoint line {place} {text!r}",
                shipment.submission(bundles=[with_entry(shipment, checkpoint=whole)]),
            )


def resigned_trust(document: object) -> bytes:
    signed = canonical.encode(document)
    sig = signature.sign(ROOT_KEY, dsse.pae(PAYLOAD_TYPE, signed))
    made = {"keyid": signature.public_of(ROOT_KEY).id, "sig": canonical.base64_encode(sig)}
    return canonical.encode({"signatures": [made], "signed": copy.deepcopy(document)}) + b"\n"


def forged_leaves() -> Iterator[Case]:
    """Leaves that are in the tree, and yet say what no leaf may: a tree is planted over each edited leaf."""
    shipment = ship_logged()
    data = shipment.sealed.leaves.data
    place = shipment.sealed.leaves.index("reports/coverage")
    for what, document in mutations(canonical.decode(data[place], canonical=True)):
        leaves = [*data[:place], canonical.encode(document), *data[place + 1 :]]
        tree = merkle.grow(merkle.leaf_hashes(leaves))
        payload = shipment.sealed.payload.replace(
            shipment.sealed.manifest.root.hex().encode(), tree.root.hex().encode()
        )
        shown = [
            replace(item, leaf=leaves[item.index], hashes=tree.inclusion(item.index))
            for item in parse_disclosures(shipment.leaves)
        ]
        yield (
            f"forged leaf {what}",
            shipment.submission(bundles=[resigned(shipment, payload=payload)], leaves=[encode_disclosures(shown)]),
        )


def every_case() -> list[Case]:
    """The whole corpus."""
    steps = [(name, submission) for name, _, submission in per_step()]
    edited = [*edited_documents(), *spelled_otherwise(), *resigned_documents(), *forged_leaves()]
    stamps = [(name, submission) for name, _, submission in unchecked_by_the_page()]
    secret = [*hidden.honest(), *hidden.attacks(), *hidden.undecided(), *hidden.edited(mutations)]
    return [*honest(), *steps, *edited, *stamps, *secret]
