"""The symbolic plugin beside CrossHair: the same functions, in one run, in CPU seconds of the child processes.

Start-up is part of the batch figures and stated apart. Needs ``crosshair-tool``; without it only our column is filled.
Run it with ``python benchmarks/symbolic.py``; ``--load N`` repeats our verdicts N times beside busy processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MATERIAL = ROOT / "tests" / "plugins" / "maestro_symbolic" / "material"
sys.path[:0] = [str(MATERIAL), str(ROOT / "plugins"), str(ROOT)]

from families import CASES  # noqa: E402 - the material stands beside the tests
from rendering import render  # noqa: E402 - the material stands beside the tests

BUDGET_S = 10
EMPTY = 'def f(x: int) -> int:\n    """post: __return__ == x"""\n    return x\n'
OURS = """
import sys, json
from pathlib import Path
from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.targets import targets_of
places = [Path(name) for name in sys.argv[1:]]
subjects = [Subject(t, p) for p in places for t in targets_of(p.name, p.read_text())]
for subject, one in zip(subjects, judge(subjects, places[0].parent, None, Budget(10**12))):
    print(json.dumps([subject.place.stem, one.outcome.verdict]), flush=True)
"""
CHAINS = {
    "budget guard": (
        ["spent: int", "limit: int"],
        ["0 <= spent <= limit"],
        "0 <= __return__ <= limit",
        "if spent + {x} <= limit:\n    spent += {x}",
        "spent",
        "{x} >= 0",
    ),
    "circuit breaker": (
        ["fails: int", "limit: int"],
        ["0 <= fails <= limit", "limit >= 1"],
        "0 <= __return__ <= limit",
        "if {x} > 0:\n    fails = 0\nelif fails < limit:\n    fails += 1",
        "fails",
        "True",
    ),
    "token bucket": (
        ["level: int", "cap: int", "rate: int"],
        ["0 <= level <= cap", "rate >= 0"],
        "0 <= __return__ <= cap",
        "level = min(cap, level + rate)\nif {x} <= level:\n    level -= {x}",
        "level",
        "{x} >= 0",
    ),
}


def cpu(command: list[str], **more: str) -> tuple[float, str]:
    """CPU seconds of a child and its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]), **more}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


def ours(*places: Path) -> tuple[float, dict[str, str]]:
    """Our verdicts by file, one process for all."""
    spent, said = cpu([sys.executable, "-c", OURS, *map(str, places)])
    return spent, dict(map(json.loads, filter(is_row, said.splitlines())))


def is_row(line: str) -> bool:
    """Whether a line is one of our answers."""
    return line.startswith("[")


def crosshair(*places: Path) -> tuple[float, dict[str, str]]:
    """CrossHair's verdicts by file: refuted, confirmed or unknown; unique file names, all conditions reported."""
    command = [sys.executable, "-m", "crosshair", "check", "--report_all", "--analysis_kind", "PEP316"]
    spent, said = cpu([*command, "--per_condition_timeout", str(BUDGET_S), *map(str, places)])
    verdicts: dict[str, str] = {}
    for line in said.splitlines():
        match = re.match(r"^(.*?)\.py:\d+: (\w+): (.*)$", line)
        if match is None:
            continue
        name = Path(match[1]).name
        new = "refuted" if match[2] == "error" else "proven" if "Confirmed" in match[3] else "unknown"
        order = ("refuted", "unknown", "proven")
        verdicts[name] = min(verdicts.get(name, new), new, key=order.index)
    return spent, verdicts


def chain(name: str, length: int) -> str:
    """A function that makes ``length`` decisions in sequence."""
    parameters, pre, post, body, result, each = CHAINS[name]
    unknowns = [f"x{n}" for n in range(length)]
    lines = [f"def chain({', '.join([*parameters, *(f'{x}: int' for x in unknowns)])}) -> int:", '    """']
    lines += [f"    pre: {p}" for p in [*pre, *(each.format(x=x) for x in unknowns)]]
    lines += [f"    post: {post}", '    """']
    for x in unknowns:
        lines += [f"    {line}" for line in body.format(x=x).splitlines()]
    return "\n".join([*lines, f"    return {result}", ""])


def batch(folder: Path, peer: bool) -> None:  # noqa: FBT001 - a script's own switch
    """The integer functions of the material, right and faulty, in one process each."""
    places = []
    for case in CASES:
        if "float" in case.parameters + case.returns or "str" in case.parameters:
            continue
        for faulty in (False, True):
            place = folder / f"{case.name}_{'faulty' if faulty else 'right'}.py"
            place.write_text(render(case, "pep316", faulty=faulty))
            places.append(place)
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    start = ours(empty)[0]
    spent, verdicts = ours(*places)
    print(f"integer set: {len(places)} functions, PEP 316, one process, {BUDGET_S} s per condition for CrossHair\n")
    print(f"{'engine':12}{'CPU s':>9}{'start-up':>10}{'proven':>8}{'bounded':>9}{'refuted':>9}{'open':>6}{'wrong':>7}")
    report("maestro", spent, start, verdicts)
    if peer:
        start = crosshair(empty)[0]
        other, theirs = crosshair(*places)
        report("crosshair", other, start, theirs)
        print(f"ratio, start-up inside: {other / spent:.1f}x\n")


def report(name: str, spent: float, start: float, verdicts: dict[str, str]) -> None:
    """One row of the table; wrong: a proof of a faulty function or a refutation of a right one."""
    kinds = list(verdicts.values())
    wrong = sum(
        (n.endswith("_faulty") and v in ("proven", "bounded")) or (n.endswith("_right") and v == "refuted")
        for n, v in verdicts.items()
    )
    proven, bounded, refuted = (kinds.count(k) for k in ("proven", "bounded", "refuted"))
    rest = len(kinds) - proven - bounded - refuted
    print(f"{name:12}{spent:9.2f}{start:10.2f}{proven:8}{bounded:9}{refuted:9}{rest:6}{wrong:7}")


def decisions(folder: Path, peer: bool) -> None:  # noqa: FBT001 - a script's own switch
    """Chains of guarded updates: where paths multiply."""
    print(f"\n{'decisions':28}{'maestro s':>11}{'verdict':>10}{'crosshair s':>13}{'verdict':>10}", end="")
    print(f"{'ratio':>8}{'without start-up':>18}")
    empty = folder / "empty_start.py"
    empty.write_text(EMPTY)
    starts = ours(empty)[0], crosshair(empty)[0] if peer else 0.0
    print(f"{'(start-up, trivial function)':28}{starts[0]:11.2f}{'':>10}{starts[1]:13.2f}")
    for name in CHAINS:
        for length in (5, 8, 16):
            place = folder / f"chain_{name.replace(' ', '_')}_{length}.py"
            place.write_text(chain(name, length))
            spent, verdicts = ours(place)
            row = f"{name + ', ' + str(length):28}{spent:11.2f}{verdicts.get(place.stem, '?'):>10}"
            if peer:
                other, theirs = crosshair(place)
                row += f"{other:13.2f}{theirs.get(place.stem, '?'):>10}{other / spent:7.1f}x"
                bare = max(0.01, other - starts[1]) / max(0.01, spent - starts[0])
                row += f"{bare:17.1f}x"
            print(row, flush=True)


def busy() -> None:
    """Burn a core."""
    while True:
        sum(range(100_000))


def under_load(folder: Path, repeats: int) -> None:
    """The same verdicts, again and again, in changing order, beside four busy processes."""
    places = []
    for case in CASES[::4]:
        place = folder / f"{case.name}_load.py"
        place.write_text(render(case, "pep316", faulty=len(case.name) % 2 == 0))
        places.append(place)
    calm = ours(*places)[1]
    burners = [multiprocessing.Process(target=busy, daemon=True) for _ in range(4)]
    for one in burners:
        one.start()
    differing = 0
    for n in range(repeats):
        turned = places[n % len(places) :] + places[: n % len(places)]
        differing += ours(*(turned if n % 2 else turned[::-1]))[1] != calm
    for one in burners:
        one.kill()
    print(f"under load: {repeats} repeats of {len(places)} functions, {differing} with a differing verdict")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    peer = importlib.util.find_spec("crosshair") is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.load:
            under_load(folder, arguments.load)
            return
        if not peer:
            print("crosshair-tool is not installed: its columns are left out\n")
        batch(folder, peer)
        decisions(folder, peer)


if __name__ == "__main__":
    main()
