"""The rate of verified repairs over all true findings, each program run before and after; and what repairs cost.

Usage: ``python benchmarks/taint_fixes.py [--programs 300] [--record]``; generated programs and handlers of so many
seeds are repaired besides. ``--record`` puts the tables into ``docs/taint.md``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from benchmarks.tables import publish  # noqa: E402 - after the path

FIRST_SEED = 60_000
STATES = ("verified", "refused", "failed", "wrong")


def written() -> list[str]:
    """The programs written by hand: one row a set and kind, and why repairs were refused."""
    from tests.plugins.maestro_taint.repairs.cases import SETS, cases  # noqa: PLC0415 - after the path
    from tests.plugins.maestro_taint.repairs.measuring import measure, summary, table  # noqa: PLC0415

    measured = {name: [measure(case) for case in cases(name)] for name in SETS}
    return [*summary(measured), "", *table([m for group in measured.values() for m in group])]


def generated(programs: int) -> list[str]:
    """Generated programs and handlers, by kind."""
    from tests.plugins.maestro_taint.generator import cases as programs_of  # noqa: PLC0415 - after the path
    from tests.plugins.maestro_taint.generator import harness, web, web_harness  # noqa: PLC0415
    from tests.plugins.maestro_taint.repairs.generated import repaired, repaired_handler  # noqa: PLC0415

    states: Counter[tuple[str, str]] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + programs):
        case, view = programs_of.make(seed), web.handler(seed)
        if harness.label(case) == "vulnerable":
            states[case.kind, repaired(case)[0]] += 1
        if web_harness.label(view) == "vulnerable":
            states[view.kind, repaired_handler(view)[0]] += 1
    lines = [
        "| kind of generated program | leaking | verified | refused | failed | wrong |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(kind, [states[kind, s] for s in STATES]) for kind in sorted({k for k, _ in states})]
    lines.append(_row("**all**", [sum(n for (_, s), n in states.items() if s == state) for state in STATES]))
    return lines


def _row(name: str, counts: list[int]) -> str:
    return f"| {name} | {sum(counts)} | {' | '.join(map(str, counts))} |"


HANDLERS = """import os
import sqlite3
from flask import Flask, request
from helpers import shown

app = Flask(__name__)
{filler}

@app.route("/a{n}")
def find_{n}():
    name = request.args["name"]
    db = sqlite3.connect("app.db")
    return str(db.execute("SELECT id FROM users WHERE name = '" + name + "' AND nick = '%s'" % request.args["nick"]).fetchall())


@app.route("/b{n}")
def run_{n}():
    name = request.args["file"]
    return os.popen("wc -l " + name + " " + request.args["other"]).read()


@app.route("/c{n}")
def page_{n}():
    name = request.args["name"]
    return "<p>" + name + " and " + shown(request.args["title"]) + "</p>"
"""  # noqa: E501 - a program in one piece
FILLER = '''
def filler_{n}_{i}(items, limit={i}):
    """Counts what is below a limit."""
    total = 0
    for item in items:
        if item.size < limit:
            total += item.size
        elif item.name.startswith("x{i}"):
            total -= 1
    return dict(total=total, limit=limit, name="n{i}")
'''


def speed() -> list[str]:
    """CPU seconds for thirty findings in ten files of some 220 lines each."""
    from maestro_taint.fixes.apply import repair  # noqa: PLC0415 - after the path
    from maestro_taint.fixes.tree import Tree  # noqa: PLC0415
    from maestro_taint.models.compile import compiled, shipped  # noqa: PLC0415
    from maestro_taint.settings import TaintSettings  # noqa: PLC0415

    files = {"helpers.py": b"def shown(x):\n    return x.strip()\n"}
    for n in range(10):
        filler = "".join(FILLER.format(n=n, i=i) for i in range(20))
        files[f"views{n}.py"] = HANDLERS.format(n=n, filler=filler).encode()
    tree = Tree(files, TaintSettings(), compiled(shipped()))
    start = time.process_time()
    found = len(tree.findings())
    once = time.process_time() - start
    outcomes = repair(tree)
    took = time.process_time() - start - once
    held = sum(o.state == "verified" for o in outcomes)
    lines = sum(data.count(b"\n") for data in files.values())
    words = f"{found} findings in {len(files)} files, {lines:,} lines: {held} repaired in {took:.1f} CPU seconds"
    return [f"{words} ({took / found:.2f} each; one analysis of all takes {once:.2f})."]


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    tables = {
        "taint-fixes": written(),
        "taint-fixes-generated": generated(arguments.programs),
        "taint-fixes-speed": speed(),
    }
    for name, lines in tables.items():
        print("\n".join(lines), "\n")
        if arguments.record:
            publish(ROOT / "docs/taint.md", name, lines)


if __name__ == "__main__":
    main()
