"""From what the search found and what CPython did to one verdict per function.

Invariant: every target gets exactly one outcome; ``refuted`` only after a run in CPython broke the contract, and
``proven`` only after CPython accepted the witness of the preconditions.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_symbolic import replay
from maestro_symbolic.cache import versions
from maestro_symbolic.normal import cache_key
from maestro_symbolic.regression import call_text
from maestro_symbolic.verdicts import Counterexample, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from maestro_symbolic.cache import Cache
    from maestro_symbolic.engine.checking import Candidate, Examined
    from maestro_symbolic.targets import Target

INSTALL = "z3-solver is not installed: pip install 'maestro-conductor[symbolic]'"


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A function to judge and the file on disk it is replayed from."""

    target: Target
    place: Path


@dataclass(slots=True)
class Budget:
    """Solver units left for this run."""

    units: int


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A target, its outcome, and whether the outcome came from the cache."""

    target: Target
    outcome: Outcome
    held: bool


def judge(subjects: Sequence[Subject], root: Path, cache: Cache | None, budget: Budget) -> list[Judged]:
    """The verdicts of functions, in order; ``cache=None`` decides everything anew."""
    known = versions()
    keys = [cache_key(one.target, known) for one in subjects]
    held = [cache.get(key) if cache is not None else None for key in keys]
    _drop_stale(held, subjects, root)
    examined = [None if old else _examine(one.target, budget) for one, old in zip(subjects, held, strict=True)]
    fresh = _conclude(subjects, examined, root)
    judged = []
    for n, one in enumerate(subjects):
        old, new = held[n], fresh[n]
        outcome = old if old is not None else new
        assert outcome is not None  # noqa: S101 - one of the two is there by construction
        if cache is not None and new is not None and new is not examined[n]:
            cache.put(keys[n], new)
        judged.append(Judged(one.target, outcome, old is not None))
    return judged


def _drop_stale(held: list[Outcome | None], subjects: Sequence[Subject], root: Path) -> None:
    """A refutation from the cache is run again; if it no longer breaks the contract it is decided anew."""
    again, jobs = [], []
    for n, old in enumerate(held):
        if old is not None and old.counterexample is not None:
            again.append(n)
            jobs.append(replay.Job(subjects[n].target, subjects[n].place, old.counterexample.arguments))
    for n, answer in zip(again, replay.replay(root, jobs) if jobs else [], strict=True):
        if answer["status"] != "broken":
            held[n] = None


def _examine(target: Target, budget: Budget) -> Examined | Outcome:
    if importlib.util.find_spec("z3") is None:
        return Outcome(verdict="unknown", reason=INSTALL, line=target.node.lineno)
    if budget.units <= 0:
        return Outcome(verdict="unknown", reason="budget of this run used up", line=target.node.lineno)
    from maestro_symbolic.engine.checking import examine  # noqa: PLC0415 - brings z3 in, on a miss only

    try:
        found = examine(target)
    except Exception as error:  # noqa: BLE001 - a defect of ours on one function must not cost the others their verdicts
        reason = f"a defect of this tool, please report it: {type(error).__name__}: {error}"
        return Outcome(verdict="unknown", reason=reason, line=target.node.lineno)
    budget.units -= found.units
    return found


def _conclude(
    subjects: Sequence[Subject], examined: Sequence[Examined | Outcome | None], root: Path
) -> list[Outcome | None]:
    """Replay every candidate and witness of the run in one child, then decide."""
    jobs: list[replay.Job] = []
    spans: list[tuple[int, int]] = []
    for one, found in zip(subjects, examined, strict=True):
        start = len(jobs)
        if found is not None and not isinstance(found, Outcome):
            inputs = [c.arguments for c in found.candidates]
            inputs += [found.witness] if found.witness is not None else []
            jobs += [replay.Job(one.target, one.place, arguments) for arguments in inputs]
            jobs += [replay.Job(one.target, one.place, arguments, sample=True) for arguments in found.samples]
        spans.append((start, len(jobs)))
    answers = replay.replay(root, jobs) if jobs else []
    outcomes: list[Outcome | None] = []
    for one, found, (start, end) in zip(subjects, examined, spans, strict=True):
        if found is None or isinstance(found, Outcome):
            outcomes.append(found)
        else:
            outcomes.append(decide(one.target, found, answers[start:end]))
    return outcomes


def decide(target: Target, found: Examined, answers: Sequence[dict[str, Any]]) -> Outcome:
    """The verdict. ``answers``: the replays of the candidates, of the witness if there is one, and of the samples."""
    count = len(found.candidates)
    tried = answers[len(answers) - len(found.samples) :] if found.samples else ()
    answers = answers[: len(answers) - len(found.samples)]
    for candidate, answer in zip(found.candidates, answers[:count], strict=True):
        if answer["status"] == "broken":
            return _outcome(target, found, "refuted", "", counterexample=_counterexample(target, candidate, answer))
    witness = answers[count] if len(answers) > count else None
    broken = witness is not None and witness["status"] == "broken" and (not found.outside or _promised(target, witness))
    if broken and witness is not None and found.witness is not None:
        shown = _witnessed(target, found.witness, witness)
        return _outcome(target, found, "refuted", "", counterexample=shown)
    for sample, answer in zip(found.samples, tried, strict=True):
        if answer["status"] == "broken" and _promised(target, answer):
            return _outcome(target, found, "refuted", "", counterexample=_witnessed(target, sample, answer))
    verdict, reason, line = _undecided(found, answers[:count], witness)
    kept = sum(answer["status"] == "holds" for answer in tried)
    if verdict and kept:
        reason = f"{reason}; {kept} inputs were run and kept the contract"
    if verdict:
        return _outcome(target, found, verdict, reason, line=line)
    if found.cuts:
        bound = "; ".join(dict.fromkeys(f"{words} (line {line})" for words, line in found.cuts))
        return _outcome(target, found, "bounded", "nothing found up to the bound", bound=bound)
    return _outcome(target, found, "proven", "")


def _promised(target: Target, answer: dict[str, Any]) -> bool:
    """Whether what an input broke is something the author promised.

    An ``assert`` somewhere in a function that cannot be followed does not promise that no other exception leaves it.
    """
    return target.contract.styles != {"assert"} or not str(answer.get("clause", "")).startswith("raises ")


def _undecided(found: Examined, answers: Sequence[dict[str, Any]], witness: dict[str, Any] | None) -> Any:
    """(verdict, reason, line) where neither a proof nor a counterexample stands; an empty verdict where one does."""
    if found.approximate:
        words, line = found.approximate[0]
        return "unknown", f"{words} is not modelled to the last digit: searched, not proven", line
    if found.candidates:
        first, said = found.candidates[0], answers[0]
        detail = said.get("detail") or f"CPython says {said['status']}: {said.get('outcome', '')}"
        return "candidate", f"a model of the solver breaks '{first.clause}' but did not replay; {detail}", first.line
    if found.outside:
        return "unsupported", *found.outside[0]
    if found.undecided:
        return "unknown", *found.undecided[0]
    if found.returned == 0:
        return _unreached(found)
    if witness is None or witness["status"] != "holds":
        detail = "" if witness is None else f": {witness.get('detail') or witness['status']}"
        return "unknown", f"the witness of the preconditions did not replay{detail}", 0
    return "", "", 0


def _unreached(found: Examined) -> tuple[str, str, int]:
    if found.cuts:
        words, line = found.cuts[0]
        return "unknown", f"no path ends within the bound: {words}", line
    if found.unsure:
        return "unknown", "no input found that satisfies the preconditions", 0
    if found.inputs_possible:
        return "vacuous", "no input makes it return", 0
    return "vacuous", "no input satisfies the preconditions", 0


def _counterexample(target: Target, candidate: Candidate, answer: dict[str, Any]) -> Counterexample:
    return Counterexample(
        arguments=candidate.arguments,
        call=call_text(target, candidate.arguments),
        clause=answer.get("clause", candidate.clause),
        line=answer.get("line") or candidate.line,
        outcome=answer.get("outcome", ""),
        branches=candidate.branches,
    )


def _witnessed(target: Target, arguments: dict[str, object], answer: dict[str, Any]) -> Counterexample:
    return Counterexample(
        arguments=arguments,
        call=call_text(target, arguments),
        clause=answer.get("clause", ""),
        line=answer.get("line") or target.node.lineno,
        outcome=answer.get("outcome", ""),
    )


def _outcome(
    target: Target,
    found: Examined,
    verdict: Any,
    reason: str,
    *,
    line: int = 0,
    bound: str = "",
    counterexample: Counterexample | None = None,
) -> Outcome:
    plain = Outcome(
        verdict=verdict,
        reason=reason,
        line=line or target.node.lineno,
        bound=bound,
        paths=found.paths,
        mode="real+fp" if found.float_cone else "int",
        witness=found.witness,
        counterexample=counterexample,
        queries=tuple(found.queries),
        cpu_us=found.cpu_us,
    )
    return msgspec.structs.replace(plain, line=counterexample.line) if counterexample is not None else plain
