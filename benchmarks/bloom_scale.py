"""Selection at scale: starting on a project of 2,000 tests, and asking an index of 100,000 tests.

    python benchmarks/bloom_scale.py [--tests 2000] [--index 100000] [--rounds 7] [--publish]

The start is a generated project of many small modules in which nothing has changed: CPU seconds of whole pytest
processes, interleaved, medians; pytest-testmon beside them if it is installed. The index is synthetic: each test
holds as many keys as asked for (``--keys``, skewed, as real suites are), of which ten have changed.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from benchmarks.bloom_processes import MODES, cpu_seconds  # noqa: E402 - after the path
from benchmarks.tables import markdown, publish  # noqa: E402
from maestro_bloom import bloom_filter, index_file, keys  # noqa: E402
from maestro_bloom.changes import Changes  # noqa: E402
from maestro_bloom.index import HIT, BlockRow, FileRow, Index, TestRow  # noqa: E402
from maestro_bloom.selecting import judge  # noqa: E402

PER_MODULE = 40
STARTS = ("empty", "plain", "collect", "select", "testmon select")


def generate(root: Path, tests: int) -> None:
    """A project of ``tests`` tests, forty to a module, each of a function of its own."""
    for number in range(-(-tests // PER_MODULE)):
        names = range(min(PER_MODULE, tests - number * PER_MODULE))
        source = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in names)
        test = "".join(f"def test_{n}():\n    assert m{number}.f{n}(1) == {n + 1}\n\n\n" for n in names)
        for path, text in ((f"src/m{number}.py", source), (f"tests/test_{number}.py", f"import m{number}\n\n\n{test}")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n')
    (root / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.testmondata*\n")
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *command], cwd=root, check=True)


def starts(tests: int, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each kind of start; ``empty`` is pytest in a directory without tests."""
    modes = {name: MODES.get(name, MODES["plain"]) for name in STARTS}
    if not importlib.util.find_spec("testmon"):
        del modes["testmon select"]
    found: dict[str, list[float]] = {name: [] for name in modes}
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as scratch:
        project, empty = Path(scratch) / "project", Path(scratch) / "empty"
        empty.mkdir()
        generate(project, tests)
        # Twice, because what one recording found in a file is not yet believed.
        for mode in ("record", "record", "testmon record"):
            if mode == "record" or importlib.util.find_spec("testmon"):
                cpu_seconds(project, MODES[mode])
        for number in range(rounds + 1):
            for name, arguments in modes.items():
                seconds, _ = cpu_seconds(empty if name == "empty" else project, arguments)
                found[name] += [seconds] if number else []
    return {name: statistics.median(times) for name, times in found.items()}


def made_index(tests: int, blocks: int, held: int) -> bytes:
    """The bytes of an index of so many tests, each with about ``held`` keys out of ``blocks``."""
    source = random.Random(7)  # noqa: S311 - a workload, not a secret
    salt, digest = bytes(16), bytes(16)
    rows = [BlockRow(f"f{n}", 0, digest, HIT) for n in range(blocks)]
    texts = [keys.block("src/m.py", row.qualname, 0, digest) for row in rows]
    hashed = [bloom_filter.hashes(text, salt) for text in texts]
    masks: dict[tuple[int, int], int] = {}
    filters, listed = {}, []
    for number in range(tests):
        # Few blocks are in most tests, most blocks in few.
        chosen = {int(blocks * source.random() ** 3) for _ in range(held)}
        bits = bloom_filter.size_for(len(chosen))
        filled = 0
        for block in chosen:
            if (block, bits) not in masks:
                masks[block, bits] = bloom_filter.mask(hashed[block], bits)
            filled |= masks[block, bits]
        nodeid = f"tests/test_{number // PER_MODULE}.py::test_{number}"
        filters[nodeid] = (filled, bits)
        listed.append(TestRow(nodeid, nodeid.partition("::")[0], bits, len(chosen), "passed", 0, "run", 1000, 1))
    index = Index(environment={}, salt=salt, run="run", head="", tree="", made=1, last_full=1, tests=tuple(listed))
    file = FileRow("src/m.py", "", b"", blocks=tuple(rows))
    return index_file.encode(
        Index(**{n: getattr(index, n) for n in index.__struct_fields__} | {"files": (file,)}), filters
    )


def asked(tests: int, blocks: int, held: int, rounds: int) -> dict[str, float]:
    """What asking an index costs: milliseconds (CPU), bytes a test."""
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as scratch:
        path = Path(scratch) / "big.index"
        path.write_bytes(made_index(tests, blocks, held))
        begun = time.process_time()
        stored = index_file.read(path)
        opened = time.process_time() - begun
        index = stored.index
        found = []
        for number in range(rounds):
            first = blocks // 3 + 10 * number  # neither the common nor the rarest ones
            changed = [keys.block("src/m.py", f"f{first + n}", 0, bytes(16)) for n in range(10)]
            changes = Changes(keys=dict.fromkeys(changed, "changed"), any=True)
            nodeids = [row.nodeid for row in index.tests]
            begun = time.process_time()
            holders = stored.holders(changes.keys)
            asking = time.process_time() - begun
            begun = time.process_time()
            judged = judge(stored, changes, nodeids)
            found.append((asking, time.process_time() - begun, sum(1 for j in judged if j.reasons)))
        del holders
        size = path.stat().st_size
        filters = sum(row.bits for row in index.tests) / 8
    return {
        "keys": statistics.mean(row.keys for row in index.tests),
        "open_ms": opened * 1000,
        "ask_ms": statistics.median(f[0] for f in found) * 1000,
        "judge_ms": statistics.median(f[1] for f in found) * 1000,
        "selected": statistics.median(f[2] for f in found),
        "filter_bytes": filters / tests,
        "total_bytes": size / tests,
        "megabytes": size / 1e6,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def main() -> None:
    """Print both tables, and put them into the documentation if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--index", type=int, default=100_000)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=130)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    python = sys.version.split()[0]
    seconds = starts(given.tests, given.rounds)
    rows = [
        (name, f"{value:.2f}", f"{value - seconds['empty']:+.2f}", f"{value - seconds['collect']:+.2f}")
        for name, value in seconds.items()
    ]
    lines = [
        f"Python {python}, {given.tests} tests, nothing changed, medians of {given.rounds} interleaved rounds:",
        "",
        *markdown(("pytest", "CPU s", "over an empty pytest", "over collecting"), rows),
    ]
    size = asked(given.index, given.blocks, given.keys, given.rounds)
    lines += [
        "",
        f"{given.index:,} tests, {given.blocks:,} blocks, {size['keys']:.0f} keys a test, 10 blocks changed:",
        "",
        *markdown(
            ("", "measured"),
            [
                ("opening the index, once", f"{size['open_ms']:.0f} ms"),
                ("asking the filters", f"{size['ask_ms']:.1f} ms"),
                ("judging every test, asking included", f"{size['judge_ms']:.0f} ms"),
                ("tests selected", f"{size['selected']:.0f}"),
                ("filter, a test", f"{size['filter_bytes']:.0f} bytes"),
                ("whole index, a test", f"{size['total_bytes']:.0f} bytes"),
                ("whole index", f"{size['megabytes']:.0f} MB"),
            ],
        ),
    ]
    print("\n".join(lines))
    if given.publish:
        publish(ROOT / "docs" / "test-selection.md", "bloom-scale", lines)


if __name__ == "__main__":
    main()
