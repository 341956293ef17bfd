"""The symbolic plugin beside CrossHair: the same functions, in one run, in CPU seconds of the child processes.

Start-up is part of the batch figures and stated apart. Needs ``crosshair-tool``; without it only our column is filled.
``python benchmarks/symbolic.py`` prints the tables, ``--publish`` also writes them into ``docs/symbolic.md``;
``--load N`` repeats our verdicts N times beside busy processes.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
MATERIAL = ROOT / "tests" / "plugins" / "maestro_symbolic" / "material"
sys.path[:0] = [str(MATERIAL), str(ROOT / "plugins"), str(ROOT)]

from everyday import everyday  # noqa: E402 - the material stands beside the tests
from families import CASES  # noqa: E402 - the material stands beside the tests
from rendering import render  # noqa: E402 - the material stands beside the tests

BUDGET_S = 10
DOCUMENT = ROOT / "docs" / "symbolic.md"
ORDER = (
    "refuted",
    "candidate",
    "vacuous",
    "unknown",
    "unsupported",
    "bounded",
    "proven",
)  # the worst speaks for a file
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
    verdicts: dict[str, str] = {}
    for name, verdict in map(json.loads, filter(is_row, said.splitlines())):
        verdicts[name] = min(verdicts.get(name, verdict), verdict, key=ORDER.index)
    return spent, verdicts


def is_row(line: str) -> bool:
    """Whether a line is one of our answers."""
    return line.startswith("[")


def crosshair(*places: Path) -> tuple[float, dict[str, str]]:
    """CrossHair's verdicts by file: refuted, confirmed or unknown; unique file names, all conditions reported."""
    command = [
        sys.executable,
        "-m",
        "crosshair",
        "check",
        "--report_all",
        "--analysis_kind",
        "PEP316,icontract,deal,asserts",
    ]
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


def integer_cases() -> list[tuple[str, str]]:
    """Name and text of the integer functions of the material, right and faulty."""
    plain = [c for c in CASES if "float" not in c.parameters + c.returns and "str" not in c.parameters]
    return [
        (f"{c.name}_{'faulty' if faulty else 'right'}", render(c, "pep316", faulty=faulty))
        for c in plain
        for faulty in (False, True)
    ]


def everyday_cases(file: str) -> list[tuple[str, str]]:
    """Name and text of everyday modules, right and faulty."""
    return [(f"{c.name}_{side}", getattr(c, side)) for c in everyday(file) for side in ("right", "faulty")]


def batch(folder: Path, title: str, cases: list[tuple[str, str]], *, peer: bool) -> list[str]:
    """A set of modules in one process each engine; start-up is inside, and stated."""
    places = []
    for name, text in cases:
        places.append(folder / f"{name}.py")
        places[-1].write_text(text)
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    rows = [
        f"{title}: {len(places)} modules, one process, {BUDGET_S} s per condition for CrossHair",
        "",
        "| engine | CPU s | start-up | proven | bounded | refuted | open | wrong |",
        "|---|---|---|---|---|---|---|---|",
    ]
    start = ours(empty)[0]
    spent, verdicts = ours(*places)
    rows.append(row("maestro", spent, start, verdicts, len(places)))
    if peer:
        start = crosshair(empty)[0]
        other, theirs = crosshair(*places)
        rows.append(row("crosshair", other, start, theirs, len(places)))
        rows += ["", f"Ratio, start-up inside: **{other / spent:.1f}x**."]
    return rows


def row(name: str, spent: float, start: float, verdicts: dict[str, str], total: int) -> str:
    """One row of the table; wrong: a proof of a faulty module or a refutation of a right one; silence is open."""
    kinds = list(verdicts.values())
    wrong = sum(
        (n.endswith("_faulty") and v in ("proven", "bounded")) or (n.endswith("_right") and v == "refuted")
        for n, v in verdicts.items()
    )
    proven, bounded, refuted = (kinds.count(k) for k in ("proven", "bounded", "refuted"))
    rest = total - proven - bounded - refuted
    return f"| {name} | {spent:.2f} | {start:.2f} | {proven} | {bounded} | {refuted} | {rest} | {wrong} |"


def decisions(folder: Path, *, peer: bool) -> list[str]:
    """Chains of guarded updates: where paths multiply."""
    empty = folder / "empty_start.py"
    empty.write_text(EMPTY)
    starts = ours(empty)[0], crosshair(empty)[0] if peer else 0.0
    rows = [
        "| decisions in sequence | maestro s | verdict | crosshair s | verdict | ratio | without start-up |",
        "|---|---|---|---|---|---|---|",
        f"| (start-up: a trivial function) | {starts[0]:.2f} | | {starts[1]:.2f} | | | |",
    ]
    for name in CHAINS:
        for length in (5, 8, 16):
            place = folder / f"chain_{name.replace(' ', '_')}_{length}.py"
            place.write_text(chain(name, length))
            spent, verdicts = ours(place)
            line = f"| {name}, {length} | {spent:.2f} | {verdicts.get(place.stem, '?')} |"
            if peer:
                other, theirs = crosshair(place)
                bare = max(0.01, other - starts[1]) / max(0.01, spent - starts[0])
                line += f" {other:.2f} | {theirs.get(place.stem, '?')} | {other / spent:.1f}x | {bare:.0f}x |"
            rows.append(line)
    return rows


def cached(folder: Path) -> list[str]:
    """A run over three critical modules of this repository whose verdicts are all in the cache."""
    names = ("maestro_hooks/remote/budget.py", "maestro_hooks/remote/retry.py", "maestro_hooks/evidence/merkle.py")
    root = folder / "cached"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text((ROOT / name).read_text())
    (root / "pyproject.toml").write_text("[project]\nname = 'three'\nversion = '0'\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    command = [sys.executable, "-m", "maestro_hooks", "check", "--only", "symbolic", "--root", str(root)]
    first = cpu(command)[0]
    again = []
    for n in range(5):
        for name in names:  # a comment moves every line: the host asks again, and our cache answers
            (root / name).write_text(f"# {n}\n" + (ROOT / name).read_text())
        again.append(cpu(command)[0])
    return [
        "| three critical modules | CPU s, whole process |",
        "|---|---|",
        f"| first run | {first:.2f} |",
        f"| every verdict in the cache (median of 5) | {sorted(again)[2]:.2f} |",
    ]


def busy() -> None:
    """Burn a core."""
    while True:
        sum(range(100_000))


def under_load(folder: Path, repeats: int) -> list[str]:
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
    what = f"{repeats} repeats of {len(places)} functions in changing order beside four busy processes"
    return [f"{what}: **{differing}** with a differing verdict."]


def published(section: str, rows: list[str]) -> None:
    """Put a table into the document, between the section's marks."""
    begin, end = f"<!-- {section} -->", f"<!-- end of {section} -->"
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    body = "\n".join(rows)
    DOCUMENT.write_text(f"{head}{begin}\n{body}\n{end}{tail}")


def main() -> None:
    """Print the tables, and put them into the document where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=int, default=0, metavar="N")
    parser.add_argument("--publish", action="store_true", help="write the tables into docs/symbolic.md")
    arguments = parser.parse_args()
    peer = importlib.util.find_spec("crosshair") is not None
    if not peer:
        print("crosshair-tool is not installed: its columns are left out\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[str]]] = {
            "integer set": lambda: batch(folder, "Integer set, PEP 316", integer_cases(), peer=peer),
            "decisions": lambda: decisions(folder, peer=peer),
            "cached": lambda: cached(folder),
            "everyday unseen": lambda: batch(
                folder, "Everyday functions, unseen", everyday_cases("everyday_unseen.txt"), peer=peer
            ),
        }
        if arguments.load:
            parts = {"load": lambda: under_load(folder, arguments.load)}
        for section, made in parts.items():
            rows = made()
            print("\n".join([*rows, ""]), flush=True)
            if arguments.publish:
                published(section, rows)


if __name__ == "__main__":
    main()
