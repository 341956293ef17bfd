"""How right ``maestro_taint`` is: pairs of programs by round and kind, and labelled findings on real packages.

``python benchmarks/taint_truth.py`` prints the tables of docs/taint.md. A pair's vulnerable program counts as found if
an expected rule is reported as an error or a warning; its safe twin as false if one is reported at any level.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "plugins")]

from tests.plugins.maestro_taint.analysing import findings  # noqa: E402 - found by the path above
from tests.plugins.maestro_taint.twins.cases import twins  # noqa: E402

LABELS = HERE / "tests" / "plugins" / "maestro_taint" / "labels" / "packages.yaml"
UNSEEN = ("paste", "bottle", "httpbin", "jupyter_server", "wagtail")


def pairs(name: str) -> list[str]:
    """One round's table: found of the vulnerable, false of the safe."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for t in twins(name):
        levels = [f.level for f in findings(t.files) if f.rule in t.rules]
        side = "vulnerable" if t.vulnerable else "safe"
        counts[t.kind][side] += 1
        counts[t.kind]["executed"] += not t.reason
        counts[t.kind][side + " reported"] += bool({"error", "warning"} & set(levels) if t.vulnerable else levels)
    rows = [f"| {kind} | {_row(c)} |" for kind, c in sorted(counts.items())]
    total: Counter[str] = sum(counts.values(), Counter())
    head = [f"Round {name}:", "", "| kind | programs | run | found | false |", "|---|---|---|---|---|"]
    return [*head, *rows, f"| **all** | {_row(total)} |", ""]


def _row(c: Counter[str]) -> str:
    return (
        f"{c['vulnerable'] + c['safe']} | {c['executed']} | {c['vulnerable reported']}/{c['vulnerable']} "
        f"| {c['safe reported']}/{c['safe']}"
    )


def packages() -> list[str]:
    """Precision on real packages, by level, from the labels."""
    labels = yaml.safe_load(LABELS.read_text(encoding="utf-8"))
    rows = ["| packages | errors true | warnings true | notes true | all true |", "|---|---|---|---|---|"]
    for title, unseen in (("developed with (8)", False), ("unseen before (5)", True)):
        chosen = [x for x in labels if (x["package"].split()[0] in UNSEEN) == unseen]
        rows.append(
            f"| {title} | " + " | ".join(_true(chosen, level) for level in ("error", "warning", "note", "")) + " |"
        )
    return [*rows, "| all | " + " | ".join(_true(labels, level) for level in ("error", "warning", "note", "")) + " |"]


def _true(labels: list[dict[str, str]], level: str) -> str:
    chosen = [x for x in labels if level in ("", x["level"])]
    true = sum(x["label"] == "true" for x in chosen)
    return f"{true}/{len(chosen)}" + (f" ({100 * true // len(chosen)} %)" if chosen else "")


def main() -> None:
    """Print all tables."""
    for name in ("first", "second", "third", "fourth", "fifth"):
        print("\n".join(pairs(name)))
    print("\n".join(packages()))


if __name__ == "__main__":
    main()
