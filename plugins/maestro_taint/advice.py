"""Next steps for open flows: repairs that were tried in memory and held, or the way to what must be mended by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import AdviceRequest

MAX_TRIED = 5  # each try analyses the tree anew; beyond, the verb that tries them all is what is proposed
BY_HAND_S = 900


def advise(request: AdviceRequest) -> Iterator[Advice]:
    """What to do about flows, suppressions and files that were not analysed."""
    for record in request.unmet:
        count = int(record.quantity.q) if record.quantity is not None else 1
        if record.key == "taint/flows":
            yield _repairs(request, count)
        elif record.key == "taint/suppressions-wrong":
            words = "give each suppression the id of a finding that is there, and its reason"
            yield Advice(record.key, words, ("maestro", "check", "--only", "taint"), 120 * count)
        elif record.key == "taint/unanalysed":
            words = "mend the places the analysis could not read, so that it reads them"
            yield Advice(record.key, words, ("maestro", "check", "--only", "taint"), 300 * count)


def _repairs(request: AdviceRequest, count: int) -> Advice:
    command = ("maestro", "taint", "fix")
    if count > MAX_TRIED:
        words = f"apply the repairs that hold, of {count} flows, and mend the others by hand"
        return Advice("taint/flows", words, command, BY_HAND_S * count, "medium")
    from maestro_taint.command import project  # noqa: PLC0415 - libcst and the models only for repairs
    from maestro_taint.fixes.apply import repair  # noqa: PLC0415 - as above
    from maestro_taint.fixes.tree import Tree  # noqa: PLC0415
    from maestro_taint.models.load import project_models  # noqa: PLC0415 - as above

    root, files, settings = project(request.root)
    outcomes = repair(Tree({f.path: f.data for f in files}, settings, project_models(root, settings)))
    held = sum(outcome.state == "verified" for outcome in outcomes)
    left = max(count, len(outcomes)) - held
    if not left:
        words = f"apply {_counted(held, 'verified repair')}"
        return Advice("taint/flows", words, command, 10, "low")
    if held:
        words = f"apply {_counted(held, 'verified repair')}, then mend {_counted(left, 'other flow')} by hand"
        return Advice("taint/flows", words, command, 10 + BY_HAND_S * left, "medium")
    words = f"mend {_counted(left, 'flow')} by hand: no repair could be verified"
    return Advice("taint/flows", words, ("maestro", "check", "--only", "taint"), BY_HAND_S * left, "medium")


def _counted(count: int, noun: str) -> str:
    return f"the {noun}" if count == 1 else f"the {count} {noun}s"
