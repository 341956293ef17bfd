"""The rate of verified repairs over all true findings, by kind, each program run before and after.

Usage: ``python benchmarks/taint_fixes.py [PROGRAMS]``; generated programs and handlers of so many seeds
are repaired besides (default 300).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "plugins")]

FIRST_SEED = 60_000


def main(programs: int) -> None:
    """Measure and print two Markdown tables."""
    from tests.plugins.maestro_taint.generator import cases as programs_of  # noqa: PLC0415 - the path is set above
    from tests.plugins.maestro_taint.generator import harness, web, web_harness  # noqa: PLC0415 - the path is set above
    from tests.plugins.maestro_taint.repairs.cases import cases  # noqa: PLC0415 - the path is set above
    from tests.plugins.maestro_taint.repairs.generated import repaired, repaired_handler  # noqa: PLC0415 - the path is set above
    from tests.plugins.maestro_taint.repairs.measuring import measure, table  # noqa: PLC0415 - the path is set above

    print("\n".join(table([measure(case) for case in cases()])))
    states: Counter[tuple[str, str]] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + programs):
        case, view = programs_of.make(seed), web.handler(seed)
        if harness.label(case) == "vulnerable":
            states[case.kind, repaired(case)[0]] += 1
        if web_harness.label(view) == "vulnerable":
            states[view.kind, repaired_handler(view)[0]] += 1
    print("\n| kind of generated program | leaking | verified | refused | failed | wrong |\n|---|---|---|---|---|---|")
    for kind in sorted({k for k, _ in states}):
        row = [states[kind, s] for s in ("verified", "refused", "failed", "wrong")]
        print(f"| {kind} | {sum(row)} | {' | '.join(map(str, row))} |")
    total = [
        sum(n for (_, s), n in states.items() if s == state) for state in ("verified", "refused", "failed", "wrong")
    ]
    print(f"| **all** | {sum(total)} | {' | '.join(map(str, total))} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
