"""Zero-knowledge thresholds: CPU time with and without gmpy2, beside a Rust implementation in WASM; ratios.

    python benchmarks/zk.py [--runs 5]

Four thresholds of 32 bits in one proof, and other sizes. Each run is a fresh process, so making the bases is paid by
whoever comes first: ``first`` is prove or verify with no base at hand, ``again`` with all of them. ``floor`` is the
time this machine needs, now, for a million SHA-256; on the machine the targets were set on that took 0.42 s, so times
are also shown scaled by ``0.42 / floor``. The peer is Aptos' WASM build: ``npm ci --prefix tests/engines/zk``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "plugins")]

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE_FLOOR_S = 0.42
SIZES = ((32, 1), (32, 4), (64, 1), (64, 4))
TARGETS_MS = {"prove": 500, "verify": 100}
PEER_RUNS = 20


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of ``work`` in this process."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def floor_ms() -> float:
    """CPU milliseconds for a million small SHA-256, measured on a tenth."""
    data = [b"%032d" % n for n in range(100_000)]
    return 10 * cpu_ms(lambda: [hashlib.sha256(item).digest() for item in data])


def child(engine: str, bits: int, count: int) -> dict[str, object]:
    """One fresh process: prove and verify ``count`` thresholds, first and again."""
    if engine == "python":
        sys.modules["gmpy2"] = None  # type: ignore[assignment]  # import then fails, as where it is not installed
    sys.modules["rbcl"] = None  # type: ignore[assignment]
    from maestro_zk import bases  # noqa: PLC0415 - after the choice of the engine
    from maestro_zk.field import ENGINE  # noqa: PLC0415
    from maestro_zk.pedersen import commit  # noqa: PLC0415
    from maestro_zk.prover import Opening  # noqa: PLC0415
    from maestro_zk.statement import Context, Row, check, prove_rows  # noqa: PLC0415

    openings = [Opening(9000 + n, 2**250 + n) for n in range(count)]
    context = Context(bytes(32), bytes(32), count)
    rows = [
        Row(
            id=f"a/{n}",
            metric="a",
            scale=10_000,
            round="floor",
            op=">=",
            threshold=8000,
            commit=commit(o.value, o.blinding),
        )
        for n, o in enumerate(openings)
    ]
    made: list[bytes] = []

    def prove() -> None:
        made.append(prove_rows(context, rows, openings=openings, bits=bits))

    def verify() -> None:
        assert check(context, rows, bits=bits, proof=made[-1]) is None

    floor = floor_ms()
    times = {"prove first": cpu_ms(prove), "prove again": cpu_ms(prove)}
    for cached in (bases.vectors, bases.base, bases.blinding_base):
        cached.cache_clear()
    times |= {"verify first": cpu_ms(verify), "verify again": cpu_ms(verify)}
    return {"engine": ENGINE, "bytes": len(made[-1]), "floor": (floor + floor_ms()) / 2, "times": times}


def peer(bits: int, count: int) -> dict[str, float] | None:
    """Wall milliseconds per operation of the WASM peer, start-up left out; ``None`` if it is not installed."""
    node, folder = shutil.which("node"), ROOT / "tests" / "engines" / "zk"
    if node is None or not (folder / "node_modules").is_dir():
        return None
    from maestro_zk import bases  # noqa: PLC0415 - only if there is a peer

    shared = {"base": bases.BASE_BYTES.hex(), "blinding": bases.BLINDING_BYTES.hex(), "bits": bits}
    blindings = [(n + 1).to_bytes(32, "little").hex() for n in range(count)]
    prove = shared | {"do": "prove", "values": [str(n) for n in range(count)], "blindings": blindings}

    def wall(tasks: list[dict[str, object]]) -> tuple[float, list[dict[str, str]]]:
        start = time.perf_counter()
        done = subprocess.run(
            [node, str(folder / "aptos.mjs")], input=json.dumps(tasks), capture_output=True, text=True, check=True
        )
        answers: list[dict[str, str]] = json.loads(done.stdout)
        return 1000 * (time.perf_counter() - start), answers

    one, answers = wall([prove])
    verify = shared | {"do": "verify"} | answers[0]
    return {
        "prove": (wall([prove] * (1 + PEER_RUNS))[0] - one) / PEER_RUNS,
        "verify": (wall([prove] + [verify] * PEER_RUNS)[0] - one) / PEER_RUNS,
    }


def measure(engine: str, bits: int, count: int, runs: int) -> tuple[str, int, float, dict[str, float]]:
    """Engine name, proof size, median floor and median times over fresh processes."""
    results = []
    for _ in range(runs):
        command = [sys.executable, __file__, "--child", engine, str(bits), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    floor = statistics.median(r["floor"] for r in results)
    names = results[0]["times"]
    times = {name: statistics.median(r["times"][name] for r in results) for name in names}
    return results[0]["engine"], results[0]["bytes"], floor, times


def main() -> None:
    """Print the table; ``--child`` is how it calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", nargs=3, metavar=("ENGINE", "BITS", "COUNT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        engine, bits, count = given.child
        print(json.dumps(child(engine, int(bits), int(count))))
        return
    print("| engine | bits x rows | bytes | step | CPU ms | scaled ms | target | peer (WASM) ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for bits, count in SIZES:
        theirs = peer(bits, count)
        for engine in ("python", "gmpy2"):
            name, size, floor, times = measure(engine, bits, count, given.runs)
            for step, took in times.items():
                what = step.split()[0]
                scaled = took * 1000 * REFERENCE_FLOOR_S / floor
                target = TARGETS_MS[what] if (bits, count) == (32, 4) else None
                verdict = "" if target is None else f"{target} {'ok' if scaled <= target else 'MISSED'}"
                other = f"{theirs[what]:.1f} | {took / theirs[what]:.1f}" if theirs else "not installed | "
                print(
                    f"| {name} | {bits}x{count} | {size} | {step} | {took:.0f} | {scaled:.0f} | {verdict} | {other} |"
                )


if __name__ == "__main__":
    main()
