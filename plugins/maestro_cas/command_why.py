"""``maestro cas why``: one look-up explained. Exit code 0 for a hit, 1 for a miss, 2 for what cannot be cached."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from maestro_cas.names import looked_up
from maestro_cas.why import explain
from maestro_hooks.errors import UsageError
from maestro_hooks.render import emit

if TYPE_CHECKING:
    from argparse import Namespace

    from maestro_cas.store import Store
    from maestro_cas.why import Answer

_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def why(arguments: Namespace, store: Store) -> int:
    """Explain the latest look-up of a name, or the latest of all.

    Raises:
        UsageError: nothing of that name was looked up.
    """
    names = looked_up(store)
    name = arguments.name or (names[0] if names else "")
    answer = explain(store, name) if name else None
    if answer is None:
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:5]
        raise UsageError(
            "nothing of this name was looked up" if name else "nothing was looked up yet",
            where=name or "maestro cas why",
            fix=f"known are: {', '.join(close)}" if close else "run a cached session or 'maestro cas run' first",
        )
    payload = {
        "schema": "maestro.cas.why/1", "ok": True, "name": answer.name, "result": answer.result, "key": answer.key,
        "reason": answer.reason, "nearest": answer.nearest, "differences": list(answer.lines), "age_s": answer.age_s,
        "not_stored": answer.not_stored,
    }  # fmt: skip
    others = [] if arguments.name or len(names) < 2 else [f"other names: {', '.join(names[1:6])}"]
    emit(payload, [*told(answer), *others], as_json=arguments.json)
    return 0 if answer.result in ("hit", "remote-hit") else 2 if answer.not_stored else 1


def told(answer: Answer) -> list[str]:
    """The answer in words."""
    lines = [f"{answer.name}: {answer.result}, {_ago(answer.age_s)} ({answer.reason})"]
    if answer.result == "miss" and answer.nearest == answer.key:
        lines.append(f"the result {answer.key[:12]} has this key, but what its run read besides its inputs differs:")
    elif answer.result == "miss" and answer.nearest:
        lines.append(f"this key is {answer.key[:12]}; the nearest earlier result, {answer.nearest[:12]}, differs in:")
    lines += [f"  {line}" for line in answer.lines]
    if answer.todo:
        lines.append(f"to do: {answer.todo}")
    if answer.not_stored:
        lines.append(f"the run that followed was not stored: {answer.not_stored}")
    return lines


def _ago(seconds: int) -> str:
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= 2 * s), (1, "seconds"))
    return f"{seconds // size} {unit} ago"
