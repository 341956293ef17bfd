"""Evidence, side by side with its peers: CPU time (user + system), medians of interleaved runs, ratios.

    python benchmarks/evidence.py [--leaves 1000000] [--runs 5]

``floor`` is the time this machine needs, now, for one million SHA-256 over 32 bytes in a list comprehension. On the
machine the targets were set on that took 0.42 s, so a target in seconds is also shown scaled by ``floor / 0.42``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pymerkle
import rfc8785

from maestro_hooks.evidence import canonical, leafset, manifest, merkle
from maestro_hooks.evidence.bundle import sign_bundle
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Quantity, Record
from maestro_hooks.sealing import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REFERENCE_FLOOR_S = 0.42
VERIFY = (
    "import sys; from argparse import ArgumentParser; from maestro_hooks.commands import verify\n"
    "p = ArgumentParser(); verify.add_arguments(p); a = p.parse_args(sys.argv[1:]); a.json = False\n"
    "sys.exit(verify.run(a))"
)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of ``work`` in this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def child_cpu(*words: str) -> float:
    """CPU seconds of a Python child, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # An installed package has its bytecode; the first, unmeasured call writes it.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def floor() -> float:
    """CPU seconds for a million small SHA-256, measured on a tenth."""
    data = [b"%032d" % n for n in range(100_000)]
    return 10 * cpu(lambda: [hashlib.sha256(item).digest() for item in data])


def interleave(runs: int, *works: Callable[[], float]) -> list[float]:
    """The median of each work over ``runs`` rounds, one after the other within a round."""
    rounds = [[work() for work in works] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def records(count: int) -> list[Record]:
    """Ledger records as a test run leaves them: one inputs digest per hundred."""
    producer = Producer("pytest", "1.2.3", "maestro_check")
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(count // 100 + 1)]
    return [
        Record(
            key=f"pytest/duration/tests/test_{n:07d}.py::test_it",
            verdict=Verdict.MET,
            producer=producer,
            inputs=digests[n // 100],
            kind="test",
            quantity=Quantity(1_000_000, "exact", str(n), None, str(n + 5)),
        )
        for n in range(count)
    ]


def seal(count: int) -> dict[str, float]:
    """Seal ``count`` records in this process: CPU by part, and the peak of resident memory."""
    base = floor()
    made = records(count)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    leaves = leafset.leaf_set(made, entropy=os.urandom)
    middle = time.process_time()
    manifest.seal(
        leaves,
        release=manifest.Release("demo", "1", "v1"),
        subjects=[manifest.Subject("demo.whl", {"sha256": "a" * 64})],
        required=leaves.ids[:20],
        policy="b" * 64,
    )
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    small = [b"%031d" % n for n in range(count)]
    parts = {"hash": cpu(lambda: merkle.leaf_hashes(small))}
    hashes = leaves.tree.levels[0]
    parts["tree"] = cpu(lambda: merkle.root(hashes))
    return (
        {"floor": (base + floor()) / 2, "leaves": middle - start, "all": end - start}
        | parts
        | {
            "records_mb": held,
            "peak_mb": peak,
        }
    )


def release(root: Path, shown: int, count: int = 10_000) -> Path:
    """A release of ``count`` leaves in ``root`` whose first ``shown`` leaves are required and disclosed."""
    now = datetime.now(UTC).replace(microsecond=0)
    keys.create(root, now=now, encrypted_with=None)
    rule = {"id": "r", "require": "pytest/duration/*", "severity": "block"}
    policy = canonical.encode({"schema": "maestro.policy/1", "rules": [rule], "waivers": []})
    leaves = leafset.leaf_set(records(count), entropy=os.urandom)
    sealed = manifest.seal(
        leaves,
        release=manifest.Release("demo", "1", "v1"),
        subjects=[manifest.Subject("demo.whl", {"sha256": hashlib.sha256(b"wheel").hexdigest()})],
        required=leaves.ids[:shown],
        policy=hashlib.sha256(policy).hexdigest(),
    )
    signer = keys.signer(root, environ={}, now=now)
    (root / "demo.sigstore.json").write_bytes(sign_bundle(sealed.payload, signer.key))
    (root / "demo.ce-leaf.json").write_bytes(encode_disclosures([leaves.disclose(i) for i in leaves.ids[:shown]]))
    (root / "demo.policy.json").write_bytes(policy)
    (root / "demo.whl").write_bytes(b"wheel")
    return root / "demo.sigstore.json"


def row(name: str, ours: str, other: str, ratio: float, *, better: bool) -> None:
    """One line of the table; a loss is called a loss."""
    print(f"| {name:<44} | {ours:>12} | {other:>26} | {ratio:>7.2f} | {'ok' if better else 'LOSS':<4} |")


def bench_seal(count: int, runs: int) -> None:
    """Time and memory of sealing, each run in a fresh process."""
    made = []
    for _ in range(runs):
        out = subprocess.run(
            [sys.executable, __file__, "--seal-once", str(count)], check=True, capture_output=True, text=True
        )
        made.append(json.loads(out.stdout))
    found = {name: statistics.median(run[name] for run in made) for name in made[0]}
    slow = found["floor"] / REFERENCE_FLOOR_S
    for name, part, seconds in (
        (f"seal {count:,} leaves, all", "all", 5.0),
        ("merkle: hash 31-byte leaves and nodes", "", 1.0),
    ):
        spent = found[part] if part else found["hash"] + found["tree"]
        allowed = seconds * count / 1_000_000
        row(
            name,
            f"{spent:.2f} s",
            f"target {allowed:g} s x {slow:.1f} (box)",
            spent / allowed / slow,
            better=spent <= allowed * slow,
        )
    peak = found["peak_mb"]
    row(
        f"  peak RSS (records alone {found['records_mb']:.0f} MB)",
        f"{peak:.0f} MB",
        "target 1500 MB",
        peak / 1500,
        better=peak <= 1500,
    )


def bench_verify(runs: int) -> None:
    """The whole command, interpreter start included, against an empty interpreter and the target."""
    with tempfile.TemporaryDirectory() as place:
        few, every = Path(place, "few"), Path(place, "every")
        few.mkdir()
        every.mkdir()
        small, large = release(few, 20), release(every, 10_000)
        child_cpu("-c", VERIFY, str(small))
        base, empty, one, many = interleave(
            runs,
            floor,
            lambda: child_cpu("-c", "pass"),
            lambda: child_cpu("-c", VERIFY, str(small)),
            lambda: child_cpu("-c", VERIFY, str(large)),
        )
    slow = base / REFERENCE_FLOOR_S
    for name, spent in (("20 disclosed", one), ("all disclosed", many)):
        row(
            f"verify, 10,000 leaves, {name}",
            f"{spent:.3f} s",
            f"target 0.3 s x {slow:.1f} (box)",
            spent / 0.3 / slow,
            better=spent <= 0.3 * slow,
        )
    row("  20 disclosed, over an empty interpreter", f"{one:.3f} s", f"{empty:.3f} s", one / empty, better=True)


def bench_canonical(runs: int) -> None:
    """Leaf-like objects through the general encoder and its peers."""
    values = [
        {
            "v": 3,
            "id": f"a/b/{n}",
            "kind": "test",
            "salt": "x" * 22,
            "evidence": [{"name": "inputs", "digest": {"sha256": "a" * 64}}],
        }
        for n in range(3000)
    ]
    ours, theirs, sloppy = interleave(
        runs,
        lambda: cpu(lambda: [canonical.encode(v) for v in values]),
        lambda: cpu(lambda: [rfc8785.dumps(v) for v in values]),  # type: ignore[arg-type]  # JSON
        lambda: cpu(lambda: [json.dumps(v, sort_keys=True) for v in values]),
    )
    row(
        "canonical.encode, per object",
        f"{ours / 3e3 * 1e6:.1f} us",
        f"rfc8785 {theirs / 3e3 * 1e6:.1f} us",
        ours / theirs,
        better=ours < theirs,
    )
    row(
        "  against json.dumps (not RFC 8785)",
        f"{ours / 3e3 * 1e6:.1f} us",
        f"{sloppy / 3e3 * 1e6:.1f} us",
        ours / sloppy,
        better=ours < sloppy,
    )
    data = [canonical.encode(v) for v in values]
    ours, sloppy = interleave(
        runs,
        lambda: cpu(lambda: [canonical.decode(d, canonical=True) for d in data]),
        lambda: cpu(lambda: [json.loads(d) for d in data]),
    )
    row(
        "canonical.decode against json.loads (not strict)",
        f"{ours / 3e3 * 1e6:.1f} us",
        f"{sloppy / 3e3 * 1e6:.1f} us",
        ours / sloppy,
        better=ours < sloppy,
    )


def bench_merkle(runs: int) -> None:
    """Append, prove and verify against pymerkle."""
    data = [b"%031d" % n for n in range(2000)]
    peer = pymerkle.InmemoryTree(algorithm="sha256")
    for item in data:
        peer.append_entry(item)
    tree = merkle.grow(merkle.leaf_hashes(data))
    proofs = [peer.prove_inclusion(n + 1) for n in range(200)]

    def append() -> None:
        fresh = pymerkle.InmemoryTree(algorithm="sha256")
        for item in data:
            fresh.append_entry(item)

    def verify() -> None:
        for n in range(200):
            merkle.verify_inclusion(tree.levels[0][n], n, 2000, tree.inclusion(n), tree.root)

    def peer_verify() -> None:
        root = peer.get_root()
        for n, proof in enumerate(proofs):
            pymerkle.verify_inclusion(peer.get_leaf(n + 1), root, proof)

    works: Sequence[tuple[str, Callable[[], object], Callable[[], object], int]] = (
        ("merkle: build, per leaf", lambda: merkle.grow(merkle.leaf_hashes(data)), append, 2000),
        (
            "merkle: prove",
            lambda: [tree.inclusion(n) for n in range(200)],
            lambda: [peer.prove_inclusion(n + 1) for n in range(200)],
            200,
        ),
        ("merkle: verify (ours with proving)", verify, peer_verify, 200),
    )
    for name, mine, theirs, count in works:
        ours, other = interleave(runs, lambda mine=mine: cpu(mine), lambda theirs=theirs: cpu(theirs))  # type: ignore[misc]
        row(
            name,
            f"{ours / count * 1e6:.1f} us",
            f"pymerkle {other / count * 1e6:.1f} us",
            ours / other,
            better=ours < other,
        )


def main() -> None:
    """Run everything, or one seal for the parent process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seal-once", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.seal_once:
        print(json.dumps(seal(args.seal_once)))
        return
    print(f"| {'what':<44} | {'ours':>12} | {'against':>26} | {'ratio':>7} |      |")
    print(f"|{'-' * 46}|{'-' * 14}|{'-' * 28}|{'-' * 9}|{'-' * 6}|")
    bench_canonical(args.runs)
    bench_merkle(args.runs)
    bench_verify(args.runs)
    bench_seal(args.leaves, min(args.runs, 3))


if __name__ == "__main__":
    main()
